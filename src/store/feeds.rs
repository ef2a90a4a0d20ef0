//! Where the feeds of a connector stand.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{Lease, Result, Store, StoreError};
use crate::{
    ids::{ConnectorId, OwnerId, RunId},
    provider::{Covers, Feed, Next, Page, spec::FeedGone},
    run::Stats,
};

/// A listing: a pass over a feed, or over a part of it, that will have seen everything alive there when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Its number within the feed; what it saw is noted under it.
    pub number: i64,
    /// It goes on.
    pub open: bool,
    /// It began at the feed's start, not with a window.
    pub whole: bool,
    /// The part that it reaches.
    pub covers: Covers,
    /// Where the caller let it begin.
    pub since: Option<Timestamp>,
    /// It left out an item: it will sweep nothing.
    pub skipped: bool,
    /// Pages stored, each with a row of what it saw.
    pub pages: i64,
    /// When it began.
    pub began: Option<Timestamp>,
}

/// Where a feed stands.
#[derive(Clone, Debug)]
pub struct FeedState {
    /// The feed.
    pub feed: Feed,
    /// Where to go on; absent: from the start.
    pub cursor: Option<Value>,
    /// Read to its end by the last run that advanced it.
    pub caught_up: bool,
    /// The listing that is open, or the last one.
    pub listing: Listing,
    /// When a listing from the start last reached its end.
    pub listed_at: Option<Timestamp>,
    /// Ids that a sweep would have removed and that wait for a yes.
    pub pending_sweep: Vec<String>,
    /// When a page was last stored.
    pub advanced_at: Option<Timestamp>,
    /// The run that last stored a page, and its numbers here.
    pub run: Option<(RunId, Stats)>,
}

impl FeedState {
    /// A feed that was never read.
    pub fn new(feed: Feed) -> Self {
        Self {
            feed,
            cursor: None,
            caught_up: false,
            listing: Listing::default(),
            listed_at: None,
            pending_sweep: Vec::new(),
            advanced_at: None,
            run: None,
        }
    }

    /// What a run did here so far.
    pub fn run_stats(&self, run: RunId) -> Stats {
        self.run.filter(|(last, _)| *last == run).map(|(_, stats)| stats).unwrap_or_default()
    }

    /// Whether what a run reads here is most likely not stored yet: it lists the feed for the first time, and has met nothing
    /// that was.
    pub fn brings_new(&self, run: RunId) -> bool {
        let met = self.run_stats(run);
        self.listing.open && self.listed_at.is_none() && met.updated + met.unchanged == 0
    }

    /// Begins a listing from the feed's start. What an unfinished one saw no longer counts.
    pub fn begin_listing(&mut self, since: Option<Timestamp>, now: Timestamp) {
        self.cursor = None;
        self.caught_up = false;
        self.listing = Listing {
            number: self.listing.number + 1,
            open: true,
            whole: true,
            since,
            began: Some(now),
            ..Listing::default()
        };
    }

    /// Whether a page is one of a listing: of the one that is open, or of one that it opens.
    pub fn is_listed(&self, page: &Page<Value>) -> bool {
        self.listing.open || matches!(page.covers, Covers::Between { .. })
    }

    /// Takes note of what a page says of the listing at hand; a page that names a part opens one where none is open.
    pub fn note(&mut self, page: &Page<Value>, now: Timestamp) {
        if !self.listing.open && self.is_listed(page) {
            self.listing = Listing {
                number: self.listing.number + 1,
                open: true,
                began: Some(now),
                ..Listing::default()
            };
        }
        self.listing.skipped |= page.skipped > 0;
        self.listing.covers = self.listing.covers.and(page.covers);
    }

