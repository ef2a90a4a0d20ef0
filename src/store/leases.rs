//! The lease on a connector: one run writes at a time, and a run that lost it cannot write.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, Row};

use super::{Result, Run, Store, StoreError, accounts::fold_counts, sweep::hash_id};
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

impl From<Run> for Ending {
    fn from(run: Run) -> Self {
        Self {
            status: run.status,
            stats: run.stats,
            error: run.error,
            feeds: run.feeds,
            feeds_skipped: run.feeds_skipped,
            more: run.more,
            removals_waiting: run.removals_waiting,
            connector: None,
        }
    }
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

/// How the lock on a connector's pages is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    /// To store one.
    Shared,
    /// To end a run's right to store any: none is being stored then.
    Alone,
}

/// Takes the lock on a connector's pages for the rest of the transaction. It is an advisory one: these queue, whereas a row
/// that one feed or the other always has locked may never be had by who wants it alone.
pub(super) async fn lock_pages(
    tx: &mut PgConnection,
    owner: &OwnerId,
    connector: ConnectorId,
    how: Pages,
) -> Result<()> {
    let sql = match how {
        Pages::Shared => "SELECT pg_advisory_xact_lock_shared($1)",
        Pages::Alone => "SELECT pg_advisory_xact_lock($1)",
    };
    sqlx::query(sql).bind(lock_key("pages", owner, connector)).execute(tx).await?;
    Ok(())
}

/// The number of an advisory lock. Two that collide only wait for each other.
pub(super) fn lock_key(what: &str, owner: &OwnerId, connector: ConnectorId) -> i64 {
    hash_id(&format!("{what} {owner} {connector}"))
}

impl Lease {
    /// Holds the lease for the rest of the transaction.
    ///
    /// # Errors
    /// `LeaseLost` when another run has it, or the connector was deleted; `Paused` when that was done.
    pub(super) async fn check(&self, tx: &mut PgConnection) -> Result<()> {
        lock_pages(tx, &self.owner, self.connector, Pages::Shared).await?;
        // A statement of its own, after the lock: it sees what was done by whoever had it.
        let held: Option<ConnectorStatus> = sqlx::query_scalar(
            "SELECT status FROM external_connectors WHERE owner_id = $1 AND id = $2 AND lease_run = $3",
        )
        .bind(&self.owner)
        .bind(self.connector)
        .bind(self.run)
        .fetch_optional(tx)
        .await?;
        still_held(held)
    }
}

fn still_held(status: Option<ConnectorStatus>) -> Result<()> {
    match status {
        None => Err(StoreError::LeaseLost),
        Some(ConnectorStatus::Paused) => Err(StoreError::Paused),
        Some(_) => Ok(()),
    }
}

/// Where a connector stands for whoever asks for its lease.
enum Standing {
    /// It may be had; a run that nobody drives any more has to be closed first.
    Free(Option<RunId>),
    /// It may not.
    Taken(Leased),
}

macro_rules! standing {
    ($lock:literal) => {
        concat!(
            "SELECT status, lease_run, lease_holder, lease_until > clock_timestamp() AS fresh \
             FROM external_connectors WHERE owner_id = $1 AND id = $2",
            $lock
        )
    };
}

