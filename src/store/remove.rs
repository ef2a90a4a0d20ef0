//! What a page removes: by id, by place, below a place, and what it no longer names in a place that it holds whole. Only in
//! its own feed: what has moved to another one lives on there, whichever of the two is read first.

use sqlx::PgConnection;

use super::{Batch, Position, Result};
use crate::provider::Gone;

/// Live records of a feed: $1 owner, $2 connector, $3 source, $4 feed.
macro_rules! alive {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, coalesce(r.external_id, r.external_hash) AS key FROM records r WHERE r.owner_id = $1 AND r.connector_id = $2 AND r.external_source = $3 \
             AND r.feed = $4 AND r.removed_at IS NULL AND ",
            $rest
        )
    };
}

/// By ids $5, places $6, and below places $7. What lies below `a` is from `a/` to before `a0`, the character after the
/// slash, in the order of bytes that the index of places has.
macro_rules! gone {
    () => {
        concat!(
            alive!("r.external_id = ANY($5)"),
            " UNION ",
            alive!("r.external_place = ANY($6)"),
            " UNION SELECT below.id, below.key FROM unnest($7::text[]) AS root CROSS JOIN LATERAL (",
            alive!("r.external_place ~>=~ (root || '/') AND r.external_place ~<~ (root || '0') OFFSET 0"),
            ") below"
        )
    };
}

/// In the places $5, but for the keys $6.
macro_rules! replaced {
    () => {
        alive!("r.external_place = ANY($5) AND coalesce(r.external_id, r.external_hash) <> ALL($6)")
    };
}

/// The feed is asked for again outside: a row that another feed is moving is waited for, and only what stands outside is
/// held against what became of it.
macro_rules! remove {
    ($which:ident) => {
        concat!(
            "UPDATE records SET removed_at = now(), updated_at = now() \
             WHERE owner_id = $1 AND feed = $4 AND removed_at IS NULL AND id IN (SELECT id FROM (",
            $which!(),
            ") which)"
        )
    };
}

const REMOVE_GONE: &str = remove!(gone);
const REMOVE_REPLACED: &str = remove!(replaced);
const FIND_GONE: &str = concat!("SELECT key FROM (", gone!(), ") gone");
const FIND_REPLACED: &str = concat!("SELECT key FROM (", replaced!(), ") replaced");

/// Ids, places, and places with all below them.
#[derive(Default)]
struct Which<'a> {
    ids: Vec<&'a str>,
    places: Vec<&'a str>,
    roots: Vec<&'a str>,
}

impl<'a> Which<'a> {
    fn of(gone: &'a [Gone]) -> Self {
        let mut which = Self::default();
        for one in gone {
            match one {
                Gone::Id(id) => which.ids.push(id),
                Gone::Place(place) => which.places.push(place),
                Gone::Under(root) => {
                    which.places.push(root);
                    which.roots.push(root);
                }
            }
        }
        which
    }
}

/// Marks removed what a page reports as gone. Answers how many records.
pub(super) async fn remove(tx: &mut PgConnection, at: Position<'_>, gone: &[Gone]) -> Result<u64> {
    remove_which(tx, at, Which::of(gone)).await
}

/// Marks the records of these ids removed, as far as they lie in the feed. Answers how many.
pub(super) async fn remove_ids(
    tx: &mut PgConnection,
    at: Position<'_>,
    ids: &[String],
) -> Result<u64> {
    let ids = ids.iter().map(String::as_str).collect();
    remove_which(tx, at, Which { ids, ..Which::default() }).await
}

async fn remove_which(tx: &mut PgConnection, at: Position<'_>, which: Which<'_>) -> Result<u64> {
    if which.ids.is_empty() && which.places.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(REMOVE_GONE)
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.source)
        .bind(at.feed)
        .bind(which.ids)
        .bind(which.places)
        .bind(which.roots)
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}

/// Marks removed what lay in the places that a page holds whole and is not among its records. Answers how many.
pub(super) async fn replace_places(
    tx: &mut PgConnection,
    at: Position<'_>,
    batch: &Batch,
) -> Result<u64> {
    if batch.page.replacing.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(REMOVE_REPLACED)
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.source)
        .bind(at.feed)
        .bind(&batch.page.replacing)
        .bind(staying(batch))
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}

/// The keys of the records that a page would remove.
pub(super) async fn find_removals(
    connection: &mut PgConnection,
    at: Position<'_>,
    batch: &Batch,
) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    if !batch.page.replacing.is_empty() {
        keys = sqlx::query_scalar(FIND_REPLACED)
            .bind(at.owner)
            .bind(at.connector)
            .bind(at.source)
            .bind(at.feed)
            .bind(&batch.page.replacing)
            .bind(staying(batch))
            .fetch_all(&mut *connection)
            .await?;
    }
    let which = Which::of(&batch.page.removed);
    if !which.places.is_empty() || !which.ids.is_empty() {
        let gone: Vec<String> = sqlx::query_scalar(FIND_GONE)
            .bind(at.owner)
            .bind(at.connector)
            .bind(at.source)
            .bind(at.feed)
            .bind(which.ids)
            .bind(which.places)
            .bind(which.roots)
            .fetch_all(&mut *connection)
            .await?;
        keys.extend(gone);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

fn staying(batch: &Batch) -> Vec<&str> {
    let records = batch.records.iter().map(|ready| ready.record.key.as_str());
    records.chain(batch.page.seen.iter().map(String::as_str)).collect()
}
