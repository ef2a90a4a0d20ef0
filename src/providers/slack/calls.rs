//! Slack's methods.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    cursor::Cursor,
    message::{Post, User},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::Feed,
    wire::Many,
};

const API: &str = "https://slack.com/api";
/// Messages of one answer. Slack advises no more, and may give fewer.
const PAGE: u32 = 200;
/// Members and conversations of one answer.
const LIST: u32 = 999;
/// Answers of one list, or of one thread: more, and Slack goes round in circles.
const ANSWERS: usize = 500;

/// The next messages of a channel's history, the newest first; without the replies in its threads.
pub async fn history(client: &Client, channel: &Feed, at: &Cursor) -> Result<Answer<Post>> {
    let ask = async |page: Option<&str>, latest: Option<&str>| {
        let query = [
            ("channel", Some(channel.id.clone())),
            ("limit", Some(client.page_size(PAGE).to_string())),
            // Both ends are exclusive, so this is the first moment of the second.
            ("oldest", at.from().map(|from| format!("{}.999999", from.max(1) - 1))),
            ("latest", latest.map(str::to_owned)),
            ("cursor", page.map(str::to_owned)),
        ];
        ask(client, "conversations.history", &query).await
    };
    match at.page() {
        Some(page) => match ask(Some(page), None).await {
            Err(Error::CursorExpired) => ask(None, at.oldest()).await,
            posts => posts,
        },
        None => ask(None, at.oldest()).await,
    }
}

/// A thread: its first message and the replies; empty where it is gone.
pub async fn thread(client: &Client, channel: &Feed, ts: String) -> Result<(String, Many<Post>)> {
    let query = [("channel", channel.id.as_str()), ("ts", &ts)];
    match all(client, "conversations.replies", &query, client.page_size(PAGE)).await {
        Err(Error::NotFound) => Ok((ts, Many::default())),
        posts => posts.map(|posts| (ts, posts)),
    }
}

/// Whether a message is still there; for a reply, its thread is asked.
pub async fn is_there(client: &Client, id: &str) -> Result<bool> {
    let (channel, ts) = id.split_once(':').unwrap_or_default();
    let bounds = [("oldest", ts), ("latest", ts), ("inclusive", "true"), ("limit", "10")];
    let query = [("channel", channel), ("ts", ts)].into_iter().chain(bounds).collect::<Vec<_>>();
    match ask::<Post>(client, "conversations.replies", &query).await {
        Err(Error::NotFound) => Ok(false),
        answer => Ok(answer?.items.iter().any(|post| post.ts == ts && post.is_imported())),
    }
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Arc<Me>> {
    let ask = || client.get(format!("{API}/auth.test")).errors_in_ok().json();
    client.once("me", ask).await
}

/// Everybody in the workspace, also those who left it; nobody where the token may not read names.
pub async fn users(client: &Client) -> Result<Arc<HashMap<String, User>>> {
    let ask = || async {
        match all::<User>(client, "users.list", &[], LIST).await {
            Err(Error::Forbidden(_)) => Ok(HashMap::new()),
            users => Ok(users?.into_iter().map(|user| (user.id.clone(), user)).collect()),
        }
    };
    client.once("users", ask).await
}

/// The conversations that the account takes part in, archived ones too. A token that may not read one sort of them gives
/// the others.
pub async fn channels(client: &Client) -> Result<Arc<BTreeMap<String, Channel>>> {
    let of = |types| async move {
        all::<Channel>(client, "users.conversations", &[("types", types)], LIST).await
    };
    let ask = || async {
        let mut found = Vec::new();
        match of("public_channel,private_channel,mpim,im").await {
            Err(Error::Forbidden(all)) => {
                for types in ["public_channel", "private_channel", "mpim", "im"] {
                    match of(types).await {
                        Err(Error::Forbidden(_)) => {}
                        channels => found.push(channels?),
                    }
                }
                if found.is_empty() {
                    return Err(Error::Forbidden(all));
                }
            }
            channels => found.push(channels?),
        }
        let channels = found.into_iter().flatten();
        Ok(channels.map(|channel| (channel.id.clone(), channel)).collect::<BTreeMap<_, _>>())
    };
    client.once("channels", ask).await
}

/// All items of a list that is read in one go.
async fn all<T: DeserializeOwned>(
    client: &Client,
    method: &str,
    query: &[(&str, &str)],
    limit: u32,
) -> Result<Many<T>> {
    let (mut all, mut cursor) = (Many::default(), None);
    for _ in 0..ANSWERS {
        let limit = limit.to_string();
        let paging = [("limit", Some(limit.as_str())), ("cursor", cursor.as_deref())];
        let query: Vec<_> =
            query.iter().map(|(name, value)| (*name, Some(*value))).chain(paging).collect();
        let answer: Answer<T> = match ask(client, method, &query).await {
            Err(Error::CursorExpired) if cursor.is_some() => {
                (all, cursor) = (Many::default(), None);
                continue;
            }
            answer => answer?,
        };
        cursor = answer.next();
        all.skipped += answer.items.skipped;
        all.items.extend(answer.items);
        if cursor.is_none() {
            return Ok(all);
        }
    }
    Err(Error::unexpected(method, "the list does not end"))
}

async fn ask<T: DeserializeOwned>(
    client: &Client,
    method: &str,
    query: &[(&str, impl Serialize)],
) -> Result<Answer<T>> {
    client.get(format!("{API}/{method}")).query(query).errors_in_ok().json().await
}

/// Whose token it is, and where.
#[derive(Deserialize)]
pub struct Me {
    pub url: String,
    pub team: String,
    pub user: String,
    pub team_id: String,
    pub user_id: String,
}

/// A conversation.
#[derive(Deserialize)]
pub struct Channel {
    pub id: String,
    pub name: Option<String>,
    /// Of a conversation between two: the other.
    pub user: Option<String>,
}

/// One answer of a list.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Answer<T> {
    #[serde(alias = "messages", alias = "members", alias = "channels")]
    pub items: Many<T>,
    #[serde(default)]
    pub has_more: bool,
    #[serde(default)]
    pub is_limited: bool,
    response_metadata: Option<Metadata>,
}

/// Whose token it is, and where.
#[derive(Deserialize)]
pub struct Metadata {
    next_cursor: Option<String>,
}

impl<T> Answer<T> {
    /// Where the list goes on.
    pub fn next(&self) -> Option<String> {
        self.response_metadata.as_ref()?.next_cursor.clone().filter(|cursor| !cursor.is_empty())
    }
}
