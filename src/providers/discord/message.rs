//! Messages of Discord.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::places::{Place, Places};
use crate::{
    record::{Attachment, Message, MessageKind, Person, Reaction, Record},
    wire::{Many, time},
};

/// The first moment that an id can tell of: 2015, in milliseconds from 1970.
const EPOCH: i64 = 1_420_070_400_000;
/// The longest mention that is looked for, in bytes.
const LONGEST_MENTION: usize = 100;

/// A message, or a notice in its place.
#[derive(Deserialize)]
pub struct Item {
    pub id: String,
    #[serde(rename = "type", default)]
    kind: u32,
    #[serde(default)]
    content: String,
    author: Option<User>,
    #[serde(default, deserialize_with = "time::read_instant")]
    timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    edited_timestamp: Option<Timestamp>,
    #[serde(default)]
    mentions: Many<User>,
    #[serde(default)]
    attachments: Many<File>,
    #[serde(default)]
    reactions: Many<Reacted>,
    #[serde(default)]
    message_reference: Value,
    #[serde(default)]
    thread: Value,
    #[serde(default)]
    embeds: Value,
    #[serde(default)]
    message_snapshots: Value,
    #[serde(default)]
    sticker_items: Value,
    #[serde(default)]
    components: Value,
    #[serde(default)]
    poll: Value,
    #[serde(default)]
    activity: Value,
}

#[derive(Clone, Deserialize)]
struct User {
    id: String,
    username: Option<String>,
    global_name: Option<String>,
}

#[derive(Deserialize)]
struct File {
    id: String,
    filename: Option<String>,
    content_type: Option<String>,
    size: Option<i64>,
}

#[derive(Deserialize)]
struct Reacted {
    count: Option<i64>,
    emoji: Emoji,
}

#[derive(Deserialize)]
struct Emoji {
    name: Option<String>,
}

impl User {
    fn name(&self) -> Option<&str> {
        self.global_name.as_deref().or(self.username.as_deref())
    }

    fn person(self) -> Person {
        let name = self.name().map(str::to_owned);
        Person { id: Some(self.id), name, handle: self.username, email: None }
    }
}

impl Item {
    /// Whether somebody said it: not a notice of a join, a pin, or the head of a thread, which only points at the message
    /// above.
    pub const fn is_told(&self) -> bool {
        matches!(self.kind, 0 | 19 | 20 | 23)
    }

    /// Whether nothing is in it at all, which nobody can send.
    pub fn is_void(&self) -> bool {
        let parts = [
            &self.embeds,
            &self.message_snapshots,
            &self.sticker_items,
            &self.components,
            &self.poll,
            &self.activity,
        ];
        let empty = |of: &Value| of.is_null() || of.as_array().is_some_and(Vec::is_empty);
        !self.is_told()
            || (self.content.is_empty()
                && self.attachments.is_empty()
                && parts.into_iter().all(empty))
    }

    /// When it was sent, as its id tells where nothing else does.
    pub fn at(&self) -> Option<Timestamp> {
        let by_id = || {
            let millis = i64::try_from(self.id.parse::<u64>().ok()? >> 22).ok()?;
            let at = SignedDuration::from_millis(millis.checked_add(EPOCH)?);
            Timestamp::from_duration(at).ok()
        };
        self.timestamp.or_else(by_id)
    }

    /// What it says: its own text, else what it forwards, else what a bot put into cards.
    fn text(&self, places: &Places) -> Option<String> {
        let forwarded =
            self.message_snapshots.pointer("/0/message/content").and_then(Value::as_str);
        let text = match (self.content.as_str(), forwarded) {
            ("", Some(forwarded)) => forwarded,
            (own, _) => own,
        };
        if !text.is_empty() {
            return Some(written_out(text, &self.mentions, places));
        }
        let cards = self.embeds.as_array().into_iter().flatten();
        let lines = cards.flat_map(|card| {
            ["title", "description"].map(|key| card.get(key).and_then(Value::as_str))
        });
        let lines: Vec<&str> = lines.flatten().collect();
        (!lines.is_empty()).then(|| lines.join("\n\n"))
    }

    /// The message as a record; `feed` is the channel or thread that it was read in.
    pub fn into_record(self, feed: &str, place: &Place, places: &Places) -> Record {
        let (sent_at, text) = (self.at(), self.text(places));
        let id = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let referred = id(&self.message_reference, "message_id");
        let forwards = self.message_reference.get("type").and_then(Value::as_u64) == Some(1);
        let (reply, quote) = match (self.kind, forwards) {
            (19, _) => (referred, None),
            (_, true) => (None, referred),
            _ => (None, None),
        };
        let thread_id = place.is_thread.then(|| feed.to_owned());
        let files = self.attachments.into_iter().map(|file| Attachment {
            id: Some(file.id),
            file_name: file.filename,
            mime_type: file.content_type,
            size: file.size,
            url: None, // signed anew in each answer
        });
        let files: Vec<_> = files.collect();
        let reactions = self
            .reactions
            .into_iter()
            .filter_map(|of| Some(Reaction { name: of.emoji.name?, count: of.count }));
        let reactions: Vec<_> = reactions.collect();
        let mentioned: Vec<_> = self.mentions.into_iter().map(User::person).collect();
        let guild = place.guild.id.as_deref().unwrap_or("@me");
        let message = Message {
            text,
            from: self.author.map(User::person),
            participants: (!mentioned.is_empty()).then_some(mentioned),
            channel: Some(place.channel.clone()),
            workspace: Some(place.guild.clone()),
            thread_id: thread_id.or_else(|| id(&self.thread, "id")),
            in_reply_to: reply,
            quotes: quote,
            attachments: (!files.is_empty()).then_some(files),
            reactions: (!reactions.is_empty()).then_some(reactions),
            permalink: Some(format!("https://discord.com/channels/{guild}/{feed}/{}", self.id)),
            sent_at,
            updated_at: self.edited_timestamp,
            ..Message::of(MessageKind::Chat)
        };
        Record::new(self.id, message)
    }
}

/// A text with its mentions written out; what is not known stays as it is.
fn written_out(text: &str, people: &[User], places: &Places) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, from)) = rest.split_once('<') {
        out.push_str(before);
        let within = from.bytes().take(LONGEST_MENTION).position(|byte| byte == b'>');
        let mention = within.and_then(|end| Some((from.get(..end)?, from.get(end + 1..)?)));
        let read = mention.and_then(|(inner, after)| Some((name(inner, people, places)?, after)));
        if let Some((name, after)) = read {
            out.push_str(&name);
            rest = after;
        } else {
            out.push('<');
            rest = from;
        }
    }
    out.push_str(rest);
    out
}

/// What stands between `<` and `>` as a person reads it.
fn name(inner: &str, people: &[User], places: &Places) -> Option<String> {
    if let Some(id) = inner.strip_prefix("@!").or_else(|| inner.strip_prefix('@')) {
        let person = people.iter().find(|person| person.id == id)?;
        return Some(format!("@{}", person.name()?));
    }
    if let Some(id) = inner.strip_prefix('#') {
        return Some(format!("#{}", places.name(id)?));
    }
    let emoji = inner.strip_prefix("a:").or_else(|| inner.strip_prefix(':'))?;
    let (name, id) = emoji.split_once(':')?;
    let plain = !name.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| format!(":{name}:"))
}
