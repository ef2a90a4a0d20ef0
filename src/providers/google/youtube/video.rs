//! A video of YouTube's as a record.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    record::{
        EngagementStats, Media, MediaAsset, MediaAssetKind, MediaType, Person, Record, Sharing,
    },
    wire::time,
};

/// Videos resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Video {
    id: String,
    #[serde(default)]
    snippet: Snippet,
    #[serde(default)]
    content_details: ContentDetails,
    #[serde(default)]
    statistics: Statistics,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Snippet {
    title: Option<String>,
    description: Option<String>,
    #[serde(deserialize_with = "time::read_instant")]
    published_at: Option<Timestamp>,
    channel_id: Option<String>,
    channel_title: Option<String>,
    tags: Option<Vec<String>>,
    thumbnails: Thumbnails,
}

/// From the largest to the smallest; a video may lack any of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Thumbnails {
    maxres: Option<Thumbnail>,
    standard: Option<Thumbnail>,
    high: Option<Thumbnail>,
    medium: Option<Thumbnail>,
    #[serde(rename = "default")]
    small: Option<Thumbnail>,
}

#[derive(Deserialize)]
struct Thumbnail {
    url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContentDetails {
    /// ISO 8601; `P0D` of a live stream that goes on.
    duration: Option<String>,
}

/// Numbers in texts. Those of hidden likes and closed comments are absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Statistics {
    #[serde(rename = "viewCount")]
    views: Option<String>,
    #[serde(rename = "likeCount")]
    likes: Option<String>,
    #[serde(rename = "commentCount")]
    comments: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    privacy_status: Option<String>,
}

impl Video {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<Video> for Record {
    fn from(of: Video) -> Self {
        let Snippet {
            title,
            description,
            published_at,
            channel_id,
            channel_title,
            tags,
            thumbnails,
        } = of.snippet;
        let scope = of.status.privacy_status;
        let video = MediaAsset {
            title,
            caption: description.filter(|text| !text.is_empty()),
            created_at: published_at,
            author: Person::named(channel_id, channel_title),
            permalink: Some(format!("https://www.youtube.com/watch?v={}", of.id)),
            engagement_stats: of.statistics.counts(),
            duration_seconds: of.content_details.duration.as_deref().and_then(seconds),
            sharing: scope.map(|scope| Sharing { scope: Some(scope), ..Sharing::default() }),
            tags,
            media: thumbnails
                .largest()
                .map(|url| vec![Media { thumbnail_url: Some(url), ..Media::of(MediaType::Video) }]),
            ..MediaAsset::of(MediaAssetKind::Video)
        };
        Self::new(of.id, video)
    }
}

impl Thumbnails {
    fn largest(self) -> Option<String> {
        let sizes = [self.maxres, self.standard, self.high, self.medium, self.small];
        sizes.into_iter().flatten().find_map(|of| of.url)
    }
}

impl Statistics {
    fn counts(&self) -> Option<EngagementStats> {
        let counts = [("views", &self.views), ("likes", &self.likes), ("comments", &self.comments)];
        let known = counts.into_iter().filter_map(|(name, count)| {
            let count: u64 = count.as_deref()?.parse().ok()?;
            Some((name.to_owned(), count.into()))
        });
        let known: EngagementStats = known.collect();
        (!known.is_empty()).then_some(known)
    }
}

/// The length that a duration says; a stream that goes on has none yet.
fn seconds(duration: &str) -> Option<f64> {
    let span: jiff::Span = duration.parse().ok()?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let length = span.to_duration(days).ok().filter(|length| *length > SignedDuration::ZERO)?;
    Some(length.as_secs_f64())
}
