//! Gmail: a list of ids, a request a message, then the mailbox's history.
//!
//! Gmail API v1, "Synchronizing clients with Gmail".

mod calls;
mod mails;
mod message;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Changes, entries, list, profile},
    mails::mails,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
};

/// Pages of history that are put together, so that a message that changed often is fetched once.
const HISTORY_PAGES: usize = 10;

/// The client of Gmail.
pub struct Gmail;

/// The history begins at the id that the profile showed before the first page was listed: nothing that arrives meanwhile
/// is missed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Cursor {
    /// The mailbox is being listed.
    Backfill {
        /// Where the history goes on afterwards.
        history_id: String,
        /// Where the listing begins.
        since: Option<Timestamp>,
        /// The page of ids to list once `ids` are fetched.
        page: Option<String>,
        /// Listed, and still to be fetched.
        ids: Vec<String>,
    },
    /// The history is being followed.
    History {
        /// The history id to ask from.
        since: String,
        /// The page of history to read once `ids` are fetched.
        page: Option<String>,
        /// Where the next pass goes on; set once this one has read all its pages.
        latest: Option<String>,
        /// Changed, and still to be fetched.
        ids: Vec<String>,
    },
}

impl Provider for Gmail {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let address = profile(client).await?.email_address;
        Ok(Account::new(address.clone(), address))
    }

    async fn page(
        &self,
        client: &Client,
        _feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        match cursor {
            None => {
                let history_id = profile(client).await?.history_id;
                backfill(client, history_id, client.since(), None, Vec::new()).await
            }
            Some(Cursor::Backfill { history_id, since, page, ids }) => {
                backfill(client, history_id, since, page, ids).await
            }
            Some(Cursor::History { since, page, latest, ids }) => {
                history(client, since, page, latest, ids).await
            }
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        super::fault("Gmail", "gmail.readonly", status, body, Timestamp::now())
    }
}

/// One page of a listing: the next ids where none are left, and the messages of as many as a page holds.
async fn backfill(
    client: &Client,
    history_id: String,
    since: Option<Timestamp>,
    mut page: Option<String>,
    mut ids: Vec<String>,
) -> Result<Page<Cursor>> {
    let mut skipped = 0;
    if ids.is_empty() {
        let listed = list(client, since, page).await?;
        page = listed.next_page_token;
        skipped = listed.messages.skipped;
        ids = listed.messages.into_iter().map(|message| message.id).collect();
    }
    let mails = mails(client, &mut ids).await?;
    let next = if ids.is_empty() && page.is_none() {
        Next::Resume(Cursor::History { since: history_id, page: None, latest: None, ids })
    } else {
        Next::More(Cursor::Backfill { history_id, since, page, ids })
    };
    let page = mails.page(client, next).await?.skipping(skipped);
    Ok(match since {
        Some(_) => page.covering(Covers::Between { from: since, to: None }),
        None => page,
    })
}

/// One page of changes: the next entries of the history where no ids are left, and the messages as they are now.
async fn history(
    client: &Client,
    since: String,
    mut page: Option<String>,
    mut latest: Option<String>,
    mut ids: Vec<String>,
) -> Result<Page<Cursor>> {
    let mut changes = Changes::default();
    if ids.is_empty() && latest.is_none() {
        for _ in 0..HISTORY_PAGES {
            let read = entries(client, &since, page).await?;
            changes.note(read.history);
            page = read.next_page_token;
            if page.is_none() {
                latest = Some(read.history_id.unwrap_or_else(|| since.clone()));
                break;
            }
        }
        ids = changes.changed.into_iter().collect();
    }
    let mails = mails(client, &mut ids).await?;
    let next = match latest {
        Some(since) if ids.is_empty() => {
            Next::Resume(Cursor::History { since, page: None, latest: None, ids })
        }
        latest => Next::More(Cursor::History { since, page, latest, ids }),
    };
    Ok(mails.page(client, next).await?.removing(changes.deleted).skipping(changes.skipped))
}
