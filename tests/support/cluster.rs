//! Clusters of a test's own, and other processes that use them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use neotoma_importers::store::embedded::{self, Embedded, EmbeddedError, Options, Report, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// What takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// Tells [`Process`] which cluster is meant.
pub const DATA_DIR: &str = "NEOTOMA_TEST_EMBEDDED_DATA_DIR";

/// A place for a cluster, removed at the end of its test together with what still runs in it.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub data_dir: PathBuf,
}

impl Place {
    /// A data folder that is yet to be made.
    pub fn new() -> Self {
        Self::inside("data")
    }

    /// Such a folder of this name, or path, in a folder of the test's.
    pub fn inside(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The temporary folder is closed to the account that the server has when this is root.
        set_mode(folder.path(), 0o711);
        let data_dir = folder.path().canonicalize().unwrap().join(name);
        Self { folder, data_dir }
    }

    /// For a start there that does not wait for the disk.
    pub fn options(&self) -> Options {
        let mut options = Options::new(&self.data_dir);
        options.bin_dir = std::env::var_os("NEOTOMA_PG_BIN").map(PathBuf::from);
        options.settings = vec![("fsync".into(), "off".into())];
        options
    }

    /// Starts or joins.
    pub async fn start(&self) -> Result<Embedded, EmbeddedError> {
        embedded::start(&self.options(), |_| ()).await
    }

    /// The same where it has to succeed.
    pub async fn up(&self) -> Embedded {
        self.start().await.unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// The folder that the server works in.
    pub fn cluster(&self) -> PathBuf {
        self.data_dir.join("cluster")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data_dir.join("server.log")).unwrap_or_default()
    }

    /// The server's process, as long as its file is there.
    pub fn server(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        Pid::from_raw(text.lines().next()?.parse().ok()?)
    }

    /// What `doctor` would say.
    pub async fn report(&self) -> Report {
        embedded::inspect(&self.options()).await
    }

    /// One line of it.
    pub async fn check(&self, what: &str) -> (Verdict, String) {
        let report = self.report().await;
        let check = report.checks.into_iter().find(|check| check.what == what).unwrap();
        (check.verdict, check.detail)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = self.server() {
            let _ = kill_process(server, Signal::QUIT);
        }
        set_mode(self.folder.path(), 0o700);
    }
}

/// `chmod`.
pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Waits for something that another process brings about.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} has not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// When the server started: two answers that differ are of two servers.
pub async fn birth(options: &PgConnectOptions) -> String {
    let mut connection = options.connect().await.unwrap();
    let sql = "SELECT pg_postmaster_start_time()::text";
    let birth = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    birth
}

/// One statement, on a connection of its own.
pub async fn execute(options: &PgConnectOptions, sql: &'static str) {
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Another process that uses the cluster: this binary, running the test of that name alone.
pub struct Process {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts it as ourselves.
    pub fn launch(place: &Place) -> Self {
        Self::launch_by(place, Command::new(std::env::current_exe().unwrap()))
    }

    /// Starts it by a command of the caller's, which runs this binary.
    pub fn launch_by(place: &Place, mut command: Command) -> Self {
        command.args(["process_of_its_own", "--exact", "--ignored", "--nocapture"]);
        command.env(DATA_DIR, &place.data_dir).current_dir("/").kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said }
    }

    /// The next thing it says, past what the test harness says.
    pub async fn says(&mut self) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.said.next_line()).await;
            let line = line.expect("it hangs").unwrap().expect("it has ended");
            if let Some((_, said)) = line.split_once('@') {
                return said.to_owned();
            }
        }
    }

    /// Waits until it has the cluster. Whether it started it, and the server's birth.
    pub async fn up(&mut self) -> (bool, String) {
        let said = self.says().await;
        let up = said.strip_prefix("up ").unwrap_or_else(|| panic!("{said}"));
        let (started, birth) = up.split_once(' ').unwrap();
        (started == "true", birth.to_owned())
    }

    /// Has it leave the cluster and end.
    pub async fn stop(mut self) {
        self.child.stdin.take().unwrap().write_all(b"stop\n").await.unwrap();
        assert_eq!(self.says().await, "stopped");
        assert!(self.child.wait().await.unwrap().success());
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
