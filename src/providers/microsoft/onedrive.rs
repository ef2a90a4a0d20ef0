//! OneDrive: the files of a person's own drive; their names and properties, not their content. One feed of changes for the
//! whole tree.
//!
//! Microsoft Graph, "driveItem: delta", "driveItem resource type", "Throttling".

mod item;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::item::{FIELDS as ITEM_FIELDS, Item};
use super::{API, delta};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
};

/// Most items that a page gives.
const ITEMS: u32 = 200;

/// The client of OneDrive.
pub struct OneDrive;

/// Where the feed stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The service's own link to the next page or to what changes later.
    link: String,
    /// Where the listing at hand begins, for one with a bound.
    since: Option<Timestamp>,
}

impl Provider for OneDrive {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        super::account(client).await
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let since = cursor.as_ref().map_or_else(|| client.since(), |at| at.since);
        let top = client.page_size(ITEMS);
        let first = format!("{API}/me/drive/root/delta?$top={top}&$select={ITEM_FIELDS}");
        let link = cursor.as_ref().map(|at| at.link.as_str());
        let mut found = delta::changes::<Item>(client, &first, link, "").await?;
        let next = match found.go_on()? {
            Next::Resume(link) => Next::Resume(Cursor { link, since: None }),
            next => next.map(|link| Cursor { link, since }),
        };
        let skipped = found.value.skipped;
        let items = delta::latest(found.value.items, Item::id);
        let (gone, here): (Vec<_>, Vec<_>) = items.into_iter().partition(Item::is_gone);
        let gone: Vec<String> = gone.into_iter().map(|item| item.id().to_owned()).collect();
        // What a deleted folder held need not come by itself; what was moved out of it before comes with its new folder.
        let page = Page::new(here.into_iter().filter_map(Item::into_record), next);
        let page = page.removing_places(gone.clone()).removing(gone).skipping(skipped);
        Ok(delta::bounded(page, since))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        super::fault("Files.Read, User.Read", "OneDrive", status, body)
    }
}
