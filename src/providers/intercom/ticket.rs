//! A ticket as a record.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::conversation::{Author, Contacts, Part, moment, read_id, read_maybe_id};
use crate::{
    record::{Comment, CustomFields, FieldValue, Person, Record, Ref, Task},
    wire::{Many, html},
};

/// A ticket with its parts.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the vendor names them so")]
pub struct Ticket {
    #[serde(deserialize_with = "read_id")]
    id: String,
    /// The number in the inbox.
    #[serde(default, deserialize_with = "read_maybe_id")]
    ticket_id: Option<String>,
    #[serde(default)]
    ticket_attributes: Map<String, Value>,
    ticket_state: Option<State>,
    ticket_type: Option<Sort>,
    #[serde(default)]
    contacts: Contacts,
    #[serde(default, deserialize_with = "read_maybe_id")]
    admin_assignee_id: Option<String>,
    created_at: Option<i64>,
    /// Seconds since 1970.
    #[serde(default)]
    pub updated_at: i64,
    #[serde(default)]
    ticket_parts: Parts,
}

#[derive(Deserialize)]
struct State {
    category: Option<String>,
}

#[derive(Deserialize)]
struct Sort {
    #[serde(default, deserialize_with = "read_maybe_id")]
    id: Option<String>,
    name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Parts {
    #[serde(default)]
    ticket_parts: Many<Part>,
}

impl Ticket {
    /// The record; `admins` are the people who answer, by id.
    pub fn into_record(mut self, admins: &BTreeMap<String, Person>) -> Record {
        let mut attribute = |name: &str| match self.ticket_attributes.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let title = attribute("_default_title_");
        let description = attribute("_default_description_");
        let number = self.ticket_id.clone().unwrap_or_else(|| self.id.clone());
        let fields: CustomFields = self
            .ticket_attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name, serde_json::from_value(value).ok()?)))
            .filter(|(_, value)| *value != FieldValue::Null)
            .collect();
        let comments: Vec<_> =
            self.ticket_parts.ticket_parts.into_iter().filter_map(comment).collect();
        let status = self.ticket_state.and_then(|state| state.category);
        let nobody = |id: &String| id == "0";
        let assignee = self.admin_assignee_id.filter(|id| !nobody(id)).map(|id| {
            admins.get(&id).cloned().unwrap_or(Person { id: Some(id), ..Person::default() })
        });
        let task = Task {
            kind: Some("ticket".into()),
            name: title.unwrap_or_else(|| format!("Ticket {number}")),
            key: self.ticket_id,
            description: description.map(|text| html::from_field(&text)),
            completed: status.as_deref().map(|status| status == "resolved"),
            status,
            assignee,
            project: self.ticket_type.map(|of| Ref { id: of.id, name: of.name, ..Ref::default() }),
            participants: self.contacts.into_people(),
            comments: Some(comments).filter(|comments| !comments.is_empty()),
            custom_fields: Some(fields).filter(|fields| !fields.is_empty()),
            created_at: moment(self.created_at),
            updated_at: moment(Some(self.updated_at)),
            ..Task::default()
        };
        Record::new(self.id, task)
    }
}

/// What was said; `None` for what was done.
fn comment(part: Part) -> Option<Comment> {
    let text = part.text()?;
    Some(Comment {
        id: Some(part.id),
        text: Some(text),
        author: part.author.and_then(Author::into_person),
        created_at: moment(part.created_at),
        public: Some(part.part_type.as_deref() != Some("note")),
    })
}
