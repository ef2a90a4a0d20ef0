//! What Dropbox is asked, and how it answers.
//!
//! Facts: Dropbox API specification, `files/list_folder`, `files/list_folder/continue`, `files/get_metadata`,
//! `users/get_current_account`; Dropbox developer documentation, "Path root header modes".

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::Entry;
use crate::{
    error::Result,
    http::{Call, Client},
    wire::Many,
};

const API: &str = "https://api.dropboxapi.com/2";
/// Most entries that an answer gives, more or less.
const ENTRIES: u32 = 2_000;

#[derive(Deserialize)]
pub struct Me {
    pub account_id: String,
    pub email: String,
    #[serde(default)]
    pub name: Name,
    root_info: Option<RootInfo>,
}

#[derive(Default, Deserialize)]
pub struct Name {
    pub display_name: Option<String>,
}

#[derive(Deserialize)]
struct RootInfo {
    root_namespace_id: Option<String>,
    home_namespace_id: Option<String>,
}

impl Me {
    /// The folder of the person's team, where that is more than their own. Without being named it is left out.
    pub fn team_root(&self) -> Option<String> {
        let info = self.root_info.as_ref()?;
        let root = info.root_namespace_id.as_ref()?;
        (info.home_namespace_id.as_ref() != Some(root)).then(|| root.clone())
    }
}

#[derive(Deserialize)]
pub struct Listed {
    #[serde(default)]
    pub entries: Many<Entry>,
    pub cursor: String,
    #[serde(default)]
    pub has_more: bool,
}

/// Whose account it is, looked up once a run.
pub async fn me(client: &Client) -> Result<Arc<Me>> {
    let url = format!("{API}/users/get_current_account");
    client.once("me", || client.post(url).idempotent().json()).await
}

/// The beginning of a list of everything.
pub async fn list(client: &Client, root: Option<&str>) -> Result<Listed> {
    let body = json!({
        "path": "",
        "recursive": true,
        "limit": client.page_size(ENTRIES),
        "include_deleted": false,
        "include_mounted_folders": true,
        "include_non_downloadable_files": true,
    });
    call(client, "files/list_folder", &body, root).json().await
}

/// What follows in a list, and then what changed.
pub async fn list_on(client: &Client, token: &str, root: Option<&str>) -> Result<Listed> {
    let body = json!({"cursor": token});
    call(client, "files/list_folder/continue", &body, root).json().await
}

/// What lies at a path, or has an id.
pub async fn entry(client: &Client, path: &str, root: Option<&str>) -> Result<Entry> {
    let body = json!({"path": path, "include_deleted": false});
    call(client, "files/get_metadata", &body, root).json().await
}

fn call(client: &Client, path: &str, body: &Value, root: Option<&str>) -> Call {
    let call = client.post(format!("{API}/{path}")).body_json(body).idempotent();
    match root {
        Some(root) => {
            let root = json!({".tag": "root", "root": root}).to_string();
            call.header("dropbox-api-path-root", &root)
        }
        None => call,
    }
}
