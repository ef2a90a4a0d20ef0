//! An event of Line's as a record.
//!
//! Facts: LINE Developers, "Receive messages (webhook)", "Messaging API reference".

use serde::Deserialize;

use super::calls::name;
use crate::{
    error::Result,
    http::Client,
    record::{Attachment, Direction, Media, MediaType, Message, MessageKind, Person, Record, Ref},
    wire::time,
};

/// Of a message, of one that was taken back, or of something else that makes no record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub webhook_event_id: Option<String>,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    source: Option<Source>,
    message: Option<Said>,
    pub unsend: Option<Unsend>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are Line's")]
struct Source {
    user_id: Option<String>,
    group_id: Option<String>,
    room_id: Option<String>,
}

/// What a user took back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsend {
    pub message_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    id: String,
    #[serde(default, rename = "type")]
    kind: String,
    text: Option<String>,
    quoted_message_id: Option<String>,
    content_provider: Option<Content>,
    /// Milliseconds.
    duration: Option<f64>,
    file_name: Option<String>,
    file_size: Option<i64>,
    title: Option<String>,
    address: Option<String>,
}

/// Where the bytes are; without addresses they are asked for by the message's id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    original_content_url: Option<String>,
    preview_image_url: Option<String>,
}

/// The message of an event, if it is one of a message.
pub async fn record(client: &Client, event: Event) -> Result<Option<Record>> {
    let (Some(said), Some(source)) = (event.message, event.source) else { return Ok(None) };
    let (user, group, room) = (source.user_id, source.group_id, source.room_id);
    let people = match (&group, &room) {
        (Some(group), _) => format!("/group/{group}/member"),
        (None, Some(room)) => format!("/room/{room}/member"),
        (None, None) => "/profile".to_owned(),
    };
    let who = match &user {
        Some(user) => name(client, format!("{people}/{user}")).await?,
        None => None,
    };
    let channel = match (group, room) {
        (Some(group), _) => {
            let name = name(client, format!("/group/{group}/summary")).await?;
            Ref { id: Some(group), name, url: None }
        }
        (None, Some(room)) => Ref { id: Some(room), ..Ref::default() },
        (None, None) => Ref { id: user.clone(), name: who.clone(), url: None },
    };
    let message = Message {
        direction: Some(Direction::In),
        from: user.and_then(|user| Person::named(Some(user), who)),
        thread_id: channel.id.clone(),
        channel: channel.known(),
        sent_at: event.timestamp.and_then(|at| time::epoch_millis(&at.to_string())),
        media: said.media().map(|media| vec![media]),
        attachments: said.file().map(|file| vec![file]),
        location: said.place(),
        in_reply_to: said.quoted_message_id,
        text: said.text,
        ..Message::of(MessageKind::Chat)
    };
    Ok(Some(Record::new(said.id, message)))
}

impl Said {
    fn media(&self) -> Option<Media> {
        let kind = match self.kind.as_str() {
            "image" => MediaType::Image,
            "video" => MediaType::Video,
            "audio" => MediaType::Audio,
            _ => return None,
        };
        let elsewhere = self.content_provider.as_ref();
        Some(Media {
            id: Some(self.id.clone()),
            url: elsewhere.and_then(|of| of.original_content_url.clone()),
            thumbnail_url: elsewhere.and_then(|of| of.preview_image_url.clone()),
            duration_seconds: self.duration.map(|millis| millis / 1000.0),
            ..Media::of(kind)
        })
    }

    fn file(&self) -> Option<Attachment> {
        (self.kind == "file").then(|| Attachment {
            id: Some(self.id.clone()),
            file_name: self.file_name.clone(),
            size: self.file_size,
            ..Attachment::default()
        })
    }

    fn place(&self) -> Option<String> {
        let said = [&self.title, &self.address].into_iter().flatten().map(String::as_str);
        let said: Vec<&str> = said.collect();
        Some(said.join(", ")).filter(|place| self.kind == "location" && !place.is_empty())
    }
}
