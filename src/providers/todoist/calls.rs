//! What Todoist is asked, and how it answers.
//!
//! Facts: Todoist API v1, "Sync", "Tasks completed by completion date", "Get task", "User info".

use jiff::Timestamp;
use serde::Deserialize;

use super::item::{Item, Person, Project, Section};
use crate::{
    error::Result,
    http::Client,
    wire::{Many, time},
};

pub const API: &str = "https://api.todoist.com/api/v1";
/// What a sync is asked for; a token belongs to one set.
const RESOURCES: &str = r#"["items","projects","sections","collaborators","user"]"#;
/// Completed tasks on a page.
const COMPLETED: u32 = 200;

#[derive(Deserialize)]
pub struct User {
    pub id: String,
    pub email: Option<String>,
    pub full_name: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub joined_at: Option<Timestamp>,
}

#[derive(Deserialize)]
pub struct Synced {
    pub full_sync: bool,
    pub sync_token: String,
    #[serde(default)]
    pub items: Many<Item>,
    #[serde(default)]
    pub projects: Many<Project>,
    #[serde(default)]
    pub sections: Many<Section>,
    #[serde(default)]
    pub collaborators: Many<Person>,
    pub user: Option<User>,
}

#[derive(Deserialize)]
pub struct Completed {
    pub items: Many<Item>,
    pub next_cursor: Option<String>,
}

/// How a task stands that a listing lacks.
#[derive(Deserialize)]
pub struct Standing {
    #[serde(default)]
    pub is_deleted: bool,
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<User> {
    client.get(format!("{API}/user")).json().await
}

/// What changed since the token was given; everything that is open for `*`.
pub async fn sync(client: &Client, token: &str) -> Result<Synced> {
    let form = [("sync_token", token), ("resource_types", RESOURCES)];
    client.post(format!("{API}/sync")).body_form(&form).idempotent().json().await
}

/// A page of the tasks that were completed between two times.
pub async fn completed_between(
    client: &Client,
    since: Timestamp,
    until: Timestamp,
    page: Option<String>,
) -> Result<Completed> {
    let query = [
        ("since", Some(since.to_string())),
        ("until", Some(until.to_string())),
        ("limit", Some(client.page_size(COMPLETED).to_string())),
        ("cursor", page),
    ];
    let call = client.get(format!("{API}/tasks/completed/by_completion_date")).query(&query);
    call.json().await
}

/// How a task stands, open or completed.
pub async fn standing(client: &Client, id: &str) -> Result<Standing> {
    client.get(format!("{API}/tasks/{id}")).json().await
}
