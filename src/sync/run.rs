//! A run: from its lease to its end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{Instrument, info, info_span, warn};

use super::{
    Asked, Engine, Failure, Live, Progress,
    ending::{Outcome, ending},
    feed::{self, AfterError, Bounds, Budget, FeedEnd, Reader},
    since_setting,
};
use crate::{
    http::{Client, Meter},
    provider::{AnyProvider, Next, spec},
    run::Stats,
    store::{Applied, Batch, Connector, Ending, FeedState, LEASE, Lease, StoreError, Sweep},
};

/// How often numbers are shown to whoever watches in this process.
const SHOWN: Duration = Duration::from_millis(250);
/// How often numbers are written for whoever watches from another process.
const WRITTEN: Duration = Duration::from_secs(2);
/// How often the end of a run is tried to be stored.
const TRIES: u32 = 4;

/// One run of a connector.
pub(super) struct Run {
    engine: Arc<Engine>,
    lease: Lease,
    connector: Connector,
    reader: Reader,
    bounds: Bounds,
    confirmed: bool,
    budget: Budget,
    meter: Arc<Meter>,
    done: Mutex<Stats>,
    held: AtomicU64,
    /// Stops the feeds of this run once one has failed or the lease is lost.
    halt: CancellationToken,
    /// The run as others watch it.
    pub live: Arc<Live>,
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own, given once")]
    pub(super) fn new(
        engine: Arc<Engine>,
        lease: Lease,
        connector: &Connector,
        provider: &'static dyn AnyProvider,
        client: Client,
        asked: Asked,
        meter: Arc<Meter>,
        live: Arc<Live>,
    ) -> Arc<Self> {
        Arc::new(Self {
            bounds: Bounds {
                sync_type: asked.sync_type,
                asked: asked.since,
                setting: since_setting(&connector.metadata),
                relist: provider.spec().relist,
            },
            reader: Reader::new(provider, client, &connector.metadata),
            confirmed: asked.confirm_removals,
            budget: Budget::of(asked.max_pages),
            halt: live.stopping().child_token(),
            engine,
            lease,
            connector: connector.clone(),
            meter,
            done: Mutex::default(),
            held: AtomicU64::new(0),
            live,
        })
    }

    /// Reads what there is, keeps the lease meanwhile, and stores how it ended.
    ///
    /// # Errors
    /// When not even the end could be stored; the run is then closed by the next one.
    pub(super) async fn drive(self: &Arc<Self>) -> Result<Ending, Failure> {
        let span = info_span!("run", id = %self.lease.run, provider = self.connector.provider);
        async {
            let pulse = Arc::clone(self).pulse().in_current_span();
            let pulse = AbortOnDropHandle::new(tokio::spawn(pulse));
            let mut outcome = match self.read().await {
                Ok(outcome) => outcome,
                Err(failure) => Outcome { failure: Some(failure), ..Outcome::default() },
            };
            drop(pulse);
            outcome.stopped = self.live.stopping().is_cancelled();
            outcome.held = self.held.load(Ordering::Relaxed);
            self.end(outcome).await
        }
        .instrument(span)
        .await
    }

    async fn end(&self, mut outcome: Outcome) -> Result<Ending, Failure> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.store_end(&mut outcome).await {
                Ok(ending) => {
                    info!(
                        status = ending.status.as_str(),
                        pages = ending.stats.pages,
                        "the run ended"
                    );
                    return Ok(ending);
                }
                Err(StoreError::Unavailable(cause)) if tried < TRIES => {
                    warn!(%cause, "the end of the run could not be stored, trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(outcome.failure.unwrap_or(Failure::Store(error))),
            }
        }
    }

    async fn store_end(&self, outcome: &mut Outcome) -> Result<Ending, StoreError> {
        let store = &self.engine.store;
        outcome.waiting = store.removals_waiting(&self.lease.owner, self.lease.connector).await?;
        let spec = self.reader.provider.spec();
        let ending = ending(outcome, self.stats(), spec, self.meter.refused_with());
        store.finish(&self.lease, &ending).await?;
        Ok(ending)
    }

