//! What Basecamp is asked, and how it answers.
//!
//! Facts: Basecamp API documentation (bc3-api), "Identifying your application", "Pagination", "People", "Projects",
//! "Recordings", "To-dos", "Messages".

use std::fmt::Display;

use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, de::DeserializeOwned};

use super::{List, Step, What};
use crate::{
    error::{Error, Result},
    http::{Call, Client, whole_list},
    wire::Many,
};

/// Basecamp refuses calls that do not say whose app they come from. Source: "Identifying your application".
pub const USER_AGENT: &str = concat!("Neotoma/", env!("CARGO_PKG_VERSION"), " (neotoma-importers)");
/// Pages of the list of projects, which is read in one go.
const PAGES: usize = 200;

#[derive(Deserialize)]
pub struct Me {
    pub id: u64,
    #[serde(default)]
    pub name: String,
    pub email_address: Option<String>,
}

/// A project and its tools.
#[derive(Deserialize)]
pub struct Project {
    pub id: u64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    dock: Many<Tool>,
}

/// A tool of a project: its to-dos, its message board.
#[derive(Deserialize)]
struct Tool {
    id: u64,
    name: String,
    #[serde(default)]
    enabled: bool,
}

impl Project {
    /// The lists to walk.
    pub fn steps(&self, base: &str) -> Vec<Step> {
        let steps = |tool: &Tool| match tool.name.as_str() {
            "todoset" => {
                let url = format!("{base}/todosets/{}/todolists.json", tool.id);
                let archived = format!("{url}?status=archived");
                [url, archived].map(|url| Step { list: List::Lists, url }).to_vec()
            }
            "message_board" => {
                let url = format!("{base}/message_boards/{}/messages.json", tool.id);
                vec![Step { list: List::Messages, url }]
            }
            _ => Vec::new(),
        };
        self.dock.iter().filter(|tool| tool.enabled).flat_map(steps).collect()
    }
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    get(client, format!("{}/my/profile.json", base(client)?)).json().await
}

/// The projects of a list, read in one go.
pub async fn projects(client: &Client, url: &str) -> Result<Vec<Project>> {
    let all = whole_list(PAGES, "Link", |next: Option<String>| async move {
        let answer = match get(client, next.unwrap_or_else(|| url.to_owned())).answer().await {
            Err(Error::NotFound) => {
                let why = "Basecamp no longer knows the account, or it is suspended";
                return Err(Error::Reconnect(why.into()));
            }
            answer => answer?,
        };
        let next = next_link(&answer.headers);
        let listed: Many<Project> = answer.json()?;
        // Of a list with a gap nobody could tell which projects are gone.
        if listed.skipped > 0 {
            return Err(Error::unexpected("projects", "a project that is none"));
        }
        Ok((listed, next))
    });
    Ok(all.await?.into_iter().flatten().collect())
}

/// The address of the recordings of all projects, last change first.
pub fn recordings(base: &str, what: What, status: &str) -> String {
    format!(
        "{base}/projects/recordings.json?type={what:?}&status={status}&sort=updated_at&direction=desc"
    )
}

/// One recording of a kind: `todos`, `messages`.
pub async fn recording<T: DeserializeOwned>(
    client: &Client,
    base: &str,
    kind: &str,
    id: impl Display,
) -> Result<T> {
    get(client, format!("{base}/{kind}/{id}.json")).json().await
}

/// A call that says whose app it comes from.
pub fn get(client: &Client, url: String) -> Call {
    client.get(url).header("user-agent", USER_AGENT)
}

/// The account's address.
pub fn base(client: &Client) -> Result<String> {
    let id = client.setting("account_id");
    let id = id.ok_or_else(|| Error::invalid("account_id", "is missing"))?;
    Ok(format!("https://3.basecampapi.com/{id}"))
}

/// The address behind `rel="next"` (RFC 8288).
pub fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains(r#"rel="next""#))?;
    let (_, rest) = next.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}
