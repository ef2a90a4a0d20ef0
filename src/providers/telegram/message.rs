//! A Telegram message as a record.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    record::{self, Attachment, MessageKind, Person, Record, Ref},
    wire::{Many, time},
};

/// Links of one message that are written out; Telegram takes a hundred entities.
const LINKS: usize = 100;

/// A message of any sort.
#[derive(Deserialize)]
pub struct Said {
    /// Unique in its chat.
    message_id: i64,
    chat: Chat,
    #[serde(default, deserialize_with = "lenient")]
    from: Option<Chat>,
    #[serde(default, deserialize_with = "lenient")]
    sender_chat: Option<Chat>,
    #[serde(default, deserialize_with = "lenient")]
    date: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    edit_date: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    text: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    caption: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    entities: Option<Many<Entity>>,
    #[serde(default, deserialize_with = "lenient")]
    caption_entities: Option<Many<Entity>>,
    #[serde(default, deserialize_with = "lenient")]
    reply_to_message: Option<Quoted>,
    #[serde(default, deserialize_with = "lenient")]
    is_topic_message: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    message_thread_id: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    photo: Option<Many<Enclosed>>,
    #[serde(default, deserialize_with = "lenient")]
    document: Option<Enclosed>,
    #[serde(default, deserialize_with = "lenient")]
    video: Option<Enclosed>,
    #[serde(default, deserialize_with = "lenient")]
    voice: Option<Enclosed>,
    #[serde(default, deserialize_with = "lenient")]
    audio: Option<Enclosed>,
    #[serde(default, deserialize_with = "lenient")]
    animation: Option<Enclosed>,
    #[serde(default, deserialize_with = "lenient")]
    video_note: Option<Enclosed>,
    #[serde(default, deserialize_with = "lenient")]
    sticker: Option<Enclosed>,
}

/// A field that is left out where it is not what the API promises: the message is kept.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

/// A person, a bot, a group or a channel.
#[derive(Deserialize)]
struct Chat {
    id: i64,
    title: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Quoted {
    message_id: i64,
}

/// A part of a text; its place counts UTF-16 units.
#[derive(Deserialize)]
struct Entity {
    #[serde(rename = "type")]
    kind: String,
    offset: usize,
    length: usize,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Enclosed {
    file_unique_id: Option<String>,
    file_name: Option<String>,
    mime_type: Option<String>,
    file_size: Option<i64>,
    width: Option<i64>,
}

/// Messages that were deleted in a chat of a business.
#[derive(Deserialize)]
pub struct Deleted {
    chat: Chat,
    #[serde(default)]
    message_ids: Vec<i64>,
}

impl Deleted {
    /// The ids of their records.
    pub fn ids(&self) -> Vec<String> {
        self.message_ids.iter().map(|id| self.chat.id_of(*id)).collect()
    }
}

impl Chat {
    /// What is unique in a chat only, with its chat.
    fn id_of(&self, id: i64) -> String {
        format!("{}:{id}", self.id)
    }

    fn name(&self) -> Option<String> {
        let names = [&self.title, &self.first_name, &self.last_name];
        let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        Some(names.join(" ").trim().to_owned()).filter(|name| !name.is_empty())
    }

    fn person(&self) -> Person {
        Person {
            id: Some(self.id.to_string()),
            name: self.name(),
            handle: self.username.clone(),
            email: None,
        }
    }
}

impl From<Enclosed> for Attachment {
    fn from(of: Enclosed) -> Self {
        Self {
            id: of.file_unique_id,
            file_name: of.file_name,
            mime_type: of.mime_type,
            size: of.file_size,
            url: None, // it would hold the token
        }
    }
}

impl Said {
    /// As a record; nothing where Telegram only says that something happened to the chat.
    pub fn record(self, kind: MessageKind) -> Option<Record> {
        let (text, entities) = match (self.text, self.caption) {
            (Some(text), _) => (Some(text), self.entities),
            (None, caption) => (caption, self.caption_entities),
        };
        let photo = self.photo.and_then(|sizes| sizes.into_iter().max_by_key(|size| size.width));
        // An animation comes as a document, too.
        let document = self.document.filter(|_| self.animation.is_none());
        let files = [photo, document, self.video, self.voice, self.audio, self.animation];
        let files = files.into_iter().chain([self.video_note, self.sticker]).flatten();
        let files: Vec<Attachment> = files.map(Into::into).collect();
        if text.is_none() && files.is_empty() {
            return None;
        }
        let chat = &self.chat;
        let id = chat.id_of(self.message_id);
        let from = self.from.or(self.sender_chat).map(|from| from.person());
        let topic = self.message_thread_id.filter(|_| self.is_topic_message == Some(true));
        let shown = chat.username.as_ref().filter(|_| chat.kind.as_deref() != Some("private"));
        let message = record::Message {
            text: text.map(|text| linked(&text, entities.unwrap_or_default())),
            from,
            thread_id: topic.map(|topic| chat.id_of(topic)),
            in_reply_to: self.reply_to_message.map(|of| chat.id_of(of.message_id)),
            channel: Some(Ref { id: Some(chat.id.to_string()), name: chat.name(), url: None }),
            attachments: Some(files).filter(|files| !files.is_empty()),
            permalink: shown.map(|name| format!("https://t.me/{name}/{}", self.message_id)),
            sent_at: self.date.and_then(time::epoch_seconds),
            updated_at: self.edit_date.and_then(time::epoch_seconds),
            ..record::Message::of(kind)
        };
        Some(Record::new(id, message))
    }
}

/// A text with the addresses that hide behind its words.
fn linked(text: &str, entities: Many<Entity>) -> String {
    let links = entities.into_iter().filter(|of| of.kind == "text_link" && of.length > 0);
    let mut links: Vec<(usize, usize, String)> = links
        .filter_map(|of| Some((of.offset, of.offset.checked_add(of.length)?, of.url?)))
        .take(LINKS)
        .collect();
    links.sort_unstable();
    let mut links = links.into_iter().peekable();
    let (mut out, mut at, mut open) = (String::with_capacity(text.len()), 0, None);
    for char in text.chars() {
        if open.is_none()
            && let Some((_, end, url)) = links.next_if(|(start, ..)| *start <= at)
        {
            out.push('[');
            open = Some((end, url));
        }
        out.push(char);
        at += char.len_utf16();
        if let Some((_, url)) = open.take_if(|(end, _)| *end <= at) {
            out.extend(["](", &url, ")"]);
        }
    }
    if let Some((_, url)) = open {
        out.extend(["](", &url, ")"]);
    }
    out
}
