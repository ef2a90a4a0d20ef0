//! Feeds of changes as Microsoft Graph has them: a listing by links, whose last leads to what changes later.
//!
//! Microsoft Graph, "Use delta query to track changes", "Paging Microsoft Graph data in your app".

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    error::{Error, Result},
    http::{Call, Client},
    provider::{Covers, Next, Page},
    wire::Many,
};

/// Pages of a collection that is read whole: folders, calendars, chats.
const PAGES: usize = 1_000;

/// A page of a collection, or of its changes.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Listed<T> {
    /// What it holds.
    #[serde(default)]
    pub value: Many<T>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta_link: Option<String>,
}

/// An entry of a feed of changes.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Entry<T> {
    /// What had this id is here no more: deleted, or moved.
    Gone {
        /// Its id.
        id: String,
        /// Why; the words say nothing that can be relied on.
        #[serde(rename = "@removed")]
        _removed: IgnoredAny,
    },
    /// This is how it stands, as far as it is said.
    Here(T),
}

impl<T> Listed<T> {
    /// The link to the next page of a collection.
    pub fn more(&mut self) -> Option<String> {
        self.next_link.take()
    }

    /// How a feed of changes goes on.
    ///
    /// # Errors
    /// `Unexpected` where the page names no link.
    pub fn go_on(&mut self) -> Result<Next<String>> {
        match (self.next_link.take(), self.delta_link.take()) {
            (Some(link), _) => Ok(Next::More(link)),
            (None, Some(link)) => Ok(Next::Resume(link)),
            (None, None) => Err(Error::unexpected("@odata.deltaLink", "missing")),
        }
    }
}

/// A page of a feed of changes: its first, or the one that a link leads to, which is followed as it is. `prefer` goes along
/// with every page.
///
/// # Errors
/// `CursorExpired` where the link is not found: the feed may still be there.
pub async fn changes<T: DeserializeOwned>(
    client: &Client,
    first: &str,
    link: Option<&str>,
    prefer: &str,
) -> Result<Listed<T>> {
    match get(client, link.unwrap_or(first), prefer).json().await {
        Err(Error::NotFound) if link.is_some() => Err(Error::CursorExpired),
        found => found,
    }
}

/// A call with wishes for its answer (`Prefer`); empty for none.
pub fn get(client: &Client, url: &str, prefer: &str) -> Call {
    let call = client.get(url);
    if prefer.is_empty() { call } else { call.header("prefer", prefer) }
}

/// A collection to its end; an entry that is none is left out and counted.
///
/// # Errors
/// What the service says.
pub async fn all<T: DeserializeOwned>(
    client: &Client,
    first: String,
    prefer: &str,
) -> Result<Many<T>> {
    let (mut all, mut link) = (Many::default(), first);
    for _ in 0..PAGES {
        let mut found: Listed<T> = get(client, &link, prefer).json().await?;
        all.skipped += found.value.skipped;
        all.items.append(&mut found.value.items);
        let Some(more) = found.more() else { return Ok(all) };
        link = more;
    }
    Err(Error::unexpected("@odata.nextLink", "a list without an end"))
}

/// A collection without a gap: of one with a gap nobody could tell what is gone.
///
/// # Errors
/// `Unexpected` where an entry is none, else what the service says.
pub async fn whole<T: DeserializeOwned>(
    client: &Client,
    first: String,
    prefer: &str,
) -> Result<Vec<T>> {
    let all = all(client, first, prefer).await?;
    if all.skipped > 0 {
        return Err(Error::unexpected("value", "an entry that is not what the service promises"));
    }
    Ok(all.items)
}

/// The last word on each id: an entity may come more than once in a page, and the last time counts.
pub fn latest<T>(entries: Vec<T>, id: impl Fn(&T) -> &str) -> Vec<T> {
    let mut known = HashSet::new();
    let mut kept: Vec<T> =
        entries.into_iter().rev().filter(|entry| known.insert(id(entry).to_owned())).collect();
    kept.reverse();
    kept
}

/// Leaves out of a bounded listing what was before it, for feeds that know no bounds.
pub fn bounded<C>(mut page: Page<C>, since: Option<Timestamp>) -> Page<C> {
    let Some(since) = since else { return page };
    page.upserts.retain(|record| record.properties.occurred_at().is_none_or(|at| at >= since));
    page.covering(Covers::Between { from: Some(since), to: None })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::fault, *};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Thing {
        id: String,
    }

    fn listed(json: Value) -> Listed<Entry<Thing>> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_entry_is_gone_or_there_and_what_is_neither_is_counted() {
        let page = listed(
            json!({"value": [{"id": "a", "@removed": {"reason": "deleted"}}, {"id": "b"}, {}]}),
        );
        let read = page.value.iter().map(|entry| match entry {
            Entry::Gone { id, .. } => format!("gone {id}"),
            Entry::Here(thing) => thing.id.clone(),
        });
        assert_eq!(
            (read.collect::<Vec<_>>(), page.value.skipped),
            (vec!["gone a".to_owned(), "b".to_owned()], 1)
        );
    }

    #[test]
    fn a_feed_goes_on_by_its_links_and_one_without_any_is_no_feed() {
        let next = |json| listed(json).go_on();
        let more = json!({"value": [], "@odata.nextLink": "n"});
        assert_eq!(next(more).unwrap(), Next::More("n".into()));
        assert_eq!(next(json!({"@odata.deltaLink": "d"})).unwrap(), Next::Resume("d".into()));
        assert!(next(json!({"value": []})).is_err());
    }

    #[test]
    fn of_one_that_comes_twice_the_last_counts() {
        let kept = latest(vec![("a", 1), ("b", 2), ("a", 3)], |of| of.0);
        assert_eq!(kept, [("b", 2), ("a", 3)]);
    }

    #[test]
    fn an_expired_token_throttling_and_what_is_missing_are_told_apart() {
        let read = |status, code: &str, message: &str| {
            let body = json!({"error": {"code": code, "message": message, "innerError": {"request-id": "r"}}});
            fault("Mail.Read, User.Read", "mailbox", status, &body)
        };
        for (status, code, message) in [
            (410, "SyncStateNotFound", ""),
            (410, "resyncChangesApplyDifferences", ""),
            (404, "syncStateNotFound", ""),
            (400, "BadRequest", "Parameter 'DeltaToken' not supported"),
        ] {
            assert_eq!(read(status, code, message), Some(Error::CursorExpired), "{code}");
        }
        let throttled = Some(Error::RateLimited(std::time::Duration::ZERO));
        assert_eq!(read(429, "ApplicationThrottled", ""), throttled);
        assert_eq!(read(503, "TooManyRequests", ""), throttled);
        let told = |status, code: &str| match read(status, code, "") {
            Some(Error::Forbidden(what)) => what,
            other => panic!("{other:?}"),
        };
        assert!(told(403, "ErrorAccessDenied").contains("Mail.Read"));
        assert!(told(404, "MailboxNotEnabledForRESTAPI").contains("no mailbox"));
        assert_eq!(read(404, "ErrorItemNotFound", ""), None);
        assert_eq!(read(401, "InvalidAuthenticationToken", ""), None);
    }
}
