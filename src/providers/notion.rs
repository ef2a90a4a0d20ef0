//! Notion: the pages and rows that were shared with the integration. A pass reads the search newest first, as far back as
//! the last one came, then the trash, then what changed in each data source, since the search does not find everything.
//!
//! Facts: Notion API reference, "Search", "Query a data source", "Search optimizations and limitations", "Request limits",
//! "Status codes".

mod blocks;
mod calls;
mod page;
mod read;
mod spec;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Listed, frame, me, retrieve, rows, search},
    page::Frame,
    read::read,
};
use crate::{
    error::{Error, Result},
    http::{Client, gone_of},
    provider::{Account, Feed, Page, Provider, spec::Spec},
};

/// Pages whose text is read at once.
const AT_ONCE: usize = 4;
/// A pass looks back this much further than the last one came: times are whole minutes, and the search lags.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// The client of Notion.
pub struct Notion;

/// Where a pass stands, or how the next one begins.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// What was edited then or later is read; absent while all is being listed.
    since: Option<Timestamp>,
    /// The latest edit that this pass has met.
    newest: Option<Timestamp>,
    started: Timestamp,
    step: Step,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Step {
    Pages { page: Option<String> },
    Trash { page: Option<String> },
    Rows { source: String, page: Option<String>, from: Option<Timestamp> },
    Done,
}

impl Provider for Notion {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let bot = me(client).await?;
        let email = || bot.owner.as_ref()?.user.as_ref()?.person.as_ref()?.email.clone();
        let label = bot.workspace_name.clone().unwrap_or_default();
        Ok(Account::new(&*bot.workspace_id, label).or_known_as(email()))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let at = Cursor::at(cursor, client.now());
        let frame = frame(client).await?;
        match &at.step {
            Step::Rows { source, page, from } => {
                let listed = rows(client, &at, source, page.as_deref(), *from).await?;
                let next = at.after_rows(&listed, &frame)?;
                read(client, &frame, at, listed, next).await
            }
            Step::Trash { page } => {
                let listed = match search(client, page.as_deref(), true).await {
                    // Not every workspace's API knows the trash: the next full listing shows what lies there.
                    Err(Error::Unexpected { .. }) if page.is_none() => Listed::default(),
                    listed => listed?,
                };
                let next = Cursor::after_search(&listed, at.since, |page| Step::Trash {
                    page: Some(page),
                });
                read(client, &frame, at, listed, next.unwrap_or_else(|| frame.first_rows())).await
            }
            Step::Pages { .. } | Step::Done => {
                let page = if let Step::Pages { page } = &at.step { page.as_deref() } else { None };
                let mut listed = search(client, page, false).await?;
                // A page that was made after a time was edited after it, too.
                let floor = at.since.or(client.since());
                let next =
                    Cursor::after_search(&listed, floor, |page| Step::Pages { page: Some(page) });
                let end = || {
                    if at.since.is_some() { Step::Trash { page: None } } else { frame.first_rows() }
                };
                let next = next.unwrap_or_else(end);
                // Rows come by their data source, which knows all of them.
                listed.results.items.retain(|found| !found.is_row_of(&frame.sources));
                read(client, &frame, at, listed, next).await
            }
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let word = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(match (status, word("code")) {
            (403, "restricted_resource") => {
                Error::Forbidden("the integration lacks the capability to read content".into())
            }
            (409, "conflict_error") => Error::Unavailable("answered 409".into()),
            (400, "validation_error") if word("message").contains("start_cursor") => {
                Error::CursorExpired
            }
            _ => return None,
        })
    }

    /// The search does not find everything, and a page may be in none of the lists although it is shared.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let is_gone = |id: String| async move {
            let page = retrieve(client, &id).await?;
            Ok(page.is_trashed())
        };
        gone_of(ids, AT_ONCE, is_gone).await
    }
}

impl Cursor {
    fn at(cursor: Option<Self>, now: Timestamp) -> Self {
        match cursor {
            Some(Self { since, step: Step::Done, .. }) => {
                Self { since, newest: since, started: now, step: Step::Pages { page: None } }
            }
            Some(at) => at,
            None => {
                Self { since: None, newest: None, started: now, step: Step::Pages { page: None } }
            }
        }
    }

    /// The search's next page, unless what follows was edited before `floor`.
    fn after_search(
        listed: &Listed,
        floor: Option<Timestamp>,
        step: impl FnOnce(String) -> Step,
    ) -> Option<Step> {
        let oldest = listed.results.iter().filter_map(|found| found.last_edited_time).min();
        let is_past = matches!((oldest, floor), (Some(oldest), Some(floor)) if oldest < floor);
        listed.next().filter(|_| !is_past).map(step)
    }

    /// The rest of a data source, or the next one. Notion gives 10,000 rows of one query: past them it is asked anew, from
    /// the creation of the last row on.
    fn after_rows(&self, listed: &Listed, frame: &Frame) -> Result<Step> {
        let Step::Rows { source, from, .. } = &self.step else { return Ok(Step::Done) };
        let source = source.clone();
        if let Some(page) = listed.next() {
            return Ok(Step::Rows { source, page: Some(page), from: *from });
        }
        if !listed.is_cut() {
            return Ok(frame.rows_after(&source));
        }
        let last = listed.results.iter().filter_map(|found| found.created_time).max();
        if last.is_none() || last <= *from {
            return Err(Error::unexpected("request_status", "a query that Notion does not finish"));
        }
        Ok(Step::Rows { source, page: None, from: last })
    }

    /// The next pass. By Notion's clock where that is behind ours; never past the beginning of this one, since what was read
    /// first may have changed while the rest was read.
    fn done(self) -> Self {
        let reached = self.newest.map_or(self.started, |newest| newest.min(self.started));
        let since = reached.checked_sub(OVERLAP).unwrap_or(reached);
        Self { since: Some(since.max(self.since.unwrap_or(since))), newest: None, ..self }
    }
}
