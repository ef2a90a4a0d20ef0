//! A message of Front as a record.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{
    record::{self, Attachment, Direction, MessageKind, Person, Record, Ref},
    wire::{Many, html, time},
};

/// What messages belong to.
#[derive(Deserialize)]
pub struct Conversation {
    pub id: String,
    /// `discussion` and `task` are internal.
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    #[serde(default)]
    tags: Many<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

/// A message.
#[derive(Deserialize)]
pub struct Message {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    is_inbound: Option<bool>,
    /// Absent once it is sent.
    draft_mode: Option<String>,
    created_at: Option<Number>,
    subject: Option<String>,
    body: Option<String>,
    text: Option<String>,
    #[serde(default)]
    recipients: Many<Recipient>,
    #[serde(default)]
    attachments: Many<File>,
    #[serde(rename = "_links", default)]
    links: Value,
}

#[derive(Deserialize)]
struct Recipient {
    handle: Option<String>,
    name: Option<String>,
    #[serde(default)]
    role: String,
}

#[derive(Deserialize)]
struct File {
    id: Option<String>,
    filename: Option<String>,
    content_type: Option<String>,
    size: Option<i64>,
    url: Option<String>,
}

/// A time of Front's: seconds with decimals, whose milliseconds a binary fraction misses by a little.
#[expect(clippy::cast_possible_truncation, reason = "what is out of range is no time, below")]
pub fn at(seconds: &Number) -> Option<Timestamp> {
    let millis = (seconds.as_f64()? * 1_000.0).round() as i64;
    time::epoch_millis(&millis.to_string())
}

impl Conversation {
    /// Whether it lies in the trash.
    pub fn is_trashed(&self) -> bool {
        matches!(self.status.as_deref(), Some("deleted" | "trashed"))
    }

    /// Whether its messages are read: not those of internal discussions, nor of the trash.
    pub fn is_read(&self) -> bool {
        !self.is_trashed() && self.kind.as_deref().is_none_or(|kind| kind == "conversation")
    }
}

impl Message {
    /// The id at the end of a related thing's address.
    fn related(&self, name: &str) -> Option<&str> {
        let address = self.links.get("related")?.get(name)?.as_str()?;
        address.rsplit('/').next().filter(|id| !id.is_empty())
    }

    /// The conversation it is in.
    pub fn conversation(&self) -> Option<&str> {
        self.related("conversation")
    }

    /// The message as a record; a draft is none.
    pub fn record(self, of: &Conversation) -> Option<Record> {
        if self.draft_mode.is_some() {
            return None;
        }
        let is_email = self.kind.as_deref() == Some("email");
        let in_reply_to = self.related("message_replied_to").map(str::to_owned);
        let people = |role: &str| -> Vec<Person> {
            let own = self.recipients.iter().filter(|of| of.role == role);
            own.filter_map(|of| of.person(is_email)).collect()
        };
        let (from, to, cc, bcc) = (people("from"), people("to"), people("cc"), people("bcc"));
        let some = |people: Vec<Person>| Some(people).filter(|people| !people.is_empty());
        let text = self.text.filter(|text| !text.trim().is_empty());
        let text =
            text.or_else(|| Some(html::to_markdown(&self.body?)).filter(|text| !text.is_empty()));
        let message = record::Message {
            subject: self.subject.filter(|subject| !subject.is_empty()),
            text,
            from: from.into_iter().next(),
            to: some(to),
            cc: some(cc),
            bcc: some(bcc),
            thread_id: Some(of.id.clone()),
            in_reply_to,
            channel: Ref { name: self.kind, ..Ref::default() }.known(),
            tags: Some(of.tags.iter().map(|tag| tag.name.clone()).collect()),
            direction: self.is_inbound.map(|is| if is { Direction::In } else { Direction::Out }),
            attachments: Some(self.attachments.into_iter().map(Attachment::from).collect()),
            sent_at: self.created_at.as_ref().and_then(at),
            ..record::Message::of(if is_email { MessageKind::Email } else { MessageKind::Chat })
        };
        Some(Record::new(self.id, message).at(&*of.id))
    }
}

impl Recipient {
    fn person(&self, is_email: bool) -> Option<Person> {
        let (handle, name) = (self.handle.clone(), self.name.clone());
        let (email, handle) = if is_email { (handle, None) } else { (None, handle) };
        Person { id: None, name, email, handle }.known()
    }
}

impl From<File> for Attachment {
    fn from(of: File) -> Self {
        let File { id, filename, content_type, size, url } = of;
        Self { id, file_name: filename, mime_type: content_type, size, url }
    }
}
