//! Threads: one's own posts and replies, each with a call for its counts.
//!
//! Facts: Meta for Developers, "Threads API: retrieve posts", "Threads API: replies", "Insights", "Long-lived tokens".

mod post;

use serde::Deserialize;
use serde_json::Value;

use self::post::{Counts, Medium, Post};
use super::{
    AT_ONCE, CONFIRMED, gone,
    walk::{self, List, Walk},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Page, Provider, spec::Spec},
    record::Record,
};

const API: &str = "https://graph.threads.net/v1.0";
/// What has to be granted.
const PERMISSIONS: &str = "threads_basic, threads_read_replies, threads_manage_insights";
/// Posts of one answer: each is followed by a call for its counts, and by one for each part of an album.
const POSTS: u32 = 25;
/// Newest posts that are read again in each pass, with their counts.
const WINDOW: u32 = 50;
/// There was no Threads before; an earlier bound is refused.
const BEGINNING: i64 = 1_688_540_400;

/// The feed of one's own posts, named as its list.
const OWN: &str = "threads";
/// The feed of one's own replies, named as its list.
const REPLIES: &str = "replies";

/// The client of Threads.
pub struct Threads;

impl Provider for Threads {
    type Cursor = Walk;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let call = client.get(format!("{API}/me")).query(&[("fields", "id,username,name")]);
        let me: Me = call.json().await?;
        Ok(Account::new(me.id, me.username).or_known_as(me.name))
    }

    async fn feeds(&self, _: &Client) -> Result<Vec<Feed>> {
        Ok(vec![Feed::new(OWN, "posts"), Feed::new(REPLIES, "replies")])
    }

    async fn page(&self, client: &Client, feed: &Feed, cursor: Option<Walk>) -> Result<Page<Walk>> {
        let fields = if feed.id == REPLIES { post::REPLY_FIELDS } else { post::POST_FIELDS };
        let list = List {
            limit: POSTS,
            window: WINDOW,
            earliest: BEGINNING,
            names_next: false,
            ..List::of(format!("{API}/me/{}", feed.id), fields)
        };
        let mut step = walk::read::<Post>(client, &list, cursor).await?;
        let posts = std::mem::take(&mut step.items.items);
        let records = each(posts, AT_ONCE, |post| whole(client, post)).await?;
        Ok(step.with(records).into_page(|record| [record]))
    }

    fn fault(&self, _: u16, body: &Value) -> Option<Error> {
        super::fault(PERMISSIONS, body)
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if ids.len() > CONFIRMED { Ok(ids) } else { gone(client, API, None, ids).await }
    }
}

/// A post with what lists do not tell of it.
async fn whole(client: &Client, post: Post) -> Result<Record> {
    let parts = each(post.parts(), AT_ONCE, |id| part(client, id));
    let counts = async {
        if post.is_counted() { counts(client, post.id()).await } else { Ok(Counts::default()) }
    };
    let (parts, counts) = futures::try_join!(parts, counts)?;
    Ok(post.into_record(parts.into_iter().flatten().collect(), counts))
}

/// A part of an album; one that is gone is left out.
async fn part(client: &Client, id: String) -> Result<Option<Medium>> {
    let call = client.get(format!("{API}/{id}")).query(&[("fields", post::PART_FIELDS)]);
    match call.json().await {
        Err(Error::NotFound | Error::Forbidden(_)) => Ok(None),
        part => part.map(Some),
    }
}

/// What the first post that is asked for its counts tells: whether the account may know any.
struct First {
    id: String,
    /// Absent where the permission was not granted.
    counts: Option<Counts>,
}

/// A post's counts; none where they may not be known, which one call a run finds out.
async fn counts(client: &Client, id: &str) -> Result<Counts> {
    let first = || async {
        let counts = match insights(client, id).await {
            Err(Error::Forbidden(why)) => {
                tracing::warn!(why, "posts are imported without counts");
                None
            }
            counts => Some(counts?),
        };
        Ok(First { id: id.to_owned(), counts })
    };
    let first = client.once("insights", first).await?;
    match &first.counts {
        None => Ok(Counts::default()),
        Some(counts) if first.id == id => Ok(counts.clone()),
        Some(_) => insights(client, id).await,
    }
}

async fn insights(client: &Client, id: &str) -> Result<Counts> {
    let call = client.get(format!("{API}/{id}/insights")).query(&[("metric", post::METRICS)]);
    match call.json().await {
        Err(Error::NotFound) => Ok(Counts::default()), // deleted since it was listed
        counts => counts,
    }
}

#[derive(Deserialize)]
struct Me {
    id: String,
    username: String,
    name: Option<String>,
}

mod spec;
#[cfg(test)]
mod tests;
