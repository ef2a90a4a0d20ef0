//! A Todoist task as a record, and the names that it is shown with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    http::Client,
    record::{self, Moment, Record, Ref},
    wire::{Many, time},
};

/// A task: what Todoist's sync calls an item.
#[derive(Deserialize)]
pub struct Item {
    /// Unique over all of Todoist.
    pub id: String,
    /// Deleted: the rest may be missing.
    #[serde(default)]
    pub is_deleted: bool,
    #[serde(default)]
    checked: bool,
    #[serde(default)]
    content: String,
    #[serde(default)]
    description: String,
    project_id: Option<String>,
    section_id: Option<String>,
    parent_id: Option<String>,
    responsible_uid: Option<String>,
    added_by_uid: Option<String>,
    #[serde(default)]
    labels: Many<String>,
    due: Option<Due>,
    #[serde(default)]
    priority: u8,
    #[serde(default, deserialize_with = "time::read_instant")]
    added_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    completed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Due {
    #[serde(default)]
    date: String,
    string: Option<String>,
    #[serde(default)]
    is_recurring: bool,
}

/// A project.
#[derive(Deserialize)]
pub struct Project {
    pub id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    pub is_deleted: bool,
}

/// A part of a project.
#[derive(Deserialize)]
pub struct Section {
    id: String,
    project_id: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    pub is_deleted: bool,
}

/// Somebody who shares a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    id: String,
    full_name: Option<String>,
    email: Option<String>,
}

/// What projects, sections and people are called, by id: a change of a task tells their ids alone.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    projects: BTreeMap<String, String>,
    sections: BTreeMap<String, String>,
    people: BTreeMap<String, Person>,
}

impl Names {
    /// Takes note of names.
    pub fn learn(&mut self, projects: &[Project], sections: &[Section], people: &[Person]) {
        for project in projects.iter().filter(|of| !of.is_deleted) {
            self.projects.insert(project.id.clone(), project.name.clone());
        }
        for section in sections.iter().filter(|of| !of.is_deleted) {
            self.sections.insert(section.id.clone(), section.name.clone());
        }
        self.people.extend(people.iter().map(|person| (person.id.clone(), person.clone())));
    }

    /// Whether one of them is known under another name.
    pub fn differ(&self, projects: &[Project], sections: &[Section]) -> bool {
        let other = |known: Option<&String>, name: &str| known.is_some_and(|known| known != name);
        projects.iter().any(|of| !of.is_deleted && other(self.projects.get(&of.id), &of.name))
            || sections
                .iter()
                .any(|of| !of.is_deleted && other(self.sections.get(&of.id), &of.name))
    }

    fn person(&self, id: Option<String>) -> Option<record::Person> {
        let known = self.people.get(id.as_ref()?);
        let (name, email) =
            known.map_or((None, None), |of| (of.full_name.clone(), of.email.clone()));
        record::Person { id, name, email, handle: None }.known()
    }
}

impl Section {
    /// Where its tasks lie.
    pub fn place(&self) -> String {
        place(self.project_id.as_deref(), Some(&self.id))
    }
}

fn place(project: Option<&str>, section: Option<&str>) -> String {
    [project, section].map(Option::unwrap_or_default).join("/")
}

impl Due {
    /// A time without a zone is the person's own, wherever that is: its day is kept.
    fn moment(&self) -> Option<Moment> {
        let instant = time::instant(&self.date).filter(|_| self.date.ends_with('Z'));
        instant.map(Moment::At).or_else(|| time::day(&self.date).map(Moment::On))
    }
}

impl Item {
    /// Whether it comes up again once it is done.
    pub fn recurs(&self) -> bool {
        self.due.as_ref().is_some_and(|due| due.is_recurring)
    }

    /// Whether it belongs into the listing at hand, which may begin at a date.
    pub fn is_since(&self, client: &Client) -> bool {
        !matches!((self.added_at, client.since()), (Some(added), Some(since)) if added < since)
    }

    /// The task as a record.
    pub fn record(self, names: &Names) -> Record {
        let called = |known: &BTreeMap<String, String>, id: Option<&String>| {
            Some(Ref { id: Some(id?.clone()), name: known.get(id?).cloned(), url: None })
        };
        let place = place(self.project_id.as_deref(), self.section_id.as_deref());
        let recurrence = self.due.as_ref().filter(|due| due.is_recurring);
        let task = record::Task {
            kind: Some("task".into()),
            status: Some(if self.checked { "completed" } else { "open" }.into()),
            completed: Some(self.checked),
            recurrence: recurrence.and_then(|due| Some(vec![due.string.clone()?])),
            due_on: self.due.as_ref().and_then(Due::moment),
            name: self.content,
            description: Some(self.description).filter(|text| !text.is_empty()),
            // The interface counts the other way round, and shows none for the lowest.
            priority: matches!(self.priority, 2..=4).then(|| format!("p{}", 5 - self.priority)),
            assignee: names.person(self.responsible_uid),
            reporter: names.person(self.added_by_uid),
            project: called(&names.projects, self.project_id.as_ref()),
            section: called(&names.sections, self.section_id.as_ref()),
            parent_id: self.parent_id,
            tags: Some(self.labels.items),
            url: Some(format!("https://app.todoist.com/app/task/{}", self.id)),
            created_at: self.added_at,
            updated_at: self.updated_at,
            completed_at: self.completed_at,
            ..record::Task::default()
        };
        Record::new(self.id, task).at(place)
    }
}
