//! One feed, read page by page. The next page is fetched while the last is being stored; what is stored stays in order.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};

use super::Failure;
use crate::{
    error::{Error, Remedy, Result},
    http::Client,
    provider::{AnyProvider, Covers, Feed, Next, Page, Patch, Settings},
    record::Properties,
    run::SyncType,
    store::{Batch, FeedState, Sweep, Unseen},
};

/// Pages that a run may store, over all its feeds. A page is taken before it is asked for; one that brings nothing is given
/// back, and a feed that finds none left waits until it is certain that none comes back.
#[derive(Debug)]
pub(super) struct Budget(Option<Pages>);

#[derive(Debug)]
struct Pages {
    free: Arc<Semaphore>,
    /// Pages that are not stored yet.
    left: AtomicU32,
}

/// One page of the budget; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn of(pages: Option<u32>) -> Self {
        Self(pages.map(|pages| {
            let free = Arc::new(Semaphore::new(pages as usize));
            if pages == 0 {
                free.close();
            }
            Pages { free, left: AtomicU32::new(pages) }
        }))
    }

    /// Takes one page, in turn; nothing once all are stored.
    pub(super) async fn take(&self) -> Option<Share> {
        let Some(pages) = &self.0 else { return Some(Share(None)) };
        Arc::clone(&pages.free).acquire_owned().await.ok().map(|permit| Share(Some(permit)))
    }

    /// Takes one page, if one is left at this moment.
    pub(super) fn try_take(&self) -> Option<Share> {
        let Some(pages) = &self.0 else { return Some(Share(None)) };
        Arc::clone(&pages.free).try_acquire_owned().ok().map(|permit| Share(Some(permit)))
    }

    /// The page is stored.
    pub(super) fn spend(&self, share: Share) {
        if let (Some(pages), Share(Some(permit))) = (&self.0, share) {
            permit.forget();
            if pages.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                pages.free.close();
            }
        }
    }
}

/// How reading a feed ended.
#[derive(Debug)]
pub(super) enum FeedEnd {
    /// It is caught up.
    CaughtUp,
    /// The budget of pages is spent; `read`: a page of this feed was stored before.
    Spent {
        /// A page was stored.
        read: bool,
    },
    /// The run was asked to stop.
    Stopped,
    /// It cannot be read in this run.
    Skipped(Error),
}

/// Fetches pages of one connector's feeds.
#[derive(Clone)]
pub(super) struct Reader {
    pub provider: &'static dyn AnyProvider,
    pub client: Client,
    /// Texts are kept (`bodies`).
    pub bodies: bool,
}

/// A provider's code ended in a panic: the feed fails, not the process.
pub(super) fn panicked() -> Error {
    Error::unexpected("the provider's code", "it panicked")
}

/// A page on its way. Dropping it gives the page up.
pub(super) struct Fetch(JoinHandle<Result<Batch>>);

