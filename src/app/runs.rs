//! Syncs: started, joined, watched; and their history.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    App, Error, Progress, Result, RunStatus, RunView, RunsRequest, RunsView, SyncRequest,
    connectors::{shown, stored},
    core::Core,
    entry,
};
use crate::{
    ids::{ConnectorId, OwnerId, RunId},
    provider::AnyProvider,
    providers::exports,
    run::{ConnectorStatus, Stats, Trigger},
    store::{Connector, Ending, Run, RunsQuery},
    sync::{Asked, Live, MailFile, Started},
};

/// How often a run of another process is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a look at the database may take after a wait.
pub const ANSWERING: Duration = Duration::from_secs(1);
/// The class of the error that a run is closed with when its process is gone.
const INTERRUPTED: &str = "interrupted";

/// A run that goes on in this process, or in another that it was joined to. Dropping it leaves the run going.
pub struct RunHandle {
    app: App,
    owner: OwnerId,
    connector: Connector,
    request: SyncRequest,
    began: Timestamp,
    run: Arc<Mutex<Watched>>,
}

#[derive(Clone)]
enum Watched {
    Here { live: Arc<Live>, already: bool },
    Elsewhere(RunId),
}

impl App {
    /// Starts a sync of one connector, or joins the one that runs. When it answers, the run's row exists.
    ///
    /// # Errors
    /// `UnknownConnector`, `Paused`, `Deleted`; `Invalid` for bounds out of range; `Busy` when one runs that was
    /// asked for less.
    pub async fn sync(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        request: SyncRequest,
    ) -> Result<RunHandle> {
        check(&request)?;
        let (connector, run) = self.begin(owner, id, &request).await?;
        Ok(RunHandle {
            app: self.clone(),
            owner: owner.clone(),
            connector,
            request,
            began: Timestamp::now(),
            run: Arc::new(Mutex::new(run)),
        })
    }

    /// Imports a file of mail into a connector, as a run of it. What is stored already stays as it is.
    ///
    /// # Errors
    /// `Invalid` where the provider's mail cannot be read from a file, or the file is none of mail; `UnknownConnector`,
    /// `Paused`, `Deleted`; `Busy` while a sync of the connector goes on.
    pub async fn import_mail(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        path: &Path,
        trigger: Trigger,
    ) -> Result<RunHandle> {
        let core = self.core().await?;
        let connector = stored(core, owner, id).await?;
        let provider = usable(&connector)?;
        if !exports::takes(&connector.provider) {
            let problem = format!(
                "mail of gmail and outlook can be read from one, not of {}",
                connector.provider
            );
            return Err(Error::invalid("file", problem));
        }
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || MailFile::open(&path)).await;
        let file = opened
            .map_err(|join| Error::invalid("file", join.to_string()))?
            .map_err(|problem| Error::invalid("file", problem))?;
        let request = SyncRequest::new(trigger);
        let asked = asked(&request);
        let run = match core.engine.start_file(&connector, provider, asked, file).await? {
            Started::Here { live, already } => Watched::Here { live, already },
            Started::Elsewhere(run) | Started::Busy(run) => {
                return Err(Error::Busy { run: run.to_string() });
            }
            Started::Refused(status) => return Err(refused(status, id)),
        };
        Ok(RunHandle {
            app: self.clone(),
            owner: owner.clone(),
            connector,
            request,
            began: Timestamp::now(),
            run: Arc::new(Mutex::new(run)),
        })
    }

    async fn begin(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        request: &SyncRequest,
    ) -> Result<(Connector, Watched)> {
        let core = self.core().await?;
        let connector = stored(core, owner, id).await?;
        let provider = usable(&connector)?;
        let asked = asked(request);
        let run = if request.dry_run {
            Watched::Here {
                live: core.engine.start_dry(&connector, provider, asked)?,
                already: false,
            }
        } else {
            match core.engine.start(&connector, provider, asked).await? {
                Started::Here { live, already } => Watched::Here { live, already },
                Started::Elsewhere(run) => Watched::Elsewhere(run),
                Started::Busy(run) => return Err(Error::Busy { run: run.to_string() }),
                Started::Refused(status) => return Err(refused(status, id)),
            }
        };
        Ok((connector, run))
    }

    /// The history of runs, newest first.
    ///
    /// # Errors
    /// `UnknownRun`, or `Invalid` for a limit or cursor that does not do.
    pub async fn runs(&self, owner: &OwnerId, request: RunsRequest) -> Result<RunsView> {
        let limit = limit_of(request.limit)?;
        let before = request.cursor.map(|cursor| {
            cursor
                .parse::<RunId>()
                .map_err(|_| Error::invalid("cursor", "is not one of this tool's"))
        });
        let core = self.core().await?;
        let query = RunsQuery {
            run: request.run_id,
            connector: request.connector_id,
            status: request.status,
            before: before.transpose()?,
            limit: i64::from(limit) + 1,
        };
        let mut runs = core.store().runs(owner, &query).await?;
        if close_abandoned(core, owner, &runs).await? {
            runs = core.store().runs(owner, &query).await?;
        }
        if let (Some(run), true) = (request.run_id, runs.is_empty()) {
            return Err(Error::UnknownRun(run.to_string()));
        }
        let more = runs.len() > limit as usize;
        runs.truncate(limit as usize);
        let next_cursor = runs.last().filter(|_| more).map(|run| run.id.to_string());
        Ok(RunsView { runs: runs.into_iter().map(view).collect(), next_cursor })
    }
}

