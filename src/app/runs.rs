//! Syncs: started, joined, watched; and their history.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    App, Error, Progress, Result, RunStatus, RunView, RunsRequest, RunsView, SyncRequest, SyncType,
    connectors::{shown, stored},
    entry,
};
use crate::{
    ids::{ConnectorId, OwnerId, RunId},
    providers::Entry,
    run::{ConnectorStatus, Stats},
    store::{Connector, Ending, Run, RunsQuery},
    sync::{Asked, Live, Started},
};

/// How often a run of another process is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A run that goes on in this process, or in another that it was joined to. Dropping it leaves the run going.
pub struct RunHandle {
    app: App,
    owner: OwnerId,
    connector: Connector,
    sync_type: SyncType,
    began: Timestamp,
    run: Watched,
}

enum Watched {
    Here { live: Arc<Live>, already: bool },
    Elsewhere(RunId),
}

impl App {
    /// Starts a sync of one connector, or joins the one that runs. When it answers, the run's row exists.
    ///
    /// # Errors
    /// `UnknownConnector`, `Paused`, `Deleted`, `Planned`; `Invalid` for bounds out of range; `Busy` when one runs that was
    /// asked for less.
    pub async fn sync(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        request: SyncRequest,
    ) -> Result<RunHandle> {
        check(&request)?;
        let core = self.core().await?;
        let connector = stored(core, owner, id).await?;
        match connector.status {
            ConnectorStatus::Paused => return Err(Error::Paused(id.to_string())),
            ConnectorStatus::Deleted => return Err(Error::Deleted(id.to_string())),
            _ => {}
        }
        let provider = match entry(&connector.provider)? {
            Entry::Ready(provider) => *provider,
            Entry::Planned(spec) => return Err(Error::Planned(spec.name.to_owned())),
        };
        let asked = Asked {
            sync_type: request.sync_type,
            trigger: request.trigger,
            limit: request.limit,
            max_pages: request.max_pages,
            since: request.since,
            confirm_removals: request.confirm_removals,
        };
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
                Started::Refused(None) => return Err(Error::UnknownConnector(id.to_string())),
                Started::Refused(Some(ConnectorStatus::Paused)) => {
                    return Err(Error::Paused(id.to_string()));
                }
                Started::Refused(Some(_)) => return Err(Error::Deleted(id.to_string())),
            }
        };
        Ok(RunHandle {
            app: self.clone(),
            owner: owner.clone(),
            connector,
            sync_type: request.sync_type,
            began: Timestamp::now(),
            run,
        })
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
        if let (Some(run), true) = (request.run_id, runs.is_empty()) {
            return Err(Error::UnknownRun(run.to_string()));
        }
        let more = runs.len() > limit as usize;
        runs.truncate(limit as usize);
        let next_cursor = runs.last().filter(|_| more).map(|run| run.id.to_string());
        Ok(RunsView { runs: runs.into_iter().map(view).collect(), next_cursor })
    }
}

impl RunHandle {
    /// The run as it stands now.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn view(&self) -> Result<RunView> {
        match &self.run {
            Watched::Here { live, .. } if live.run.is_none() => {
                Ok(self.dry_view(live, live.has_ended().transpose().map_err(Error::Database)?))
            }
            Watched::Here { live, already } => {
                if let Some(Err(cause)) = live.has_ended() {
                    return Err(Error::Database(cause));
                }
                let mut view =
                    self.stored_view(live.run.unwrap_or(RunId(uuid::Uuid::nil()))).await?;
                view.already_running = *already;
                if view.status == RunStatus::Running {
                    view.stats = live.progress().borrow().stats;
                }
                Ok(view)
            }
            Watched::Elsewhere(run) => {
                let mut view = self.stored_view(*run).await?;
                view.already_running = true;
                Ok(view)
            }
        }
    }

    /// Numbers as they change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        let run = match &self.run {
            Watched::Here { live, .. } => return live.progress(),
            Watched::Elsewhere(run) => *run,
        };
        let (tell, told) = watch::channel(Progress::default());
        let (app, owner) = (self.app.clone(), self.owner.clone());
        tokio::spawn(async move {
            // Ends with the run, or when nobody listens any more.
            loop {
                let Ok(core) = app.core().await else { return };
                let Ok(Some(run)) = core.store().run(&owner, run).await else { return };
                let progress = Progress { stats: run.stats, waiting: None };
                if tell.send(progress).is_err() || run.status != RunStatus::Running {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        told
    }

    /// Waits for its end, at most so long; answers how it stands then (`status: running, more: true` if it goes on).
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn wait(&self, at_most: Duration) -> Result<RunView> {
        // A run that goes on past it is answered as it stands.
        let _ = tokio::time::timeout(at_most, self.ended()).await;
        self.view().await
    }

    async fn ended(&self) {
        match &self.run {
            Watched::Here { live, .. } => {
                let _ = live.ended().await; // `view` tells how
            }
            Watched::Elsewhere(run) => {
                while matches!(self.stored_view(*run).await, Ok(view) if view.status == RunStatus::Running)
                {
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Asks it to stop after the page at hand. A run of another process goes on.
    pub fn stop(&self) {
        if let Watched::Here { live, .. } = &self.run {
            live.stop();
        }
    }

    async fn stored_view(&self, run: RunId) -> Result<RunView> {
        let core = self.app.core().await?;
        let stored = core.store().run(&self.owner, run).await?;
        stored.map(view).ok_or_else(|| Error::UnknownRun(run.to_string()))
    }

    fn dry_view(&self, live: &Live, ending: Option<Ending>) -> RunView {
        let ended = ending.is_some();
        let stats: Stats = live.progress().borrow().stats;
        let ending = ending.unwrap_or_else(|| Ending::running(stats));
        RunView {
            run_id: None,
            connector_id: self.connector.id,
            provider: self.connector.provider.clone(),
            account: shown(&self.connector).to_owned(),
            sync_type: self.sync_type,
            status: ending.status,
            stats: ending.stats,
            more: ending.more || !ended,
            already_running: false,
            dry_run: true,
            feeds: ending.feeds,
            feeds_skipped: ending.feeds_skipped,
            removals_waiting: ending.removals_waiting,
            error: ending.error,
            started_at: self.began,
            completed_at: ended.then(Timestamp::now),
        }
    }
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
