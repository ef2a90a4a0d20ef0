//! Confluence (cloud): the pages of one site. A first listing goes by id; later passes read the pages by the time of their
//! newest version until they meet what is known, and the whole trash.
//!
//! Facts: Atlassian developer documentation, "The Confluence Cloud REST API v2", "Rate limiting"; "OAuth 2.0 (3LO) apps".

mod calls;
mod page;
mod spec;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{API, Listed, PAGES, known, list, me, names, newest},
    page::Content,
};
use super::Site;
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// What has to be granted.
const SCOPES: &str = "read:page:confluence, read:space:confluence, read:user:confluence";
/// Calls side by side.
const AT_ONCE: usize = 4;
/// How much older than the newest version that was known a page may be and yet be new to us.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// The client of Confluence.
pub struct Confluence;

/// Where a pass stands, or from where the next one goes on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The newest version when the last pass began; absent in a listing from the start.
    known: Option<Timestamp>,
    /// The newest version when this pass began; absent between two passes.
    newest: Option<Timestamp>,
    /// Whether this pass is at the trash.
    trash: bool,
    /// The address of the next answer, below the site's.
    next: Option<String>,
}

impl Provider for Confluence {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let site = Site::of(client, "confluence").await?;
        if let Some(id) = &site.id {
            return Ok(Account::new(id, &site.name).or_known_as(site.url.clone()));
        }
        let me = me(client, &site).await?;
        let name = me.display_name.as_deref().unwrap_or(&me.account_id);
        let label = format!("{name} at {}", site.name);
        Ok(Account::new(me.account_id, label).or_known_as(me.email))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let site = Site::of(client, "confluence").await?;
        let at = match cursor {
            Some(at) => at,
            None => Cursor::listing(newest(client, &site).await?),
        };
        let since = client.since().filter(|_| at.known.is_none());
        let path = at.next.clone().unwrap_or_else(|| at.first(since, client.page_size(PAGES)));
        let found: Listed<Content> = list(client, &site, &path).await?;
        let skipped = found.results.skipped;
        if at.trash {
            let gone: Vec<String> = found.results.into_iter().map(|page| page.id).collect();
            let next = at.then(found.links.next, true);
            return Ok(Page::new(Vec::<Record>::new(), next).removing(gone).skipping(skipped));
        }
        // Where the list goes from the newest to the oldest, it ends for us where it meets what is known.
        let bound =
            since.or_else(|| at.known.map(|known| known.checked_sub(OVERLAP).unwrap_or(known)));
        let new = |page: &Content| {
            let time = if since.is_some() { page.created_at } else { page.changed_at() };
            bound.is_none_or(|bound| time.is_none_or(|time| time >= bound))
        };
        let met = found.results.iter().any(|page| !new(page));
        let newest = at.newest.or(found.results.iter().filter_map(Content::changed_at).max());
        let next = found.links.next.filter(|_| !met);
        let pages: Vec<Content> = found.results.into_iter().filter(new).collect();
        let names = names(client, &site, &pages).await?;
        let base = found.links.base.unwrap_or_else(|| format!("{}/wiki", site.url));
        let records = pages.into_iter().map(|page| page.into_record(&names, &base));
        let page = Page::new(records, Cursor { newest, ..at }.then(next, false));
        let covers = Covers::Between { from: since, to: None };
        Ok(page.skipping(skipped).covering(if since.is_some() {
            covers
        } else {
            Covers::Everything
        }))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let errors = body.get("errors").and_then(Value::as_array);
        let mut titles = errors.into_iter().flatten().filter_map(|of| of.get("title")?.as_str());
        if status == 400 && titles.any(|title| title.to_lowercase().contains("cursor")) {
            return Some(Error::CursorExpired);
        }
        super::fault(SCOPES, status, body)
    }

    /// A page that was moved while the list was read may not be in it.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let site = &Site::of(client, "confluence").await?;
        let gone = each_batch(ids, PAGES as usize, AT_ONCE, |ids| async move {
            let found = known(client, site, &ids).await?;
            if found.results.skipped > 0 || found.links.next.is_some() {
                return Ok(Vec::new());
            }
            let alive: BTreeSet<&str> = found.results.iter().map(|of| of.id.as_str()).collect();
            Ok(ids.iter().filter(|id| !alive.contains(id.as_str())).cloned().collect())
        });
        gone.await
    }
}

impl Cursor {
    fn listing(newest: Option<Timestamp>) -> Self {
        Self { known: None, newest, trash: false, next: None }
    }

    /// The address of a list's first answer. A bounded listing goes by the time of creation.
    fn first(&self, since: Option<Timestamp>, limit: u32) -> String {
        if self.trash {
            return format!("{API}/pages?status=trashed&sort=id&limit={limit}");
        }
        let sort = match (self.known, since) {
            (Some(_), _) => "-modified-date",
            (None, Some(_)) => "-created-date",
            (None, None) => "id",
        };
        format!("{API}/pages?status=current,archived&body-format=storage&sort={sort}&limit={limit}")
    }

    /// How the feed goes on: the next answer, the trash after the changes, or the next pass.
    fn then(self, next: Option<String>, trash: bool) -> Next<Self> {
        let (next, trash) = match (next, trash) {
            (None, false) if self.known.is_some() => (None, true),
            (None, _) => {
                let known = self.newest.or(self.known).or(Some(Timestamp::UNIX_EPOCH));
                return Next::Resume(Self { known, newest: None, trash: false, next: None });
            }
            next => next,
        };
        Next::More(Self { trash, next, ..self })
    }
}
