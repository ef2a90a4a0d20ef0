//! YouTube: the videos that a channel has uploaded, private ones too, with their counts.
//!
//! YouTube Data API v3: videos.list, "Quota costs", "Errors".

mod calls;
mod spec;
#[cfg(test)]
mod tests;
mod video;

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{VIDEOS, channel, entries, no_channel, videos},
    video::Video,
};
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    provider::{Account, Covers, Feed, Gone, Next, Page, Provider, spec::Spec},
    record::Record,
};

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
        let found = each_batch(ids, VIDEOS as usize, AT_ONCE, async |ids: Vec<String>| {
            let found = videos(client, &ids).await?;
            let alive: HashSet<&str> = found.iter().map(Video::id).collect();
            // Of one that is there and cannot be read nobody knows the id.
            let whole = found.skipped == 0;
            let gone = ids.iter().filter(|id| whole && !alive.contains(id.as_str())).cloned();
            Ok(vec![(gone.collect::<Vec<_>>(), found)])
        });
        let mut page = Page::loose(Vec::<Record>::new());
        for (gone, videos) in found.await? {
            page = page.removing(gone).skipping(videos.skipped);
            page.upserts.extend(videos.into_iter().map(Record::from));
        }
        Ok(page)
    }
}
