//! Google Drive: the files that a person owns, was given or has opened; their names and properties, not their content. A
//! listing, then the feed of changes.
//!
//! Drive API v3: "Retrieve changes", "Usage limits", "Resolve errors".

mod calls;
mod file;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{files, is_trashed, me, start},
    file::{File, Found},
};
use crate::{
    error::{Error, Result},
    http::{Client, gone_of},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Folders in the trash that are kept in mind; it empties itself after 30 days.
const TRASHED: usize = 1_000;
/// Files that are asked for at once.
const AT_ONCE: usize = 8;

/// The client of Google Drive.
pub struct GoogleDrive;

/// The changes go on at the token that was given before the first page was listed: nothing that happens meanwhile is
/// missed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Where the changes go on.
    changes: String,
    /// What is being listed; absent once all is.
    listing: Option<Listing>,
    /// Folders that lie in the trash with all that is in them. What is in them need not show among the changes: when one
    /// gets in or out, all is listed afresh.
    trashed: BTreeSet<String>,
}

/// A listing that goes on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Listing {
    /// Where it begins, for one with a bound.
    since: Option<Timestamp>,
    page: Option<String>,
}

impl Provider for GoogleDrive {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let user = me(client).await?;
        let account = Account::new(user.email_address.clone(), user.email_address);
        Ok(account.or_known_as(user.permission_id).or_known_as(user.display_name))
    }

    async fn page(
        &self,
        client: &Client,
        _feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let cursor = match cursor {
            Some(cursor) => cursor,
            None => Cursor {
                changes: start(client).await?,
                listing: Some(Listing { since: client.since(), page: None }),
                trashed: BTreeSet::new(),
            },
        };
        match cursor.listing {
            Some(listing) => list(client, listing, cursor.changes, cursor.trashed).await,
            None => changes(client, cursor.changes, cursor.trashed).await,
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        super::fault("Google Drive", "drive.metadata.readonly", status, body, Timestamp::now())
    }

    /// The trash is listed, too: what a listing lacks was deleted for good or is shared no more, or is a file of a shared
    /// drive that Google no longer counts as the person's and still shows.
    async fn confirm_gone(
        &self,
        client: &Client,
        _feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        gone_of(ids, AT_ONCE, |id| async move { is_trashed(client, &id).await }).await
    }
}

/// One page of a listing, the trash among it.
async fn list(
    client: &Client,
    listing: Listing,
    changes: String,
    mut trashed: BTreeSet<String>,
) -> Result<Page<Cursor>> {
    let Listing { since, page } = listing;
    let found = files(client, since, page).await?;
    let covers = match since {
        _ if found.incomplete_search => Covers::Nothing,
        Some(_) => Covers::Between { from: since, to: None },
        None => Covers::Everything,
    };
    let (mut files, mut gone) = (Vec::new(), Vec::new());
    let skipped = found.files.skipped;
    for file in found.files {
        match file.read() {
            Found::Alive(record) => files.push(record),
            Found::Gone(id) => gone.push(id),
            Found::Folder { id, trashed: true } if trashed.len() < TRASHED => {
                trashed.insert(id);
            }
            Found::Folder { .. } | Found::Other => {}
        }
    }
    let next = match found.next_page_token {
        page @ Some(_) => {
            Next::More(Cursor { changes, listing: Some(Listing { since, page }), trashed })
        }
        None => Next::Resume(Cursor { changes, listing: None, trashed }),
    };
    Ok(Page::new(files, next).removing(gone).skipping(skipped).covering(covers))
}

/// One page of changes.
async fn changes(
    client: &Client,
    token: String,
    trashed: BTreeSet<String>,
) -> Result<Page<Cursor>> {
    let found = calls::changes(client, &token).await?;
    let (mut files, mut gone): (Vec<Record>, Vec<String>) = (Vec::new(), Vec::new());
    let skipped = found.changes.skipped;
    for change in found.changes {
        match (change.file.map(File::read), change.file_id) {
            (Some(Found::Alive(record)), _) => files.push(record),
            (Some(Found::Gone(id)), _) | (None, Some(id)) => gone.push(id),
            (Some(Found::Folder { id, trashed: now }), _) if now != trashed.contains(&id) => {
                return Err(Error::CursorExpired);
            }
            _ => {}
        }
    }
    let cursor = |changes| Cursor { changes, listing: None, trashed };
    let next = match (found.next_page_token, found.new_start_page_token) {
        (Some(page), _) => Next::More(cursor(page)),
        (None, Some(start)) => Next::Resume(cursor(start)),
        (None, None) => return Err(Error::unexpected("newStartPageToken", "missing")),
    };
    Ok(Page::new(files, next).removing(gone).skipping(skipped))
}
