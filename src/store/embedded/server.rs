//! The server's process: whether it runs, how it is started and stopped. All of it under [`super::locks::Control`].

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::{process::Child, time::Instant};

use super::{
    EmbeddedError, account::Account, cluster, discover::Binaries, error::Kind, layout::Layout,
    settings,
};

/// How often the server is looked at while it changes.
const POLL: Duration = Duration::from_millis(10);
/// After an unclean end the log is replayed first: at most `max_wal_size`, on a slow disk.
const START_LIMIT: Duration = Duration::from_mins(5);
/// Clients are cut off at once; then all that is in memory is written.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// How long processes of a server that was killed may take to notice.
const ORPHANS_LIMIT: Duration = Duration::from_secs(15);
/// A start that a person would wonder about.
const NOTICED: Duration = Duration::from_secs(3);

/// What `postmaster.pid` says of the server, line by line: pid, data folder, start time, port, socket's folder,
/// address, shared memory, state (PostgreSQL's `pidfile.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Postmaster {
    pub pid: Pid,
    /// Where its socket lies, once it has one.
    pub socket_folder: Option<PathBuf>,
    pub phase: Phase,
}

/// What the server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Ready,
    Stopping,
}

impl Postmaster {
    /// The server that runs, if one does. A file that a dead one left, or whose process is another's by now, is none.
    pub fn running(layout: &Layout) -> Result<Option<Self>, EmbeddedError> {
        Ok(read(layout)?.filter(|postmaster| is_ours(postmaster.pid, &layout.cluster())))
    }

    /// Asks it to cut its clients off, write what it has, and end.
    pub fn interrupt(&self) -> Result<(), EmbeddedError> {
        self.signal(Signal::INT)
    }

    fn signal(&self, signal: Signal) -> Result<(), EmbeddedError> {
        match kill_process(self.pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(EmbeddedError::new(
                Kind::Stop,
                format!(
                    "the database's server (process {}) cannot be told to stop: {error}",
                    self.pid.as_raw_nonzero()
                ),
                "run neotoma as the user that started it, or as root",
            )),
        }
    }

    /// Stops it and waits until it has ended; a second time by force, which costs the next start a recovery only.
    pub async fn stop(&self, layout: &Layout) -> Result<(), EmbeddedError> {
        for (signal, limit) in [(Signal::INT, STOP_LIMIT), (Signal::QUIT, ORPHANS_LIMIT)] {
            self.signal(signal)?;
            if self.ended(layout, limit).await? {
                return Ok(());
            }
        }
        Err(EmbeddedError::new(
            Kind::Stop,
            format!("the database's server (process {}) does not end", self.pid.as_raw_nonzero()),
            "see server.log in the data folder, and end it with kill",
        ))
    }

    /// Waits until it has ended, and says whether it has.
    pub async fn ended(&self, layout: &Layout, limit: Duration) -> Result<bool, EmbeddedError> {
        let deadline = Instant::now() + limit;
        while Self::running(layout)?.is_some_and(|now| now.pid == self.pid) {
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    }
}

fn read(layout: &Layout) -> Result<Option<Postmaster>, EmbeddedError> {
    let path = layout.pid_file();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A torn one, from a crash of the machine, names no process.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(EmbeddedError::io("read", &path, &error)),
    }
}

fn parse(text: &str) -> Option<Postmaster> {
    let mut lines = text.lines();
    // A negative one is that of `postgres --single`.
    let pid = lines.next()?.trim().parse().ok().filter(|pid: &i32| *pid > 1)?;
    let socket_folder = lines.nth(3).filter(|line| !line.is_empty()).map(PathBuf::from);
    let phase = match lines.nth(2).map(str::trim) {
        Some("ready" | "standby") => Phase::Ready,
        Some("stopping") => Phase::Stopping,
        _ => Phase::Starting,
    };
    Some(Postmaster { pid: Pid::from_raw(pid)?, socket_folder, phase })
}

