//! A page and its cursor, stored in one transaction or not at all.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{PgConnection, Row};

use super::{
    FeedState, Lease, Result, Store, StoreError, Sweep,
    leases::json_of,
    rows::{Rows, write_rows},
    sweep::hash_id,
    to_db,
};
use crate::{
    ids::{ConnectorId, OwnerId, RecordId},
    provider::{Gone, Page, Patch},
    record::{Digest, Key, Kind, Properties, Record},
    run::Stats,
};

/// A page made ready to be stored: duplicates merged, digests known.
#[derive(Debug)]
pub struct Batch {
    /// The page; its upserts are moved out.
    pub page: Page<Value>,
    /// Its records, each id once.
    pub records: Vec<(Record, Digest)>,
}

impl Batch {
    /// Merges what came twice (the later one wins) and makes the digests.
    pub fn of(mut page: Page<Value>) -> Self {
        let mut records: Vec<Record> = Vec::with_capacity(page.upserts.len());
        let mut at: HashMap<Key, usize> = HashMap::with_capacity(page.upserts.len());
        for record in page.upserts.drain(..) {
            let known = at.get(&record.key).and_then(|index| records.get_mut(*index));
            if let Some(earlier) = known {
                *earlier = record;
            } else {
                at.insert(record.key.clone(), records.len());
                records.push(record);
            }
        }
        let digested = records.into_iter().map(|record| {
            let digest = record.digest();
            (record, digest)
        });
        Self { records: digested.collect(), page }
    }

    /// What it saw alive, as hashes.
    pub fn hashes(&self) -> Vec<i64> {
        let records = self.records.iter().filter_map(|(record, _)| match &record.key {
            Key::Id(id) => Some(id.as_str()),
            Key::Hash(_) => None,
        });
        let seen = self.page.seen.iter().map(String::as_str);
        let patched = self.page.patches.iter().map(|(id, _)| id.as_str());
        records.chain(seen).chain(patched).map(hash_id).collect()
    }
}

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
struct Known {
    digest: Vec<u8>,
    feed: String,
    gone: bool,
    version: Option<Timestamp>,
}

/// What becomes of each record of a batch.
#[derive(Default)]
struct Sorted<'a> {
    created: Vec<&'a (Record, Digest)>,
    updated: Vec<&'a (Record, Digest)>,
    unchanged: u64,
}

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
        let at = Position {
            owner: &lease.owner,
            connector: lease.connector,
            feed: &state.feed.id,
            source,
        };
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        let mut done = Applied::default();
        let page = &batch.page;
        if !page.replacing.is_empty() {
            done.removed += replace_places(&mut tx, at, page, &batch.records).await?;
        }
        let sorted = sort(&mut tx, at, &batch.records).await?;
        write_rows(&mut tx, at, &Rows::of(sorted.created.iter().chain(&sorted.updated).copied())?)
            .await?;
        done.created = sorted.created.len() as u64;
        done.updated = sorted.updated.len() as u64;
        done.unchanged = sorted.unchanged;
        for (id, patch) in &page.patches {
            done.updated += u64::from(patch_record(&mut tx, at, id, patch).await?);
        }
        done.removed += remove(&mut tx, at, &page.removed).await?;
        if let Sweep::Remove(ids) = sweep {
            done.removed += remove_ids(&mut tx, at, ids).await?;
        }
        let mut after = state.after(&page.next, now);
        hold(&mut after, state, batch, sweep);
        note_seen(&mut tx, at, state, &after, batch).await?;
        let mut numbers = state.run_stats(lease.run);
        numbers.add(&done, page.skipped);
        after.run = Some((lease.run, numbers));
        write_state(&mut tx, lease, at, &after, &numbers).await?;
        tx.commit().await?;
        Ok((done, after))
    }

    /// What storing a page would do, without doing it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare(&self, at: Position<'_>, batch: &Batch) -> Result<Applied> {
        let mut connection = self.pool.acquire().await?;
        let sorted = sort(&mut connection, at, &batch.records).await?;
        let ids: Vec<&str> = batch
            .page
            .removed
            .iter()
            .filter_map(|gone| if let Gone::Id(id) = gone { Some(id.as_str()) } else { None })
            .collect();
        let removed: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM records WHERE owner_id = $1 AND connector_id = $2 AND external_source = $3 \
             AND external_id = ANY($4) AND removed_at IS NULL",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.source)
        .bind(&ids)
        .fetch_one(&mut *connection)
        .await?;
        Ok(Applied {
            created: sorted.created.len() as u64,
            updated: sorted.updated.len() as u64,
            unchanged: sorted.unchanged,
            removed: removed.unsigned_abs(),
        })
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

