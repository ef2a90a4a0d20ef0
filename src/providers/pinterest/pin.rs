//! Pins of Pinterest.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Names;
use crate::{
    record::{EngagementStats, Media, MediaAsset, MediaAssetKind, MediaType, Person, Record, Ref},
    wire::time,
};

/// A Pin. Each save of a picture is one of its own.
#[derive(Deserialize)]
pub struct Pin {
    id: String,
    /// UTC, without a zone.
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    title: Option<String>,
    description: Option<String>,
    alt_text: Option<String>,
    board_id: Option<String>,
    board_owner: Option<Owner>,
    #[serde(default)]
    media: Value,
    /// Absent for some Pins.
    #[serde(default, rename = "pin_metrics")]
    metrics: Value,
}

#[derive(Deserialize)]
struct Owner {
    username: Option<String>,
}

/// Names of counts, ours and Pinterest's.
const COUNTS: [(&str, &str); 4] =
    [("likes", "reaction"), ("comments", "comment"), ("saves", "save"), ("views", "impression")];

impl Pin {
    /// The Pin as a record.
    pub fn into_record(self, boards: &Names) -> Record {
        let word = self.media.get("media_type").and_then(Value::as_str).unwrap_or_default();
        let (kind, items) = match word {
            "video" => (MediaAssetKind::Video, vec![&self.media]),
            several if several.starts_with("multiple") => {
                let items = self.media.get("items").and_then(Value::as_array);
                (MediaAssetKind::Album, items.into_iter().flatten().collect())
            }
            _ => (MediaAssetKind::Image, vec![&self.media]),
        };
        let mut media: Vec<Media> = items.into_iter().filter_map(item).collect();
        if let ([one], false) = (media.as_mut_slice(), kind == MediaAssetKind::Album) {
            one.alt_text = filled(self.alt_text);
        }
        let title = filled(self.title);
        let duration_seconds = match media.as_slice() {
            [film] => film.duration_seconds,
            _ => None,
        };
        let lifetime = self.metrics.get("lifetime_metrics");
        let count = |own| match lifetime?.get(own)? {
            Value::Number(count) => Some(count.clone()),
            _ => None,
        };
        let counts = COUNTS.into_iter().filter_map(|(ours, own)| Some((ours.into(), count(own)?)));
        let counts: EngagementStats = counts.collect();
        let handle = self.board_owner.and_then(|owner| owner.username);
        let name = self.board_id.as_ref().and_then(|id| boards.get(id)).cloned();
        let asset = MediaAsset {
            caption: filled(self.description).or_else(|| title.clone()),
            title,
            parent: Ref { id: self.board_id, name, url: None }.known(),
            author: Person { handle, ..Person::default() }.known(),
            media: (!media.is_empty()).then_some(media),
            engagement_stats: (!counts.is_empty()).then_some(counts),
            duration_seconds,
            permalink: Some(format!("https://www.pinterest.com/pin/{}/", self.id)),
            created_at: self.created_at,
            ..MediaAsset::of(kind)
        };
        Record::new(self.id, asset)
    }
}

/// A text that is not blank, as descriptions may be.
fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A picture or film; none of what says nothing of itself.
fn item(of: &Value) -> Option<Media> {
    let text = |of: &Value, key| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let size = |of: &Value, key| of.get(key).and_then(Value::as_i64);
    let kind = text(of, "item_type").or_else(|| text(of, "media_type"));
    if kind.as_deref() == Some("video") {
        let millis = of.get("duration").and_then(Value::as_f64);
        return Some(Media {
            url: text(of, "video_url"),
            thumbnail_url: text(of, "cover_image_url"),
            duration_seconds: millis.map(|millis| millis / 1000.0),
            width: size(of, "width"),
            height: size(of, "height"),
            ..Media::of(MediaType::Video)
        });
    }
    let pictures = of.get("images")?.as_object()?.values();
    let largest = pictures.max_by_key(|picture| size(picture, "width"))?;
    Some(Media {
        url: text(largest, "url"),
        width: size(largest, "width"),
        height: size(largest, "height"),
        ..Media::of(MediaType::Image)
    })
}
