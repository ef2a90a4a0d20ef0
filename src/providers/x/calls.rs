//! What X is asked, and how it answers.
//!
//! Facts: X API documentation, "Timelines", "Posts lookup", "Rate limits", "Pricing".

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Cursor, Pass, is_post, post::Posts};
use crate::{
    error::{Error, Result},
    http::Client,
};

const API: &str = "https://api.x.com/2";
/// Most posts that a page gives, and that one lookup takes.
pub const POSTS: u32 = 100;
/// Fewest that may be asked for.
const FEWEST: u32 = 5;
/// The first moment that a timeline may be asked from: 2010-11-06, in seconds from 1970.
const EARLIEST: i64 = 1_289_001_601;
/// When to come back after a monthly cap is used up. X does not say when the month ends.
pub const CAPPED: Duration = Duration::from_hours(24);
/// What is asked of each post. These names are of the older of the two generations that X has; answers may use either.
const FIELDS: [(&str, &str); 4] = [
    (
        "tweet.fields",
        "created_at,public_metrics,attachments,entities,author_id,lang,conversation_id,\
         referenced_tweets,note_tweet,edit_history_tweet_ids",
    ),
    ("expansions", "author_id,attachments.media_keys,referenced_tweets.id"),
    (
        "media.fields",
        "media_key,type,url,preview_image_url,variants,duration_ms,width,height,alt_text,\
         public_metrics",
    ),
    ("user.fields", "username,name"),
];

/// The next page of the timeline.
pub async fn timeline(client: &Client, at: &Cursor, pass: &Pass) -> Result<Posts> {
    let since = client.since().filter(|_| at.since.is_none());
    let earliest = Timestamp::from_second(EARLIEST).unwrap_or_default();
    let since = since.map(|since| since.max(earliest).as_second());
    let start_time = since.and_then(|since| Timestamp::from_second(since).ok());
    let start_time = start_time.map(|start| start.to_string());
    let max_results = client.page_size(POSTS).max(FEWEST).to_string();
    let ask = |token: Option<&str>, until: Option<&str>| {
        let query = [
            ("max_results", Some(max_results.as_str())),
            ("since_id", at.since.as_deref()),
            ("start_time", start_time.as_deref()),
            ("pagination_token", token),
            ("until_id", until),
        ];
        client.get(format!("{API}/users/{}/tweets", at.user)).query(&query).query(&FIELDS).json()
    };
    let posts: Posts = match ask(pass.token.as_deref(), None).await {
        // X has forgotten its name of the page: on below what was read.
        Err(Error::CursorExpired) if pass.token.is_some() => {
            ask(None, pass.oldest.as_deref()).await?
        }
        answer => answer?,
    };
    posts.if_readable()
}

/// Posts as they stand now; at most 100.
pub async fn lookup(client: &Client, ids: Vec<String>) -> Result<Posts> {
    client.get(format!("{API}/tweets")).query(&[("ids", ids.join(","))]).query(&FIELDS).json().await
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    let me: Data = client.get(format!("{API}/users/me")).json().await?;
    if me.data.id.is_empty() || !is_post(&me.data.id) {
        return Err(Error::unexpected("data.id", "not a number"));
    }
    Ok(me.data)
}

/// What X means by a refusal, where its status alone does not say it.
pub fn refusal(status: u16, body: &Value) -> Option<Error> {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or_default();
    let kind = kind.rsplit('/').next().unwrap_or_default();
    Some(match (status, kind) {
        (400, _) if body.to_string().contains("pagination_token") => Error::CursorExpired,
        (402, _) => Error::Forbidden(
            "the app's developer account at X is out of credits; its owner can buy some in \
             the X developer console"
                .into(),
        ),
        (403 | 429, "usage-capped") => Error::RateLimited(CAPPED),
        (403, "unsupported-authentication") => Error::invalid(
            "access_token",
            "this token is of an app and has no user; give an OAuth 2.0 user token",
        ),
        (403, "client-forbidden") => Error::Forbidden(
            "the app may not read this; attach it to a project in the X developer console".into(),
        ),
        (403, _) => Error::Forbidden(
            "X refuses it; the token may lack the scopes tweet.read and users.read".into(),
        ),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Data {
    data: Me,
}

/// Whose token it is.
#[derive(Deserialize)]
pub struct Me {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub username: String,
}
