//! What Microsoft Graph is asked for calendars and tasks, and how it answers.
//!
//! Facts: Microsoft Graph, "event: delta", "Get incremental changes to events in a calendar view", "todoTask: delta".

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        API, IMMUTABLE,
        delta::{self, Entry, Listed},
        escaped,
    },
    event::{Change, Item},
    task::ToDo,
};
use crate::{
    error::{Error, Result},
    http::Client,
    record::Record,
};

/// Entries of a page.
const ENTRIES: u32 = 200;

/// A calendar or a list of tasks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    pub id: String,
    #[serde(default, alias = "displayName")]
    pub name: String,
}

/// The person's calendars.
pub async fn calendars(client: &Client) -> Result<Vec<Named>> {
    let calendars = format!("{API}/me/calendars?$top=100&$select=id,name");
    delta::whole(client, calendars, IMMUTABLE).await
}

/// The person's lists of tasks.
pub async fn lists(client: &Client) -> Result<Vec<Named>> {
    delta::whole(client, format!("{API}/me/todo/lists"), "").await
}

/// A page of a calendar's feed: the first of a window, or the one that the service's own link leads to.
pub async fn events(
    client: &Client,
    calendar: &str,
    window: Option<(Timestamp, Timestamp)>,
    link: Option<&str>,
) -> Result<Listed<Entry<Item>>> {
    let first = match window {
        Some((from, to)) => format!(
            "{API}/me/calendars/{}/calendarView/delta?startDateTime={from}&endDateTime={to}",
            escaped(calendar)
        ),
        None => String::new(), // never asked for: there is a link
    };
    let size = client.page_size(ENTRIES);
    let prefer = format!("{IMMUTABLE}, outlook.timezone=\"UTC\", odata.maxpagesize={size}");
    delta::changes(client, &first, link, &prefer).await
}

/// An event as it stands, wherever it lies; none where it is gone, or is a mere occurrence.
pub async fn event(client: &Client, id: &str) -> Result<Option<Record>> {
    let url = format!("{API}/me/events/{}", escaped(id));
    let prefer = format!("{IMMUTABLE}, outlook.timezone=\"UTC\"");
    match delta::get(client, &url, &prefer).json::<Item>().await {
        Err(Error::NotFound) => Ok(None),
        found => Ok(match found?.read(None) {
            Change::Event(record) => Some(record),
            Change::Occurrence(_) | Change::Odd => None,
        }),
    }
}

/// A page of the feed of a list of tasks: its first, or the one that the service's own link leads to.
pub async fn tasks(client: &Client, list: &str, link: Option<&str>) -> Result<Listed<Entry<ToDo>>> {
    let first = format!("{API}/me/todo/lists/{}/tasks/delta", escaped(list));
    let prefer = format!("odata.maxpagesize={}", client.page_size(ENTRIES));
    delta::changes(client, &first, link, &prefer).await
}

/// A task of a list, or an event where none is given, whatever stands in it.
pub async fn entry(client: &Client, list: Option<&str>, id: &str) -> Result<Value> {
    let path = match list {
        Some(list) => format!("todo/lists/{}/tasks/{}", escaped(list), escaped(id)),
        None => format!("events/{}?$select=id", escaped(id)),
    };
    delta::get(client, &format!("{API}/me/{path}"), IMMUTABLE).json().await
}
