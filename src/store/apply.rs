//! A page and its cursor, stored in one transaction or not at all.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use sqlx::{PgConnection, Postgres, Row, SqlSafeStr as _, Transaction, pool::PoolConnection};
use tokio::sync::OwnedSemaphorePermit;
use tracing::debug;

use super::{
    Batch, FeedState, Lease, Ready, Result, Store, StoreError, Sweep,
    copy::copy_rows,
    leases::json_of,
    patch::{patch_record, would_change},
    remove::{find_removals, remove, remove_ids, replace_places},
    rows::{Rows, change_rows, write_rows},
    to_db,
};
use crate::{
    ids::{ConnectorId, OwnerId},
    provider::Gone,
    record::{Digest, Key, Record},
    run::Stats,
};

/// What storing a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Records that were new.
    pub created: u64,
    /// Records that changed or came back.
    pub updated: u64,
    /// Records that came again unchanged.
    pub unchanged: u64,
    /// Records marked removed.
    pub removed: u64,
}

/// Where a batch belongs.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// Whose records.
    pub owner: &'a OwnerId,
    /// The connector.
    pub connector: ConnectorId,
    /// The feed.
    pub feed: &'a str,
    /// `external_source`.
    pub source: &'a str,
}

/// A stored record as far as an upsert needs to know it.
pub(super) struct Known {
    digest: Vec<u8>,
    feed: String,
    gone: bool,
    version: Option<Timestamp>,
}

/// What becomes of each record of a batch. In the order of their keys: two feeds that bring the same records lock them in
/// the same order.
#[derive(Default)]
struct Sorted<'a> {
    created: Vec<&'a Ready>,
    updated: Vec<&'a Ready>,
    unchanged: u64,
}

/// A page whose rows are written and whose cursor is not: nobody sees any of it until it is sealed, and dropping it takes it
/// back.
#[must_use]
pub struct Staged {
    tx: Transaction<'static, Postgres>,
    /// The lease that was looked at.
    lease: Lease,
    source: String,
    done: Applied,
    _ahead: Option<OwnedSemaphorePermit>,
}

/// Fewer new records than this are not worth a COPY.
const FEW: usize = 16;

/// How often a page is tried to be stored when writers get in each other's way.
const TRIES: u32 = 5;

impl Store {
    /// Stores a page of a feed: replaced places, upserts, patches, removals, what was seen, the sweep of a listing that ends,
    /// the cursor and the run's numbers, in one transaction. `state` is where the feed stands with this page's listing opened;
    /// the answer is where it stands afterwards.
    ///
    /// # Errors
    /// `LeaseLost` when another run has the connector by now; otherwise when the database fails. Nothing is stored then.
    pub async fn apply(
        &self,
        lease: &Lease,
        source: &str,
        state: &FeedState,
        (batch, sweep): (&Batch, &Sweep),
        now: Timestamp,
    ) -> Result<(Applied, FeedState)> {
        let mut tried = 0;
        loop {
            tried += 1;
            let connection = self.pool.acquire().await?;
            let done = async {
                // A conflict is met by whoever expects one.
                let staged =
                    stage(connection, lease, (source, state), (batch, sweep), tried == 1).await?;
                staged.seal(state, (batch, sweep), now).await
            };
            match done.await {
                // Another feed wrote the same records: it goes on now, and then it is this one's turn.
                Err(StoreError::Contended(_)) if tried < TRIES => {}
                other => return other,
            }
        }
    }

    /// Writes the rows of a plain page ([`Batch::is_plain`]) while the page before it is still being stored: its transaction
    /// stays open. Nothing where enough connections are kept so, or pages get in each other's way: then it waits for its turn.
    pub async fn stage_ahead(
        &self,
        lease: &Lease,
        source: &str,
        state: &FeedState,
        batch: &Batch,
    ) -> Option<Staged> {
        // Fewer than there are connections: the pages whose turn it is always get one.
        let permit = Arc::clone(&self.ahead).try_acquire_owned().ok()?;
        let staged = async {
            let connection = self.pool.acquire().await?;
            stage(connection, lease, (source, state), (batch, &Sweep::None), true).await
        };
        let staged = staged.await.inspect_err(|error| {
            debug!(%error, "a page is not stored ahead of its turn");
        });
        staged.ok().map(|staged| Staged { _ahead: Some(permit), ..staged })
    }

