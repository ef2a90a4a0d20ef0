//! YouTube: the videos that a channel has uploaded, private ones too, with their counts.
//!
//! YouTube Data API v3: channels.list, playlistItems.list, videos.list, "Quota costs", "Errors".

mod spec;
#[cfg(test)]
mod tests;
mod video;

use std::{collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::video::Video;
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Gone, Next, Page, Provider, spec::Spec},
    record::Record,
    wire::{Many, time},
};

const API: &str = "https://www.googleapis.com/youtube/v3";
/// Most entries of a playlist that a page gives, and most videos that are asked about at once.
const VIDEOS: u32 = 50;
/// What is new is looked for from this much before the newest known entry: entries come late and out of order.
const SLACK: SignedDuration = SignedDuration::from_hours(24);
/// Lists of ids that are asked about at once.
const AT_ONCE: usize = 4;

/// The client of YouTube.
pub struct YouTube;

/// A walk through the uploads, newest first.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    /// It is a listing from the start, not a look at what is new.
    listing: bool,
    /// It ends at what is older; absent in a walk through all.
    until: Option<Timestamp>,
    page: Option<String>,
    /// The newest entry so far: the next walk ends there.
    newest: Option<Timestamp>,
}

impl Provider for YouTube {
    type Cursor = Walk;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let channel = channel(client).await?;
        let (id, snippet) = (channel.id.clone(), &channel.snippet);
        let account = Account::new(id.clone(), snippet.title.clone().unwrap_or(id));
        let handle =
            snippet.custom_url.as_deref().map(|url| url.trim_start_matches('@').to_owned());
        Ok(account.or_known_as(handle))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Walk>) -> Result<Page<Walk>> {
        let begin = || Walk { listing: true, until: client.since(), page: None, newest: None };
        let Walk { listing, until, page, newest } = cursor.unwrap_or_else(begin);
        let entries = entries(client, page).await?;
        let times = || entries.items.iter().filter_map(|entry| entry.snippet.published_at);
        let newest = times().max().max(newest);
        let old = |at: Timestamp| until.is_some_and(|until| at < until);
        let reached = times().any(old);
        let mut known = HashSet::new();
        let mut ids: Vec<String> =
            entries.items.iter().map(|entry| entry.content_details.video_id.clone()).collect();
        ids.retain(|id| known.insert(id.clone())); // the lists of large channels repeat themselves
        let found = videos(client, &ids).await?;
        let from = newest.and_then(|newest| newest.checked_sub(SLACK).ok()).or(until);
        let next = match entries.next_page_token.filter(|_| !reached) {
            page @ Some(_) => Next::More(Walk { listing, until, page, newest }),
            None => Next::Resume(Walk { listing: false, until: from, page: None, newest }),
        };
        let covers = match until {
            from @ Some(_) if listing => Covers::Between { from, to: None },
            _ => Covers::Everything,
        };
        let skipped = entries.items.skipped + found.skipped;
        Ok(Page::new(found, next).skipping(skipped).covering(covers))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let reasons = body.pointer("/error/errors").and_then(Value::as_array);
        let mut reasons = reasons.into_iter().flatten().filter_map(|of| of.get("reason")?.as_str());
        match reasons.next() {
            Some("youtubeSignupRequired") => Some(no_channel()),
            Some("accountClosed" | "accountSuspended" | "channelClosed" | "channelSuspended") => {
                Some(Error::Forbidden("the channel is closed or suspended".into()))
            }
            _ => super::fault("YouTube Data", "youtube.readonly", status, body, Timestamp::now()),
        }
    }

    /// Pages of large channels have gaps: what no walk found may be there.
    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let found = self.recheck(client, feed, ids).await?;
        let ids = found.removed.into_iter().filter_map(|gone| match gone {
            Gone::Id(id) => Some(id),
            Gone::Place(_) | Gone::Under(_) => None,
        });
        Ok(ids.collect())
    }

    /// `videos.list` leaves out what is gone.
    async fn recheck(&self, client: &Client, _: &Feed, ids: Vec<String>) -> Result<Page<()>> {
        let lists = ids.chunks(VIDEOS as usize).map(<[String]>::to_vec).collect();
        let found = each(lists, AT_ONCE, async |ids: Vec<String>| {
            let found = videos(client, &ids).await?;
            let alive: HashSet<&str> = found.iter().map(Video::id).collect();
            // Of one that is there and cannot be read nobody knows the id.
            let whole = found.skipped == 0;
            let gone = ids.iter().filter(|id| whole && !alive.contains(id.as_str())).cloned();
            Ok((gone.collect::<Vec<_>>(), found))
        });
        let mut page = Page::loose(Vec::<Record>::new());
        for (gone, videos) in found.await? {
            page = page.removing(gone).skipping(videos.skipped);
            page.upserts.extend(videos.into_iter().map(Record::from));
        }
        Ok(page)
    }
}

fn no_channel() -> Error {
    Error::Forbidden("this Google account has no YouTube channel".into())
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listed<T> {
    #[serde(default)]
    items: Many<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    id: String,
    snippet: ChannelSnippet,
    content_details: ChannelDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelSnippet {
    title: Option<String>,
    custom_url: Option<String>,
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

/// The channel that was picked at consent, looked up once a run.
async fn channel(client: &Client) -> Result<Arc<Channel>> {
    let lookup = || async {
        let query = [("part", "id,snippet,contentDetails"), ("mine", "true")];
        let call = client.get(format!("{API}/channels")).query(&query);
        let found: Listed<Channel> = call.json().await?;
        found.items.into_iter().next().ok_or_else(no_channel)
    };
    client.once("channel", lookup).await
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entries {
    #[serde(default)]
    items: Many<Entry>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    snippet: EntrySnippet,
    content_details: EntryDetails,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntrySnippet {
    #[serde(default, deserialize_with = "time::read_instant")]
    published_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryDetails {
    video_id: String,
}

/// A page of the uploads. The list of a channel without any is not found.
async fn entries(client: &Client, page: Option<String>) -> Result<Entries> {
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
async fn videos(client: &Client, ids: &[String]) -> Result<Many<Video>> {
    if ids.is_empty() {
        return Ok(Many::default());
    }
    let query = [("part", "snippet,contentDetails,statistics,status"), ("id", &ids.join(","))];
    let call = client.get(format!("{API}/videos")).query(&query);
    Ok(call.json::<Listed<Video>>().await?.items)
}
