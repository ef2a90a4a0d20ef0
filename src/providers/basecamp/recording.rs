//! Basecamp's recordings as records.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;

use crate::{
    provider::Gone,
    record::{self, MessageKind, Moment, Person, Properties, Record, Ref, Task},
    wire::{Many, html, time},
};

/// What all recordings have.
#[derive(Deserialize)]
pub struct Recording {
    /// Unique over the account, whatever the type.
    pub id: u64,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    /// Whether it is published: active, archived or trashed.
    status: Option<String>,
    bucket: Option<Named>,
    parent: Option<Named>,
    creator: Option<Who>,
    app_url: Option<String>,
}

/// A to-do.
#[derive(Deserialize)]
pub struct Todo {
    #[serde(flatten)]
    common: Recording,
    #[serde(default)]
    content: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    completed: bool,
    completion: Option<Completion>,
    #[serde(default)]
    assignees: Many<Who>,
    #[serde(default, deserialize_with = "time::read_day")]
    starts_on: Option<Date>,
    #[serde(default, deserialize_with = "time::read_day")]
    due_on: Option<Date>,
}

/// A message of a board.
#[derive(Deserialize)]
pub struct Message {
    #[serde(flatten)]
    common: Recording,
    subject: Option<String>,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Named {
    id: u64,
    #[serde(alias = "title")]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Who {
    id: Option<u64>,
    name: Option<String>,
    email_address: Option<String>,
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
}

impl Who {
    fn person(self) -> Option<Person> {
        let id = self.id.map(|id| id.to_string());
        Person { id, name: self.name, email: self.email_address, handle: None }.known()
    }
}

impl Named {
    fn named(self) -> Ref {
        Ref { id: Some(self.id.to_string()), name: self.name, url: None }
    }
}

fn text(html: &str) -> Option<String> {
    Some(html::to_markdown(html)).filter(|text| !text.trim().is_empty())
}

impl Recording {
    /// Whether it lies in the trash.
    pub fn is_trashed(&self) -> bool {
        self.status.as_deref() == Some("trashed")
    }

    /// Whether it was put away.
    pub fn is_archived(&self) -> bool {
        self.status.as_deref() == Some("archived")
    }

    /// What is gone with it: of a list, what it holds.
    pub fn gone(&self, is_list: bool) -> Gone {
        match &self.bucket {
            Some(project) if is_list => Gone::Under(format!("{}/{}", project.id, self.id)),
            _ => Gone::Id(self.id.to_string()),
        }
    }

    /// Where it lies: project and list.
    fn place(&self) -> String {
        let ids = [&self.bucket, &self.parent].map(|of| of.as_ref().map(|of| of.id.to_string()));
        ids.map(Option::unwrap_or_default).join("/")
    }
}

/// When a record's object was last changed.
pub fn updated_at(record: &Record) -> Option<Timestamp> {
    match &record.properties {
        Properties::Task(task) => task.updated_at,
        Properties::Message(message) => message.updated_at,
        _ => None,
    }
}

impl From<Todo> for Record {
    fn from(todo: Todo) -> Self {
        let of = todo.common;
        let (place, is_archived) = (of.place(), of.is_archived());
        let status = match todo.completed {
            _ if is_archived => "archived",
            true => "completed",
            false => "open",
        };
        let assignees: Vec<Person> = todo.assignees.into_iter().filter_map(Who::person).collect();
        let task = Task {
            kind: Some("to-do".into()),
            name: todo.content,
            description: text(&todo.description),
            status: Some(status.into()),
            completed: Some(todo.completed),
            assignee: assignees.first().cloned(),
            assignees: Some(assignees),
            reporter: of.creator.and_then(Who::person),
            start_on: todo.starts_on.map(Moment::On),
            due_on: todo.due_on.map(Moment::On),
            project: of.bucket.map(Named::named),
            section: of.parent.map(Named::named),
            url: of.app_url,
            created_at: of.created_at,
            updated_at: of.updated_at,
            completed_at: todo.completion.and_then(|completion| completion.created_at),
            ..Task::default()
        };
        Self::new(of.id.to_string(), task).at(place)
    }
}

impl From<Message> for Record {
    fn from(message: Message) -> Self {
        let of = message.common;
        let (place, id) = (of.place(), of.id.to_string());
        let message = record::Message {
            subject: message.subject,
            text: text(&message.content),
            from: of.creator.and_then(Who::person),
            channel: of.bucket.map(Named::named),
            status: of.status,
            permalink: of.app_url,
            sent_at: of.created_at,
            updated_at: of.updated_at,
            ..record::Message::of(MessageKind::Post)
        };
        Self::new(id, message).at(place)
    }
}