    /// What storing a page would do, without doing it, and the keys of what it would remove. Records that `known` knows are
    /// not looked up and not counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare(
        &self,
        at: Position<'_>,
        batch: &Batch,
        known: impl Fn(&Record) -> bool + Send,
    ) -> Result<(Applied, Vec<String>)> {
        let records: Vec<_> = batch.records.iter().filter(|ready| !known(&ready.record)).collect();
        let mut connection = self.pool.acquire().await?;
        let sorted = sort(&mut connection, at, &records).await?;
        let Applied { created, mut updated, unchanged, .. } = sorted.counted();
        for (id, patch) in &batch.page.patches {
            updated += u64::from(would_change(&mut connection, at, id, patch).await?);
        }
        let removed = find_removals(&mut connection, at, batch).await?;
        Ok((Applied { created, updated, unchanged, removed: removed.len() as u64 }, removed))
    }

    /// Carries out a sweep that waited for a yes. Answers how many records were marked removed.
    ///
    /// # Errors
    /// `LeaseLost`, or when the database fails.
    pub async fn sweep_held(
        &self,
        lease: &Lease,
        source: &str,
        feed: &str,
        gone: &[String],
    ) -> Result<u64> {
        let at = Position { owner: &lease.owner, connector: lease.connector, feed, source };
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        let removed = remove_ids(&mut tx, at, gone).await?;
        sqlx::query(
            "UPDATE external_feeds SET pending_sweep = NULL WHERE owner_id = $1 AND connector_id = $2 AND feed = $3",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.feed)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(removed)
    }
}

/// Writes what a page brings, and leaves the transaction open. `first`: nobody has got in its way yet.
async fn stage(
    connection: PoolConnection<Postgres>,
    lease: &Lease,
    (source, state): (&str, &FeedState),
    (batch, sweep): (&Batch, &Sweep),
    first: bool,
) -> Result<Staged> {
    let at = Position::of(lease, source, state);
    let begin = if batch.awaited { "BEGIN" } else { "BEGIN; SET LOCAL synchronous_commit = off" };
    let mut tx = Transaction::begin(connection, Some(begin.into_sql_str())).await?;
    lease.check(&mut tx).await?;
    let page = &batch.page;
    let replaced = replace_places(&mut tx, at, batch).await?;
    let records: Vec<_> = batch.records.iter().collect();
    // Where a guess is wrong, the keys say so, and the page is stored again with a look at what is there.
    let sorted = if first && records.len() >= FEW && state.brings_new(lease.run) {
        Sorted::new(records)
    } else {
        sort(&mut tx, at, &records).await?
    };
    let mut done = Applied { removed: replaced, ..sorted.counted() };
    let Sorted { created, updated, .. } = sorted;
    if first {
        if created.len() >= FEW {
            copy_rows(&mut tx, at, &created).await?;
        } else {
            write_rows(&mut tx, at, &Rows::of(created)?).await?;
        }
        change_rows(&mut tx, at, &Rows::of(updated)?).await?;
    } else {
        let mut all = [created, updated].concat();
        all.sort_unstable_by_key(|ready| &ready.record.key);
        write_rows(&mut tx, at, &Rows::of(all)?).await?;
    }
    for (id, patch) in &page.patches {
        done.updated += u64::from(patch_record(&mut tx, at, id, patch).await?);
    }
    done.removed += remove(&mut tx, at, &page.removed).await?;
    if let Sweep::Remove(ids) = sweep {
        done.removed += remove_ids(&mut tx, at, ids).await?;
    }
    let (lease, source) = (lease.clone(), source.to_owned());
    Ok(Staged { tx, lease, source, done, _ahead: None })
}

impl Staged {
    /// Keeps the cursor with the rows, and commits both. `state` is where the feed stands with this page's listing opened.
    ///
    /// # Errors
    /// When the database fails. Nothing is stored then.
    pub(crate) async fn seal(
        self,
        state: &FeedState,
        (batch, sweep): (&Batch, &Sweep),
        now: Timestamp,
    ) -> Result<(Applied, FeedState)> {
        let Self { mut tx, lease, source, done, _ahead } = self;
        let at = Position::of(&lease, &source, state);
        let mut after = state.after(&batch.page.next, batch.pages, now);
        hold(&mut after, state, batch, sweep);
        note_seen(&mut tx, at, state, &after, batch).await?;
        let mut numbers = state.run_stats(lease.run);
        numbers.add(&done, batch.page.skipped, batch.pages);
        after.run = Some((lease.run, numbers));
        write_state(&mut tx, at, state, &after).await?;
        tx.commit().await?;
        Ok((done, after))
    }
}

