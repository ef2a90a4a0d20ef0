//! Todoist: the tasks of a person's projects. A full sync gives the open ones, and the list of completed ones, read
//! backwards in windows, the rest; then the sync token tells what changed.
//!
//! Facts: Todoist API v1, "Sync", "Tasks completed by completion date", "Authorization", "Webhooks".

mod calls;
mod item;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{API, completed_between, me, standing, sync},
    item::{Item, Names, Section},
};
use crate::{
    error::{Error, Result},
    http::{Client, gone_of},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    wire::time,
};

/// Days between the bounds of one list of completed tasks, which may be three months.
const WINDOW: SignedDuration = SignedDuration::from_hours(24 * 84);
/// Where the completed tasks of an account begin whose age is unknown: Todoist's own first year.
const FOUNDED: i64 = 1_167_609_600;
/// Tasks that are asked about at once.
const AT_ONCE: usize = 4;

/// The client of Todoist.
pub struct Todoist;

/// Where the account stands. The token is that of the full sync: what changes while completed tasks are read comes by it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    token: String,
    names: Names,
    /// The completed tasks that are still to be read.
    completed: Option<Window>,
}

/// A list of completed tasks, newest windows first.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Window {
    until: Timestamp,
    /// Where the last window ends.
    floor: Timestamp,
    page: Option<String>,
    /// Recurring tasks that are open: of them the list has each time that they were done.
    recurring: BTreeSet<String>,
}

impl Provider for Todoist {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let user = me(client).await?;
        let label = user.full_name.or_else(|| user.email.clone()).unwrap_or_default();
        Ok(Account::new(user.id, label).or_known_as(user.email))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        match cursor {
            None => open(client).await,
            Some(Cursor { token, names, completed: Some(window) }) => {
                completed(client, token, names, window).await
            }
            Some(Cursor { token, names, completed: None }) => changes(client, token, names).await,
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let tag = body.get("error_tag").and_then(Value::as_str).unwrap_or_default();
        let pause = || body.get("error_extra")?.get("retry_after")?.as_u64();
        Some(match (status, tag) {
            (429, _) | (_, "LIMITS_REACHED") => {
                Error::RateLimited(Duration::from_secs(pause().unwrap_or_default()))
            }
            (403, "UNAUTHORIZED" | "AUTH_INVALID_TOKEN") => {
                Error::Reconnect("Todoist no longer takes the token".into())
            }
            (410, _) => Error::unexpected(API, "Todoist has retired this version of its API"),
            _ => return None,
        })
    }

    /// Archived projects leave the full sync, and old completed tasks the list, with tasks that are still there.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            match standing(client, &id).await {
                Err(Error::Forbidden(_)) => Ok(true),
                task => task.map(|task| task.is_deleted),
            }
        });
        gone.await
    }
}

/// Everything that is open, and the names that tasks are shown with.
async fn open(client: &Client) -> Result<Page<Cursor>> {
    let synced = sync(client, "*").await?;
    let mut names = Names::default();
    names.learn(&synced.projects, &synced.sections, &synced.collaborators);
    let joined = synced.user.and_then(|user| user.joined_at);
    let open = synced.items.iter().filter(|item| item.recurs());
    let window = Window {
        until: client.now(),
        floor: joined
            .or_else(|| time::epoch_seconds(FOUNDED))
            .max(client.since())
            .unwrap_or_default(),
        page: None,
        recurring: open.map(|item| item.id.clone()).collect(),
    };
    let skipped = synced.items.skipped;
    let items = synced.items.into_iter().filter(|item| !item.is_deleted && item.is_since(client));
    let records: Vec<_> = items.map(|item| item.record(&names)).collect();
    let next = Cursor { token: synced.sync_token, names, completed: Some(window) };
    Ok(Page::new(records, Next::More(next)).skipping(skipped))
}

/// A page of completed tasks.
async fn completed(
    client: &Client,
    token: String,
    names: Names,
    window: Window,
) -> Result<Page<Cursor>> {
    let since = window.until.checked_sub(WINDOW).unwrap_or(window.floor).max(window.floor);
    let done = completed_between(client, since, window.until, window.page.clone()).await?;
    let skipped = done.items.skipped;
    let items = done.items.into_iter().filter(|item| {
        !item.is_deleted && item.is_since(client) && !window.recurring.contains(&item.id)
    });
    let records: Vec<_> = items.map(|item| item.record(&names)).collect();
    let completed = match done.next_cursor {
        Some(page) => Some(Window { page: Some(page), ..window }),
        None if since > window.floor => Some(Window { until: since, page: None, ..window }),
        None => None,
    };
    // After the last window, what changed meanwhile is asked for at once.
    Ok(Page::new(records, Next::More(Cursor { token, names, completed })).skipping(skipped))
}

/// What changed since the token was given.
async fn changes(client: &Client, token: String, mut names: Names) -> Result<Page<Cursor>> {
    let synced = sync(client, &token).await?;
    // A token that is too old, or unknown, gets everything that is open. A new name of a project or section is part of tasks
    // that did not change.
    if synced.full_sync || names.differ(&synced.projects, &synced.sections) {
        return Err(Error::CursorExpired);
    }
    names.learn(&synced.projects, &synced.sections, &synced.collaborators);
    let gone = synced.projects.iter().filter(|project| project.is_deleted);
    let projects: Vec<String> = gone.map(|project| project.id.clone()).collect();
    let gone = synced.sections.iter().filter(|section| section.is_deleted);
    let sections: Vec<String> = gone.map(Section::place).collect();
    let skipped = synced.items.skipped;
    let (gone, alive): (Vec<Item>, Vec<Item>) =
        synced.items.into_iter().partition(|item| item.is_deleted);
    let records: Vec<_> = alive.into_iter().map(|item| item.record(&names)).collect();
    let next = Cursor { token: synced.sync_token, names, completed: None };
    let page =
        Page::new(records, Next::Resume(next)).removing(gone.into_iter().map(|item| item.id));
    Ok(page.removing_under(projects).removing_places(sections).skipping(skipped))
}
