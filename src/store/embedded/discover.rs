//! Where PostgreSQL's programs are on this machine.

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use super::{EmbeddedError, error::Kind};

/// The oldest major version that is used.
pub(super) const OLDEST_MAJOR: u32 = 14;
/// The programs that a server is made, started and run with.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];
/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where systems put a PostgreSQL of each major version: the folder that holds the versions, how their names begin,
/// and the way to the programs in each.
const VERSIONED: [(&str, &str, &str); 13] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"), // the PostgreSQL project's packages for Red Hat and SUSE
    ("/usr/lib", "postgresql", "bin"), // SUSE
    ("/usr/lib64", "postgresql-", "bin"), // Gentoo
    ("/usr/libexec", "postgresql", ""), // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"), // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),      // EDB's installer
    ("/opt/local/lib", "postgresql", "bin"), // MacPorts
    ("/usr/local/pgsql", "", "bin"),         // built from source, versions side by side
    ("/usr/local", "pgsql", "bin"),          // built from source
];

/// How a folder of programs was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Named by `NEOTOMA_PG_BIN`.
    Setting,
    /// Named by `pg_config --bindir`.
    PgConfig,
    /// A folder where this system, or Homebrew, puts it.
    System,
    /// Along `PATH`.
    Path,
    /// Fetched into the data folder earlier.
    Fetched,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "named by NEOTOMA_PG_BIN",
            Self::PgConfig => "named by pg_config",
            Self::System => "installed on this system",
            Self::Path => "in PATH",
            Self::Fetched => "fetched",
        })
    }
}

/// A folder of programs that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder with `postgres`, `initdb` and `pg_ctl`.
    pub dir: PathBuf,
    /// The major version, as in the cluster's `PG_VERSION`.
    pub major: u32,
    /// The whole version, as `postgres --version` says it: `18.1`.
    pub version: String,
    /// How it was found.
    pub source: Source,
}

impl Binaries {
    /// One of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// What a search found: what can be used, in the order of preference, and what cannot, with the reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub usable: Vec<Binaries>,
    pub unusable: Vec<String>,
}

/// Where to search.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// `NEOTOMA_PG_BIN`: then nowhere else.
    pub setting: Option<PathBuf>,
    pub path: Option<OsString>,
    /// As [`VERSIONED`].
    pub versioned: Vec<(PathBuf, &'static str, &'static str)>,
    /// The data folder, where fetched ones lie.
    pub data_dir: PathBuf,
}

impl Search {
    /// On this machine.
    pub fn here(setting: Option<PathBuf>, data_dir: PathBuf) -> Self {
        let versioned =
            VERSIONED.iter().map(|(parent, name, inner)| (parent.into(), *name, *inner));
        Self {
            // An empty one is unset, a relative one is meant from where we are: the tools run elsewhere.
            setting: setting.and_then(|path| std::path::absolute(path).ok()),
            path: std::env::var_os("PATH"),
            versioned: versioned.collect(),
            data_dir,
        }
    }

    /// The first binaries that do: of the major version `wanted` where a cluster needs that one.
    ///
    /// # Errors
    /// [`Kind::NoBinaries`] or [`Kind::WrongVersion`], saying what was found instead.
    pub async fn first(&self, wanted: Option<u32>) -> Result<Binaries, EmbeddedError> {
        let found = self.look(|binaries| wanted.is_none_or(|major| binaries.major == major)).await;
        let suitable = |binaries: &&Binaries| wanted.is_none_or(|major| binaries.major == major);
        match (found.usable.iter().find(suitable), wanted) {
            (Some(binaries), _) => Ok(binaries.clone()),
            (None, Some(major)) if !found.usable.is_empty() => Err(self.wrong(major, &found)),
            (None, _) => Err(self.none(&found)),
        }
    }

    /// Everything there is, for a report.
    pub async fn all(&self) -> Found {
        self.look(|_| false).await
    }

    async fn look(&self, enough: impl Fn(&Binaries) -> bool) -> Found {
        let mut found = Found::default();
        let mut seen = HashSet::new();
        for source in
            [Source::Setting, Source::PgConfig, Source::System, Source::Path, Source::Fetched]
        {
            for dir in self.folders(source).await {
                // A folder of links to another one's programs is that other one.
                let real = dir.join("postgres").canonicalize();
                if !seen.insert(real.unwrap_or_else(|_| dir.clone())) {
                    continue;
                }
                match examine(&dir, source).await {
                    Ok(binaries) => {
                        let enough = enough(&binaries);
                        found.usable.push(binaries);
                        if enough {
                            return found;
                        }
                    }
                    Err(reason) => found.unusable.push(format!("{} {reason}", dir.display())),
                }
            }
            if source == Source::Setting && self.setting.is_some() {
                break; // what a person names is used, or complained of, never passed over
            }
        }
        found
    }