/// What waits for a yes once a page is stored.
fn hold(after: &mut FeedState, state: &FeedState, batch: &Batch, sweep: &Sweep) {
    let waiting = &mut after.pending_sweep;
    if state.listing.whole && *sweep != Sweep::None {
        waiting.clear(); // a whole listing has seen anew what is missing
    }
    if !waiting.is_empty() {
        // What has come again is no longer to be removed.
        let records = batch.records.iter().map(|(record, _)| record.key.as_str());
        let alive: HashSet<&str> =
            records.chain(batch.page.seen.iter().map(String::as_str)).collect();
        waiting.retain(|id| !alive.contains(id.as_str()));
    }
    if let Sweep::Hold(ids) = sweep {
        waiting.extend(ids.iter().cloned());
        waiting.sort_unstable();
        waiting.dedup();
    }
}

impl Stats {
    /// Adds what a page did.
    pub fn add(&mut self, done: &Applied, skipped: u32) {
        self.created += done.created;
        self.updated += done.updated;
        self.unchanged += done.unchanged;
        self.removed += done.removed;
        self.skipped += u64::from(skipped);
        self.pages += 1;
    }
}

/// Reads the stored digests first, so that only what changed is sent: an upsert that changes nothing would still lock and
/// log every row.
async fn sort<'a>(
    connection: &mut PgConnection,
    at: Position<'_>,
    records: &'a [(Record, Digest)],
) -> Result<Sorted<'a>> {
    let mut sorted = Sorted::default();
    let (ids, hashes): (Vec<_>, Vec<_>) =
        records.iter().partition(|(record, _)| matches!(record.key, Key::Id(_)));
    let known_ids = known(connection, at, &ids, KNOWN_BY_ID).await?;
    let known_hashes = known(connection, at, &hashes, KNOWN_BY_HASH).await?;
    for (of, mut known) in [(ids, known_ids), (hashes, known_hashes)] {
        for (index, entry) in of.into_iter().enumerate() {
            let (record, digest) = entry;
            match known.remove(&index) {
                None => sorted.created.push(entry),
                Some(stored) if stored.is_newer_than(record) => sorted.unchanged += 1,
                Some(stored)
                    if !stored.gone && stored.feed == at.feed && stored.digest == digest.0 =>
                {
                    sorted.unchanged += 1;
                }
                Some(_) => sorted.updated.push(entry),
            }
        }
    }
    Ok(sorted)
}

impl Known {
    fn is_newer_than(&self, record: &Record) -> bool {
        matches!((self.version, record.version), (Some(stored), Some(given)) if given < stored)
    }
}

const KNOWN_BY_ID: &str = "SELECT i.ord, r.digest, r.feed, r.removed_at IS NOT NULL AS gone, r.version \
     FROM unnest($4::text[]) WITH ORDINALITY AS i(key, ord) CROSS JOIN LATERAL ( \
     SELECT digest, feed, removed_at, version FROM records WHERE owner_id = $1 AND connector_id = $2 \
     AND external_source = $3 AND external_id = i.key OFFSET 0) r";
const KNOWN_BY_HASH: &str = "SELECT i.ord, r.digest, r.feed, r.removed_at IS NOT NULL AS gone, r.version \
     FROM unnest($4::text[]) WITH ORDINALITY AS i(key, ord) CROSS JOIN LATERAL ( \
     SELECT digest, feed, removed_at, version FROM records WHERE owner_id = $1 AND connector_id = $2 \
     AND external_source = $3 AND external_hash = i.key OFFSET 0) r";

/// The stored ones among these records, by their place in the list.
async fn known(
    connection: &mut PgConnection,
    at: Position<'_>,
    records: &[&(Record, Digest)],
    sql: &'static str,
) -> Result<HashMap<usize, Known>> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<&str> = records.iter().map(|(record, _)| record.key.as_str()).collect();
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

