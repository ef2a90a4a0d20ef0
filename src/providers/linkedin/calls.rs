//! What is asked of LinkedIn.

use std::collections::HashMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{
    AT_ONCE,
    post::{Comment, Counts, Post},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each},
    wire::Many,
};

const API: &str = "https://api.linkedin.com";
/// The version of its interface, where the settings name none.
const VERSION: &str = "202605";
/// Posts of one answer; each is followed by a call for its comments.
const POSTS: u32 = 50;
/// Items of one answer of the other lists.
const MOST: u32 = 100;
/// More pages than any list has.
const PAGES: usize = 1_000;

/// Whose token it is.
#[derive(Deserialize)]
pub struct Me {
    pub sub: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listed<T> {
    elements: Many<T>,
    #[serde(default)]
    paging: Paging,
}

#[derive(Default, Deserialize)]
struct Paging {
    #[serde(default)]
    links: Many<Link>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

impl Paging {
    /// Where the next page begins; none where no page is named.
    fn next(&self) -> Option<u32> {
        let link = self.links.iter().find(|link| link.rel == "next")?;
        let url = Url::parse(API).ok()?.join(&link.href).ok()?;
        let start = url.query_pairs().find(|(name, _)| name == "start")?;
        start.1.parse().ok()
    }
}

#[derive(Deserialize)]
struct Administered {
    organization: String,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    results: HashMap<String, Value>,
}

/// A call of LinkedIn's versioned interface, or of the older one that takes no notice of that.
pub fn get(client: &Client, path: &str) -> Call {
    let version = client.setting("api_version").unwrap_or(VERSION);
    client
        .get(format!("{API}/{path}"))
        .header("linkedin-version", version)
        .header("x-restli-protocol-version", "2.0.0")
}

/// A name as it stands in a path or in `List(…)`.
pub fn encoded(urn: &str) -> String {
    form_urlencoded::byte_serialize(urn.as_bytes()).collect()
}

/// The company pages that the member administers.
pub async fn organizations(client: &Client) -> Result<Vec<String>> {
    let roles = [("q", "roleAssignee"), ("role", "ADMINISTRATOR"), ("state", "APPROVED")];
    let all: Many<Administered> = whole(client, "rest/organizationAcls", &roles).await?;
    let mut urns: Vec<String> = all.into_iter().map(|of| of.organization).collect();
    urns.retain(|urn| urn.starts_with("urn:li:organization:"));
    urns.sort_unstable();
    urns.dedup();
    Ok(urns)
}

/// Posts of a page by their last change, the last first, and where the next of them begin.
pub async fn posts(client: &Client, author: &str, start: u32) -> Result<(Many<Post>, Option<u32>)> {
    let count = client.page_size(POSTS).to_string();
    let start = (start > 0).then(|| start.to_string());
    let query = [
        ("author", Some(author)), // must stand before q
        ("q", Some("author")),
        ("count", Some(&count)),
        ("sortBy", Some("LAST_MODIFIED")),
        ("start", start.as_deref()),
    ];
    let listed: Listed<Post> = get(client, "rest/posts").query(&query).json().await?;
    let next = listed.paging.next();
    if next.is_some_and(|next| {
        start.is_some_and(|start| start.parse().is_ok_and(|start: u32| next <= start))
    }) {
        return Err(Error::unexpected("paging", "the list does not move on"));
    }
    Ok((listed.elements, next))
}

/// The counts of these posts; absent of those that LinkedIn no longer has.
pub async fn metadata(client: &Client, posts: &[String]) -> Result<HashMap<String, Counts>> {
    let batches: Vec<Vec<String>> = posts
        .chunks(POSTS as usize)
        .map(|ids| ids.iter().map(|id| encoded(id)).collect())
        .collect();
    let asked = each(batches, AT_ONCE, |ids| async move {
        // Brackets and commas of the list stay as they are.
        let path = format!("rest/socialMetadata?ids=List({})", ids.join(","));
        let found: Metadata = get(client, &path).json().await?;
        Ok(found.results)
    });
    let found = asked.await?.into_iter().flatten();
    Ok(found.map(|(urn, counts)| (urn, Counts::of(&counts))).collect())
}

/// The comments on a post, and the answers to them where there are any.
pub async fn comments(client: &Client, post: &str, replies: bool) -> Result<Many<Comment>> {
    let mut all = on(client, post).await?;
    if replies {
        let heads: Vec<String> =
            all.iter().filter(|head| head.has_replies()).map(|head| head.urn.clone()).collect();
        for answers in each(heads, AT_ONCE, |head| async move { on(client, &head).await }).await? {
            all.skipped = all.skipped.saturating_add(answers.skipped);
            all.items.extend(answers);
        }
    }
    Ok(all)
}

/// What is said on a post or a comment; nothing where it is gone since it was listed.
async fn on(client: &Client, urn: &str) -> Result<Many<Comment>> {
    let path = format!("rest/socialActions/{}/comments", encoded(urn));
    match whole(client, &path, &[]).await {
        Err(Error::NotFound) => Ok(Many::default()),
        comments => comments,
    }
}

/// All pages of a list.
async fn whole<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Many<T>> {
    let (mut all, mut start) = (Many::default(), None);
    for _ in 0..PAGES {
        let count = client.page_size(MOST).to_string();
        let paging = [("count", Some(count)), ("start", start.map(|start: u32| start.to_string()))];
        let page: Listed<T> = get(client, path).query(query).query(&paging).json().await?;
        let next = page.paging.next();
        all.skipped = all.skipped.saturating_add(page.elements.skipped);
        all.items.extend(page.elements);
        if next.is_none() {
            return Ok(all);
        }
        if next <= start {
            break;
        }
        start = next;
    }
    Err(Error::unexpected("paging", "the list does not move on"))
}
