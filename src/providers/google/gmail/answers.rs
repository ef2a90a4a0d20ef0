//! What Gmail answers: ids, history, labels.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::wire::Many;

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
