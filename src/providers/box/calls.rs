//! What Box is asked, and how it answers.
//!
//! Facts: Box API reference, "Get current user", "Get file information", "List file comments", "List items in folder",
//! "List user and enterprise events"; Box developer documentation, "User events".

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::file::{FIELDS, File, Remark};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    wire::Many,
};

const API: &str = "https://api.box.com/2.0";
/// Most items of a folder, and most comments, that an answer gives.
const ITEMS: u32 = 1_000;
/// Most events that an answer gives.
const EVENTS: u32 = 500;
/// Answers of one file's comments, which are read in one go.
const ANSWERS: usize = 100;

#[derive(Deserialize)]
pub struct Me {
    pub id: String,
    pub name: String,
    pub login: Option<String>,
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    let query = [("fields", "id,name,login")];
    client.get(format!("{API}/users/me")).query(&query).json().await
}

/// A file by its id.
pub async fn file(client: &Client, id: &str) -> Result<File> {
    let call = client.get(format!("{API}/files/{id}")).query(&[("fields", FIELDS)]);
    call.json().await
}

/// The comments on a file.
pub async fn comments(client: &Client, file: &str) -> Result<Vec<Remark>> {
    let all = whole_list(ANSWERS, "total_count", |offset: Option<u64>| async move {
        let offset = offset.unwrap_or_default();
        let query = [
            ("fields", "message,created_by,created_at".to_owned()),
            ("limit", ITEMS.to_string()),
            ("offset", offset.to_string()),
        ];
        let call = client.get(format!("{API}/files/{file}/comments")).query(&query);
        let found: Comments = match call.json().await {
            // Comments can be switched off for a file.
            Err(Error::NotFound) => return Ok((Many::default(), None)),
            found => found?,
        };
        let next = offset + found.entries.len() as u64 + u64::from(found.entries.skipped);
        let end = found.entries.is_empty() || next >= found.total_count.unwrap_or(0);
        Ok((found.entries, (!end).then_some(next)))
    });
    Ok(all.await?.into_iter().flatten().collect())
}

/// A page of a folder's list.
pub async fn items(client: &Client, folder: &str, marker: Option<&str>) -> Result<Items> {
    let query = [
        ("usemarker", Some("true".to_owned())),
        ("limit", Some(client.page_size(ITEMS).to_string())),
        ("fields", Some(FIELDS.to_owned())),
        ("marker", marker.map(str::to_owned)),
    ];
    let url = format!("{API}/folders/{folder}/items");
    client.get(url).query(&query).json().await
}

/// All of a person's events, since others than `all` leave out comments and shared links.
pub async fn events(client: &Client, position: &str) -> Result<Events> {
    let limit = EVENTS.to_string();
    let query = [("stream_position", position), ("stream_type", "all"), ("limit", &limit)];
    client.get(format!("{API}/events")).query(&query).json().await
}

/// A page of a folder's list.
#[derive(Default, Deserialize)]
pub struct Items {
    /// Folders come first.
    #[serde(default)]
    pub entries: Many<Item>,
    /// Where it goes on; empty or absent at its end.
    pub next_marker: Option<String>,
}

/// What lies in a folder.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// A file.
    File(Box<File>),
    /// A folder.
    Folder {
        /// Its id.
        id: String,
    },
    /// A link to a page, and what there will be one day.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Comments {
    total_count: Option<u64>,
    #[serde(default)]
    entries: Many<Remark>,
}

/// A page of events.
#[derive(Deserialize)]
pub struct Events {
    /// Neither in order, nor each once.
    #[serde(default)]
    pub entries: Many<Event>,
    #[serde(default)]
    next_stream_position: Value,
}

impl Events {
    /// Where the events go on: a number that is too large for a fraction, or a text.
    pub fn position(&self) -> Result<String> {
        match &self.next_stream_position {
            Value::Number(number) => Ok(number.to_string()),
            Value::String(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(Error::unexpected("next_stream_position", "it is missing")),
        }
    }
}

/// Something that happened.
#[derive(Deserialize)]
pub struct Event {
    #[serde(default, deserialize_with = "lenient")]
    source: Option<Source>,
}

/// What an event is about, of which there is more than one form: the thing itself, its type and id, or a comment with
/// what it is on.
#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type", alias = "item_type")]
    kind: Option<String>,
    #[serde(alias = "item_id")]
    id: Option<String>,
    item: Option<Box<Self>>,
}

/// Sources that are nothing we know say nothing to us.
fn lenient<'de, D: serde::Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> std::result::Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

impl Event {
    /// The type and the id of the file or folder that it is about.
    pub fn item(self) -> Option<(&'static str, String)> {
        let source = self.source?;
        let of = source.item.map_or((source.kind, source.id), |item| (item.kind, item.id));
        match of.0?.as_str() {
            "file" => Some(("file", of.1?)),
            "folder" => Some(("folder", of.1?)),
            _ => None,
        }
    }
}
