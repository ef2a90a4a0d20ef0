//! What the use cases stand on once it is opened: the database, the vault and the engine.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    sync::{Mutex, Notify, Semaphore},
    time::MissedTickBehavior,
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::{Error, Result};
use crate::{
    config::Settings,
    http::Transport,
    oauth::Apps,
    store::{
        Store, StoreError,
        embedded::{self, Embedded},
    },
    sync::{Engine, Failure},
    vault::{KEY_VARIABLE, Vault, key_file},
};

/// The opened parts.
pub(super) struct Core {
    pub engine: Arc<Engine>,
    embedded: Arc<Mutex<Option<Embedded>>>,
    _watch: Option<AbortOnDropHandle<()>>,
    /// Attempts to link that are being finished: a code that has gone out is not given up.
    pub finishing: TaskTracker,
    /// Fires when an attempt to link has ended in this process.
    pub attempt_ended: Notify,
    /// How many connectors' deliveries are read at once.
    pub readers: Semaphore,
}

/// How many connectors' deliveries are read at once: each run takes a few connections to the database.
const READERS: usize = 4;

/// How often it is looked whether the embedded server is still there.
const LOOK: Duration = Duration::from_secs(2);

impl Core {
    /// Starts the embedded database where none is named, connects, migrates, and reads the key.
    pub(super) async fn open(
        settings: &Settings,
        transport: &Transport,
        apps: &Apps,
    ) -> Result<Self> {
        let (options, embedded) = if let Some(url) = &settings.database_url {
            (connect_options(url)?, None)
        } else {
            let tell = |line: &str| tracing::warn!("{line}");
            let server = embedded::start(&embedded_options(settings), tell)
                .await
                .map_err(|error| Error::Database(error.to_string()))?;
            (server.connect_options(), Some(server))
        };
        let vault = vault(settings).await?;
        let store = Store::connect(options).await?;
        let watched = embedded.is_some();
        let embedded = Arc::new(Mutex::new(embedded));
        let watch =
            watched.then(|| AbortOnDropHandle::new(tokio::spawn(keep_up(Arc::clone(&embedded)))));
        let engine = Engine::new(store, vault, transport.clone(), apps.clone());
        Ok(Self {
            engine,
            embedded,
            _watch: watch,
            finishing: TaskTracker::new(),
            attempt_ended: Notify::new(),
            readers: Semaphore::new(READERS),
        })
    }

    pub(super) fn store(&self) -> &Store {
        &self.engine.store
    }

    pub(super) async fn close(&self) {
        self.finishing.close();
        self.finishing.wait().await;
        self.engine.close().await;
        self.engine.store.close().await;
        if let Some(server) = self.embedded.lock().await.take()
            && let Err(error) = server.stop().await
        {
            tracing::warn!(%error, "the embedded database could not be left cleanly");
        }
    }
}

/// Brings the embedded server back should it be lost while the program goes on: killed, or ended by the system.
async fn keep_up(embedded: Arc<Mutex<Option<Embedded>>>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let server = embedded.lock().await;
        let Some(server) = server.as_ref() else { return };
        if !server.is_running() {
            tracing::warn!("the embedded database was lost; it is started again");
            if let Err(error) = server.revive(|line| tracing::warn!("{line}")).await {
                tracing::warn!(%error, "the embedded database could not be started again");
            }
        }
    }
}

/// Where the embedded database and the generated key lie.
pub(super) fn data_dir(settings: &Settings) -> PathBuf {
    settings.data_dir.clone().unwrap_or_else(embedded::default_data_dir)
}

pub(super) fn embedded_options(settings: &Settings) -> embedded::Options {
    embedded::Options {
        bin_dir: settings.pg_bin.clone(),
        ..embedded::Options::new(data_dir(settings))
    }
}

/// The address without its password in any message.
pub(super) fn connect_options(url: &SecretString) -> Result<PgConnectOptions> {
    PgConnectOptions::from_str(url.expose_secret()).map_err(|_| {
        Error::Database("DATABASE_URL is not an address as postgres://user@host/name".into())
    })
}

/// The vault by the configured key; with the embedded database by one that is made once and kept beside it.
pub(super) async fn vault(settings: &Settings) -> Result<Vault> {
    let dir = data_dir(settings);
    let embedded = settings.database_url.is_none();
    let mut previous = settings.previous_keys.clone();
    let current = match &settings.secret_key {
        Some(key) => {
            if embedded {
                // A key that was made here before another was configured still opens what it sealed.
                previous.extend(blocking(move || key_file::read(&dir)).await?);
            }
            key.clone()
        }
        None if embedded => blocking(move || key_file::read_or_create(&dir)).await?,
        None => {
            return Err(Error::Vault(format!(
                "{KEY_VARIABLE} is not set: give a key of 32 or more characters, as `neotoma keys generate` makes one"
            )));
        }
    };
    Vault::new(&current, &previous).map_err(|error| Error::Vault(error.to_string()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, key_file::KeyFileError> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::Vault(error.to_string())),
        Err(join) => Err(Error::Vault(join.to_string())),
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull => Self::DiskFull,
            other => Self::Database(other.to_string()),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Vendor(error) => Self::Vendor(error),
            Failure::Store(error) => error.into(),
            Failure::File(why) => Self::invalid("file", why),
        }
    }
}
