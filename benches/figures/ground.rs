//! What everything stands on: one embedded server with the settings that people get, a database a shape, an account linked.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use neotoma_importers::{
    ids::{ConnectorId, OwnerId},
    oauth::binding,
    provider::{AnyProvider, Settings},
    store::{
        NewConnector, Store,
        embedded::{self, Embedded, Options},
    },
    vault::{SecretMap, Vault},
};
use secrecy::SecretString;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tempfile::TempDir;

use crate::cpu;

/// The key that secrets are sealed with.
pub const KEY: &str = "a-key-of-the-figures-0123456789-abcdef";
/// Whose everything is.
pub const OWNER: &str = "local";

/// The embedded server, in a folder that goes with it.
pub struct Ground {
    server: Embedded,
    process: u32,
    _folder: TempDir,
}

impl Ground {
    /// Starts the server.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn open() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // Closed otherwise to the account that the server has when this is root.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
        let data = folder.path().canonicalize()?.join("data");
        let mut options = Options::new(&data);
        options.bin_dir = std::env::var_os("NEOTOMA_PG_BIN").map(PathBuf::from);
        let server = embedded::start(&options, |line| eprintln!("{line}")).await?;
        let process = std::fs::read_to_string(data.join("cluster/postmaster.pid"))?;
        let process = process.lines().next().unwrap_or_default().parse()?;
        Ok(Self { server, process, _folder: folder })
    }

    /// The server's version.
    pub fn version(&self) -> &str {
        self.server.version()
    }

    /// Makes an empty database with the tables in it.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn database(&self, name: &str) -> anyhow::Result<Database> {
        let admin = self.server.connect_options();
        let mut connection = admin.connect().await?;
        for sql in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
        connection.close().await?;
        let options = admin.database(name);
        let store = Store::connect(options.clone()).await?;
        let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(options.clone());
        Ok(Database { options, store, pool, server: self.process })
    }

    /// Stops the server.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.server.stop().await?)
    }
}

/// A database of one figure's, or of several that follow one another.
pub struct Database {
    options: PgConnectOptions,
    store: Store,
    /// Looks at it beside the program.
    pub pool: PgPool,
    server: u32,
}

/// What was written since a moment.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Bytes of the write-ahead log.
    pub wal: i64,
    /// Rows of `records` that any transaction since has written.
    pub rows: i64,
    /// Seconds of processor time of the server's.
    pub cpu: f64,
}

/// A moment of a database.
#[derive(Clone, Debug)]
pub struct Mark {
    wal: String,
    transaction: i64,
    cpu: f64,
}

impl Database {
    /// How other processes reach it.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(self.options.connect().await?)
    }

    /// Links an account, as the program does, with a token that does not end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn link(
        &self,
        provider: &dyn AnyProvider,
        account: &str,
    ) -> anyhow::Result<ConnectorId> {
        let spec = provider.spec();
        let owner = OwnerId::new(OWNER)?;
        let vault = Vault::new(&SecretString::from(KEY), &[])?;
        let secrets: SecretMap = [("access_token", "a-token")].into_iter().collect();
        let (names, metadata) = (vec!["access_token".to_owned()], Settings::new());
        let new = NewConnector {
            id: ConnectorId::generate(),
            provider: spec.id,
            provider_type: spec.category.as_str(),
            account_identifier: account,
            account_scope: "",
            account_label: "",
            capabilities: &[],
            oauth_scopes: &[],
            secret_names: &names,
            oauth_client_id: None,
            metadata: &metadata,
        };
        let seal = |id| vault.seal(&binding(&owner, id, spec), &secrets);
        Ok(self.store.link(&owner, &new, seal).await?.0)
    }

    /// Tidies up, so that neither the server's housekeeping nor what an earlier figure left counts with the next.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle(&self) -> anyhow::Result<()> {
        for sql in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
            sqlx::raw_sql(sql).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// This moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark(&self) -> anyhow::Result<Mark> {
        let sql = "SELECT pg_current_wal_insert_lsn()::text, pg_current_xact_id()::text::bigint";
        let (wal, transaction) = sqlx::query_as(sql).fetch_one(&self.pool).await?;
        Ok(Mark { wal, transaction, cpu: cpu::of_tree(self.server) })
    }

    /// What was written since a moment: looked up in the log's place and in the rows themselves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn since(&self, mark: &Mark) -> anyhow::Result<Written> {
        let cpu = cpu::of_tree(self.server) - mark.cpu;
        let sql = "SELECT (pg_current_wal_insert_lsn() - $1::pg_lsn)::bigint";
        let wal = sqlx::query_scalar(sql).bind(&mark.wal).fetch_one(&self.pool).await?;
        let sql = "SELECT count(*) FROM records WHERE xmin::text::bigint > $1";
        let rows = sqlx::query_scalar(sql).bind(mark.transaction).fetch_one(&self.pool).await?;
        Ok(Written { wal, rows, cpu })
    }

    /// A number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Ends the connections.
    pub async fn close(self) {
        self.pool.close().await;
        self.store.close().await;
    }
}
