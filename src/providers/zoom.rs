//! Zoom: the meetings that a person hosts, and their cloud recordings. Zoom tells of no changes: each pass lists the
//! meetings that are to come, the newest recordings, and the trash.
//!
//! Facts: Zoom developer documentation, "OAuth", "Rate limits", "Webhooks".

mod calls;
mod cloud;
mod meeting;
mod recording;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, time::Duration};

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{me, meeting, next, scheduled},
    cloud::{before, beginning, recordings, trash},
    meeting::Meeting,
};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Calls side by side.
const AT_ONCE: usize = 3;
/// A day's share of calls comes back at midnight; until then a try each hour does no harm.
const QUOTA_PAUSE: Duration = Duration::from_hours(1);

/// The feed of meetings.
const MEETINGS: &str = "meetings";
/// The feed of recordings.
const RECORDINGS: &str = "recordings";

/// The client of Zoom.
pub struct Zoom;

/// Where a feed stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Cursor {
    /// The list of meetings.
    Meetings {
        /// The page.
        page: String,
    },
    /// The recordings of a span of days; earlier ones follow.
    Recordings {
        /// The last day.
        to: Date,
        /// The first day of the last span.
        oldest: Date,
        /// The page.
        page: Option<String>,
    },
    /// What was deleted of the recordings.
    Trash {
        /// Single files; whole meetings come before.
        files: bool,
        /// The page.
        page: Option<String>,
    },
    /// Caught up.
    Done,
}

impl Provider for Zoom {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.display_name.as_ref().or(me.email.as_ref()).unwrap_or(&me.id);
        Ok(Account::new(&me.id, label).or_known_as(me.email.clone()))
    }

    async fn feeds(&self, _: &Client) -> Result<Vec<Feed>> {
        Ok([MEETINGS, RECORDINGS].map(|name| Feed::new(name, name)).into())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let today = client.now().to_zoned(TimeZone::UTC).date();
        match cursor {
            None if feed.id == MEETINGS => meetings(client, None).await,
            Some(Cursor::Meetings { page }) => meetings(client, Some(page)).await,
            None => {
                let oldest = match client.since() {
                    Some(since) => since.to_zoned(TimeZone::UTC).date(),
                    None => beginning(client, today).await?,
                };
                recordings(client, today, oldest, None).await
            }
            Some(Cursor::Done) => recordings(client, today, before(today), None).await,
            Some(Cursor::Recordings { to, oldest, page }) => {
                recordings(client, to, oldest, page).await
            }
            Some(Cursor::Trash { files, page }) => trash(client, files, page).await,
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
        let words = message.to_lowercase();
        match (status, body.get("code")?.as_u64()?) {
            (429, _) if words.contains("daily") => Some(Error::RateLimited(QUOTA_PAUSE)),
            (400, 300) if words.contains("page token") => Some(Error::CursorExpired),
            (_, 4711) => {
                let scopes = message.split_once('[').and_then(|(_, it)| it.split_once(']'));
                let scopes = scopes.map_or("that it needs", |(scopes, _)| scopes);
                Some(Error::Forbidden(format!("the app of this link lacks the scopes {scopes}")))
            }
            (400, 200) => Some(Error::Forbidden(
                "Zoom does not permit this; cloud recordings need a paid plan".into(),
            )),
            (404, 1001) => Some(Error::Reconnect("this person is no longer a user of Zoom".into())),
            _ => None,
        }
    }

    /// A meeting that is asked for and not found is deleted. Recordings cannot be asked for by id.
    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if feed.id == RECORDINGS {
            return Ok(ids);
        }
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            meeting(client, &id).await.map(|found| found.is_none())
        });
        gone.await
    }
}

/// A page of meetings, each with a call for what the list does not tell.
async fn meetings(client: &Client, page: Option<String>) -> Result<Page<Cursor>> {
    let found = scheduled(client, page).await?;
    let mut known = HashSet::new();
    // Each occurrence of a series is listed; a room that is open at any time is no event.
    let slots = found.meetings.items.into_iter().filter(|slot| slot.start_time.is_some());
    let ids: Vec<String> =
        slots.map(|slot| slot.id.to_string()).filter(|id| known.insert(id.clone())).collect();
    let meetings = each(ids, AT_ONCE, |id| async move { meeting(client, &id).await });
    let records: Vec<Record> =
        meetings.await?.into_iter().flatten().filter_map(Meeting::into_record).collect();
    let next = next(found.next_page_token);
    let next = next.map_or(Next::Relist, |page| Next::More(Cursor::Meetings { page }));
    // Past meetings leave the list by themselves.
    let from = client.since().max(Some(client.now()));
    let page = Page::new(records, next).skipping(found.meetings.skipped);
    Ok(page.covering(Covers::Between { from, to: None }))
}
