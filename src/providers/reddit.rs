//! Reddit: the posts and comments of a user. Both lists come newest first and show no changes; known items are asked about
//! by name.
//!
//! Facts: Reddit wiki, "OAuth 2.0", "API"; "Reddit Data API Wiki"; Reddit API documentation, "listings", "/api/info".

mod spec;
mod thing;

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use self::thing::{Child, Thing};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each},
    provider::{Account, Feed, Page, Provider, Walk, Window, spec::Spec},
    wire::Many,
};

/// Calls under a library's name are refused. Source: "Reddit API Wiki: Rules".
const USER_AGENT: &str =
    concat!("server:neotoma-importers:v", env!("CARGO_PKG_VERSION"), " (by /u/neotoma)");

const API: &str = "https://oauth.reddit.com";
/// Items of one answer, and names that one call asks about.
const MOST: u8 = 100;
/// Calls at once.
const AT_ONCE: usize = 4;
/// A list ends at about a thousand items.
const WINDOW: Window = Window { reach: Some(900), ..Window::of(0) };

/// The client of Reddit.
pub struct Reddit;

impl Provider for Reddit {
    type Cursor = Walk<String>;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        Ok(Account::new(me.id, &me.name).or_known_as(format!("u/{}", me.name)))
    }

    async fn feeds(&self, _: &Client) -> Result<Vec<Feed>> {
        Ok(vec![Feed::new("submitted", "posts"), Feed::new("comments", "comments")])
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Self::Cursor>,
    ) -> Result<Page<Self::Cursor>> {
        let me = client.once("me", || me(client)).await?; // names change
        let limit = client.page_size(MOST.into()).to_string();
        let pass = Walk::read(cursor);
        let after = pass.place().map(String::as_str);
        let query = [("sort", Some("new")), ("limit", Some(&limit)), ("after", after)];
        let call = get(client, &format!("user/{}/{}", me.name, feed.id)).query(&query);
        let Listing { data: Listed { children, after } } = call.json().await?;
        let skipped = children.skipped;
        let things: Vec<Thing> = children.into_iter().map(Thing::from).collect();
        let dates: Vec<_> = things.iter().map(Thing::at).collect();
        let (covers, next) = pass.then(&WINDOW, dates, after, client.since());
        let (gone, alive): (Vec<_>, Vec<_>) = things.into_iter().partition(Thing::is_deleted);
        let gone = gone.into_iter().map(|thing| thing.name);
        Ok(Page::new(alive, next).removing(gone).covering(covers).skipping(skipped))
    }

    fn fault(&self, status: u16, _: &Value) -> Option<Error> {
        let what = match status {
            403 => "Reddit refuses it: of the scopes identity, history and read one is missing",
            404 => "Reddit shows nothing of this user: suspended, deleted, or just renamed",
            _ => return None,
        };
        Some(Error::Forbidden(what.into()))
    }

    /// Lists end at about a thousand items: what they lack is asked for by name.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let batches = ids.chunks(MOST.into()).map(<[String]>::to_vec).collect();
        let asked = each(batches, AT_ONCE, |ids| async move { Ok(info(client, ids).await?.gone) });
        Ok(asked.await?.concat())
    }

    /// Edits, scores and deletions of known items.
    async fn recheck(&self, client: &Client, _: &Feed, ids: Vec<String>) -> Result<Page<()>> {
        let now = info(client, ids).await?;
        Ok(Page::loose(now.alive).removing(now.gone).skipping(now.skipped))
    }
}

/// How known items stand.
struct Info {
    alive: Vec<Thing>,
    gone: Vec<String>,
    skipped: u32,
}

/// Asks about items by name, at most 100. One that is not in the answer is gone, unless it may be what could not be read.
async fn info(client: &Client, ids: Vec<String>) -> Result<Info> {
    let call = get(client, "api/info").query(&[("id", ids.join(","))]);
    let Listing { data: Listed { children, .. } } = call.json().await?;
    let skipped = children.skipped;
    let (deleted, alive): (Vec<_>, Vec<_>) =
        children.into_iter().map(Thing::from).partition(Thing::is_deleted);
    let known: HashSet<&str> = alive.iter().map(|thing| thing.name.as_str()).collect();
    let mut gone = ids;
    match skipped {
        0 => gone.retain(|id| !known.contains(id.as_str())),
        _ => gone = deleted.into_iter().map(|thing| thing.name).collect(),
    }
    Ok(Info { alive, gone, skipped })
}

/// Without `raw_json` texts and addresses come escaped for HTML.
fn get(client: &Client, path: &str) -> Call {
    client.get(format!("{API}/{path}")).header("user-agent", USER_AGENT).query(&[("raw_json", "1")])
}

async fn me(client: &Client) -> Result<Me> {
    let me: Me = get(client, "api/v1/me").json().await?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if me.name.is_empty() || !me.name.chars().all(plain) {
        return Err(Error::unexpected("name", "is no name of a user"));
    }
    Ok(me)
}

#[derive(Deserialize)]
struct Me {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Listing {
    data: Listed,
}

#[derive(Deserialize)]
struct Listed {
    children: Many<Child>,
    after: Option<String>,
}

#[cfg(test)]
mod tests;
