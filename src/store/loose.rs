//! Records that come outside of every listing: delivered by the vendor, or read from a file. They may come twice, and late:
//! what is known is changed by a newer version alone.

use sqlx::PgConnection;

use super::{
    Applied, Batch, Lease, Position, Ready, Result, Store,
    apply::{KNOWN_BY_HASH, KNOWN_BY_ID, known},
    patch::{patch_record, would_change},
    reactions::react,
    remove::{find_removals, remove},
    rows::{Rows, write_rows},
};
use crate::record::Key;

/// What storing such records did.
pub(super) struct Stored {
    pub done: Applied,
    /// The ids of those that were new.
    pub created: Vec<String>,
}

impl Store {
    /// Stores records of a feed that is not listed: those that are not known yet, and newer versions of those that are. A
    /// record that was removed stays removed.
    ///
    /// # Errors
    /// `LeaseLost` when another run has the connector by now; otherwise when the database fails. Nothing is stored then.
    pub async fn add(
        &self,
        lease: &Lease,
        source: &str,
        feed: &str,
        batch: &Batch,
    ) -> Result<Applied> {
        let at = Position { owner: &lease.owner, connector: lease.connector, feed, source };
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        let stored = store(&mut tx, at, batch).await?;
        tx.commit().await?;
        Ok(stored.done)
    }
}

/// Stores new records, then changes and removes what is named by id.
pub(super) async fn store(
    tx: &mut PgConnection,
    at: Position<'_>,
    batch: &Batch,
) -> Result<Stored> {
    let mut done = Applied::default();
    let (written, created) = news(tx, at, batch, &mut done).await?;
    write_rows(tx, at, &Rows::of(written)?).await?;
    for (id, patch) in &batch.page.patches {
        done.updated += u64::from(patch_record(tx, at, id, patch).await?);
    }
    done.updated += react(tx, at, &batch.page.reacted).await?;
    done.removed = remove(tx, at, &batch.page.removed).await?;
    Ok(Stored { done, created })
}

/// The records that are new or newer, in the order in which all writers lock them, and the ids of the new ones.
async fn news<'a>(
    connection: &mut PgConnection,
    at: Position<'_>,
    batch: &'a Batch,
    done: &mut Applied,
) -> Result<(Vec<&'a Ready>, Vec<String>)> {
    let (mut written, mut created) = (Vec::new(), Vec::new());
    let (ids, hashes): (Vec<&Ready>, Vec<_>) =
        batch.records.iter().partition(|ready| matches!(ready.record.key, Key::Id(_)));
    for (of, sql) in [(ids, KNOWN_BY_ID), (hashes, KNOWN_BY_HASH)] {
        let mut known = known(connection, at, &of, sql).await?;
        for (index, ready) in of.into_iter().enumerate() {
            let Ready { record, digest, .. } = ready;
            match known.remove(&index) {
                None => {
                    done.created += 1;
                    if let Key::Id(id) = &record.key {
                        created.push(id.clone());
                    }
                    written.push(ready);
                }
                Some(stored) if stored.is_older_than(record) && !stored.says(digest) => {
                    done.updated += 1;
                    written.push(ready);
                }
                Some(_) => done.unchanged += 1,
            }
        }
    }
    written.sort_unstable_by_key(|ready| &ready.record.key);
    Ok((written, created))
}

/// What storing such records would do, without doing it.
pub(super) async fn preview(
    connection: &mut PgConnection,
    at: Position<'_>,
    batch: &Batch,
) -> Result<Applied> {
    let mut done = Applied::default();
    news(connection, at, batch, &mut done).await?;
    for (id, patch) in &batch.page.patches {
        done.updated += u64::from(would_change(connection, at, id, patch).await?);
    }
    done.removed = find_removals(connection, at, batch).await?.len() as u64;
    Ok(done)
}
