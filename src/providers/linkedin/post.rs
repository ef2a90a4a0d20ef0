//! Posts of LinkedIn, and comments on them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    record::{Attachment, EngagementStats, Media, MediaType, Message, MessageKind, Person, Record},
    wire::time,
};

/// A post of a company page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// `urn:li:share:…` or `urn:li:ugcPost:…`.
    pub id: String,
    author: Option<String>,
    commentary: Option<String>,
    created_at: Option<i64>,
    published_at: Option<i64>,
    last_modified_at: Option<i64>,
    lifecycle_state: Option<String>,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    reshare_context: Value,
}

/// How often a post was liked and commented on.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    likes: Option<i64>,
    comments: Option<i64>,
    top_level: Option<i64>,
}

impl Counts {
    /// Those that an answer tells: all sorts of reactions count as likes.
    pub fn of(metadata: &Value) -> Self {
        let number = |at: &str| metadata.pointer(at).and_then(Value::as_i64);
        let reactions = metadata.get("reactionSummaries").and_then(Value::as_object);
        let reactions = reactions.map(|sorts| {
            sorts
                .values()
                .filter_map(|sort| sort.get("count")?.as_i64())
                .fold(0, i64::saturating_add)
        });
        Self {
            likes: reactions,
            comments: number("/commentSummary/count"),
            top_level: number("/commentSummary/topLevelCount"),
        }
    }

    /// Whether some comments answer others.
    pub fn has_replies(self) -> bool {
        self.comments > self.top_level
    }
}

impl Post {
    /// When it was changed last: what lists are ordered by.
    pub fn changed_at(&self) -> Option<Timestamp> {
        self.last_modified_at.or(self.published_at).or(self.created_at).and_then(millis)
    }

    /// Whether it can be seen.
    pub fn is_published(&self) -> bool {
        self.lifecycle_state.as_deref().is_none_or(|state| state == "PUBLISHED")
    }

    /// The pictures, films and documents in it, by name alone.
    fn media(&self) -> Vec<Media> {
        let one = self.content.get("media").into_iter();
        let several = self.content.pointer("/multiImage/images").and_then(Value::as_array);
        let items = one.chain(several.into_iter().flatten()).filter_map(|of| {
            let id = text(of, "id")?;
            let kind = match id.split(':').nth(2) {
                Some("image") => MediaType::Image,
                Some("video") => MediaType::Video,
                _ => MediaType::File,
            };
            Some(Media { id: Some(id), alt_text: text(of, "altText"), ..Media::of(kind) })
        });
        items.collect()
    }

    /// The post as a record.
    pub fn into_record(self, counts: Counts) -> Record {
        let media = self.media();
        let linked = self.content.get("article").and_then(|article| text(article, "source"));
        let linked = linked.map(|url| vec![Attachment { url: Some(url), ..Attachment::default() }]);
        let stats = [("likes", counts.likes), ("comments", counts.comments)];
        let stats: EngagementStats = stats
            .into_iter()
            .filter_map(|(name, count)| Some((name.into(), count?.into())))
            .collect();
        let words = self.commentary.as_deref().map(plain);
        let post = Message {
            text: words.filter(|words| !words.is_empty()),
            from: Person::named(self.author, None),
            quotes: text(&self.reshare_context, "parent"),
            media: (!media.is_empty()).then_some(media),
            attachments: linked,
            engagement_stats: (!stats.is_empty()).then_some(stats),
            permalink: Some(format!("https://www.linkedin.com/feed/update/{}/", self.id)),
            sent_at: self.published_at.or(self.created_at).and_then(millis),
            updated_at: self.last_modified_at.and_then(millis),
            ..Message::of(MessageKind::Post)
        };
        Record::new(self.id, post)
    }
}

/// A comment on a post, or an answer to one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// `urn:li:comment:(urn:li:activity:…,…)`.
    #[serde(rename = "commentUrn")]
    pub urn: String,
    actor: Option<String>,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    created: Value,
    #[serde(default)]
    last_modified: Value,
    #[serde(rename = "parentComment")]
    parent: Option<String>,
    #[serde(default)]
    comments_summary: Value,
    #[serde(default)]
    likes_summary: Value,
}

impl Comment {
    /// Whether it is answered; where LinkedIn does not say so it may be.
    pub fn has_replies(&self) -> bool {
        let number = self.comments_summary.get("totalFirstLevelComments").and_then(Value::as_i64);
        number.is_none_or(|number| number > 0)
    }

    /// The comment as a record; `post` is the one that it was listed under, which is not the object that it names.
    pub fn into_record(self, post: &str) -> Record {
        let time = |of: &Value| of.get("time").and_then(Value::as_i64).and_then(millis);
        let sent_at = time(&self.created);
        let likes = self.likes_summary.get("aggregatedTotalLikes").and_then(Value::as_i64);
        let comment = Message {
            text: text(&self.message, "text"),
            from: Person::named(self.actor, None),
            thread_id: Some(post.to_owned()),
            in_reply_to: self.parent.or_else(|| Some(post.to_owned())),
            engagement_stats: likes.map(|likes| [("likes".to_owned(), likes.into())].into()),
            sent_at,
            updated_at: time(&self.last_modified).filter(|changed| Some(*changed) != sent_at),
            ..Message::of(MessageKind::Comment)
        };
        Record::new(self.urn, comment).at(post)
    }
}

fn millis(millis: i64) -> Option<Timestamp> {
    time::epoch_millis(&millis.to_string())
}

fn text(of: &Value, key: &str) -> Option<String> {
    of.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What LinkedIn's "little text" says: mentions `@[Name](urn:li:…)` as `@Name`, hashtags `{hashtag|\#|tag}` as `#tag`, and
/// the backslash before its own marks left out.
fn plain(little: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(little.len()), little);
    while let Some(at) = rest.find(['\\', '@', '{']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (said, after) = marked(from);
        out.push_str(&said);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What the mark says that a text begins with, and what follows it.
fn marked(from: &str) -> (String, &str) {
    let mention = || {
        let (name, after) = until(from.strip_prefix("@[")?, ']')?;
        let (_, after) = until(after.strip_prefix('(')?, ')')?;
        Some((format!("@{name}"), after))
    };
    let hashtag = || {
        let (sign, after) = until(from.strip_prefix("{hashtag|")?, '|')?;
        let (tag, after) = until(after, '}')?;
        Some((format!("{sign}{tag}"), after))
    };
    if let Some(read) = mention().or_else(hashtag) {
        return read;
    }
    let mut chars = from.chars();
    let first = chars.next();
    match (first, chars.clone().next()) {
        (Some('\\'), Some(mark)) if r"\|{}@[]()<>#*_~".contains(mark) => {
            chars.next();
            (mark.into(), chars.as_str())
        }
        _ => (first.map(String::from).unwrap_or_default(), chars.as_str()),
    }
}

/// The longest name or tag that is looked for, in bytes.
const LONGEST: usize = 1_000;

/// What stands before an end that no backslash leads, without its backslashes, and what follows it.
fn until(text: &str, end: char) -> Option<(String, &str)> {
    let (mut read, mut chars) = (String::new(), text.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' => read.extend(chars.next()),
            _ if char == end => return Some((read, chars.as_str())),
            _ => read.push(char),
        }
        if read.len() > LONGEST {
            break;
        }
    }
    None
}
