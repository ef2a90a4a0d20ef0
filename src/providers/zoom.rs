//! Zoom: the meetings that a person hosts, and their cloud recordings. Zoom tells of no changes: each pass lists the
//! meetings that are to come, the newest recordings, and the trash.
//!
//! Facts: Zoom developer documentation, "OAuth", "Rate limits", "Webhooks"; Zoom Meeting API.

mod meeting;
mod recording;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{meeting::Meeting, recording::Recorded};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
    wire::{Many, time},
};

const API: &str = "https://api.zoom.us/v2";
/// Most meetings, and most recordings, that an answer gives.
const MOST: u32 = 300;
/// Calls side by side.
const AT_ONCE: usize = 3;
/// Days of recordings that are asked for at once: Zoom cuts more than a month in silence.
const DAYS: i64 = 30;
/// How far back recordings are looked for where Zoom does not say since when there is an account.
const YEARS: i64 = 10;
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
        let asked = each(ids, AT_ONCE, |id| async move {
            let found = detail(client, &id).await?;
            Ok(found.is_none().then_some(id))
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

/// A page of meetings, each with a call for what the list does not tell.
async fn meetings(client: &Client, page: Option<String>) -> Result<Page<Cursor>> {
    let query = [
        ("type", Some("scheduled".to_owned())),
        ("page_size", Some(client.page_size(MOST).to_string())),
        ("next_page_token", page),
    ];
    let found: Listed<Slot> =
        client.get(format!("{API}/users/me/meetings")).query(&query).json().await?;
    let mut known = HashSet::new();
    // Each occurrence of a series is listed; a room that is open at any time is no event.
    let slots = found.meetings.items.into_iter().filter(|slot| slot.start_time.is_some());
    let ids: Vec<String> =
        slots.map(|slot| slot.id.to_string()).filter(|id| known.insert(id.clone())).collect();
    let meetings = each(ids, AT_ONCE, |id| async move { detail(client, &id).await });
    let records: Vec<Record> =
        meetings.await?.into_iter().flatten().filter_map(Meeting::into_record).collect();
    let next = next(found.next_page_token);
    let next = next.map_or(Next::Relist, |page| Next::More(Cursor::Meetings { page }));
    // Past meetings leave the list by themselves.
    let from = client.since().max(Some(client.now()));
    let page = Page::new(records, next).skipping(found.meetings.skipped);
    Ok(page.covering(Covers::Between { from, to: None }))
}

async fn detail(client: &Client, id: &str) -> Result<Option<Meeting>> {
    match client.get(format!("{API}/meetings/{id}")).json().await {
        Err(Error::NotFound) => Ok(None),
        found => found.map(Some),
    }
}

/// A page of the recordings of some days up to `to`.
async fn recordings(
    client: &Client,
    to: Date,
    oldest: Date,
    page: Option<String>,
) -> Result<Page<Cursor>> {
    let from = before(to).max(oldest);
    let query = [
        ("from", Some(from.to_string())),
        ("to", Some(to.to_string())),
        ("page_size", Some(client.page_size(MOST).to_string())),
        ("next_page_token", page),
    ];
    let found: Listed<Recorded> =
        client.get(format!("{API}/users/me/recordings")).query(&query).json().await?;
    let next = match next(found.next_page_token) {
        page @ Some(_) => Cursor::Recordings { to, oldest, page },
        None if from > oldest => Cursor::Recordings { to: from, oldest, page: None },
        None => Cursor::Trash { files: false, page: None },
    };
    let (folders, mut skipped) = (found.meetings.items, found.meetings.skipped);
    skipped += folders.iter().map(|folder| folder.files.skipped).sum::<u32>();
    let records = folders.into_iter().flat_map(Recorded::into_records);
    let page = Page::new(records, Next::More(next)).skipping(skipped);
    Ok(match client.since() {
        since @ Some(_) => page.covering(Covers::Between { from: since, to: None }),
        None => page,
    })
}

/// A page of the trash.
async fn trash(client: &Client, files: bool, page: Option<String>) -> Result<Page<Cursor>> {
    let kind = if files { "recording_file" } else { "meeting_recordings" };
    let query = [
        ("trash", Some("true".to_owned())),
        ("trash_type", Some(kind.to_owned())),
        ("page_size", Some(client.page_size(MOST).to_string())),
        ("next_page_token", page),
    ];
    let found: Listed<Recorded> =
        client.get(format!("{API}/users/me/recordings")).query(&query).json().await?;
    let gone: Vec<String> = found.meetings.into_iter().flat_map(Recorded::ids).collect();
    let next = match (next(found.next_page_token), files) {
        (page @ Some(_), files) => Next::More(Cursor::Trash { files, page }),
        (None, false) => Next::More(Cursor::Trash { files: true, page: None }),
        (None, true) => Next::Resume(Cursor::Done),
    };
    Ok(Page::new(Vec::<Record>::new(), next).removing(gone))
}

/// The end of a list is an empty token.
fn next(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// The first of the days that are asked for with this one.
fn before(day: Date) -> Date {
    day.saturating_sub(Span::new().days(DAYS))
}

/// The day from which on there can be recordings.
async fn beginning(client: &Client, today: Date) -> Result<Date> {
    let created = me(client).await?.created_at.map(|at| at.to_zoned(TimeZone::UTC).date());
    Ok(created.unwrap_or_else(|| today.saturating_sub(Span::new().years(YEARS))))
}

/// Whose token it is, looked up once a run.
async fn me(client: &Client) -> Result<Arc<Me>> {
    client.once("me", || client.get(format!("{API}/users/me")).json()).await
}

#[derive(Deserialize)]
struct Me {
    id: String,
    display_name: Option<String>,
    email: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
struct Listed<T> {
    meetings: Many<T>,
    next_page_token: Option<String>,
}

/// A meeting as the list has it.
#[derive(Deserialize)]
struct Slot {
    /// Beyond 32 bits.
    id: u64,
    #[serde(default, deserialize_with = "time::read_instant")]
    start_time: Option<Timestamp>,
}
