//! The history of runs.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Row, postgres::PgRow};

use super::{Result, Store, StoreError};
use crate::{
    ids::{ConnectorId, OwnerId, RunId},
    run::{RunError, RunStatus, Stats, SyncType},
};

/// A run as it is stored, with its connector's names.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The connector.
    pub connector: ConnectorId,
    /// The provider's id.
    pub provider: String,
    /// The account, as a person knows it.
    pub account: String,
    /// How far it was asked to go.
    pub sync_type: SyncType,
    /// How it stands.
    pub status: RunStatus,
    /// Its numbers.
    pub stats: Stats,
    /// Feeds read.
    pub feeds: u64,
    /// Feeds that could not be read, with the reason.
    pub feeds_skipped: Vec<String>,
    /// The budget was spent before the end.
    pub more: bool,
    /// Removals that wait for a yes.
    pub removals_waiting: u64,
    /// Why it did not end well.
    pub error: Option<RunError>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// Which runs are asked for.
#[derive(Clone, Copy, Debug)]
pub struct RunsQuery {
    /// This one alone.
    pub run: Option<RunId>,
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// That stand so.
    pub status: Option<RunStatus>,
    /// Older than this one.
    pub before: Option<RunId>,
    /// How many.
    pub limit: i64,
}

fn read(row: &PgRow) -> Result<Run> {
    let bad = |column| StoreError::Inconsistent { table: "external_sync_runs", column };
    let json = |column: &'static str| -> Result<Value> { Ok(row.try_get(column)?) };
    let time = |column: &'static str| -> Result<Option<Timestamp>> {
        Ok(row
            .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?
            .map(jiff_sqlx::Timestamp::to_jiff))
    };
    Ok(Run {
        id: row.try_get("id")?,
        connector: row.try_get("connector_id")?,
        provider: row.try_get("provider")?,
        account: row.try_get("account")?,
        sync_type: row.try_get("sync_type")?,
        status: row.try_get("status")?,
        stats: serde_json::from_value(json("stats")?).map_err(|_| bad("stats"))?,
        feeds: row.try_get::<i64, _>("feeds")?.unsigned_abs(),
        feeds_skipped: serde_json::from_value(json("feeds_skipped")?)
            .map_err(|_| bad("feeds_skipped"))?,
        more: row.try_get("more")?,
        removals_waiting: row.try_get::<i64, _>("removals_waiting")?.unsigned_abs(),
        error: row
            .try_get::<Option<Value>, _>("error")?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|_| bad("error"))?,
        started_at: time("started_at")?.ok_or(bad("started_at"))?,
        completed_at: time("completed_at")?,
    })
}

impl Store {
    /// Runs, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs(&self, owner: &OwnerId, query: &RunsQuery) -> Result<Vec<Run>> {
        let rows = sqlx::query(
            "SELECT r.*, c.provider, coalesce(nullif(c.account_label, ''), c.account_identifier) AS account \
             FROM external_sync_runs r JOIN external_connectors c \
             ON c.owner_id = r.owner_id AND c.id = r.connector_id \
             WHERE r.owner_id = $1 AND ($2::uuid IS NULL OR r.id = $2) AND ($3::uuid IS NULL OR r.connector_id = $3) \
             AND ($4::text IS NULL OR r.status = $4) AND ($5::uuid IS NULL OR r.id < $5) \
             ORDER BY r.id DESC LIMIT $6",
        )
        .bind(owner)
        .bind(query.run)
        .bind(query.connector)
        .bind(query.status.map(RunStatus::as_str))
        .bind(query.before)
        .bind(query.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// One run.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run(&self, owner: &OwnerId, id: RunId) -> Result<Option<Run>> {
        let query =
            RunsQuery { run: Some(id), connector: None, status: None, before: None, limit: 1 };
        Ok(self.runs(owner, &query).await?.pop())
    }
}
