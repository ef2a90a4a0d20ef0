//! The lease on a connector: one run writes at a time, and a run that lost it cannot write.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, Row};

use super::{Result, Store, StoreError};
use crate::{
    ids::{ConnectorId, OwnerId, RunId},
    run::{ConnectorStatus, RunError, RunStatus, Stats, SyncType, Trigger},
};

/// How long a holder may be silent before another takes over.
pub const LEASE: Duration = Duration::from_secs(45);

/// A held lease: the right of a run to write for its connector.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Whose connector.
    pub owner: OwnerId,
    /// The connector.
    pub connector: ConnectorId,
    /// The run that holds it.
    pub run: RunId,
}

/// What asking for a lease gave.
#[derive(Debug)]
pub enum Leased {
    /// The run may write; its row stands, `running`.
    Held(Lease),
    /// Another run holds it.
    Busy {
        /// Which.
        run: RunId,
        /// How far that one goes.
        sync_type: SyncType,
    },
    /// The connector is gone, paused or deleted.
    Refused(Option<ConnectorStatus>),
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Never `running`.
    pub status: RunStatus,
    /// Its numbers.
    pub stats: Stats,
    /// Why it did not end well.
    pub error: Option<RunError>,
    /// Feeds read.
    pub feeds: u64,
    /// Feeds that could not be read, with the reason.
    pub feeds_skipped: Vec<String>,
    /// The budget of pages was spent before the end.
    pub more: bool,
    /// Removals that wait for a yes.
    pub removals_waiting: u64,
    /// The connector's new status; absent: as it is.
    pub connector: Option<ConnectorStatus>,
}

impl Ending {
    /// A run that has not ended: its numbers so far.
    pub fn running(stats: Stats) -> Self {
        Self {
            status: RunStatus::Running,
            stats,
            error: None,
            feeds: 0,
            feeds_skipped: Vec::new(),
            more: true,
            removals_waiting: 0,
            connector: None,
        }
    }
}

impl Lease {
    /// Holds the lease for the rest of the transaction.
    ///
    /// # Errors
    /// `LeaseLost` when another run has it, or the connector was deleted.
    pub(super) async fn check(&self, tx: &mut PgConnection) -> Result<()> {
        let held = sqlx::query(
            "SELECT 1 FROM external_connectors WHERE owner_id = $1 AND id = $2 AND lease_run = $3 FOR SHARE",
        )
        .bind(&self.owner)
        .bind(self.connector)
        .bind(self.run)
        .fetch_optional(tx)
        .await?;
        held.map(|_| ()).ok_or(StoreError::LeaseLost)
    }
}

