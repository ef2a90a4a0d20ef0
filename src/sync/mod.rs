//! The engine: one connector is read feed by feed and page by page, and every page is stored with its cursor.
//!
//! `run.rs` is a run from its lease to its end, `feed.rs` one feed, `ending.rs` how a run ends, `dry.rs` a run that writes
//! nothing, `holder.rs` who holds a lease, `live.rs` a run as others watch it.

mod dry;
mod ending;
mod feed;
mod holder;
mod live;
mod run;

pub use live::{Live, Progress};
pub use run::MailFile;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    error::Error,
    http::{Client, Connection, Meter, Policy, Transport},
    ids::{ConnectorId, OwnerId, RunId},
    oauth::{Apps, StoredCredentials},
    provider::{AnyProvider, Settings},
    run::{ConnectorStatus, SyncType, Trigger},
    store::{Connector, Leased, Store, StoreError},
    vault::Vault,
};

/// What a run is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// How far it goes.
    pub sync_type: SyncType,
    /// What asked.
    pub trigger: Trigger,
    /// Wished page size.
    pub limit: Option<u32>,
    /// Pages over all feeds.
    pub max_pages: Option<u32>,
    /// Bounds the first listing of each feed.
    pub since: Option<Timestamp>,
    /// Carries out removals that wait for a yes, those of this run included.
    pub confirm_removals: bool,
}

/// What asking for a run gave.
pub enum Started {
    /// It runs in this process; `already`: it did before it was asked for.
    Here {
        /// The run.
        live: Arc<Live>,
        /// It was running before.
        already: bool,
    },
    /// It runs in another process.
    Elsewhere(RunId),
    /// A run that asked for less holds the connector.
    Busy(RunId),
    /// The connector is gone, paused or deleted.
    Refused(Option<ConnectorStatus>),
}

