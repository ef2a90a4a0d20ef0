//! Posts and replies of Threads as records.
//!
//! Facts: Meta for Developers, "Threads media", "Threads media insights".

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::walk::Dated;
use crate::{
    record::{Attachment, EngagementStats, Media, MediaType, Message, MessageKind, Person, Record},
    wire::{Many, time},
};

/// What is asked of a post.
pub const POST_FIELDS: &str = "id,media_type,media_url,gif_url,thumbnail_url,alt_text,permalink,owner,username,text,\
    timestamp,children,quoted_post,link_attachment_url";
/// What is asked of a reply, which has no owner.
pub const REPLY_FIELDS: &str = "id,media_type,media_url,gif_url,thumbnail_url,alt_text,permalink,username,text,\
    timestamp,children,quoted_post,link_attachment_url,root_post,replied_to";
/// What is asked of an album's part.
pub const PART_FIELDS: &str = "id,media_type,media_url,thumbnail_url,alt_text";
/// What is counted.
pub const METRICS: &str = "views,likes,replies,reposts,quotes,shares";

/// A post or a reply.
#[derive(Deserialize)]
pub struct Post {
    #[serde(flatten)]
    medium: Medium,
    /// Such a post says that it is one of text.
    gif_url: Option<String>,
    /// Absent where the post is flagged for copyright.
    permalink: Option<String>,
    owner: Option<Named>,
    username: Option<String>,
    text: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    timestamp: Option<Timestamp>,
    #[serde(default)]
    children: Children,
    #[serde(rename = "quoted_post")]
    quoted: Option<Named>,
    link_attachment_url: Option<String>,
    #[serde(rename = "root_post")]
    root: Option<Named>,
    replied_to: Option<Named>,
}

/// A picture, a film, a sound; or a post as one of them.
#[derive(Deserialize)]
pub struct Medium {
    id: String,
    #[serde(default)]
    media_type: String,
    media_url: Option<String>,
    thumbnail_url: Option<String>,
    alt_text: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Ids alone.
#[derive(Default, Deserialize)]
struct Children {
    #[serde(default)]
    data: Many<Named>,
}

/// A post's counts.
#[derive(Clone, Default, Deserialize)]
pub struct Counts {
    data: Many<Count>,
}

#[derive(Clone, Deserialize)]
struct Count {
    name: String,
    #[serde(default)]
    values: Vec<Value>,
}

impl Dated for Post {
    fn at(&self) -> Option<Timestamp> {
        self.timestamp
    }
}

impl Post {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.medium.id
    }

    /// Whether anything is counted: of a mere repost nothing is.
    pub fn is_counted(&self) -> bool {
        self.medium.media_type != "REPOST_FACADE"
    }

    /// The ids of what an album consists of.
    pub fn parts(&self) -> Vec<String> {
        self.children.data.iter().map(|part| part.id.clone()).collect()
    }

    /// The post as a record, with an album's parts and the counts.
    pub fn into_record(self, parts: Vec<Medium>, counts: Counts) -> Record {
        let id = self.medium.id.clone();
        let mut media: Vec<Media> = parts.into_iter().filter_map(Medium::into_media).collect();
        media.extend(self.medium.into_media());
        media.extend(self.gif_url.map(|url| Media {
            id: Some(id.clone()),
            url: Some(url),
            ..Media::of(MediaType::Gif)
        }));
        let from = Person {
            id: self.owner.map(|owner| owner.id),
            handle: self.username,
            ..Person::default()
        };
        let link = |url| vec![Attachment { url: Some(url), ..Attachment::default() }];
        let post = Message {
            text: self.text,
            from: from.known(),
            thread_id: self.root.map(|post| post.id),
            in_reply_to: self.replied_to.map(|post| post.id),
            quotes: self.quoted.map(|post| post.id),
            attachments: self.link_attachment_url.map(link),
            media: Some(media).filter(|media| !media.is_empty()),
            engagement_stats: counts.into_stats(),
            permalink: self.permalink,
            sent_at: self.timestamp,
            ..Message::of(MessageKind::Post)
        };
        // Addresses of files are signed and change with each reading.
        Record::new(id, post).volatile("media.*.url").volatile("media.*.thumbnail_url")
    }
}

impl Medium {
    /// The medium, where it is one.
    fn into_media(self) -> Option<Media> {
        let kind = match self.media_type.as_str() {
            "IMAGE" => MediaType::Image,
            "VIDEO" => MediaType::Video,
            "AUDIO" => MediaType::Audio,
            _ => return None,
        };
        Some(Media {
            id: Some(self.id),
            url: self.media_url,
            thumbnail_url: self.thumbnail_url,
            alt_text: self.alt_text,
            ..Media::of(kind)
        })
    }
}

impl Counts {
    fn into_stats(self) -> Option<EngagementStats> {
        let counts = self.data.into_iter().filter_map(|count| {
            let value = count.values.first()?.get("value")?.as_u64()?;
            let name = if count.name == "replies" { "comments".into() } else { count.name };
            Some((name, value.into()))
        });
        Some(counts.collect::<EngagementStats>()).filter(|counts| !counts.is_empty())
    }
}
