//! Linked accounts.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Row, postgres::PgRow};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Result, Store, StoreError,
    leases::{Pages, lock_key, lock_pages},
};
use crate::{
    ids::{ConnectorId, OwnerId, RunId},
    provider::Settings,
    run::{ConnectorStatus, RunError},
    vault::Envelope,
};

/// A linked account as it is stored; its secrets stay sealed.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Whose it is.
    pub owner: OwnerId,
    /// Its id.
    pub id: ConnectorId,
    /// The provider's id.
    pub provider: String,
    /// The vendor's id of the account.
    pub account_identifier: String,
    /// The tenant or page; empty for none.
    pub account_scope: String,
    /// What a person calls it.
    pub account_label: String,
    /// Where it stands.
    pub status: ConnectorStatus,
    /// The sealed secrets; absent once it is deleted.
    pub secrets: Option<Envelope>,
    /// Names of the secrets.
    pub secret_names: Vec<String>,
    /// Its settings.
    pub metadata: Settings,
    /// The app that the person granted access to; absent where they pasted tokens.
    pub oauth_client_id: Option<String>,
    /// When a run last ended well.
    pub last_successful_sync: Option<Timestamp>,
    /// What the last run failed with.
    pub last_error: Option<RunError>,
    /// The run that holds its lease.
    pub running: Option<RunId>,
    /// When it was first linked.
    pub created_at: Timestamp,
}

/// An account to be linked.
#[derive(Debug)]
pub struct NewConnector<'a> {
    /// The id it gets if it is new.
    pub id: ConnectorId,
    /// The provider's id.
    pub provider: &'a str,
    /// `social` or `productivity`.
    pub provider_type: &'a str,
    /// The vendor's id of the account.
    pub account_identifier: &'a str,
    /// The tenant or page; empty for none.
    pub account_scope: &'a str,
    /// What a person calls it.
    pub account_label: &'a str,
    /// For display.
    pub capabilities: &'a [&'static str],
    /// What was asked of the vendor.
    pub oauth_scopes: &'a [&'static str],
    /// The app that the person granted access to; absent where they pasted tokens.
    pub oauth_client_id: Option<&'a str>,
    /// Names of the secrets.
    pub secret_names: &'a [String],
    /// The settings.
    pub metadata: &'a Settings,
}

macro_rules! select {
    ($rest:literal) => {
        crate::store::connectors::select!("", $rest)
    };
    // With more columns.
    ($more:expr, $rest:literal) => {
        concat!(
            "SELECT owner_id, id, provider, account_identifier, account_scope, account_label, status, \
             secrets_envelope, secret_names, metadata, oauth_client_id, last_successful_sync, last_error, \
             CASE WHEN lease_until > now() THEN lease_run END AS running, created_at ",
            $more,
            " FROM external_connectors ",
            $rest
        )
    };
}
pub(super) use select;

pub(super) fn read(row: &PgRow) -> Result<Connector> {
    let json = |column: &'static str| -> Result<Option<Value>> { Ok(row.try_get(column)?) };
    let bad = |column| StoreError::Inconsistent { table: "external_connectors", column };
    let status: String = row.try_get("status")?;
    let time = |column: &'static str| -> Result<Option<Timestamp>> {
        Ok(row
            .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?
            .map(jiff_sqlx::Timestamp::to_jiff))
    };
    Ok(Connector {
        owner: row.try_get("owner_id")?,
        id: row.try_get("id")?,
        provider: row.try_get("provider")?,
        account_identifier: row.try_get("account_identifier")?,
        account_scope: row.try_get("account_scope")?,
        account_label: row.try_get("account_label")?,
        status: serde_json::from_value(Value::String(status)).map_err(|_| bad("status"))?,
        secrets: json("secrets_envelope")?
            .map(|stored| Envelope::try_from(stored).map_err(|_| bad("secrets_envelope")))
            .transpose()?,
        secret_names: row.try_get("secret_names")?,
        metadata: match json("metadata")? {
            Some(Value::Object(settings)) => settings.into_iter().collect(),
            _ => return Err(bad("metadata")),
        },
        oauth_client_id: row.try_get("oauth_client_id")?,
        last_successful_sync: time("last_successful_sync")?,
        last_error: json("last_error")?
            .map(|stored| serde_json::from_value(stored).map_err(|_| bad("last_error")))
            .transpose()?,
        running: row.try_get("running")?,
        created_at: time("created_at")?.ok_or(bad("created_at"))?,
    })
}

