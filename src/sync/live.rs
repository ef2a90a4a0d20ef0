//! A run as others in this process watch it.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{http::Wait, ids::RunId, run::Stats, store::Ending};

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Numbers so far.
    pub stats: Stats,
    /// What it waits for.
    pub waiting: Option<Wait>,
}

/// A run of this process, watched.
pub struct Live {
    /// Its id; a dry run has none.
    pub run: Option<RunId>,
    progress: watch::Sender<Progress>,
    end: watch::Sender<Option<Result<Ending, String>>>,
    stop: CancellationToken,
}

impl Live {
    /// A run that begins.
    pub(super) fn new(run: Option<RunId>, stop: CancellationToken) -> Self {
        Self { run, progress: watch::Sender::default(), end: watch::Sender::new(None), stop }
    }

    /// Asks it to stop after the page at hand.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Asked to stop.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Numbers as they change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn show(&self, progress: Progress) {
        self.progress.send_if_modified(|shown| {
            let changed = *shown != progress;
            *shown = progress;
            changed
        });
    }

    pub(super) fn end(&self, end: Result<Ending, Failure>) {
        let end = end.map_err(|failure| match failure {
            Failure::Vendor(error) => error.to_string(),
            Failure::Store(error) => error.to_string(),
            Failure::File(why) => format!("the file: {why}"),
        });
        if let Ok(ending) = &end {
            self.show(Progress { stats: ending.stats, waiting: None });
        }
        self.end.send_replace(Some(end));
    }

    /// How it ended, once it has; an error where even that could not be stored.
    pub fn has_ended(&self) -> Option<Result<Ending, String>> {
        self.end.borrow().clone()
    }

    /// Waits for its end: how it ended, or why even that could not be stored.
    pub async fn ended(&self) -> Result<Ending, String> {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_else(|| Err("the run broke off".into())),
            Err(_) => Err("the run broke off".into()),
        }
    }
}
