//! Starting or joining, leaving or stopping: what the rest of the program does with the cluster.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{net::UnixStream, time::Instant};

use super::{
    EmbeddedError, Options,
    account::Account,
    blocking, cluster,
    data_dir::create_data_dir,
    discover::{Binaries, Search},
    error::Kind,
    layout::{Layout, socket_in},
    locks::{self, Control, User},
    server::{self, Phase, Postmaster},
    settings,
};

/// How long another process may be starting the server: it may have to fetch PostgreSQL first.
const CONTROL_LIMIT: Duration = Duration::from_mins(20);
/// How long another process may be starting or stopping the server when we want to stop it.
const RELEASE_LIMIT: Duration = Duration::from_secs(90);
/// How long a server that runs may take connections not yet, or no longer.
const CONNECT_LIMIT: Duration = Duration::from_mins(5);
/// How long one that says it is ready may be without a socket before it is taken to have lost it.
const LOST_LIMIT: Duration = Duration::from_secs(3);
/// How long a server that accepts connections may take to answer on one.
const GREET_LIMIT: Duration = Duration::from_mins(1);
/// How often one start starts a server that ends before it has answered.
const MAX_LAUNCHES: u32 = 3;
const POLL: Duration = Duration::from_millis(20);

/// The running cluster, as one of the processes that use it.
///
/// [`Embedded::stop`] leaves it properly. Dropping it does what can be done without waiting: the last user tells the
/// server to stop, and does not see it end.
#[derive(Debug)]
pub struct Embedded {
    options: Options,
    layout: Layout,
    user: User,
    left: bool,
    connect: PgConnectOptions,
    version: String,
    started: bool,
}

/// Starts the cluster's server, making the cluster first where there is none, or joins the server that runs.
/// `progress` is told, in a few words, of what takes longer than a moment.
///
/// Dropping the future gives up; what was begun is picked up, or done again, by the next start.
///
/// # Errors
/// What stands in the way, with what a person does about it.
pub async fn start(
    options: &Options,
    progress: impl Fn(&str) + Send + Sync,
) -> Result<Embedded, EmbeddedError> {
    let data_dir = options.data_dir.clone();
    let layout = Layout::at(blocking(move || create_data_dir(&data_dir)).await?);
    let control = Control::acquire(&layout.control_lock(), CONTROL_LIMIT, || {
        progress("waiting for another neotoma that is starting or stopping the database");
    })
    .await?;
    let user = User::join(layout.users_lock())?;
    let up = bring_up(options, &layout, &progress).await?;
    drop(control);
    let (connect, version, started) = (up.connect, up.version, up.started);
    Ok(Embedded { options: options.clone(), layout, user, left: false, connect, version, started })
}

/// Stops a server that no process uses: one whose last user was killed. Says whether there was one.
///
/// # Errors
/// [`Kind::Busy`] and [`Kind::Stop`].
pub async fn stop_if_unused(options: &Options) -> Result<bool, EmbeddedError> {
    let Ok(root) = options.data_dir.canonicalize() else { return Ok(false) };
    let layout = Layout::at(root);
    if !layout.control_lock().exists() {
        return Ok(false);
    }
    release(&layout).await
}