    /// Shows the numbers, and keeps the lease; a lost one halts the run.
    async fn pulse(self: Arc<Self>) {
        let (mut written, mut renewed) = (Stats::default(), tokio::time::Instant::now());
        let mut ticks = tokio::time::interval(SHOWN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let stats = self.stats();
            self.live.show(Progress { stats, waiting: self.meter.waiting() });
            let due = if stats == written { LEASE / 3 } else { WRITTEN };
            if renewed.elapsed() < due {
                continue;
            }
            match self.engine.store.renew(&self.lease, &stats).await {
                Ok(()) => (written, renewed) = (stats, tokio::time::Instant::now()),
                Err(StoreError::LeaseLost) => return self.halt.cancel(),
                Err(error) => warn!(%error, "the lease could not be renewed"),
            }
        }
    }

    async fn read(self: &Arc<Self>) -> Result<Outcome, Failure> {
        if self.confirmed {
            self.remove_held().await?;
        }
        let provider = self.reader.provider;
        let listed = tokio::select! {
            biased;
            () = self.halt.cancelled() => return Ok(Outcome::default()),
            feeds = provider.feeds(&self.reader.client) => feeds?,
        };
        let vanished = self.engine.store.merge_feeds(&self.lease, &listed).await?;
        if provider.spec().feed_gone == spec::FeedGone::Remove {
            for feed in vanished {
                let removed = self.engine.store.remove_feed(&self.lease, &feed).await?;
                self.count(Applied { removed, ..Applied::default() });
            }
        }
        let mut stored = self.engine.store.feeds(&self.lease).await?;
        let mut states: Vec<FeedState> = feed::wanted(listed, &self.connector.metadata)
            .into_iter()
            .map(|feed| stored.remove(&feed.id).unwrap_or_else(|| FeedState::new(feed)))
            .collect();
        // A small budget starves none.
        states.sort_by_key(|state| state.advanced_at);
        self.read_feeds(states).await
    }

