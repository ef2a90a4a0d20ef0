//! Front: the messages of the conversations that a token may read. The place among the events is taken first, then every
//! conversation is read; later passes follow the events.
//!
//! Front Core API: "Rate limiting", "OAuth".

mod calls;
mod events;
mod message;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{company, conversation, conversations, message, messages},
    events::{changes, newest_event},
    message::Conversation,
};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
};

/// Conversations that are read at once.
const AT_ONCE: usize = 4;

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
        let company = company(client).await?;
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
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            let is_gone = async {
                let message = message(client, &id).await?;
                let Some(thread) = message.conversation() else { return Ok(false) };
                let thread = conversation(client, thread).await?;
                Ok(thread.is_none_or(|of| of.is_trashed()))
            };
            match is_gone.await {
                Err(Error::Forbidden(_)) => Ok(false),
                gone => gone,
            }
        });
        gone.await
    }
}

/// A page of conversations, each with all its messages.
async fn listing(client: &Client, cursor: Cursor) -> Result<Page<Cursor>> {
    let listed = conversations(client, cursor.page.clone()).await?;
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
