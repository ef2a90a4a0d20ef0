//! The five kinds of record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::parts::{
    Attachment, Attendee, Comment, Conference, CustomFields, EngagementStats, Media, Moment,
    Person, Reaction, Ref, Sharing,
};

/// The type of a record (`records.type`).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    /// Something said: a mail, a chat line, a post.
    Message,
    /// A picture, film, file or folder.
    MediaAsset,
    /// A page, row, deal, lead.
    Note,
    /// Something to be done.
    Task,
    /// Something that takes place.
    Event,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Message, Self::MediaAsset, Self::Note, Self::Task, Self::Event];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::MediaAsset => "media_asset",
            Self::Note => "note",
            Self::Task => "task",
            Self::Event => "event",
        }
    }

    /// The kind that a stored word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a record says; its variant is the record's type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Properties {
    /// A message.
    Message(Box<Message>),
    /// A media asset.
    MediaAsset(Box<MediaAsset>),
    /// A note.
    Note(Box<Note>),
    /// A task.
    Task(Box<Task>),
    /// An event.
    Event(Box<Event>),
}

/// What sort of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum MessageKind {
    Email,
    Chat,
    Post,
    Comment,
    Broadcast,
    Conversation,
    Article,
}

/// Whether the account's owner got it or sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// Something said.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the product's schema of records names and explains them")]
pub struct Message {
    pub kind: MessageKind,
    pub subject: Option<String>,
    pub text: Option<String>,
    pub snippet: Option<String>,
    pub from: Option<Person>,
    pub to: Option<Vec<Person>>,
    pub cc: Option<Vec<Person>>,
    pub bcc: Option<Vec<Person>>,
    pub participants: Option<Vec<Person>>,
    pub thread_id: Option<String>,
    /// `external_id` of the message that it answers or quotes.
    pub in_reply_to: Option<String>,
    /// `external_id` of the message that it quotes.
    pub quotes: Option<String>,
    pub channel: Option<Ref>,
    pub workspace: Option<Ref>,
    pub label_ids: Option<Vec<String>>,
    pub tags: Option<Vec<String>>,
    pub status: Option<String>,
    pub is_read: Option<bool>,
    pub direction: Option<Direction>,
    pub attachments: Option<Vec<Attachment>>,
    pub media: Option<Vec<Media>>,
    pub reactions: Option<Vec<Reaction>>,
    pub engagement_stats: Option<EngagementStats>,
    pub location: Option<String>,
    pub language: Option<String>,
    pub permalink: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

/// What sort of media asset it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum MediaAssetKind {
    Image,
    Video,
    Audio,
    Gif,
    Album,
    Story,
    File,
    Folder,
    Recording,
    Playlist,
    Transcript,
}

