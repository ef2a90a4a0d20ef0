//! The Slack Web API over a workspace.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::super::{
    Answer, Vendor,
    exchange::Ask,
    server::{Owner, Service},
};
use super::{Channel, Kind, Slack, Ts, User, parse_ts};

const HOST: &str = "slack.com";

impl Service for Slack {
    const VENDOR: Vendor = Vendor::Slack;

    fn answer(&mut self, ask: &Ask) -> Answer {
        let segments = ask.segments();
        let found = match (ask.host.as_str(), segments.as_slice()) {
            (HOST, ["api", method]) => self.method(method, ask),
            _ => return Answer::no_such_page(),
        };
        match found {
            Ok(answer) => Answer::ok(&answer),
            Err(word) => Answer::ok(&json!({"ok": false, "error": word})),
        }
    }

    fn owner(&self) -> Owner {
        let me = self.users.first();
        Owner {
            id: self.me(),
            name: me.map(|user| user.real_name.clone()).unwrap_or_default(),
            email: me.and_then(|user| user.email.clone()).unwrap_or_default(),
            team: (self.team_id.clone(), self.team.clone()),
        }
    }
}

/// An answer, or Slack's word for why there is none.
type Found = Result<Value, &'static str>;

/// The part of a conversation that is asked for.
struct Window {
    oldest: Option<Ts>,
    latest: Option<Ts>,
    inclusive: bool,
}

impl Window {
    fn of(ask: &Ask) -> Self {
        let bound = |name| ask.param(name).and_then(parse_ts);
        // Slack takes 0 for no bound.
        Self {
            oldest: bound("oldest").filter(|ts| *ts > 0),
            latest: bound("latest").filter(|ts| *ts > 0),
            inclusive: ask.says("inclusive"),
        }
    }

    fn holds(&self, ts: Ts) -> bool {
        let touches = |bound: Ts| self.inclusive && ts == bound;
        self.oldest.is_none_or(|oldest| ts > oldest || touches(oldest))
            && self.latest.is_none_or(|latest| ts < latest || touches(latest))
    }
}

impl Slack {
    fn method(&self, name: &str, ask: &Ask) -> Found {
        match name {
            "auth.test" => Ok(json!({
                "ok": true,
                "url": format!("https://{}.slack.com/", self.domain),
                "team": self.team,
                "user": self.users.first().map(|user| &user.handle),
                "team_id": self.team_id,
                "user_id": self.me(),
                "is_enterprise_install": false,
            })),
            "users.list" => {
                let all = self.users.iter().map(|user| (user.id.as_str(), user.shown(self)));
                self.listed("members", "user", all.collect(), ask)
            }
            "users.info" => {
                let user = ask.param("user").unwrap_or_default();
                let user = self.users.iter().find(|known| known.id == user);
                Ok(json!({"ok": true, "user": user.ok_or("user_not_found")?.shown(self)}))
            }
            "conversations.list" => self.conversations(ask, false),
            "users.conversations" => self.conversations(ask, true),
            "conversations.info" => {
                let channel = self.channel(ask)?;
                Ok(json!({"ok": true, "channel": channel.shown(self)}))
            }
            "conversations.history" => self.history(ask),
            "conversations.replies" => self.replies(ask),
            _ => Err("unknown_method"),
        }
    }

    fn conversations(&self, ask: &Ask, joined: bool) -> Found {
        let types = ask.param("types").unwrap_or("public_channel");
        let types: Vec<_> = types.split(',').map(str::trim).collect();
        let known = ["public_channel", "private_channel", "mpim", "im"];
        if types.iter().any(|kind| !known.contains(kind)) {
            return Err("invalid_types");
        }
        let all = self.channels.iter().filter(|channel| {
            types.contains(&channel.kind.word())
                && (channel.is_member || (!joined && channel.kind == Kind::Public))
                && !(ask.says("exclude_archived") && channel.is_archived)
        });
        let all = all.map(|channel| (channel.id.as_str(), channel.shown(self))).collect();
        self.listed("channels", "team", all, ask)
    }

    /// A page of a list whose cursor names the next page's first id.
    fn listed(&self, name: &str, prefix: &str, all: Vec<(&str, Value)>, ask: &Ask) -> Found {
        let size = self.page_size(ask, 1000)?;
        let first = match cursor(ask, prefix)? {
            None => 0,
            Some(id) => all.iter().position(|(known, _)| *known == id).ok_or("invalid_cursor")?,
        };
        let next = all.get(first + size).map(|(id, _)| next_cursor(prefix, id)).unwrap_or_default();
        let page: Vec<_> = all.into_iter().skip(first).take(size).map(|(_, item)| item).collect();
        Ok(json!({
            "ok": true,
            name: page,
            "cache_ts": self.last / 1_000_000,
            "response_metadata": {"next_cursor": next},
        }))
    }

    fn history(&self, ask: &Ask) -> Found {
        let channel = self.readable(ask)?;
        let (size, window) = (self.page_size(ask, 100)?, Window::of(ask));
        let from = match cursor(ask, "next_ts")? {
            None => Ts::MAX,
            Some(ts) => ts.parse().map_err(|_| "invalid_cursor")?,
        };
        let first = window.oldest.unwrap_or_default();
        let last = window.latest.unwrap_or(Ts::MAX).min(from).max(first);
        let shown = channel.shown.range(first..=last).rev().filter(|ts| window.holds(**ts));
        let mut found: Vec<_> = shown.take(size + 1).copied().collect();
        let next = found.get(size).copied();
        found.truncate(size);
        let messages =
            found.iter().filter_map(|ts| Some(channel.message(*ts)?.shown(*ts, channel, self)));
        let mut answer = json!({
            "ok": true,
            "messages": messages.collect::<Vec<_>>(),
            "has_more": next.is_some(),
            "pin_count": 0,
        });
        if let (Some(fields), Some(next)) = (answer.as_object_mut(), next) {
            let cursor = next_cursor("next_ts", &next.to_string());
            fields.insert("response_metadata".to_owned(), json!({"next_cursor": cursor}));
        }
        Ok(answer)
    }

