//! What Front is asked, and how it answers.
//!
//! Facts: Front Core API, "List conversations", "List conversation messages", "Pagination".

use serde::{Deserialize, de::DeserializeOwned};

use super::message::{Conversation, Message};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    record::Record,
    wire::Many,
};

pub const API: &str = "https://api2.frontapp.com";
/// Conversations or messages of a page.
const ITEMS: u32 = 100;
/// Pages of messages that one conversation may have.
const PAGES: usize = 500;

#[derive(Deserialize)]
pub struct Company {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Listed<T> {
    #[serde(rename = "_results")]
    pub results: Many<T>,
    #[serde(rename = "_pagination", default)]
    pub pagination: Pagination,
}

#[derive(Default, Deserialize)]
pub struct Pagination {
    pub next: Option<String>,
}

/// Whose token it is.
pub async fn company(client: &Client) -> Result<Company> {
    client.get(format!("{API}/me")).json().await
}

/// A page of conversations; `page` is its address, none for the first.
pub async fn conversations(client: &Client, page: Option<String>) -> Result<Listed<Conversation>> {
    let limit = client.page_size(ITEMS);
    let url = page.unwrap_or_else(|| format!("{API}/conversations?limit={limit}"));
    client.get(url).json().await
}

/// A conversation as it is now; none where it is no longer there.
pub async fn conversation(client: &Client, id: &str) -> Result<Option<Conversation>> {
    match client.get(format!("{API}/conversations/{id}")).json().await {
        Err(Error::NotFound) => Ok(None),
        found => found.map(Some),
    }
}

/// All messages of a conversation.
pub async fn messages(client: &Client, of: &Conversation) -> Result<Many<Record>> {
    let first =
        || format!("{API}/conversations/{}/messages?limit={}", of.id, client.page_size(ITEMS));
    let pages = whole_list(PAGES, "_pagination.next", |next: Option<String>| async move {
        let listed: Listed<Message> = match client.get(next.unwrap_or_else(first)).json().await {
            Err(Error::NotFound) => return Ok((Many::default(), None)), // deleted since it was listed
            listed => listed?,
        };
        let Many { items, skipped } = listed.results;
        let items = items.into_iter().filter_map(|message| message.record(of)).collect();
        Ok((Many { items, skipped }, listed.pagination.next))
    });
    let mut all = Many::default();
    for page in pages.await? {
        all.skipped += page.skipped;
        all.items.extend(page);
    }
    Ok(all)
}

/// One message.
pub async fn message(client: &Client, id: &str) -> Result<Message> {
    client.get(format!("{API}/messages/{id}")).json().await
}
