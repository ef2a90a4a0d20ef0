//! The statements that name no owner, each with its reason.

use sqlx::Row;

use super::{Result, Store};
use crate::ids::{ConnectorId, OwnerId};

impl Store {
    /// The connectors that have sealed secrets, of every owner: keys are rotated for the whole database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sealed_connectors(&self) -> Result<Vec<(OwnerId, ConnectorId)>> {
        let rows = sqlx::query(
            "SELECT owner_id, id FROM external_connectors WHERE secrets_envelope IS NOT NULL ORDER BY owner_id, id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// The server's version and clock, for `doctor`: no table is read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn server(&self) -> Result<(String, jiff::Timestamp)> {
        let row = sqlx::query("SELECT current_setting('server_version'), clock_timestamp()")
            .fetch_one(&self.pool)
            .await?;
        let at: jiff_sqlx::Timestamp = row.try_get(1)?;
        Ok((row.try_get(0)?, at.to_jiff()))
    }

    /// Migrations that are applied, and how many this program has: for `doctor`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn migrations(&self) -> Result<(i64, usize)> {
        let row = sqlx::query("SELECT count(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&self.pool)
            .await?;
        Ok((row.try_get(0)?, super::MIGRATIONS.iter().count()))
    }
}
