//! What Calendly is asked, and how it answers.
//!
//! Facts: Calendly API reference v2, "Get current user", "List events", "Get event", "List event invitees".

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::booking::{Booking, Invitee};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    wire::Many,
};

const API: &str = "https://api.calendly.com";
/// Most meetings, and most invitees, that an answer gives.
const MOST: u32 = 100;
/// Answers of one meeting's invitees, which are read in one go.
const ANSWERS: usize = 20;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Listed<T> {
    pub collection: Many<T>,
    #[serde(default)]
    pub pagination: Pagination,
}

#[derive(Default, Deserialize)]
pub struct Pagination {
    pub next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    resource: Me,
}

#[derive(Deserialize)]
pub struct Me {
    pub uri: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// Whose token it is, looked up once a run.
pub async fn me(client: &Client) -> Result<Arc<Me>> {
    let look_up = || async {
        let me: Resource = client.get(format!("{API}/users/me")).json().await?;
        Ok(me.resource)
    };
    client.once("me", look_up).await
}

/// The person's meetings that begin at `from` or later, earliest first.
pub async fn meetings(
    client: &Client,
    person: &str,
    from: Option<Timestamp>,
    page: Option<String>,
) -> Result<Listed<Booking>> {
    let query = [
        ("user", Some(person.to_owned())),
        ("count", Some(client.page_size(MOST).to_string())),
        ("sort", Some("start_time:asc".into())),
        ("min_start_time", from.map(|from| from.to_string())),
        ("page_token", page),
    ];
    client.get(format!("{API}/scheduled_events")).query(&query).json().await
}

/// One meeting, whatever stands in it.
pub async fn meeting(client: &Client, id: &str) -> Result<Value> {
    client.get(format!("{API}/scheduled_events/{id}")).json().await
}

/// The invitees of a meeting, in the order in which they were invited; none of one that was deleted since it was listed.
pub async fn invitees(client: &Client, booking: &Booking) -> Result<Vec<Invitee>> {
    let Some(id) = booking.id() else { return Ok(Vec::new()) };
    let all = whole_list(ANSWERS, "pagination", |page: Option<String>| async move {
        let query = [("count", Some(MOST.to_string())), ("page_token", page)];
        let call = client.get(format!("{API}/scheduled_events/{id}/invitees")).query(&query);
        let found: Listed<Invitee> = call.json().await?;
        Ok((found.collection, found.pagination.next_page_token))
    });
    match all.await {
        Err(Error::NotFound) => Ok(Vec::new()),
        all => all.map(|lists| lists.into_iter().flatten().collect()),
    }
}