/// A picture, film, file or folder.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the product's schema of records names and explains them")]
pub struct MediaAsset {
    pub kind: MediaAssetKind,
    pub title: Option<String>,
    pub caption: Option<String>,
    pub file_name: Option<String>,
    pub mime_type: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    pub checksum: Option<String>,
    pub version: Option<String>,
    pub sharing: Option<Sharing>,
    pub parent: Option<Ref>,
    pub path: Option<String>,
    pub author: Option<Person>,
    pub owner: Option<Person>,
    pub comments: Option<Vec<Comment>>,
    pub media: Option<Vec<Media>>,
    pub tags: Option<Vec<String>>,
    pub engagement_stats: Option<EngagementStats>,
    /// `external_id` of the event that it records.
    pub event_id: Option<String>,
    pub duration_seconds: Option<f64>,
    pub location: Option<String>,
    pub permalink: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

/// A page, row, deal, lead.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the product's schema of records names and explains them")]
pub struct Note {
    /// The vendor's word: page, row, lead, deal, post …
    pub kind: Option<String>,
    pub title: Option<String>,
    pub content: Option<String>,
    pub workspace: Option<Ref>,
    pub parent: Option<Ref>,
    pub author: Option<Person>,
    pub owner: Option<Person>,
    pub participants: Option<Vec<Person>>,
    pub tags: Option<Vec<String>>,
    pub status: Option<String>,
    pub version: Option<String>,
    pub attachments: Option<Vec<Attachment>>,
    pub media: Option<Vec<Media>>,
    pub custom_fields: Option<CustomFields>,
    pub engagement_stats: Option<EngagementStats>,
    pub url: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

/// Something to be done.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the product's schema of records names and explains them")]
pub struct Task {
    /// The vendor's word: issue, card, ticket, to-do, item …
    pub kind: Option<String>,
    pub name: String,
    /// The short name that people use, as ABC-12.
    pub key: Option<String>,
    pub description: Option<String>,
    /// The vendor's own word for it.
    pub status: Option<String>,
    pub completed: Option<bool>,
    pub priority: Option<String>,
    pub assignee: Option<Person>,
    /// Where the vendor has several; `assignee` is then the first.
    pub assignees: Option<Vec<Person>>,
    pub reporter: Option<Person>,
    pub due_on: Option<Moment>,
    pub start_on: Option<Moment>,
    pub project: Option<Ref>,
    pub section: Option<Ref>,
    pub sprint: Option<Ref>,
    pub workspace: Option<Ref>,
    pub parent_id: Option<String>,
    pub tags: Option<Vec<String>>,
    pub custom_fields: Option<CustomFields>,
    pub comments: Option<Vec<Comment>>,
    pub attachments: Option<Vec<Attachment>>,
    pub participants: Option<Vec<Person>>,
    pub recurrence: Option<Vec<String>>,
    pub url: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
}

/// How sure it is that an event takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum EventStatus {
    Confirmed,
    Tentative,
    Cancelled,
}

/// Something that takes place.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the product's schema of records names and explains them")]
pub struct Event {
    pub title: Option<String>,
    pub description: Option<String>,
    pub start: Moment,
    pub end: Option<Moment>,
    pub all_day: Option<bool>,
    /// IANA name.
    pub time_zone: Option<String>,
    pub status: Option<EventStatus>,
    pub organizer: Option<Person>,
    pub attendees: Option<Vec<Attendee>>,
    pub location: Option<String>,
    pub conference: Option<Conference>,
    /// iCalendar RRULE, EXDATE and RDATE lines.
    pub recurrence: Option<Vec<String>>,
    pub recurring_event_id: Option<String>,
    pub calendar: Option<Ref>,
    pub tags: Option<Vec<String>>,
    pub custom_fields: Option<CustomFields>,
    pub url: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

impl Message {
    /// A message of this sort with nothing else known; fill it by `Message { text, ..Message::of(kind) }`.
    pub fn of(kind: MessageKind) -> Self {
        Self {
            kind,
            subject: None,
            text: None,
            snippet: None,
            from: None,
            to: None,
            cc: None,
            bcc: None,
            participants: None,
            thread_id: None,
            in_reply_to: None,
            quotes: None,
            channel: None,
            workspace: None,
            label_ids: None,
            tags: None,
            status: None,
            is_read: None,
            direction: None,
            attachments: None,
            media: None,
            reactions: None,
            engagement_stats: None,
            location: None,
            language: None,
            permalink: None,
            sent_at: None,
            updated_at: None,
        }
    }
}

impl MediaAsset {
    /// An asset of this sort with nothing else known.
    pub fn of(kind: MediaAssetKind) -> Self {
        Self {
            kind,
            title: None,
            caption: None,
            file_name: None,
            mime_type: None,
            size: None,
            checksum: None,
            version: None,
            sharing: None,
            parent: None,
            path: None,
            author: None,
            owner: None,
            comments: None,
            media: None,
            tags: None,
            engagement_stats: None,
            event_id: None,
            duration_seconds: None,
            location: None,
            permalink: None,
            created_at: None,
            updated_at: None,
            expires_at: None,
        }
    }
}

impl Event {
    /// An event that begins then, with nothing else known.
    pub fn starting(start: Moment) -> Self {
        Self {
            title: None,
            description: None,
            start,
            end: None,
            all_day: None,
            time_zone: None,
            status: None,
            organizer: None,
            attendees: None,
            location: None,
            conference: None,
            recurrence: None,
            recurring_event_id: None,
            calendar: None,
            tags: None,
            custom_fields: None,
            url: None,
            created_at: None,
            updated_at: None,
        }
    }

