//! Whom the server runs as: ourselves, or, since PostgreSQL refuses to run as root, an account without rights.

use std::{
    ffi::OsString,
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use nix::unistd::{Uid, User};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

use super::{EmbeddedError, error::Kind};

/// What a tool of PostgreSQL is given of our environment. Not the rest: it holds keys and tokens, and what belongs to
/// an account can be read by everything that runs as that account; `PG…` would steer the tools elsewhere.
const KEPT_VARIABLES: [&str; 5] =
    ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "TMPDIR"];

/// The account of the server's processes and the owner of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
    /// Whether it is another one than ours.
    other: bool,
}

impl Account {
    /// As root, the owner of a cluster that is there, else `postgres`, else `nobody`; otherwise ourselves.
    ///
    /// # Errors
    /// [`Kind::Account`] when the cluster belongs to somebody it cannot be run as, or no account is there.
    pub fn choose(cluster: &Path) -> Result<Self, EmbeddedError> {
        let owner = match cluster.symlink_metadata() {
            Ok(metadata) => Some((metadata.uid(), metadata.gid())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(EmbeddedError::io("look at", cluster, &error)),
        };
        let me = rustix::process::geteuid();
        if me.is_root() { Self::for_root(cluster, owner) } else { Self::own(cluster, owner) }
    }

    fn own(cluster: &Path, owner: Option<(u32, u32)>) -> Result<Self, EmbeddedError> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if let Some((owner, _)) = owner.filter(|(owner, _)| *owner != uid) {
            return Err(EmbeddedError::new(
                Kind::Account,
                format!("the database in {} belongs to {}", cluster.display(), name(owner)),
                "run neotoma as that user or as root, or choose another NEOTOMA_DATA_DIR",
            ));
        }
        if known_name(uid).is_none() {
            return Err(EmbeddedError::new(
                Kind::Account,
                format!(
                    "the user id {uid} has no name on this system, and PostgreSQL insists on one"
                ),
                "give the user an entry in /etc/passwd, or a database with DATABASE_URL",
            ));
        }
        Ok(Self { uid, gid, other: false })
    }

