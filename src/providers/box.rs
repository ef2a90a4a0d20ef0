//! Box: the files that a person sees and the comments on them; not the files' content. A first listing walks the folders,
//! later passes read the person's events, which are hints: what they name is asked for.
//!
//! Facts: Box developer documentation, "OAuth 2.0", "User events", "Rate limits", "Webhooks"; Box API reference.

mod calls;
mod file;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{API, Item, Items, comments, events, items},
    file::{FIELDS, File},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::{Properties, Record},
};

/// Folders that a page reads, and calls side by side.
const AT_ONCE: usize = 8;
/// Changed files that a page fetches.
const FILES: usize = 100;
/// The folder that all others lie in.
const ROOT: &str = "0";

/// The client of Box.
pub struct Box;

/// Where the account stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Where the events go on; taken before the folders are walked, so that nothing which changes meanwhile is missed.
    position: String,
    /// All folders are being walked, not those that events named.
    listing: bool,
    /// Files that events named.
    files: BTreeSet<String>,
    /// What is still to be walked; the last comes first, so that this stays short.
    folders: Vec<Step>,
}

/// A folder, and where its list goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    folder: String,
    marker: Option<String>,
    /// An event named it: where it is gone, so is everything below it.
    named: bool,
}

impl Provider for Box {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let query = [("fields", "id,name,login")];
        let me: Me = client.get(format!("{API}/users/me")).query(&query).json().await?;
        Ok(Account::new(me.id, me.name).or_known_as(me.login))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let at = match cursor {
            Some(at) => at,
            None => Cursor {
                position: events(client, "now").await?.position()?,
                listing: true,
                files: BTreeSet::new(),
                folders: vec![Step::new(ROOT.into(), false)],
            },
        };
        if !at.files.is_empty() {
            return changed(client, at).await;
        }
        if !at.folders.is_empty() {
            return walk(client, at).await;
        }
        let found = events(client, &at.position).await?;
        let position = found.position()?;
        let end = found.entries.is_empty() && found.entries.skipped == 0;
        let mut at = Cursor { position, listing: false, ..at };
        for event in found.entries {
            match event.item() {
                Some(("file", id)) => at.files.extend([id]),
                Some(("folder", id)) if at.folders.iter().all(|step| step.folder != id) => {
                    at.folders.push(Step::new(id, true));
                }
                _ => {}
            }
        }
        let next = if end { Next::Resume(at) } else { Next::More(at) };
        Ok(Page::new(Vec::<Record>::new(), next))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let code = body.get("code").or_else(|| body.get("error")).and_then(Value::as_str);
        let errors = body.get("context_info").and_then(|info| info.get("errors"));
        let errors = errors.and_then(Value::as_array).into_iter().flatten();
        let mut odd = errors.filter_map(|of| of.get("name")?.as_str());
        match (status, code?) {
            (400, _) if odd.any(|name| matches!(name, "stream_position" | "marker")) => {
                Some(Error::CursorExpired)
            }
            (403, "insufficient_scope") => {
                Some(Error::Forbidden("the scope root_readonly was not granted".into()))
            }
            // It is there, and not for this person.
            (403, "access_denied_insufficient_permissions" | "forbidden_by_policy") => {
                Some(Error::NotFound)
            }
            _ => None,
        }
    }
}

/// The next folders of a walk.
async fn walk(client: &Client, mut at: Cursor) -> Result<Page<Cursor>> {
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

/// Fetches files that events named.
async fn changed(client: &Client, mut at: Cursor) -> Result<Page<Cursor>> {
    let ids: Vec<String> = std::iter::from_fn(|| at.files.pop_first()).take(FILES).collect();
    let found = each(ids, AT_ONCE, |id| async move {
        let call = client.get(format!("{API}/files/{id}")).query(&[("fields", FIELDS)]);
        match call.json::<File>().await {
            Err(Error::NotFound) => Ok(Err(id)),
            Ok(file) if file.is_trashed() => Ok(Err(id)),
            found => found.map(Ok),
        }
    });
    let (mut files, mut gone) = (Vec::new(), Vec::new());
    for found in found.await? {
        match found {
            Ok(file) => files.push(file),
            Err(id) => gone.push(id),
        }
    }
    Ok(Page::new(records(client, files).await?, Next::More(at)).removing(gone))
}

/// The files with their comments.
async fn records(client: &Client, files: Vec<File>) -> Result<Vec<Record>> {
    let whole = each(files, AT_ONCE, |file| async move {
        let comments = if file.has_comments() { comments(client, &file.id).await? } else { vec![] };
        Ok(file.into_record(comments))
    });
    whole.await
}

impl Step {
    fn new(folder: String, named: bool) -> Self {
        Self { folder, marker: None, named }
    }
}

#[derive(Deserialize)]
struct Me {
    id: String,
    name: String,
    login: Option<String>,
}