impl Store {
    /// One connector.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connector(&self, owner: &OwnerId, id: ConnectorId) -> Result<Option<Connector>> {
        let row = sqlx::query(select!("WHERE owner_id = $1 AND id = $2"))
            .bind(owner)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The owner's connectors, oldest first; of one provider where it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connectors(
        &self,
        owner: &OwnerId,
        provider: Option<&str>,
        deleted: bool,
    ) -> Result<Vec<Connector>> {
        let rows = sqlx::query(select!(
            "WHERE owner_id = $1 AND ($2::text IS NULL OR provider = $2) AND ($3 OR status <> 'deleted') \
             ORDER BY created_at, id"
        ))
        .bind(owner)
        .bind(provider)
        .bind(deleted)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The connector of an account, deleted ones included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connector_of(
        &self,
        owner: &OwnerId,
        provider: &str,
        account: &str,
        scope: &str,
    ) -> Result<Option<Connector>> {
        let row = sqlx::query(select!(
            "WHERE owner_id = $1 AND provider = $2 AND account_identifier = $3 AND account_scope = $4"
        ))
        .bind(owner)
        .bind(provider)
        .bind(account)
        .bind(scope)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a link. The same account again updates its connector, which keeps its id, records and cursors. `seal` seals
    /// the secrets for the id that the connector has in the end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn link(
        &self,
        owner: &OwnerId,
        new: &NewConnector<'_>,
        seal: impl FnOnce(ConnectorId) -> Envelope + Send,
    ) -> Result<(ConnectorId, bool)> {
        let mut tx = self.pool.begin().await?;
        // An insert that loses to a concurrent link of the same account waits for it, then finds its row.
        let inserted = sqlx::query(
            "INSERT INTO external_connectors (owner_id, id, provider, provider_type, account_identifier, \
             account_scope, account_label, secrets_envelope) VALUES ($1, $2, $3, $4, $5, $6, $7, '{}') \
             ON CONFLICT (owner_id, provider, account_identifier, account_scope) DO NOTHING",
        )
        .bind(owner)
        .bind(new.id)
        .bind(new.provider)
        .bind(new.provider_type)
        .bind(new.account_identifier)
        .bind(new.account_scope)
        .bind(new.account_label)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let id: ConnectorId = sqlx::query_scalar(
            "SELECT id FROM external_connectors WHERE owner_id = $1 AND provider = $2 \
             AND account_identifier = $3 AND account_scope = $4 FOR NO KEY UPDATE",
        )
        .bind(owner)
        .bind(new.provider)
        .bind(new.account_identifier)
        .bind(new.account_scope)
        .fetch_one(&mut *tx)
        .await?;
        let envelope = serde_json::to_value(seal(id)).map_err(|_| BAD_ENVELOPE)?;
        sqlx::query(
            "UPDATE external_connectors SET account_label = $3, capabilities = $4, oauth_scopes = $5, \
             secrets_envelope = $6, secret_names = $7, metadata = $8, oauth_client_id = $9, last_error = NULL, \
             updated_at = now(), status = CASE WHEN status = 'paused' THEN 'paused' ELSE 'active' END \
             WHERE owner_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(id)
        .bind(new.account_label)
        .bind(new.capabilities)
        .bind(new.oauth_scopes)
        .bind(envelope)
        .bind(new.secret_names)
        .bind(Value::Object(new.metadata.clone().into_iter().collect()))
        .bind(new.oauth_client_id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((id, inserted == 0))
    }

    /// Pauses or resumes. Answers whether it did: a deleted connector is left as it is. Once it is paused, no page is stored.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_paused(&self, owner: &OwnerId, id: ConnectorId, paused: bool) -> Result<bool> {
        let (from, to) = if paused {
            (&["active", "error", "needs_reauth", "paused"][..], "paused")
        } else {
            (&["paused"][..], "active")
        };
        let mut tx = self.pool.begin().await?;
        lock_pages(&mut tx, owner, id, Pages::Alone).await?;
        let done = sqlx::query(
            "UPDATE external_connectors SET status = $4, updated_at = now() \
             WHERE owner_id = $1 AND id = $2 AND status = ANY($3)",
        )
        .bind(owner)
        .bind(id)
        .bind(from)
        .bind(to)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a connector: its secrets, cursors and lease go, its row stays. Records go only where asked for. A run that
    /// goes on loses its lease and ends. Answers how many records went and how many stayed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_connector(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        records: bool,
    ) -> Result<(u64, u64)> {
        let mut tx = self.pool.begin().await?;
        lock_pages(&mut tx, owner, id, Pages::Alone).await?;
        sqlx::query(
            "UPDATE external_connectors SET status = 'deleted', secrets_envelope = NULL, secret_names = '{}', \
             sync_cursor = NULL, oauth_client_id = NULL, last_error = NULL, lease_run = NULL, lease_holder = NULL, \
             lease_until = NULL, updated_at = now() WHERE owner_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE external_sync_runs SET status = 'cancelled', completed_at = now() \
             WHERE owner_id = $1 AND connector_id = $2 AND status = 'running'",
        )
        .bind(owner)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM external_feeds WHERE owner_id = $1 AND connector_id = $2")
            .bind(owner)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM webhook_deliveries WHERE owner_id = $1 AND connector_id = $2")
            .bind(owner)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let gone = if records {
            sqlx::query("DELETE FROM record_reactions WHERE owner_id = $1 AND connector_id = $2")
                .bind(owner)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            sqlx::query("DELETE FROM records WHERE owner_id = $1 AND connector_id = $2")
                .bind(owner)
                .bind(id)
                .execute(&mut *tx)
                .await?
                .rows_affected()
        } else {
            0
        };
        let kept: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM records WHERE owner_id = $1 AND connector_id = $2",
        )
        .bind(owner)
        .bind(id)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((gone, kept.unsigned_abs()))
    }

    /// Takes the lock under which a connector's secrets are exchanged, across all processes, and reads them as they are
    /// now. The lock is one of its own and not the row's, so that a slow exchange with the vendor holds back neither pages
    /// nor the renewal of the lease.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock_secrets(&self, owner: &OwnerId, id: ConnectorId) -> Result<LockedSecrets> {
        let turn = Arc::clone(&self.exchanges).acquire_owned().await;
        let turn = turn.map_err(|closed| StoreError::Unavailable(closed.to_string()))?;
        let mut tx = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(lock_key("secrets", owner, id))
            .execute(&mut *tx)
            .await?;
        let stored: Option<Option<Value>> = sqlx::query_scalar(
            "SELECT secrets_envelope FROM external_connectors WHERE owner_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
        let envelope =
            stored.flatten().map(Envelope::try_from).transpose().map_err(|_| BAD_ENVELOPE)?;
        Ok(LockedSecrets { tx, _turn: turn, owner: owner.clone(), id, envelope })
    }
}

