//! What lies where in the data folder.
//!
//! All but two entries are ours; the cluster and the socket's folder belong to the account that the server runs as.
//! As root we therefore never write below a folder that another account could exchange for a link.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{EmbeddedError, account::Account, error::Kind};

/// How a cluster in the making is named, with a random ending.
const UNFINISHED: &str = "cluster.init-";
/// The longest path of a socket that all systems take (macOS: 104 with the closing zero byte, Linux 108).
const MAX_SOCKET_PATH: usize = 103;
/// What PostgreSQL calls its socket on the only port that we use.
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// A log that is longer at a start is set aside, and the one before it forgotten, in bytes.
const MAX_LOG: u64 = 1024 * 1024;

/// The paths in one data folder.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Of a data folder given by its real path.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn cluster(&self) -> PathBuf {
        self.root.join("cluster")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    pub fn control_lock(&self) -> PathBuf {
        self.root.join("control.lock")
    }

    pub fn users_lock(&self) -> PathBuf {
        self.root.join("users.lock")
    }

    pub fn pid_file(&self) -> PathBuf {
        self.cluster().join("postmaster.pid")
    }

    /// A folder of the account's to make a cluster in. Its name is its own, so that an `initdb` that outlived its
    /// killed parent does not write into it.
    pub fn begin_cluster(&self, account: &Account) -> Result<PathBuf, EmbeddedError> {
        let path = self.root.join(format!("{UNFINISHED}{:016x}", rand::random::<u64>()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .and_then(|()| account.give(&path))
            .map_err(|error| EmbeddedError::io("create", &path, &error))?;
        Ok(path)
    }

    /// Makes a finished cluster the one that is used, for good.
    pub fn finish_cluster(&self, made: &Path) -> Result<(), EmbeddedError> {
        fs::rename(made, self.cluster())
            .and_then(|()| fs::File::open(&self.root)?.sync_all())
            .map_err(|error| EmbeddedError::io("move into place", made, &error))
    }

    /// What earlier starts left unfinished.
    pub fn unfinished(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let unfinished =
            |entry: &fs::DirEntry| entry.file_name().as_bytes().starts_with(UNFINISHED.as_bytes());
        entries.filter(unfinished).map(|entry| entry.path()).collect()
    }

    /// Writes a file of ours that the account may read, whole or not at all.
    pub fn write(&self, name: &str, text: &str, account: &Account) -> Result<(), EmbeddedError> {
        let (path, new) = (self.root.join(name), self.root.join(format!("{name}.new")));
        let written = (|| {
            if let Err(error) = fs::remove_file(&new)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o640).open(&new)?;
            std::os::unix::fs::fchown(&file, None, Some(account.gid))?;
            io::Write::write_all(&mut file, text.as_bytes())?;
            fs::rename(&new, &path)
        })();
        written.map_err(|error| EmbeddedError::io("write", &path, &error))
    }

    /// The server's log, the account's to write, cut to a bounded length. Gives the length it has.
    pub fn prepare_log(&self, account: &Account) -> Result<u64, EmbeddedError> {
        let log = self.log();
        let prepared = (|| {
            let too_long = log.symlink_metadata().is_ok_and(|metadata| metadata.len() > MAX_LOG);
            if too_long {
                fs::rename(&log, self.root.join("server.log.1"))?;
            }
            let file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
                .open(&log)?;
            let metadata = file.metadata()?;
            if metadata.uid() != account.uid {
                std::os::unix::fs::fchown(&file, Some(account.uid), Some(account.gid))?;
            }
            Ok(metadata.len())
        })();
        prepared.map_err(|error: io::Error| EmbeddedError::io("write", &log, &error))
    }

    /// The folder of the socket, made, the account's alone, and rid of what a dead server left in it. To be called
    /// when no server runs.
    ///
    /// It lies in the data folder where a path to it is short and plain enough (`unix_socket_directories` is a list,
    /// and the operating systems allow about 107 bytes), else in the temporary folder under a name made of the user
    /// and the data folder. Not in `XDG_RUNTIME_DIR`: that goes when the person logs out, the server does not.
    pub fn socket_folder(&self, account: &Account) -> Result<PathBuf, EmbeddedError> {
        let own = self.root.join("socket");
        let folder = if fits(&own) { own } else { self.short_folder(account)? };
        self.make_private(&folder, account)?;
        for stale in [SOCKET_NAME.to_owned(), format!("{SOCKET_NAME}.lock")] {
            let path = folder.join(stale);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(EmbeddedError::io("remove", &path, &error));
                }
                _ => {}
            }
        }
        Ok(folder)
    }

    fn short_folder(&self, account: &Account) -> Result<PathBuf, EmbeddedError> {
        let mut digest = Sha256::new();
        digest.update(account.uid.to_be_bytes());
        digest.update(self.root.as_os_str().as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let number = digest.first_chunk().copied().map_or(0, u64::from_be_bytes);
        let name = format!("neotoma-{number:016x}");
        [std::env::temp_dir(), PathBuf::from("/tmp")]
            .into_iter()
            .map(|folder| folder.join(&name))
            .find(|folder| fits(folder))
            .ok_or_else(|| {
                EmbeddedError::new(
                    Kind::DataDir,
                    "neither the data folder nor the temporary one has a path short enough for a socket",
                    "choose a shorter NEOTOMA_DATA_DIR or TMPDIR",
                )
            })
    }

    /// Makes a folder that only the account enters, or finds it so.
    fn make_private(&self, folder: &Path, account: &Account) -> Result<(), EmbeddedError> {
        let failed = |error: io::Error| EmbeddedError::io("create", folder, &error);
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => return account.give(folder).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let metadata = folder.symlink_metadata().map_err(failed)?;
        let private =
            metadata.is_dir() && metadata.uid() == account.uid && metadata.mode() & 0o777 == 0o700;
        if private {
            return Ok(());
        }
        if metadata.is_dir() && folder.starts_with(&self.root) {
            // In our own folder nobody else can have put it there: the account or the mode has changed.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
            return account.give(folder).map_err(failed);
        }
        Err(EmbeddedError::new(
            Kind::DataDir,
            format!("{} is not a private folder of the database's account", folder.display()),
            "remove it, or choose a shorter NEOTOMA_DATA_DIR, whose socket does not need it",
        ))
    }
}

