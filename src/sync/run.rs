//! A run: from its lease to its end.

pub(super) mod deliveries;
mod mail_file;
mod recheck;
mod storing;

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{Instrument, info, info_span, warn};

pub use self::mail_file::MailFile;

use self::{
    deliveries::Unreadable,
    storing::{Places, Storing},
};
use super::{
    Asked, Engine, Failure, Live, Progress,
    ending::{Outcome, ending},
    feed::{self, AfterError, Bounds, Budget, FeedEnd, Reader, Share},
    since_setting,
};
use crate::{
    http::{Client, Meter},
    provider::{AnyProvider, Next, spec},
    run::{RunStatus, Stats, SyncType},
    store::{Applied, Batch, Connector, Ending, FeedState, LEASE, Lease, StoreError, Sweep},
};

/// How often numbers are shown to whoever watches in this process.
const SHOWN: Duration = Duration::from_millis(250);
/// How often numbers are written for whoever watches from another process.
const WRITTEN: Duration = Duration::from_secs(2);
/// How often the end of a run is tried to be stored.
const TRIES: u32 = 3;

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
    /// How much of what was read may be on its way into the store.
    places: Places,
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
            places: Places::default(),
            held: AtomicU64::new(0),
            live,
        })
    }

    /// Reads what there is, keeps the lease meanwhile, and stores how it ended.
    ///
    /// # Errors
    /// When not even the end could be stored; the run is then closed by the next one.
    pub(super) async fn drive(self: &Arc<Self>, file: Option<MailFile>) -> Result<Ending, Failure> {
        let span = info_span!("run", id = %self.lease.run, provider = self.connector.provider);
        async {
            let pulse = Arc::clone(self).pulse().in_current_span();
            let pulse = AbortOnDropHandle::new(tokio::spawn(pulse));
            // A provider's code that panics ends the run, which must not be left without an end.
            let from_file = file.is_some();
            let read = async {
                match file {
                    Some(file) => self.read_mail(file).await,
                    None => self.read().await,
                }
            };
            let read = AssertUnwindSafe(read).catch_unwind().await;
            let mut outcome = match read.unwrap_or_else(|_| Err(feed::panicked().into())) {
                Ok(outcome) => outcome,
                Err(failure) => Outcome { failure: Some(failure), ..Outcome::default() },
            };
            drop(pulse);
            outcome.stopped &= self.live.stopping().is_cancelled();
            outcome.held = self.held.load(Ordering::Relaxed);
            outcome.from_file = from_file;
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
                Err(error @ (StoreError::Unavailable(_) | StoreError::Contended(_)))
                    if tried < TRIES =>
                {
                    warn!(%error, "the end of the run could not be stored, trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(StoreError::LeaseLost) => return self.closed_by_another().await,
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

    /// How the run ended in the eyes of whoever took its lease: another run, the deletion of its connector, or its own end,
    /// of which the database did not get to say that it was stored.
    async fn closed_by_another(&self) -> Result<Ending, Failure> {
        let stored = self.engine.store.run(&self.lease.owner, self.lease.run).await?;
        stored
            .filter(|run| run.status != RunStatus::Running)
            .map(Ending::from)
            .ok_or(Failure::Store(StoreError::LeaseLost))
    }

    /// Shows the numbers, and keeps the lease; a lost one halts the run, and so does a pause.
    async fn pulse(self: Arc<Self>) {
        let (mut written, mut kept) = (Stats::default(), true);
        let mut tried = tokio::time::Instant::now();
        let mut ticks = tokio::time::interval(SHOWN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let stats = self.stats();
            self.live.show(Progress { stats, waiting: self.meter.waiting() });
            let due = if kept && stats == written { LEASE / 3 } else { WRITTEN };
            if tried.elapsed() < due {
                continue;
            }
            let renewed = self.engine.store.renew(&self.lease, &stats).await;
            (kept, tried) = (renewed.is_ok(), tokio::time::Instant::now());
            match renewed {
                Ok(()) => written = stats,
                Err(StoreError::LeaseLost) => return self.halt.cancel(),
                Err(StoreError::Paused) => return self.live.stop(),
                Err(error) => warn!(%error, "the lease could not be renewed"),
            }
        }
    }

    /// Does this, unless the run is halted first.
    async fn unless_halted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => None,
            done = work => Some(done),
        }
    }

    async fn read(self: &Arc<Self>) -> Result<Outcome, Failure> {
        let stopped = Outcome { stopped: true, ..Outcome::default() };
        if self.confirmed && self.remove_held().await?.is_none() {
            return Ok(stopped);
        }
        if self.bounds.sync_type == SyncType::Initial {
            self.engine.store.retry_deliveries(&self.lease).await?;
        }
        let mut unreadable = Unreadable::default();
        match self.read_deliveries(&mut unreadable).await? {
            FeedEnd::Stopped => return Ok(stopped),
            FeedEnd::Spent { read } => {
                let (feeds, skipped) = (u64::from(read), unreadable.told);
                return Ok(Outcome { spent: true, feeds, skipped, ..Outcome::default() });
            }
            FeedEnd::CaughtUp | FeedEnd::Skipped(_) => {}
        }
        let provider = self.reader.provider;
        let Some(listed) = self.unless_halted(provider.feeds(&self.reader.client)).await else {
            return Ok(stopped);
        };
        let listed = feed::listed(listed?);
        let store = &self.engine.store;
        let removed = store.merge_feeds(&self.lease, &listed, provider.spec().feed_gone).await?;
        self.count(&Applied { removed, ..Applied::default() }, 0, 0);
        let mut stored = store.feeds(&self.lease).await?;
        let mut states: Vec<FeedState> = feed::wanted(listed, &self.connector.metadata)
            .into_iter()
            .map(|feed| stored.remove(&feed.id).unwrap_or_else(|| FeedState::new(feed)))
            .collect();
        // A small budget starves none.
        states.sort_by_key(|state| state.advanced_at);
        let mut outcome = self.read_feeds(states).await?;
        if outcome.failure.is_none() && !outcome.spent && !outcome.stopped {
            // What came meanwhile was answered by a process that saw this run, and started none of its own.
            match self.read_deliveries(&mut unreadable).await? {
                FeedEnd::Stopped => outcome.stopped = true,
                FeedEnd::Spent { .. } => outcome.spent = true,
                FeedEnd::CaughtUp | FeedEnd::Skipped(_) => {}
            }
        }
        outcome.skipped.append(&mut unreadable.told);
        Ok(outcome)
    }

    async fn read_feeds(self: &Arc<Self>, states: Vec<FeedState>) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let width = self.reader.provider.spec().width.max(1);
        let tasks = states.into_iter().map(|state| {
            let (run, name) = (Arc::clone(self), state.feed.name.clone());
            async move {
                // Taken here, in the order of the feeds, and not by tasks of which any may come first.
                let share = run.unless_halted(run.budget.take()).await;
                let Some(share) = share else { return (name, Ok(Ok(FeedEnd::Stopped))) };
                let task = async move { run.read_feed(state, share).await }.in_current_span();
                (name, AbortOnDropHandle::new(tokio::spawn(task)).await)
            }
        });
        let mut tasks = stream::iter(tasks).buffer_unordered(width);
        while let Some((name, end)) = tasks.next().await {
            match end {
                Ok(Ok(FeedEnd::CaughtUp)) => outcome.feeds += 1,
                Ok(Ok(FeedEnd::Spent { read })) => {
                    (outcome.spent, outcome.feeds) = (true, outcome.feeds + u64::from(read));
                }
                Ok(Ok(FeedEnd::Stopped)) => outcome.stopped = true,
                Ok(Ok(FeedEnd::Skipped(why))) => {
                    info!(feed = name, %why, "the feed is left out of this run");
                    outcome.skipped.push((name, why));
                }
                Ok(Err(failure)) => {
                    // The others stop at their page; the first failure is the run's.
                    self.halt.cancel();
                    outcome.failure.get_or_insert(failure);
                }
                Err(_) => {
                    self.halt.cancel();
                    outcome.failure.get_or_insert(feed::panicked().into());
                }
            }
        }
        Ok(outcome)
    }

    /// Reads a feed to its end. `share` is its first page of the budget; absent where none was left.
    async fn read_feed(
        self: &Arc<Self>,
        mut state: FeedState,
        mut share: Option<Share>,
    ) -> Result<FeedEnd, Failure> {
        let now = || self.reader.client.now();
        let (mut relisted, mut read) = (false, false);
        let mut storing = Storing::new(self);
        if self.bounds.starts_over(&state, now()) {
            state.begin_listing(self.bounds.since(&state), now());
        }
        let mut ahead = None;
        loop {
            let Some(page) = share.take() else {
                storing.settle(state).await?;
                return Ok(FeedEnd::Spent { read });
            };
            let mut fetch =
                ahead.take().unwrap_or_else(|| self.fetch(&state, state.cursor.clone()));
            let Some(fetched) = self.unless_halted(fetch.page()).await else {
                storing.settle(state).await?;
                return Ok(FeedEnd::Stopped);
            };
            match fetched {
                Ok(batch) if may_overtake(&state, &batch) => {
                    let next = batch.page.next.clone();
                    state = storing.begin(state, batch, page, now()).await?;
                    // Only now: where pages wait for their place, more of them would take memory and save no time.
                    (ahead, share) = self.fetch_ahead(&state, &next).unzip();
                    read = true;
                    if next.is_end() {
                        state = storing.settle(state).await?;
                        return self.recheck(state).await;
                    }
                }
                Ok(mut batch) => {
                    state = storing.settle(state).await?;
                    state.note(&batch.page, now());
                    let sweep = self.unless_halted(self.sweep(&state, &mut batch)).await;
                    let Some(sweep) = sweep else { return Ok(FeedEnd::Stopped) };
                    (ahead, share) = self.fetch_ahead(&state, &batch.page.next).unzip();
                    state = self.store_page(&state, &batch, &sweep?, now()).await?;
                    self.budget.spend(page);
                    read = true;
                    if batch.page.next.is_end() {
                        return self.recheck(state).await;
                    }
                }
                Err(error) => {
                    state = storing.settle(state).await?;
                    match feed::after_error(error, relisted) {
                        AfterError::Relist => relisted = true,
                        AfterError::Skip(why) => return Ok(FeedEnd::Skipped(why)),
                        AfterError::Fail(error) => return Err(error.into()),
                    }
                    drop(page);
                    state.begin_listing(self.bounds.since(&state), now());
                }
            }
            if share.is_none() {
                let Some(taken) = self.unless_halted(self.budget.take()).await else {
                    storing.settle(state).await?;
                    return Ok(FeedEnd::Stopped);
                };
                share = taken;
            }
        }
    }

    /// Begins to fetch the page after the one that is about to be stored, if it may be asked for now.
    fn fetch_ahead(
        &self,
        state: &FeedState,
        next: &Next<serde_json::Value>,
    ) -> Option<(feed::Fetch, Share)> {
        let Next::More(cursor) = next else { return None };
        if self.reader.provider.spec().confirms_on_read || self.halt.is_cancelled() {
            return None;
        }
        let share = self.budget.try_take()?;
        Some((self.fetch(state, Some(cursor.clone())), share))
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
        self.count(&done, batch.page.skipped, batch.pages);
        Ok(after)
    }

    /// Counts what so many pages did.
    pub(super) fn count(&self, done: &Applied, skipped: u32, pages: u32) {
        let mut numbers = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.add(done, skipped, pages);
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

    /// Carries out the sweeps that waited for a yes, as far as the vendor confirms them. Nothing: the run was halted.
    async fn remove_held(&self) -> Result<Option<()>, Failure> {
        let feeds = self.engine.store.feeds(&self.lease).await?;
        for state in feeds.into_values().filter(|state| !state.pending_sweep.is_empty()) {
            let confirm =
                feed::confirm(&self.reader, &self.reader.client, &state.feed, state.pending_sweep);
            let Some(gone) = self.unless_halted(confirm).await else { return Ok(None) };
            let (source, feed) = (self.connector.provider.as_str(), &state.feed.id);
            let removed = self.engine.store.sweep_held(&self.lease, source, feed, &gone?).await?;
            self.count(&Applied { removed, ..Applied::default() }, 0, 0);
        }
        Ok(Some(()))
    }

    fn stats(&self) -> Stats {
        let mut stats = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        stats.requests = self.meter.requests();
        stats.throttled_ms = self.meter.throttled_ms();
        stats
    }
}

/// Whether a page may be written before those before it are stored. Where a listing ends, all of it is looked at; where asking
/// for more confirms receipt, nothing is asked before the page is stored.
fn may_overtake(state: &FeedState, batch: &Batch) -> bool {
    let ends_a_listing = batch.page.next.is_end() && state.is_listed(&batch.page);
    batch.is_plain() && !batch.awaited && !ends_a_listing
}
