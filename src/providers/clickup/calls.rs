//! What ClickUp is asked, and how it answers.
//!
//! Facts: ClickUp API documentation, "Get Authorized User", "Get Authorized Workspaces", "Get Filtered Team Tasks", "Get Task",
//! "Authentication".

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Number;

use super::task::Task;
use crate::{
    error::Result,
    http::{Call, Client},
    wire::Many,
};

const API: &str = "https://api.clickup.com/api/v2";

#[derive(Deserialize)]
struct Me {
    user: User,
}

#[derive(Deserialize)]
pub struct User {
    pub id: Number,
    pub username: Option<String>,
    pub email: Option<String>,
}

#[derive(Deserialize)]
struct Teams {
    teams: Many<Team>,
}

#[derive(Deserialize)]
pub struct Team {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

#[derive(Deserialize)]
pub struct Tasks {
    pub tasks: Many<Task>,
    pub last_page: Option<bool>,
}

/// How a task stands that a listing lacks.
#[derive(Deserialize)]
pub struct Standing {
    #[serde(default)]
    pub archived: bool,
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<User> {
    let me: Me = call(client, "user").json().await?;
    Ok(me.user)
}

/// The Workspaces that the token reaches.
pub async fn teams(client: &Client) -> Result<Many<Team>> {
    let found: Teams = call(client, "team").json().await?;
    Ok(found.teams)
}

/// A page of a Workspace's tasks: of those that changed since a time, else of those that were created since one, or of all.
pub async fn tasks(
    client: &Client,
    team: &str,
    number: u32,
    changed: Option<Timestamp>,
    created: Option<Timestamp>,
) -> Result<Tasks> {
    // By creation, oldest first, what is added lies behind; by change, newest first, what changes meanwhile lies before
    // and comes with the next pass: neither moves a task over the edge of a page unseen.
    let order = if changed.is_some() { "updated" } else { "created" };
    let query = [
        ("page", Some(number.to_string())),
        ("order_by", Some(order.to_owned())),
        ("reverse", changed.is_none().then(|| "true".to_owned())),
        ("include_closed", Some("true".to_owned())),
        ("subtasks", Some("true".to_owned())),
        ("include_markdown_description", Some("true".to_owned())),
        ("date_updated_gt", changed.map(before)),
        ("date_created_gt", created.map(before)),
    ];
    call(client, &format!("team/{team}/task")).query(&query).json().await
}

/// How a task stands.
pub async fn standing(client: &Client, id: &str) -> Result<Standing> {
    call(client, &format!("task/{id}")).json().await
}

/// A personal token goes as it is, without `Bearer`.
fn call(client: &Client, path: &str) -> Call {
    let call = client.get(format!("{API}/{path}"));
    match client.secret("access_token").filter(|token| token.expose_secret().starts_with("pk_")) {
        Some(token) => call.header("authorization", token.expose_secret()),
        None => call,
    }
}

/// The last millisecond before: ClickUp's bounds leave out the moment itself.
fn before(at: Timestamp) -> String {
    at.as_millisecond().saturating_sub(1).to_string()
}