const BAD_ENVELOPE: StoreError =
    StoreError::Inconsistent { table: "external_connectors", column: "secrets_envelope" };

/// A connector's secrets while no other process exchanges them. Dropping it changes nothing.
#[derive(Debug)]
pub struct LockedSecrets {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    _turn: OwnedSemaphorePermit,
    owner: OwnerId,
    id: ConnectorId,
    /// As they are now; absent once the connector is deleted.
    pub envelope: Option<Envelope>,
}

impl LockedSecrets {
    /// Stores new secrets, with the settings that came along with them, and gives the lock back. A connector that was linked again meanwhile, which does not wait for the
    /// lock, keeps the secrets that it was given then; one that was deleted keeps none.
    ///
    /// # Errors
    /// When the database fails: the old secrets stand.
    pub async fn store(
        mut self,
        envelope: &Envelope,
        names: &[String],
        settings: &Settings,
    ) -> Result<()> {
        let json = |envelope| serde_json::to_value(envelope).map_err(|_| BAD_ENVELOPE);
        let before = self.envelope.as_ref().map(json).transpose()?;
        sqlx::query(
            "UPDATE external_connectors SET secrets_envelope = $3, secret_names = $4, metadata = metadata || $6, \
             updated_at = now() \
             WHERE owner_id = $1 AND id = $2 AND secrets_envelope = $5",
        )
        .bind(&self.owner)
        .bind(self.id)
        .bind(json(envelope)?)
        .bind(names)
        .bind(before)
        .bind(Value::Object(settings.clone().into_iter().collect()))
        .execute(&mut *self.tx)
        .await?;
        self.tx.commit().await?;
        Ok(())
    }
}
