//! The data folder: where it is by default, and how it is made.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::{EmbeddedError, error::Kind};

/// Where data lies when `NEOTOMA_DATA_DIR` names no place: `neotoma` in the XDG data folder, for root
/// `/var/lib/neotoma`.
///
/// Where neither the environment nor the user database knows a home, it is a folder of this user's in the temporary
/// folder: it works, and [`super::inspect`] warns of it.
pub fn default_data_dir() -> PathBuf {
    let data_home = etcetera::choose_base_strategy().ok().map(|strategy| strategy.data_dir());
    choose(current_user(), data_home, &std::env::temp_dir())
}

/// Who asks, as far as the choice depends on it.
struct User {
    root: bool,
    id: u32,
    /// The home that the user database names; the environment may have none.
    home: Option<PathBuf>,
}

#[cfg(unix)]
fn current_user() -> User {
    let id = rustix::process::geteuid();
    let entry = nix::unistd::User::from_uid(id.as_raw().into()).ok().flatten();
    User { root: id.is_root(), id: id.as_raw(), home: entry.map(|entry| entry.dir) }
}

#[cfg(not(unix))]
fn current_user() -> User {
    User { root: false, id: 0, home: None }
}

fn choose(user: User, data_home: Option<PathBuf>, temporary: &Path) -> PathBuf {
    if user.root {
        return PathBuf::from("/var/lib/neotoma");
    }
    // An empty HOME makes the path relative: that is none.
    let data_home = data_home.filter(|path| path.is_absolute());
    let home = user.home.filter(|path| path.is_absolute() && path.is_dir());
    match data_home.or_else(|| home.map(|home| home.join(".local/share"))) {
        Some(data_home) => data_home.join("neotoma"),
        None => temporary.join(format!("neotoma-{}", user.id)),
    }
}

/// Makes the data folder unless it is there, checks that it is ours alone to write, and gives its real path.
///
/// A new one is open to its user only; as root others may pass through (never list), since the cluster inside belongs
/// to the database's account. What is secret in it must have its own mode.
///
/// # Errors
/// [`Kind::DataDir`] when it cannot be made, is no folder, belongs to somebody else or may be written by anybody.
pub fn create_data_dir(path: &Path) -> Result<PathBuf, EmbeddedError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| EmbeddedError::io("create the folder", parent, &error))?;
    }
    match make(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(EmbeddedError::io("create the folder", path, &error));
        }
        _ => {}
    }
    let real = path
        .canonicalize()
        .map_err(|error| EmbeddedError::io("enter the data folder", path, &error))?;
    check(&real)?;
    Ok(real)
}

#[cfg(unix)]
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
    std::fs::DirBuilder::new().mode(mode).create(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir(path)
}

/// That the folder is this user's: what others may write to, or own, is no place for keys, and root must not act in a
/// folder in which somebody else can exchange files for links.
pub(super) fn check(path: &Path) -> Result<(), EmbeddedError> {
    let metadata = path
        .metadata()
        .map_err(|error| EmbeddedError::io("look at the data folder", path, &error))?;
    let wrong = |what: String, remedy: String| {
        let problem = format!("the data folder {} {what}", path.display());
        Err(EmbeddedError::new(Kind::DataDir, problem, remedy))
    };
    if !metadata.is_dir() {
        return wrong("is not a folder".into(), "name a folder with NEOTOMA_DATA_DIR".into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let me = rustix::process::geteuid();
        if metadata.uid() != me.as_raw() {
            let owner = super::account::name(metadata.uid());
            return wrong(
                format!("belongs to {owner}"),
                format!("run neotoma as {owner}, or choose another folder with NEOTOMA_DATA_DIR"),
            );
        }
        let by_group = me.is_root() && metadata.gid() != 0 && metadata.mode() & 0o020 != 0;
        if metadata.mode() & 0o002 != 0 || by_group {
            return wrong(
                "can be written by others".into(),
                format!("chmod go-w {}", path.display()),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(root: bool, home: Option<&str>) -> User {
        User { root, id: 7, home: home.map(PathBuf::from) }
    }

    #[test]
    fn an_ordinary_user_has_the_xdg_folder_and_root_the_system_s() {
        let xdg = Some(PathBuf::from("/home/a/.local/share"));
        assert_eq!(
            choose(user(false, None), xdg.clone(), Path::new("/tmp")),
            Path::new("/home/a/.local/share/neotoma")
        );
        assert_eq!(choose(user(true, None), xdg, Path::new("/tmp")), Path::new("/var/lib/neotoma"));
    }

    #[test]
    fn without_a_home_in_the_environment_the_user_database_is_asked_then_the_temporary_folder_serves()
     {
        for none in [None, Some(PathBuf::from(".local/share"))] {
            let known = choose(user(false, Some("/")), none.clone(), Path::new("/tmp"));
            assert_eq!(known, Path::new("/.local/share/neotoma"));
            let missing = choose(user(false, Some("/nonexistent")), none, Path::new("/tmp"));
            assert_eq!(missing, Path::new("/tmp/neotoma-7"));
        }
    }

    #[test]
    fn a_new_data_folder_is_closed_to_others_and_made_with_its_parents() {
        let outer = tempfile::tempdir().unwrap();
        let made = create_data_dir(&outer.path().join("a/b")).unwrap();
        assert!(made.ends_with("a/b"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!(
                made.metadata().unwrap().mode() & 0o066,
                0,
                "nobody else may list or write it"
            );
        }
        assert_eq!(create_data_dir(&made).unwrap(), made, "twice is as good as once");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_anybody_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let outer = tempfile::tempdir().unwrap();
        std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = create_data_dir(outer.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::DataDir);
        assert!(error.remedy().starts_with("chmod go-w"), "{error}");
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = create_data_dir(file.path()).unwrap_err();
        assert!(error.problem().contains("is not a folder"), "{error}");
    }
}