    /// The folders to examine, of one source.
    async fn folders(&self, source: Source) -> Vec<PathBuf> {
        match source {
            Source::Setting => self.setting.iter().cloned().collect(),
            Source::PgConfig => self.pg_config().await.into_iter().collect(),
            Source::System => {
                let versioned = self.versioned.iter();
                versioned.flat_map(|(parent, name, inner)| versions(parent, name, inner)).collect()
            }
            Source::Path => self.along_path("postgres").collect(),
            Source::Fetched => versions(&self.data_dir, "postgresql-", "bin"),
        }
    }

    fn along_path<'a>(&'a self, program: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        let folders = self.path.iter().flat_map(std::env::split_paths);
        folders.filter(move |folder| folder.is_absolute() && folder.join(program).is_file())
    }

    /// What `pg_config --bindir` names; it comes with development files, where the server need not be.
    async fn pg_config(&self) -> Option<PathBuf> {
        let program = self.along_path("pg_config").next()?.join("pg_config");
        let folder = PathBuf::from(said(&program, "--bindir").await.ok()?);
        PROGRAMS.iter().any(|program| folder.join(program).is_file()).then_some(folder)
    }

    fn none(&self, found: &Found) -> EmbeddedError {
        if let Some(setting) = &self.setting {
            let reason = found.unusable.first().cloned().unwrap_or_default();
            return EmbeddedError::new(
                Kind::NoBinaries,
                format!("NEOTOMA_PG_BIN ({}) cannot be used: {reason}", setting.display()),
                "name the folder that holds postgres, initdb and pg_ctl, or unset it to have them searched",
            );
        }
        let problem = match found.unusable.as_slice() {
            [] => "PostgreSQL is not installed on this machine".to_owned(),
            reasons => format!("no usable PostgreSQL on this machine: {}", reasons.join("; ")),
        };
        EmbeddedError::new(Kind::NoBinaries, problem, INSTALL)
    }

    fn wrong(&self, major: u32, found: &Found) -> EmbeddedError {
        let versions: Vec<&str> = found.usable.iter().map(|b| b.version.as_str()).collect();
        EmbeddedError::new(
            Kind::WrongVersion,
            format!(
                "the database in {} was made by PostgreSQL {major}, and only {} is here; nothing was \
                 changed",
                self.data_dir.display(),
                versions.join(", ")
            ),
            format!(
                "install PostgreSQL {major} beside it or name its programs in NEOTOMA_PG_BIN; to move to a \
                 newer version, dump with the old one (pg_dumpall), set the folder aside and restore \
                 into a new one"
            ),
        )
    }
}

/// What a person does who has no PostgreSQL.
pub(super) const INSTALL: &str = "install it (apt install postgresql, dnf install postgresql-server, brew install postgresql@18), \
     name its programs in NEOTOMA_PG_BIN, or give a database with DATABASE_URL";

/// The folders `parent/name<version>/inner` that are there, the newest version first.
fn versions(parent: &Path, name: &str, inner: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(name)?.to_owned();
            let version = version.trim_start_matches(['@', '-']);
            let numbers: Result<Vec<u32>, _> =
                version.split('.').filter(|part| !part.is_empty()).map(str::parse).collect();
            let folder = entry.path().join(inner);
            folder.is_dir().then_some((numbers.ok()?, folder))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// Whether a folder can be used, else why not.
async fn examine(dir: &Path, source: Source) -> Result<Binaries, String> {
    if !dir.is_absolute() {
        return Err("is not a whole path".into());
    }
    if dir.to_str().is_none_or(|dir| dir.contains(['"', '\\', '$', '`', '\n'])) {
        // pg_ctl puts the path between double quotes into a shell's command.
        return Err("has a character in its path that pg_ctl cannot take".into());
    }
    if let Some(missing) = PROGRAMS.iter().find(|program| !dir.join(program).is_file()) {
        return Err(format!("has no {missing}"));
    }
    let said = said(&dir.join("postgres"), "--version").await?;
    let version = said
        .strip_prefix("postgres (PostgreSQL) ")
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| format!("holds a postgres that says \"{}\" of its version", cut(&said)))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    let major: u32 =
        digits.parse().map_err(|_| format!("has the unknown version {}", cut(version)))?;
    if major < OLDEST_MAJOR {
        return Err(format!("is PostgreSQL {version}, older than {OLDEST_MAJOR}"));
    }
    Ok(Binaries { dir: dir.to_path_buf(), major, version: version.to_owned(), source })
}

