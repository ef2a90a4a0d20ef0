//! What Zoom is asked, and how it answers.
//!
//! Facts: Zoom Meeting API.

use std::sync::Arc;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, de::DeserializeOwned};

use super::{meeting::Meeting, recording::Recorded};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::{Many, time},
};

const API: &str = "https://api.zoom.us/v2";
/// Most meetings, and most recordings, that an answer gives.
const MOST: u32 = 300;

#[derive(Deserialize)]
pub struct Me {
    pub id: String,
    pub display_name: Option<String>,
    pub email: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Listed<T> {
    pub meetings: Many<T>,
    pub next_page_token: Option<String>,
}

/// A meeting as the list has it.
#[derive(Deserialize)]
pub struct Slot {
    /// Beyond 32 bits.
    pub id: u64,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub start_time: Option<Timestamp>,
}

/// The end of a list is an empty token.
pub fn next(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// Whose token it is, looked up once a run.
pub async fn me(client: &Client) -> Result<Arc<Me>> {
    client.once("me", || client.get(format!("{API}/users/me")).json()).await
}

/// A page of the meetings that a person hosts.
pub async fn scheduled(client: &Client, page: Option<String>) -> Result<Listed<Slot>> {
    let query = [
        ("type", Some("scheduled".to_owned())),
        ("page_size", Some(client.page_size(MOST).to_string())),
        ("next_page_token", page),
    ];
    client.get(format!("{API}/users/me/meetings")).query(&query).json().await
}

/// One meeting; none where it is deleted.
pub async fn meeting(client: &Client, id: &str) -> Result<Option<Meeting>> {
    match client.get(format!("{API}/meetings/{id}")).json().await {
        Err(Error::NotFound) => Ok(None),
        found => found.map(Some),
    }
}

/// A page of the recordings of some days.
pub async fn recorded(
    client: &Client,
    from: Date,
    to: Date,
    page: Option<String>,
) -> Result<Listed<Recorded>> {
    let query = [
        ("from", Some(from.to_string())),
        ("to", Some(to.to_string())),
        ("page_size", Some(client.page_size(MOST).to_string())),
        ("next_page_token", page),
    ];
    client.get(format!("{API}/users/me/recordings")).query(&query).json().await
}

/// A page of what lies in the trash: single files, or whole meetings.
pub async fn deleted(
    client: &Client,
    files: bool,
    page: Option<String>,
) -> Result<Listed<Recorded>> {
    let kind = if files { "recording_file" } else { "meeting_recordings" };
    let query = [
        ("trash", Some("true".to_owned())),
        ("trash_type", Some(kind.to_owned())),
        ("page_size", Some(client.page_size(MOST).to_string())),
        ("next_page_token", page),
    ];
    client.get(format!("{API}/users/me/recordings")).query(&query).json().await
}
