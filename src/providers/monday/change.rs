//! The step that follows a board's changes: its logs, and then the items that they named.

use std::collections::BTreeSet;

use super::{
    Cursor, Step, Work,
    calls::{LOOKUP, boards, items},
    logs::log_page,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::Feed,
    wire::graphql::Found,
};

/// Reads a page of a log; once all are read, the items that they named.
pub async fn change(
    client: &Client,
    feed: &Feed,
    at: &mut Cursor,
    mut logs: Vec<(String, u32)>,
    mut named: BTreeSet<String>,
) -> Result<Step> {
    let mut step = Step::default();
    if let (Some((part, page)), Some(since)) = (logs.pop(), at.pass.since) {
        let log = log_page(client, &part, since, page).await?;
        if log.rebuilt {
            return Err(Error::CursorExpired);
        }
        if log.cut {
            logs.push((part, page.saturating_add(1)));
        }
        named.extend(log.items);
    } else {
        let ids: Vec<String> = std::iter::from_fn(|| named.pop_first()).take(LOOKUP).collect();
        let parts = boards(client).await?.parts(&feed.id);
        let Found { part: found, lost } = items(client, &ids).await?;
        step.skipped = found.skipped.saturating_add(lost);
        let mut missing: BTreeSet<String> = ids.into_iter().collect();
        for item in found {
            missing.remove(&item.id);
            if !item.is_alive() {
                step.gone.push(item.id);
            } else if parts.iter().any(|part| item.is_on(part))
                && (item.is_subitem() || item.is_on(&feed.id))
            {
                step.records.push(item.into());
            } // else it was moved: the log of that board has it, too
        }
        if step.skipped == 0 {
            step.gone.extend(missing);
        }
    }
    if !(logs.is_empty() && named.is_empty()) {
        at.work = Work::Changes { logs, items: named };
    }
    Ok(step)
}
