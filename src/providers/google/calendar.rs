//! Google Calendar: one feed a calendar of the person's list. A series comes as its master with the instances that differ
//! from it.
//!
//! Calendar API v3: "Synchronize resources efficiently", "Handle API errors".

mod calls;
mod event;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Calendar, Events, calendars, events, primary},
    event::Change,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::{Properties, Record},
};

/// The client of Google Calendar.
pub struct GoogleCalendar;

/// Where a calendar stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The calendar's name, which its records bear: under another name they are listed afresh.
    name: String,
    #[serde(flatten)]
    phase: Phase,
}

/// What is being read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Phase {
    /// The whole calendar, from a moment on where one was given.
    Listing { since: Option<Timestamp>, page: Option<String> },
    /// What changed since the token was given.
    Changes { token: String, page: Option<String> },
}

impl Provider for GoogleCalendar {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let id = match primary(client).await {
            Ok(primary) => primary.id,
            // A grant of the narrower scopes reads the list, and not this.
            Err(cause @ Error::Forbidden(_)) => {
                let all = calendars(client).await?;
                all.iter().find(|of| of.primary).map(|of| of.id.clone()).ok_or(cause)?
            }
            Err(cause) => return Err(cause),
        };
        Ok(Account::new(id.clone(), id))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let all = calendars(client).await?;
        let readable = all.iter().filter(|of| of.access_role != "freeBusyReader");
        Ok(readable.map(Calendar::feed).collect())
    }

    async fn page(
        &self,
        client: &Client,
        calendar: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let phase = match cursor {
            Some(cursor) if cursor.name != calendar.name => return Err(Error::CursorExpired),
            Some(cursor) => cursor.phase,
            None => Phase::Listing { since: client.since(), page: None },
        };
        let name = calendar.name.clone();
        let found = match (events(client, calendar, &phase).await, &phase) {
            // Google lists the calendar and no longer finds it: a listing without events lets go of what it had.
            (Err(Error::NotFound), Phase::Changes { .. }) => return Err(Error::CursorExpired),
            (Err(Error::NotFound), Phase::Listing { .. }) => Events::default(),
            (found, _) => found?,
        };
        let next = phase.then(found.next_page_token, found.next_sync_token);
        let next = next.map(|phase| Cursor { name, phase });
        let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.items.skipped);
        for item in found.items {
            match item.read(calendar) {
                Change::Alive(record) => page.upserts.push(record),
                Change::Gone(gone) => page.removed.push(gone),
                Change::Odd => page.skipped += 1,
            }
        }
        Ok(phase.bound(page))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        if status == 410 {
            return Some(Error::CursorExpired); // fullSyncRequired
        }
        super::fault("Google Calendar", "calendar.readonly", status, body, Timestamp::now())
    }
}

impl Phase {
    /// How the calendar goes on after a page with these tokens.
    fn then(&self, page: Option<String>, token: Option<String>) -> Next<Self> {
        match (page, token) {
            (None, None) => Next::Relist,
            (None, Some(token)) => Next::Resume(Self::Changes { token, page: None }),
            (page, _) => Next::More(match self {
                Self::Listing { since, .. } => Self::Listing { since: *since, page },
                Self::Changes { token, .. } => Self::Changes { token: token.clone(), page },
            }),
        }
    }

    /// Leaves out of a listing what was over before it begins: Google's own bound would hold for the token, too.
    fn bound(&self, mut page: Page<Cursor>) -> Page<Cursor> {
        let Self::Listing { since: Some(since), .. } = self else { return page };
        page.upserts.retain(|record| match &record.properties {
            Properties::Event(event) => event.lasts_until(*since),
            _ => true,
        });
        page.covering(Covers::Between { from: Some(*since), to: None })
    }
}
