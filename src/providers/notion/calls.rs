//! What Notion is asked, and how it answers.
//!
//! Facts: Notion API reference, "Search", "Query a data source", "Retrieve a page", "List all users", "Retrieve your
//! token's bot user", "Versioning".

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Cursor,
    page::{Found, Frame, Source, User},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client, whole_list},
    record::{Person, Ref},
    wire::Many,
};

pub const API: &str = "https://api.notion.com/v1";
pub const VERSION: &str = "2025-09-03";
/// Items of a page.
pub const ITEMS: u32 = 100;
/// Pages of a list that is read in one go: data sources, people.
const LISTS: usize = 200;

pub fn call(call: Call) -> Call {
    call.header("notion-version", VERSION)
}

pub async fn search(client: &Client, page: Option<&str>, trash: bool) -> Result<Listed> {
    let mut filter = json!({"property": "object", "value": "page"});
    if let (true, Some(filter)) = (trash, filter.as_object_mut()) {
        filter.insert("in_trash".into(), true.into());
    }
    let sort = json!({"timestamp": "last_edited_time", "direction": "descending"});
    list(client, "search", json!({"filter": filter, "sort": sort}), page).await
}

/// The rows of a data source that were made from a time on and, but in a full listing, edited since the last pass.
pub async fn rows(
    client: &Client,
    at: &Cursor,
    source: &str,
    page: Option<&str>,
    from: Option<Timestamp>,
) -> Result<Listed> {
    let on = |name: &str, at: Timestamp| json!({"timestamp": name, name: {"on_or_after": at.to_string()}});
    let from = from.or(client.since().filter(|_| at.since.is_none()));
    let edited = at.since.map(|since| on("last_edited_time", since));
    let mut filters: Vec<Value> =
        edited.into_iter().chain(from.map(|from| on("created_time", from))).collect();
    let mut body = json!({"sorts": [{"timestamp": "created_time", "direction": "ascending"}]});
    let filter = if filters.len() > 1 { Some(json!({"and": filters})) } else { filters.pop() };
    if let (Some(filter), Some(body)) = (filter, body.as_object_mut()) {
        body.insert("filter".into(), filter);
    }
    match list(client, &format!("data_sources/{source}/query"), body, page).await {
        Err(Error::NotFound) => Ok(Listed::default()), // no longer shared since the search found it
        listed => listed,
    }
}

async fn list<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    mut body: Value,
    page: Option<&str>,
) -> Result<T> {
    if let Some(body) = body.as_object_mut() {
        body.insert("page_size".into(), client.page_size(ITEMS).into());
        body.extend(page.map(|page| ("start_cursor".to_owned(), page.into())));
    }
    call(client.post(format!("{API}/{path}")).body_json(&body).idempotent()).json().await
}

/// What records are shown with: the workspace, people, data sources. Looked up once a run.
pub async fn frame(client: &Client) -> Result<Arc<Frame>> {
    client
        .once("frame", || async {
            let bot = me(client).await?;
            let workspace = Ref { id: Some(bot.workspace_id), name: bot.workspace_name, url: None };
            Ok(Frame { workspace, people: people(client).await?, sources: sources(client).await? })
        })
        .await
}

pub async fn me(client: &Client) -> Result<Bot> {
    let me: Me = call(client.get(format!("{API}/users/me"))).json().await?;
    Ok(me.bot)
}

/// The workspace's people; none where the integration may not know them.
async fn people(client: &Client) -> Result<HashMap<String, Person>> {
    let all = whole_list(LISTS, "has_more", |page: Option<String>| async move {
        let query = [("page_size", Some(ITEMS.to_string())), ("start_cursor", page)];
        let answer = call(client.get(format!("{API}/users"))).query(&query).json().await;
        let listed: Listed<User> = match answer {
            Err(Error::Forbidden(_)) => Listed::default(),
            listed => listed?,
        };
        let next = listed.next();
        Ok((listed.results, next))
    });
    let people = all.await?.into_iter().flatten();
    Ok(people.map(|user| (user.id.clone(), user.person())).collect())
}

async fn sources(client: &Client) -> Result<BTreeMap<String, Source>> {
    let all = whole_list(LISTS, "has_more", |page: Option<String>| async move {
        let body = json!({"filter": {"property": "object", "value": "data_source"}});
        let listed: Listed<Source> = list(client, "search", body, page.as_deref()).await?;
        let next = listed.next();
        Ok((listed.results, next))
    });
    let alive = all.await?.into_iter().flatten().filter(|source| !source.in_trash);
    Ok(alive.map(|source| (source.id.clone(), source)).collect())
}

/// A page by its id.
pub async fn retrieve(client: &Client, id: &str) -> Result<Found> {
    call(client.get(format!("{API}/pages/{id}"))).json().await
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Listed<T = Found> {
    pub results: Many<T>,
    next_cursor: Option<String>,
    #[serde(default)]
    has_more: bool,
    request_status: Option<RequestStatus>,
}

#[derive(Deserialize)]
struct RequestStatus {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { results: Many::default(), next_cursor: None, has_more: false, request_status: None }
    }
}

impl<T> Listed<T> {
    pub fn next(&self) -> Option<String> {
        self.next_cursor.clone().filter(|_| self.has_more)
    }

    /// Whether there is more than Notion gives of one query.
    pub fn is_cut(&self) -> bool {
        let status = self.request_status.as_ref();
        status.and_then(|status| status.kind.as_deref()) == Some("incomplete")
    }
}

#[derive(Deserialize)]
struct Me {
    bot: Bot,
}

#[derive(Deserialize)]
pub struct Bot {
    pub workspace_id: String,
    pub workspace_name: Option<String>,
    pub owner: Option<Owner>,
}

#[derive(Deserialize)]
pub struct Owner {
    pub user: Option<User>,
}
