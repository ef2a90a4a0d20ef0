//! What vendors deliver to webhook addresses: written down before it is answered, read in a run, and kept in mind for as
//! long as it may come again.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{Applied, Batch, Hash, Lease, Position, Result, Store, loose};
use crate::{
    ids::{ConnectorId, DeliveryId, OwnerId},
    provider::Gone,
};

/// How often a delivery is begun to be read before it is left aside until everything is read again.
pub const LEFT_ASIDE: i32 = 5;
/// How long after the last try a delivery is taken up without being asked for.
pub const LATER: Duration = Duration::from_mins(5);
/// How many unread ones a connector may have.
const WAITING: i64 = 20_000;
/// How long one that was read is kept in mind, in days: vendors send again for a week at most.
const KEPT_DAYS: i32 = 30;

/// A delivery that waits to be read.
#[derive(Debug)]
pub struct Delivery {
    /// Its id; later ones sort after earlier ones.
    pub id: DeliveryId,
    /// As it came.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
    /// It was read before, and what of it waited for these ids is to be done now; nothing else of it.
    pub waited_for: Option<Vec<String>>,
}

/// What writing a delivery down came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is written down.
    New,
    /// It was already.
    Known,
    /// Too many wait already.
    Full,
    /// The connector is gone.
    Gone,
}

fn read(row: &PgRow) -> Result<Delivery> {
    let at: jiff_sqlx::Timestamp = row.try_get("received_at")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        body: row.try_get("body")?,
        received_at: at.to_jiff(),
        waited_for: row.try_get("waits_for")?,
    })
}

