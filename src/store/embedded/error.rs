//! Why there is no embedded database, and what a person does about it.

use std::{fmt::Display, io, path::Path};

/// What kind of thing stands in the way, for programs; people read the error itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The embedded database does not exist on this operating system.
    Unsupported,
    /// There are no usable binaries of PostgreSQL.
    NoBinaries,
    /// The cluster was made by a major version that is not there.
    WrongVersion,
    /// PostgreSQL could not be fetched.
    Download,
    /// The data folder, or the way to it, does not do.
    DataDir,
    /// There is no account that the server could run as.
    Account,
    /// `initdb` failed.
    Init,
    /// The server did not come up.
    Start,
    /// The server did not go down.
    Stop,
    /// Another process holds the cluster longer than one may wait.
    Busy,
    /// The server is up and lets us not in.
    Connect,
}

/// An error of the embedded database: one sentence with the problem, one with the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct EmbeddedError {
    kind: Kind,
    problem: String,
    remedy: String,
}

impl EmbeddedError {
    pub(super) fn new(kind: Kind, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, problem: problem.into(), remedy: remedy.into() }
    }

    /// A file or folder below the data folder refused `action`.
    pub(super) fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space there, or choose another folder with NEOTOMA_DATA_DIR"
            }
            _ => {
                "choose a folder of your own with NEOTOMA_DATA_DIR, or a database with DATABASE_URL"
            }
        };
        Self::new(Kind::DataDir, format!("cannot {action} {}: {error}", path.display()), remedy)
    }

    /// Something that cannot happen unless this program is wrong, or is being shut down.
    pub(super) fn internal(error: impl Display) -> Self {
        Self::new(Kind::Start, format!("the database's start was broken off: {error}"), "try again")
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is wrong, as one sentence.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it, as one sentence.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