impl Fetch {
    /// The page.
    ///
    /// # Errors
    /// What the provider says.
    pub(super) async fn page(&mut self) -> Result<Batch> {
        match (&mut self.0).await {
            Ok(page) => page,
            Err(join) if join.is_panic() => Err(panicked()),
            Err(_) => Err(Error::Unavailable("the page was given up".into())),
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Reader {
    /// Reads the settings that every provider has.
    pub(super) fn new(
        provider: &'static dyn AnyProvider,
        client: Client,
        settings: &Settings,
    ) -> Self {
        let bodies = settings.get("bodies").and_then(Value::as_bool).unwrap_or(true);
        Self { provider, client, bodies }
    }

    /// Begins to fetch a page, on a task of its own: it is parsed and digested while the last one is stored.
    pub(super) fn fetch(
        &self,
        feed: Feed,
        cursor: Option<Value>,
        since: Option<Timestamp>,
    ) -> Fetch {
        let reader = self.clone();
        let client = reader.client.since_from(since);
        Fetch(tokio::spawn(async move {
            let page = reader.provider.page(&client, &feed, cursor).await?;
            Ok(reader.batch(page))
        }))
    }

    /// Begins to read a delivery, on a task of its own as a page is.
    pub(super) fn read_delivery(&self, body: Vec<u8>) -> Fetch {
        let reader = self.clone();
        Fetch(tokio::spawn(async move {
            let page = reader.provider.delivered(&reader.client, &body).await?;
            Ok(reader.batch(page.map(|()| Value::Null)))
        }))
    }

    /// Makes a page ready to be stored.
    pub(super) fn batch(&self, mut page: Page<Value>) -> Batch {
        if !self.bodies {
            page.upserts.iter_mut().for_each(|record| record.properties.drop_body());
            page.patches = page.patches.into_iter().map(without_body).collect();
        }
        let mut batch = Batch::of(page);
        batch.awaited = self.provider.spec().confirms_on_read;
        batch
    }
}

/// A patch that brings no text back.
fn without_body((id, patch): (String, Patch)) -> (String, Patch) {
    let change = move |properties: &mut Properties| {
        patch.apply(properties);
        properties.drop_body();
    };
    (id, Patch::new(change))
}

/// Where a listing from the start may begin, and whether one is due.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub sync_type: SyncType,
    /// The caller's `since`: the first listing alone.
    pub asked: Option<Timestamp>,
    /// The setting `since`: every listing.
    pub setting: Option<Timestamp>,
    pub relist: Option<std::time::Duration>,
}

/// How long an unfinished listing may be gone on with when a whole one is asked for.
const UNFINISHED: std::time::Duration = std::time::Duration::from_hours(24);

impl Bounds {
    /// Whether a run begins the feed from its start.
    pub(super) fn starts_over(&self, state: &FeedState, now: Timestamp) -> bool {
        let older = |at: Option<Timestamp>, than: std::time::Duration| {
            at.is_none_or(|at| now.duration_since(at).unsigned_abs() >= than)
        };
        if state.cursor.is_none() {
            return true;
        }
        let unfinished = state.listing.open && state.listing.whole;
        if self.sync_type == SyncType::Initial {
            return !unfinished || older(state.listing.began, UNFINISHED);
        }
        let due = self.relist.is_some_and(|every| older(state.listed_at, every));
        !unfinished && state.caught_up && due
    }

    /// Where the listing that a feed begins now may begin.
    pub(super) fn since(&self, state: &FeedState) -> Option<Timestamp> {
        let first = state.listed_at.is_none();
        self.setting.or(if first { self.asked } else { None })
    }
}

/// The feeds as a provider lists them, each id once; Postgres keeps no NUL.
pub(super) fn listed(feeds: Vec<Feed>) -> Vec<Feed> {
    let mut known = HashSet::with_capacity(feeds.len());
    let clean = |feed: Feed| Feed::new(feed.id.replace('\0', ""), feed.name.replace('\0', ""));
    feeds.into_iter().map(clean).filter(|feed| known.insert(feed.id.clone())).collect()
}

/// Which feeds a run reads: the settings `include` and `exclude` name feed ids.
pub(super) fn wanted(feeds: Vec<Feed>, settings: &Settings) -> Vec<Feed> {
    let ids = |key: &str| -> HashSet<&str> {
        match settings.get(key) {
            Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(id)) => HashSet::from([id.as_str()]),
            _ => HashSet::new(),
        }
    };
    let (include, exclude) = (ids("include"), ids("exclude"));
    let wanted = |feed: &Feed| {
        (include.is_empty() || include.contains(feed.id.as_str()))
            && !exclude.contains(feed.id.as_str())
    };
    feeds.into_iter().filter(wanted).collect()
}

/// What asking for a page after an error does.
pub(super) enum AfterError {
    /// The feed is listed from its start.
    Relist,
    /// The feed is left out of this run.
    Skip(Error),
    /// The run ends.
    Fail(Error),
}

/// What an error of a page does to its feed; `relisted`: it was begun again in this run already.
pub(super) fn after_error(error: Error, relisted: bool) -> AfterError {
    match error.remedy() {
        Remedy::Relist if relisted => AfterError::Fail(Error::unexpected(
            "cursor",
            "a cursor that the vendor has just given is refused",
        )),
        Remedy::Relist => AfterError::Relist,
        Remedy::SkipFeed => AfterError::Skip(error),
        _ => AfterError::Fail(error),
    }
}

/// Fewest records that a sweep waits for a yes for.
const FEW: usize = 20;

/// Whether a sweep is too large to be carried out without a yes: more than half of the feed's records, and more than a few.
pub(super) fn is_large(missing: usize, alive: u64) -> bool {
    missing > FEW && (missing as u64).saturating_mul(2) > alive
}

/// Whether a listing that ends may sweep at all.
pub(super) fn may_sweep(state: &FeedState, page: &Page<Value>, absence_is_removal: bool) -> bool {
    page.next.is_end()
        && state.listing.open
        && absence_is_removal
        && !state.listing.skipped
        && state.listing.covers != Covers::Nothing
}

/// What the end of a listing does with what it did not see. A large sweep is not even asked the vendor about.
///
/// # Errors
/// What the vendor says when asked which of them are gone.
pub(super) async fn sweep(
    reader: &Reader,
    state: &FeedState,
    batch: &mut Batch,
    unseen: Unseen,
    confirmed: bool,
) -> Result<Sweep, Failure> {
    if !unseen.complete {
        // A note of what was seen is gone: the feed is listed again, and nothing is removed until then.
        batch.page.next = Next::Relist;
        return Ok(Sweep::None);
    }
    if is_large(unseen.ids.len(), unseen.alive) && !confirmed {
        return Ok(Sweep::Hold(unseen.ids));
    }
    if unseen.ids.is_empty() {
        return Ok(Sweep::Remove(Vec::new()));
    }
    let client = reader.client.since_from(state.listing.since);
    Ok(Sweep::Remove(confirm(reader, &client, &state.feed, unseen.ids).await?))
}

/// Which of these ids the vendor says are gone; an answer that names others is not believed about them.
///
/// # Errors
/// What the vendor says.
pub(super) async fn confirm(
    reader: &Reader,
    client: &Client,
    feed: &Feed,
    ids: Vec<String>,
) -> Result<Vec<String>> {
    let asked: HashSet<String> = ids.iter().cloned().collect();
    let mut gone = reader.provider.confirm_gone(client, feed, ids).await?;
    gone.retain(|id| asked.contains(id));
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(cursor: Option<Value>) -> FeedState {
        FeedState { cursor, ..FeedState::new(Feed::account()) }
    }

    fn bounds(sync_type: SyncType) -> Bounds {
        let week = std::time::Duration::from_hours(7 * 24);
        Bounds { sync_type, asked: None, setting: None, relist: Some(week) }
    }

    #[test]
    fn an_unfinished_backfill_is_gone_on_with_even_when_a_whole_listing_is_asked_for() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut open = state(Some(json!(1)));
        open.listing.open = true;
        open.listing.whole = true;
        open.listing.began = Some(now);
        assert!(!bounds(SyncType::Initial).starts_over(&open, now));
        assert!(!bounds(SyncType::Incremental).starts_over(&open, now));
        let late = now.checked_add(jiff::SignedDuration::from_hours(25)).unwrap();
        assert!(bounds(SyncType::Initial).starts_over(&open, late));
    }