/// Whether a process is there at all; one of somebody else's is.
fn exists(pid: Pid) -> bool {
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Whether the process is the server of this cluster: pids are used again, and a killed process that nobody waited for
/// still has one.
fn is_ours(pid: Pid, cluster: &Path) -> bool {
    exists(pid) && runs_on(pid, cluster)
}

#[cfg(target_os = "linux")]
fn runs_on(pid: Pid, cluster: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    // The server works in its cluster. Root in a container may lack the right to see that of another account's
    // process; its arguments can be seen by all.
    match process.join("cwd").read_link() {
        Ok(folder) => folder == cluster,
        Err(_) => std::fs::read(process.join("cmdline")).is_ok_and(|arguments| {
            arguments.split(|byte| *byte == 0).any(|one| one == cluster.as_os_str().as_bytes())
        }),
    }
}

#[cfg(not(target_os = "linux"))]
fn runs_on(pid: Pid, cluster: &Path) -> bool {
    let asked = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.as_raw_nonzero().to_string()])
        .output();
    asked.is_ok_and(|output| {
        let command = String::from_utf8_lossy(&output.stdout);
        command.contains("postgres") && command.contains(&*cluster.to_string_lossy())
    })
}

/// Removes a `postmaster.pid` that would keep the server from starting: one whose process lives and is another's.
/// PostgreSQL removes the others itself, and finds orphans of the last server by its shared memory in any case.
pub(super) fn clear_stale(layout: &Layout) -> Result<(), EmbeddedError> {
    let stale =
        read(layout)?.filter(|found| exists(found.pid) && !is_ours(found.pid, &layout.cluster()));
    match stale.map(|_| std::fs::remove_file(layout.pid_file())) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::io("remove", &layout.pid_file(), &error))
        }
        _ => Ok(()),
    }
}

/// Starts the server in a session of its own, so that neither our end nor a terminal's Ctrl-C ends it, and waits until
/// it takes connections. `pg_ctl` alone can do the first; it looks ten times a second only, so that we look ourselves.
pub(super) async fn start(
    layout: &Layout,
    account: &Account,
    binaries: &Binaries,
    progress: &(impl Fn(&str) + Sync),
) -> Result<(), EmbeddedError> {
    let orphans_deadline = Instant::now() + ORPHANS_LIMIT;
    loop {
        let log_start = layout.prepare_log(account)?;
        let mut pg_ctl = launch(layout, account, binaries)?;
        if ready(layout, &mut pg_ctl, progress).await? {
            // It notices within a tenth of a second; until somebody waits for it, it stays a zombie.
            tokio::spawn(async move { pg_ctl.wait().await });
            return Ok(());
        }
        let said = log_since(layout, log_start).await;
        // The last server was killed, and one of its processes has yet to notice.
        let orphans = said.contains("is still in use");
        if !orphans || Instant::now() > orphans_deadline {
            return Err(failed(pg_ctl, &said, orphans).await);
        }
        tokio::time::sleep(POLL * 10).await;
    }
}

fn launch(layout: &Layout, account: &Account, binaries: &Binaries) -> Result<Child, EmbeddedError> {
    // pg_ctl puts paths between double quotes into a shell's command: the log and the configuration are named from the
    // data folder; the cluster is spelled out, where it can be, for whoever looks at the list of processes.
    let cluster = layout.cluster();
    let plain = cluster.to_str().is_some_and(|path| !path.contains(['"', '\\', '$', '`', '\n']));
    let mut pg_ctl = account.command(&binaries.program("pg_ctl"), layout.root());
    pg_ctl.args(["start", "-w", "-s", "-l", "server.log", "-t"]);
    pg_ctl.arg(START_LIMIT.as_secs().to_string());
    pg_ctl.arg("-D").arg(if plain { cluster.as_path() } else { Path::new("cluster") });
    pg_ctl.arg("-o").arg(format!("-c config_file={}", settings::CONFIG));
    account.spawn(&mut pg_ctl, Kind::Start)
}

