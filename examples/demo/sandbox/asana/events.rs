//! The event feeds: what happened to a project's or a task's content since a sync token.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Asana, Gid, task::time};

/// A token gives so many events at most.
pub(super) const PER_TOKEN: usize = 100;

/// One happening, and the resources whose feeds it is in.
pub(super) struct Event {
    number: u64,
    at: Timestamp,
    feeds: Vec<Gid>,
    resource: (Gid, &'static str, String, Option<String>),
    action: &'static str,
    parent: Option<(Gid, &'static str, String)>,
    change: Option<&'static str>,
}

#[derive(Default)]
pub(super) struct Events {
    all: Vec<Event>,
    last: u64,
    /// Tokens of an earlier era are too old.
    era: u64,
}

/// What a token gives.
pub(super) struct Batch<'a> {
    pub events: Vec<&'a Event>,
    pub token: String,
    pub more: bool,
}

impl Events {
    /// Every token handed out so far is too old.
    pub fn expire(&mut self) {
        self.era += 1;
    }

    /// Drops the events; tokens stay good.
    pub fn forget(&mut self) {
        self.all.clear();
    }

    /// A token for what happens from now on.
    pub fn token(&self, resource: Gid) -> String {
        self.token_at(resource, self.last)
    }

    /// As Asana's, 32 hexadecimal digits that say nothing to the caller.
    fn token_at(&self, resource: Gid, number: u64) -> String {
        let mark = u32::try_from(resource % u64::from(u32::MAX)).unwrap_or_default();
        format!("{mark:08x}{:08x}{number:016x}", self.era)
    }

    /// The events after a token; `None` when it is too old, or of another resource.
    pub fn since(&self, resource: Gid, token: &str) -> Option<Batch<'_>> {
        let number = u64::from_str_radix(token.get(16..)?, 16).ok()?;
        if number > self.last || token != self.token_at(resource, number) {
            return None;
        }
        let first = self.all.partition_point(|event| event.number <= number);
        let rest = self.all.get(first..).unwrap_or_default();
        let mut of_it = rest.iter().filter(|event| event.feeds.contains(&resource));
        let events: Vec<_> = of_it.by_ref().take(PER_TOKEN).collect();
        let more = of_it.next().is_some();
        let reached = events.last().filter(|_| more).map_or(self.last, |event| event.number);
        Some(Batch { token: self.token_at(resource, reached), events, more })
    }
}

impl Event {
    /// As the feed shows it.
    pub fn shown(&self, of: &Asana) -> Value {
        let (gid, kind, name, subtype) = &self.resource;
        let user = of.users.first().map(
            |user| json!({"gid": user.gid.to_string(), "resource_type": "user", "name": user.name}),
        );
        let mut resource = json!({"gid": gid.to_string(), "resource_type": kind, "name": name});
        if let (Some(fields), Some(subtype)) = (resource.as_object_mut(), subtype) {
            fields.insert("resource_subtype".to_owned(), subtype.as_str().into());
        }
        let parent = self.parent.as_ref().map(|(gid, kind, name)| {
            json!({"gid": gid.to_string(), "resource_type": kind, "name": name})
        });
        let mut event = json!({
            "user": user,
            "resource": resource,
            "type": kind,
            "action": self.action,
            "parent": parent,
            "created_at": time(self.at),
        });
        if let (Some(fields), Some(change)) = (event.as_object_mut(), self.change) {
            fields.insert("change".to_owned(), json!({"field": change, "action": "changed"}));
        }
        event
    }
}

impl Asana {
    /// Something happened to a task.
    pub(super) fn note_task(
        &mut self,
        task: Gid,
        action: &'static str,
        parent: Option<Gid>,
        change: Option<&'static str>,
        at: Timestamp,
    ) {
        let Some(found) = self.tasks.get(&task) else { return };
        let resource = (task, "task", found.name.clone(), Some(found.kind.clone()));
        let parent = parent.and_then(|gid| self.parent_of_event(gid));
        let mut feeds = self.feeds_of(task);
        // A task that has just left a project is still told of there.
        feeds.extend(parent.iter().map(|(gid, ..)| *gid));
        self.note(at, feeds, resource, action, parent, change);
    }

    /// A comment, or the line that tells of a change, came to a task.
    pub(super) fn note_story(&mut self, task: Gid, text: &str, subtype: &str, at: Timestamp) {
        let story = self.gid();
        let Some(found) = self.tasks.get(&task) else { return };
        let parent = Some((task, "task", found.name.clone()));
        let resource = (story, "story", text.to_owned(), Some(subtype.to_owned()));
        let feeds = self.feeds_of(task);
        self.note(at, feeds, resource, "added", parent, None);
    }

    fn note(
        &mut self,
        at: Timestamp,
        feeds: Vec<Gid>,
        resource: (Gid, &'static str, String, Option<String>),
        action: &'static str,
        parent: Option<(Gid, &'static str, String)>,
        change: Option<&'static str>,
    ) {
        self.events.last += 1;
        let number = self.events.last;
        self.events.all.push(Event { number, at, feeds, resource, action, parent, change });
    }

    /// The task itself, its projects, its parents and, where it is so, their projects.
    fn feeds_of(&self, task: Gid) -> Vec<Gid> {
        let mut feeds = vec![task];
        let mut next = self.tasks.get(&task);
        let mut own = true;
        while let Some(task) = next {
            if own || self.subtask_events {
                feeds.extend(task.homes.iter().map(|home| home.project));
            }
            feeds.extend(task.parent);
            next = task.parent.and_then(|parent| self.tasks.get(&parent));
            own = false;
        }
        feeds
    }

    fn parent_of_event(&self, gid: Gid) -> Option<(Gid, &'static str, String)> {
        let project = self.project(gid).map(|p| (gid, "project", p.name.clone()));
        let task = || self.tasks.get(&gid).map(|t| (gid, "task", t.name.clone()));
        let section = || {
            let mut sections = self.projects.iter().flat_map(|project| &project.sections);
            sections.find(|section| section.gid == gid).map(|s| (gid, "section", s.name.clone()))
        };
        project.or_else(task).or_else(section)
    }
}