impl Embedded {
    /// How to connect to the database.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.connect.clone()
    }

    /// The server's version: `18.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it was this process that started the server.
    pub fn started(&self) -> bool {
        self.started
    }

    /// Whether the server's process is there.
    pub fn is_running(&self) -> bool {
        matches!(Postmaster::running(&self.layout), Ok(Some(_)))
    }

    /// Brings the server back when it was lost, for a process that goes on: connections fail, and nobody else has
    /// started it again. The connect options stay what they were. Does nothing to a server that runs.
    ///
    /// # Errors
    /// As [`start`].
    pub async fn revive(&self, progress: impl Fn(&str) + Send + Sync) -> Result<(), EmbeddedError> {
        let control = Control::acquire(&self.layout.control_lock(), CONTROL_LIMIT, || ()).await?;
        bring_up(&self.options, &self.layout, &progress).await?;
        drop(control);
        Ok(())
    }

    /// Leaves the cluster; the last process to do so stops the server and waits until it has ended. Connections are
    /// better closed before.
    ///
    /// # Errors
    /// [`Kind::Busy`] and [`Kind::Stop`]. The cluster is left in any case.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        self.left = true;
        self.user.leave()?;
        release(&self.layout).await?;
        Ok(())
    }

    fn leave_at_once(&self) -> Result<(), EmbeddedError> {
        self.user.leave()?;
        // Whoever has control now is about to use the server, or to stop it.
        let Some(control) = Control::try_acquire(&self.layout.control_lock())? else {
            return Ok(());
        };
        if !locks::in_use(&self.layout.users_lock())?
            && let Some(postmaster) = Postmaster::running(&self.layout)?
        {
            postmaster.interrupt()?;
        }
        drop(control);
        Ok(())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if !self.left
            && let Err(error) = self.leave_at_once()
        {
            tracing::warn!(%error, "the database was not stopped; the next neotoma does that");
        }
    }
}

async fn release(layout: &Layout) -> Result<bool, EmbeddedError> {
    let control = Control::acquire(&layout.control_lock(), RELEASE_LIMIT, || ()).await?;
    if locks::in_use(&layout.users_lock())? {
        return Ok(false);
    }
    let stopped = match Postmaster::running(layout)? {
        Some(postmaster) => postmaster.stop(layout).await.map(|()| true)?,
        None => false,
    };
    drop(control);
    Ok(stopped)
}

/// A server that takes connections.
struct Up {
    connect: PgConnectOptions,
    version: String,
    started: bool,
}

async fn bring_up(
    options: &Options,
    layout: &Layout,
    progress: &(impl Fn(&str) + Send + Sync),
) -> Result<Up, EmbeddedError> {
    let mut launches = 0;
    let mut deadline = Instant::now() + CONNECT_LIMIT;
    let mut lost_since = None;
    loop {
        match Postmaster::running(layout)? {
            None if launches == MAX_LAUNCHES => return Err(does_not_stay()),
            None => {
                launch(options, layout, progress).await?;
                launches += 1;
                deadline = Instant::now() + CONNECT_LIMIT;
                continue;
            }
            Some(postmaster) if Instant::now() > deadline => return Err(not_ready(&postmaster)),
            Some(postmaster) if postmaster.phase == Phase::Ready => {
                let folder = postmaster.socket_folder.as_deref().unwrap_or(layout.root());
                if UnixStream::connect(socket_in(folder)).await.is_ok() {
                    lost_since = None;
                    let connect = connect_to(folder);
                    if let Some(version) = greet(&connect).await? {
                        return Ok(Up { connect, version, started: launches > 0 });
                    }
                } else if lost_since.get_or_insert_with(Instant::now).elapsed() > LOST_LIMIT {
                    // Somebody has tidied the socket away, and no new client will ever get in: those that are in
                    // connect again.
                    tracing::warn!("the database's socket is gone; starting its server anew");
                    postmaster.stop(layout).await?;
                }
            }
            // It has been told to; what is left is to wait, or to insist.
            Some(postmaster) if postmaster.phase == Phase::Stopping => {
                postmaster.stop(layout).await?;
            }
            Some(_) => {}
        }
        tokio::time::sleep(POLL).await;
    }
}

fn does_not_stay() -> EmbeddedError {
    EmbeddedError::new(
        Kind::Start,
        format!("the database's server was started {MAX_LAUNCHES} times, and ended each time"),
        "see server.log in the data folder, or give a database with DATABASE_URL",
    )
}

fn not_ready(postmaster: &Postmaster) -> EmbeddedError {
    let pid = postmaster.pid.as_raw_nonzero();
    EmbeddedError::new(
        Kind::Start,
        format!("the database's server (process {pid}) has not become ready"),
        "see server.log in the data folder, end that process, and try again",
    )
}

