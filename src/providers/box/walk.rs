//! The walk through folders, of which every page reads some.

use serde::{Deserialize, Serialize};

use super::{
    AT_ONCE, Cursor,
    calls::{Item, Items, items},
    records,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Covers, Next, Page},
    record::Properties,
};

/// The folder that all others lie in.
pub const ROOT: &str = "0";

/// A folder, and where its list goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub folder: String,
    marker: Option<String>,
    /// An event named it: where it is gone, so is everything below it.
    named: bool,
}

impl Step {
    /// A folder from its beginning on.
    pub fn new(folder: String, named: bool) -> Self {
        Self { folder, marker: None, named }
    }
}

/// The next folders of a walk.
pub async fn walk(client: &Client, mut at: Cursor) -> Result<Page<Cursor>> {
    let steps: Vec<Step> = std::iter::from_fn(|| at.folders.pop()).take(AT_ONCE).collect();
    let found = each(steps, AT_ONCE, |step| async move {
        match items(client, &step.folder, step.marker.as_deref()).await {
            // Nobody tells what lay below a folder that is gone: a listing from the start does.
            Err(Error::NotFound) if step.named => Err(Error::CursorExpired),
            Err(Error::NotFound) if step.folder != ROOT => Ok((step, Items::default())),
            found => found.map(|found| (step, found)),
        }
    });
    let (mut files, mut skipped) = (Vec::new(), 0);
    for (step, found) in found.await? {
        skipped += found.entries.skipped;
        // An end is an empty mark, or none.
        if let Some(marker) = found.next_marker.filter(|marker| !marker.is_empty()) {
            at.folders.push(Step { marker: Some(marker), ..step });
        }
        for item in found.entries {
            match item {
                Item::File(file) => files.push(*file),
                Item::Folder { id } => at.folders.push(Step::new(id, false)),
                Item::Other => {}
            }
        }
    }
    let since = client.since().filter(|_| at.listing);
    let next = if at.folders.is_empty() && at.listing {
        Next::Resume(Cursor { listing: false, ..at })
    } else {
        Next::More(at)
    };
    let mut page = Page::new(records(client, files).await?, next).skipping(skipped);
    if let Some(since) = since {
        page.upserts.retain(|record| match &record.properties {
            Properties::MediaAsset(file) => file.created_at.is_none_or(|at| at >= since),
            _ => true,
        });
        page = page.covering(Covers::Between { from: Some(since), to: None });
    }
    Ok(page)
}
