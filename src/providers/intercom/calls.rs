//! What Intercom is asked, and how it answers.
//!
//! Facts: Intercom API reference, "Search conversations", "Retrieve a conversation", "List deleted conversations", "Search
//! tickets".

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Cursor,
    conversation::{Author, read_id},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client},
    record::Person,
    wire::Many,
};

/// The version of the API that is spoken, and the one that lists deletions.
const VERSION: &str = "2.14";
const VERSION_OF_DELETIONS: &str = "2.16";
/// Deletions of one answer, and answers that are read in one pass.
const DELETIONS: u32 = 60;
const DELETION_PAGES: u32 = 200;

/// Who asks, and the workspace.
#[derive(Deserialize)]
pub struct Me {
    pub email: Option<String>,
    pub app: App,
}

/// A workspace.
#[derive(Deserialize)]
pub struct App {
    pub id_code: String,
    pub name: Option<String>,
}

/// A page of a search.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Found<T> {
    #[serde(default, rename = "conversations", alias = "tickets")]
    pub items: Many<T>,
    #[serde(default)]
    pages: Pages,
}

#[derive(Default, Deserialize)]
struct Pages {
    next: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    starting_after: Option<String>,
}

/// Something that a search lists by its change.
#[derive(Deserialize)]
pub struct Changed {
    #[serde(deserialize_with = "read_id")]
    pub id: String,
    #[serde(default)]
    pub updated_at: i64,
}

impl<T> Found<T> {
    /// Its items, and where the search goes on.
    pub fn into_parts(self) -> (Many<T>, Option<String>) {
        (self.items, self.pages.next.and_then(|next| next.starting_after))
    }
}

/// Who asks.
pub async fn me(client: &Client) -> Result<Me> {
    get(client, "/me").json().await
}

fn call(call: Call) -> Call {
    call.header("intercom-version", VERSION)
}

fn get(client: &Client, path: &str) -> Call {
    call(client.get(format!("{}{path}", base(client))))
}

fn base(client: &Client) -> String {
    match client.setting("region") {
        Some(region @ ("eu" | "au")) => format!("https://api.{region}.intercom.io"),
        _ => "https://api.intercom.io".to_owned(),
    }
}

/// One conversation or ticket; `None` for one that is gone.
pub async fn one<T: DeserializeOwned>(client: &Client, list: &str, id: &str) -> Result<Option<T>> {
    match get(client, &format!("/{list}/{id}")).json().await {
        Err(Error::NotFound) => Ok(None),
        found => found.map(Some),
    }
}

/// The next page of what changed since the pass began to ask.
pub async fn search<T: DeserializeOwned>(
    client: &Client,
    list: &str,
    most: u32,
    at: &Cursor,
) -> Result<Found<T>> {
    let ask = async |since: i64, after: Option<&str>| {
        let since = json!({"field": "updated_at", "operator": ">", "value": since});
        let per_page = client.page_size(most);
        let pagination = match after {
            Some(after) => json!({"per_page": per_page, "starting_after": after}),
            None => json!({"per_page": per_page}),
        };
        let body = json!({"query": {"operator": "AND", "value": [since]}, "pagination": pagination,
            "sort": {"field": "updated_at", "order": "ascending"}});
        let url = format!("{}/{list}/search", base(client));
        call(client.post(url)).idempotent().body_json(&body).json().await
    };
    match ask(at.since, at.after.as_deref()).await {
        // A place that Intercom no longer takes: the search goes on from the newest change that it has shown.
        Err(Error::Unexpected { .. }) if at.after.is_some() => {
            ask(at.since.max(at.newest - 1), None).await
        }
        found => found,
    }
}

/// The people who answer, by id; looked up once a run.
pub async fn admins(client: &Client) -> Result<Arc<BTreeMap<String, Person>>> {
    #[derive(Deserialize)]
    struct Admins {
        #[serde(default)]
        admins: Many<Author>,
    }
    let ask = || async {
        let found: Admins = get(client, "/admins").json().await?;
        let known = found.admins.into_iter().filter_map(Author::into_person);
        Ok(known.filter_map(|admin| Some((admin.id.clone()?, admin))).collect())
    };
    client.once("admins", ask).await
}

/// The conversations that were deleted at or after the newest deletion that is known, which moves on.
pub async fn deletions(client: &Client, newest: &mut i64) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Deleted {
        #[serde(deserialize_with = "read_id")]
        id: String,
        deleted_at: i64,
    }
    #[derive(Deserialize)]
    struct List {
        #[serde(default)]
        conversations: Many<Deleted>,
        pages: Option<Ahead>,
    }
    #[derive(Deserialize)]
    struct Ahead {
        next: Option<Value>,
    }
    let (known, mut gone, mut latest) = (*newest, Vec::new(), 0);
    for page in 1..=DELETION_PAGES {
        let query =
            [("per_page", DELETIONS), ("page", page)].map(|(name, n)| (name, n.to_string()));
        let url = format!("{}/conversations/deleted", base(client));
        let call = client.get(url).header("intercom-version", VERSION_OF_DELETIONS);
        let list: List = call.query(&query).query(&[("order", "desc")]).json().await?;
        let count = list.conversations.len();
        let is_last = list.pages.is_none_or(|pages| pages.next.is_none_or(|next| next.is_null()));
        latest = list.conversations.items.iter().map(|of| of.deleted_at).fold(latest, i64::max);
        let new = list.conversations.into_iter().filter(|of| of.deleted_at >= known);
        let before = gone.len();
        gone.extend(new.map(|of| of.id));
        if is_last || gone.len() - before < count || count == 0 {
            break;
        }
    }
    *newest = if known == i64::MAX { latest } else { latest.max(known) };
    Ok(gone)
}
