//! What a listing did not see.

use sha2::{Digest as _, Sha256};

use super::{FeedState, Result, Store, to_db};
use crate::{
    ids::{ConnectorId, OwnerId},
    provider::Covers,
};

/// The first 64 bits of an id's SHA-256, as `external_seen` keeps them.
pub fn hash_id(id: &str) -> i64 {
    let digest = Sha256::digest(id.as_bytes());
    let first: [u8; 8] = digest.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// What the end of a listing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sweep {
    /// Nothing: no listing ends, or it may not sweep.
    #[default]
    None,
    /// Marks these removed.
    Remove(Vec<String>),
    /// Keeps these with the feed until somebody says yes.
    Hold(Vec<String>),
}

/// The records of a feed that a listing did not see.
#[derive(Debug)]
pub struct Unseen {
    /// Their ids.
    pub ids: Vec<String>,
    /// How many records of the feed are alive; not counted where all were seen.
    pub alive: u64,
    /// Every page's note of what it saw was there.
    pub complete: bool,
}

impl Store {
    /// The records of a feed, alive, older than the listing and inside its bound, that its stored pages did not see; nor are
    /// they among `last`, the hashes of the page at hand.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unseen(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        state: &FeedState,
        last: &[i64],
    ) -> Result<Unseen> {
        // A listing that began somewhere did not look before it, whether its pages say so or not.
        let since = Covers::Between { from: state.listing.since, to: None };
        let (from, to) = match state.listing.covers.and(since) {
            Covers::Between { from, to } => (from, to),
            Covers::Everything | Covers::Nothing => (None, None),
        };
        let mut tx = self.pool.begin().await?;
        // Where the planner takes a large feed for a small one it would go through all that was seen for each record.
        sqlx::query("SET LOCAL enable_nestloop = off").execute(&mut *tx).await?;
        let noted: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(pages), 0)::bigint FROM external_seen WHERE owner_id = $1 AND connector_id = $2 \
             AND feed = $3 AND listing = $4",
        )
        .bind(owner)
        .bind(connector)
        .bind(&state.feed.id)
        .bind(state.listing.number)
        .fetch_one(&mut *tx)
        .await?;
        // What was added since the listing began was added by its own pages, or told of by the vendor after the page where
        // it would stand. A first listing so finds nothing to look for.
        let ids: Vec<String> = sqlx::query_scalar(
            "WITH seen AS MATERIALIZED (SELECT unnest(hashes) AS hash FROM external_seen \
                WHERE owner_id = $1 AND connector_id = $2 AND feed = $3 AND listing = $4 \
                UNION ALL SELECT unnest($5::bigint[])) \
             SELECT external_id FROM records r WHERE owner_id = $1 AND connector_id = $2 AND feed = $3 \
             AND removed_at IS NULL AND external_id IS NOT NULL \
             AND ($6::timestamptz IS NULL OR occurred_at >= $6) AND ($7::timestamptz IS NULL OR occurred_at <= $7) \
             AND ($8::timestamptz IS NULL OR created_at < $8) \
             AND NOT EXISTS (SELECT FROM seen WHERE seen.hash = ('x' || encode(substring( \
                sha256(convert_to(r.external_id, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint)",
        )
        .bind(owner)
        .bind(connector)
        .bind(&state.feed.id)
        .bind(state.listing.number)
        .bind(last)
        .bind(from.map(to_db))
        .bind(to.map(to_db))
        .bind(state.listing.began.map(to_db))
        .fetch_all(&mut *tx)
        .await?;
        let alive: i64 = if ids.is_empty() {
            0
        } else {
            sqlx::query_scalar(
                "SELECT count(*) FROM records WHERE owner_id = $1 AND connector_id = $2 AND feed = $3 \
                 AND removed_at IS NULL",
            )
            .bind(owner)
            .bind(connector)
            .bind(&state.feed.id)
            .fetch_one(&mut *tx)
            .await?
        };
        tx.commit().await?;
        Ok(Unseen { ids, alive: alive.unsigned_abs(), complete: noted == state.listing.pages })
    }
}

#[cfg(test)]
mod tests {
    use super::hash_id;

    #[test]
    fn the_hash_is_the_one_that_the_database_makes() {
        // select ('x' || encode(substring(sha256('abc') from 1 for 8), 'hex'))::bit(64)::bigint
        assert_eq!(
            hash_id("abc"),
            i64::from_be_bytes([0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea])
        );
    }
}