    #[test]
    fn a_feed_that_is_caught_up_is_listed_again_only_when_asked_or_due() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut done = state(Some(json!(1)));
        (done.caught_up, done.listed_at) = (true, Some(now));
        assert!(!bounds(SyncType::Incremental).starts_over(&done, now));
        assert!(bounds(SyncType::Initial).starts_over(&done, now));
        let late = now.checked_add(jiff::SignedDuration::from_hours(7 * 24)).unwrap();
        assert!(bounds(SyncType::Incremental).starts_over(&done, late));
    }

    #[test]
    fn the_callers_since_bounds_the_first_listing_and_the_setting_every_one() {
        let (asked, setting) = (Timestamp::from_second(10).ok(), Timestamp::from_second(20).ok());
        let both = Bounds { asked, setting, ..bounds(SyncType::Incremental) };
        let asked_alone = Bounds { setting: None, ..both.clone() };
        let mut feed = state(None);
        assert_eq!((both.since(&feed), asked_alone.since(&feed)), (setting, asked));
        feed.listed_at = Timestamp::from_second(30).ok();
        assert_eq!((both.since(&feed), asked_alone.since(&feed)), (setting, None));
    }

    #[test]
    fn a_sweep_of_more_than_half_waits_unless_it_is_small() {
        assert!(!is_large(20, 20));
        assert!(is_large(21, 41));
        assert!(!is_large(21, 42));
    }

    #[tokio::test]
    async fn who_finds_the_budget_spent_waits_for_what_is_given_back_and_no_longer() {
        let budget = Budget::of(Some(1));
        let first = budget.take().await.unwrap();
        assert!(budget.try_take().is_none());
        let mut waiting = std::pin::pin!(budget.take());
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(first); // it brought nothing
        let second = waiting.await.unwrap();
        let mut waiting = std::pin::pin!(budget.take());
        assert!(futures::poll!(&mut waiting).is_pending());
        budget.spend(second);
        assert!(waiting.await.is_none() && budget.take().await.is_none());
        assert!(Budget::of(Some(0)).take().await.is_none());
        assert!(Budget::of(None).try_take().is_some());
    }

    #[test]
    fn include_and_exclude_choose_the_feeds() {
        let feeds = || vec![Feed::new("a", "A"), Feed::new("b", "B")];
        let choose = |settings: Value| {
            let settings: Settings = serde_json::from_value(settings).unwrap();
            wanted(feeds(), &settings).into_iter().map(|feed| feed.id).collect::<Vec<_>>()
        };
        assert_eq!(choose(json!({})), ["a", "b"]);
        assert_eq!(choose(json!({ "include": ["b"] })), ["b"]);
        assert_eq!(choose(json!({ "exclude": "b" })), ["a"]);
    }
}
