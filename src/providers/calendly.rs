//! Calendly: the meetings that were booked with a person, each with a call for who booked it. Calendly tells of no changes:
//! every pass lists what lies around now and ahead again, and the whole past once in 30 days.
//!
//! Facts: Calendly developer documentation, "Authentication", "Scopes"; API reference v2, "List Events", "List Event Invitees".

mod meeting;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::meeting::{Invitee, Meeting};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{
        Account, Covers, Feed, Next, Page, Provider,
        spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    },
    record::{Kind, Record},
    wire::Many,
};

/// The catalog's entry.
pub static SPEC: Spec = Spec {
    rank: 41,
    id: "calendly",
    name: "Calendly",
    kinds: &[Kind::Event],
    capabilities: &["Scheduling webhooks"],
    help: "By hand it takes a personal access token: Integrations & apps > API and webhooks > \
           Personal access tokens, with the scopes users:read and scheduled_events:read.",
    oauth: Some(OAuth2 {
        app: "calendly",
        authorization_url: "https://auth.calendly.com/oauth/authorize",
        token_url: "https://auth.calendly.com/oauth/token",
        revoke_url: Some("https://auth.calendly.com/oauth/revoke"),
        userinfo_url: Some("https://api.calendly.com/users/me"),
        scopes: &["users:read", "scheduled_events:read"],
        client_auth: ClientAuth::Basic,
        refresh: Refresh { rotates: true, access_token_seconds: Some(7200), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Integrations & apps > API and webhooks > Personal access tokens, with the \
                   scopes users:read and scheduled_events:read.",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "By OAuth only; each renewal brings a new one.", ..Field::REFRESH_TOKEN },
    ],
    hosts: &["api.calendly.com"],
    // 50 a minute on the free plan.
    rate: Rate::per(12, Duration::from_secs(20)),
    // A run reads the window around now; older meetings change seldom.
    relist: Some(Duration::from_hours(30 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};

const API: &str = "https://api.calendly.com";
/// Items of one answer.
const MOST: u32 = 100;
/// Meetings of one page: each costs a call, of which a free plan has 50 a minute.
const MEETINGS: u32 = 25;
/// Calls at once.
const AT_ONCE: usize = 5;
/// Pages of one meeting's invitees; Calendly's group events hold 10,000 at most.
const INVITEES: usize = 100;
/// How long a meeting that is over is still read again in every pass: who cancels does so before it begins, rarely later.
const BEHIND: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The client of Calendly.
pub struct Calendly;

/// Where the list of meetings stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Cursor {
    /// A pass over the meetings that begin at or after that moment, or over all.
    Pass {
        /// Where it begins.
        from: Option<Timestamp>,
        /// The next page.
        page: String,
    },
    /// Between two passes.
    Done,
}

impl Provider for Calendly {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.email.clone().unwrap_or_else(|| me.uri.clone());
        Ok(Account::new(me.uri.clone(), label).or_known_as(me.name.clone()))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let (from, page) = match cursor {
            None => (client.since(), None),
            Some(Cursor::Pass { from, page }) => (from, Some(page)),
            Some(Cursor::Done) => (client.now().checked_sub(BEHIND).ok().max(client.since()), None),
        };
        let me = me(client).await?;
        let query = [
            ("user", Some(me.uri.clone())),
            ("count", Some(client.page_size(MEETINGS).to_string())),
            ("sort", Some("start_time:asc".to_owned())),
            ("min_start_time", from.map(|from| from.to_string())),
            ("page_token", page),
        ];
        let call = client.get(format!("{API}/scheduled_events")).query(&query);
        let listed: Listed<Meeting> = call.json().await?;
        let skipped = listed.collection.skipped;
        let next = match listed.pagination.next_page_token {
            Some(page) => Next::More(Cursor::Pass { from, page }),
            None => Next::Resume(Cursor::Done),
        };
        let whole = |meeting| whole(client, meeting);
        let records = each(listed.collection.items, AT_ONCE, whole).await?;
        let page = Page::new(records.into_iter().flatten(), next).skipping(skipped);
        Ok(match from {
            None => page,
            from => page.covering(Covers::Between { from, to: None }),
        })
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        match status {
            401 => Some(Error::Reconnect("Calendly no longer takes the token".into())),
            403 => Some(Error::Forbidden(
                "the token may lack the scopes users:read and scheduled_events:read".into(),
            )),
            400 if names(body, "page_token") => Some(Error::CursorExpired),
            400 if text("title") == "Invalid Argument" => {
                Some(Error::unexpected("scheduled_events", "an argument is refused"))
            }
            _ => None,
        }
    }
}

/// Whether a refusal is about that parameter.
fn names(body: &Value, parameter: &str) -> bool {
    let details = body.get("details").and_then(Value::as_array);
    let about = |of: &Value| of.get("parameter").and_then(Value::as_str) == Some(parameter);
    details.is_some_and(|details| details.iter().any(about))
}

#[derive(Deserialize)]
struct One<T> {
    resource: T,
}

/// Whose account it is.
#[derive(Deserialize)]
struct User {
    uri: String,
    name: Option<String>,
    email: Option<String>,
}

async fn me(client: &Client) -> Result<std::sync::Arc<User>> {
    let ask = || async {
        let me: One<User> = client.get(format!("{API}/users/me")).json().await?;
        Ok(me.resource)
    };
    client.once("me", ask).await
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listed<T> {
    collection: Many<T>,
    #[serde(default)]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Pagination {
    next_page_token: Option<String>,
}

/// A meeting with its invitees; `None` where it is gone meanwhile.
async fn whole(client: &Client, meeting: Meeting) -> Result<Option<Record>> {
    let (mut invitees, mut page) = (Vec::new(), None);
    for _ in 0..INVITEES {
        let query = [("count", Some(MOST.to_string())), ("page_token", page)];
        let url = format!("{API}/scheduled_events/{}/invitees", meeting.id());
        let listed: Listed<Invitee> = match client.get(url).query(&query).json().await {
            Err(Error::NotFound) => return Ok(None),
            listed => listed?,
        };
        invitees.extend(listed.collection);
        page = listed.pagination.next_page_token;
        if page.is_none() {
            break;
        }
    }
    Ok(Some(meeting.into_record(invitees)))
}
