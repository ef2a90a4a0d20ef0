//! Pictures and films that hang on posts of X.

use serde::Deserialize;
use serde_json::Number;

use super::post::{Known, Post, stats};
use crate::{
    record::{Media, MediaAsset, MediaAssetKind, MediaType},
    wire::Many,
};

/// A picture or film.
#[derive(Deserialize)]
pub struct Attached {
    /// A number led by its kind: `3_1980278893311238144`; unique over all of X.
    pub media_key: String,
    #[serde(default, rename = "type")]
    kind: String,
    url: Option<String>,
    preview_image_url: Option<String>,
    alt_text: Option<String>,
    width: Option<i64>,
    height: Option<i64>,
    duration_ms: Option<f64>,
    #[serde(default)]
    variants: Many<Variant>,
    public_metrics: Option<MediaMetrics>,
}

#[derive(Deserialize)]
struct Variant {
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    bit_rate: f64,
    url: String,
}

#[derive(Deserialize)]
struct MediaMetrics {
    view_count: Option<Number>,
}

impl Attached {
    /// As a part of a post.
    pub fn item(&self) -> Media {
        let kind = match self.kind.as_str() {
            "photo" => MediaType::Image,
            "video" => MediaType::Video,
            "animated_gif" => MediaType::Gif,
            _ => MediaType::File,
        };
        let films = self.variants.iter().filter(|variant| variant.content_type == "video/mp4");
        let best = films.max_by(|a, b| a.bit_rate.total_cmp(&b.bit_rate));
        Media {
            id: Some(self.media_key.clone()),
            url: self
                .url
                .clone()
                .or(best.map(|film| film.url.clone()))
                .or(self.preview_image_url.clone()),
            thumbnail_url: self.preview_image_url.clone(),
            alt_text: self.alt_text.clone(),
            duration_seconds: self.duration_ms.map(|ms| ms / 1000.0),
            width: self.width,
            height: self.height,
            ..Media::of(kind)
        }
    }

    /// As a record, with the author, date and address of a post that it hangs on.
    pub(super) fn asset(&self, post: &Post, known: &Known) -> MediaAsset {
        let item = self.item();
        let kind = match item.kind {
            MediaType::Image => MediaAssetKind::Image,
            MediaType::Video => MediaAssetKind::Video,
            MediaType::Gif => MediaAssetKind::Gif,
            MediaType::Audio | MediaType::File => MediaAssetKind::File,
        };
        let author = post.author(known);
        let views = self.public_metrics.as_ref().map(|of| stats([("views", &of.view_count)]));
        MediaAsset {
            permalink: Some(post.permalink(author.as_ref())),
            author,
            created_at: post.created_at,
            duration_seconds: item.duration_seconds,
            engagement_stats: views.filter(|views| !views.is_empty()),
            media: Some(vec![item]),
            ..MediaAsset::of(kind)
        }
    }
}