impl<'a> Position<'a> {
    fn of(lease: &'a Lease, source: &'a str, state: &'a FeedState) -> Self {
        let (owner, connector) = (&lease.owner, lease.connector);
        Self { owner, connector, feed: &state.feed.id, source }
    }
}

impl<'a> Sorted<'a> {
    /// All of them as ones that are not stored yet.
    fn new(mut created: Vec<&'a Ready>) -> Self {
        created.sort_unstable_by_key(|ready| &ready.record.key);
        Self { created, ..Self::default() }
    }

    fn counted(&self) -> Applied {
        let (created, updated) = (self.created.len() as u64, self.updated.len() as u64);
        Applied { created, updated, unchanged: self.unchanged, removed: 0 }
    }
}

/// What waits for a yes once a page is stored.
fn hold(after: &mut FeedState, state: &FeedState, batch: &Batch, sweep: &Sweep) {
    let waiting = &mut after.pending_sweep;
    if state.listing.whole && *sweep != Sweep::None {
        waiting.clear(); // a whole listing has seen anew what is missing
    }
    if !waiting.is_empty() {
        // What has come again is no longer to be removed, and what is removed waits no longer.
        let records = batch.records.iter().map(|ready| ready.record.key.as_str());
        let seen = batch.page.seen.iter().map(String::as_str);
        let removed = batch.page.removed.iter().filter_map(|gone| match gone {
            Gone::Id(id) => Some(id.as_str()),
            Gone::Place(_) | Gone::Under(_) => None,
        });
        let swept: &[String] = if let Sweep::Remove(ids) = sweep { ids } else { &[] };
        let settled: HashSet<&str> =
            records.chain(seen).chain(removed).chain(swept.iter().map(String::as_str)).collect();
        waiting.retain(|id| !settled.contains(id.as_str()));
    }
    if let Sweep::Hold(ids) = sweep {
        waiting.extend(ids.iter().cloned());
        waiting.sort_unstable();
        waiting.dedup();
    }
}

impl Stats {
    /// Adds what so many pages did.
    pub fn add(&mut self, done: &Applied, skipped: u32, pages: u32) {
        self.created += done.created;
        self.updated += done.updated;
        self.unchanged += done.unchanged;
        self.removed += done.removed;
        self.skipped += u64::from(skipped);
        self.pages += u64::from(pages);
    }
}

/// Reads the stored digests first, so that only what changed is sent: an upsert that changes nothing would still lock and
/// log every row.
async fn sort<'a>(
    connection: &mut PgConnection,
    at: Position<'_>,
    records: &[&'a Ready],
) -> Result<Sorted<'a>> {
    let mut sorted = Sorted::default();
    let (ids, hashes): (Vec<&Ready>, Vec<_>) =
        records.iter().partition(|ready| matches!(ready.record.key, Key::Id(_)));
    let known_ids = known(connection, at, &ids, KNOWN_BY_ID).await?;
    let known_hashes = known(connection, at, &hashes, KNOWN_BY_HASH).await?;
    for (of, mut known) in [(ids, known_ids), (hashes, known_hashes)] {
        for (index, ready) in of.into_iter().enumerate() {
            match known.remove(&index) {
                None => sorted.created.push(ready),
                Some(stored) if stored.is_newer_than(&ready.record) => sorted.unchanged += 1,
                Some(stored)
                    if !stored.gone
                        && stored.feed == at.feed
                        && stored.digest == ready.digest.0 =>
                {
                    sorted.unchanged += 1;
                }
                Some(_) => sorted.updated.push(ready),
            }
        }
    }
    for of in [&mut sorted.created, &mut sorted.updated] {
        of.sort_unstable_by_key(|ready| &ready.record.key);
    }
    Ok(sorted)
}

impl Known {
    fn is_newer_than(&self, record: &Record) -> bool {
        matches!((self.version, record.version), (Some(stored), Some(given)) if given < stored)
    }

    /// Whether a record is known to be a later version.
    pub(super) fn is_older_than(&self, record: &Record) -> bool {
        matches!((self.version, record.version), (Some(stored), Some(given)) if given > stored)
    }

    /// Whether it is alive and says the same.
    pub(super) fn says(&self, digest: &Digest) -> bool {
        !self.gone && self.digest == digest.0
    }
}

