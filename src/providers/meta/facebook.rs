//! Facebook: the posts and stories of pages, and one's own posts.
//!
//! Pages are the feeds, their stories others. A page is read with a token of its own, which the account's token gives; one's
//! own posts with the account's.
//!
//! Facts: Meta for Developers, "Page feed", "Pages: permissions and features"; Graph API v25.0.

mod calls;
mod post;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde_json::Value;

use self::{
    calls::{API, Managed, managed, node, pages, posts, stories},
    post::{Post, Story},
};
use super::{
    gone,
    walk::{self, Walk},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Page, Provider, spec::Spec},
};

/// What has to be granted.
const PERMISSIONS: &str = "pages_read_engagement, pages_read_user_content, user_posts";
/// The feed of one's own posts.
const OWN: &str = "me";
/// Behind a page's id: the feed of its stories.
const STORIES: &str = "/stories";
/// Missing posts and pictures that are asked for one by one after a listing: Facebook leaves out what it ranks low, so a
/// listing alone tells nothing, and its limit is low.
const CONFIRMED: usize = 40;

/// The client of Facebook.
pub struct Facebook;

impl Provider for Facebook {
    type Cursor = Walk;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = node(client, "me", "id,name").await?;
        let Some(page) = client.setting("page_id").filter(|id| *id != me.id) else {
            return Ok(Account::new(me.id, me.name));
        };
        // One that cannot be read is noticed now, not at the first sync.
        let page = managed(client, page).await?;
        if page.access_token.is_none() {
            let problem = format!("{} does not manage the page {}", me.name, page.id);
            return Err(Error::invalid("page_id", problem));
        }
        let label = format!("{} ({})", page.name, me.name);
        Ok(Account::new(me.id, label).or_known_as(me.name).or_known_as(page.id))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let pages = pages(client).await?;
        let of = |page: &Managed| {
            let stories = format!("{}: stories", page.name);
            [Feed::new(&page.id, &page.name), Feed::new(format!("{}{STORIES}", page.id), stories)]
        };
        let own = pages.personal.then(|| Feed::new(OWN, "own posts"));
        Ok(pages.all.iter().flat_map(of).chain(own).collect())
    }

    async fn page(&self, client: &Client, feed: &Feed, cursor: Option<Walk>) -> Result<Page<Walk>> {
        let pages = pages(client).await?;
        let token = pages.token(feed)?;
        if let Some(page) = feed.id.strip_suffix(STORIES) {
            let step = walk::read::<Story>(client, &stories(page, token), cursor).await?;
            return Ok(step.into_page(|story| [story.into_record()]));
        }
        let step = walk::read::<Post>(client, &posts(&feed.id, token), cursor).await?;
        let mut page = step.into_page(Post::into_records);
        // What several posts show is the newest one's, as it is across pages.
        let mut shown = HashSet::new();
        page.upserts.retain(|record| shown.insert(record.key.clone()));
        Ok(page)
    }

    fn fault(&self, _: u16, body: &Value) -> Option<Error> {
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        if message.contains("must be called with a Page Access Token") {
            let what = "the page's own token is needed, which only those get who manage the page";
            return Some(Error::Forbidden(what.into()));
        }
        if message.contains("nonexisting field (accounts)") {
            return Some(Error::NotFound); // the token is a page's, which has no pages
        }
        super::fault(PERMISSIONS, body)
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        mut ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if ids.len() > CONFIRMED {
            // Another part each day, so that in time all are asked for.
            let day = usize::try_from(client.now().as_second() / 86_400).unwrap_or_default();
            ids.sort_unstable();
            let turn = day.wrapping_mul(CONFIRMED) % ids.len();
            ids.rotate_left(turn);
            ids.truncate(CONFIRMED);
        }
        let pages = pages(client).await?;
        gone(client, API, pages.token(feed)?, ids).await
    }
}