impl Store {
    /// Writes a delivery down; once this answers it survives everything.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_delivery(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        key: &Hash,
        body: &[u8],
    ) -> Result<Kept> {
        let mut tx = self.pool.begin().await?;
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE owner_id = $1 AND connector_id = $2 \
             AND processed_at IS NULL LIMIT $3) unread",
        )
        .bind(owner)
        .bind(connector)
        .bind(WAITING)
        .fetch_one(&mut *tx)
        .await?;
        // The connector's row is held, so that it is not deleted meanwhile.
        let alive: Option<i32> = sqlx::query_scalar(
            "SELECT 1 FROM external_connectors WHERE owner_id = $1 AND id = $2 AND status <> 'deleted' FOR SHARE",
        )
        .bind(owner)
        .bind(connector)
        .fetch_optional(&mut *tx)
        .await?;
        if alive.is_none() {
            return Ok(Kept::Gone);
        }
        if waiting >= WAITING {
            return Ok(Kept::Full);
        }
        let done = sqlx::query(
            "INSERT INTO webhook_deliveries (owner_id, connector_id, id, dedup_key, body) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (owner_id, connector_id, dedup_key) DO NOTHING",
        )
        .bind(owner)
        .bind(connector)
        .bind(DeliveryId::generate())
        .bind(key.as_slice())
        .bind(body)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(if done.rows_affected() == 1 { Kept::New } else { Kept::Known })
    }

    /// The oldest delivery that waits to be read and came after that one; to look at it alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unread_delivery(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        after: Option<DeliveryId>,
    ) -> Result<Option<Delivery>> {
        let row = sqlx::query(
            "SELECT id, body, received_at, waits_for FROM webhook_deliveries \
             WHERE owner_id = $1 AND connector_id = $2 AND processed_at IS NULL AND attempts < $3 \
             AND ($4::uuid IS NULL OR id > $4) ORDER BY id LIMIT 1",
        )
        .bind(owner)
        .bind(connector)
        .bind(LEFT_ASIDE)
        .bind(after)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Begins to read the oldest delivery that waits, but for these. That it was begun is noted first: one that ends the
    /// program each time is left aside in the end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_delivery(
        &self,
        lease: &Lease,
        but_for: &[DeliveryId],
    ) -> Result<Option<Delivery>> {
        let row = sqlx::query(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, attempted_at = now() \
             WHERE owner_id = $1 AND connector_id = $2 AND id = (SELECT id FROM webhook_deliveries \
             WHERE owner_id = $1 AND connector_id = $2 AND processed_at IS NULL AND attempts < $3 \
             AND id <> ALL($4) ORDER BY id LIMIT 1) \
             AND EXISTS (SELECT FROM external_connectors WHERE owner_id = $1 AND id = $2 AND lease_run = $5) \
             RETURNING id, body, received_at, waits_for",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(LEFT_ASIDE)
        .bind(but_for)
        .bind(lease.run)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Notes why a delivery could not be read; `again`: the delivery was not to blame, and the try does not count.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_delivery_back(
        &self,
        lease: &Lease,
        id: DeliveryId,
        error: &str,
        again: bool,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE webhook_deliveries SET error = $4, attempts = attempts - $5 \
             WHERE owner_id = $1 AND connector_id = $2 AND id = $3",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(id)
        .bind(error)
        .bind(i32::from(again))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Lets those that were left aside be read again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_deliveries(&self, lease: &Lease) -> Result<()> {
        sqlx::query(
            "UPDATE webhook_deliveries SET attempts = 0 \
             WHERE owner_id = $1 AND connector_id = $2 AND processed_at IS NULL AND attempts >= $3",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(LEFT_ASIDE)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stores what a delivery brings and that it was read, in one transaction. What it changes or removes and is not there
    /// yet waits for it; what has waited for its records is read again. Ones that came long ago are forgotten.
    ///
    /// # Errors
    /// `LeaseLost` when another run has the connector by now; otherwise when the database fails. Nothing is stored then.
    pub async fn apply_delivery(
        &self,
        lease: &Lease,
        source: &str,
        id: DeliveryId,
        batch: &Batch,
    ) -> Result<Applied> {
        let at = Position { owner: &lease.owner, connector: lease.connector, feed: "", source };
        let mut tx = self.pool.begin().await?;
        lease.check(&mut tx).await?;
        let stored = loose::store(&mut tx, at, batch).await?;
        let missing = missing(&mut tx, at, batch).await?;
        sqlx::query(
            "UPDATE webhook_deliveries SET processed_at = now(), error = NULL, attempts = 0, \
             waits_for = $4, body = CASE WHEN $4::text[] IS NULL THEN NULL ELSE body END \
             WHERE owner_id = $1 AND connector_id = $2 AND id = $3",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(id)
        .bind(Some(missing).filter(|missing| !missing.is_empty()))
        .execute(&mut *tx)
        .await?;
        wake(&mut tx, at, &stored.created).await?;
        sqlx::query(
            "DELETE FROM webhook_deliveries WHERE owner_id = $1 AND connector_id = $2 \
             AND processed_at < now() - make_interval(days => $3)",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(KEPT_DAYS)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(stored.done)
    }

    /// What storing a delivery would do, without doing it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare_delivery(&self, at: Position<'_>, batch: &Batch) -> Result<Applied> {
        let mut connection = self.pool.acquire().await?;
        loose::preview(&mut connection, at, batch).await
    }
}

/// The ids that a batch changes or removes and that no record has, alive or removed.
async fn missing(tx: &mut PgConnection, at: Position<'_>, batch: &Batch) -> Result<Vec<String>> {
    let removed = batch.page.removed.iter().filter_map(|gone| match gone {
        Gone::Id(id) => Some(id),
        Gone::Place(_) | Gone::Under(_) => None,
    });
    let reacted = batch.page.reacted.iter().map(|one| &one.id);
    let patched = batch.page.patches.iter().map(|(id, _)| id);
    let named: Vec<&String> = patched.chain(reacted).chain(removed).collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar(
        "SELECT DISTINCT i.id FROM unnest($4::text[]) AS i(id) WHERE NOT EXISTS (SELECT FROM records r \
         WHERE r.owner_id = $1 AND r.connector_id = $2 AND r.external_source = $3 AND r.external_id = i.id)",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(at.source)
    .bind(named)
    .fetch_all(tx)
    .await?)
}

/// Lets what waited for these ids be read again.
async fn wake(tx: &mut PgConnection, at: Position<'_>, created: &[String]) -> Result<()> {
    if created.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE webhook_deliveries SET processed_at = NULL WHERE owner_id = $1 AND connector_id = $2 \
         AND processed_at IS NOT NULL AND body IS NOT NULL AND waits_for && $3",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(created)
    .execute(tx)
    .await?;
    Ok(())
}

impl Delivery {
    /// Leaves of a batch what is still to be done: all of it the first time, later what waited.
    pub fn still_to_do(&self, batch: &mut Batch) {
        let Some(waited) = &self.waited_for else { return };
        batch.records.clear();
        batch.page.skipped = 0;
        batch.page.patches.retain(|(id, _)| waited.contains(id));
        batch.page.reacted.retain(|one| waited.contains(&one.id));
        batch.page.removed.retain(|gone| matches!(gone, Gone::Id(id) if waited.contains(id)));
    }
}
