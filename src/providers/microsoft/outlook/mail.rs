//! A mail of Outlook's as a record.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::super::{Body, Recipient};
use crate::{
    record::{Attachment, Message, MessageKind, Person, Record},
    wire::{Many, time},
};

/// What is asked for of a mail. Whether it is read is told only to those who ask for it.
pub const FIELDS: &str = "id,subject,body,bodyPreview,from,toRecipients,ccRecipients,bccRecipients,parentFolderId,\
    categories,conversationId,sentDateTime,receivedDateTime,lastModifiedDateTime,isRead,isDraft,webLink,hasAttachments";

/// message resource. Of one that changed a feed may name only what did.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    id: String,
    #[serde(default)]
    subject: Subject,
    body: Option<Body>,
    body_preview: Option<String>,
    from: Option<Recipient>,
    #[serde(default)]
    to_recipients: Many<Recipient>,
    #[serde(default)]
    cc_recipients: Many<Recipient>,
    #[serde(default)]
    bcc_recipients: Many<Recipient>,
    parent_folder_id: Option<String>,
    categories: Option<Vec<String>>,
    conversation_id: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    sent_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    received_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    last_modified_date_time: Option<Timestamp>,
    is_read: Option<bool>,
    is_draft: Option<bool>,
    web_link: Option<String>,
    has_attachments: Option<bool>,
}

/// What is said of a subject.
#[derive(Default)]
enum Subject {
    /// Nothing: the feed names only what changed.
    #[default]
    Unsaid,
    /// This, or that there is none.
    Said(Option<String>),
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::Said)
    }
}

impl Subject {
    fn is_said(&self) -> bool {
        matches!(self, Self::Said(_))
    }

    fn text(self) -> String {
        match self {
            Self::Said(text) => text.unwrap_or_default(),
            Self::Unsaid => String::new(),
        }
    }
}

/// attachment resource, without what it holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    id: Option<String>,
    name: Option<String>,
    content_type: Option<String>,
    size: Option<i64>,
    /// A part of the text's look.
    #[serde(default)]
    is_inline: bool,
}

impl Mail {
    /// Its immutable id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it was never sent.
    pub fn is_draft(&self) -> bool {
        self.is_draft == Some(true)
    }

    /// Whether all is said of it.
    pub fn is_whole(&self) -> bool {
        self.subject.is_said() && self.body.is_some()
    }

    /// The news, where the feed says no more than that it was read, or is to be read again.
    pub fn read_mark(&self) -> Option<bool> {
        let more = self.subject.is_said()
            || self.body.is_some()
            || self.categories.is_some()
            || self.has_attachments.is_some()
            || self.last_modified_date_time.is_some();
        self.is_read.filter(|_| !more)
    }

    /// Whether that is its folder.
    pub fn lies_in(&self, folder: &str) -> bool {
        self.parent_folder_id.as_deref() == Some(folder)
    }

    /// Whether a list of attachments is worth asking for: it has one that is no part of the text.
    pub fn has_attachments(&self) -> bool {
        self.has_attachments == Some(true)
    }

    /// The mail with its attachments.
    pub fn into_record(self, attached: Vec<Attached>) -> Record {
        let people = |list: Many<Recipient>| -> Option<Vec<Person>> {
            let people: Vec<Person> = list.into_iter().filter_map(Recipient::person).collect();
            (!people.is_empty()).then_some(people)
        };
        let files = attached.into_iter().filter(|of| !of.is_inline).map(|of| Attachment {
            id: of.id,
            file_name: of.name,
            mime_type: of.content_type,
            size: of.size,
            url: None,
        });
        let files: Vec<Attachment> = files.collect();
        let message = Message {
            subject: Some(self.subject.text()),
            text: self.body.and_then(Body::text),
            snippet: self.body_preview,
            from: self.from.and_then(Recipient::person),
            to: people(self.to_recipients),
            cc: people(self.cc_recipients),
            bcc: people(self.bcc_recipients),
            label_ids: self.parent_folder_id.map(|folder| vec![folder]),
            tags: self.categories.filter(|tags| !tags.is_empty()),
            thread_id: self.conversation_id,
            sent_at: self.sent_date_time.or(self.received_date_time),
            updated_at: self.last_modified_date_time,
            is_read: self.is_read,
            permalink: self.web_link,
            attachments: (!files.is_empty()).then_some(files),
            ..Message::of(MessageKind::Email)
        };
        Record::new(self.id, message)
    }
}