    /// Where the feed stands once so many pages are stored, of which the last one goes on so.
    #[must_use]
    pub fn after(&self, next: &Next<Value>, pages: u32, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.advanced_at = Some(now);
        after.caught_up = next.is_end();
        after.cursor = match next {
            Next::More(cursor) | Next::Resume(cursor) => Some(cursor.clone()),
            Next::Relist => None,
        };
        if next.is_end() {
            if after.listing.open && after.listing.whole {
                after.listed_at = Some(now);
            }
            after.listing.open = false;
            after.listing.pages = 0;
        } else if after.listing.open {
            after.listing.pages += i64::from(pages);
        }
        after
    }
}

fn read(row: &PgRow) -> Result<FeedState> {
    let bad = |column| StoreError::Inconsistent { table: "external_feeds", column };
    let time = |column: &'static str| -> Result<Option<Timestamp>> {
        Ok(row
            .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?
            .map(jiff_sqlx::Timestamp::to_jiff))
    };
    Ok(FeedState {
        feed: Feed { id: row.try_get("feed")?, name: row.try_get("name")? },
        cursor: row.try_get("cursor")?,
        caught_up: row.try_get("caught_up")?,
        listing: Listing {
            number: row.try_get("listing")?,
            open: row.try_get("listing_open")?,
            whole: row.try_get("listing_whole")?,
            covers: serde_json::from_value(row.try_get("listing_covers")?)
                .map_err(|_| bad("listing_covers"))?,
            since: time("listing_since")?,
            skipped: row.try_get("listing_skipped")?,
            pages: row.try_get("listing_pages")?,
            began: time("listing_began")?,
        },
        listed_at: time("listed_at")?,
        pending_sweep: row.try_get::<Option<Vec<String>>, _>("pending_sweep")?.unwrap_or_default(),
        advanced_at: time("advanced_at")?,
        run: None, // the numbers of an earlier run are that run's
    })
}

impl Store {
    /// The stored feeds of the connector that a run holds, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feeds(&self, lease: &Lease) -> Result<HashMap<String, FeedState>> {
        self.feeds_of(&lease.owner, lease.connector).await
    }

    /// The stored feeds of a connector, by id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feeds_of(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
    ) -> Result<HashMap<String, FeedState>> {
        let rows =
            sqlx::query("SELECT * FROM external_feeds WHERE owner_id = $1 AND connector_id = $2")
                .bind(owner)
                .bind(connector)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(|row| read(row).map(|state| (state.feed.id.clone(), state))).collect()
    }

    /// Takes note of the feeds that the account has now: new ones get a row, names are refreshed, vanished ones are closed,
    /// and their records marked removed where `gone` says so. Answers how many records.
    ///
    /// # Errors
    /// `LeaseLost`, or when the database fails.
    pub async fn merge_feeds(&self, lease: &Lease, feeds: &[Feed], gone: FeedGone) -> Result<u64> {
        let ids: Vec<&str> = feeds.iter().map(|feed| feed.id.as_str()).collect();
        let names: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        sqlx::query(
            "INSERT INTO external_feeds (owner_id, connector_id, feed, name) \
             SELECT $1, $2, f.id, f.name FROM unnest($3::text[], $4::text[]) AS f(id, name) \
             ON CONFLICT (owner_id, connector_id, feed) DO UPDATE SET name = excluded.name, gone_at = NULL \
             WHERE external_feeds.name <> excluded.name OR external_feeds.gone_at IS NOT NULL",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(&ids)
        .bind(&names)
        .execute(&mut *tx)
        .await?;
        let vanished: Vec<String> = sqlx::query_scalar(
            "UPDATE external_feeds SET gone_at = now() WHERE owner_id = $1 AND connector_id = $2 \
             AND gone_at IS NULL AND feed <> ALL($3) RETURNING feed",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(&ids)
        .fetch_all(&mut *tx)
        .await?;
        let removed = if gone == FeedGone::Remove && !vanished.is_empty() {
            remove_feeds(&mut tx, lease, &vanished).await?
        } else {
            0
        };
        tx.commit().await?;
        Ok(removed)
    }

    /// How many records [`Store::merge_feeds`] would mark removed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_vanished(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        feeds: &[Feed],
    ) -> Result<u64> {
        let ids: Vec<&str> = feeds.iter().map(|feed| feed.id.as_str()).collect();
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM records r JOIN external_feeds f ON f.owner_id = r.owner_id \
             AND f.connector_id = r.connector_id AND f.feed = r.feed \
             WHERE r.owner_id = $1 AND r.connector_id = $2 AND r.removed_at IS NULL \
             AND f.gone_at IS NULL AND f.feed <> ALL($3)",
        )
        .bind(owner)
        .bind(connector)
        .bind(ids)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// How many removals of a connector wait for a yes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn removals_waiting(&self, owner: &OwnerId, connector: ConnectorId) -> Result<u64> {
        let count: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(cardinality(pending_sweep)), 0)::bigint FROM external_feeds \
             WHERE owner_id = $1 AND connector_id = $2 AND gone_at IS NULL",
        )
        .bind(owner)
        .bind(connector)
        .fetch_one(&self.pool)
        .await?;
        Ok(count.unsigned_abs())
    }
}

