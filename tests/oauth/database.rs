//! A database of a test's own, and how the program reaches it.

use sqlx::{ConnectOptions as _, PgPool};
use tempfile::TempDir;

use crate::postgres::fresh_database;

/// `CONNECTOR_SECRET_KEY` of all of them.
pub const KEY: &str = "tests-tests-tests-tests-tests-tests";

/// An empty database, and a folder that goes with it.
pub struct Database {
    /// Connections beside those of the program.
    pub pool: PgPool,
    /// `HOME` of whoever uses it.
    pub home: TempDir,
}

impl Database {
    pub async fn new() -> Self {
        Self { pool: fresh_database().await, home: tempfile::tempdir().unwrap() }
    }

    /// `DATABASE_URL` of whoever is to use it.
    pub fn url(&self) -> String {
        self.pool.connect_options().to_url_lossy().into()
    }
}
