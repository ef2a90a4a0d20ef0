//! Linked accounts as people see them: with how much there is of each.

use sqlx::{PgExecutor, Row as _, postgres::PgRow};

use super::{
    Connector, Result, Store, attempts,
    connectors::{self, select},
};
use crate::ids::{ConnectorId, OwnerId};

/// A connector, and what there is of it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The connector.
    pub connector: Connector,
    /// Its records that are alive.
    pub records: u64,
    /// Removals that wait for a yes.
    pub removals_waiting: u64,
}

/// An owner's accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Oldest first.
    pub accounts: Vec<Account>,
    /// Whether [`Store::open_attempts`] may have any: told along, since mostly there is none.
    pub attempts: bool,
}

/// How much there is of a connector, by what is kept of it and not by counting its records.
macro_rules! extent {
    () => {
        ", (SELECT coalesce(sum(alive), 0)::bigint FROM record_counts k WHERE k.owner_id = $1 \
         AND k.connector_id = external_connectors.id) AS records, \
         (SELECT coalesce(sum(cardinality(pending_sweep)), 0)::bigint FROM external_feeds f WHERE f.owner_id = $1 \
         AND f.connector_id = external_connectors.id AND gone_at IS NULL) AS removals_waiting"
    };
}

const ONE: &str = select!(extent!(), "WHERE owner_id = $1 AND id = $2");
const ALL: &str = select!(
    concat!(
        extent!(),
        ", EXISTS (SELECT FROM oauth_attempts WHERE ",
        attempts::shown!(),
        ") AS attempts"
    ),
    "WHERE owner_id = $1 AND ($2::text IS NULL OR provider = $2) AND ($3 OR status <> 'deleted') \
     ORDER BY created_at, id"
);

fn read(row: &PgRow) -> Result<Account> {
    Ok(Account {
        connector: connectors::read(row)?,
        records: row.try_get::<i64, _>("records")?.unsigned_abs(),
        removals_waiting: row.try_get::<i64, _>("removals_waiting")?.unsigned_abs(),
    })
}

impl Store {
    /// One account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account(&self, owner: &OwnerId, id: ConnectorId) -> Result<Option<Account>> {
        let row = sqlx::query(ONE).bind(owner).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The owner's accounts; of one provider where it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(
        &self,
        owner: &OwnerId,
        provider: Option<&str>,
        deleted: bool,
    ) -> Result<Accounts> {
        let rows =
            sqlx::query(ALL).bind(owner).bind(provider).bind(deleted).fetch_all(&self.pool).await?;
        let attempts = rows.first().map_or(Ok(true), |row| row.try_get("attempts"))?;
        Ok(Accounts { accounts: rows.iter().map(read).collect::<Result<_>>()?, attempts })
    }
}

/// Puts together what statements left about a connector's number of records.
///
/// # Errors
/// When the database fails.
pub(super) async fn fold_counts(
    executor: impl PgExecutor<'_>,
    owner: &OwnerId,
    connector: ConnectorId,
) -> Result<()> {
    sqlx::query(
        "WITH parts AS (DELETE FROM record_counts WHERE owner_id = $1 AND connector_id = $2 AND 1 < ( \
            SELECT count(*) FROM record_counts WHERE owner_id = $1 AND connector_id = $2) RETURNING alive) \
         INSERT INTO record_counts (owner_id, connector_id, alive) SELECT $1, $2, sum(alive) FROM parts \
         HAVING sum(alive) <> 0",
    )
    .bind(owner)
    .bind(connector)
    .execute(executor)
    .await?;
    Ok(())
}