    fn replies(&self, ask: &Ask) -> Found {
        let channel = self.readable(ask)?;
        let (size, window) = (self.page_size(ask, 1000)?, Window::of(ask));
        let ts = ask.param("ts").and_then(parse_ts).ok_or("invalid_arguments")?;
        // A reply's own ts finds its thread as well.
        let root = channel.parents.get(&ts).copied().unwrap_or(ts);
        let parent = channel.top.get(&root).ok_or("thread_not_found")?;
        let from: Option<Ts> = match cursor(ask, "next_ts")? {
            None => None,
            Some(ts) => Some(ts.parse().map_err(|_| "invalid_cursor")?),
        };
        let mut messages = Vec::new();
        // The parent comes first, however old the oldest reply that is asked for.
        if from.is_none() {
            messages.push(parent.shown(root, channel, self));
        }
        let thread = channel.threads.get(&root);
        let later =
            thread.into_iter().flat_map(|replies| replies.range(from.unwrap_or_default()..));
        let mut later = later.filter(|(ts, _)| window.holds(**ts));
        let left = size.saturating_sub(messages.len());
        messages
            .extend(later.by_ref().take(left).map(|(ts, reply)| reply.shown(*ts, channel, self)));
        let next = later.next().map(|(ts, _)| *ts);
        let mut answer = json!({"ok": true, "messages": messages, "has_more": next.is_some()});
        if let (Some(fields), Some(next)) = (answer.as_object_mut(), next) {
            let cursor = next_cursor("next_ts", &next.to_string());
            fields.insert("response_metadata".to_owned(), json!({"next_cursor": cursor}));
        }
        Ok(answer)
    }

    fn page_size(&self, ask: &Ask, usual: usize) -> Result<usize, &'static str> {
        match ask.param("limit").map(str::parse::<usize>) {
            None => Ok(usual.min(self.max_page)),
            Some(Ok(0) | Err(_)) => Err("invalid_limit"),
            Some(Ok(limit)) => Ok(limit.min(self.max_page)),
        }
    }

    fn channel(&self, ask: &Ask) -> Result<&Channel, &'static str> {
        let id = ask.param("channel").unwrap_or_default();
        let found = self.channels.iter().find(|channel| channel.id == id);
        // One that the member has left and cannot see is not there for them.
        found
            .filter(|channel| channel.is_member || channel.kind == Kind::Public)
            .ok_or("channel_not_found")
    }

    fn readable(&self, ask: &Ask) -> Result<&Channel, &'static str> {
        let channel = self.channel(ask)?;
        if channel.is_member { Ok(channel) } else { Err("not_in_channel") }
    }
}

impl Kind {
    fn word(&self) -> &'static str {
        match self {
            Self::Public => "public_channel",
            Self::Private => "private_channel",
            Self::Group => "mpim",
            Self::Direct(_) => "im",
        }
    }
}

impl Channel {
    fn shown(&self, of: &Slack) -> Value {
        if let Kind::Direct(user) = &self.kind {
            let deleted = of.users.iter().any(|known| known.id == *user && known.deleted);
            return json!({
                "id": self.id,
                "created": self.created,
                "is_im": true,
                "is_org_shared": false,
                "is_archived": self.is_archived,
                "user": user,
                "is_user_deleted": deleted,
            });
        }
        let private = self.kind != Kind::Public;
        json!({
            "id": self.id,
            "name": self.name,
            "is_channel": !private,
            "is_group": self.kind == Kind::Private,
            "is_im": false,
            "is_mpim": self.kind == Kind::Group,
            "is_private": private,
            "created": self.created,
            "creator": of.me(),
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_member": self.is_member,
            "is_shared": false,
            "is_ext_shared": false,
            "is_org_shared": false,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "num_members": of.users.len(),
        })
    }
}

impl User {
    fn shown(&self, of: &Slack) -> Value {
        let mut profile = json!({"real_name": self.real_name, "display_name": self.display_name});
        if let (Some(fields), Some(email)) = (profile.as_object_mut(), &self.email) {
            fields.insert("email".to_owned(), email.as_str().into());
        }
        json!({
            "id": self.id,
            "team_id": of.team_id,
            "name": self.handle,
            "deleted": self.deleted,
            "real_name": self.real_name,
            "tz": "Europe/Berlin",
            "is_bot": false,
            "is_app_user": false,
            "updated": 1_502_138_686,
            "profile": profile,
        })
    }
}

/// What a cursor of that kind names. An empty one is none.
fn cursor(ask: &Ask, prefix: &str) -> Result<Option<String>, &'static str> {
    let Some(cursor) = ask.param("cursor").filter(|cursor| !cursor.is_empty()) else {
        return Ok(None);
    };
    let text = STANDARD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| text.strip_prefix(prefix)?.strip_prefix(':'));
    place.map(|place| Some(place.to_owned())).ok_or("invalid_cursor")
}

fn next_cursor(prefix: &str, place: &str) -> String {
    STANDARD.encode(format!("{prefix}:{place}"))
}