/// Marks the records of vanished feeds removed, and forgets where the feeds stood: one that comes back is listed from its
/// start. Answers how many records.
async fn remove_feeds(tx: &mut PgConnection, lease: &Lease, feeds: &[String]) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE records SET removed_at = now(), updated_at = now() \
         WHERE owner_id = $1 AND connector_id = $2 AND feed = ANY($3) AND removed_at IS NULL",
    )
    .bind(&lease.owner)
    .bind(lease.connector)
    .bind(feeds)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE external_feeds SET cursor = NULL, caught_up = false, listing_open = false, \
         pending_sweep = NULL WHERE owner_id = $1 AND connector_id = $2 AND feed = ANY($3)",
    )
    .bind(&lease.owner)
    .bind(lease.connector)
    .bind(feeds)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM external_seen WHERE owner_id = $1 AND connector_id = $2 AND feed = ANY($3)",
    )
    .bind(&lease.owner)
    .bind(lease.connector)
    .bind(feeds)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(covers: Covers, next: Next<Value>) -> Page<Value> {
        Page::new(Vec::<crate::record::Record>::new(), next).covering(covers)
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    #[test]
    fn a_listing_from_the_start_closes_at_its_end_and_is_dated() {
        let mut state = FeedState::new(Feed::account());
        state.begin_listing(None, now());
        state.note(&page(Covers::Everything, Next::More(json!(1))), now());
        let mut state = state.after(&Next::More(json!(1)), 1, now());
        assert!(state.listing.open && !state.caught_up && state.listing.pages == 1);
        state.note(&page(Covers::Everything, Next::Relist), now());
        let state = state.after(&Next::Relist, 1, now());
        assert!(!state.listing.open && state.caught_up && state.listed_at == Some(now()));
        assert_eq!(state.cursor, None);
    }

    #[test]
    fn a_window_opens_a_listing_of_its_own_and_an_incremental_page_does_not() {
        let mut state = FeedState::new(Feed::account());
        state.note(&page(Covers::Everything, Next::Resume(json!(1))), now());
        assert!(!state.listing.open);
        let window = Covers::Between { from: Some(now()), to: None };
        state.note(&page(window, Next::Resume(json!(1))), now());
        assert!(state.listing.open && !state.listing.whole);
        assert_eq!(state.listing.covers, window);
    }

    #[test]
    fn a_page_that_reaches_nothing_for_certain_bars_the_whole_listing_from_sweeping() {
        let mut state = FeedState::new(Feed::account());
        state.begin_listing(None, now());
        state.note(&page(Covers::Nothing, Next::More(json!(1))), now());
        state.note(&page(Covers::Everything, Next::Relist), now());
        assert_eq!(state.listing.covers, Covers::Nothing);
    }
}
