//! Asana: one feed a workspace, since a task may lie in several projects. A pass reads lists (projects, subtasks, my
//! tasks) and the events of the projects that it knows.
//!
//! Asana REST API 1.0: "Get multiple tasks", "Get events on a resource".

mod lists;
mod spec;
mod task;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    lists::{Me, all, me, read, task},
    task::Named,
};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Covers, Feed, Next, Page, Provider, Since, spec::Spec},
    wire::Many,
};

/// Lists that are read at once, and that one page holds.
const LISTS: usize = 8;
/// Times that a list is begun again because its offset had expired.
const RESTARTS: u8 = 3;

/// The client of Asana.
pub struct Asana;

/// Where a pass over a workspace stands, or how the next one goes on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The watermark for my tasks, which have no events.
    pass: Since,
    /// Where a listing from the start begins.
    since: Option<Timestamp>,
    /// The projects, each with its event token. That is taken before the project is read, so that nothing that changes
    /// meanwhile is missed; a project without one is read whole in each pass.
    projects: BTreeMap<String, Option<String>>,
    /// What this pass has still to read; lists that are begun come first, since their offsets expire.
    todo: VecDeque<Step>,
    /// Tasks whose subtasks are still to be read: after the lists that are begun, before others add more.
    parents: BTreeSet<String>,
    /// Tasks that the events named, to be fetched once all events are read.
    changed: BTreeSet<String>,
}

/// A list to read, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    list: List,
    offset: Option<String>,
    /// The page size, where the vendor found the usual one too large.
    limit: Option<u32>,
    restarts: u8,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// My tasks.
    Mine,
    /// The tasks of a project.
    Project(String),
    /// The subtasks of a task.
    Subtasks(String),
    /// What happened in a project.
    Events(String),
    /// One task, which events named.
    Task(String),
}

impl Provider for Asana {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let Me { gid, name, email } = me(client).await?;
        Ok(Account::new(gid, name).or_known_as(email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let workspaces: Many<Named> = all(client, "workspaces", &[("opt_fields", "name")]).await?;
        let wanted = client.setting("workspace_gid");
        let found = workspaces.into_iter().filter(|of| wanted.is_none_or(|gid| gid == of.gid));
        let feeds: Vec<Feed> =
            found.map(|of| Feed::new(of.gid, of.name.unwrap_or_default())).collect();
        match wanted {
            Some(gid) if feeds.is_empty() => Err(Error::invalid(
                "workspace_gid",
                format!("this account is in no workspace {gid}"),
            )),
            _ => Ok(feeds),
        }
    }

    async fn page(
        &self,
        client: &Client,
        workspace: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let (mut at, mut skipped) = match cursor {
            Some(at) if !at.is_done() => (at, 0),
            last => begin(client, workspace, last).await?,
        };
        let (mut tasks, mut gone) = (Vec::new(), BTreeSet::new());
        let steps = at.take_steps();
        for found in each(steps, LISTS, |step| read(client, workspace, &at, step)).await? {
            skipped += found.tasks.skipped;
            gone.extend(at.note(&found));
            tasks.extend(found.tasks);
        }
        // Bounded by the time of change, which no record is ordered by: such a listing can sweep nothing.
        let bounded = at.since.is_some() && at.pass.since.is_none();
        let next = if at.is_done() {
            Next::Resume(Cursor { pass: at.pass.done(), ..at })
        } else {
            Next::More(at)
        };
        let page = Page::new(tasks, next).removing(gone).skipping(skipped);
        Ok(if bounded { page.covering(Covers::Nothing) } else { page })
    }

    fn fault(&self, status: u16, _: &Value) -> Option<Error> {
        (status == 402).then(|| Error::Forbidden("this needs a paid plan of Asana".into()))
    }

    /// A task that left its last project and is not assigned to me is in no list, and yet alive.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let gone = gone_of(ids, LISTS, |gid| async move {
            match task(client, &gid).await {
                Err(Error::Forbidden(_)) => Ok(true),
                found => found.map(|_| false),
            }
        });
        gone.await
    }
}

/// Begins a pass: the events of the projects that are known, the tasks of those that are new, and my tasks. Gives the
/// number of projects that could not be read, too.
async fn begin(client: &Client, workspace: &Feed, last: Option<Cursor>) -> Result<(Cursor, u32)> {
    let query = [("workspace", workspace.id.as_str()), ("opt_fields", "name")];
    let projects: Many<Named> = all(client, "projects", &query).await?;
    let skipped = projects.skipped;
    let (pass, mut known) =
        last.map_or_else(Default::default, |last| (Some(last.pass), last.projects));
    let mut at = Cursor {
        pass: Since::at(pass, client.now()),
        since: client.since(),
        projects: BTreeMap::new(),
        todo: VecDeque::new(),
        parents: BTreeSet::new(),
        changed: BTreeSet::new(),
    };
    for gid in projects.into_iter().map(|project| project.gid) {
        let token = known.remove(&gid).flatten();
        let kind = if token.is_some() { List::Events } else { List::Project };
        at.todo.push_back(Step::new(kind(gid.clone())));
        at.projects.insert(gid, token);
    }
    at.todo.push_back(Step::new(List::Mine));
    Ok((at, skipped))
}

impl Cursor {
    fn is_done(&self) -> bool {
        self.todo.is_empty() && self.parents.is_empty() && self.changed.is_empty()
    }
}

impl Step {
    fn new(list: List) -> Self {
        Self { list, offset: None, limit: None, restarts: 0 }
    }
}