/// Starts a server where none runs.
async fn launch(
    options: &Options,
    layout: &Layout,
    progress: &(impl Fn(&str) + Send + Sync),
) -> Result<(), EmbeddedError> {
    let account = Account::choose(&layout.cluster())?;
    account.open_way(layout.root())?;
    let version = cluster::version(layout)?;
    let binaries = binaries(options, layout, version, progress).await?;
    if version.is_none() {
        progress(&format!(
            "making a database with PostgreSQL {} in {}",
            binaries.version,
            layout.root().display()
        ));
        cluster::create(layout, &account, &binaries, options).await?;
    }
    let (home, owner, extra) = (layout.clone(), account.clone(), options.settings.clone());
    blocking(move || {
        server::clear_stale(&home)?;
        let socket_folder = home.socket_folder(&owner)?;
        settings::write(&home, &owner, &socket_folder, &extra)
    })
    .await?;
    server::start(layout, &account, &binaries, progress).await
}

#[cfg(feature = "download-postgres")]
async fn binaries(
    options: &Options,
    layout: &Layout,
    version: Option<u32>,
    progress: &(impl Fn(&str) + Send + Sync),
) -> Result<Binaries, EmbeddedError> {
    let search = Search::here(options.bin_dir.clone(), layout.root().to_path_buf());
    match search.first(version).await {
        // What a person has named is used, or complained of.
        Err(error) if search.setting.is_none() => {
            super::download::fetch(layout.root(), version, &error, progress).await?;
            search.first(version).await
        }
        found => found,
    }
}

#[cfg(not(feature = "download-postgres"))]
async fn binaries(
    options: &Options,
    layout: &Layout,
    version: Option<u32>,
    _progress: &(impl Fn(&str) + Send + Sync),
) -> Result<Binaries, EmbeddedError> {
    Search::here(options.bin_dir.clone(), layout.root().to_path_buf()).first(version).await
}

fn connect_to(socket_folder: &Path) -> PgConnectOptions {
    // Every field that `PG…` variables would set is set; they mean some other database.
    PgConnectOptions::new_without_pgpass()
        .socket(socket_folder)
        .port(5432)
        .username(settings::USER)
        .password("")
        .database(settings::USER)
        .application_name("neotoma")
        .ssl_mode(PgSslMode::Disable)
}

/// Connects once, so that whoever gets the options can rely on them. Gives the server's version; nothing, when it is
/// not to be had yet, or no longer: the server's state has to be looked at again then.
async fn greet(options: &PgConnectOptions) -> Result<Option<String>, EmbeddedError> {
    let failed = |problem: String| {
        EmbeddedError::new(
            Kind::Connect,
            format!("the database is running and does not let neotoma in: {problem}"),
            "see server.log in the data folder",
        )
    };
    match tokio::time::timeout(GREET_LIMIT, ask_version(options)).await {
        // Debian adds the package's version to its own.
        Ok(Ok(version)) => Ok(version.split_whitespace().next().map(str::to_owned)),
        Ok(Err(error)) if not_yet(&error) => Ok(None),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer for {} s", GREET_LIMIT.as_secs()))),
    }
}

async fn ask_version(options: &PgConnectOptions) -> Result<String, sqlx::Error> {
    let mut connection = options.connect().await?;
    let version = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(version)
}

/// Whether a server that is coming up, or is short of connections for a moment, said so.
fn not_yet(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P03" | "57P01" | "57P02" | "53300"))
        }
        sqlx::Error::Io(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_can_be_handed_to_another_thread() {
        fn sendable(_: &(impl Send + Sync)) {}
        fn sent(_: impl Send) {}
        let options = Options::new("/nonexistent");
        sent(start(&options, |_| ()));
        let embedded: Option<Embedded> = None;
        sendable(&embedded);
        if let Some(embedded) = embedded {
            sent(embedded.stop());
        }
    }
}
