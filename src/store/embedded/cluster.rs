//! The cluster on disk: made once, whole or not at all, and never touched by another major version.

use std::{io, path::Path, time::Duration};

use super::{
    EmbeddedError, Options, account::Account, blocking, discover::Binaries, error::Kind,
    layout::Layout, settings,
};

/// `initdb` takes half a second on a good disk.
const INIT_LIMIT: Duration = Duration::from_mins(5);

/// The major version of the cluster that is there.
///
/// # Errors
/// [`Kind::DataDir`] when there is a folder that is no cluster.
pub(super) fn version(layout: &Layout) -> Result<Option<u32>, EmbeddedError> {
    let cluster = layout.cluster();
    match cluster.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EmbeddedError::io("look at", &cluster, &error)),
        Ok(_) => {}
    }
    let file = cluster.join("PG_VERSION");
    let damaged = |why: String| {
        EmbeddedError::new(
            Kind::DataDir,
            format!("{} holds no whole database: {why}", cluster.display()),
            "put it back from a backup, or set the folder aside to begin with an empty one",
        )
    };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(damaged("its PG_VERSION is missing".into()));
        }
        Err(error) => return Err(EmbeddedError::io("read", &file, &error)),
    };
    match text.trim().parse() {
        Ok(major) => Ok(Some(major)),
        Err(_) => Err(damaged("its PG_VERSION is no number".into())),
    }
}

/// Makes the cluster: `initdb` and the database in a folder of their own, which then becomes the cluster in one step,
/// so that what was interrupted is never taken for one.
pub(super) async fn create(
    layout: &Layout,
    account: &Account,
    binaries: &Binaries,
    options: &Options,
) -> Result<(), EmbeddedError> {
    let (home, owner) = (layout.clone(), account.clone());
    let made = blocking(move || {
        sweep(&home);
        home.begin_cluster(&owner)
    })
    .await?;
    let result = fill(&made, layout, account, binaries, options).await;
    let home = layout.clone();
    blocking(move || match result {
        Ok(()) => home.finish_cluster(&made),
        Err(error) => {
            remove(&made);
            Err(error)
        }
    })
    .await
}

/// Removes what earlier starts left unfinished. One that cannot be removed now (its `initdb` may still be writing)
/// costs space only, and is tried again with the next cluster.
fn sweep(layout: &Layout) {
    for unfinished in layout.unfinished() {
        tracing::info!(folder = %unfinished.display(), "removing a database that was not finished");
        remove(&unfinished);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::warn!(folder = %folder.display(), %error, "an unfinished database could not be removed");
    }
}

async fn fill(
    made: &Path,
    layout: &Layout,
    account: &Account,
    binaries: &Binaries,
    options: &Options,
) -> Result<(), EmbeddedError> {
    let initdb = || account.command(&binaries.program("initdb"), layout.root());
    // Written to disk once, at the end: until it is renamed, a cluster that a crash tears is no loss.
    let mut init = initdb();
    init.args(["--username", settings::USER, "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    init.args(["--data-checksums", "--auth-local", "peer", "--auth-host", "reject"]);
    let output = account.run(init.arg("--pgdata").arg(made), "", INIT_LIMIT, Kind::Init).await?;
    succeeded("initdb", &output)?;

    let mut single = account.command(&binaries.program("postgres"), layout.root());
    single.args(["--single", "-D"]).arg(made);
    single.args(["-c", "exit_on_error=on", "-c", "fsync=off", "template1"]);
    let create = format!("CREATE DATABASE {};\n", settings::USER);
    let output = account.run(&mut single, &create, INIT_LIMIT, Kind::Init).await?;
    succeeded("postgres --single", &output)?;

    if options.setting("fsync") == Some("off") {
        return Ok(());
    }
    let mut sync = initdb();
    sync.arg("--sync-only").arg("--pgdata").arg(made);
    let output = account.run(&mut sync, "", INIT_LIMIT, Kind::Init).await?;
    succeeded("initdb", &output)
}

fn succeeded(program: &str, output: &std::process::Output) -> Result<(), EmbeddedError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = reason(&said).unwrap_or_else(|| output.status.to_string());
    Err(EmbeddedError::new(
        Kind::Init,
        format!("the database could not be made: {program}: {reason}"),
        remedy(&said).unwrap_or(
            "install PostgreSQL anew, name another one in NEOTOMA_PG_BIN, or give a database with DATABASE_URL",
        ),
    ))
}

/// The line of a tool's or the server's output that says why it ended: the last of the gravest.
pub(super) fn reason(said: &str) -> Option<String> {
    let grave = ["PANIC: ", "FATAL: ", "error: ", "ERROR: "];
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let at = grave
        .iter()
        .find_map(|word| lines.iter().rposition(|line| line.contains(word)))
        .or_else(|| lines.len().checked_sub(1))?;
    let plain = |line: &str| {
        let words = grave.iter().chain(&["LOG: "]);
        let start = words.filter_map(|word| line.find(word)).min().unwrap_or(0);
        line.get(start..).unwrap_or(line).trim().chars().take(400).collect::<String>()
    };
    let line = plain(lines.get(at)?);
    // That a file "contains errors" says nothing; the line before it says which.
    let before = at.checked_sub(1).and_then(|before| lines.get(before));
    match before.filter(|_| line.contains("contains errors")) {
        Some(before) => {
            Some(format!("{line}: {}", plain(before).trim_start_matches("LOG:").trim()))
        }
        None => Some(line),
    }
}

/// What a person does about such an output, where it tells.
pub(super) fn remedy(said: &str) -> Option<&'static str> {
    if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
        Some("free some space there, or choose another folder with NEOTOMA_DATA_DIR")
    } else if said.contains("shared memory") || said.contains("semaphore") {
        Some(
            "raise the system's limits for shared memory and semaphores, or give a database with DATABASE_URL",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_gravest_line_not_the_last() {
        let said = "2026-01-01 [1] LOG:  starting\n2026-01-01 [1] FATAL:  could not write: No space left on device\n\
                    2026-01-01 [1] LOG:  database system is shut down\n";
        assert_eq!(reason(said).unwrap(), "FATAL:  could not write: No space left on device");
        assert!(remedy(said).unwrap().contains("free some space"));
        assert_eq!(reason("initdb: error: no\ninitdb: removing\n").unwrap(), "error: no");
        let torn = "[1] LOG:  unrecognized configuration parameter \"x\"\n[1] FATAL:  file \"y\" contains errors\n";
        let expected =
            "FATAL:  file \"y\" contains errors: unrecognized configuration parameter \"x\"";
        assert_eq!(reason(torn).unwrap(), expected);
        assert_eq!(reason("odd\n\n").unwrap(), "odd");
        assert_eq!(reason(""), None);
    }

    #[test]
    fn a_folder_without_a_version_is_no_cluster_and_is_not_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().to_path_buf());
        assert_eq!(version(&layout).unwrap(), None);
        std::fs::create_dir(layout.cluster()).unwrap();
        assert_eq!(version(&layout).unwrap_err().kind(), Kind::DataDir);
        std::fs::write(layout.cluster().join("PG_VERSION"), "17\n").unwrap();
        assert_eq!(version(&layout).unwrap(), Some(17));
    }
}
