//! What Confluence is asked, and how it answers.
//!
//! Facts: Atlassian developer documentation, "The Confluence Cloud REST API v2": "Get pages", "Get spaces", "Create bulk user
//! lookup using ids"; "The Confluence Cloud REST API", "Get current user".

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    AT_ONCE, Site,
    page::{Content, Names, User},
};
use crate::{
    error::{Error, Result},
    http::{Client, each_batch, whole_list},
    wire::Many,
};

pub const API: &str = "/wiki/api/v2";
/// Most pages, and most spaces, that an answer gives.
pub const PAGES: u32 = 250;
/// Most people that can be asked about at once.
const PEOPLE: usize = 250;
/// Answers of the list of spaces, which is read in one go.
const ANSWERS: usize = 200;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Listed<T> {
    pub results: Many<T>,
    #[serde(default, rename = "_links")]
    pub links: Links,
}

#[derive(Default, Deserialize)]
pub struct Links {
    pub next: Option<String>,
    pub base: Option<String>,
}

#[derive(Deserialize)]
struct Space {
    id: String,
    #[serde(default)]
    name: String,
}

/// Whose credentials these are.
pub async fn me(client: &Client, site: &Site) -> Result<User> {
    site.get(client, "/wiki/rest/api/user/current").json().await
}

/// When the newest version was made: taken before a listing begins, so that nothing which changes meanwhile is missed.
pub async fn newest(client: &Client, site: &Site) -> Result<Option<Timestamp>> {
    let path = format!("{API}/pages?status=current,archived&sort=-modified-date&limit=1");
    let found: Listed<Content> = list(client, site, &path).await?;
    Ok(found.results.first().and_then(Content::changed_at))
}

/// Pages by id, at most [`PAGES`], of which those in the trash are left out.
pub async fn known(client: &Client, site: &Site, ids: &[String]) -> Result<Listed<Content>> {
    let path = format!("{API}/pages?id={}&status=current,archived&limit={PAGES}", ids.join(","));
    list(client, site, &path).await
}

/// An answer of a list. Its next address is the site's own, also where the gateway is asked.
pub async fn list<T: DeserializeOwned>(
    client: &Client,
    site: &Site,
    path: &str,
) -> Result<Listed<T>> {
    let found: Listed<T> = site.get(client, path).json().await.map_err(|error| site.lost(error))?;
    match &found.links.next {
        Some(next) if !next.starts_with(API) => {
            Err(Error::unexpected("_links.next", "it is no address of this list"))
        }
        _ => Ok(found),
    }
}

/// The names of all spaces, once a run, and of the people of these pages.
pub async fn names(client: &Client, site: &Site, pages: &[Content]) -> Result<Names> {
    let spaces = client.once("spaces", || spaces(client, site)).await?;
    let people: BTreeSet<&String> = pages.iter().flat_map(Content::people).collect();
    let people: Vec<String> = people.into_iter().cloned().collect();
    let found = each_batch(people, PEOPLE, AT_ONCE, |ids| async move {
        let call = site.ask(client, &format!("{API}/users-bulk"), &json!({"accountIds": ids}));
        match call.json::<Listed<User>>().await {
            // Without the scope for people, pages are imported without names.
            Err(Error::Forbidden(_) | Error::NotFound) => Ok(Vec::new()),
            found => found.map(|found| found.results.items),
        }
    });
    let people = found.await?.into_iter();
    Ok(Names { spaces, people: people.map(|user| (user.account_id.clone(), user)).collect() })
}

async fn spaces(client: &Client, site: &Site) -> Result<HashMap<String, String>> {
    let all = whole_list(ANSWERS, "_links.next", |next: Option<String>| async move {
        let path = next.unwrap_or_else(|| format!("{API}/spaces?limit={PAGES}"));
        let found: Listed<Space> = list(client, site, &path).await?;
        Ok((found.results, found.links.next))
    });
    let spaces = all.await?.into_iter().flatten();
    Ok(spaces.map(|space| (space.id, space.name)).collect())
}