/// What a program says of itself, asked by `question`.
async fn said(program: &Path, question: &str) -> Result<String, String> {
    let name = program.display();
    let mut command = Command::new(program);
    command.arg(question).stdin(Stdio::null()).kill_on_drop(true).env("LC_ALL", "C");
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|_| format!("holds a {name} that does not answer"))?
        .map_err(|error| format!("holds a {name} that does not run: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("holds a {name} that fails: {}", cut(&reason)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder of programs that say they are of `version`.
    fn install(dir: &Path, version: &str) -> PathBuf {
        std::fs::create_dir_all(dir).unwrap();
        for program in PROGRAMS {
            script(&dir.join(program), &format!("echo 'postgres (PostgreSQL) {version}'"));
        }
        dir.to_path_buf()
    }

    fn script(path: &Path, body: &str) {
        // Through a child, since a file that this process has just had open for writing may be inherited, still open,
        // by a child of another thread: running it then fails with "text file busy".
        let made = std::process::Command::new("/bin/sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"",
                "sh",
                body,
            ])
            .arg(path)
            .status()
            .unwrap();
        assert!(made.success());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    fn search(root: &Path) -> Search {
        Search {
            setting: None,
            path: Some(root.join("path").into()),
            versioned: vec![
                (root.join("debian"), "", "bin"),
                (root.join("brew"), "postgresql", "bin"),
            ],
            data_dir: root.join("data"),
        }
    }

    async fn dir(search: &Search, wanted: Option<u32>) -> PathBuf {
        search.first(wanted).await.unwrap().dir
    }

    #[tokio::test]
    async fn the_places_are_searched_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let mut search = search(root);
        let fetched = install(&root.join("data/postgresql-18.1.0/bin"), "18.1");
        assert_eq!(dir(&search, None).await, fetched);
        let path = install(&root.join("path"), "15.3");
        assert_eq!(dir(&search, None).await, path);
        let brew = install(&root.join("brew/postgresql@16/bin"), "16.1");
        assert_eq!(dir(&search, None).await, brew);
        let debian = install(&root.join("debian/9.6/bin"), "9.6.24");
        assert_eq!(dir(&search, None).await, brew, "{} is too old", debian.display());
        install(&root.join("debian/15/bin"), "15.13 (Debian 15.13-0+deb12u1)");
        let newest = install(&root.join("debian/17/bin"), "17.2");
        assert_eq!(dir(&search, None).await, newest);
        let config = install(&root.join("config"), "16.4");
        script(&root.join("path/pg_config"), &format!("echo '{}'", config.display()));
        assert_eq!(dir(&search, None).await, config);
        search.setting = Some(install(&root.join("own"), "18beta1"));
        let own = search.first(None).await.unwrap();
        assert_eq!((own.major, own.version.as_str(), own.source), (18, "18beta1", Source::Setting));
    }

    #[tokio::test]
    async fn a_cluster_gets_the_binaries_of_its_major_version_wherever_they_are() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let search = search(root);
        install(&root.join("debian/17/bin"), "17.2");
        let old = install(&root.join("path"), "15.3");
        assert_eq!(dir(&search, Some(15)).await, old);
        let error = search.first(Some(16)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::WrongVersion);
        assert!(error.problem().contains("PostgreSQL 16, and only 17.2, 15.3"), "{error}");
        assert!(error.remedy().contains("pg_dumpall"), "{error}");
    }

    #[tokio::test]
    async fn a_setting_that_does_not_do_is_complained_of_and_not_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let mut search = search(root);
        install(&root.join("debian/17/bin"), "17.2");
        let half = install(&root.join("half"), "17.2");
        std::fs::remove_file(half.join("initdb")).unwrap();
        search.setting = Some(half);
        let error = search.first(None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NoBinaries);
        assert!(error.problem().contains("NEOTOMA_PG_BIN"), "{error}");
        assert!(error.problem().contains("has no initdb"), "{error}");
    }

    #[tokio::test]
    async fn without_any_the_message_says_how_to_get_them_and_what_was_wrong_with_those_found() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let search = search(root);
        let error = search.first(None).await.unwrap_err();
        assert!(error.to_string().contains("is not installed"), "{error}");
        assert!(error.remedy().contains("DATABASE_URL"), "{error}");
        script(&install(&root.join("path"), "17.2").join("postgres"), "echo broken >&2; exit 1");
        let error = search.first(None).await.unwrap_err();
        assert!(error.problem().contains("that fails: broken"), "{error}");
    }

    #[test]
    fn newer_versions_come_first_by_number_not_by_letter() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "14", "15", "common", "10"] {
            std::fs::create_dir_all(root.path().join(version).join("bin")).unwrap();
        }
        let names: Vec<_> = versions(root.path(), "", "bin")
            .iter()
            .map(|bin| bin.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["15", "14", "10", "9.6"]);
    }
}
