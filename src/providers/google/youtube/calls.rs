//! What YouTube is asked, and how it answers.
//!
//! Facts: YouTube Data API v3, channels.list, playlistItems.list, videos.list.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

use super::video::Video;
use crate::{
    error::{Error, Result},
    http::Client,
    wire::{Many, time},
};

const API: &str = "https://www.googleapis.com/youtube/v3";
/// Most entries of a playlist that a page gives, and most videos that are asked about at once.
pub const VIDEOS: u32 = 50;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listed<T> {
    #[serde(default)]
    items: Many<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    pub id: String,
    pub snippet: ChannelSnippet,
    content_details: ChannelDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSnippet {
    pub title: Option<String>,
    pub custom_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelDetails {
    related_playlists: RelatedPlaylists,
}

#[derive(Deserialize)]
struct RelatedPlaylists {
    uploads: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entries {
    #[serde(default)]
    pub items: Many<Entry>,
    pub next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[serde(default)]
    pub snippet: EntrySnippet,
    pub content_details: EntryDetails,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntrySnippet {
    #[serde(default, deserialize_with = "time::read_instant")]
    pub published_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryDetails {
    pub video_id: String,
}

/// The channel that was picked at consent, looked up once a run.
pub async fn channel(client: &Client) -> Result<Arc<Channel>> {
    let lookup = || async {
        let query = [("part", "id,snippet,contentDetails"), ("mine", "true")];
        let call = client.get(format!("{API}/channels")).query(&query);
        let found: Listed<Channel> = call.json().await?;
        found.items.into_iter().next().ok_or_else(no_channel)
    };
    client.once("channel", lookup).await
}

/// A page of the uploads. The list of a channel without any is not found.
pub async fn entries(client: &Client, page: Option<String>) -> Result<Entries> {
    let uploads = channel(client).await?.content_details.related_playlists.uploads.clone();
    let first = page.is_none();
    let query = [
        ("part", Some("snippet,contentDetails".to_owned())),
        ("playlistId", Some(uploads)),
        ("maxResults", Some(client.page_size(VIDEOS).to_string())),
        ("pageToken", page),
    ];
    match client.get(format!("{API}/playlistItems")).query(&query).json().await {
        Err(Error::NotFound) if first => Ok(Entries::default()),
        found => found,
    }
}

/// What there is of these videos, at most 50, in no order.
pub async fn videos(client: &Client, ids: &[String]) -> Result<Many<Video>> {
    if ids.is_empty() {
        return Ok(Many::default());
    }
    let query = [("part", "snippet,contentDetails,statistics,status"), ("id", &ids.join(","))];
    let call = client.get(format!("{API}/videos")).query(&query);
    Ok(call.json::<Listed<Video>>().await?.items)
}

/// Why nothing can be read where the account has no channel.
pub fn no_channel() -> Error {
    Error::Forbidden("this Google account has no YouTube channel".into())
}
