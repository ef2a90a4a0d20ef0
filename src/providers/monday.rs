//! Monday.com, by its GraphQL: the boards are the feeds, each with its items and, from the hidden board where they live,
//! its subitems. What changed is in the boards' activity logs, of which one call reads those of fifty boards.
//!
//! monday.com API reference: "Rate limits", "Webhooks"; monday apps, "OAuth and permissions".

mod calls;
mod change;
mod item;
mod logs;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{AT_ONCE, LOOKUP, MONDAY, boards, items, items_page, me},
    change::change,
    item::Item,
    logs::{Logs, changes},
};
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    provider::{Account, Feed, Next, Page, Provider, Since, spec::Spec},
    record::Record,
};

/// The client of Monday.com.
pub struct Monday;

/// Where a board and its subitems stand.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The watermark of the activity logs.
    pass: Since,
    /// The page size that monday.com took, where the usual one was too complex.
    limit: Option<u32>,
    work: Work,
}

/// What the pass at hand has still to read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Work {
    /// Nothing: the pass is over.
    Done,
    /// Boards to list, the last of them from this page on.
    Items { boards: Vec<String>, page: Option<String> },
    /// Pages of logs to read, and items that the logs have named.
    Changes { logs: Vec<(String, u32)>, items: BTreeSet<String> },
}

impl Provider for Monday {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let company = me.account.map(|account| account.name).unwrap_or_default();
        Ok(Account::new(me.id, format!("{} in {company}", me.name)).or_known_as(me.email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let boards = boards(client).await?;
        Ok(boards.shown.iter().map(|(id, name)| Feed::new(id, name)).collect())
    }

    async fn page(
        &self,
        client: &Client,
        board: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let mut at = match cursor {
            Some(at) if at.work != Work::Done => at,
            last => begin(client, board, last).await?,
        };
        let done = match std::mem::replace(&mut at.work, Work::Done) {
            Work::Done => Step::default(),
            Work::Items { boards, page } => list(client, board, &mut at, boards, page).await?,
            Work::Changes { logs, items } => change(client, board, &mut at, logs, items).await?,
        };
        let next = if at.work == Work::Done {
            Next::Resume(Cursor { pass: at.pass.done(), ..at })
        } else {
            Next::More(at)
        };
        let page = Page::new(done.records, next).skipping(done.skipped);
        Ok(page.removing(done.gone.clone()).removing_places(done.gone))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let viewer = || {
            Error::Forbidden(
                "monday.com refuses the token; those of viewers and of unconfirmed users may not \
                 read boards"
                    .into(),
            )
        };
        MONDAY.fault(body).or_else(|| (status == 403).then(viewer))
    }

    /// An item that was moved to another board while pages were read is on none, and the order of items is not stable.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let gone = each_batch(ids, LOOKUP, AT_ONCE, |ids| async move {
            let known = items(client, &ids).await?;
            let whole = known.lost == 0 && known.part.skipped == 0;
            let alive: BTreeSet<String> =
                known.part.into_iter().filter(Item::is_alive).map(|item| item.id).collect();
            Ok(ids.into_iter().filter(|id| whole && !alive.contains(id)).collect())
        });
        gone.await
    }
}

/// What one step brought.
#[derive(Default)]
struct Step {
    records: Vec<Record>,
    /// Items that are gone, and whose subitems are gone with them.
    gone: Vec<String>,
    skipped: u32,
}

/// Begins a pass: everything on the board, or what its logs name since the last pass.
async fn begin(client: &Client, board: &Feed, last: Option<Cursor>) -> Result<Cursor> {
    let limit = last.as_ref().and_then(|last| last.limit);
    // The same for all boards of a run, so that their logs can be read together in the next one.
    let began = *client.once("began", || async { Ok(client.now()) }).await?;
    let pass = Since::at(last.map(|last| last.pass), began);
    let parts = boards(client).await?.parts(&board.id);
    let Some(since) = pass.since else {
        return Ok(Cursor { pass, limit, work: Work::Items { boards: parts, page: None } });
    };
    let changed = changes(client, since).await?;
    let (mut logs, mut items) = (Vec::new(), BTreeSet::new());
    for part in parts {
        match changed.get(&part).ok_or(Error::NotFound)? {
            Logs { rebuilt: true, .. } => return Err(Error::CursorExpired),
            Logs { cut: true, .. } => logs.push((part, 1)),
            Logs { items: named, .. } => items.extend(named.iter().cloned()),
        }
    }
    let nothing = logs.is_empty() && items.is_empty();
    let work = if nothing { Work::Done } else { Work::Changes { logs, items } };
    Ok(Cursor { pass, limit, work })
}

/// Reads the next page of the last of these boards.
async fn list(
    client: &Client,
    feed: &Feed,
    at: &mut Cursor,
    mut boards: Vec<String>,
    page: Option<String>,
) -> Result<Step> {
    let Some(board) = boards.last() else { return Ok(Step::default()) };
    let (found, page) = items_page(client, board, page, &mut at.limit).await?;
    let skipped = found.part.skipped.saturating_add(found.lost);
    // A subitem may be shown with the items, too; it comes from its own board.
    let items = found.part.into_iter().filter(|item| item.is_alive() && item.is_on(board));
    let seen = items.filter(|item| *board == feed.id || item.is_subitem());
    let since = client.since();
    let records = seen.filter(|item| item.is_since(since)).map(Into::into).collect();
    if page.is_none() {
        boards.pop();
    }
    if !boards.is_empty() {
        at.work = Work::Items { boards, page };
    }
    Ok(Step { records, skipped, ..Step::default() })
}