async fn standing(
    connection: &mut PgConnection,
    owner: &OwnerId,
    connector: ConnectorId,
    sql: &'static str,
    is_dead: impl Fn(RunId, &Value) -> bool,
) -> Result<Standing> {
    let row = sqlx::query(sql).bind(owner).bind(connector).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(Standing::Taken(Leased::Refused(None))) };
    let status: ConnectorStatus = row.try_get("status")?;
    if matches!(status, ConnectorStatus::Paused | ConnectorStatus::Deleted) {
        return Ok(Standing::Taken(Leased::Refused(Some(status))));
    }
    let Some(run) = row.try_get::<Option<RunId>, _>("lease_run")? else {
        return Ok(Standing::Free(None));
    };
    let fresh = row.try_get::<Option<bool>, _>("fresh")?.unwrap_or(false);
    let holder: Value = row.try_get::<Option<Value>, _>("lease_holder")?.unwrap_or_default();
    if !fresh || is_dead(run, &holder) {
        return Ok(Standing::Free(Some(run)));
    }
    let sync_type: Option<SyncType> = sqlx::query_scalar(
        "SELECT sync_type FROM external_sync_runs WHERE owner_id = $1 AND id = $2",
    )
    .bind(owner)
    .bind(run)
    .fetch_optional(connection)
    .await?;
    Ok(Standing::Taken(Leased::Busy { run, sync_type: sync_type.unwrap_or_default() }))
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
        is_dead: impl Fn(RunId, &Value) -> bool + Send + Sync,
    ) -> Result<Leased> {
        let mut tx = self.pool.begin().await?;
        // Looked at without a lock first: who joins a run does not wait for its pages.
        let look = standing!("");
        if let Standing::Taken(leased) = standing(&mut tx, owner, connector, look, &is_dead).await?
        {
            return Ok(leased);
        }
        lock_pages(&mut tx, owner, connector, Pages::Alone).await?;
        let look = standing!(" FOR NO KEY UPDATE");
        match standing(&mut tx, owner, connector, look, &is_dead).await? {
            Standing::Taken(leased) => return Ok(leased),
            Standing::Free(Some(run)) => interrupt(&mut tx, owner, connector, run).await?,
            Standing::Free(None) => {}
        }
        let lease = Lease { owner: owner.clone(), connector, run: RunId::generate() };
        open(&mut tx, &lease, (sync_type, trigger), holder).await?;
        tx.commit().await?;
        Ok(Leased::Held(lease))
    }

    /// Closes a run that nobody drives any more, as [`Store::lease`] does when it takes over: its holder is silent for longer
    /// than [`LEASE`], or `is_dead` knows it to be dead. Answers whether it did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_abandoned(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        run: RunId,
        is_dead: impl Fn(RunId, &Value) -> bool + Send + Sync,
    ) -> Result<bool> {
        let mut tx = self.pool.begin().await?;
        // Looked at without a lock first: a run that goes on is not held up.
        if !abandoned(&mut tx, owner, connector, run, &is_dead).await? {
            return Ok(false);
        }
        lock_pages(&mut tx, owner, connector, Pages::Alone).await?;
        if !abandoned(&mut tx, owner, connector, run, &is_dead).await? {
            return Ok(false);
        }
        interrupt(&mut tx, owner, connector, run).await?;
        sqlx::query(
            "UPDATE external_connectors SET lease_run = NULL, lease_holder = NULL, lease_until = NULL \
             WHERE owner_id = $1 AND id = $2 AND lease_run = $3",
        )
        .bind(owner)
        .bind(connector)
        .bind(run)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Keeps the lease and shows the run's numbers so far.
    ///
    /// # Errors
    /// `LeaseLost` when another run has it; `Paused` when the connector was paused.
    pub async fn renew(&self, lease: &Lease, stats: &Stats) -> Result<()> {
        let held: Option<ConnectorStatus> = sqlx::query_scalar(
            "WITH held AS (UPDATE external_connectors \
                SET lease_until = clock_timestamp() + make_interval(secs => $4) \
                WHERE owner_id = $1 AND id = $2 AND lease_run = $3 RETURNING owner_id, status), \
             shown AS (UPDATE external_sync_runs r SET stats = $5 FROM held \
                WHERE r.owner_id = held.owner_id AND r.id = $3 AND r.status = 'running') \
             SELECT status FROM held",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(lease.run)
        .bind(LEASE.as_secs_f64())
        .bind(json_of(stats)?)
        .fetch_optional(&self.pool)
        .await?;
        still_held(held)
    }

    /// Ends a run: its status, its numbers and the release of the lease are one transaction.
    ///
    /// # Errors
    /// `LeaseLost` when the run no longer holds it: whoever took over has closed it.
    pub async fn finish(&self, lease: &Lease, ending: &Ending) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        // A run that learnt nothing of the connector is no sync of it.
        let success = ending.status == RunStatus::Success && ending.connector.is_some();
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
        fold_counts(&mut *tx, &lease.owner, lease.connector).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whether a run holds the lease, and its holder does not live.
async fn abandoned(
    connection: &mut PgConnection,
    owner: &OwnerId,
    connector: ConnectorId,
    run: RunId,
    is_dead: impl Fn(RunId, &Value) -> bool,
) -> Result<bool> {
    let row = sqlx::query(
        "SELECT lease_holder, lease_until > clock_timestamp() AS fresh FROM external_connectors \
         WHERE owner_id = $1 AND id = $2 AND lease_run = $3",
    )
    .bind(owner)
    .bind(connector)
    .bind(run)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let holder: Value = row.try_get::<Option<Value>, _>("lease_holder")?.unwrap_or_default();
    let fresh = row.try_get::<Option<bool>, _>("fresh")?.unwrap_or(false);
    Ok(!fresh || is_dead(run, &holder))
}

/// Opens a run's row and takes the lease for it.
async fn open(
    tx: &mut PgConnection,
    lease: &Lease,
    (sync_type, trigger): (SyncType, Trigger),
    holder: &Value,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO external_sync_runs (owner_id, id, connector_id, sync_type, trigger, status) \
         VALUES ($1, $2, $3, $4, $5, 'running')",
    )
    .bind(&lease.owner)
    .bind(lease.run)
    .bind(lease.connector)
    .bind(sync_type.as_str())
    .bind(trigger.as_str())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE external_connectors SET lease_run = $3, lease_holder = $4, \
         lease_until = clock_timestamp() + make_interval(secs => $5) WHERE owner_id = $1 AND id = $2",
    )
    .bind(&lease.owner)
    .bind(lease.connector)
    .bind(lease.run)
    .bind(holder)
    .bind(LEASE.as_secs_f64())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Closes a run whose process is gone, with its last numbers: those that it showed, or those that its pages left at the
/// feeds, whichever are later.
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
        "UPDATE external_sync_runs r SET status = 'failed', completed_at = now(), error = $4, stats = r.stats || \
         (SELECT jsonb_object_agg(n.name, greatest((r.stats ->> n.name)::bigint, n.pages)) FROM ( \
            SELECT k.name, coalesce(sum((f.run_stats ->> k.name)::bigint), 0)::bigint AS pages \
            FROM unnest($5::text[]) AS k(name) LEFT JOIN external_feeds f \
            ON f.owner_id = $1 AND f.connector_id = $2 AND f.run_id = $3 GROUP BY k.name) n) \
         WHERE r.owner_id = $1 AND r.id = $3 AND r.status = 'running'",
    )
    .bind(owner)
    .bind(connector)
    .bind(run)
    .bind(json_of(&error)?)
    .bind(["created", "updated", "unchanged", "removed", "skipped", "pages"])
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) fn json_of(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|cause| StoreError::Refused(cause.to_string()))
}
