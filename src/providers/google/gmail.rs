//! Gmail: a list of ids, a request a message, then the mailbox's history.
//!
//! Gmail API v1, "Synchronizing clients with Gmail"; users.messages, users.history, users.labels.

mod answers;
mod message;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, pin::pin, sync::Arc};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    answers::{Changes, Entries, Ids, Labels, Profile},
    message::Mail,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
};

const API: &str = "https://gmail.googleapis.com/gmail/v1/users/me";
/// Most ids that a list, and most entries that a page of history gives.
const LIST: u32 = 500;
/// Messages that one page stores.
const MAILS: usize = 100;
/// Text of messages that one page holds, in bytes: a page that reaches it ends there.
const PAGE_BYTES: usize = 4 << 20;
/// Messages that are asked for at once; the account's bucket paces them.
const AT_ONCE: usize = 40;
/// Pages of history that are put together, so that a message that changed often is fetched once.
const HISTORY_PAGES: usize = 10;
/// Answers of a page that may all be unreadable before that counts as the service's fault, not theirs.
const ODD: u32 = 10;

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

async fn profile(client: &Client) -> Result<Profile> {
    client.get(format!("{API}/profile")).json().await
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

async fn list(client: &Client, since: Option<Timestamp>, page: Option<String>) -> Result<Ids> {
    let query = [
        ("maxResults", Some(client.page_size(LIST).to_string())),
        ("fields", Some("messages/id,nextPageToken".to_owned())),
        // A second early: whether Gmail counts the second itself is not documented.
        ("q", since.map(|since| format!("after:{}", since.as_second().saturating_sub(1)))),
        ("pageToken", page),
    ];
    client.get(format!("{API}/messages")).query(&query).json().await
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

async fn entries(client: &Client, since: &str, page: Option<String>) -> Result<Entries> {
    let fields = "historyId,nextPageToken,history(messagesAdded/message/id,messagesDeleted/message/id,\
        labelsAdded/message/id,labelsRemoved/message/id)";
    let query = [
        ("startHistoryId", Some(since.to_owned())),
        ("maxResults", Some(LIST.to_string())),
        ("fields", Some(fields.to_owned())),
        ("pageToken", page),
    ];
    match client.get(format!("{API}/history")).query(&query).json().await {
        Err(Error::NotFound) => Err(Error::CursorExpired), // Gmail keeps about a week, rarely only hours
        read => read,
    }
}

/// What asking for messages brought.
#[derive(Default)]
struct Mails {
    kept: Vec<Mail>,
    /// Deleted since, or no longer what is imported.
    gone: Vec<String>,
    odd: u32,
}

/// Fetches the first of the ids, as many as a page holds, and takes them from the list.
async fn mails(client: &Client, ids: &mut Vec<String>) -> Result<Mails> {
    let mut found = Mails::default();
    let (mut taken, mut bytes) = (0, 0);
    {
        let wanted: Vec<String> = ids.iter().take(MAILS).cloned().collect();
        let mut answers = pin!(stream::iter(wanted).map(|id| mail(client, id)).buffered(AT_ONCE));
        while let Some((id, answer)) = answers.next().await {
            taken += 1;
            match answer {
                Ok(mail) if mail.is_imported() => {
                    bytes += mail.size();
                    found.kept.push(mail);
                }
                Ok(_) | Err(Error::NotFound) => found.gone.push(id),
                // One message that cannot be read must not keep the rest away for ever; when none can, it is not theirs.
                Err(Error::Unexpected { at, cause })
                    if found.odd < ODD || !found.kept.is_empty() =>
                {
                    tracing::warn!(at, cause, "left out a message that is not what Gmail promises");
                    found.odd += 1;
                }
                Err(cause) => return Err(cause),
            }
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }
    ids.drain(..taken);
    Ok(found)
}

async fn mail(client: &Client, id: String) -> (String, Result<Mail>) {
    let query =
        [("format", "full"), ("fields", "id,threadId,labelIds,snippet,internalDate,payload")];
    let answer = client.get(format!("{API}/messages/{id}")).query(&query).json().await;
    (id, answer)
}

impl Mails {
    async fn page(self, client: &Client, next: Next<Cursor>) -> Result<Page<Cursor>> {
        let names = if self.kept.iter().any(Mail::has_own_labels) {
            label_names(client).await?
        } else {
            Some(Arc::default())
        };
        let records = self.kept.into_iter().map(|mail| mail.into_record(names.as_deref()));
        Ok(Page::new(records, next).removing(self.gone).skipping(self.odd))
    }
}

/// The names of the user's own labels by id; `None` where they may not be read.
async fn label_names(client: &Client) -> Result<Option<Arc<HashMap<String, String>>>> {
    let labels = client.once("labels", || async {
        let labels: Labels = client.get(format!("{API}/labels")).json().await?;
        let own = labels.labels.into_iter().filter(|label| label.kind == "user");
        Ok(own.map(|label| (label.id, label.name)).collect::<HashMap<_, _>>())
    });
    match labels.await {
        Ok(names) => Ok(Some(names)),
        Err(Error::Forbidden(_)) => Ok(None),
        Err(cause) => Err(cause),
    }
}