impl Store {
    /// Asks for a connector's lease for a new run, and opens the run's row with it. A holder that is silent for longer than
    /// [`LEASE`], or that `is_dead` knows to be dead, is taken over and its run closed as interrupted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        (sync_type, trigger): (SyncType, Trigger),
        holder: &Value,
        is_dead: impl Fn(&Value) -> bool + Send,
    ) -> Result<Leased> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query(
            "SELECT c.status, c.lease_run, c.lease_holder, c.lease_until > now() AS fresh, r.sync_type \
             FROM external_connectors c LEFT JOIN external_sync_runs r \
             ON r.owner_id = c.owner_id AND r.id = c.lease_run \
             WHERE c.owner_id = $1 AND c.id = $2 FOR UPDATE OF c",
        )
        .bind(owner)
        .bind(connector)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(Leased::Refused(None)) };
        let status: ConnectorStatus = row.try_get("status")?;
        if matches!(status, ConnectorStatus::Paused | ConnectorStatus::Deleted) {
            return Ok(Leased::Refused(Some(status)));
        }
        if let Some(run) = row.try_get::<Option<RunId>, _>("lease_run")? {
            let fresh = row.try_get::<Option<bool>, _>("fresh")?.unwrap_or(false);
            let holder: Option<Value> = row.try_get("lease_holder")?;
            if fresh && !holder.is_some_and(|holder| is_dead(&holder)) {
                let sync_type: Option<SyncType> = row.try_get("sync_type")?;
                return Ok(Leased::Busy { run, sync_type: sync_type.unwrap_or_default() });
            }
            interrupt(&mut tx, owner, connector, run).await?;
        }
        let lease = Lease { owner: owner.clone(), connector, run: RunId::generate() };
        sqlx::query(
            "INSERT INTO external_sync_runs (owner_id, id, connector_id, sync_type, trigger, status) \
             VALUES ($1, $2, $3, $4, $5, 'running')",
        )
        .bind(owner)
        .bind(lease.run)
        .bind(connector)
        .bind(sync_type.as_str())
        .bind(trigger.as_str())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE external_connectors SET lease_run = $3, lease_holder = $4, \
             lease_until = now() + make_interval(secs => $5) WHERE owner_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(connector)
        .bind(lease.run)
        .bind(holder)
        .bind(LEASE.as_secs_f64())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Leased::Held(lease))
    }

    /// Keeps the lease and shows the run's numbers so far.
    ///
    /// # Errors
    /// `LeaseLost` when another run has it.
    pub async fn renew(&self, lease: &Lease, stats: &Stats) -> Result<()> {
        let held = sqlx::query(
            "WITH held AS (UPDATE external_connectors SET lease_until = now() + make_interval(secs => $4) \
             WHERE owner_id = $1 AND id = $2 AND lease_run = $3 RETURNING owner_id) \
             UPDATE external_sync_runs r SET stats = $5 FROM held \
             WHERE r.owner_id = held.owner_id AND r.id = $3 AND r.status = 'running'",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(lease.run)
        .bind(LEASE.as_secs_f64())
        .bind(json_of(stats)?)
        .execute(&self.pool)
        .await?;
        if held.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// Ends a run: its status, its numbers and the release of the lease are one transaction.
    ///
    /// # Errors
    /// `LeaseLost` when the run no longer holds it: whoever took over has closed it.
    pub async fn finish(&self, lease: &Lease, ending: &Ending) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        let success = ending.status == RunStatus::Success;
        let released = sqlx::query(
            "UPDATE external_connectors c SET lease_run = NULL, lease_holder = NULL, lease_until = NULL, \
             last_successful_sync = CASE WHEN $4 THEN now() ELSE last_successful_sync END, \
             last_error = CASE WHEN $4 THEN NULL WHEN $5::jsonb IS NULL THEN last_error ELSE $5 END, \
             status = CASE WHEN status IN ('paused', 'deleted') THEN status ELSE coalesce($6, status) END, \
             sync_cursor = (SELECT jsonb_build_object('feeds', count(*), \
                'caught_up', count(*) FILTER (WHERE f.caught_up), 'advanced_at', max(f.advanced_at)) \
                FROM external_feeds f WHERE f.owner_id = $1 AND f.connector_id = $2 AND f.gone_at IS NULL), \
             updated_at = now() WHERE owner_id = $1 AND id = $2 AND lease_run = $3",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(lease.run)
        .bind(success)
        .bind(ending.error.as_ref().map(json_of).transpose()?)
        .bind(ending.connector.map(ConnectorStatus::as_str))
        .execute(&mut *tx)
        .await?;
        if released.rows_affected() == 0 {
            return Err(StoreError::LeaseLost);
        }
        sqlx::query(
            "UPDATE external_sync_runs SET status = $3, stats = $4, error = $5, feeds = $6, feeds_skipped = $7, \
             more = $8, removals_waiting = $9, completed_at = now(), cursor = (SELECT sync_cursor \
             FROM external_connectors c WHERE c.owner_id = $1 AND c.id = $10) WHERE owner_id = $1 AND id = $2",
        )
        .bind(&lease.owner)
        .bind(lease.run)
        .bind(ending.status.as_str())
        .bind(json_of(&ending.stats)?)
        .bind(ending.error.as_ref().map(json_of).transpose()?)
        .bind(i64::try_from(ending.feeds).unwrap_or(i64::MAX))
        .bind(json_of(&ending.feeds_skipped)?)
        .bind(ending.more)
        .bind(i64::try_from(ending.removals_waiting).unwrap_or(i64::MAX))
        .bind(lease.connector)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Closes a run whose process is gone, with the numbers that its pages left at the feeds.
async fn interrupt(
    tx: &mut PgConnection,
    owner: &OwnerId,
    connector: ConnectorId,
    run: RunId,
) -> Result<()> {
    let error = RunError {
        class: "interrupted".into(),
        message: "the program was ended while this run went on; the next run goes on from the last stored page".into(),
        status: None,
    };
    sqlx::query(
        "UPDATE external_sync_runs SET status = 'failed', completed_at = now(), error = $4, stats = stats || \
         (SELECT jsonb_build_object( \
            'created', coalesce(sum((f.run_stats ->> 'created')::bigint), 0), \
            'updated', coalesce(sum((f.run_stats ->> 'updated')::bigint), 0), \
            'unchanged', coalesce(sum((f.run_stats ->> 'unchanged')::bigint), 0), \
            'removed', coalesce(sum((f.run_stats ->> 'removed')::bigint), 0), \
            'skipped', coalesce(sum((f.run_stats ->> 'skipped')::bigint), 0), \
            'pages', coalesce(sum((f.run_stats ->> 'pages')::bigint), 0)) \
          FROM external_feeds f WHERE f.owner_id = $1 AND f.connector_id = $2 AND f.run_id = $3) \
         WHERE owner_id = $1 AND id = $3 AND status = 'running'",
    )
    .bind(owner)
    .bind(connector)
    .bind(run)
    .bind(json_of(&error)?)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) fn json_of(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|cause| StoreError::Refused(cause.to_string()))
}
