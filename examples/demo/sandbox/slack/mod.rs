//! A Slack workspace as one member sees it, and what is said in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{NoSuch, now};

mod api;
mod message;

use message::Message;
pub use message::Post;

/// A message's time, in microseconds; its last six digits are a counter.
type Ts = u64;

struct User {
    id: String,
    handle: String,
    real_name: String,
    display_name: String,
    email: Option<String>,
    deleted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Group,
    /// With one person, by id.
    Direct(String),
}

struct Channel {
    id: String,
    name: String,
    kind: Kind,
    topic: String,
    created: i64,
    is_member: bool,
    is_archived: bool,
    /// What the channel shows by itself: parents, single messages, and replies that were sent to the channel too.
    shown: BTreeSet<Ts>,
    top: BTreeMap<Ts, Message>,
    /// Replies by their parent.
    threads: BTreeMap<Ts, BTreeMap<Ts, Message>>,
    /// Each reply's parent.
    parents: BTreeMap<Ts, Ts>,
}

/// A conversation that is to be opened.
#[derive(Clone, Debug)]
pub struct NewChannel {
    name: String,
    kind: Kind,
    topic: String,
    member: bool,
}

impl NewChannel {
    /// A channel that everybody can read.
    pub fn public(name: &str) -> Self {
        Self { name: name.to_owned(), kind: Kind::Public, topic: String::new(), member: true }
    }

    /// A channel for those who were invited.
    pub fn private(name: &str) -> Self {
        Self { kind: Kind::Private, ..Self::public(name) }
    }

    /// A conversation of several people, named by their handles.
    pub fn group(handles: &[&str]) -> Self {
        Self { kind: Kind::Group, ..Self::public(&format!("mpdm-{}-1", handles.join("--"))) }
    }

    /// A conversation with one person.
    pub fn direct(user: &str) -> Self {
        Self { kind: Kind::Direct(user.to_owned()), ..Self::public("") }
    }

    /// What it is about.
    pub fn topic(mut self, topic: &str) -> Self {
        topic.clone_into(&mut self.topic);
        self
    }

    /// The member whose account it is has not joined it.
    pub fn not_joined(mut self) -> Self {
        self.member = false;
        self
    }
}

/// One workspace, seen by one member.
pub struct Slack {
    team_id: String,
    team: String,
    domain: String,
    users: Vec<User>,
    channels: Vec<Channel>,
    made: u64,
    last: Ts,
    clock: Option<Timestamp>,
    /// No page has more items than this, whatever is asked for: 15 for apps that Slack does not know well.
    pub max_page: usize,
}

impl Slack {
    /// A workspace with one member and no conversations.
    pub fn new(team: &str, domain: &str, handle: &str, name: &str) -> Self {
        let mut slack = Self {
            team_id: "T0SANDBOX1".to_owned(),
            team: team.to_owned(),
            domain: domain.to_owned(),
            users: Vec::new(),
            channels: Vec::new(),
            made: 0,
            last: 0,
            clock: None,
            max_page: 999,
        };
        slack.add_user(handle, name, Some(&format!("{handle}@{domain}.example")));
        slack
    }

    /// What happens from now on happens at that time; `None` for the real one.
    pub fn set_clock(&mut self, at: Option<Timestamp>) {
        self.clock = at;
    }

    /// The member whose account it is.
    pub fn me(&self) -> String {
        self.users.first().map(|user| user.id.clone()).unwrap_or_default()
    }

    /// The workspace's id.
    pub fn team_id(&self) -> &str {
        &self.team_id
    }

    /// A member more. Gives the id.
    pub fn add_user(&mut self, handle: &str, real_name: &str, email: Option<&str>) -> String {
        let id = self.id('U');
        self.users.push(User {
            id: id.clone(),
            handle: handle.to_owned(),
            real_name: real_name.to_owned(),
            display_name: real_name.split(' ').next().unwrap_or_default().to_owned(),
            email: email.map(str::to_owned),
            deleted: false,
        });
        id
    }

    /// The member leaves the workspace; what they said stays.
    pub fn remove_user(&mut self, user: &str) -> Result<(), NoSuch> {
        let found = self.users.iter_mut().find(|known| known.id == user);
        found.ok_or_else(|| NoSuch::new("user", user))?.deleted = true;
        Ok(())
    }

