//! The PostgreSQL of the tests: one embedded server for all test processes of a checkout, one empty database a test.
//!
//! The server lives in a folder below `target`, by the code that the product starts its own with: the first process
//! starts it, the last one stops it, whether tests run as threads of one process (`cargo test`) or as processes
//! (nextest). Since a test process ends without leaving the cluster (its statics are not dropped, a panic or `kill -9`
//! drops nothing), each one has a companion: a process that joins the cluster too, waits for the end of the pipe that
//! its parent holds, removes the parent's databases, waits a moment for the next test binary, and leaves. Nothing is
//! left running; the folder stays for the next run, and goes with `cargo clean`.
//!
//! `NEOTOMA_TEST_DATABASE_URL` names another server to make the databases in; its user must be allowed to.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use neotoma_importers::store::embedded::{self, Embedded, Options};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::OnceCell;

const URL: &str = "NEOTOMA_TEST_DATABASE_URL";
/// Tells a companion whose it is: the parent's process id.
const PARENT: &str = "NEOTOMA_TEST_COMPANION_OF";
/// How long the server outlasts a test process, so that the next one need not start it again.
const LINGER: Duration = Duration::from_secs(3);

/// An empty database of the test's own. [`PgPool::connect_options`] tell how to reach it from elsewhere
/// (`to_url_lossy()` gives a `DATABASE_URL`).
pub async fn fresh_database() -> PgPool {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(Server::start).await;
    let prefix = prefix(&server.run, std::process::id());
    let name = format!("{prefix}{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = connect(&server.admin).await;
    execute(&mut connection, format!("CREATE DATABASE {name}")).await;
    connection.close().await.expect("a connection closes");
    let options = server.admin.clone().database(&name);
    let pool = PgPoolOptions::new().max_connections(10).connect_with(options);
    pool.await.expect("a new database takes connections")
}

struct Server {
    admin: PgConnectOptions,
    /// Which run of the server this is: databases of another one are left over.
    run: String,
    /// Held until the process ends.
    _companion: Child,
    _embedded: Option<Embedded>,
}

impl Server {
    async fn start() -> Self {
        // First, so that there is no moment at which a killed test process leaves a server to nobody.
        let companion = companion();
        let (admin, embedded) = join().await;
        let mut connection = connect(&admin).await;
        let run = run(&mut connection).await;
        connection.close().await.expect("a connection closes");
        Self { admin, run, _companion: companion, _embedded: embedded }
    }
}

/// The server, joined where it is ours.
async fn join() -> (PgConnectOptions, Option<Embedded>) {
    if let Some(url) = std::env::var(URL).ok().filter(|url| !url.is_empty()) {
        return (url.parse().unwrap_or_else(|error| panic!("{URL}: {error}")), None);
    }
    let embedded = embedded::start(&options(), |progress| eprintln!("{progress}")).await;
    let embedded = embedded.unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error}"));
    let admin = embedded.connect_options();
    if embedded.started() {
        sweep(&admin).await;
    }
    (admin, Some(embedded))
}

async fn connect(admin: &PgConnectOptions) -> PgConnection {
    admin.connect().await.expect("the test server takes connections")
}

fn options() -> Options {
    // What a crash of the machine loses of these is no loss.
    let fast = ["fsync", "synchronous_commit", "full_page_writes"].map(|name| (name, "off"));
    let settings = fast.into_iter().chain([("max_connections", "200")]);
    let mut options = Options::new(data_dir());
    options.bin_dir = std::env::var_os("NEOTOMA_PG_BIN").map(PathBuf::from);
    options.settings = settings.map(|(name, value)| (name.into(), value.into())).collect();
    options
}

/// A folder of this checkout's. As root the server runs as another account: where the way to `target` is closed to it
/// (a checkout below `/root`), the folder is in the temporary one.
fn data_dir() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let digest = target
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0u64, |digest, byte| digest.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let apart = std::env::temp_dir().join(format!("neotoma-tests-{digest:016x}"));
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() {
        use std::os::unix::fs::PermissionsExt as _;
        let open = |step: &Path| {
            step.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 1 == 1)
        };
        if !target.ancestors().all(open) {
            return apart;
        }
    }
    drop(apart);
    target.join("postgres")
}

async fn run(connection: &mut PgConnection) -> String {
    let sql = "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint::text";
    sqlx::query_scalar(sql).fetch_one(connection).await.expect("the server knows when it started")
}

fn prefix(run: &str, process: u32) -> String {
    format!("neotoma_test_{run}_{process}_")
}

/// Removes what an earlier run of our own server left: its companions were killed.
async fn sweep(admin: &PgConnectOptions) {
    let mut connection = connect(admin).await;
    let this_run = format!("neotoma_test_{}_", run(&mut connection).await);
    let names = databases(&mut connection, "neotoma_test_").await;
    drop_all(connection, names.into_iter().filter(|name| !name.starts_with(&this_run))).await;
}

async fn databases(connection: &mut PgConnection, prefix: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)")
        .bind(prefix)
        .fetch_all(connection)
        .await
        .expect("databases can be listed")
}

async fn drop_all(mut connection: PgConnection, names: impl IntoIterator<Item = String>) {
    for name in names {
        execute(&mut connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }
    connection.close().await.expect("a connection closes");
}

async fn execute(connection: &mut PgConnection, sql: String) {
    let text = sql.clone();
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{text}: {error}"));
}

/// This binary again, running [`companion_of_a_test_process`] alone, out of a terminal's reach. Its standard input is
/// the pipe that breaks with us.
fn companion() -> Child {
    let this = module_path!().split_once("::").map_or("", |(_crate, module)| module);
    let mut command = Command::new(std::env::current_exe().expect("a test knows its binary"));
    command
        .arg(format!("{this}::companion_of_a_test_process"))
        .args(["--exact", "--ignored", "--nocapture"])
        .env(PARENT, std::process::id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().expect("a test binary can run itself")
}

#[tokio::test]
#[ignore = "not a test: a test process runs it to clear up behind itself"]
async fn companion_of_a_test_process() {
    let Some(parent) = std::env::var(PARENT).ok().and_then(|id| id.parse().ok()) else { return };
    let (admin, embedded) = join().await;
    let waited =
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    waited.expect("a pipe can be waited for").expect("a pipe can be read");
    let mut connection = connect(&admin).await;
    let prefix = prefix(&run(&mut connection).await, parent);
    let names = databases(&mut connection, &prefix).await;
    drop_all(connection, names).await;
    if let Some(embedded) = embedded {
        tokio::time::sleep(LINGER).await;
        embedded.stop().await.expect("the test server stops");
    }
}
