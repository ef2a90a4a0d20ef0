//! Instagram: the pictures, reels and albums of a professional account (Instagram API with Instagram Login).
//!
//! Facts: Meta for Developers, "Instagram Platform", "IG User media", "IG Media", "Business Use Case rate limits".

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    CONFIRMED, gone,
    walk::{self, Dated, List, Walk},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Page, Provider, spec::Spec},
    record::{EngagementStats, Media, MediaAsset, MediaAssetKind, MediaType, Person, Record},
    wire::{Many, time},
};

const API: &str = "https://graph.instagram.com/v25.0";
/// What has to be granted.
const PERMISSIONS: &str = "instagram_business_basic";
const FIELDS: &str = "id,caption,media_type,media_url,thumbnail_url,permalink,timestamp,username,like_count,\
    comments_count,alt_text,children{id,media_type,media_url,thumbnail_url,alt_text}";
/// No more than the newest of an account's media are listed.
const REACH: u32 = 10_000;

/// The client of Instagram.
pub struct Instagram;

impl Provider for Instagram {
    type Cursor = Walk;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let call = client.get(format!("{API}/me")).query(&[("fields", "user_id,username,name")]);
        let me: Me = call.json().await?;
        Ok(Account::new(me.user_id, me.username).or_known_as(me.name))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Walk>) -> Result<Page<Walk>> {
        let list = List { reach: Some(REACH), ..List::of(format!("{API}/me/media"), FIELDS) };
        let step = walk::read::<Post>(client, &list, cursor).await?;
        Ok(step.into_page(|post| [post.into_record()]))
    }

    fn fault(&self, _: u16, body: &Value) -> Option<Error> {
        super::fault(PERMISSIONS, body)
    }

    /// What is archived leaves the list as well, and is not gone.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if ids.len() > CONFIRMED { Ok(ids) } else { gone(client, API, None, ids).await }
    }
}

#[derive(Deserialize)]
struct Me {
    user_id: String,
    username: String,
    name: Option<String>,
}

/// A picture, a film, or an album of them.
#[derive(Deserialize)]
struct Post {
    #[serde(flatten)]
    item: Item,
    caption: Option<String>,
    permalink: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    timestamp: Option<Timestamp>,
    username: Option<String>,
    /// Absent where the owner hides it.
    like_count: Option<u64>,
    comments_count: Option<u64>,
    #[serde(default)]
    children: Children,
}

#[derive(Default, Deserialize)]
struct Children {
    #[serde(default)]
    data: Many<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    media_type: String,
    /// Absent where the medium is flagged for copyright.
    media_url: Option<String>,
    thumbnail_url: Option<String>,
    alt_text: Option<String>,
}

impl Dated for Post {
    fn at(&self) -> Option<Timestamp> {
        self.timestamp
    }
}

impl Post {
    fn into_record(self) -> Record {
        let id = self.item.id.clone();
        let (kind, media) = match self.item.media_type.as_str() {
            "CAROUSEL_ALBUM" => {
                let parts = self.children.data.into_iter().map(Item::into_media);
                (MediaAssetKind::Album, parts.collect())
            }
            "VIDEO" => (MediaAssetKind::Video, vec![self.item.into_media()]),
            _ => (MediaAssetKind::Image, vec![self.item.into_media()]),
        };
        let counts = [("likes", self.like_count), ("comments", self.comments_count)];
        let counts = counts.into_iter().filter_map(|(of, count)| Some((of.into(), count?.into())));
        let asset = MediaAsset {
            caption: self.caption,
            author: Person { handle: self.username, ..Person::default() }.known(),
            media: Some(media),
            engagement_stats: Some(counts.collect::<EngagementStats>())
                .filter(|counts| !counts.is_empty()),
            permalink: self.permalink,
            created_at: self.timestamp,
            ..MediaAsset::of(kind)
        };
        // Addresses of files are signed and change with each reading.
        Record::new(id, asset).volatile("media.*.url").volatile("media.*.thumbnail_url")
    }
}

impl Item {
    fn into_media(self) -> Media {
        let kind = if self.media_type == "VIDEO" { MediaType::Video } else { MediaType::Image };
        Media {
            id: Some(self.id),
            url: self.media_url,
            thumbnail_url: self.thumbnail_url,
            alt_text: self.alt_text,
            ..Media::of(kind)
        }
    }
}

mod spec;
#[cfg(test)]
mod tests;
