//! Who uses the cluster, and who may start or stop it.
//!
//! Both locks go with the process that holds them, however it ends. They are not inherited by the server: the standard
//! library opens files close-on-exec.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{EmbeddedError, error::Kind};

/// How often a lock that somebody holds is asked for again.
const POLL: Duration = Duration::from_millis(10);
/// A wait that a person would notice.
const NOTICED: Duration = Duration::from_millis(500);

fn open(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| EmbeddedError::io("open", path, &error))
}

fn held(path: &Path, result: Result<(), TryLockError>) -> Result<bool, EmbeddedError> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", path, &error)),
    }
}

/// The right to start or stop the server, given up when dropped.
#[derive(Debug)]
pub(super) struct Control {
    file: File,
}

impl Control {
    /// Waits for it; tells `waiting` once when that takes a while.
    ///
    /// # Errors
    /// [`Kind::Busy`] when somebody else has it for longer than `limit`.
    pub async fn acquire(
        path: &Path,
        limit: Duration,
        waiting: impl Fn() + Send,
    ) -> Result<Self, EmbeddedError> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            if let Some(control) = Self::try_acquire(path)? {
                return Ok(control);
            }
            if begun.elapsed() > limit {
                return Err(EmbeddedError::new(
                    Kind::Busy,
                    format!(
                        "another neotoma has been starting or stopping the database for {} s",
                        limit.as_secs()
                    ),
                    "end that process (fuser on control.lock in the data folder names it), and try again",
                ));
            }
            if !told && begun.elapsed() > NOTICED {
                told = true;
                waiting();
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Takes it if nobody has it.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, EmbeddedError> {
        let file = open(path)?;
        Ok(held(path, file.try_lock())?.then_some(Self { file }))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Not left to the closing of the file: a child between fork and exec holds it open a moment longer. Should it
        // fail, the closing does it.
        let _ = self.file.unlock();
    }
}

/// The note that this process uses the cluster, taken back when dropped.
#[derive(Debug)]
pub(super) struct User {
    path: PathBuf,
    file: File,
}

impl User {
    /// Joins the users. Only under [`Control`]: nobody can hold the lock for himself then.
    pub fn join(path: PathBuf) -> Result<Self, EmbeddedError> {
        let file = open(&path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { path, file }),
            Err(error) => Err(EmbeddedError::io("lock", &path, &io::Error::from(error))),
        }
    }

    /// Leaves the users.
    pub fn leave(&self) -> Result<(), EmbeddedError> {
        self.file.unlock().map_err(|error| EmbeddedError::io("unlock", &self.path, &error))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // As for `Control`; unlocking twice does no harm.
        let _ = self.file.unlock();
    }
}

/// Whether any process uses the cluster. Only under [`Control`].
pub(super) fn in_use(path: &Path) -> Result<bool, EmbeddedError> {
    let file = open(path)?;
    let free = held(path, file.try_lock())?;
    if free {
        file.unlock().map_err(|error| EmbeddedError::io("unlock", path, &error))?;
    }
    Ok(!free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_counted_until_the_last_has_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.lock");
        assert!(!in_use(&path).unwrap());
        let (first, second) =
            (User::join(path.clone()).unwrap(), User::join(path.clone()).unwrap());
        first.leave().unwrap();
        assert!(in_use(&path).unwrap());
        drop(second);
        assert!(!in_use(&path).unwrap());
    }

    #[tokio::test]
    async fn only_one_has_control_and_the_next_is_told_to_wait_in_bounded_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.lock");
        let first = Control::try_acquire(&path).unwrap().unwrap();
        assert!(Control::try_acquire(&path).unwrap().is_none());
        let error = Control::acquire(&path, Duration::ZERO, || ()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        drop(first);
        Control::acquire(&path, Duration::ZERO, || ()).await.unwrap();
    }
}
