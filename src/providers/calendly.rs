//! Calendly: the meetings that were booked with a person. It tells of no changes: each pass reads what began lately or is
//! still to come, and asks for the invitees of what looks different.
//!
//! Facts: Calendly developer documentation, "Authentication", "Scopes"; API reference v2.

mod booking;
mod calls;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::calls::{invitees, me, meeting, meetings};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
};

/// What has to be granted.
const SCOPES: &str = "users:read, scheduled_events:read";
/// Lists of invitees side by side.
const AT_ONCE: usize = 4;
/// How long ago the meetings began that each pass reads again.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The client of Calendly.
pub struct Calendly;

/// Where a pass stands, or what the next one goes by.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The earliest beginning of the meetings that this pass reads; absent for all.
    from: Option<Timestamp>,
    page: Option<String>,
    /// The meetings that passes read again, by id.
    known: BTreeMap<String, Known>,
}

/// How a meeting stood when its invitees were last asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    start: Timestamp,
    mark: String,
}

impl Provider for Calendly {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.name.as_ref().or(me.email.as_ref()).unwrap_or(&me.uri);
        Ok(Account::new(&me.uri, label).or_known_as(me.email.clone()))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let lately = client.now().checked_sub(WINDOW).ok();
        let mut at = match cursor {
            Some(at) if at.page.is_some() => at,
            Some(at) => Cursor { from: lately, ..at },
            None => Cursor { from: client.since(), page: None, known: BTreeMap::new() },
        };
        let me = me(client).await?;
        let found = meetings(client, &me.uri, at.from, at.page.take()).await?;
        let mut skipped = found.collection.skipped;
        let (mut changed, mut same) = (Vec::new(), Vec::new());
        for booking in found.collection {
            let Some((id, known)) = booking.known() else {
                skipped += 1;
                continue;
            };
            if at.known.get(&id) == Some(&known) {
                same.push(id);
            } else {
                at.known.insert(id, known);
                changed.push(booking);
            }
        }
        let records = each(changed, AT_ONCE, |booking| async move {
            let invitees = invitees(client, &booking).await?;
            Ok(booking.into_record(invitees))
        });
        let records = records.await?.into_iter().flatten();
        let covers = match at.from {
            Some(from) => Covers::Between { from: Some(from), to: None },
            None => Covers::Everything,
        };
        let next = if let Some(page) = found.pagination.next_page_token {
            Next::More(Cursor { page: Some(page), ..at })
        } else {
            at.known.retain(|_, known| lately.is_none_or(|lately| known.start >= lately));
            Next::Resume(Cursor { from: None, ..at })
        };
        Ok(Page::new(records, next).seeing(same).skipping(skipped).covering(covers))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let details = body.get("details").and_then(Value::as_array).into_iter().flatten();
        let mut odd = details.filter_map(|of| of.get("parameter")?.as_str());
        match status {
            400 if odd.any(|parameter| parameter == "page_token") => Some(Error::CursorExpired),
            403 => Some(Error::Forbidden(format!("the token needs the scopes {SCOPES}"))),
            _ => None,
        }
    }

    /// Meetings are cancelled and stay; what is deleted for good is not found.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        gone_of(ids, AT_ONCE, |id| async move { meeting(client, &id).await.map(|_| false) }).await
    }
}
