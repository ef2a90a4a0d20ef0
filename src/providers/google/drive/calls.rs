//! What Google Drive is asked, and how it answers.
//!
//! Facts: Drive API v3, about.get, files.get, files.list, changes.getStartPageToken, changes.list, "Retrieve changes".

use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

use super::file::{FIELDS as FILE_FIELDS, File};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::Many,
};

const API: &str = "https://www.googleapis.com/drive/v3";
/// Most files or changes that a page gives.
const PAGE: u32 = 1_000;

#[derive(Deserialize)]
struct About {
    user: User,
}

/// Whose drive it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub email_address: String,
    pub display_name: Option<String>,
    pub permission_id: Option<String>,
}

#[derive(Deserialize)]
struct Trash {
    #[serde(default)]
    trashed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartPageToken {
    start_page_token: String,
}

/// A page of a listing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileList {
    #[serde(default)]
    pub files: Many<File>,
    pub next_page_token: Option<String>,
    #[serde(default)]
    pub incomplete_search: bool,
}

/// A page of changes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeList {
    #[serde(default)]
    pub changes: Many<Change>,
    pub next_page_token: Option<String>,
    /// On the last page instead of the other.
    pub new_start_page_token: Option<String>,
}

/// How a file stands now; of one that changed often only the last word. `file` is absent where it is gone, or the change is
/// one of a shared drive.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub file_id: Option<String>,
    pub file: Option<File>,
}

/// Whose drive it is.
pub async fn me(client: &Client) -> Result<User> {
    let about = client.get(format!("{API}/about"));
    let about: About =
        about.query(&[("fields", "user(emailAddress,displayName,permissionId)")]).json().await?;
    Ok(about.user)
}

/// Where the changes go on from now.
pub async fn start(client: &Client) -> Result<String> {
    let call = client.get(format!("{API}/changes/startPageToken"));
    let start: StartPageToken = call.query(&[("supportsAllDrives", "true")]).json().await?;
    Ok(start.start_page_token)
}

/// The next page of a listing, of what was created or changed at `since` or later where that is given.
pub async fn files(
    client: &Client,
    since: Option<Timestamp>,
    page: Option<String>,
) -> Result<FileList> {
    let bound = since.map(|since| {
        let since = TimeZone::UTC.to_datetime(since).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        format!("createdTime >= '{since}' or modifiedTime >= '{since}'")
    });
    let query = [
        ("pageSize", Some(client.page_size(PAGE).to_string())),
        ("fields", Some(format!("nextPageToken,incompleteSearch,files({FILE_FIELDS})"))),
        ("spaces", Some("drive".to_owned())),
        ("supportsAllDrives", Some("true".to_owned())),
        ("includeItemsFromAllDrives", Some("true".to_owned())),
        ("q", bound),
        ("pageToken", page),
    ];
    client.get(format!("{API}/files")).query(&query).json().await
}

/// The page of changes that a token leads to.
pub async fn changes(client: &Client, token: &str) -> Result<ChangeList> {
    let fields = format!("nextPageToken,newStartPageToken,changes(fileId,file({FILE_FIELDS}))");
    let size = client.page_size(PAGE).to_string();
    let query = [
        ("pageToken", token),
        ("pageSize", size.as_str()),
        ("fields", fields.as_str()),
        ("includeRemoved", "true"),
        ("supportsAllDrives", "true"),
        ("includeItemsFromAllDrives", "true"),
    ];
    match client.get(format!("{API}/changes")).query(&query).json().await {
        Err(Error::NotFound) => Err(Error::CursorExpired),
        found => found,
    }
}

/// Whether a file lies in the trash.
pub async fn is_trashed(client: &Client, id: &str) -> Result<bool> {
    let query = [("fields", "trashed"), ("supportsAllDrives", "true")];
    let file: Trash = client.get(format!("{API}/files/{id}")).query(&query).json().await?;
    Ok(file.trashed)
}