/// Whether the server takes connections; not, when it has ended instead.
async fn ready(
    layout: &Layout,
    pg_ctl: &mut Child,
    progress: &(impl Fn(&str) + Sync),
) -> Result<bool, EmbeddedError> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let now = Postmaster::running(layout)?;
        if now.as_ref().is_some_and(|postmaster| postmaster.phase == Phase::Ready) {
            return Ok(true);
        }
        if pg_ctl.try_wait().map_err(EmbeddedError::internal)?.is_some() {
            // It ends when the server has: ready or gone.
            let now = Postmaster::running(layout)?;
            return Ok(now.is_some_and(|postmaster| postmaster.phase == Phase::Ready));
        }
        if !told && begun.elapsed() > NOTICED {
            told = true;
            progress("the database takes its time: it may be recovering from an unclean end");
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn failed(pg_ctl: Child, said: &str, orphans: bool) -> EmbeddedError {
    let reason = match cluster::reason(said) {
        Some(reason) => reason,
        None => match pg_ctl.wait_with_output().await {
            Ok(output) => cluster::reason(&String::from_utf8_lossy(&output.stderr))
                .unwrap_or_else(|| output.status.to_string()),
            Err(error) => error.to_string(),
        },
    };
    let remedy = if orphans {
        "end what is left of the old server (the postgres processes of the data folder), and try again"
    } else {
        cluster::remedy(said)
            .unwrap_or("see server.log in the data folder, or give a database with DATABASE_URL")
    };
    EmbeddedError::new(Kind::Start, format!("the database did not start: {reason}"), remedy)
}

/// What the server has logged since its log was `start` bytes long; the last 64 KiB of it.
async fn log_since(layout: &Layout, start: u64) -> String {
    let bytes = tokio::fs::read(layout.log()).await.unwrap_or_default();
    let start = usize::try_from(start).unwrap_or(usize::MAX).max(bytes.len().saturating_sub(65536));
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str =
        "4711\n/data/cluster\n1764096000\n5432\n/run/it\n\n  1234567         3\nready   \n";

    #[test]
    fn the_pid_file_is_read_at_every_stage() {
        let ready = parse(READY).unwrap();
        assert_eq!(ready.pid.as_raw_nonzero().get(), 4711);
        assert_eq!(ready.socket_folder.as_deref(), Some(Path::new("/run/it")));
        assert_eq!(ready.phase, Phase::Ready);
        assert_eq!(parse(&READY.replace("ready", "stopping")).unwrap().phase, Phase::Stopping);
        let begun = parse("4711\n/data/cluster\n1764096000\n5432\n").unwrap();
        assert_eq!((begun.socket_folder, begun.phase), (None, Phase::Starting));
        for torn in ["", "\n", "x\n", "-4711\n", "1\n"] {
            assert_eq!(parse(torn), None, "{torn:?}");
        }
    }

    #[test]
    fn a_living_process_of_another_kind_is_not_the_server_and_its_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().canonicalize().unwrap());
        std::fs::create_dir(layout.cluster()).unwrap();
        let me = READY.replace("4711", &std::process::id().to_string());
        std::fs::write(layout.pid_file(), me).unwrap();
        assert_eq!(Postmaster::running(&layout).unwrap(), None);
        clear_stale(&layout).unwrap();
        assert!(!layout.pid_file().exists());
    }

    #[test]
    fn a_dead_one_s_file_is_left_to_postgresql() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().canonicalize().unwrap());
        std::fs::create_dir(layout.cluster()).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        std::fs::write(layout.pid_file(), READY.replace("4711", &child.id().to_string())).unwrap();
        assert_eq!(Postmaster::running(&layout).unwrap(), None);
        clear_stale(&layout).unwrap();
        assert!(layout.pid_file().exists());
    }

    #[test]
    fn a_process_that_works_in_the_cluster_is_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().canonicalize().unwrap());
        std::fs::create_dir(layout.cluster()).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .current_dir(layout.cluster())
            .spawn()
            .unwrap();
        std::fs::write(layout.pid_file(), READY.replace("4711", &child.id().to_string())).unwrap();
        let found = Postmaster::running(&layout).unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(
            found,
            cfg!(target_os = "linux"),
            "elsewhere its command has to name the cluster"
        );
        assert_eq!(Postmaster::running(&layout).unwrap(), None, "it has ended");
    }
}
