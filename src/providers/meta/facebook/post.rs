//! Facebook's posts and stories as records.
//!
//! Facts: Meta for Developers, "Page Post", "Story Attachment", "Page stories".

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::walk::Dated;
use crate::{
    record::{
        Attachment as LinkedFile, EngagementStats, Media, MediaAsset, MediaAssetKind, MediaType,
        Message, MessageKind, Person, Record,
    },
    wire::{Many, time},
};

/// What is asked of a post. Without its limit a list of attachments ends after twelve.
pub const FIELDS: &str = "id,message,story,created_time,updated_time,permalink_url,from,is_published,shares,\
    attachments{media_type,type,media,target,url,unshimmed_url,\
    subattachments.limit(100){media_type,type,media,target,url}},\
    likes.limit(0).summary(true),comments.limit(0).summary(true),reactions.limit(0).summary(true)";
/// What is asked of a story.
pub const STORY_FIELDS: &str = "post_id,media_id,media_type,status,url,creation_time";

/// A post of a page or a person.
#[derive(Deserialize)]
pub struct Post {
    id: String,
    message: Option<String>,
    story: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_time: Option<Timestamp>,
    permalink_url: Option<String>,
    from: Option<Profile>,
    /// A page's own feed holds drafts and what is planned, too.
    is_published: Option<bool>,
    #[serde(default)]
    attachments: Attachments,
    #[serde(default)]
    likes: Value,
    #[serde(default)]
    comments: Value,
    #[serde(default)]
    reactions: Value,
    #[serde(default)]
    shares: Value,
}

#[derive(Clone, Deserialize)]
struct Profile {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Attachments {
    #[serde(default)]
    data: Many<Attachment>,
}

#[derive(Deserialize)]
struct Attachment {
    media_type: Option<String>,
    r#type: Option<String>,
    #[serde(default)]
    media: MediaNode,
    #[serde(default)]
    target: Target,
    url: Option<String>,
    /// The address that `url` leads to.
    unshimmed_url: Option<String>,
    #[serde(default)]
    subattachments: Attachments,
}

#[derive(Default, Deserialize)]
struct MediaNode {
    image: Option<Image>,
    /// A film's file.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Image {
    src: Option<String>,
    width: Option<i64>,
    height: Option<i64>,
}

#[derive(Default, Deserialize)]
struct Target {
    id: Option<String>,
}

impl Dated for Post {
    fn at(&self) -> Option<Timestamp> {
        self.created_time
    }
}

impl Post {
    /// The post and the pictures and films in it; nothing where it is not published.
    pub fn into_records(self) -> Vec<Record> {
        if self.is_published == Some(false) {
            return Vec::new();
        }
        let from = self.from.clone().and_then(|of| Person::named(of.id, of.name));
        let mut shown = Vec::new();
        for attachment in &self.attachments.data.items {
            let parts = &attachment.subattachments.data.items;
            let parts = if parts.is_empty() { std::slice::from_ref(attachment) } else { parts };
            shown.extend(parts.iter().filter_map(|part| Some((part.media()?, part.url.clone()))));
        }
        let stats = self.stats();
        let media: Vec<Media> = shown.iter().map(|(media, _)| media.clone()).collect();
        let links: Vec<LinkedFile> =
            self.attachments.data.into_iter().filter_map(Attachment::into_link).collect();
        let post = Message {
            text: self.message.or(self.story),
            from: from.clone(),
            attachments: Some(links).filter(|links| !links.is_empty()),
            media: Some(media).filter(|media| !media.is_empty()),
            engagement_stats: stats,
            permalink: self.permalink_url,
            sent_at: self.created_time,
            updated_at: self.updated_time,
            ..Message::of(MessageKind::Post)
        };
        let assets = shown.into_iter().filter_map(|(media, permalink)| {
            let id = media.id.clone()?;
            let kind = match media.kind {
                MediaType::Video => MediaAssetKind::Video,
                _ => MediaAssetKind::Image,
            };
            let asset = MediaAsset {
                author: from.clone(),
                media: Some(vec![media]),
                permalink,
                created_at: self.created_time,
                ..MediaAsset::of(kind)
            };
            // Several posts may show it, in several feeds: it is told as the newest of them has it.
            let record = Record::new(id, asset);
            Some(match self.created_time {
                Some(created) => record.version(created),
                None => record,
            })
        });
        let records = std::iter::once(Record::new(self.id, post)).chain(assets);
        records.map(signed_addresses).collect()
    }

    fn stats(&self) -> Option<EngagementStats> {
        let total = |of: &Value| of.pointer("/summary/total_count").and_then(Value::as_u64);
        let counts = [
            ("likes", total(&self.likes)),
            ("comments", total(&self.comments)),
            ("reactions", total(&self.reactions)),
            ("shares", self.shares.get("count").and_then(Value::as_u64)),
        ];
        let counts = counts.into_iter().filter_map(|(of, count)| Some((of.into(), count?.into())));
        Some(counts.collect::<EngagementStats>()).filter(|counts| !counts.is_empty())
    }
}

impl Attachment {
    /// The picture or film that it is; nothing for links, events and albums as such.
    fn media(&self) -> Option<Media> {
        let word = self.media_type.as_deref().or(self.r#type.as_deref())?;
        let kind = match word {
            "photo" | "cover_photo" | "profile_media" => MediaType::Image,
            "video" | "video_inline" | "video_autoplay" | "video_direct_response" => {
                MediaType::Video
            }
            _ => return None,
        };
        let image = self.media.image.as_ref();
        let still = image.and_then(|image| image.src.clone());
        let id = self.target.id.clone();
        Some(if kind == MediaType::Video {
            let url = self.media.source.clone().or_else(|| still.clone());
            Media { id, url, thumbnail_url: still, ..Media::of(kind) }
        } else {
            let (width, height) =
                (image.and_then(|image| image.width), image.and_then(|image| image.height));
            Media { id, url: still, width, height, ..Media::of(kind) }
        })
    }

    /// What a post leads to, where that is no picture or film of its own.
    fn into_link(self) -> Option<LinkedFile> {
        let is_media = self.media().is_some() || !self.subattachments.data.is_empty();
        let url = self.unshimmed_url.filter(|_| !is_media)?;
        Some(LinkedFile { url: Some(url), ..LinkedFile::default() })
    }
}

/// Addresses of files are signed and change with each reading.
fn signed_addresses(record: Record) -> Record {
    record.volatile("media.*.url").volatile("media.*.thumbnail_url")
}

/// A page's story.
#[derive(Deserialize)]
pub struct Story {
    media_id: String,
    url: Option<String>,
    /// Seconds from 1970, as a text.
    #[serde(default)]
    creation_time: Value,
}

impl Dated for Story {
    fn at(&self) -> Option<Timestamp> {
        let seconds = self.creation_time.as_str().and_then(|text| text.trim().parse().ok());
        time::epoch_seconds(seconds.or_else(|| self.creation_time.as_i64())?)
    }
}

impl Story {
    /// The story as a record.
    pub fn into_record(self) -> Record {
        let created_at = self.at();
        let story =
            MediaAsset { permalink: self.url, created_at, ..MediaAsset::of(MediaAssetKind::Story) };
        Record::new(self.media_id, story)
    }
}
