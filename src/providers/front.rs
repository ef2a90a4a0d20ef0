//! Front: the messages of the conversations that a token may read. The place among the events is taken first, then every
//! conversation is read; later passes follow the events.
//!
//! Front Core API: "List events", "List conversations", "List conversation messages", "Pagination", "Rate limiting", "OAuth".

mod events;
mod message;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::{
    events::{changes, newest_event},
    message::{Conversation, Message},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
    wire::Many,
};

const API: &str = "https://api2.frontapp.com";
/// Conversations or messages of a page, and events.
const ITEMS: u32 = 100;
const EVENTS: u32 = 15;
/// Conversations that are read at once.
const AT_ONCE: usize = 4;
/// Pages of messages that one conversation may have.
const PAGES: usize = 500;
/// The client of Front.
pub struct Front;

/// Where the account stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Events after this moment are still to be read.
    after: Timestamp,
    /// The latest event that this pass has met.
    latest: Timestamp,
    /// Whether conversations are being listed.
    listing: bool,
    /// The address of the list's next page.
    page: Option<String>,
}

impl Provider for Front {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let company: Company = client.get(format!("{API}/me")).json().await?;
        Ok(Account::new(company.id, company.name))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        match cursor {
            None => {
                let after = newest_event(client).await?;
                listing(client, Cursor { after, latest: after, listing: true, page: None }).await
            }
            Some(at) if at.listing => listing(client, at).await,
            Some(at) => changes(client, at).await,
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let message = body.get("_error")?.get("message")?.as_str()?;
        Some(match status {
            400 if message.contains("page_token") => Error::CursorExpired,
            403 if message.contains("cope") => Error::Forbidden(
                "the token may not read conversations, messages, inboxes and events of shared resources".into(),
            ),
            _ => return None,
        })
    }

    /// An inbox that may no longer be read leaves the list with messages that are still there: gone is what was deleted, or
    /// lies in the trash.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let asked = each(ids, AT_ONCE, |id| async move {
            let message: Message = match client.get(format!("{API}/messages/{id}")).json().await {
                Err(Error::NotFound) => return Ok(Some(id)),
                Err(Error::Forbidden(_)) => return Ok(None),
                message => message?,
            };
            let Some(thread) = message.conversation() else { return Ok(None) };
            let thread = conversation(client, thread).await?;
            Ok(thread.is_none_or(|of| of.is_trashed()).then_some(id))
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

/// A page of conversations, each with all its messages.
async fn listing(client: &Client, cursor: Cursor) -> Result<Page<Cursor>> {
    let limit = client.page_size(ITEMS);
    let url = cursor.page.clone().unwrap_or_else(|| format!("{API}/conversations?limit={limit}"));
    let listed: Listed<Conversation> = client.get(url).json().await?;
    let mut skipped = listed.results.skipped;
    let threads = listed.results.into_iter().filter(Conversation::is_read).collect();
    let read = each(threads, AT_ONCE, |of| async move { messages(client, &of).await });
    let mut records = Vec::new();
    for messages in read.await? {
        skipped += messages.skipped;
        let since = client.since();
        records.extend(messages.into_iter().filter(|record| {
            !matches!((record.properties.occurred_at(), since), (Some(at), Some(since)) if at < since)
        }));
    }
    let next = match listed.pagination.next {
        Some(page) => Next::More(Cursor { page: Some(page), ..cursor }),
        // What happened meanwhile is asked for at once.
        None => Next::More(Cursor { page: None, listing: false, ..cursor }),
    };
    Ok(Page::new(records, next).skipping(skipped))
}

/// All messages of a conversation.
async fn messages(client: &Client, of: &Conversation) -> Result<Many<Record>> {
    let mut url =
        format!("{API}/conversations/{}/messages?limit={}", of.id, client.page_size(ITEMS));
    let mut all = Many::default();
    for _ in 0..PAGES {
        let listed: Listed<Message> = match client.get(url).json().await {
            Err(Error::NotFound) => return Ok(all), // deleted since it was listed
            listed => listed?,
        };
        all.skipped += listed.results.skipped;
        all.items.extend(listed.results.into_iter().filter_map(|message| message.record(of)));
        match listed.pagination.next {
            Some(next) => url = next,
            None => return Ok(all),
        }
    }
    Err(Error::unexpected("_pagination.next", "a conversation that does not end"))
}

/// A conversation as it is now; none where it is no longer there.
async fn conversation(client: &Client, id: &str) -> Result<Option<Conversation>> {
    match client.get(format!("{API}/conversations/{id}")).json().await {
        Err(Error::NotFound | Error::Forbidden(_)) => Ok(None),
        found => found.map(Some),
    }
}

#[derive(Deserialize)]
struct Company {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listed<T> {
    #[serde(rename = "_results")]
    results: Many<T>,
    #[serde(rename = "_pagination", default)]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Pagination {
    next: Option<String>,
}
