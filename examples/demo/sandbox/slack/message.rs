//! One message: how it is said, and how Slack shows it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Channel, Slack, Ts, show_ts};

/// A message that is to be said.
#[derive(Clone, Debug, Default)]
pub struct Post {
    pub(super) user: String,
    pub(super) bot: Option<String>,
    pub(super) text: String,
    pub(super) subtype: Option<String>,
    pub(super) files: Vec<File>,
    pub(super) broadcast: bool,
    pub(super) at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    id: String,
    name: String,
    kind: String,
    size: u64,
}

impl Post {
    /// A member's words. `<@U…>`, `<#C…|name>` and `<https://…|label>` are what they are; elsewhere `&`, `<` and `>`
    /// are escaped as Slack does.
    pub fn new(user: &str, text: &str) -> Self {
        Self { user: user.to_owned(), text: escaped(text), ..Self::default() }
    }

    /// A program's words.
    pub fn bot(name: &str, text: &str) -> Self {
        let (bot, subtype) = (Some(name.to_owned()), Some("bot_message".to_owned()));
        Self { bot, subtype, text: escaped(text), ..Self::default() }
    }

    /// Slack's own line: `channel_join`, `channel_topic`.
    pub fn event(user: &str, subtype: &str, text: &str) -> Self {
        Self { subtype: Some(subtype.to_owned()), ..Self::new(user, text) }
    }

    /// With a file of that many bytes.
    pub fn file(mut self, name: &str, kind: &str, size: u64) -> Self {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        self.files.push(File { id: String::new(), name, kind, size });
        self
    }

    /// A reply that is sent to the channel too.
    pub fn broadcast(mut self) -> Self {
        self.broadcast = true;
        self
    }

    /// When it is said. The default is now.
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }
}

pub(super) struct Message {
    pub text: String,
    pub edited: Option<Ts>,
    pub tombstone: bool,
    pub reactions: Vec<(String, Vec<String>)>,
    user: String,
    bot: Option<String>,
    subtype: Option<String>,
    files: Vec<File>,
    broadcast: bool,
}

impl Message {
    /// The message as it lies in its channel.
    pub fn new(ts: Ts, mut post: Post) -> Self {
        for (place, file) in post.files.iter_mut().enumerate() {
            file.id = format!("F{:X}", ts + place as u64);
        }
        Self {
            text: post.text,
            edited: None,
            tombstone: false,
            reactions: Vec::new(),
            user: post.user,
            bot: post.bot,
            subtype: post.subtype,
            files: post.files,
            broadcast: post.broadcast,
        }
    }

    /// What a deleted parent leaves.
    pub fn bury(&mut self) {
        self.tombstone = true;
        "This message was deleted.".clone_into(&mut self.text);
        self.subtype = Some("tombstone".to_owned());
        "USLACKBOT".clone_into(&mut self.user);
        self.bot = None;
        self.edited = None;
        self.files.clear();
        self.reactions.clear();
    }

    /// Somebody's words, neither a tombstone nor a line of Slack's own.
    pub fn is_said(&self) -> bool {
        matches!(self.subtype.as_deref(), None | Some("bot_message"))
    }

    /// As the API shows it in its channel.
    pub fn shown(&self, ts: Ts, channel: &Channel, of: &Slack) -> Value {
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("type", "message".into());
        let parent = channel.parents.get(&ts);
        match (&self.subtype, &self.bot) {
            (Some(subtype), _) => drop(put("subtype", subtype.as_str().into())),
            (None, _) if self.broadcast => drop(put("subtype", "thread_broadcast".into())),
            (None, _) if !self.files.is_empty() => drop(put("upload", false.into())),
            _ => {}
        }
        if let Some(bot) = &self.bot {
            put("bot_id", format!("B0{}", bot.to_uppercase()).into());
            put("username", bot.as_str().into());
        } else {
            put("user", self.user.as_str().into());
            put("team", of.team_id.as_str().into());
        }
        put("text", self.text.as_str().into());
        put("ts", show_ts(ts).into());
        if self.tombstone {
            put("hidden", true.into());
        } else if self.bot.is_none() && self.subtype.is_none() {
            put("client_msg_id", format!("{ts:032x}").into());
        }
        if let Some(edited) = self.edited {
            put("edited", json!({"user": self.user, "ts": show_ts(edited)}));
        }
        if !self.files.is_empty() {
            put("files", self.files.iter().map(|file| file.shown(ts, &self.user, of)).collect());
        }
        if !self.reactions.is_empty() {
            let reactions = self
                .reactions
                .iter()
                .map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}));
            put("reactions", reactions.collect());
        }
        if let Some(root) = parent {
            put("thread_ts", show_ts(*root).into());
            let user = channel.top.get(root).map(|message| message.user.as_str());
            if let Some(user) = user.filter(|user| !user.is_empty()) {
                put("parent_user_id", user.into());
            }
        }
        self.show_thread(&mut shown, ts, channel, of);
        shown.into()
    }

    /// What a parent tells of its replies.
    fn show_thread(&self, into: &mut Map<String, Value>, ts: Ts, channel: &Channel, of: &Slack) {
        let Some(replies) = channel.threads.get(&ts) else { return };
        let mut users: Vec<&str> = Vec::new();
        for reply in replies.values() {
            if !reply.user.is_empty() && !users.contains(&reply.user.as_str()) {
                users.push(&reply.user);
            }
        }
        let latest = replies.last_key_value().map(|(ts, _)| show_ts(*ts));
        let subscribed = of.users.first().is_some_and(|me| me.id == self.user);
        for (name, value) in [
            ("thread_ts", json!(show_ts(ts))),
            ("reply_count", json!(replies.len())),
            ("reply_users_count", json!(users.len())),
            ("reply_users", json!(users.get(..5).unwrap_or(&users))),
            ("latest_reply", json!(latest)),
            ("is_locked", json!(false)),
            ("subscribed", json!(subscribed)),
        ] {
            into.insert(name.to_owned(), value);
        }
    }
}

impl File {
    fn shown(&self, ts: Ts, user: &str, of: &Slack) -> Value {
        let (title, ending) = self.name.rsplit_once('.').unwrap_or((&self.name, ""));
        let slug = self.name.to_lowercase().replace(' ', "_");
        let place = format!("{}-{}/{slug}", of.team_id, self.id);
        json!({
            "id": self.id,
            "name": self.name,
            "title": title,
            "mimetype": self.kind,
            "filetype": ending,
            "size": self.size,
            "created": ts / 1_000_000,
            "mode": "hosted",
            "user": user,
            "url_private": format!("https://files.slack.com/files-pri/{place}"),
            "permalink": format!("https://{}.slack.com/files/{user}/{}/{slug}", of.domain, self.id),
        })
    }
}

/// Escapes what is no markup of Slack's.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(['&', '<', '>']) {
        let (before, from) = rest.split_at(place);
        out.push_str(before);
        let markup = from
            .strip_prefix('<')
            .filter(|inner| ["@", "#", "!", "http"].iter().any(|start| inner.starts_with(start)))
            .and_then(|inner| inner.find('>'))
            .map_or(0, |end| end + 2);
        let (taken, after) = if markup > 0 { from.split_at(markup) } else { from.split_at(1) };
        out.push_str(match taken {
            "&" => "&amp;",
            "<" => "&lt;",
            ">" => "&gt;",
            markup => markup,
        });
        rest = after;
    }
    out.push_str(rest);
    out
}
