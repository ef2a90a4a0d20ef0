//! A Slack message as a record.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{
    calls::{Channel, Me},
    text::readable,
};
use crate::{
    provider::Feed,
    record::{Attachment, Direction, Message, MessageKind, Person, Reaction, Record, Ref},
    wire::{Many, time},
};

/// A message, or a reply in a thread.
#[derive(Deserialize)]
pub struct Post {
    /// Its id within the channel: a second, and a counter.
    pub ts: String,
    subtype: Option<String>,
    user: Option<String>,
    user_profile: Option<Profile>,
    bot_id: Option<String>,
    username: Option<String>,
    bot_profile: Option<BotProfile>,
    #[serde(default)]
    text: String,
    /// The first message of its thread: itself, or the one that it answers.
    thread_ts: Option<String>,
    /// Of a thread's first message.
    #[serde(default)]
    pub reply_count: u32,
    /// Of a thread's first message.
    pub latest_reply: Option<String>,
    edited: Option<Edited>,
    #[serde(default)]
    files: Many<File>,
    #[serde(default)]
    reactions: Many<Reaction>,
    #[serde(default)]
    attachments: Many<Legacy>,
}

#[derive(Deserialize)]
struct Edited {
    ts: String,
}

#[derive(Deserialize)]
struct BotProfile {
    name: Option<String>,
}

/// Some fields are missing where the file was deleted, or hidden by a limit.
#[derive(Deserialize)]
struct File {
    id: Option<String>,
    name: Option<String>,
    mimetype: Option<String>,
    size: Option<i64>,
    permalink: Option<String>,
}

/// What apps put under, or instead of, a text.
#[derive(Deserialize)]
struct Legacy {
    title: Option<String>,
    text: Option<String>,
    fallback: Option<String>,
}

/// A member of the workspace, or a bot.
#[derive(Deserialize)]
pub struct User {
    /// Its id.
    pub id: String,
    name: Option<String>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    display_name: Option<String>,
    real_name: Option<String>,
    email: Option<String>,
}

/// What ids stand for.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Whose account it is.
    pub me: &'a Me,
    /// People by id.
    pub users: &'a HashMap<String, User>,
    /// Conversations by id.
    pub channels: &'a BTreeMap<String, Channel>,
}

impl Profile {
    fn shown(&self) -> Option<&str> {
        let names = [&self.display_name, &self.real_name];
        names.into_iter().flatten().map(String::as_str).find(|name| !name.is_empty())
    }
}

impl User {
    /// The name that people see.
    pub fn shown(&self) -> &str {
        self.profile.shown().or(self.name.as_deref()).unwrap_or(&self.id)
    }
}

/// A message's `external_id`.
pub fn id(channel: &Feed, ts: &str) -> String {
    format!("{}:{ts}", channel.id)
}

/// The second of a `ts`; what stands behind the point is a counter, not a time.
pub fn seconds(ts: &str) -> i64 {
    ts.split('.').next().and_then(|second| second.parse().ok()).unwrap_or_default()
}

impl Post {
    /// The place of a deleted message whose thread lives on.
    pub fn is_tombstone(&self) -> bool {
        self.subtype.as_deref() == Some("tombstone")
    }

    /// Whether somebody said it: joins, topics and the like nobody did.
    pub fn is_imported(&self) -> bool {
        let notice =
            |subtype: &str| subtype.starts_with("channel_") || subtype.starts_with("group_");
        !self.is_tombstone() && !self.subtype.as_deref().is_some_and(notice)
    }

    fn author(&self, names: &Names<'_>) -> Option<Person> {
        match &self.user {
            Some(user) if self.subtype.as_deref() != Some("bot_message") => {
                let known = names.users.get(user);
                let guest = self.user_profile.as_ref().and_then(Profile::shown);
                Some(Person {
                    id: Some(user.clone()),
                    name: known.map(User::shown).or(guest).map(str::to_owned),
                    email: known.and_then(|known| known.profile.email.clone()),
                    handle: known.and_then(|known| known.name.clone()),
                })
            }
            user => {
                let profile = self.bot_profile.as_ref().and_then(|bot| bot.name.clone());
                Person::named(
                    self.bot_id.clone().or(user.clone()),
                    self.username.clone().or(profile),
                )
            }
        }
    }

    fn text(&self, names: &Names<'_>) -> Option<String> {
        let of = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let raw = Some(self.text.clone()).filter(|text| !text.trim().is_empty()).or_else(|| {
            let parts =
                self.attachments.iter().map(|part| match (of(&part.title), of(&part.text)) {
                    (None, None) => of(&part.fallback).unwrap_or_default(),
                    (title, text) => title.into_iter().chain(text).collect::<Vec<_>>().join("\n"),
                });
            of(&Some(parts.collect::<Vec<_>>().join("\n")))
        });
        raw.map(|raw| readable(&raw, names))
    }

    /// The record.
    pub fn into_record(self, channel: &Feed, names: &Names<'_>) -> Record {
        let thread = self.thread_ts.as_ref().map(|ts| id(channel, ts));
        let me = names.me;
        let message = Message {
            text: self.text(names),
            from: self.author(names),
            direction: self
                .user
                .as_ref()
                .map(|user| if *user == me.user_id { Direction::Out } else { Direction::In }),
            channel: Some(Ref::new(&channel.id, &channel.name)),
            workspace: Some(Ref::new(&me.team_id, &me.team)),
            in_reply_to: thread.clone().filter(|_| self.thread_ts.as_ref() != Some(&self.ts)),
            thread_id: thread,
            attachments: some(self.files.into_iter().map(attachment)),
            reactions: some(self.reactions),
            permalink: Some(format!(
                "{}archives/{}/p{}",
                me.url,
                channel.id,
                self.ts.replace('.', "")
            )),
            sent_at: time::epoch_seconds(seconds(&self.ts)),
            updated_at: self.edited.and_then(|edited| time::epoch_seconds(seconds(&edited.ts))),
            ..Message::of(MessageKind::Chat)
        };
        Record::new(id(channel, &self.ts), message)
    }
}

