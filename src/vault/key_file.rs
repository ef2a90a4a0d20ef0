//! The key of a server that was given none: generated once into its data directory.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use aes_gcm::aead::Generate as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{KEY_VARIABLE, MIN_KEY_CHARACTERS, PREVIOUS_KEY_VARIABLE};

/// The file's name in the data directory.
pub const FILE_NAME: &str = "key";

/// A file that is longer holds no key.
const MAX_BYTES: usize = 4096;

/// Bytes of a generated key: 256 bits and one byte more, which make 44 characters without padding.
const KEY_BYTES: usize = 33;

/// Why there is no key to be had from a data directory. Says what to do, and never what the file holds.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file or its directory cannot be read or written.
    #[error("cannot {doing} {}: {cause}; make it accessible, or set {KEY_VARIABLE}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        cause: io::Error,
    },
    /// Other users may read or change the file, so that it may be secret no longer.
    #[error(
        "{} is open to other users (mode {mode:04o}): if none of them has seen it, run `chmod 600` on it; else set \
         {KEY_VARIABLE} to a new key and {PREVIOUS_KEY_VARIABLE} to this one, and run `neotoma keys rotate`",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not one that [`read_or_create`] makes.
    #[error(
        "{} holds no key ({why}): restore it from a backup; or remove it, and a new one is made, but accounts that are \
         linked already must be linked again",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A new key: 44 characters of the URL-safe base64 alphabet, with more than 256 random bits.
///
/// # Panics
/// When the operating system has no random bytes to give.
pub fn generate() -> SecretString {
    let bytes = Zeroizing::new(<[u8; KEY_BYTES]>::generate());
    SecretString::from(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)).as_str())
}

/// The key in that data directory; `None` when there is none.
///
/// # Errors
/// [`KeyFileError`] when there is a file, and it cannot be read, is open to other users, or holds no key.
pub fn read(data_dir: &Path) -> Result<Option<SecretString>, KeyFileError> {
    let path = data_dir.join(FILE_NAME);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(KeyFileError::Io { doing: "open", path, cause }),
    };
    check(&file, &path)?;
    // With more room than is read, so that it never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_BYTES));
    if let Err(cause) = file.take(MAX_BYTES as u64).read_to_end(&mut bytes) {
        return Err(KeyFileError::Io { doing: "read", path, cause });
    }
    let key = std::str::from_utf8(&bytes).ok().map(str::trim);
    let why = match key {
        _ if bytes.len() == MAX_BYTES => "it is too long",
        None => "it is not text",
        Some("") => "it is empty",
        Some(key) if key.contains(char::is_control) => "it has more than one line",
        Some(key) if key.chars().count() < MIN_KEY_CHARACTERS => "it is too short",
        Some(key) => return Ok(Some(SecretString::from(key))),
    };
    Err(KeyFileError::Unusable { path, why })
}

/// The key in that data directory; where there is none, a new one is stored first. Processes that start at once all get
/// the same. The directory is made (mode 0700) if need be; the file has mode 0600.
///
/// Waits for the disk: not for an async task.
///
/// # Errors
/// [`KeyFileError`], as [`read`], or when nothing can be written there.
pub fn read_or_create(data_dir: &Path) -> Result<SecretString, KeyFileError> {
    if let Some(key) = read(data_dir)? {
        return Ok(key);
    }
    create(data_dir, &generate())?;
    // Read in any case: the key of whoever was first counts, and this proves that the next start can read it.
    read(data_dir)?.ok_or_else(|| {
        let path = data_dir.join(FILE_NAME);
        KeyFileError::Io { doing: "find again", path, cause: ErrorKind::NotFound.into() }
    })
}

/// Stores `key` unless there is one. It is whole and on disk before it has its name, so that nobody sees half of it and
/// nothing is sealed with a key that a crash takes away.
fn create(data_dir: &Path, key: &SecretString) -> Result<(), KeyFileError> {
    let at = |doing, path: &Path| {
        let path = path.to_owned();
        move |cause| KeyFileError::Io { doing, path, cause }
    };
    private_directory().create(data_dir).map_err(at("make the directory", data_dir))?;
    let draft = Draft(data_dir.join(format!(".{FILE_NAME}-{}", uuid::Uuid::new_v4().simple())));
    draft.write(key).map_err(at("write", &draft.0))?;
    let path = data_dir.join(FILE_NAME);
    match fs::hard_link(&draft.0, &path) {
        Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(at("create", &path)(cause)),
        _ => sync_directory(data_dir).map_err(at("sync", data_dir)),
    }
}

