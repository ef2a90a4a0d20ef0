//! What Gmail is asked, and how it answers.
//!
//! Facts: Gmail API v1, "Synchronizing clients with Gmail"; users.getProfile, users.messages, users.history, users.labels.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Deserialize;

use super::message::Mail;
use crate::{
    error::{Error, Result},
    http::Client,
    wire::Many,
};

const API: &str = "https://gmail.googleapis.com/gmail/v1/users/me";
/// Most ids that a list, and most entries that a page of history gives.
const LIST: u32 = 500;

/// `users.getProfile`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub email_address: String,
    /// Where the history stands now.
    pub history_id: String,
}

/// `users.messages.list`; without `messages` where there are none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ids {
    #[serde(default)]
    pub messages: Many<Id>,
    pub next_page_token: Option<String>,
}

/// A message by id.
#[derive(Deserialize)]
pub struct Id {
    pub id: String,
}

/// `users.history.list`; without `history` where nothing changed, also on pages before the last.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entries {
    #[serde(default)]
    pub history: Many<Entry>,
    pub next_page_token: Option<String>,
    /// Where the next pass goes on, once all pages are read.
    pub history_id: Option<String>,
}

/// What happened at one moment.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    pub messages_added: Many<Change>,
    pub messages_deleted: Many<Change>,
    pub labels_added: Many<Change>,
    pub labels_removed: Many<Change>,
}

/// A message that something happened to.
#[derive(Deserialize)]
pub struct Change {
    pub message: Id,
}

/// `users.labels.list`.
#[derive(Deserialize)]
pub struct Labels {
    #[serde(default)]
    pub labels: Many<Label>,
}

/// A label: the service's (`system`), or one of the user's (`user`).
#[derive(Deserialize)]
pub struct Label {
    pub id: String,
    pub name: String,
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// What the history tells, by message.
#[derive(Default)]
pub struct Changes {
    pub changed: BTreeSet<String>,
    pub deleted: BTreeSet<String>,
    pub skipped: u32,
}

impl Changes {
    /// Adds what a page of history tells.
    pub fn note(&mut self, entries: Many<Entry>) {
        self.skipped += entries.skipped;
        for entry in entries {
            for of in [entry.messages_added, entry.labels_added, entry.labels_removed] {
                self.skipped += of.skipped;
                self.changed.extend(of.into_iter().map(|of| of.message.id));
            }
            self.skipped += entry.messages_deleted.skipped;
            self.deleted.extend(entry.messages_deleted.into_iter().map(|of| of.message.id));
        }
        // Ids are given once: what is deleted does not come back.
        self.changed.retain(|id| !self.deleted.contains(id));
    }
}

/// Whose mailbox it is, and where its history stands.
pub async fn profile(client: &Client) -> Result<Profile> {
    client.get(format!("{API}/profile")).json().await
}

/// The next page of ids, newest first.
pub async fn list(client: &Client, since: Option<Timestamp>, page: Option<String>) -> Result<Ids> {
    let query = [
        ("maxResults", Some(client.page_size(LIST).to_string())),
        ("fields", Some("messages/id,nextPageToken".to_owned())),
        // A second early: whether Gmail counts the second itself is not documented.
        ("q", since.map(|since| format!("after:{}", since.as_second().saturating_sub(1)))),
        ("pageToken", page),
    ];
    client.get(format!("{API}/messages")).query(&query).json().await
}

/// The next page of the history since an id.
pub async fn entries(client: &Client, since: &str, page: Option<String>) -> Result<Entries> {
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

/// A message by its id, which comes along.
pub async fn mail(client: &Client, id: String) -> (String, Result<Mail>) {
    let query =
        [("format", "full"), ("fields", "id,threadId,labelIds,snippet,internalDate,payload")];
    let answer = client.get(format!("{API}/messages/{id}")).query(&query).json().await;
    (id, answer)
}

/// The names of the user's own labels by id; `None` where they may not be read.
pub async fn label_names(client: &Client) -> Result<Option<Arc<HashMap<String, String>>>> {
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
