//! What Google Calendar is asked, and how it answers.
//!
//! Facts: Calendar API v3, calendars.get, calendarList.list, events.list.

use std::sync::Arc;

use serde::Deserialize;
use url::form_urlencoded;

use super::{
    Phase,
    event::{FIELDS as EVENT_FIELDS, Item},
};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    provider::Feed,
    wire::Many,
};

const API: &str = "https://www.googleapis.com/calendar/v3";
/// Pages of the list of calendars, which is read in one go.
const LISTS: usize = 200;
/// Most events that a page gives.
const EVENTS: u32 = 2_500;
/// Events to ask for where a whole page is more than an answer may be: they may hold 8 KiB of text and hundreds of guests.
const FEW_EVENTS: u32 = 250;

/// The person's own calendar.
#[derive(Deserialize)]
pub struct Primary {
    pub id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Calendars {
    #[serde(default)]
    items: Many<Calendar>,
    next_page_token: Option<String>,
}

/// An entry of the person's list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    pub id: String,
    /// The name that its owner gave it.
    #[serde(default)]
    summary: String,
    /// The name that the person gave it.
    summary_override: Option<String>,
    #[serde(default)]
    pub access_role: String,
    #[serde(default)]
    pub primary: bool,
}

impl Calendar {
    /// Its feed.
    pub fn feed(&self) -> Feed {
        Feed::new(&self.id, self.summary_override.as_deref().unwrap_or(&self.summary))
    }
}

/// A page of a calendar's events, or of what changed among them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    #[serde(default)]
    pub items: Many<Item>,
    pub next_page_token: Option<String>,
    /// On the last page alone.
    pub next_sync_token: Option<String>,
}

/// The person's own calendar.
pub async fn primary(client: &Client) -> Result<Primary> {
    client.get(format!("{API}/calendars/primary")).query(&[("fields", "id")]).json().await
}

/// The person's list, looked up once a run.
pub async fn calendars(client: &Client) -> Result<Arc<Vec<Calendar>>> {
    let fields = "nextPageToken,items(id,summary,summaryOverride,accessRole,primary)";
    client
        .once("calendars", || async {
            let all = whole_list(LISTS, "nextPageToken", |page: Option<String>| async move {
                let query = [
                    ("maxResults", Some("250".to_owned())),
                    ("fields", Some(fields.to_owned())),
                    ("pageToken", page),
                ];
                let call = client.get(format!("{API}/users/me/calendarList")).query(&query);
                let found: Calendars = call.json().await?;
                // Of a list with a gap nobody could tell which calendars are gone.
                if found.items.skipped > 0 {
                    return Err(Error::unexpected("items", "a calendar that is none"));
                }
                Ok((found.items, found.next_page_token))
            });
            Ok(all.await?.into_iter().flatten().collect())
        })
        .await
}

/// The next page of a calendar; a smaller one where a whole one is more than an answer may be.
pub async fn events(client: &Client, calendar: &Feed, phase: &Phase) -> Result<Events> {
    let id: String = form_urlencoded::byte_serialize(calendar.id.as_bytes()).collect();
    let (token, page) = match phase {
        Phase::Listing { page, .. } => (None, page),
        Phase::Changes { token, page } => (Some(token), page),
    };
    let ask = async |most: u32| {
        let most = client.page_size(most).to_string();
        let query = [
            ("maxResults", Some(most.as_str())),
            ("fields", Some(EVENT_FIELDS)),
            ("syncToken", token.map(String::as_str)),
            ("pageToken", page.as_deref()),
        ];
        client.get(format!("{API}/calendars/{id}/events")).query(&query).json().await
    };
    match ask(EVENTS).await {
        Err(Error::Unexpected { .. }) => ask(FEW_EVENTS).await,
        found => found,
    }
}
