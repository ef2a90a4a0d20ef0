//! Salesforce: the leads and tasks of an org, one feed each. Queries go by the system's stamp, which every change moves,
//! and hold what lies in the recycle bin, too; what has left it, and what is shared no more, shows in a whole listing.
//!
//! Salesforce REST API developer guide: "Status codes and error responses"; Salesforce Help: "OAuth 2.0 web server
//! flow".

mod calls;
mod row;
mod spec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{HIDDEN, base, me, more, query},
    row::{Lead, Row, Task},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// The client of Salesforce.
pub struct Salesforce;

/// Where a pass over one type of object stands, or how the next one goes on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The stamp of the latest row that was read: rows come in this order.
    stamp: Option<Timestamp>,
    /// The address of the query's next page; it expires after two days.
    next: Option<String>,
    /// This pass lists what changed since then, and not everything.
    bounded: Option<Timestamp>,
}

impl Provider for Salesforce {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.preferred_username.or(me.email.clone());
        let label = label.unwrap_or_else(|| me.organization_id.clone());
        Ok(Account::new(me.organization_id, label).or_known_as(me.email))
    }

    async fn feeds(&self, _: &Client) -> Result<Vec<Feed>> {
        Ok(vec![Feed::new(Lead::OBJECT, "leads"), Feed::new(Task::OBJECT, "tasks")])
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        if feed.id == Lead::OBJECT {
            read::<Lead>(client, cursor).await
        } else {
            read::<Task>(client, cursor).await
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let first = body.get(0);
        let word = |key: &str| first.and_then(|error| error.get(key)?.as_str()).unwrap_or_default();
        Some(match (status, word("errorCode")) {
            // The identity service answers with words, and not with 401.
            (403, "") if body.is_null() => {
                Error::Reconnect("Salesforce does not take the access token".into())
            }
            (_, "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER") => {
                Error::Reconnect("the session has ended, or the grant was revoked".into())
            }
            // A day's allocation, or too many long queries at once.
            (_, "REQUEST_LIMIT_EXCEEDED") if word("message").starts_with("TotalRequests") => {
                Error::RateLimited(Duration::from_hours(1))
            }
            (_, "REQUEST_LIMIT_EXCEEDED") => Error::RateLimited(Duration::from_secs(20)),
            (_, "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED") => Error::Forbidden(
                "the API is not enabled for this org: its edition may not include it".into(),
            ),
            (_, "INVALID_TYPE") => {
                Error::Forbidden("this user or org has no such objects, or may not see them".into())
            }
            (_, "INVALID_QUERY_LOCATOR" | "QUERY_LOCATOR_EXPIRED") => Error::CursorExpired,
            (_, "INVALID_FIELD") => Error::invalid(HIDDEN, "one of them is hidden from this user"),
            (_, "QUERY_TIMEOUT" | "SERVER_UNAVAILABLE" | "UNABLE_TO_LOCK_ROW") => {
                Error::Unavailable("answered that it is busy".into())
            }
            _ => return None,
        })
    }
}

/// The next page of a type of object.
async fn read<T: Row>(client: &Client, cursor: Option<Cursor>) -> Result<Page<Cursor>> {
    let at = cursor.unwrap_or_else(|| Cursor { stamp: None, next: None, bounded: client.since() });
    let found = match &at.next {
        Some(next) => match more(client, next).await {
            // Rows come by their stamps: the query is asked again from the last one.
            Err(Error::CursorExpired) => query(client, &at).await?,
            found => found?,
        },
        None => query(client, &at).await?,
    };
    let stamp = found.records.iter().filter_map(T::stamp).max().max(at.stamp);
    let next = found.next_records_url.filter(|_| !found.done);
    let skipped = found.records.skipped;
    let (gone, alive): (Vec<T>, Vec<T>) = found.records.into_iter().partition(T::is_deleted);
    let base = base(client)?;
    let records: Vec<Record> = alive.into_iter().map(|row| row.record(base)).collect();
    let next = match next {
        Some(_) => Next::More(Cursor { stamp, next, bounded: at.bounded }),
        None => Next::Resume(Cursor { stamp: stamp.or(at.bounded), next, bounded: None }),
    };
    let page =
        Page::new(records, next).removing(gone.into_iter().map(T::into_id)).skipping(skipped);
    // Whatever was created since then bears a stamp since then.
    Ok(match at.bounded {
        Some(since) => page.covering(Covers::Between { from: Some(since), to: None }),
        None => page,
    })
}
