//! A message of Teams' as a record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    super::{Body, IdentitySet},
    rooms::Room,
};
use crate::{
    record::{Attachment, Message, MessageKind, Reaction, Record},
    wire::{Many, html, time},
};

/// chatMessage resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// Milliseconds, unique within a channel or chat.
    id: String,
    reply_to_id: Option<String>,
    message_type: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_date_time: Option<Timestamp>,
    /// Reactions move it, too.
    #[serde(default, deserialize_with = "time::read_instant")]
    last_modified_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    last_edited_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    deleted_date_time: Option<Timestamp>,
    subject: Option<String>,
    body: Option<Body>,
    from: Option<IdentitySet>,
    web_url: Option<String>,
    #[serde(default)]
    attachments: Many<Attached>,
    #[serde(default)]
    reactions: Many<Reacted>,
    /// Of a post that came with them.
    replies: Option<Many<ChatMessage>>,
    #[serde(rename = "replies@odata.nextLink")]
    more_replies: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
    id: Option<String>,
    content_type: Option<String>,
    name: Option<String>,
    content_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reacted {
    reaction_type: String,
}

/// What a message is.
pub enum Said {
    /// One of a person's or a program's.
    Message(Record),
    /// One that was deleted; it may come back.
    Deleted(String),
    /// Something that Teams says of itself.
    Nothing,
}

impl ChatMessage {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was last changed.
    pub fn changed(&self) -> Option<Timestamp> {
        self.last_modified_date_time
    }

    /// Takes the replies that came with it, and the link to the others; none at all where it came without.
    pub fn take_replies(&mut self) -> (Option<Many<Self>>, Option<String>) {
        (self.replies.take(), self.more_replies.take())
    }

    /// What it is.
    pub fn read(self, room: &Room) -> Said {
        let key = room.key(&self.id);
        if self.deleted_date_time.is_some() {
            return Said::Deleted(key);
        }
        if self.message_type.as_deref().is_some_and(|kind| kind != "message") {
            return Said::Nothing;
        }
        let post = self.reply_to_id.map(|id| room.key(&id));
        let thread = match &post {
            _ if room.is_chat() => room.id().to_owned(),
            Some(post) => post.clone(),
            None => key.clone(),
        };
        let of_kind = |kind| move |of: &&Attached| of.content_type.as_deref() == Some(kind);
        let reference = self.attachments.iter().find(of_kind("messageReference"));
        let quotes = reference.and_then(|of| Some(room.key(of.id.as_deref()?)));
        let files = self.attachments.into_iter();
        let files = files.filter(|of| of.content_type.as_deref() == Some("reference"));
        let files: Vec<Attachment> = files.map(Attached::file).collect();
        let reactions = reactions(self.reactions);
        let message = Message {
            subject: self.subject.filter(|text| !text.is_empty()),
            text: self.body.map(text),
            from: self.from.and_then(IdentitySet::person),
            thread_id: Some(thread),
            in_reply_to: post.filter(|_| !room.is_chat()),
            quotes,
            channel: Some(room.channel.clone()),
            workspace: room.team.clone(),
            attachments: (!files.is_empty()).then_some(files),
            reactions: (!reactions.is_empty()).then_some(reactions),
            permalink: self.web_url,
            sent_at: self.created_date_time,
            updated_at: self.last_edited_date_time,
            ..Message::of(MessageKind::Chat)
        };
        Said::Message(Record::new(key, message))
    }
}

impl Attached {
    fn file(self) -> Attachment {
        let Self { id, name, content_url, .. } = self;
        Attachment { id, file_name: name, url: content_url, ..Attachment::default() }
    }
}

/// How often each reaction was given.
fn reactions(given: Many<Reacted>) -> Vec<Reaction> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for of in given {
        *counts.entry(of.reaction_type).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| Reaction { name, count: Some(count) }).collect()
}

/// The text, in which a mentioned person is told by an `@`, and a little picture by what it means.
fn text(body: Body) -> String {
    if !body.is_html() {
        return body.text().unwrap_or_default().trim().to_owned();
    }
    let html = body.content.unwrap_or_default().replace("<emoji ", "<img ");
    let mut marked = String::with_capacity(html.len());
    let mut parts = html.split("<at");
    marked.push_str(parts.next().unwrap_or_default());
    for part in parts {
        marked.push_str("<at");
        match part.split_once('>') {
            // The element is `at`, and not `attachment`.
            Some((tag, rest)) if tag.is_empty() || tag.starts_with(char::is_whitespace) => {
                marked.push_str(tag);
                marked.push_str(">@");
                marked.push_str(rest);
            }
            _ => marked.push_str(part),
        }
    }
    html::to_markdown(&marked).trim().to_owned()
}
