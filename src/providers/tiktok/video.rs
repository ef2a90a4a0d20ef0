//! Videos of TikTok.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Number;

use super::Me;
use crate::{
    record::{EngagementStats, Media, MediaAsset, MediaAssetKind, MediaType, Person, Record},
    wire::time,
};

/// What is asked of each video. The address of the cover is not: it lives six hours.
pub const FIELDS: &str = "id,create_time,share_url,video_description,title,duration,width,height,\
                          embed_link,like_count,comment_count,share_count,view_count";

/// A public video.
#[derive(Deserialize)]
pub struct Video {
    id: String,
    /// Seconds from 1970.
    create_time: Option<i64>,
    share_url: Option<String>,
    #[serde(rename = "video_description")]
    description: Option<String>,
    title: Option<String>,
    duration: Option<f64>,
    width: Option<i64>,
    height: Option<i64>,
    embed_link: Option<String>,
    like_count: Option<Number>,
    comment_count: Option<Number>,
    share_count: Option<Number>,
    view_count: Option<Number>,
}

impl Video {
    /// When it was posted.
    pub fn at(&self) -> Option<Timestamp> {
        self.create_time.and_then(time::epoch_seconds)
    }

    /// The video as a record of its author's.
    pub fn into_record(self, me: &Me) -> Record {
        let created_at = self.at();
        let counts = [
            ("likes", self.like_count),
            ("comments", self.comment_count),
            ("shares", self.share_count),
            ("views", self.view_count),
        ];
        let counts: EngagementStats =
            counts.into_iter().filter_map(|(name, count)| Some((name.into(), count?))).collect();
        // The file itself has no address; this is that of the player.
        let media = self.embed_link.map(|url| Media {
            id: Some(self.id.clone()),
            url: Some(url),
            duration_seconds: self.duration,
            width: self.width,
            height: self.height,
            ..Media::of(MediaType::Video)
        });
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let video = MediaAsset {
            caption: filled(self.description).or_else(|| filled(self.title)),
            author: Person::named(Some(me.open_id.clone()), me.display_name.clone()),
            media: media.map(|media| vec![media]),
            engagement_stats: (!counts.is_empty()).then_some(counts),
            duration_seconds: self.duration,
            permalink: self.share_url,
            created_at,
            ..MediaAsset::of(MediaAssetKind::Video)
        };
        Record::new(self.id, video)
    }
}
