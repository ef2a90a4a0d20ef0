//! A conversation's messages as records.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    record::{Attachment, Direction, Message, MessageKind, Person, Record, Ref},
    wire::{Many, html, time},
};

/// A conversation with its parts, of which Intercom gives the newest 500.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the vendor names them so")]
pub struct Conversation {
    #[serde(deserialize_with = "read_id")]
    id: String,
    created_at: Option<i64>,
    state: Option<String>,
    source: Option<Part>,
    #[serde(default)]
    contacts: Contacts,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    conversation_parts: Parts,
}

/// The customers of a conversation or a ticket.
#[derive(Default, Deserialize)]
pub struct Contacts {
    #[serde(default)]
    contacts: Many<Author>,
}

#[derive(Default, Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Many<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

#[derive(Default, Deserialize)]
struct Parts {
    #[serde(default)]
    conversation_parts: Many<Part>,
    #[serde(default)]
    total_count: usize,
}

/// What was said, or done; the message that a conversation begins with looks the same.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the vendor names them so")]
pub struct Part {
    /// Within its conversation or ticket.
    #[serde(deserialize_with = "read_id")]
    pub id: String,
    /// Where the conversation came from, for its first message.
    #[serde(rename = "type")]
    channel: Option<String>,
    /// Internal ones are a `note`.
    pub part_type: Option<String>,
    subject: Option<String>,
    body: Option<String>,
    /// Seconds since 1970.
    pub created_at: Option<i64>,
    /// Who.
    pub author: Option<Author>,
    #[serde(default)]
    attachments: Many<File>,
    #[serde(default)]
    redacted: bool,
}

/// Somebody.
#[derive(Clone, Deserialize)]
pub struct Author {
    #[serde(default, deserialize_with = "read_maybe_id")]
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    content_type: Option<String>,
    filesize: Option<i64>,
    url: Option<String>,
}

impl Author {
    /// The person; `None` where nothing is known.
    pub fn into_person(self) -> Option<Person> {
        let told = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (id, name, email) = (told(self.id), told(self.name), told(self.email));
        Person { id, name, email, ..Person::default() }.known()
    }

    fn direction(&self) -> Option<Direction> {
        match self.kind.as_deref()? {
            "user" | "lead" | "contact" => Some(Direction::In),
            "admin" | "bot" | "team" => Some(Direction::Out),
            _ => None,
        }
    }
}

impl Contacts {
    /// Their ids.
    pub fn into_people(self) -> Option<Vec<Person>> {
        let people: Vec<_> = self.contacts.into_iter().filter_map(Author::into_person).collect();
        Some(people).filter(|people| !people.is_empty())
    }
}

impl Part {
    /// What was said; `None` for what was done.
    pub fn text(&self) -> Option<String> {
        let body = self.body.as_deref().filter(|body| !body.trim().is_empty() && !self.redacted)?;
        Some(html::to_markdown(body))
    }
}

impl Conversation {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.source.iter().chain(&self.conversation_parts.conversation_parts.items)
    }

    /// Which of these messages it no longer holds; one that it may hold further back than it gives is not among them.
    pub fn lacking(&self, mut ids: Vec<String>) -> Vec<String> {
        let parts = &self.conversation_parts;
        let is_cut = parts.total_count > parts.conversation_parts.len();
        ids.retain(|id| {
            let part = self.parts().find(|part| *id == format!("{}:{}", self.id, part.id));
            part.map_or(!is_cut, |part| part.text().is_none())
        });
        ids
    }

    /// Adds its messages, and the ids of those that were redacted.
    pub fn into_records(self, records: &mut Vec<Record>, gone: &mut Vec<String>) {
        let known: Vec<Person> =
            self.parts().filter_map(|part| part.author.clone()?.into_person()).collect();
        let mut customers = self.contacts.into_people();
        for customer in customers.iter_mut().flatten() {
            if let Some(named) = known.iter().find(|author| author.id == customer.id) {
                *customer = named.clone();
            }
        }
        let tags: Vec<String> = self.tags.tags.into_iter().map(|tag| tag.name).collect();
        let channel = self.source.as_ref().and_then(|source| source.channel.clone());
        let first = self.source.map(|source| {
            let created_at = self.created_at.or(source.created_at);
            Part { created_at, ..source }
        });
        for (at, part) in first
            .into_iter()
            .map(|part| (true, part))
            .chain(self.conversation_parts.conversation_parts.into_iter().map(|part| (false, part)))
        {
            let id = format!("{}:{}", self.id, part.id);
            if part.redacted {
                gone.push(id);
                continue;
            }
            let Some(text) = part.text() else { continue };
            let kind = match channel.as_deref() {
                Some("email") => MessageKind::Email,
                _ => MessageKind::Chat,
            };
            let files: Vec<_> = part.attachments.into_iter().map(File::into_attachment).collect();
            let message = Message {
                subject: part.subject.filter(|subject| at && !subject.is_empty()),
                text: Some(text),
                direction: part.author.as_ref().and_then(Author::direction),
                from: part.author.and_then(Author::into_person),
                participants: customers.clone(),
                thread_id: Some(self.id.clone()),
                channel: channel.clone().map(|name| Ref { name: Some(name), ..Ref::default() }),
                tags: Some(tags.clone()).filter(|tags| !tags.is_empty()),
                status: self.state.clone(),
                attachments: Some(files).filter(|files| !files.is_empty()),
                sent_at: part.created_at.and_then(time::epoch_seconds),
                ..Message::of(kind)
            };
            records.push(Record::new(id, message).at(&self.id));
        }
    }
}

impl File {
    fn into_attachment(self) -> Attachment {
        Attachment {
            file_name: self.name,
            mime_type: self.content_type,
            size: self.filesize,
            url: self.url,
            ..Attachment::default()
        }
    }
}

/// A moment by its seconds.
pub fn moment(seconds: Option<i64>) -> Option<Timestamp> {
    seconds.and_then(time::epoch_seconds)
}

/// An id: a text, or in some answers a number.
pub fn read_id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let id = read_maybe_id(from)?;
    id.ok_or_else(|| serde::de::Error::custom("no id"))
}

/// An id that may be missing.
pub fn read_maybe_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(id) if !id.is_empty() => Some(id),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    })
}
