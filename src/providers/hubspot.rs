//! HubSpot: the deals, tasks and notes of a portal, one feed each. A first listing goes by id; later passes search for what
//! was modified since, and then page through what is archived, which is how HubSpot deletes.
//!
//! HubSpot developer documentation: "CRM search", "API usage guidelines", "OAuth".

mod calls;
mod item;
mod spec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{FOUND, Objects, around, list, portal, search},
    item::{Object, TYPES},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
};

/// A search gives no more results than these, whatever is asked for.
const REACH: usize = 10_000;
/// The search index follows the objects by some moments, and HubSpot's clock is not ours.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

/// The client of HubSpot.
pub struct HubSpot;

/// Where a pass over the objects of one type stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// When the pass began: the next one asks for what was modified since.
    began: Timestamp,
    step: Step,
    /// Where the list or the search goes on.
    after: Option<String>,
}

/// What is being read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// All objects that are alive.
    Listing,
    /// What was modified from this moment on, in milliseconds since 1970.
    Changes(i64),
    /// What was modified at one moment, above an id: more of it than a search gives, which bulk updates do.
    Moment(i64, String),
    /// All that is archived.
    Archive,
    /// Nothing: the pass is over.
    Done,
}

impl Provider for HubSpot {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let portal = portal(client).await?;
        let id = portal.portal_id.to_string();
        Ok(Account::new(id.clone(), format!("HubSpot portal {id}")))
    }

    async fn feeds(&self, _: &Client) -> Result<Vec<Feed>> {
        Ok(TYPES.iter().map(|of| Feed::new(of.name, of.name)).collect())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let of = TYPES.iter().find(|of| of.name == feed.id).ok_or(Error::NotFound)?;
        let at = match cursor {
            Some(at) if at.step == Step::Done => Cursor {
                step: Step::Changes(
                    at.began.checked_sub(SLACK).unwrap_or(at.began).as_millisecond(),
                ),
                began: client.now(),
                after: None,
            },
            Some(at) => at,
            None => Cursor { began: client.now(), step: Step::Listing, after: None },
        };
        let Objects { results, paging } = match &at.step {
            Step::Listing | Step::Archive | Step::Done => list(client, of, &at).await?,
            Step::Changes(_) | Step::Moment(..) => search(client, of, &at).await?,
        };
        let (objects, skipped) = (results.items, results.skipped);
        let next = at.then(&objects, paging.and_then(|paging| paging.next?.after));
        if at.step == Step::Archive {
            let gone = objects.iter().map(|object| of.id(&object.id));
            return Ok(Page::new(Vec::<crate::record::Record>::new(), next).removing(gone));
        }
        let merged: Vec<String> =
            objects.iter().flat_map(Object::merged).map(|id| of.id(id)).collect();
        let around = Box::pin(around(client, of)).await?;
        let records = objects.into_iter().map(|object| object.record(of, &around));
        let page = match (&at.step, client.since()) {
            (Step::Listing, Some(since)) => {
                let mut page = Page::new(records, next);
                page.upserts.retain(|record| {
                    record.properties.occurred_at().is_none_or(|created| created >= since)
                });
                page.covering(Covers::Between { from: Some(since), to: None })
            }
            _ => Page::new(records, next),
        };
        Ok(page.removing(merged).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(match (status, word("category"), word("policyName")) {
            // By the second for searches, by ten seconds for the rest, by the day for private apps.
            (429, _, "DAILY") => Error::RateLimited(Duration::from_hours(1)),
            (429, _, "SECONDLY") => Error::RateLimited(Duration::from_secs(1)),
            (429, ..) => Error::RateLimited(Duration::from_secs(10)),
            // Locked by a change that is under way; being moved to another data centre.
            (423 | 477, ..) => Error::Unavailable(format!("answered {status}")),
            (401, "EXPIRED_AUTHENTICATION", _) => {
                Error::Reconnect("the access token of HubSpot has expired".into())
            }
            (401, ..) => Error::Reconnect(
                "HubSpot no longer takes the token, or the app was removed from the portal".into(),
            ),
            (403, "MISSING_SCOPES", _) => Error::Forbidden(missing_scopes(body)),
            _ => return None,
        })
    }
}

impl Cursor {
    /// How the feed goes on after these objects, of which more come from `after` on.
    fn then(&self, objects: &[Object], after: Option<String>) -> Next<Cursor> {
        let (step, after) = match (&self.step, after) {
            (Step::Listing | Step::Archive | Step::Done, None) => return self.done(),
            (Step::Changes(_), None) => (Step::Archive, None),
            (Step::Moment(stamp, _), None) => (Step::Changes(stamp.saturating_add(1)), None),
            (step @ (Step::Listing | Step::Archive | Step::Done), after) => (step.clone(), after),
            (Step::Moment(stamp, above), _) => {
                let above = objects.last().map_or(above, |last| &last.id);
                (Step::Moment(*stamp, above.clone()), None)
            }
            (Step::Changes(since), Some(after)) => {
                let room = REACH.saturating_sub(FOUND as usize);
                let last = objects.last().and_then(Object::modified);
                match last.filter(|_| after.parse().is_ok_and(|at: usize| at > room)) {
                    None => (Step::Changes(*since), Some(after)),
                    Some(last) if last > *since => (Step::Changes(last), None),
                    Some(_) => (Step::Moment(*since, "0".into()), None),
                }
            }
        };
        Next::More(Cursor { began: self.began, step, after })
    }

    fn done(&self) -> Next<Cursor> {
        Next::Resume(Cursor { began: self.began, step: Step::Done, after: None })
    }
}

/// Names the scopes that HubSpot says are missing.
fn missing_scopes(body: &Value) -> String {
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let scopes = errors.filter_map(|error| error.get("context")?.get("requiredGranularScopes"));
    let scopes: Vec<&str> =
        scopes.filter_map(Value::as_array).flatten().filter_map(Value::as_str).take(10).collect();
    match scopes.as_slice() {
        [] => "the token lacks a scope for deals, contacts or owners".into(),
        scopes => format!("the token lacks the scope {}", scopes.join(" or ")),
    }
}
