//! Systems without an embedded database: everything says so.
#![expect(clippy::unused_async, reason = "the signatures are those of the systems that have one")]

use sqlx::postgres::PgConnectOptions;

use super::{Check, EmbeddedError, Kind, Options, Report};

fn unsupported() -> EmbeddedError {
    EmbeddedError::new(
        Kind::Unsupported,
        "there is no embedded database on this system",
        "set DATABASE_URL to a PostgreSQL database",
    )
}

/// Does not exist here.
#[derive(Debug)]
pub enum Embedded {}

impl Embedded {
    /// How to connect.
    pub fn connect_options(&self) -> PgConnectOptions {
        match *self {}
    }

    /// The server's version.
    pub fn version(&self) -> &str {
        match *self {}
    }

    /// Whether this process started the server.
    pub fn started(&self) -> bool {
        match *self {}
    }

    /// Whether the server's process is there.
    pub fn is_running(&self) -> bool {
        match *self {}
    }

    /// Brings a lost server back.
    pub async fn revive(
        &self,
        _progress: impl Fn(&str) + Send + Sync,
    ) -> Result<(), EmbeddedError> {
        match *self {}
    }

    /// Leaves the cluster.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        match self {}
    }
}

/// Always an error.
///
/// # Errors
/// [`Kind::Unsupported`].
pub async fn start(
    _options: &Options,
    _progress: impl Fn(&str) + Send + Sync,
) -> Result<Embedded, EmbeddedError> {
    Err(unsupported())
}

/// Nothing is ever running here.
///
/// # Errors
/// None.
pub async fn stop_if_unused(_options: &Options) -> Result<bool, EmbeddedError> {
    Ok(false)
}

/// Says that a database must be given.
pub async fn inspect(options: &Options) -> Report {
    let checks = vec![Check::failed("server", &unsupported())];
    Report { data_dir: options.data_dir.clone(), checks }
}