    /// Whether it goes on at that moment, or may: when a series ends is not said by its beginning and end.
    pub fn lasts_until(&self, moment: Timestamp) -> bool {
        let end = self.end.as_ref().unwrap_or(&self.start).instant();
        self.recurrence.is_some() || end.is_none_or(|end| end >= moment)
    }
}

macro_rules! into_properties {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Properties {
            fn from(of: $kind) -> Self {
                Self::$kind(Box::new(of))
            }
        }
    )*};
}
into_properties!(Message, MediaAsset, Note, Task, Event);

impl Properties {
    /// The record's type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Message(_) => Kind::Message,
            Self::MediaAsset(_) => Kind::MediaAsset,
            Self::Note(_) => Kind::Note,
            Self::Task(_) => Kind::Task,
            Self::Event(_) => Kind::Event,
        }
    }

    /// Reads stored properties of this kind back.
    ///
    /// # Errors
    /// When the stored JSON no longer has the shape of the kind.
    pub fn parse(kind: Kind, stored: serde_json::Value) -> serde_json::Result<Self> {
        Ok(match kind {
            Kind::Message => Self::Message(serde_json::from_value(stored)?),
            Kind::MediaAsset => Self::MediaAsset(serde_json::from_value(stored)?),
            Kind::Note => Self::Note(serde_json::from_value(stored)?),
            Kind::Task => Self::Task(serde_json::from_value(stored)?),
            Kind::Event => Self::Event(serde_json::from_value(stored)?),
        })
    }

    /// When it took place: what listings are bounded and results ordered by (`records.occurred_at`).
    pub fn occurred_at(&self) -> Option<Timestamp> {
        match self {
            Self::Message(of) => of.sent_at,
            Self::MediaAsset(of) => of.created_at,
            Self::Note(of) => of.created_at,
            Self::Task(of) => of.created_at,
            Self::Event(of) => of.start.instant(),
        }
    }

    /// What a person calls it: subject, title, name or file name.
    pub fn title(&self) -> Option<&str> {
        let title = match self {
            Self::Message(of) => of.subject.as_deref(),
            Self::MediaAsset(of) => of.title.as_deref().or(of.file_name.as_deref()),
            Self::Note(of) => of.title.as_deref(),
            Self::Task(of) => Some(of.name.as_str()),
            Self::Event(of) => of.title.as_deref(),
        };
        title.filter(|text| !text.is_empty())
    }

    /// Its text: body, content or description.
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::Message(of) => of.text.as_deref(),
            Self::MediaAsset(of) => of.caption.as_deref(),
            Self::Note(of) => of.content.as_deref(),
            Self::Task(of) => of.description.as_deref(),
            Self::Event(of) => of.description.as_deref(),
        }
    }

    /// Its address at the vendor's, for a person.
    pub fn permalink(&self) -> Option<&str> {
        match self {
            Self::Message(of) => of.permalink.as_deref(),
            Self::MediaAsset(of) => of.permalink.as_deref(),
            Self::Note(of) => of.url.as_deref(),
            Self::Task(of) => of.url.as_deref(),
            Self::Event(of) => of.url.as_deref(),
        }
    }

    /// Leaves the texts out, for a connector with `bodies: false`.
    pub fn drop_body(&mut self) {
        match self {
            Self::Message(of) => (of.text, of.snippet) = (None, None),
            Self::MediaAsset(of) => (of.caption, of.comments) = (None, None),
            Self::Note(of) => of.content = None,
            Self::Task(of) => (of.description, of.comments) = (None, None),
            Self::Event(of) => of.description = None,
        }
    }

    /// Addresses of the files that belong to it (`records.file_urls`).
    pub fn file_urls(&self) -> Vec<&str> {
        let none: (&[Attachment], &[Media]) = (&[], &[]);
        let (attachments, media) = match self {
            Self::Message(of) => (
                of.attachments.as_deref().unwrap_or_default(),
                of.media.as_deref().unwrap_or_default(),
            ),
            Self::MediaAsset(of) => (none.0, of.media.as_deref().unwrap_or_default()),
            Self::Note(of) => (
                of.attachments.as_deref().unwrap_or_default(),
                of.media.as_deref().unwrap_or_default(),
            ),
            Self::Task(of) => (of.attachments.as_deref().unwrap_or_default(), none.1),
            Self::Event(_) => none,
        };
        let files = attachments.iter().filter_map(|a| a.url.as_deref());
        files.chain(media.iter().filter_map(|m| m.url.as_deref())).collect()
    }
}