    /// Opens a conversation. Gives its id.
    pub fn add_channel(&mut self, new: NewChannel) -> String {
        let id = self.id(match new.kind {
            Kind::Public => 'C',
            Kind::Private | Kind::Group => 'G',
            Kind::Direct(_) => 'D',
        });
        self.channels.push(Channel {
            id: id.clone(),
            name: new.name,
            kind: new.kind,
            topic: new.topic,
            created: self.now().as_second(),
            is_member: new.member,
            is_archived: false,
            shown: BTreeSet::new(),
            top: BTreeMap::new(),
            threads: BTreeMap::new(),
            parents: BTreeMap::new(),
        });
        id
    }

    /// The member leaves it: it is still listed, if it is public, but not readable.
    pub fn leave_channel(&mut self, channel: &str) -> Result<(), NoSuch> {
        self.channel_mut(channel)?.is_member = false;
        Ok(())
    }

    /// The member joins it again.
    pub fn join_channel(&mut self, channel: &str) -> Result<(), NoSuch> {
        self.channel_mut(channel)?.is_member = true;
        Ok(())
    }

    /// It is archived: readable, and nothing more is said.
    pub fn archive_channel(&mut self, channel: &str) -> Result<(), NoSuch> {
        self.channel_mut(channel)?.is_archived = true;
        Ok(())
    }

    /// It is deleted with all its messages.
    pub fn delete_channel(&mut self, channel: &str) -> Result<(), NoSuch> {
        let id = self.channel_mut(channel)?.id.clone();
        self.channels.retain(|known| known.id != id);
        Ok(())
    }

    /// Says something. Gives its ts.
    pub fn post(&mut self, channel: &str, post: Post) -> Result<String, NoSuch> {
        let ts = self.next_ts(post.at);
        let message = Message::new(ts, post);
        let channel = self.channel_mut(channel)?;
        channel.shown.insert(ts);
        channel.top.insert(ts, message);
        Ok(show_ts(ts))
    }

    /// Answers in a message's thread. Gives the reply's ts.
    pub fn reply(&mut self, channel: &str, parent: &str, post: Post) -> Result<String, NoSuch> {
        let ts = self.next_ts(post.at);
        let broadcast = post.broadcast;
        let message = Message::new(ts, post);
        let found = self.channel_mut(channel)?;
        let root = parse_ts(parent).filter(|ts| found.top.contains_key(ts));
        let root = root.ok_or_else(|| NoSuch::new("message", parent))?;
        found.threads.entry(root).or_default().insert(ts, message);
        found.parents.insert(ts, root);
        if broadcast {
            found.shown.insert(ts);
        }
        Ok(show_ts(ts))
    }

    /// Changes what was said.
    pub fn edit(&mut self, channel: &str, ts: &str, text: &str) -> Result<(), NoSuch> {
        self.edit_at(channel, ts, text, self.now())
    }

    /// The same, at another time.
    pub fn edit_at(
        &mut self,
        channel: &str,
        ts: &str,
        text: &str,
        at: Timestamp,
    ) -> Result<(), NoSuch> {
        let at = u64::try_from(at.as_second()).unwrap_or_default() * 1_000_000;
        let message = self.message_mut(channel, ts)?;
        message.text = message::escaped(text);
        message.edited = Some(at);
        Ok(())
    }

    /// Takes back what was said. A parent with replies leaves a tombstone, and that goes with the last reply.
    pub fn delete(&mut self, channel: &str, ts: &str) -> Result<(), NoSuch> {
        let number = parse_ts(ts).unwrap_or_default();
        let found = self.channel_mut(channel)?;
        if let Some(root) = found.parents.remove(&number) {
            found.shown.remove(&number);
            let empty = found.threads.get_mut(&root).is_some_and(|replies| {
                replies.remove(&number);
                replies.is_empty()
            });
            if empty {
                found.threads.remove(&root);
                if found.top.get(&root).is_some_and(|parent| parent.tombstone) {
                    found.top.remove(&root);
                    found.shown.remove(&root);
                }
            }
            return Ok(());
        }
        if found.threads.contains_key(&number) {
            let parent = found.top.get_mut(&number).filter(|parent| !parent.tombstone);
            parent.ok_or_else(|| NoSuch::new("message", ts))?.bury();
            return Ok(());
        }
        found.top.remove(&number).ok_or_else(|| NoSuch::new("message", ts))?;
        found.shown.remove(&number);
        Ok(())
    }

