//! What was listed as a page of records: what is due is read with its text, what lies in the trash is gone.

use super::{
    AT_ONCE, Cursor, Step, blocks,
    calls::Listed,
    page::{Found, Frame},
};
use crate::{
    error::Result,
    http::{Client, each},
    provider::{Next, Page},
};

/// Makes records of what was listed, with their texts.
pub async fn read(
    client: &Client,
    frame: &Frame,
    at: Cursor,
    listed: Listed,
    step: Step,
) -> Result<Page<Cursor>> {
    let skipped = listed.results.skipped;
    let edits = listed.results.iter().filter_map(|found| found.last_edited_time);
    let newest = edits.max().max(at.newest);
    let floor = at.since;
    let is_due = |found: &Found| {
        let edited = found.last_edited_time;
        let is_new = !matches!((edited, floor), (Some(edited), Some(floor)) if edited < floor);
        let created = found.created_time;
        let bound = client.since().filter(|_| floor.is_none());
        is_new && !matches!((created, bound), (Some(at), Some(bound)) if at < bound)
    };
    let (mut gone, mut seen, mut alive) = (Vec::new(), Vec::new(), Vec::new());
    for found in listed.results.into_iter().filter(Found::is_page) {
        match found {
            found if found.is_trashed() => gone.push(found.id),
            // Where access is lacking Notion tells no more than that there is a page.
            found if found.properties.is_none() => seen.push(found.id),
            found if is_due(&found) => alive.push(found),
            _ => {}
        }
    }
    let records = each(alive, AT_ONCE, |found| async move {
        let text = blocks::text(client, &found.id).await?;
        Ok(found.record(frame, text))
    });
    let at = Cursor { newest, step, ..at };
    let next = match at.step {
        Step::Done => Next::Resume(at.done()),
        _ => Next::More(at),
    };
    Ok(Page::new(records.await?, next).removing(gone).seeing(seen).skipping(skipped))
}