/// Why a run, or something it did, failed.
#[derive(Debug)]
pub enum Failure {
    /// The vendor's side.
    Vendor(Error),
    /// The database.
    Store(StoreError),
    /// A file that a person gave, in words behind "the file:".
    File(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Vendor(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Everything that runs need, and the runs of this process.
pub struct Engine {
    /// The database.
    pub store: Store,
    /// Opens and seals secrets.
    pub vault: Vault,
    /// Calls vendors.
    pub transport: Transport,
    /// The operator's OAuth apps.
    pub apps: Apps,
    running: Mutex<HashMap<ConnectorId, Arc<Live>>>,
    /// Runs of this process that are over and whose end could not be stored: whoever comes next need not wait for their
    /// leases to run out.
    abandoned: Mutex<HashSet<RunId>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Engine {
    /// An engine over a database.
    pub fn new(store: Store, vault: Vault, transport: Transport, apps: Apps) -> Arc<Self> {
        Arc::new(Self {
            store,
            vault,
            transport,
            apps,
            running: Mutex::default(),
            abandoned: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Starts a run of a connector, or joins the one that goes on. When it answers, the run's row exists.
    ///
    /// # Errors
    /// When the database fails, or the connector's secrets do not open.
    pub async fn start(
        self: &Arc<Self>,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        asked: Asked,
    ) -> Result<Started, Failure> {
        let (engine, connector) = (Arc::clone(self), connector.clone());
        // On a task of its own: a caller that no longer waits must not leave a lease that nobody drives.
        let begun =
            self.tasks.spawn(async move { engine.begin(&connector, provider, asked, None).await });
        begun.await.unwrap_or_else(|_| Err(feed::panicked().into()))
    }

    /// Starts a run that reads a file of mail. It joins none: `Busy` where one goes on.
    ///
    /// # Errors
    /// When the database fails, or the connector's secrets do not open.
    pub async fn start_file(
        self: &Arc<Self>,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        asked: Asked,
        file: MailFile,
    ) -> Result<Started, Failure> {
        let (engine, connector) = (Arc::clone(self), connector.clone());
        let begun = self
            .tasks
            .spawn(async move { engine.begin(&connector, provider, asked, Some(file)).await });
        begun.await.unwrap_or_else(|_| Err(feed::panicked().into()))
    }

    async fn begin(
        self: &Arc<Self>,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        asked: Asked,
        file: Option<MailFile>,
    ) -> Result<Started, Failure> {
        let meter = Arc::new(Meter::default());
        let client = self.client(connector, provider, &asked, Arc::clone(&meter))?;
        let is_dead = |run: RunId, holder: &Value| self.is_dead(run, holder);
        let what = (asked.sync_type, asked.trigger);
        let holder = holder::this_process();
        let leased =
            self.store.lease(&connector.owner, connector.id, what, &holder, is_dead).await?;
        let lease = match leased {
            Leased::Held(lease) => lease,
            Leased::Refused(status) => return Ok(Started::Refused(status)),
            Leased::Busy { run, sync_type } => {
                let wider =
                    asked.sync_type == SyncType::Initial && sync_type == SyncType::Incremental;
                if wider || file.is_some() {
                    return Ok(Started::Busy(run));
                }
                return Ok(match self.live(connector.id).filter(|live| live.run == Some(run)) {
                    Some(live) => Started::Here { live, already: true },
                    None => Started::Elsewhere(run),
                });
            }
        };
        let live = Arc::new(Live::new(Some(lease.run), self.stop.child_token()));
        self.runs().insert(connector.id, Arc::clone(&live));
        let run = run::Run::new(
            Arc::clone(self),
            lease,
            connector,
            provider,
            client,
            asked,
            meter,
            Arc::clone(&live),
        );
        let (engine, id) = (Arc::clone(self), connector.id);
        self.tasks.spawn(async move {
            let end = run.drive(file).await;
            engine.forget(id, &run.live, end.is_err());
            let written = end.as_ref().ok().map(|end| end.stats.created + end.stats.updated);
            run.live.end(end);
            if let Some(written) = written
                && let Err(error) = engine.store.refresh_statistics(written).await
            {
                warn!(%error, "the planner could not be told of the new records");
            }
        });
        Ok(Started::Here { live, already: false })
    }

    /// Closes a run whose process is gone, so that whoever watches it need not wait for another to take over. Answers
    /// whether it did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_abandoned(
        &self,
        owner: &OwnerId,
        connector: ConnectorId,
        run: RunId,
    ) -> Result<bool, StoreError> {
        let is_dead = |run: RunId, holder: &Value| self.is_dead(run, holder);
        self.store.close_abandoned(owner, connector, run, is_dead).await
    }

    fn is_dead(&self, run: RunId, holder: &Value) -> bool {
        self.abandoned().contains(&run) || holder::is_dead(holder)
    }

    /// A run is over; `abandoned`: its row still says that it runs.
    fn forget(&self, connector: ConnectorId, over: &Live, abandoned: bool) {
        let mut runs = self.runs();
        // The lease is free by now: the next run may be there already.
        if runs.get(&connector).is_some_and(|live| live.run == over.run) {
            runs.remove(&connector);
        }
        if abandoned {
            self.abandoned().extend(over.run);
        }
    }

    /// Starts a run that fetches and normalises and writes nothing. It takes no lease and has no row.
    ///
    /// # Errors
    /// When the connector's secrets do not open.
    pub fn start_dry(
        self: &Arc<Self>,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        asked: Asked,
    ) -> Result<Arc<Live>, Failure> {
        let meter = Arc::new(Meter::default());
        let client = self.client(connector, provider, &asked, Arc::clone(&meter))?;
        let live = Arc::new(Live::new(None, self.stop.child_token()));
        let dry = dry::DryRun::new(
            Arc::clone(self),
            connector,
            provider,
            client,
            asked,
            meter,
            Arc::clone(&live),
        );
        self.tasks.spawn(async move { dry.drive().await });
        Ok(live)
    }

    /// Asks all runs of this process to stop at their page, and waits until they have.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Whether the program is about to end: no run is begun any more.
    pub fn is_closing(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The run of a connector that goes on in this process.
    pub fn live(&self, connector: ConnectorId) -> Option<Arc<Live>> {
        self.runs().get(&connector).cloned()
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectorId, Arc<Live>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abandoned(&self) -> std::sync::MutexGuard<'_, HashSet<RunId>> {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(
        &self,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        asked: &Asked,
        meter: Arc<Meter>,
    ) -> Result<Client, Failure> {
        let credentials = StoredCredentials::open(
            self.store.clone(),
            self.vault.clone(),
            self.transport.clone(),
            &self.apps,
            provider.spec(),
            connector,
        )?;
        Ok(self.transport.client(Connection {
            policy: policy(provider, &connector.metadata),
            account: connector.id.to_string(),
            credentials: Arc::new(credentials),
            settings: connector.metadata.clone(),
            limit: asked.limit,
            since: None,
            meter,
        }))
    }
}

/// What the HTTP client is told of a vendor, and of the hosts that a connector's settings name.
pub fn policy(provider: &'static dyn AnyProvider, settings: &Settings) -> Policy {
    let spec = provider.spec();
    Policy {
        provider: spec.id,
        hosts: spec.hosts_for(settings),
        rate: spec.rate,
        fault: Arc::new(|status, body| provider.fault(status, body)),
    }
}

/// The setting `since`: a date or a time.
pub fn since_setting(settings: &Settings) -> Option<Timestamp> {
    let text = settings.get("since")?.as_str()?;
    let day = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>().ok().or_else(|| text.parse::<Date>().ok().and_then(day))
}
