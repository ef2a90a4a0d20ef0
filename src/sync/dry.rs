//! A run that fetches and normalises, and writes nothing: what a sync would change.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Asked, Engine, Failure, Live, Progress,
    ending::{Outcome, ending},
    feed::{self, AfterError, Bounds, Budget, FeedEnd, Reader},
    since_setting,
};
use crate::{
    http::{Client, Meter},
    provider::{AnyProvider, spec},
    run::Stats,
    store::{Applied, Connector, Ending, FeedState, Position, Sweep},
};

/// One dry run of a connector. Its feeds are read one after another.
pub(super) struct DryRun {
    engine: Arc<Engine>,
    connector: Connector,
    reader: Reader,
    bounds: Bounds,
    confirmed: bool,
    budget: Budget,
    meter: Arc<Meter>,
    done: Mutex<Stats>,
    live: Arc<Live>,
}

impl DryRun {
    pub(super) fn new(
        engine: Arc<Engine>,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        client: Client,
        asked: Asked,
        meter: Arc<Meter>,
        live: Arc<Live>,
    ) -> Self {
        Self {
            bounds: Bounds {
                sync_type: asked.sync_type,
                asked: asked.since,
                setting: since_setting(&connector.metadata),
                relist: provider.spec().relist,
            },
            reader: Reader::new(provider, client, &connector.metadata),
            confirmed: asked.confirm_removals,
            budget: Budget::of(asked.max_pages),
            engine,
            connector: connector.clone(),
            meter,
            done: Mutex::default(),
            live,
        }
    }

    /// Reads what there is and tells how it ended.
    pub(super) async fn drive(self) {
        let mut outcome = match self.read().await {
            Ok(outcome) => outcome,
            Err(failure) => Outcome { failure: Some(failure), ..Outcome::default() },
        };
        outcome.stopped = self.live.stopping().is_cancelled();
        let spec = self.reader.provider.spec();
        let end: Result<Ending, Failure> =
            Ok(ending(&outcome, self.stats(), spec, self.meter.refused_with()));
        self.live.end(end);
    }

    async fn read(&self) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let listed = self.reader.provider.feeds(&self.reader.client).await?;
        let (owner, id) = (&self.connector.owner, self.connector.id);
        let mut stored = self.engine.store.feeds_of(owner, id).await?;
        for feed in feed::wanted(listed, &self.connector.metadata) {
            let state = stored.remove(&feed.id).unwrap_or_else(|| FeedState::new(feed));
            let name = state.feed.name.clone();
            match self.read_feed(state, &mut outcome).await? {
                FeedEnd::CaughtUp => outcome.feeds += 1,
                FeedEnd::Spent => (outcome.spent, outcome.feeds) = (true, outcome.feeds + 1),
                FeedEnd::Stopped => break,
                FeedEnd::Skipped(why) => outcome.skipped.push((name, why)),
            }
        }
        Ok(outcome)
    }

    async fn read_feed(
        &self,
        mut state: FeedState,
        outcome: &mut Outcome,
    ) -> Result<FeedEnd, Failure> {
        let now = || self.reader.client.now();
        let stop = self.live.stopping();
        let mut relisted = false;
        if self.bounds.starts_over(&state, now()) {
            state.begin_listing(self.bounds.since(&state), now());
        }
        let mut seen: Vec<i64> = Vec::new();
        let stored_pages = state.listing.pages;
        loop {
            if !self.budget.take() {
                return Ok(FeedEnd::Spent);
            }
            let listing = state.listing.open && state.listing.whole;
            let since = if listing { state.listing.since } else { self.bounds.setting };
            let mut fetch = self.reader.fetch(state.feed.clone(), state.cursor.clone(), since);
            let fetched = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(FeedEnd::Stopped),
                page = fetch.page() => page,
            };
            let mut batch = match fetched {
                Ok(batch) => batch,
                Err(error) => match feed::after_error(error, relisted) {
                    AfterError::Relist => {
                        relisted = true;
                        seen.clear();
                        state.begin_listing(self.bounds.since(&state), now());
                        continue;
                    }
                    AfterError::Skip(why) => return Ok(FeedEnd::Skipped(why)),
                    AfterError::Fail(error) => return Err(error.into()),
                },
            };
            state.note(&batch.page, now());
            seen.extend(batch.hashes());
            let at = Position {
                owner: &self.connector.owner,
                connector: self.connector.id,
                feed: &state.feed.id,
                source: &self.connector.provider,
            };
            let mut done = self.engine.store.compare(at, &batch).await?;
            let removes = self.reader.provider.spec().absence == spec::Absence::Removed;
            if feed::may_sweep(&state, &batch.page, removes) {
                // Only the pages of earlier runs have their notes in the database.
                let mut noted = state.clone();
                noted.listing.pages = stored_pages;
                let unseen =
                    self.engine.store.unseen(at.owner, at.connector, &noted, &seen).await?;
                match feed::sweep(&self.reader, &state, &mut batch, unseen, self.confirmed).await? {
                    Sweep::Remove(ids) => done.removed += ids.len() as u64,
                    Sweep::Hold(ids) => outcome.held += ids.len() as u64,
                    Sweep::None => {}
                }
            }
            self.count(&done, batch.page.skipped);
            state = state.after(&batch.page.next, now());
            if batch.page.next.is_end() {
                return Ok(FeedEnd::CaughtUp);
            }
        }
    }

    fn count(&self, done: &Applied, skipped: u32) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).add(done, skipped);
        self.live.show(Progress { stats: self.stats(), waiting: self.meter.waiting() });
    }

    fn stats(&self) -> Stats {
        let mut stats = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        stats.requests = self.meter.requests();
        stats.throttled_ms = self.meter.throttled_ms();
        stats
    }
}
