//! Posts (`t3_…`) and comments (`t1_…`) of Reddit.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{
    record::{EngagementStats, Media, MediaType, Message, MessageKind, Person, Record, Ref},
    wire::{Many, time},
};

/// An entry of a listing.
#[derive(Deserialize)]
pub struct Child {
    data: Thing,
}

impl From<Child> for Thing {
    fn from(of: Child) -> Self {
        of.data
    }
}

/// A post or a comment.
#[derive(Deserialize)]
pub struct Thing {
    /// Kind and id: `t3_1hxq2vk`. The id alone is unique within its kind only.
    pub name: String,
    author: Option<String>,
    author_fullname: Option<String>,
    subreddit: Option<String>,
    subreddit_id: Option<String>,
    permalink: Option<String>,
    created_utc: Option<f64>,
    /// A time, `false`, or `true` for edits of the first years.
    #[serde(default)]
    edited: Value,
    score: Option<Number>,
    num_comments: Option<Number>,
    title: Option<String>,
    selftext: Option<String>,
    url: Option<String>,
    #[serde(default)]
    is_self: bool,
    #[serde(default)]
    is_video: bool,
    post_hint: Option<String>,
    link_flair_text: Option<String>,
    crosspost_parent: Option<String>,
    removed_by_category: Option<String>,
    #[serde(default)]
    gallery_data: Gallery,
    #[serde(default)]
    media_metadata: Value,
    #[serde(default)]
    media: Value,
    body: Option<String>,
    link_id: Option<String>,
    parent_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(from = "Option<Items>")]
struct Gallery(Many<Item>);

#[derive(Deserialize)]
struct Items {
    #[serde(default)]
    items: Many<Item>,
}

#[derive(Clone, Deserialize)]
struct Item {
    media_id: String,
    caption: Option<String>,
}

impl From<Option<Items>> for Gallery {
    fn from(of: Option<Items>) -> Self {
        Self(of.map(|of| of.items).unwrap_or_default())
    }
}

/// Instead of an author or a text that is gone.
const DELETED: &str = "[deleted]";

impl Thing {
    /// When it was made.
    pub fn at(&self) -> Option<Timestamp> {
        self.created_utc.and_then(seconds)
    }

    /// Whether its author deleted it. Without an author alone it is not: then the account is gone.
    pub fn is_deleted(&self) -> bool {
        let text = self.body.as_deref().or(self.selftext.as_deref());
        let emptied = self.author.as_deref() == Some(DELETED) && text == Some(DELETED);
        emptied || self.removed_by_category.as_deref() == Some("deleted")
    }

    /// Pictures and films, a gallery's in its order.
    fn media(&self) -> Vec<Media> {
        let film = self.media.pointer("/reddit_video/fallback_url").and_then(Value::as_str);
        let one = match &self.url {
            _ if self.is_video => film.map(|url| (MediaType::Video, url)),
            Some(url) if self.post_hint.as_deref() == Some("image") => {
                Some((MediaType::Image, url.as_str()))
            }
            _ => None,
        };
        let one = one.map(|(kind, url)| Media { url: Some(url.into()), ..Media::of(kind) });
        let gallery = self.gallery_data.0.iter().filter_map(|item| self.shown(item));
        one.into_iter().chain(gallery).collect()
    }

    /// An item of a gallery; none while it is being converted, or where it failed to be.
    fn shown(&self, item: &Item) -> Option<Media> {
        let source = self.media_metadata.get(&item.media_id)?.get("s")?;
        let url = |key| source.get(key).and_then(Value::as_str);
        let still = url("u").map(|url| (MediaType::Image, url));
        let (kind, url) =
            still.or_else(|| Some((MediaType::Gif, url("gif").or_else(|| url("mp4"))?)))?;
        let alt_text = item.caption.clone().filter(|caption| !caption.is_empty());
        let size = |key| source.get(key).and_then(Value::as_i64);
        Some(Media {
            url: Some(url.into()),
            alt_text,
            width: size("x"),
            height: size("y"),
            ..Media::of(kind)
        })
    }
}

fn seconds(seconds: f64) -> Option<Timestamp> {
    time::epoch_millis(&format!("{:.0}", seconds * 1000.0))
}

impl From<Thing> for Record {
    fn from(of: Thing) -> Self {
        let (sent_at, media) = (of.at(), of.media());
        let is_comment = of.name.starts_with("t1_");
        let address = of.url.filter(|_| !of.is_self && media.is_empty() && !is_comment);
        let text = of.body.or(of.selftext).filter(|text| !text.is_empty()).or(address);
        let handle = of.author.filter(|author| author != DELETED);
        let counts = [("likes", of.score), ("comments", of.num_comments)];
        let counts: EngagementStats =
            counts.into_iter().filter_map(|(name, count)| Some((name.into(), count?))).collect();
        let message = Message {
            subject: of.title,
            text,
            from: Person { id: of.author_fullname, handle, ..Person::default() }.known(),
            channel: Ref { id: of.subreddit_id, name: of.subreddit, url: None }.known(),
            thread_id: of.link_id,
            in_reply_to: of.parent_id,
            quotes: of.crosspost_parent,
            tags: of.link_flair_text.filter(|flair| !flair.is_empty()).map(|flair| vec![flair]),
            media: (!media.is_empty()).then_some(media),
            engagement_stats: (!counts.is_empty()).then_some(counts),
            permalink: of.permalink.map(|path| format!("https://www.reddit.com{path}")),
            sent_at,
            updated_at: of.edited.as_f64().and_then(seconds),
            ..Message::of(if is_comment { MessageKind::Comment } else { MessageKind::Post })
        };
        Self::new(of.name, message)
    }
}
