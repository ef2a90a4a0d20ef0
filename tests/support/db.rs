//! A database of a test's own.

use sqlx::postgres::PgConnectOptions;

use crate::postgres::fresh_database;

/// An empty database; the companion of the test process drops it in the end.
pub struct Database {
    pub options: PgConnectOptions,
}

/// Makes a database on the server that all tests share.
pub async fn fresh() -> Database {
    let pool = fresh_database().await;
    let options = (*pool.connect_options()).clone();
    pool.close().await; // the rig connects as the program does
    Database { options }
}
