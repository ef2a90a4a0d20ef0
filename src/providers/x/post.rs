//! Posts of X, and the media that hang on them, as records.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Number;

use super::media::Attached;
use crate::{
    error::{Error, Result},
    record::{EngagementStats, Media, Message, MessageKind, Person, Record},
    wire::{Many, time},
};

/// Addresses of one text that are spelled out.
const LINKS: usize = 100;
/// The longest address that is, in bytes.
const LINK_BYTES: usize = 2048;

/// An answer with posts. X leaves out what is empty.
#[derive(Default, Deserialize)]
pub struct Posts {
    /// The posts, newest first.
    #[serde(default)]
    pub data: Many<Post>,
    #[serde(default)]
    includes: Includes,
    /// What could not be had: a deleted post that was asked for, a protected one that another quotes.
    #[serde(default)]
    errors: Many<Problem>,
    meta: Option<Meta>,
}

/// A post. Two generations of names are in use, of which an answer may have either.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "they are X's")]
pub struct Post {
    /// Digits, unique over all of X.
    pub id: String,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub created_at: Option<Timestamp>,
    #[serde(default)]
    text: String,
    note_tweet: Option<Long>,
    note_post: Option<Long>,
    entities: Option<Entities>,
    author_id: Option<String>,
    conversation_id: Option<String>,
    lang: Option<String>,
    #[serde(default)]
    referenced_tweets: Many<Reference>,
    #[serde(default)]
    referenced_posts: Many<Reference>,
    /// All ids that the post has had, oldest first: each edit is a new one.
    #[serde(default)]
    edit_history_tweet_ids: Many<String>,
    #[serde(default)]
    edit_history_post_ids: Many<String>,
    attachments: Option<Attachments>,
    public_metrics: Option<PostMetrics>,
}

#[derive(Default, Deserialize)]
struct Includes {
    #[serde(default)]
    users: Many<User>,
    #[serde(default)]
    tweets: Many<Post>,
    #[serde(default)]
    posts: Many<Post>,
    #[serde(default)]
    media: Many<Attached>,
}

#[derive(Deserialize)]
struct Meta {
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default, rename = "type")]
    kind: String,
    resource_id: Option<String>,
}

/// The whole of a text that `text` holds cut.
#[derive(Deserialize)]
struct Long {
    text: Option<String>,
    entities: Option<Entities>,
}

#[derive(Deserialize)]
struct Entities {
    #[serde(default)]
    urls: Many<Link>,
}

#[derive(Deserialize)]
struct Link {
    url: String,
    expanded_url: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Deserialize)]
struct Attachments {
    #[serde(default)]
    media_keys: Many<String>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "they are X's")]
struct PostMetrics {
    like_count: Option<Number>,
    reply_count: Option<Number>,
    retweet_count: Option<Number>,
    repost_count: Option<Number>,
    quote_count: Option<Number>,
    bookmark_count: Option<Number>,
    impression_count: Option<Number>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    name: Option<String>,
    username: Option<String>,
}

/// How two ids of X compare: they are numbers without leading zeros, too large for a float.
pub fn order(id: &str) -> (usize, &str) {
    (id.len(), id)
}

impl Posts {
    /// Itself, unless X says with status 200 that it does not show this timeline.
    ///
    /// # Errors
    /// `Forbidden` where the account is suspended or gone, `Unexpected` where the answer is no timeline.
    pub fn if_readable(self) -> Result<Self> {
        if self.meta.is_some() || !self.data.is_empty() {
            return Ok(self);
        }
        if self.errors.is_empty() {
            return Err(Error::unexpected("meta", "missing"));
        }
        Err(Error::Forbidden(
            "X no longer shows this account's posts: it may be suspended or deactivated".into(),
        ))
    }

    /// X's name of the next page.
    pub fn next_token(&self) -> Option<String> {
        self.meta.as_ref()?.next_token.clone().filter(|token| !token.is_empty())
    }

    /// Takes out the posts that a newer version has replaced; gives the ids of all versions but the newest.
    pub fn take_replaced(&mut self) -> Vec<String> {
        let versions = self.data.iter().flat_map(Post::earlier);
        let replaced: BTreeSet<String> = versions.map(str::to_owned).collect();
        self.data.items.retain(|post| !replaced.contains(&post.id));
        replaced.into_iter().collect()
    }

    /// The ids that X no longer has: of those that were asked for, and of posts that are quoted or answered.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        // A suspended account's are not found either, in other words.
        let gone = |problem: &&Problem| {
            problem.kind.ends_with("/resource-not-found") && problem.title != "Forbidden"
        };
        self.errors.iter().filter(gone).filter_map(|problem| problem.resource_id.clone())
    }

    /// The ids that may not be read now: protected, withheld.
    pub fn unreadable(&self) -> Vec<String> {
        let missing: HashSet<String> = self.missing().collect();
        let others = self.errors.iter().filter_map(|problem| problem.resource_id.clone());
        others.filter(|id| !missing.contains(id)).collect()
    }

    /// The media that hang on the posts.
    pub fn media_keys(&self) -> impl Iterator<Item = &str> {
        self.data.iter().flat_map(Post::media_keys)
    }

    /// Of these the ones that were not met before; they are from now on.
    pub fn media_not_in(&self, met: &mut BTreeSet<String>) -> HashSet<String> {
        self.media_keys().map(str::to_owned).filter(|key| met.insert(key.clone())).collect()
    }

    /// Media that hang on a post and are not shown.
    pub fn media_without_content(&self) -> Vec<String> {
        let shown: HashSet<&str> =
            self.includes.media.iter().map(|media| media.media_key.as_str()).collect();
        self.media_keys().filter(|key| !shown.contains(key)).map(str::to_owned).collect()
    }

    /// The posts and, as far as they are wanted, their media, each with the newest of its posts. A media asset lies at that
    /// post, so that it goes with it.
    pub fn records(&self, wanted: impl Fn(&Post, &str) -> bool) -> Vec<Record> {
        let originals = self.includes.tweets.iter().chain(self.includes.posts.iter());
        let known = Known {
            users: self.includes.users.iter().map(|user| (user.id.as_str(), user)).collect(),
            originals: originals.map(|post| (post.id.as_str(), post)).collect(),
            media: self.includes.media.iter().map(|of| (of.media_key.as_str(), of)).collect(),
        };
        let mut newest: Vec<&Post> = self.data.iter().collect();
        newest.sort_by(|a, b| order(&b.id).cmp(&order(&a.id)));
        let (mut records, mut placed) = (Vec::new(), HashSet::new());
        for post in newest {
            records.push(Record::new(post.id.clone(), post.message(&known)));
            for media in post.media_keys().filter_map(|key| known.media.get(key)) {
                if wanted(post, &media.media_key) && placed.insert(media.media_key.as_str()) {
                    let asset = media.asset(post, &known);
                    records.push(Record::new(media.media_key.clone(), asset).at(post.id.clone()));
                }
            }
        }
        records
    }
}