/// The provider of a connector that may run.
fn usable(connector: &Connector) -> Result<&'static dyn AnyProvider> {
    match connector.status {
        ConnectorStatus::Paused => return Err(Error::Paused(connector.id.to_string())),
        ConnectorStatus::Deleted => return Err(Error::Deleted(connector.id.to_string())),
        _ => {}
    }
    entry(&connector.provider)
}

fn asked(request: &SyncRequest) -> Asked {
    Asked {
        sync_type: request.sync_type,
        trigger: request.trigger,
        limit: request.limit,
        max_pages: request.max_pages,
        since: request.since,
        confirm_removals: request.confirm_removals,
    }
}

fn refused(status: Option<ConnectorStatus>, id: ConnectorId) -> Error {
    match status {
        None => Error::UnknownConnector(id.to_string()),
        Some(ConnectorStatus::Paused) => Error::Paused(id.to_string()),
        Some(_) => Error::Deleted(id.to_string()),
    }
}

impl RunHandle {
    /// The run as it stands now.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn view(&self) -> Result<RunView> {
        match self.watched() {
            Watched::Here { live, already } => {
                let known = self.known_view(&live, already)?;
                let Some(run) = live.run else { return Ok(known) };
                let mut view = self.stored_view(run).await?;
                view.already_running = already;
                if view.status == RunStatus::Running {
                    view.stats = live.progress().borrow().stats;
                }
                Ok(view)
            }
            Watched::Elsewhere(run) => {
                let mut view = self.stored_view(run).await?;
                view.already_running = true;
                Ok(view)
            }
        }
    }

    /// Numbers as they change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        if let Watched::Here { live, .. } = self.watched() {
            return live.progress();
        }
        let (tell, told) = watch::channel(Progress::default());
        let (app, owner, run) = (self.app.clone(), self.owner.clone(), Arc::clone(&self.run));
        tokio::spawn(async move {
            // Ends with the run, or when nobody listens any more.
            loop {
                let watched = run.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let (progress, ended) = match watched {
                    Watched::Here { live, .. } => {
                        (live.progress().borrow().clone(), live.has_ended().is_some())
                    }
                    Watched::Elsewhere(run) => {
                        let Ok(core) = app.core().await else { return };
                        let Ok(Some(run)) = core.store().run(&owner, run).await else { return };
                        (Progress { stats: run.stats, waiting: None }, has_ended(&run))
                    }
                };
                if tell.send(progress).is_err() || ended {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        told
    }

    /// Waits for its end, at most so long; answers how it stands then (`status: running, more: true` if it goes on). A run
    /// that was joined, and whose process is gone, is gone on with.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wait(&self, at_most: Duration) -> Result<RunView> {
        // A run that goes on past it is answered as it stands.
        let _ = tokio::time::timeout(at_most, self.ended()).await;
        let view = tokio::time::timeout(ANSWERING, self.view()).await;
        match (view, self.watched()) {
            (Ok(Ok(view)), _) => Ok(view),
            // A database that is gone does not hold the answer up: what this process knows of its own run is told.
            (_, Watched::Here { live, already }) => self.known_view(&live, already),
            (Ok(Err(error)), Watched::Elsewhere(_)) => Err(error),
            (Err(_), Watched::Elsewhere(_)) => {
                Err(Error::Database(format!("no answer within {} s", ANSWERING.as_secs())))
            }
        }
    }

    /// Waits until it is over. Answers whether it had begun before it was asked for.
    pub(super) async fn until_over(&self) -> bool {
        let joined = match self.watched() {
            Watched::Here { already, .. } => already,
            Watched::Elsewhere(_) => true,
        };
        self.ended().await;
        joined
    }

    async fn ended(&self) {
        loop {
            match self.watched() {
                Watched::Here { live, .. } => {
                    let _ = live.ended().await; // `view` tells how
                    return;
                }
                Watched::Elsewhere(run) => match self.look(run).await {
                    Ok(None) => tokio::time::sleep(LOOK).await,
                    Ok(Some(again)) => *self.lock() = again,
                    Err(()) => return,
                },
            }
        }
    }

    /// Looks at a run of another process: nothing while it goes on, an error once there is nothing to wait for. Where its
    /// process is gone, what was asked begins anew: here, or in whichever process was first.
    async fn look(&self, run: RunId) -> Result<Option<Watched>, ()> {
        let core = self.app.core().await.map_err(drop)?;
        let find = async || core.store().run(&self.owner, run).await.map_err(drop)?.ok_or(());
        let mut stored = find().await?;
        if close_abandoned(core, &self.owner, std::slice::from_ref(&stored)).await.map_err(drop)? {
            stored = find().await?;
        }
        if stored.status == RunStatus::Running {
            return Ok(None);
        }
        if has_ended(&stored) {
            return Err(());
        }
        let begun = self.app.begin(&self.owner, self.connector.id, &self.request).await;
        begun.map(|(_, run)| Some(run)).map_err(drop)
    }

    /// Asks it to stop after the page at hand. A run of another process goes on.
    pub fn stop(&self) {
        if let Watched::Here { live, .. } = self.watched() {
            live.stop();
        }
    }

    fn watched(&self) -> Watched {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stored_view(&self, run: RunId) -> Result<RunView> {
        let core = self.app.core().await?;
        let stored = core.store().run(&self.owner, run).await?;
        stored.map(view).ok_or_else(|| Error::UnknownRun(run.to_string()))
    }

    /// A run of this process, without a look at the database; an error where it could not even store how it ended.
    fn known_view(&self, live: &Live, already: bool) -> Result<RunView> {
        let ending = live.has_ended().transpose().map_err(Error::Database)?;
        let ended = ending.is_some();
        let stats: Stats = live.progress().borrow().stats;
        let ending = ending.unwrap_or_else(|| Ending::running(stats));
        Ok(RunView {
            run_id: live.run,
            connector_id: self.connector.id,
            provider: self.connector.provider.clone(),
            account: shown(&self.connector).to_owned(),
            sync_type: self.request.sync_type,
            status: ending.status,
            stats: ending.stats,
            more: ending.more || !ended,
            already_running: already,
            dry_run: live.run.is_none(),
            feeds: ending.feeds,
            feeds_skipped: ending.feeds_skipped,
            removals_waiting: ending.removals_waiting,
            error: ending.error,
            started_at: self.began,
            completed_at: ended.then(Timestamp::now),
        })
    }
}

/// Closes those of the runs that nobody drives any more, so that none is said to run which does not. Whether there was one.
async fn close_abandoned(core: &Core, owner: &OwnerId, runs: &[Run]) -> Result<bool> {
    let mut any = false;
    for run in runs.iter().filter(|run| run.status == RunStatus::Running) {
        any |= core.engine.close_abandoned(owner, run.connector, run.id).await?;
    }
    Ok(any)
}

/// Whether a run came to an end of its own, rather than being cut off with its process.
fn has_ended(run: &Run) -> bool {
    let cut_off = run.error.as_ref().is_some_and(|error| error.class == INTERRUPTED);
    run.status != RunStatus::Running && !cut_off
}

fn check(request: &SyncRequest) -> Result<()> {
    let range = |field, value: Option<u32>, most| match value {
        Some(value) if value == 0 || value > most => {
            Err(Error::invalid(field, format!("is {value}, and must be from 1 to {most}")))
        }
        _ => Ok(()),
    };
    range("limit", request.limit, 1000)?;
    range("max_pages", request.max_pages, 10_000)
}

/// The wished number of rows: 20 where none is given, 100 at most.
pub(super) fn limit_of(limit: Option<u32>) -> Result<u32> {
    match limit {
        None => Ok(20),
        Some(limit @ 1..=100) => Ok(limit),
        Some(limit) => {
            Err(Error::invalid("limit", format!("is {limit}, and must be from 1 to 100")))
        }
    }
}

fn view(run: Run) -> RunView {
    RunView {
        run_id: Some(run.id),
        connector_id: run.connector,
        provider: run.provider,
        account: run.account,
        sync_type: run.sync_type,
        status: run.status,
        stats: run.stats,
        more: run.more || run.status == RunStatus::Running,
        already_running: false,
        dry_run: false,
        feeds: run.feeds,
        feeds_skipped: run.feeds_skipped,
        removals_waiting: run.removals_waiting,
        error: run.error,
        started_at: run.started_at,
        completed_at: run.completed_at,
    }
}
