//! The database: connectors, feeds, runs and records in Postgres.
//!
//! The law: records, removals and the cursor that covers them are one transaction. Every statement names its owner; the
//! few that cannot stand in `global.rs`.

mod accounts;
mod api_tokens;
mod apply;
mod attempts;
mod batch;
mod connectors;
mod copy;
mod deliveries;
pub mod embedded;
mod feeds;
mod global;
mod leases;
mod loose;
mod patch;
mod reactions;
mod records;
mod remove;
mod rows;
mod runs;
mod spent;
mod sweep;

pub use accounts::{Account, Accounts};
pub use api_tokens::{ApiToken, TokenKind};
pub use apply::{Applied, Position, Staged};
pub use attempts::{ATTEMPT_MINUTES, Attempt, Ended, Hash, NewAttempt, Opening};
pub use batch::{Batch, Ready};
pub use connectors::{Connector, LockedSecrets, NewConnector};
pub use deliveries::{Delivery, Kept, LATER, LEFT_ASIDE};
pub use feeds::{FeedState, Listing};
pub use leases::{Ending, LEASE, Lease, Leased};
pub use records::{Found, KnownRecord, Place, Query, Stored};
pub use runs::{Run, RunsQuery};
pub use sweep::{Sweep, Unseen, hash_id};

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Semaphore;

/// Shorthand for results of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or broke off.
    #[error("{0}")]
    Unavailable(String),
    /// Its disk is full (SQLSTATE 53100).
    #[error("the disk of the database is full")]
    DiskFull,
    /// The run no longer holds the connector's lease: it must not write.
    #[error("the run no longer holds the connector")]
    LeaseLost,
    /// Writers got in each other's way; the same again will do.
    #[error("the database ended a transaction in favour of another: {0}")]
    Contended(String),
    /// The connector was paused: its run stops.
    #[error("the connector is paused")]
    Paused,
    /// What is stored is not what this program writes.
    #[error("{table}.{column} holds something unexpected")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The statement was refused: a defect of ours.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => match cause.code().as_deref() {
                Some("53100") => Self::DiskFull,
                // Deadlock, serialization failure.
                Some("40P01" | "40001") => Self::Contended(cause.message().to_owned()),
                // A standby, or a server that was set to be read alone.
                Some("25006") => Self::Unavailable(cause.message().to_owned()),
                // Connection exceptions, insufficient resources, operator intervention, system errors.
                Some(code)
                    if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) =>
                {
                    Self::Unavailable(cause.message().to_owned())
                }
                _ => Self::Refused(cause.message().to_owned()),
            },
            sqlx::Error::PoolTimedOut => {
                let patience = Store::PATIENCE.as_secs();
                Self::Unavailable(format!("no connection was to be had within {patience} s"))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// Migrations, embedded into the program.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The database, connected and migrated.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    /// Each exchange of secrets keeps a connection for as long as the vendor takes; so many may at once.
    exchanges: Arc<Semaphore>,
    /// A page that is stored ahead of its turn keeps one until its turn comes.
    ahead: Arc<Semaphore>,
}

impl Store {
    /// Connections of one process. A run uses one a feed and a few more; tools use one each.
    const CONNECTIONS: u32 = 12;
    /// How many of them are opened before they are asked for, and kept: one that was just given back is looked at first, and
    /// whoever comes meanwhile takes the other.
    const KEPT: u32 = 2;
    /// How many of them exchanges of secrets may hold.
    const EXCHANGES: usize = 4;
    /// How many of them pages ahead of their turn may hold.
    const AHEAD: usize = 4;
    /// A connection that was used just now is not asked whether it is still there.
    const FRESH: Duration = Duration::from_millis(100);
    /// How long one is waited for. A server that refuses connections is asked again and again until then: somebody waits for
    /// an answer meanwhile.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Connects and brings the tables up to date. Two processes that do so at once both come up: migrations run under an
    /// advisory lock.
    ///
    /// # Errors
    /// When the database cannot be reached, or its tables were made by a newer program.
    pub async fn connect(options: PgConnectOptions) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .min_connections(Self::KEPT)
            .max_connections(Self::CONNECTIONS)
            .acquire_timeout(Self::PATIENCE)
            .test_before_acquire(false)
            .before_acquire(|connection, last| {
                Box::pin(async move {
                    if last.idle_for > Self::FRESH {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options.application_name("neotoma"))
            .await?;
        MIGRATIONS.run(&pool).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            sqlx::migrate::MigrateError::VersionMissing(version) => StoreError::Refused(format!(
                "its tables are of a newer version ({version}) than this program: update neotoma"
            )),
            other => StoreError::Refused(other.to_string()),
        })?;
        let (exchanges, ahead) = (Semaphore::new(Self::EXCHANGES), Semaphore::new(Self::AHEAD));
        Ok(Self { pool, exchanges: Arc::new(exchanges), ahead: Arc::new(ahead) })
    }

    /// Ends the connections, after the statements at hand.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A time of ours as the driver takes it. One before the year -4700 becomes that: Postgres begins a little earlier, and
/// would refuse the whole statement.
fn to_db(at: jiff::Timestamp) -> jiff_sqlx::Timestamp {
    const FIRST: jiff::Timestamp = jiff::Timestamp::constant(-210_484_915_200, 0);
    jiff_sqlx::ToSqlx::to_sqlx(at.max(FIRST))
}
