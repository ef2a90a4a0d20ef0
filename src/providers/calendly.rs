//! Calendly: the meetings that were booked with a person. It tells of no changes: each pass reads what began lately or is
//! still to come, and asks for the invitees of what looks different.
//!
//! Facts: Calendly developer documentation, "Authentication", "Scopes", "Webhook signatures"; API reference v2.

mod booking;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::booking::{Booking, Invitee};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{
        Account, Covers, Feed, Next, Page, Provider,
        spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    },
    record::Kind,
    wire::Many,
};

/// What is constant about Calendly.
pub static SPEC: Spec = Spec {
    rank: 41,
    id: "calendly",
    name: "Calendly",
    kinds: &[Kind::Event],
    capabilities: &["Scheduling webhooks"],
    help: "By hand it takes a personal access token: Integrations & apps > API and webhooks > \
           Personal access tokens, with the scopes users:read and scheduled_events:read. Meetings of other people of the organization are \
           not imported.",
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
/// What has to be granted.
const SCOPES: &str = "users:read, scheduled_events:read";
/// Most meetings, and most invitees, that an answer gives.
const MOST: u32 = 100;
/// Lists of invitees side by side.
const AT_ONCE: usize = 4;
/// Answers of one meeting's invitees, which are read in one go.
const ANSWERS: usize = 20;
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
        &SPEC
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
        let query = [
            ("user", Some(me.uri.clone())),
            ("count", Some(client.page_size(MOST).to_string())),
            ("sort", Some("start_time:asc".into())),
            ("min_start_time", at.from.map(|from| from.to_string())),
            ("page_token", at.page.take()),
        ];
        let call = client.get(format!("{API}/scheduled_events")).query(&query);
        let found: Listed<Booking> = call.json().await?;
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
        let asked = each(ids, AT_ONCE, |id| async move {
            match client.get(format!("{API}/scheduled_events/{id}")).json::<Value>().await {
                Err(Error::NotFound) => Ok(Some(id)),
                found => found.map(|_| None),
            }
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

/// The invitees of a meeting, in the order in which they were invited.
async fn invitees(client: &Client, booking: &Booking) -> Result<Vec<Invitee>> {
    let (mut all, mut page) = (Vec::new(), None);
    let Some(id) = booking.id() else { return Ok(all) };
    for _ in 0..ANSWERS {
        let query = [("count", Some(MOST.to_string())), ("page_token", page)];
        let call = client.get(format!("{API}/scheduled_events/{id}/invitees")).query(&query);
        let found: Listed<Invitee> = match call.json().await {
            Err(Error::NotFound) => return Ok(all), // deleted since it was listed
            found => found?,
        };
        all.extend(found.collection);
        page = found.pagination.next_page_token;
        if page.is_none() {
            return Ok(all);
        }
    }
    Err(Error::unexpected("pagination", "the list of invitees does not end"))
}

/// Whose token it is, looked up once a run.
async fn me(client: &Client) -> Result<Arc<Me>> {
    let look_up = || async {
        let me: Resource = client.get(format!("{API}/users/me")).json().await?;
        Ok(me.resource)
    };
    client.once("me", look_up).await
}

#[derive(Deserialize)]
struct Resource {
    resource: Me,
}

#[derive(Deserialize)]
struct Me {
    uri: String,
    name: Option<String>,
    email: Option<String>,
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