    fn for_root(cluster: &Path, owner: Option<(u32, u32)>) -> Result<Self, EmbeddedError> {
        match owner {
            Some((0, _)) => Err(EmbeddedError::new(
                Kind::Account,
                format!("the database in {} belongs to root, whom PostgreSQL does not serve", cluster.display()),
                format!("give it to an account without rights: chown -R postgres {}", cluster.display()),
            )),
            Some((uid, gid)) => Ok(Self { uid, gid, other: true }),
            None => ["postgres", "nobody"]
                .into_iter()
                .filter_map(|name| User::from_name(name).ok().flatten())
                .find(|user| !user.uid.is_root())
                .map(|user| Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), other: true })
                .ok_or_else(|| {
                    EmbeddedError::new(
                        Kind::Account,
                        "PostgreSQL does not run as root, and there is no account postgres or nobody",
                        "create one (useradd --system postgres), or run neotoma as an ordinary user",
                    )
                }),
        }
    }

    /// The names on this system that may be the database's user: the server's own, ours, root's.
    pub fn names(&self) -> Vec<String> {
        let me = rustix::process::geteuid().as_raw();
        let mut names: Vec<String> = [self.uid, me, 0].into_iter().filter_map(known_name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Gives a folder that we have just made to the account.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        if self.other {
            std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
        } else {
            Ok(())
        }
    }

    /// Lets the account pass through our data folder; folders above it are not ours to open.
    pub fn open_way(&self, data_dir: &Path) -> Result<(), EmbeddedError> {
        if !self.other || !self.may_not_pass(data_dir) {
            return Ok(());
        }
        let opened = data_dir.metadata().and_then(|metadata| {
            let mut mode = metadata.permissions();
            mode.set_mode(mode.mode() | 0o011);
            std::fs::set_permissions(data_dir, mode)
        });
        opened
            .map_err(|error| EmbeddedError::io("let the database's account into", data_dir, &error))
    }

    /// A tool of PostgreSQL, to be run as the account in `folder`, out of reach of a terminal's Ctrl-C.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let kept = KEPT_VARIABLES.into_iter();
        let kept = kept.filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(kept.collect::<Vec<(_, OsString)>>())
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        command.current_dir(folder).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if self.other {
            // The standard library drops root's supplementary groups along with its uid.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Starts such a tool.
    ///
    /// # Errors
    /// `kind`, saying which folder is closed to the account where that is the reason.
    pub fn spawn(&self, command: &mut Command, kind: Kind) -> Result<Child, EmbeddedError> {
        command.spawn().map_err(|error| {
            let command = command.as_std();
            let program = Path::new(command.get_program());
            let folder = command.get_current_dir().unwrap_or(Path::new("/"));
            let closed = [folder, program].into_iter().find_map(|path| self.closed(path));
            match closed.filter(|_| error.kind() == io::ErrorKind::PermissionDenied) {
                Some(closed) => EmbeddedError::new(
                    Kind::DataDir,
                    format!(
                        "the database runs as {}, and {} is closed to it",
                        name(self.uid),
                        closed.display()
                    ),
                    format!(
                        "open the way (chmod o+x {}), or choose another place with NEOTOMA_DATA_DIR or NEOTOMA_PG_BIN",
                        closed.display()
                    ),
                ),
                None => EmbeddedError::new(
                    kind,
                    format!("cannot run {}: {error}", program.display()),
                    "name a folder with PostgreSQL's programs in NEOTOMA_PG_BIN",
                ),
            }
        })
    }

    /// Runs such a tool to its end, `input` on its standard input; killed when it takes longer than `limit` or the
    /// future is dropped.
    pub async fn run(
        &self,
        command: &mut Command,
        input: &str,
        limit: Duration,
        kind: Kind,
    ) -> Result<Output, EmbeddedError> {
        let mut child = self.spawn(command.stdin(Stdio::piped()).kill_on_drop(true), kind)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A tool that has ended already says why on its standard error.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        match tokio::time::timeout(limit, child.wait_with_output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(EmbeddedError::internal(error)),
            Err(_) => Err(EmbeddedError::new(
                kind,
                format!("{program} was not done after {} s", limit.as_secs()),
                "see whether the disk is slow or full, and try again",
            )),
        }
    }

    /// The first folder on the way to `path` (or `path`) that the account may not pass, by the modes alone.
    fn closed(&self, path: &Path) -> Option<PathBuf> {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        way.into_iter().find(|step| self.may_not_pass(step)).map(Path::to_path_buf)
    }

    fn may_not_pass(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|metadata| {
            let bit = if metadata.uid() == self.uid {
                0o100
            } else if metadata.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            metadata.mode() & bit == 0
        })
    }
}

fn known_name(uid: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name)
}

/// How a person knows a user.
pub(super) fn name(uid: u32) -> String {
    known_name(uid).unwrap_or_else(|| format!("the user id {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_that_closes_the_way_is_found() {
        let outer = tempfile::tempdir().unwrap();
        let open = outer.path().join("open");
        let inner = open.join("closed/inner");
        std::fs::create_dir_all(&inner).unwrap();
        for (path, mode) in [(outer.path(), 0o755), (&open, 0o711), (&open.join("closed"), 0o700)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let stranger = Account { uid: u32::MAX - 2, gid: u32::MAX - 2, other: true };
        assert_eq!(stranger.closed(&inner), Some(open.join("closed")));
        let me = Account::choose(Path::new("/nonexistent")).unwrap();
        assert_eq!(me.closed(&open), None);
    }

    #[tokio::test]
    async fn a_tool_sees_no_secret_of_our_environment() {
        let account = Account::choose(Path::new("/nonexistent")).unwrap();
        let mut command = account.command(Path::new("/bin/sh"), Path::new("/"));
        command.arg("-c").arg("env").stdout(Stdio::piped());
        let limit = Duration::from_secs(30);
        let output = account.run(&mut command, "", limit, Kind::Init).await.unwrap();
        let names: Vec<String> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
            .collect();
        assert!(names.contains(&"LC_ALL".to_owned()), "{names:?}");
        // The test runs under cargo, which sets many.
        assert!(!names.iter().any(|name| name.starts_with("CARGO")), "{names:?}");
    }
}