    /// Adds a member's reaction, named without colons.
    pub fn react(&mut self, channel: &str, ts: &str, user: &str, name: &str) -> Result<(), NoSuch> {
        let message = self.message_mut(channel, ts)?;
        match message.reactions.iter_mut().find(|(known, _)| known == name) {
            Some((_, users)) if users.iter().any(|known| known == user) => {}
            Some((_, users)) => users.push(user.to_owned()),
            None => message.reactions.push((name.to_owned(), vec![user.to_owned()])),
        }
        Ok(())
    }

    /// Takes a member's reaction back.
    pub fn unreact(
        &mut self,
        channel: &str,
        ts: &str,
        user: &str,
        name: &str,
    ) -> Result<(), NoSuch> {
        let message = self.message_mut(channel, ts)?;
        if let Some((_, users)) = message.reactions.iter_mut().find(|(known, _)| known == name) {
            users.retain(|known| known != user);
        }
        message.reactions.retain(|(_, users)| !users.is_empty());
        Ok(())
    }

    /// Ids of all conversations.
    pub fn channels(&self) -> Vec<String> {
        self.channels.iter().map(|channel| channel.id.clone()).collect()
    }

    /// The id of the channel of that name.
    pub fn channel_named(&self, name: &str) -> Option<String> {
        self.channels.iter().find(|channel| channel.name == name).map(|channel| channel.id.clone())
    }

    /// Channel and ts of every message and reply in the conversations that are joined, without tombstones and lines
    /// like "has joined".
    pub fn messages(&self) -> Vec<(String, String)> {
        let joined = self.channels.iter().filter(|channel| channel.is_member);
        let all = joined.flat_map(|channel| {
            let replies = channel.threads.values().flatten();
            channel
                .top
                .iter()
                .chain(replies)
                .filter(|(_, message)| message.is_said())
                .map(move |(ts, _)| (channel.id.clone(), show_ts(*ts)))
        });
        all.collect()
    }

    /// The newest message of a channel that somebody said in no thread and that began none.
    pub fn newest(&self, channel: &str) -> Option<String> {
        let channel = self.channels.iter().find(|known| known.id == channel)?;
        let mut newest_first = channel.top.iter().rev();
        let found = newest_first
            .find(|(ts, message)| message.is_said() && !channel.threads.contains_key(ts))?;
        Some(show_ts(*found.0))
    }

    /// A message's text as Slack shows it in the API.
    pub fn text(&self, channel: &str, ts: &str) -> Option<&str> {
        let channel = self.channels.iter().find(|known| known.id == channel)?;
        Some(&channel.message(parse_ts(ts)?)?.text)
    }

    fn channel_mut(&mut self, id: &str) -> Result<&mut Channel, NoSuch> {
        let found = self.channels.iter_mut().find(|channel| channel.id == id);
        found.ok_or_else(|| NoSuch::new("channel", id))
    }

    fn message_mut(&mut self, channel: &str, ts: &str) -> Result<&mut Message, NoSuch> {
        let found = self.channel_mut(channel)?;
        let number = parse_ts(ts).unwrap_or_default();
        let message = match found.parents.get(&number) {
            Some(root) => found.threads.get_mut(root).and_then(|replies| replies.get_mut(&number)),
            None => found.top.get_mut(&number),
        };
        message.filter(|message| !message.tombstone).ok_or_else(|| NoSuch::new("message", ts))
    }

    fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(now)
    }

    fn id(&mut self, first: char) -> String {
        self.made += 1;
        format!("{first}0SBX{:05X}", self.made * 7919 % 0xf_ffff)
    }

    /// Unique in the workspace, and growing for what is said now.
    fn next_ts(&mut self, at: Option<Timestamp>) -> Ts {
        self.made += 1;
        let seconds = at.unwrap_or_else(|| self.now()).as_second();
        let ts = u64::try_from(seconds).unwrap_or_default() * 1_000_000
            + self.made * 100 % 1_000_000
            + 9;
        if at.is_none() {
            self.last = ts.max(self.last + 100);
            return self.last;
        }
        ts
    }
}

impl Channel {
    fn message(&self, ts: Ts) -> Option<&Message> {
        match self.parents.get(&ts) {
            Some(root) => self.threads.get(root)?.get(&ts),
            None => self.top.get(&ts),
        }
    }
}

fn parse_ts(ts: &str) -> Option<Ts> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, ""));
    let micros = micros.get(..6).unwrap_or(micros);
    format!("{seconds}{micros:0<6}").parse().ok()
}

fn show_ts(ts: Ts) -> String {
    format!("{}.{:06}", ts / 1_000_000, ts % 1_000_000)
}