async fn replace_places(
    tx: &mut PgConnection,
    at: Position<'_>,
    page: &Page<Value>,
    records: &[(Record, Digest)],
) -> Result<u64> {
    let staying: Vec<&str> = records.iter().map(|(record, _)| record.key.as_str()).collect();
    let done = sqlx::query(
        "UPDATE records SET removed_at = now(), updated_at = now() WHERE owner_id = $1 AND connector_id = $2 \
         AND external_source = $3 AND external_place = ANY($4) AND removed_at IS NULL \
         AND coalesce(external_id, external_hash) <> ALL($5)",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(at.source)
    .bind(&page.replacing)
    .bind(&staying)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

async fn remove(tx: &mut PgConnection, at: Position<'_>, gone: &[Gone]) -> Result<u64> {
    let (mut ids, mut places, mut roots) = (Vec::new(), Vec::new(), Vec::new());
    for one in gone {
        match one {
            Gone::Id(id) => ids.push(id.clone()),
            Gone::Place(place) => places.push(place.clone()),
            Gone::Under(root) => roots.push(root.clone()),
        }
    }
    places.extend(roots.iter().cloned());
    let mut removed = remove_ids(tx, at, &ids).await?;
    if !places.is_empty() {
        let done = sqlx::query(
            "UPDATE records r SET removed_at = now(), updated_at = now() WHERE owner_id = $1 \
             AND connector_id = $2 AND external_source = $3 AND removed_at IS NULL \
             AND (external_place = ANY($4) OR EXISTS (SELECT FROM unnest($5::text[]) AS root \
             WHERE starts_with(r.external_place, root || '/')))",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.source)
        .bind(&places)
        .bind(&roots)
        .execute(tx)
        .await?;
        removed += done.rows_affected();
    }
    Ok(removed)
}

async fn remove_ids(tx: &mut PgConnection, at: Position<'_>, ids: &[String]) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(
        "UPDATE records SET removed_at = now(), updated_at = now() WHERE owner_id = $1 AND connector_id = $2 \
         AND external_source = $3 AND external_id = ANY($4) AND removed_at IS NULL",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(at.source)
    .bind(ids)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Reads, changes and writes one record under its row lock. Answers whether it changed.
async fn patch_record(
    tx: &mut PgConnection,
    at: Position<'_>,
    id: &str,
    patch: &Patch,
) -> Result<bool> {
    let row = sqlx::query(
        "SELECT id, type, properties, external_place, version, digest FROM records WHERE owner_id = $1 \
         AND connector_id = $2 AND external_source = $3 AND external_id = $4 AND removed_at IS NULL FOR UPDATE",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(at.source)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let bad = |column| StoreError::Inconsistent { table: "records", column };
    let kind = Kind::parse(row.try_get("type")?).ok_or(bad("type"))?;
    let mut properties =
        Properties::parse(kind, row.try_get("properties")?).map_err(|_| bad("properties"))?;
    patch.apply(&mut properties);
    let mut record = Record::new(id, properties);
    record.place = row.try_get("external_place")?;
    record.version = row
        .try_get::<Option<jiff_sqlx::Timestamp>, _>("version")?
        .map(jiff_sqlx::Timestamp::to_jiff);
    let digest = record.digest();
    if row.try_get::<Vec<u8>, _>("digest")? == digest.0 {
        return Ok(false);
    }
    let _: RecordId = row.try_get("id")?;
    write_rows(tx, at, &Rows::of([&(record, digest)])?).await?;
    Ok(true)
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
            "INSERT INTO external_seen (owner_id, connector_id, feed, listing, page, hashes) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.feed)
        .bind(state.listing.number)
        .bind(state.listing.pages)
        .bind(batch.hashes())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn write_state(
    tx: &mut PgConnection,
    lease: &Lease,
    at: Position<'_>,
    after: &FeedState,
    stats: &Stats,
) -> Result<()> {
    let pending = (!after.pending_sweep.is_empty()).then_some(&after.pending_sweep);
    let done = sqlx::query(
        "UPDATE external_feeds SET cursor = $4, caught_up = $5, listing = $6, listing_open = $7, \
         listing_whole = $8, listing_covers = $9, listing_since = $10, listing_skipped = $11, listing_pages = $12, \
         listing_began = $13, listed_at = $14, pending_sweep = $15, advanced_at = now(), run_id = $16, \
         run_stats = $17 WHERE owner_id = $1 AND connector_id = $2 AND feed = $3",
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
    .bind(pending)
    .bind(lease.run)
    .bind(json_of(stats)?)
    .execute(tx)
    .await?;
    // A feed without its row would be read for ever: its cursor would never be kept.
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}