    async fn read_feeds(self: &Arc<Self>, states: Vec<FeedState>) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let width = self.reader.provider.spec().width.max(1);
        let tasks = states.into_iter().map(|state| {
            let (run, name) = (Arc::clone(self), state.feed.name.clone());
            async move {
                let task =
                    tokio::spawn(async move { run.read_feed(state).await }.in_current_span());
                (name, AbortOnDropHandle::new(task).await)
            }
        });
        let mut tasks = stream::iter(tasks).buffer_unordered(width);
        while let Some((name, end)) = tasks.next().await {
            match end {
                Ok(Ok(FeedEnd::CaughtUp)) => outcome.feeds += 1,
                Ok(Ok(FeedEnd::Spent)) => {
                    (outcome.spent, outcome.feeds) = (true, outcome.feeds + 1);
                }
                Ok(Ok(FeedEnd::Stopped)) => {}
                Ok(Ok(FeedEnd::Skipped(why))) => {
                    info!(feed = name, %why, "the feed is left out of this run");
                    outcome.skipped.push((name, why));
                }
                Ok(Err(failure)) => {
                    // The others stop at their page; the first failure is the run's.
                    self.halt.cancel();
                    outcome.failure.get_or_insert(failure);
                }
                Err(join) => {
                    self.halt.cancel();
                    let cause = crate::error::Error::unexpected("feed", join.to_string());
                    outcome.failure.get_or_insert(Failure::Vendor(cause));
                }
            }
        }
        Ok(outcome)
    }

    async fn read_feed(&self, mut state: FeedState) -> Result<FeedEnd, Failure> {
        let now = || self.reader.client.now();
        let mut relisted = false;
        if self.bounds.starts_over(&state, now()) {
            state.begin_listing(self.bounds.since(&state), now());
        }
        let mut ahead = None;
        loop {
            if self.halt.is_cancelled() {
                return Ok(FeedEnd::Stopped);
            }
            let mut fetch = match ahead.take() {
                Some(fetch) => fetch,
                None if !self.budget.take() => return Ok(FeedEnd::Spent),
                None => self.fetch(&state, state.cursor.clone()),
            };
            let fetched = tokio::select! {
                biased;
                () = self.halt.cancelled() => return Ok(FeedEnd::Stopped),
                page = fetch.page() => page,
            };
            let mut batch = match fetched {
                Ok(batch) => batch,
                Err(error) => match feed::after_error(error, relisted) {
                    AfterError::Relist => {
                        relisted = true;
                        self.budget.give_back();
                        state.begin_listing(self.bounds.since(&state), now());
                        continue;
                    }
                    AfterError::Skip(why) => return Ok(FeedEnd::Skipped(why)),
                    AfterError::Fail(error) => return Err(error.into()),
                },
            };
            state.note(&batch.page, now());
            let sweep = self.sweep(&state, &mut batch).await?;
            if let Next::More(cursor) = &batch.page.next {
                let ahead_of_store = !self.reader.provider.spec().confirms_on_read;
                if ahead_of_store && !self.halt.is_cancelled() && self.budget.take() {
                    ahead = Some(self.fetch(&state, Some(cursor.clone())));
                }
            }
            state = self.store_page(&state, &batch, &sweep, now()).await?;
            if batch.page.next.is_end() {
                return Ok(FeedEnd::CaughtUp);
            }
        }
    }

    fn fetch(&self, state: &FeedState, cursor: Option<serde_json::Value>) -> feed::Fetch {
        let listing = state.listing.open && state.listing.whole;
        let since = if listing { state.listing.since } else { self.bounds.setting };
        self.reader.fetch(state.feed.clone(), cursor, since)
    }

    async fn store_page(
        &self,
        state: &FeedState,
        batch: &Batch,
        sweep: &Sweep,
        now: Timestamp,
    ) -> Result<FeedState, Failure> {
        let store = &self.engine.store;
        let source = self.connector.provider.as_str();
        let (done, after) = store.apply(&self.lease, source, state, (batch, sweep), now).await?;
        if let Sweep::Hold(ids) = sweep {
            self.held.fetch_add(ids.len() as u64, Ordering::Relaxed);
        }
        let mut numbers = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.add(&done, batch.page.skipped);
        Ok(after)
    }

    async fn sweep(&self, state: &FeedState, batch: &mut Batch) -> Result<Sweep, Failure> {
        let removes = self.reader.provider.spec().absence == spec::Absence::Removed;
        if !feed::may_sweep(state, &batch.page, removes) {
            return Ok(Sweep::None);
        }
        let store = &self.engine.store;
        let unseen =
            store.unseen(&self.lease.owner, self.lease.connector, state, &batch.hashes()).await?;
        feed::sweep(&self.reader, state, batch, unseen, self.confirmed).await
    }

    /// Carries out the sweeps that waited for a yes, as far as the vendor confirms them.
    async fn remove_held(&self) -> Result<(), Failure> {
        let feeds = self.engine.store.feeds(&self.lease).await?;
        for state in feeds.into_values().filter(|state| !state.pending_sweep.is_empty()) {
            let Reader { provider, client, .. } = &self.reader;
            let gone = provider.confirm_gone(client, &state.feed, state.pending_sweep).await?;
            let source = self.connector.provider.as_str();
            let removed =
                self.engine.store.sweep_held(&self.lease, source, &state.feed.id, &gone).await?;
            self.count(Applied { removed, ..Applied::default() });
        }
        Ok(())
    }

    fn count(&self, done: Applied) {
        let mut stats = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = stats.pages;
        stats.add(&done, 0);
        stats.pages = pages;
    }

    fn stats(&self) -> Stats {
        let mut stats = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        stats.requests = self.meter.requests();
        stats.throttled_ms = self.meter.throttled_ms();
        stats
    }
}
