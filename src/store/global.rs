//! The statements that name no owner, each with its reason.

use sqlx::Row;

use super::{
    Connector, LATER, LEFT_ASIDE, Result, Store,
    attempts::{Attempt, Hash, read, select},
    connectors,
};
use crate::ids::{AttemptId, ConnectorId, OwnerId, TokenId};

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

    /// Lets the planner know of records that a run has brought, where they are many beside those that it knows of: the
    /// server does so by itself only after a while, and one that is stopped with its last process may never come to it. What
    /// it knows is about the whole table.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_statistics(&self, changed: u64) -> Result<()> {
        let known: f32 = sqlx::query_scalar(
            "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'records'::regclass",
        )
        .fetch_one(&self.pool)
        .await?;
        #[expect(clippy::cast_precision_loss, reason = "a rough measure")]
        if changed as f32 > 500.0 + known / 10.0 {
            sqlx::query("ANALYZE records").execute(&self.pool).await?;
        }
        Ok(())
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

    /// Whose a token is: its hash is all that a caller shows. Notes its use, once a minute at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_owner(&self, hash: &[u8]) -> Result<Option<OwnerId>> {
        let row = sqlx::query(
            "SELECT owner_id, id, coalesce(last_used_at < now() - interval '1 minute', true) AS stale \
             FROM api_tokens WHERE hash = $1 AND kind = 'token' AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > now())",
        )
        .bind(hash)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (owner, id): (OwnerId, TokenId) = (row.try_get("owner_id")?, row.try_get("id")?);
        if row.try_get("stale")? {
            sqlx::query(
                "UPDATE api_tokens SET last_used_at = now() WHERE owner_id = $1 AND id = $2",
            )
            .bind(&owner)
            .bind(id)
            .execute(&self.pool)
            .await?;
        }
        Ok(Some(owner))
    }

    /// Whose a one-time code is; it is used up by this, and codes that have ended are cleared away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redeem_code(&self, hash: &[u8]) -> Result<Option<OwnerId>> {
        let owner = sqlx::query_scalar(
            "DELETE FROM api_tokens WHERE hash = $1 AND kind = 'code' AND expires_at > now() RETURNING owner_id",
        )
        .bind(hash)
        .fetch_optional(&self.pool)
        .await?;
        sqlx::query("DELETE FROM api_tokens WHERE kind = 'code' AND expires_at <= now()")
            .execute(&self.pool)
            .await?;
        Ok(owner)
    }

    /// Whether anybody could call: a server that listens beyond this machine without a token would be of no use, or a
    /// mistake.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_tokens(&self) -> Result<bool> {
        let any = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM api_tokens WHERE kind = 'token' AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > now()))",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(any)
    }

    /// An attempt to link, by its id: whoever opens its page has not said yet who they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempt_of_anyone(&self, id: &AttemptId) -> Result<Option<Attempt>> {
        let row = sqlx::query(select!("WHERE id = $1")).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The attempt that a state belongs to: it is all that a vendor brings back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempt_by_state(&self, state: &Hash) -> Result<Option<Attempt>> {
        let row = sqlx::query(select!("WHERE state_hash = $1"))
            .bind(state.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The connector that a vendor calls at its webhook address, which names nobody's owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connector_of_anyone(
        &self,
        provider: &str,
        id: ConnectorId,
    ) -> Result<Option<Connector>> {
        let row = sqlx::query(connectors::select!(
            "WHERE id = $1 AND provider = $2 AND status <> 'deleted'"
        ))
        .bind(id)
        .bind(provider)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(connectors::read).transpose()
    }

    /// Connectors with deliveries that nobody has read, of every owner: whoever answered them may be gone. Those that were
    /// tried a moment ago only where `all` says so; those that a person must see to first are left alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connectors_with_deliveries(
        &self,
        all: bool,
    ) -> Result<Vec<(OwnerId, ConnectorId)>> {
        let rows = sqlx::query(
            "SELECT DISTINCT c.owner_id, c.id FROM webhook_deliveries d JOIN external_connectors c \
             ON c.owner_id = d.owner_id AND c.id = d.connector_id \
             WHERE d.processed_at IS NULL AND d.attempts < $1 AND c.status IN ('active', 'error') \
             AND ($3 OR d.attempted_at IS NULL OR d.attempted_at < now() - make_interval(secs => $2)) LIMIT 1000",
        )
        .bind(LEFT_ASIDE)
        .bind(LATER.as_secs_f64())
        .bind(all)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Forgets the secrets of attempts whose time is over, and a day later the attempts themselves: of every owner, since
    /// nobody may ever come back for theirs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep_attempts(&self) -> Result<()> {
        sqlx::query("DELETE FROM oauth_attempts WHERE expires_at < now() - interval '1 day'")
            .execute(&self.pool)
            .await?;
        // One whose code is being exchanged is left a moment longer.
        sqlx::query(
            "UPDATE oauth_attempts SET status = 'expired', secrets_envelope = NULL \
             WHERE status IN ('pending', 'opened') AND expires_at < now() - interval '2 minutes'",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
