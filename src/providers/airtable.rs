//! Airtable: the rows of every table, one feed a base. What changed comes by the payloads of a webhook that calls nobody and
//! is read from its cursor; a base that lets the token make none is listed in full each time.
//!
//! Airtable Web API: "List records", "Get base schema", "Create a webhook", "List webhook payloads", "Webhooks overview",
//! "Rate limits", "Errors".

mod changes;
mod row;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    changes::{changed, webhook},
    row::{Row, Table, fingerprint},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
    wire::Many,
};

const API: &str = "https://api.airtable.com/v0";
/// Rows of a page, payloads of an answer.
const ROWS: u32 = 100;
const PAYLOADS: u32 = 50;
/// Pages of the list of bases, which is read in one go.
const PAGES: usize = 100;
/// Changed rows of one answer that are fetched one by one: more are had faster by listing the base.
const CHANGES: usize = 500;
const AT_ONCE: usize = 4;
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
        let me: Me = client.get(format!("{API}/meta/whoami")).json().await?;
        let label = me.email.clone().unwrap_or_else(|| me.id.clone());
        Ok(Account::new(me.id, label).or_known_as(me.email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let (mut feeds, mut offset) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let call = client.get(format!("{API}/meta/bases")).query(&[("offset", offset)]);
            let listed: Bases = call.json().await?;
            // Of a list with a gap nobody could tell which bases are gone.
            if listed.bases.skipped > 0 {
                return Err(Error::unexpected("bases", "a base that is none"));
            }
            feeds.extend(listed.bases.into_iter().map(|base| Feed::new(base.id, base.name)));
            offset = listed.offset;
            if offset.is_none() {
                let wanted: HashSet<&str> = client.settings("base_ids").into_iter().collect();
                feeds.retain(|base| wanted.is_empty() || wanted.contains(base.id.as_str()));
                return Ok(feeds);
            }
        }
        Err(Error::unexpected("offset", "the list of bases does not end"))
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
    let query = [
        ("pageSize", Some(client.page_size(ROWS).to_string())),
        ("returnFieldsByFieldId", Some("true".to_owned())),
        ("offset", listing.offset.clone()),
    ];
    let call = client.get(format!("{API}/{}/{}", base.id, table.id)).query(&query);
    let listed: Rows = match call.json().await {
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

/// A base's tables and fields, looked up once a run.
async fn tables(client: &Client, base: &Feed) -> Result<Arc<Vec<Table>>> {
    let lookup = || async {
        let schema: Schema =
            client.get(format!("{API}/meta/bases/{}/tables", base.id)).json().await?;
        if schema.tables.skipped > 0 {
            return Err(Error::unexpected("tables", "a table that is none"));
        }
        Ok(schema.tables.items)
    };
    client.once(&format!("tables {}", base.id), lookup).await
}

impl Listing {
    fn of(table: &str) -> Self {
        Self { table: table.to_owned(), offset: None, restarts: 0 }
    }
}

#[derive(Deserialize)]
struct Me {
    id: String,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Bases {
    bases: Many<Base>,
    offset: Option<String>,
}

#[derive(Deserialize)]
struct Base {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Schema {
    tables: Many<Table>,
}

#[derive(Default, Deserialize)]
struct Rows {
    records: Many<Row>,
    offset: Option<String>,
}