/// A file that is gone when this is dropped.
struct Draft(PathBuf);

impl Draft {
    fn write(&self, key: &SecretString) -> io::Result<()> {
        let mut file = private_file().open(&self.0)?;
        file.write_all(key.expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It has its other name, or is of no use; if it stays, it is a private file that nobody reads.
        let _ = fs::remove_file(&self.0);
    }
}

/// Refuses what is no file, and what other users may open. Mending the mode here would hide that they could.
fn check(file: &File, path: &Path) -> Result<(), KeyFileError> {
    let path = path.to_owned();
    let found = match file.metadata() {
        Ok(found) => found,
        Err(cause) => return Err(KeyFileError::Io { doing: "examine", path, cause }),
    };
    if !found.is_file() {
        return Err(KeyFileError::Unusable { path, why: "it is not a file" });
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path, mode });
        }
    }
    Ok(())
}

/// Makes a directory and those above it for this user alone. Elsewhere than on Unix the user's profile is private.
fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes a file for this user alone, and only where there is none.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Puts a new name on disk; Windows does that by itself.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Barrier, thread};

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    }

    /// Puts a file where the key belongs.
    fn planted(content: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut file = private_file().open(dir.path().join(FILE_NAME)).unwrap();
        file.write_all(content).unwrap();
        dir
    }

    #[test]
    fn a_generated_key_is_long_url_safe_and_never_twice_the_same() {
        let keys: HashSet<String> =
            (0..100).map(|_| generate().expose_secret().to_owned()).collect();
        assert_eq!(keys.len(), 100);
        for key in &keys {
            assert_eq!(key.len(), 44);
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        }
    }

    #[test]
    fn the_second_start_finds_the_key_of_the_first() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("share").join("neotoma");
        assert!(read(&dir).unwrap().is_none());
        let first = read_or_create(&dir).unwrap();
        let second = read_or_create(&dir).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(names(&dir), [FILE_NAME]);
    }

    #[cfg(unix)]
    #[test]
    fn key_and_directory_are_for_the_servers_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("data");
        read_or_create(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(FILE_NAME)), 0o600);
    }

    #[test]
    fn starts_at_once_all_get_the_same_key_and_leave_no_drafts() {
        for _ in 0..20 {
            let parent = tempfile::tempdir().unwrap();
            let dir = parent.path().join("data");
            let barrier = Barrier::new(8);
            let keys: HashSet<String> = thread::scope(|scope| {
                let starts: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            read_or_create(&dir).unwrap().expose_secret().to_owned()
                        })
                    })
                    .collect();
                starts.into_iter().map(|start| start.join().unwrap()).collect()
            });
            assert_eq!(keys.len(), 1);
            assert_eq!(names(&dir), [FILE_NAME]);
        }
    }

    #[test]
    fn whoever_finds_no_key_but_comes_second_does_not_replace_the_first_ones() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), &generate()).unwrap();
        let first = read(dir.path()).unwrap().unwrap();
        create(dir.path(), &generate()).unwrap();
        let second = read(dir.path()).unwrap().unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_other_users_may_read_or_change_is_refused_and_not_mended() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = planted(generate().expose_secret().as_bytes());
        let path = dir.path().join(FILE_NAME);
        for exposed in [0o640, 0o604, 0o620, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).unwrap();
            let refused = read_or_create(dir.path()).unwrap_err();
            assert!(matches!(refused, KeyFileError::Exposed { mode, .. } if mode == exposed));
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
            assert_eq!(mode(&path), exposed);
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_not_replaced() {
        let long = "k".repeat(MAX_BYTES);
        for (content, why) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"planted-but-short", "too short"),
            (b"planted-planted-planted-planted\nplanted-planted-planted", "more than one line"),
            (b"\xff\xfeplanted-planted-planted-planted", "not text"),
            (long.as_bytes(), "too long"),
        ] {
            let dir = planted(content);
            let refused = read_or_create(dir.path()).unwrap_err();
            let text = format!("{refused} {refused:?}");
            assert!(text.contains(why) && !text.contains("planted"), "{why}: {text}");
            assert_eq!(fs::read(dir.path().join(FILE_NAME)).unwrap(), content);
        }
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(FILE_NAME)).unwrap();
        assert!(read_or_create(dir.path()).unwrap_err().to_string().contains("it is not a file"));
    }

    #[test]
    fn a_data_directory_that_cannot_be_made_is_named_with_the_other_way() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = read_or_create(&file.join("data")).unwrap_err().to_string();
        assert!(refused.contains("file/data") && refused.contains(KEY_VARIABLE), "{refused}");
    }
}
