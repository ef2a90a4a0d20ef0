//! A Zendesk ticket as a record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    record::{self, Attachment, CustomFields, FieldValue, Moment, Person, Record},
    wire::{Many, time},
};

/// A ticket of the export.
#[derive(Deserialize)]
pub struct Ticket {
    /// Unique in its account.
    pub id: u64,
    /// When it was last changed, by people or by the system, in seconds since 1970.
    pub generated_timestamp: Option<i64>,
    subject: Option<String>,
    description: Option<String>,
    status: Option<String>,
    priority: Option<String>,
    assignee_id: Option<u64>,
    requester_id: Option<u64>,
    #[serde(default, deserialize_with = "time::read_instant")]
    due_at: Option<Timestamp>,
    #[serde(default)]
    tags: Many<String>,
    #[serde(default)]
    custom_fields: Many<Filled>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_at: Option<Timestamp>,
}

/// The value of a field.
#[derive(Deserialize)]
struct Filled {
    id: u64,
    #[serde(default)]
    value: Value,
}

/// A field of the account's tickets.
#[derive(Deserialize)]
pub struct Named {
    /// Its id.
    pub id: u64,
    /// What agents call it.
    pub title: Option<String>,
}

/// An agent or a customer.
#[derive(Deserialize)]
pub struct User {
    /// The user's id.
    pub id: u64,
    name: Option<String>,
    email: Option<String>,
}

/// A public answer or an internal note.
#[derive(Deserialize)]
pub struct Comment {
    id: u64,
    plain_body: Option<String>,
    body: Option<String>,
    author_id: Option<u64>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    public: Option<bool>,
    #[serde(default)]
    attachments: Many<File>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the vendor names them so")]
struct File {
    id: u64,
    file_name: Option<String>,
    content_type: Option<String>,
    size: Option<i64>,
    content_url: Option<String>,
}

impl From<User> for Person {
    fn from(of: User) -> Self {
        let email = of.email.filter(|email| !email.is_empty());
        Self { id: Some(of.id.to_string()), name: of.name, email, handle: None }
    }
}

impl From<File> for Attachment {
    fn from(of: File) -> Self {
        Self {
            id: Some(of.id.to_string()),
            file_name: of.file_name,
            mime_type: of.content_type,
            size: of.size,
            url: of.content_url,
        }
    }
}

/// A person by id, also one that came without a name.
fn person(id: Option<u64>, known: &BTreeMap<u64, Person>) -> Option<Person> {
    let id = id?;
    known.get(&id).cloned().or_else(|| Person::named(Some(id.to_string()), None))
}

impl Ticket {
    /// Whether it is in the trash, where the export still shows it.
    pub fn is_deleted(&self) -> bool {
        self.status.as_deref() == Some("deleted")
    }

    /// As a record, with all that was said in it.
    pub fn record(
        self,
        subdomain: &str,
        comments: Vec<Comment>,
        known: &BTreeMap<u64, Person>,
        titles: &BTreeMap<u64, String>,
    ) -> Record {
        let mut files = Vec::new();
        let comments = comments.into_iter().map(|of| {
            files.extend(of.attachments.into_iter().map(Attachment::from));
            record::Comment {
                id: Some(of.id.to_string()),
                text: of.plain_body.or(of.body),
                author: person(of.author_id, known),
                created_at: of.created_at,
                public: of.public,
            }
        });
        let comments = comments.collect();
        let status = self.status;
        let fields = fields(self.custom_fields, titles);
        let task = record::Task {
            kind: Some("ticket".into()),
            name: self.subject.unwrap_or_default(),
            description: self.description.filter(|text| !text.is_empty()),
            completed: status.as_ref().map(|word| matches!(word.as_str(), "solved" | "closed")),
            status,
            priority: self.priority,
            assignee: person(self.assignee_id, known),
            reporter: person(self.requester_id, known),
            due_on: self.due_at.map(Moment::At),
            tags: Some(self.tags.items),
            custom_fields: Some(fields).filter(|fields| !fields.is_empty()),
            comments: Some(comments),
            attachments: Some(files),
            url: Some(format!("https://{subdomain}.zendesk.com/agent/tickets/{}", self.id)),
            created_at: self.created_at,
            updated_at: self.updated_at,
            ..record::Task::default()
        };
        Record::new(self.id.to_string(), task)
    }
}

/// The fields that have a value, by title; of two with one title the second bears its id.
fn fields(values: Many<Filled>, titles: &BTreeMap<u64, String>) -> CustomFields {
    let mut fields = CustomFields::new();
    for Filled { id, value } in values {
        let Ok(value) = serde_json::from_value::<FieldValue>(value) else { continue };
        if value == FieldValue::Null {
            continue;
        }
        let title = titles.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let title = if fields.contains_key(&title) { format!("{title} ({id})") } else { title };
        fields.insert(title, value);
    }
    fields
}
