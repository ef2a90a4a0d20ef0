//! What Facebook is asked, and how it answers.
//!
//! Facts: Meta for Developers, "Page feed", "Page stories", "Graph API: Paginated results"; Graph API v25.0.

use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    super::{signed, walk::List},
    OWN, STORIES, post,
};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    provider::Feed,
    wire::Many,
};

/// The Graph API.
pub const API: &str = "https://graph.facebook.com/v25.0";
/// Pages of the list of pages, 100 each.
const LISTS: usize = 50;

/// The pages that a token reaches.
pub struct Pages {
    pub all: Vec<Managed>,
    /// The token is a person's, who may have posts too.
    pub personal: bool,
}

/// A page, or whoever else has an id and a name.
#[derive(Deserialize)]
pub struct Managed {
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// Absent where the account's token is the page's own.
    pub access_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Accounts {
    data: Many<Managed>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    cursors: Cursors,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Cursors {
    after: String,
}

impl Pages {
    /// The token that a feed is read with, where it is not the account's.
    pub fn token(&self, feed: &Feed) -> Result<Option<&SecretString>> {
        if feed.id == OWN {
            return Ok(None);
        }
        let id = feed.id.strip_suffix(STORIES).unwrap_or(&feed.id);
        let page = self.all.iter().find(|page| page.id == id).ok_or(Error::NotFound)?;
        Ok(page.access_token.as_ref())
    }
}

/// The list of a page's stories.
pub fn stories<'a>(page: &str, token: Option<&'a SecretString>) -> List<'a> {
    List { token, ..List::of(format!("{API}/{page}/stories"), post::STORY_FIELDS) }
}

/// The list of a page's posts, or of one's own.
pub fn posts<'a>(of: &str, token: Option<&'a SecretString>) -> List<'a> {
    List { token, ..List::of(format!("{API}/{of}/feed"), post::FIELDS) }
}

/// The pages that are to be read, with their tokens; looked up once a run.
pub async fn pages(client: &Client) -> Result<Arc<Pages>> {
    let lookup = || async {
        if let Some(id) = client.setting("page_id") {
            return Ok(Pages { all: vec![managed(client, id).await?], personal: false });
        }
        match listed(client).await {
            Ok(all) => Ok(Pages { all, personal: true }),
            Err(Error::NotFound) => {
                let page = node(client, "me", "id,name").await?;
                Ok(Pages { all: vec![page], personal: false })
            }
            Err(other) => Err(other),
        }
    };
    client.once("pages", lookup).await
}

/// The page that was chosen.
pub async fn managed(client: &Client, id: &str) -> Result<Managed> {
    match node(client, id, "id,name,access_token").await {
        Err(Error::NotFound) => {
            Err(Error::invalid("page_id", format!("this account manages no page {id}")))
        }
        page => page,
    }
}

/// Every page that the person manages.
async fn listed(client: &Client) -> Result<Vec<Managed>> {
    let all = whole_list(LISTS, "paging", |after: Option<String>| async move {
        let call = client
            .get(format!("{API}/me/accounts"))
            .query(&[("fields", "id,name,access_token"), ("limit", "100")])
            .query(&[("after", after)]);
        let list: Accounts = signed(client, call, None).json().await?;
        let paging = list.paging.filter(|paging| paging.next.is_some());
        Ok((list.data, paging.map(|paging| paging.cursors.after)))
    });
    Ok(all.await?.into_iter().flatten().collect())
}

/// Who has this id.
pub async fn node(client: &Client, id: &str, fields: &str) -> Result<Managed> {
    let call = client.get(format!("{API}/{id}")).query(&[("fields", fields)]);
    signed(client, call, None).json().await
}
