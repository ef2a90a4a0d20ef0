//! The private PostgreSQL of a person who brings none.
//!
//! With no `DATABASE_URL` the store lives in a cluster of its own in the data folder. [`start`] starts its server or
//! joins the one that runs, [`Embedded::stop`] leaves it; the last process to leave stops it. Nothing here is needed
//! before the first query, so that a process that answers `tools/list` does not wait for it.
//!
//! # Processes
//! Each process that uses the cluster holds a shared lock on `users.lock`; starting, joining and stopping happen under
//! an exclusive lock on `control.lock`. Both end with their process, so that `kill -9` leaves nothing to clear up: if it
//! was the last user, the server stays up, idle, and is joined and then stopped by the next. The server runs in its own
//! session (`pg_ctl`), beyond the reach of a terminal's Ctrl-C.
//!
//! What the server says of itself in `postmaster.pid` is believed only if that process works in our cluster: pids are
//! used again. A cluster is made in a folder of another name and renamed when it is whole. One that was made by another
//! major version is not touched.
//!
//! # Who gets in
//! The server listens at a Unix socket in a folder that only its account can enter, and at no network address. Who
//! connects is told by the operating system (`peer`), against a short list: the server's account, root and the user
//! that neotoma runs as are the database's user `neotoma`. There is no password, hence none to keep, to leak, or to
//! lose; `trust` would let in whoever reaches the socket should its folder ever be opened.
//!
//! # Root
//! PostgreSQL refuses to run as root, so that its processes then run as `postgres`, else `nobody`. Of the data folder
//! only the cluster, the socket's folder and the log are theirs; the folder itself, the key and the locks are root's,
//! and others can pass through it but not list it. As root we do not use a folder of somebody else's: its owner could
//! exchange files for links under our hands.
//!
//! # Other systems
//! Outside Unix [`start`] says that a database must be given with `DATABASE_URL`.

use std::path::PathBuf;

mod data_dir;
mod error;
mod report;

#[cfg(unix)]
mod account;
#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod discover;
#[cfg(all(unix, feature = "download-postgres"))]
mod download;
#[cfg(unix)]
mod handle;
#[cfg(unix)]
mod inspect;
#[cfg(unix)]
mod layout;
#[cfg(unix)]
mod locks;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod settings;
#[cfg(not(unix))]
mod unsupported;

pub use data_dir::{create_data_dir, default_data_dir};
pub use error::{EmbeddedError, Kind};
#[cfg(unix)]
pub use handle::{Embedded, start, stop_if_unused};
#[cfg(unix)]
pub use inspect::inspect;
pub use report::{Check, Report, Verdict};
#[cfg(not(unix))]
pub use unsupported::{Embedded, inspect, start, stop_if_unused};

/// Which cluster, and with which programs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder (`NEOTOMA_DATA_DIR`): the cluster, the locks and the generated key lie in it. It is made where
    /// it is not there.
    pub data_dir: PathBuf,
    /// The folder with `postgres`, `initdb` and `pg_ctl` (`NEOTOMA_PG_BIN`); searched for when absent or empty.
    pub bin_dir: Option<PathBuf>,
    /// Server settings beyond ours, for whoever starts the server. Those of a process that joins have no effect.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// A cluster in this data folder, with the programs that the machine has.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), bin_dir: None, settings: Vec::new() }
    }

    #[cfg(unix)]
    fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().rfind(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Work with files that may take a while, off the async threads.
#[cfg(unix)]
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddedError> + Send + 'static,
) -> Result<T, EmbeddedError> {
    tokio::task::spawn_blocking(work).await.map_err(EmbeddedError::internal)?
}