/// Whether a socket in `folder` can be listened at, and `folder` be written into a list without quotes.
fn fits(folder: &Path) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-+@".contains(b);
    let path = folder.as_os_str().as_bytes();
    path.iter().all(plain) && path.len() + 1 + SOCKET_NAME.len() <= MAX_SOCKET_PATH
}

/// The socket in its folder.
pub(super) fn socket_in(folder: &Path) -> PathBuf {
    folder.join(SOCKET_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> (tempfile::TempDir, Layout, Account) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().canonicalize().unwrap());
        (folder, layout.clone(), Account::choose(&layout.cluster()).unwrap())
    }

    #[test]
    fn the_socket_lies_in_the_data_folder_unless_that_is_deep_or_oddly_named() {
        assert!(fits(Path::new("/home/a/.local/share/neotoma/socket")));
        assert!(!fits(&PathBuf::from(format!("/{}", "d".repeat(90)))));
        for odd in ["/home/a b/socket", "/home/a,b/socket", "/home/ä/socket", "/home/'/socket"] {
            assert!(!fits(Path::new(odd)), "{odd}");
        }
    }

    #[test]
    fn a_deep_data_folder_s_socket_has_a_short_place_of_its_own_each_time_the_same() {
        let (_folder, layout, account) = here();
        let deep = Layout::at(layout.root().join("d".repeat(100)));
        let first = deep.socket_folder(&account).unwrap();
        assert_eq!(first, deep.socket_folder(&account).unwrap());
        let other =
            Layout::at(layout.root().join("e".repeat(100))).socket_folder(&account).unwrap();
        assert_ne!(first, other);
        for folder in [first, other] {
            assert!(fits(&folder));
            let metadata = folder.metadata().unwrap();
            assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o700, account.uid));
            fs::remove_dir(folder).unwrap();
        }
    }

    #[test]
    fn a_folder_that_somebody_else_could_enter_is_not_taken_for_the_socket() {
        let (_folder, layout, account) = here();
        let deep = Layout::at(layout.root().join("f".repeat(100)));
        let place = deep.socket_folder(&account).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
        let error = deep.socket_folder(&account).unwrap_err();
        assert!(error.problem().contains("not a private folder"), "{error}");
        fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink(layout.root(), &place).unwrap();
        assert!(deep.socket_folder(&account).is_err(), "a link to somewhere else");
        fs::remove_file(place).unwrap();
    }

    #[test]
    fn what_a_dead_server_left_beside_its_socket_is_removed() {
        let (_folder, layout, account) = here();
        let folder = layout.socket_folder(&account).unwrap();
        let lock = folder.join(format!("{SOCKET_NAME}.lock"));
        fs::write(&lock, "1\n").unwrap();
        layout.socket_folder(&account).unwrap();
        assert!(!lock.exists());
    }

    #[test]
    fn a_long_log_is_set_aside_and_a_short_one_kept() {
        let (_folder, layout, account) = here();
        assert_eq!(layout.prepare_log(&account).unwrap(), 0);
        fs::write(layout.log(), "short").unwrap();
        assert_eq!(layout.prepare_log(&account).unwrap(), 5);
        fs::write(layout.log(), vec![b'x'; usize::try_from(MAX_LOG).unwrap() + 1]).unwrap();
        assert_eq!(layout.prepare_log(&account).unwrap(), 0);
        assert!(layout.root().join("server.log.1").exists());
    }
}
