//! Zendesk: the tickets of an account, with their comments. The incremental export tells of every change and of deletions;
//! where its last page ended is the place to go on from. Comments take a call for each ticket that changed.
//!
//! Zendesk developer documentation: "Incremental exports", "Ticket comments", "Ticket fields", "Refresh tokens", "Rate
//! limits".

mod calls;
mod spec;
#[cfg(test)]
mod tests;
mod ticket;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{comments, export, me, people, subdomain, titles},
    ticket::Ticket,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Tickets of a page, of at most 1,000 that the export gives: each is followed by a call for its comments, of which an
/// account may make a few a second, and a page is stored once it is whole.
const TICKETS: u32 = 100;
/// Calls at once.
const AT_ONCE: usize = 4;

/// The client of Zendesk.
pub struct Zendesk;

/// Where the export stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The export's own cursor.
    after: Option<String>,
    /// When the latest change that was read took place, in seconds since 1970: where to begin when Zendesk no longer takes
    /// its cursor.
    changed: i64,
    /// This pass lists what changed since then, and not everything.
    bounded: Option<Timestamp>,
}

impl Provider for Zendesk {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let subdomain = subdomain(client)?;
        let user = me(client).await?;
        // Whom it does not know it calls the anonymous user.
        if user.id.is_none() {
            return Err(Error::Reconnect("Zendesk does not know these credentials".into()));
        }
        if user.role.as_deref() != Some("admin") {
            return Err(Error::Forbidden(ADMINS.into()));
        }
        let label = user.name.map_or(subdomain.into(), |name| format!("{name} at {subdomain}"));
        Ok(Account::new(subdomain, label).or_known_as(user.email))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let at = cursor.unwrap_or_else(|| Cursor {
            after: None,
            changed: client.since().map_or(0, Timestamp::as_second),
            bounded: client.since(),
        });
        let found = match export(client, &at).await {
            Err(Error::CursorExpired) if at.after.is_some() && at.changed > 0 => {
                export(client, &Cursor { after: None, ..at }).await?
            }
            found => found?,
        };
        let changed = found.tickets.iter().filter_map(|ticket| ticket.generated_timestamp).max();
        let next = Cursor {
            after: found.after_cursor.or(at.after),
            changed: at.changed.max(changed.unwrap_or_default()),
            bounded: at.bounded.filter(|_| !found.end_of_stream),
        };
        let skipped = found.tickets.skipped.saturating_add(found.users.skipped);
        let (gone, alive): (Vec<Ticket>, Vec<Ticket>) =
            found.tickets.into_iter().partition(Ticket::is_deleted);
        let titles = client.once("ticket_fields", || titles(client)).await?;
        let users = people(found.users);
        let (users, titles, host) = (&users, &*titles, subdomain(client)?);
        let records = each(alive, AT_ONCE, |ticket| async move {
            let Some((comments, mut known)) = comments(client, ticket.id).await? else {
                return Ok(None); // deleted since it was exported, which the export will tell
            };
            known.extend(users.iter().map(|(id, user)| (*id, user.clone())));
            Ok(Some(ticket.record(host, comments, &known, titles)))
        });
        let records: Vec<Record> = records.await?.into_iter().flatten().collect();
        let next = if found.end_of_stream { Next::Resume(next) } else { Next::More(next) };
        let gone = gone.into_iter().map(|ticket| ticket.id.to_string());
        let page = Page::new(records, next).removing(gone).skipping(skipped);
        // Whatever was created since then has been changed since.
        Ok(match at.bounded {
            Some(since) => page.covering(Covers::Between { from: Some(since), to: None }),
            None => page,
        })
    }

    fn fault(&self, status: u16, _: &Value) -> Option<Error> {
        Some(match status {
            400 => Error::CursorExpired, // nothing else that is given could be wrong
            401 => Error::Reconnect("Zendesk no longer takes the credentials".into()),
            403 => Error::Forbidden(ADMINS.into()),
            409 => Error::Unavailable("answered 409".into()), // somebody changes the same thing
            _ => return None,
        })
    }
}

/// Why a ticket export is refused.
const ADMINS: &str = "Zendesk exports tickets to administrators only, and with the scope read";