pub(super) const KNOWN_BY_ID: &str = "SELECT i.ord, r.digest, r.feed, r.removed_at IS NOT NULL AS gone, r.version \
     FROM unnest($4::text[]) WITH ORDINALITY AS i(key, ord) CROSS JOIN LATERAL ( \
     SELECT digest, feed, removed_at, version FROM records WHERE owner_id = $1 AND connector_id = $2 \
     AND external_source = $3 AND external_id = i.key OFFSET 0) r";
pub(super) const KNOWN_BY_HASH: &str = "SELECT i.ord, r.digest, r.feed, r.removed_at IS NOT NULL AS gone, r.version \
     FROM unnest($4::text[]) WITH ORDINALITY AS i(key, ord) CROSS JOIN LATERAL ( \
     SELECT digest, feed, removed_at, version FROM records WHERE owner_id = $1 AND connector_id = $2 \
     AND external_source = $3 AND external_hash = i.key OFFSET 0) r";

/// The stored ones among these records, by their place in the list.
pub(super) async fn known(
    connection: &mut PgConnection,
    at: Position<'_>,
    records: &[&Ready],
    sql: &'static str,
) -> Result<HashMap<usize, Known>> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<&str> = records.iter().map(|ready| ready.record.key.as_str()).collect();
    let rows = sqlx::query(sql)
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.source)
        .bind(&keys)
        .fetch_all(connection)
        .await?;
    let bad = StoreError::Inconsistent { table: "records", column: "ord" };
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let ord = usize::try_from(row.try_get::<i64, _>("ord")?);
        let Some(index) = ord.ok().and_then(|ord| ord.checked_sub(1)) else { return Err(bad) };
        let stored = Known {
            digest: row.try_get("digest")?,
            feed: row.try_get("feed")?,
            gone: row.try_get("gone")?,
            version: row
                .try_get::<Option<jiff_sqlx::Timestamp>, _>("version")?
                .map(jiff_sqlx::Timestamp::to_jiff),
        };
        known.insert(index, stored);
    }
    Ok(known)
}

/// Notes what an open listing saw; forgets it when the listing ends, and what an abandoned one saw when another begins.
async fn note_seen(
    tx: &mut PgConnection,
    at: Position<'_>,
    state: &FeedState,
    after: &FeedState,
    batch: &Batch,
) -> Result<()> {
    if !state.listing.open {
        return Ok(());
    }
    if state.listing.pages == 0 || !after.listing.open {
        sqlx::query(
            "DELETE FROM external_seen WHERE owner_id = $1 AND connector_id = $2 AND feed = $3",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.feed)
        .execute(&mut *tx)
        .await?;
    }
    if after.listing.open {
        sqlx::query(
            "INSERT INTO external_seen (owner_id, connector_id, feed, listing, page, hashes, pages) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.feed)
        .bind(state.listing.number)
        .bind(state.listing.pages)
        .bind(batch.hashes())
        .bind(i64::from(batch.pages))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Keeps where the feed stands. What waits for a yes may be long: it is written only where it changed.
async fn write_state(
    tx: &mut PgConnection,
    at: Position<'_>,
    before: &FeedState,
    after: &FeedState,
) -> Result<()> {
    let changed = before.pending_sweep != after.pending_sweep;
    let pending = (changed && !after.pending_sweep.is_empty()).then_some(&after.pending_sweep);
    let (run, stats) = after.run.unzip();
    let done = sqlx::query(
        "UPDATE external_feeds SET cursor = $4, caught_up = $5, listing = $6, listing_open = $7, \
         listing_whole = $8, listing_covers = $9, listing_since = $10, listing_skipped = $11, listing_pages = $12, \
         listing_began = $13, listed_at = $14, pending_sweep = CASE WHEN $15 THEN $16 ELSE pending_sweep END, \
         advanced_at = now(), run_id = $17, run_stats = $18 \
         WHERE owner_id = $1 AND connector_id = $2 AND feed = $3",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(at.feed)
    .bind(&after.cursor)
    .bind(after.caught_up)
    .bind(after.listing.number)
    .bind(after.listing.open)
    .bind(after.listing.whole)
    .bind(json_of(&after.listing.covers)?)
    .bind(after.listing.since.map(to_db))
    .bind(after.listing.skipped)
    .bind(after.listing.pages)
    .bind(after.listing.began.map(to_db))
    .bind(after.listed_at.map(to_db))
    .bind(changed)
    .bind(pending)
    .bind(run)
    .bind(stats.as_ref().map(json_of).transpose()?)
    .execute(tx)
    .await?;
    // A feed without its row would be read for ever: its cursor would never be kept.
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}
