//! Line: the messages that users send to an official account.
//!
//! Facts: LINE Developers, "Receive messages (webhook)", "Verify webhook signature", "Messaging API reference".

mod spec;
#[cfg(test)]
mod tests;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use crate::{
    error::{Error, Result},
    http::{Call, Client, each},
    provider::{Account, Feed, Heard, Incoming, Next, Page, Provider, spec::Spec},
    record::{Attachment, Direction, Media, MediaType, Message, MessageKind, Person, Record, Ref},
    wire::{Many, time},
};

const API: &str = "https://api.line.me/v2/bot";
/// Events whose names are looked up at once.
const AT_ONCE: usize = 8;

/// The client of Line.
pub struct Line;

impl Provider for Line {
    type Cursor = ();

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me: Bot = call(client, "/info")?.json().await?;
        let label = me.display_name.unwrap_or_else(|| me.user_id.clone());
        Ok(Account::new(me.user_id, label).or_known_as(me.basic_id))
    }

    /// Nothing can be listed.
    async fn page(&self, _: &Client, _: &Feed, _: Option<()>) -> Result<Page<()>> {
        Ok(Page::new(Vec::<Record>::new(), Next::Relist))
    }

    /// What is delivered again is marked as such, so that its bytes differ: its events keep their ids.
    fn hear(&self, incoming: &Incoming<'_>) -> Heard {
        let tag = incoming.header("x-line-signature");
        let tag = tag.and_then(|tag| BASE64_STANDARD.decode(tag).ok());
        let signed = tag.is_some_and(|tag| incoming.is_signed("channel_secret", &tag));
        if !incoming.is_post || !signed {
            return Heard::Refused;
        }
        let events = serde_json::from_slice::<Payload>(incoming.body).map(|sent| sent.events.items);
        let events = events.unwrap_or_default().into_iter();
        let ids: Option<Vec<String>> = events.map(|event| event.webhook_event_id).collect();
        Heard::Delivery { key: ids.map(|ids| ids.join(" ")).filter(|key| !key.is_empty()) }
    }

    async fn delivered(&self, client: &Client, body: &[u8]) -> Result<Page<()>> {
        let sent: Payload = serde_json::from_slice(body)
            .map_err(|cause| Error::unexpected("a delivery", cause.to_string()))?;
        let (skipped, events) = (sent.events.skipped, sent.events.items);
        let unsent =
            events.iter().filter_map(|event| Some(event.unsend.as_ref()?.message_id.clone()));
        let unsent: Vec<String> = unsent.collect();
        let said = each(events, AT_ONCE, |event| record(client, event)).await?;
        Ok(Page::loose(said.into_iter().flatten()).removing(unsent).skipping(skipped))
    }
}

fn call(client: &Client, path: &str) -> Result<Call> {
    let token = client.secret("channel_access_token");
    let token = token.ok_or_else(|| Error::Reconnect("there is no channel access token".into()))?;
    Ok(client.get(format!("{API}{path}")).bearer(token))
}

/// The message of an event, if it is one of a message.
async fn record(client: &Client, event: Event) -> Result<Option<Record>> {
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

/// The name behind an address, where Line tells it: not that of people who have left, or who are not the account's friends.
async fn name(client: &Client, path: String) -> Result<Option<String>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
    if !path.chars().all(plain) {
        return Ok(None); // an id that is none, and would make another address
    }
    let asked = client.once(&path, || async {
        match call(client, &path)?.json::<Named>().await {
            Ok(named) => Ok(named.name),
            Err(Error::NotFound | Error::Forbidden(_)) => Ok(None),
            Err(other) => Err(other),
        }
    });
    Ok(asked.await?.as_ref().clone())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bot {
    user_id: String,
    basic_id: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(alias = "displayName", alias = "groupName")]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    events: Many<Event>,
}

/// Of a message, of one that was taken back, or of something else that makes no record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    webhook_event_id: Option<String>,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    source: Option<Source>,
    message: Option<Said>,
    unsend: Option<Unsend>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are Line's")]
struct Source {
    user_id: Option<String>,
    group_id: Option<String>,
    room_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unsend {
    message_id: String,
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
