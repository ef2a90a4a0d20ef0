//! Airtable: the rows of every table, one feed a base. What changed comes by the payloads of a webhook that calls nobody and
//! is read from its cursor; a base that lets the token make none is listed in full each time.
//!
//! Airtable Web API: "Rate limits", "Errors".

mod calls;
mod changes;
mod row;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Rows, bases, me, row_page, tables},
    changes::{changed, webhook},
    row::{Row, Table, fingerprint},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Times that a table is begun again because its offset had expired.
const RESTARTS: u8 = 3;
/// Nothing goes for so long once a base had too many calls.
const PAUSE: Duration = Duration::from_secs(30);
/// When a workspace whose calls of the month are spent is tried again.
const SPENT: Duration = Duration::from_hours(12);

/// The client of Airtable.
pub struct Airtable;

/// Where a base stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Where changes go on; none where the base lets us make no webhook. Taken before the first row is read.
    changes: Option<Changes>,
    /// What tables and fields are called, which rows bear: under other names they are listed afresh.
    names: String,
    /// The table that is being listed.
    listing: Option<Listing>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Changes {
    webhook: String,
    cursor: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Listing {
    table: String,
    offset: Option<String>,
    restarts: u8,
}

impl Provider for Airtable {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.email.clone().unwrap_or_else(|| me.id.clone());
        Ok(Account::new(me.id, label).or_known_as(me.email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let bases = bases(client).await?.into_iter();
        let mut feeds: Vec<Feed> = bases.map(|base| Feed::new(base.id, base.name)).collect();
        let wanted: HashSet<&str> = client.settings("base_ids").into_iter().collect();
        feeds.retain(|base| wanted.is_empty() || wanted.contains(base.id.as_str()));
        Ok(feeds)
    }

    async fn page(
        &self,
        client: &Client,
        base: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let tables = tables(client, base).await?;
        let names = fingerprint(base, &tables);
        let at = match cursor {
            Some(at) if at.names == names => at,
            Some(_) => return Err(Error::CursorExpired),
            None => {
                let first = tables.first().map(|table| Listing::of(&table.id));
                Cursor {
                    changes: webhook(client, base).await?,
                    names: names.clone(),
                    listing: first,
                }
            }
        };
        match (at.listing, at.changes) {
            (Some(listing), changes) => {
                let (records, skipped, listing) = rows(client, base, &tables, listing).await?;
                let next = match (listing, changes) {
                    (None, None) => Next::Relist,
                    (None, changes) => Next::Resume(Cursor { changes, names, listing: None }),
                    (listing, changes) => Next::More(Cursor { changes, names, listing }),
                };
                Ok(Page::new(records, next).skipping(skipped))
            }
            (None, Some(changes)) => changed(client, base, &tables, changes, names).await,
            // A base without tables, and without a webhook.
            (None, None) => Ok(Page::new(Vec::<Record>::new(), Next::Relist)),
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let error =
            body.get("errors").and_then(|errors| errors.get(0)).unwrap_or(body).get("error");
        let word = error.and_then(|error| error.get("type").unwrap_or(error).as_str());
        Some(match (status, word.unwrap_or_default()) {
            (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED") => Error::RateLimited(SPENT),
            (429, _) => Error::RateLimited(PAUSE),
            (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE") => Error::CursorExpired,
            (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND" | "INVALID_PERMISSIONS") => {
                Error::Forbidden(
                    "the token lacks the base, or the scope data.records:read or schema.bases:read"
                        .into(),
                )
            }
            _ => return None,
        })
    }
}

/// A page of rows, how many were odd, and how the listing of the base goes on.
async fn rows(
    client: &Client,
    base: &Feed,
    tables: &[Table],
    listing: Listing,
) -> Result<(Vec<Record>, u32, Option<Listing>)> {
    let mut rest = tables.iter().skip_while(|table| table.id != listing.table);
    let table = rest.next().ok_or(Error::CursorExpired)?;
    let listed = match row_page(client, base, table, listing.offset.clone()).await {
        Err(Error::CursorExpired) if listing.offset.is_some() && listing.restarts < RESTARTS => {
            let restarts = listing.restarts + 1;
            let again = Listing { offset: None, restarts, ..listing };
            return Ok((Vec::new(), 0, Some(again)));
        }
        Err(Error::NotFound) => Rows::default(), // deleted since the schema was read
        listed => listed?,
    };
    let skipped = listed.records.skipped;
    let since = client.since();
    let due =
        |row: &Row| !matches!((row.created_time, since), (Some(at), Some(since)) if at < since);
    let records: Vec<Record> =
        listed.records.into_iter().filter(due).map(|row| row.record(base, table)).collect();
    let next = match listed.offset {
        Some(offset) => Some(Listing { offset: Some(offset), ..listing }),
        None => rest.next().map(|table| Listing::of(&table.id)),
    };
    Ok((records, skipped, next))
}

impl Listing {
    fn of(table: &str) -> Self {
        Self { table: table.to_owned(), offset: None, restarts: 0 }
    }
}
