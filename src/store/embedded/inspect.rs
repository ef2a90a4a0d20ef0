//! Looks at everything that a start would need, and starts nothing.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    EmbeddedError, Options,
    account::{self, Account},
    blocking, cluster, data_dir,
    discover::{OLDEST_MAJOR, Search},
    error::Kind,
    layout::Layout,
    locks::{self, Control},
    report::{Check, Report},
    server::{Phase, Postmaster},
};

/// A cluster that holds little takes 60 MB with its log, and a first import of a mailbox some hundred more.
const ENOUGH_SPACE: u64 = 512 * 1024 * 1024;

/// How things stand, for `neotoma doctor`. Starts, makes and changes nothing.
pub async fn inspect(options: &Options) -> Report {
    let root = options.data_dir.canonicalize().unwrap_or_else(|_| options.data_dir.clone());
    let layout = Layout::at(root.clone());
    let version = cluster::version(&layout);
    let (home, folder) = (layout.clone(), options.data_dir.clone());
    let rest = blocking(move || Ok((data_folder(&folder), server(&home)))).await;
    let programs = programs(options, &root, version.as_ref().ok().copied().flatten()).await;
    let database = database(&layout, version);
    let checks = match rest {
        Ok((data_folder, server)) => vec![data_folder, programs, database, server],
        Err(error) => vec![Check::failed("data folder", &error), programs, database],
    };
    Report { data_dir: root, checks }
}

fn data_folder(path: &Path) -> Check {
    const WHAT: &str = "data folder";
    match path.metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return absent(path),
        Err(error) => {
            return Check::failed(WHAT, &EmbeddedError::io("enter the data folder", path, &error));
        }
    }
    if let Err(error) = data_dir::check(path) {
        return Check::failed(WHAT, &error);
    }
    let shown = path.display();
    if path.starts_with(std::env::temp_dir()) {
        return Check::note(
            WHAT,
            format!("{shown} lies in the temporary folder, which the system may empty"),
            "choose a lasting folder with NEOTOMA_DATA_DIR",
        );
    }
    match free_space(path) {
        Ok(free) if free < ENOUGH_SPACE => Check::note(
            WHAT,
            format!("{shown} has only {} MB of free space", free / 1_000_000),
            "free some space there, or choose another folder with NEOTOMA_DATA_DIR",
        ),
        Ok(free) => Check::good(WHAT, format!("{shown}, {} GB free", free / 1_000_000_000)),
        Err(error) => Check::failed(WHAT, &EmbeddedError::io("look at", path, &error)),
    }
}

/// A data folder that is yet to be made: whether it can be.
fn absent(path: &Path) -> Check {
    const WHAT: &str = "data folder";
    let nearest = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    match rustix::fs::access(nearest, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Check::good(WHAT, format!("{} will be made at the first start", path.display())),
        Err(error) => {
            Check::failed(WHAT, &EmbeddedError::io("create the folder", path, &error.into()))
        }
    }
}

fn free_space(path: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

async fn programs(options: &Options, root: &Path, version: Option<u32>) -> Check {
    const WHAT: &str = "PostgreSQL";
    let search = Search::here(options.bin_dir.clone(), root.to_path_buf());
    match search.first(version).await {
        Ok(binaries) => {
            let (version, dir) = (&binaries.version, binaries.dir.display());
            let others: Vec<String> = search
                .all()
                .await
                .usable
                .iter()
                .filter(|other| other.dir != binaries.dir)
                .map(|other| format!("{} in {}", other.version, other.dir.display()))
                .collect();
            let mut detail = format!("{version} in {dir}, {}", binaries.source);
            if !others.is_empty() {
                detail = format!("{detail} (also there: {})", others.join(", "));
            }
            Check::good(WHAT, detail)
        }
        Err(error) if error.kind() == Kind::NoBinaries && can_fetch(&search) => Check::note(
            WHAT,
            format!(
                "none of version {OLDEST_MAJOR} or newer here; it will be fetched at the first start"
            ),
            super::discover::INSTALL,
        ),
        Err(error) => Check::failed(WHAT, &error),
    }
}

fn can_fetch(search: &Search) -> bool {
    cfg!(feature = "download-postgres") && search.setting.is_none()
}

fn database(layout: &Layout, version: Result<Option<u32>, EmbeddedError>) -> Check {
    const WHAT: &str = "database";
    let account = Account::choose(&layout.cluster());
    match (version, account) {
        (Err(error), _) | (_, Err(error)) => Check::failed(WHAT, &error),
        (Ok(Some(major)), Ok(account)) => Check::good(
            WHAT,
            format!("made by PostgreSQL {major}, run as {}", account::name(account.uid)),
        ),
        (Ok(None), Ok(account)) => {
            let unfinished = if layout.unfinished().is_empty() {
                ""
            } else {
                " (an earlier start did not finish it)"
            };
            let runs_as = account::name(account.uid);
            Check::good(
                WHAT,
                format!("will be made at the first start, to be run as {runs_as}{unfinished}"),
            )
        }
    }
}

fn server(layout: &Layout) -> Check {
    const WHAT: &str = "server";
    let postmaster = match Postmaster::running(layout) {
        Ok(Some(postmaster)) => postmaster,
        Ok(None) => return Check::good(WHAT, "not running; it is started when it is needed"),
        Err(error) => return Check::failed(WHAT, &error),
    };
    let pid = postmaster.pid.as_raw_nonzero();
    if postmaster.phase != Phase::Ready {
        return Check::note(
            WHAT,
            format!("process {pid} is starting or stopping"),
            "wait a moment; server.log in the data folder tells what it does",
        );
    }
    let socket = postmaster.socket_folder.unwrap_or_else(|| PathBuf::from("?"));
    match unused(layout) {
        Ok(true) => Check::note(
            WHAT,
            format!("process {pid} runs and nobody uses it: its last user was killed"),
            "none needed: the next neotoma uses it, and stops it at its end",
        ),
        Ok(false) => {
            Check::good(WHAT, format!("process {pid} runs, socket in {}", socket.display()))
        }
        Err(error) => Check::failed(WHAT, &error),
    }
}

/// Whether nobody uses the server. Only known for sure while nobody is joining.
fn unused(layout: &Layout) -> Result<bool, EmbeddedError> {
    let Some(control) = Control::try_acquire(&layout.control_lock())? else { return Ok(false) };
    let unused = !locks::in_use(&layout.users_lock())?;
    drop(control);
    Ok(unused)
}