/// What an answer says beside its posts, by id.
pub(super) struct Known<'a> {
    users: HashMap<&'a str, &'a User>,
    originals: HashMap<&'a str, &'a Post>,
    media: HashMap<&'a str, &'a Attached>,
}

impl Post {
    /// All its versions but the newest.
    fn earlier(&self) -> impl Iterator<Item = &str> {
        let history = self.edit_history_tweet_ids.iter().chain(self.edit_history_post_ids.iter());
        let own = std::iter::once(&self.id);
        let versions: BTreeSet<_> = history.chain(own).map(|id| order(id)).collect();
        versions.into_iter().rev().skip(1).map(|(_, id)| id)
    }

    fn reference(&self, kinds: &[&str]) -> Option<&str> {
        let mut all = self.referenced_tweets.iter().chain(self.referenced_posts.iter());
        all.find(|reference| kinds.contains(&reference.kind.as_str())).map(|of| of.id.as_str())
    }

    /// The post that this one only repeats.
    fn original(&self) -> Option<&str> {
        self.reference(&["retweeted", "reposted"])
    }

    /// The media of its own: those of a repost are the original's.
    fn media_keys(&self) -> impl Iterator<Item = &str> {
        let own = self.attachments.as_ref().filter(|_| self.original().is_none());
        own.into_iter().flat_map(|of| of.media_keys.iter().map(String::as_str))
    }

    fn full_text(&self) -> String {
        let long = self.note_tweet.as_ref().or(self.note_post.as_ref());
        let long = long.and_then(|long| Some((long.text.as_deref()?, long.entities.as_ref())));
        let (text, entities) = long.unwrap_or((&self.text, self.entities.as_ref()));
        readable(text, entities)
    }

    pub(super) fn author(&self, known: &Known) -> Option<Person> {
        let user = known.users.get(self.author_id.as_deref()?);
        let name = user.and_then(|user| user.name.clone());
        let handle = user.and_then(|user| user.username.clone());
        Person { id: self.author_id.clone(), name, handle, email: None }.known()
    }

    pub(super) fn permalink(&self, author: Option<&Person>) -> String {
        let handle = author.and_then(|author| author.handle.as_deref()).unwrap_or("i");
        format!("https://x.com/{handle}/status/{}", self.id)
    }

    fn message(&self, known: &Known) -> Message {
        let original = self.original().and_then(|id| known.originals.get(id));
        let from = self.author(known);
        let media = self.media_keys().filter_map(|key| known.media.get(key));
        let media: Vec<Media> = media.map(|media| media.item()).collect();
        let text = original.map_or_else(|| self.full_text(), |post| post.full_text());
        Message {
            text: Some(text).filter(|text| !text.is_empty()),
            permalink: Some(self.permalink(from.as_ref())),
            from,
            sent_at: self.created_at,
            thread_id: self.conversation_id.clone(),
            in_reply_to: self.reference(&["replied_to"]).map(str::to_owned),
            quotes: self.reference(&["quoted"]).map(str::to_owned),
            language: self.lang.clone(),
            media: Some(media).filter(|media| !media.is_empty()),
            engagement_stats: self.public_metrics.as_ref().map(PostMetrics::stats),
            ..Message::of(MessageKind::Post)
        }
    }
}

impl PostMetrics {
    fn stats(&self) -> EngagementStats {
        stats([
            ("likes", &self.like_count),
            ("comments", &self.reply_count),
            (
                "reposts",
                if self.retweet_count.is_some() { &self.retweet_count } else { &self.repost_count },
            ),
            ("quotes", &self.quote_count),
            ("saves", &self.bookmark_count),
            ("views", &self.impression_count),
        ])
    }
}

pub(super) fn stats<const N: usize>(counts: [(&str, &Option<Number>); N]) -> EngagementStats {
    let known =
        counts.into_iter().filter_map(|(name, count)| Some((name.to_owned(), count.clone()?)));
    known.collect()
}

/// A text as people see it: X writes three characters as entities, and shortens addresses.
fn readable(text: &str, entities: Option<&Entities>) -> String {
    let mut text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let links = entities.into_iter().flat_map(|entities| entities.urls.iter()).take(LINKS);
    for Link { url, expanded_url } in links {
        if url.starts_with("https://t.co/") && expanded_url.len() <= LINK_BYTES {
            text = text.replacen(url.as_str(), expanded_url, 1);
        }
    }
    text
}