fn attachment(file: File) -> Attachment {
    Attachment {
        id: file.id,
        file_name: file.name,
        mime_type: file.mimetype,
        size: file.size,
        url: file.permalink,
    }
}

fn some<T>(items: impl IntoIterator<Item = T>) -> Option<Vec<T>> {
    Some(items.into_iter().collect::<Vec<_>>()).filter(|items| !items.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::record::Properties;

    fn read(post: Value) -> Message {
        let me = json!({"url": "https://x.slack.com/", "team": "X", "user": "grace", "team_id": "T1", "user_id": "U1"});
        let grace = json!({"id": "U1", "name": "grace", "profile": {"display_name": "Grace", "email": "g@x.de"}});
        let names = Names {
            me: &from_value(me).unwrap(),
            users: &HashMap::from([("U1".to_owned(), from_value(grace).unwrap())]),
            channels: &BTreeMap::new(),
        };
        let record =
            from_value::<Post>(post).unwrap().into_record(&Feed::new("C1", "general"), &names);
        match record.properties {
            Properties::Message(message) => *message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reply_names_its_thread_its_author_and_its_place() {
        let reply = read(
            json!({"ts": "1736500400.000100", "thread_ts": "1736500300.000300", "user": "U1",
            "text": "one", "edited": {"ts": "1736500500.000000"}, "reactions": [{"name": "tada", "count": 2}, {}],
            "files": [{"id": "F1", "name": "plan.pdf", "mimetype": "application/pdf", "size": 9, "permalink": "https://f"},
                {"id": "F2", "mode": "tombstone"}]}),
        );
        assert_eq!(reply.thread_id.as_deref(), Some("C1:1736500300.000300"));
        assert_eq!(reply.in_reply_to, reply.thread_id);
        let from = reply.from.unwrap();
        assert_eq!((from.name.as_deref(), from.handle.as_deref()), (Some("Grace"), Some("grace")));
        assert_eq!(
            (from.email.as_deref(), reply.direction),
            (Some("g@x.de"), Some(Direction::Out))
        );
        assert_eq!(reply.sent_at.unwrap().to_string(), "2025-01-10T09:13:20Z");
        assert_eq!(reply.updated_at.unwrap().to_string(), "2025-01-10T09:15:00Z");
        assert_eq!(
            reply.permalink.as_deref(),
            Some("https://x.slack.com/archives/C1/p1736500400000100")
        );
        assert_eq!(reply.reactions, Some(vec![Reaction { name: "tada".into(), count: Some(2) }]));
        let files = reply.attachments.unwrap();
        assert_eq!(
            (files.len(), files[0].url.as_deref(), files[1].size),
            (2, Some("https://f"), None)
        );
    }

    #[test]
    fn a_message_outside_a_thread_answers_nothing_and_a_threads_first_answers_not_itself() {
        let alone = read(json!({"ts": "1.1", "text": "x"}));
        assert_eq!((alone.thread_id, alone.in_reply_to, alone.from), (None, None, None));
        let first = read(json!({"ts": "1.1", "thread_ts": "1.1", "user": "U9"}));
        assert_eq!((first.thread_id.as_deref(), first.in_reply_to), (Some("C1:1.1"), None));
        assert_eq!(first.from, Person::named(Some("U9".into()), None));
    }

    #[test]
    fn a_bot_is_named_as_it_calls_itself_and_its_cards_are_its_text() {
        let bot = read(
            json!({"ts": "1.1", "subtype": "bot_message", "bot_id": "B1", "user": "U1", "username": "deploy",
            "text": "", "attachments": [{"title": "Build", "text": "passed"}, {"fallback": "see &lt;log&gt;"}, 7]}),
        );
        assert_eq!(bot.from, Person::named(Some("B1".into()), Some("deploy".into())));
        assert_eq!(bot.text.as_deref(), Some("Build\npassed\nsee <log>"));
        let app = read(json!({"ts": "1.1", "bot_id": "B1", "bot_profile": {"name": "App"}}));
        assert_eq!(app.from, Person::named(Some("B1".into()), Some("App".into())));
        let guest = read(json!({"ts": "1.1", "user": "U7", "user_profile": {"real_name": "Ann"}}));
        assert_eq!(guest.from, Person::named(Some("U7".into()), Some("Ann".into())));
    }

    #[test]
    fn notices_and_deleted_messages_are_no_records_and_unknown_sorts_are() {
        let of =
            |subtype: &str| from_value::<Post>(json!({"ts": "1.1", "subtype": subtype})).unwrap();
        for notice in
            ["channel_join", "channel_name", "channel_unarchive", "group_leave", "tombstone"]
        {
            assert!(!of(notice).is_imported(), "{notice}");
        }
        for said in
            ["bot_message", "file_share", "me_message", "thread_broadcast", "invented_later"]
        {
            assert!(of(said).is_imported(), "{said}");
        }
        assert!(of("tombstone").is_tombstone());
    }
}
