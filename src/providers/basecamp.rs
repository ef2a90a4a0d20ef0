//! Basecamp (4 and 3): the to-dos and message boards of an account's projects. Projects that are new are walked list by list;
//! afterwards the recordings of all projects, last change first, tell what changed and what went to the trash.
//!
//! Facts: Basecamp API documentation (bc3-api), "Authentication", "Projects", "Recordings", "Rate limiting".

mod calls;
mod lists;
mod recording;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::{
    calls::{base, me, projects, recording, recordings},
    lists::read,
    recording::Recording,
};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Feed, Gone, Next, Page, Provider, spec::Spec},
};

/// Lists that one page holds, and that are read at once.
const LISTS: usize = 8;
const AT_ONCE: usize = 4;
/// A pass looks back this much further than the last one came.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// The client of Basecamp.
pub struct Basecamp;

/// Where a pass stands, or how the next one begins.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// What changed then or later is read; absent while all is being listed.
    since: Option<Timestamp>,
    /// The latest change that this pass has met.
    newest: Option<Timestamp>,
    started: Timestamp,
    /// The projects by id, and what they are called: records bear it.
    projects: BTreeMap<u64, String>,
    /// Lists that are still to be read; those that are begun come first.
    todo: VecDeque<Step>,
}

/// A list to read, by its address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    list: List,
    url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum List {
    /// To-do lists, and the groups in one.
    Lists,
    Groups,
    Todos,
    Messages,
    /// Recordings of all projects, last change first.
    Changed(What),
    Trashed(What),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum What {
    Todo,
    Message,
    Todolist,
}

impl Provider for Basecamp {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        Ok(Account::new(me.id.to_string(), me.name).or_known_as(me.email_address))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let (mut at, mut gone) = match cursor {
            Some(at) if !at.todo.is_empty() => (at, Vec::new()),
            last => begin(client, last).await?,
        };
        let bound = client.since().filter(|_| at.since.is_none());
        let count = at.todo.len().min(LISTS);
        let steps: Vec<Step> = at.todo.drain(..count).collect();
        let since = at.since;
        let found = each(steps, AT_ONCE, |step| read(client, since, step)).await?;
        let (mut records, mut skipped) = (Vec::new(), 0);
        for found in found.into_iter().rev() {
            skipped += found.skipped;
            gone.extend(found.gone);
            at.newest = at.newest.max(found.newest);
            // What lies within a list comes after the rest of the list.
            found.within.into_iter().rev().for_each(|step| at.todo.push_front(step));
            found.then.into_iter().for_each(|step| at.todo.push_front(step));
            for record in found.records {
                at.newest = at.newest.max(recording::updated_at(&record));
                let created = record.properties.occurred_at();
                if !matches!((created, bound), (Some(at), Some(bound)) if at < bound) {
                    records.push(record);
                }
            }
        }
        let next = if at.todo.is_empty() { Next::Resume(at.done()) } else { Next::More(at) };
        let mut page = Page::new(records, next).skipping(skipped);
        page.removed = gone;
        Ok(page)
    }

    /// Lists shift while they are read: what is missing is asked for by its id, of which two kinds share the numbers.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let base = &base(client)?;
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            for kind in ["todos", "messages"] {
                match recording::<Recording>(client, base, kind, &id).await {
                    Err(Error::NotFound | Error::Forbidden(_)) => {}
                    found => return found.map(|of| of.is_trashed()),
                }
            }
            Ok(true)
        });
        gone.await
    }
}

impl Cursor {
    /// The next pass: by Basecamp's clock where that is behind ours, never past the beginning of this one.
    fn done(self) -> Self {
        let reached = self.newest.map_or(self.started, |newest| newest.min(self.started));
        let since = reached.checked_sub(OVERLAP).unwrap_or(reached);
        Self { since: Some(since.max(self.since.unwrap_or(since))), newest: None, ..self }
    }
}

/// Begins a pass: walks the projects that are new or have another name, lets go of those that are no longer there, and asks
/// for what changed in the rest.
async fn begin(client: &Client, last: Option<Cursor>) -> Result<(Cursor, Vec<Gone>)> {
    let base = base(client)?;
    let mut found = projects(client, &format!("{base}/projects.json")).await?;
    found.extend(projects(client, &format!("{base}/projects.json?status=archived")).await?);
    let (since, known) = last.map_or_else(Default::default, |last| (last.since, last.projects));
    let mut at = Cursor {
        since,
        newest: since,
        started: client.now(),
        projects: found.iter().map(|of| (of.id, of.name.clone())).collect(),
        todo: VecDeque::new(),
    };
    let recordings = |what, status| recordings(&base, what, status);
    for project in found.iter().filter(|of| known.get(&of.id) != Some(&of.name)) {
        at.todo.extend(project.steps(&base));
    }
    for what in [What::Todo, What::Message] {
        // A walk gives what is active and archived, but for archived messages.
        if since.is_some() {
            at.todo.push_back(Step { list: List::Changed(what), url: recordings(what, "active") });
        }
        if since.is_some() || what == What::Message {
            at.todo
                .push_back(Step { list: List::Changed(what), url: recordings(what, "archived") });
        }
    }
    if since.is_some() {
        for what in [What::Todo, What::Message, What::Todolist] {
            at.todo.push_back(Step { list: List::Trashed(what), url: recordings(what, "trashed") });
        }
    }
    let left = known.keys().filter(|id| !at.projects.contains_key(id));
    let gone = left.map(|id| Gone::Under(id.to_string())).collect();
    Ok((at, gone))
}
