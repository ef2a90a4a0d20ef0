//! Microsoft Graph: the events of Outlook's calendars and the tasks of Microsoft To Do. One feed a calendar and a list.
//!
//! Microsoft Graph, "event: delta", "Get incremental changes to events in a calendar view", "Throttling limits".

mod calls;
mod event;
mod recurrence;
mod spec;
mod task;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Named, event},
    event::{Change, Item, becoming},
    task::ToDo,
};
use super::{
    AT_ONCE,
    delta::{self, Entry},
};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::{Record, Ref},
    wire::Many,
};

/// How far the window of events reaches back and ahead: no window is wider than 1,825 days.
const BACK: SignedDuration = SignedDuration::from_hours(1_095 * 24);
const AHEAD: SignedDuration = SignedDuration::from_hours(730 * 24);
/// What begins the ids of the feeds that are calendars, and of those that are lists of tasks.
const CALENDAR: &str = "calendar:";
const LIST: &str = "list:";

/// The client of Microsoft Graph.
pub struct MicrosoftGraph;

/// Where a calendar or list stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its name, which its records bear: under another name they are listed afresh.
    name: String,
    /// The service's own link to the next page or to what changes later.
    link: String,
    /// The window that is being listed; absent for lists, and once all is listed.
    window: Option<(Timestamp, Timestamp)>,
}

impl Provider for MicrosoftGraph {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        super::account(client).await
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let (calendars, lists) =
            futures::try_join!(calls::calendars(client), calls::lists(client))?;
        let feed = |kind: &str, of: Named| Feed::new(format!("{kind}{}", of.id), of.name);
        let calendars = calendars.into_iter().map(|of| feed(CALENDAR, of));
        Ok(calendars.chain(lists.into_iter().map(|of| feed(LIST, of))).collect())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        if cursor.as_ref().is_some_and(|at| at.name != feed.name) {
            return Err(Error::CursorExpired);
        }
        if let Some(id) = feed.id.strip_prefix(CALENDAR) {
            events(client, Ref::new(id, &feed.name), cursor).await
        } else if let Some(id) = feed.id.strip_prefix(LIST) {
            tasks(client, Ref::new(id, &feed.name), cursor).await
        } else {
            Err(Error::NotFound)
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        super::fault("Calendars.Read, Tasks.Read, User.Read", "mailbox", status, body)
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let list = feed.id.strip_prefix(LIST);
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            calls::entry(client, list, &id).await.map(|_| false)
        });
        gone.await
    }
}

/// A page of a calendar. Occurrences of a series are told by its master.
async fn events(client: &Client, calendar: Ref, cursor: Option<Cursor>) -> Result<Page<Cursor>> {
    let window = match &cursor {
        Some(at) => at.window,
        None => Some(window(client)?),
    };
    let (id, name) = (calendar.id.as_deref().unwrap_or_default(), calendar.name.clone());
    let link = cursor.as_ref().map(|at| at.link.as_str());
    let mut found = calls::events(client, id, window, link).await?;
    let next = go_on(found.go_on()?, name, window);
    let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.value.skipped);
    if let Some((from, to)) = window {
        page = page.covering(Covers::Between { from: Some(from), to: Some(to) });
    }
    let mut unsure = Vec::new();
    for entry in last(found.value, Item::id) {
        match entry {
            // Deleted, moved to another calendar, or out of the window.
            Entry::Gone { id, .. } => unsure.push(id),
            Entry::Here(item) => match item.read(Some(&calendar)) {
                Change::Event(record) => page.upserts.push(record),
                Change::Occurrence(id) => page = page.removing([id]), // of what may have been an exception
                Change::Odd => page.skipped += 1,
            },
        }
    }
    let looked = each(unsure, AT_ONCE, async |id: String| Ok((event(client, &id).await?, id)));
    for (record, id) in looked.await? {
        page = match record {
            Some(record) => page.patching(id, becoming(record.properties)),
            None => page.removing([id]),
        };
    }
    Ok(page)
}

/// The window that a listing opens.
fn window(client: &Client) -> Result<(Timestamp, Timestamp)> {
    let now = client.now();
    let odd = |cause: jiff::Error| Error::unexpected("clock", cause.to_string());
    let (back, ahead) = (now.checked_sub(BACK).map_err(odd)?, now.checked_add(AHEAD).map_err(odd)?);
    let second = |at: Timestamp| Timestamp::from_second(at.as_second()).map_err(odd);
    let from = client.since().map_or(back, |since| since.clamp(back, now));
    Ok((second(from)?, second(ahead)?))
}

/// A page of a list of tasks.
async fn tasks(client: &Client, list: Ref, cursor: Option<Cursor>) -> Result<Page<Cursor>> {
    let id = list.id.as_deref().unwrap_or_default();
    let link = cursor.as_ref().map(|at| at.link.as_str());
    let mut found = calls::tasks(client, id, link).await?;
    let next = go_on(found.go_on()?, list.name.clone(), None);
    let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.value.skipped);
    for entry in last(found.value, ToDo::id) {
        match entry {
            Entry::Gone { id, .. } => page = page.removing([id]),
            Entry::Here(task) => page.upserts.push(task.into_record(&list)),
        }
    }
    Ok(page)
}

fn go_on(
    next: Next<String>,
    name: Option<String>,
    window: Option<(Timestamp, Timestamp)>,
) -> Next<Cursor> {
    let name = name.unwrap_or_default();
    match next {
        Next::Resume(link) => Next::Resume(Cursor { name, link, window: None }),
        next => next.map(|link| Cursor { name, link, window }),
    }
}

/// The last word on each id.
fn last<T>(entries: Many<Entry<T>>, id: fn(&T) -> &str) -> Vec<Entry<T>> {
    delta::latest(entries.items, |entry| match entry {
        Entry::Gone { id, .. } => id,
        Entry::Here(thing) => id(thing),
    })
}
