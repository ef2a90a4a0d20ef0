//! A run that fetches and normalises, and writes nothing: what a sync would change.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures::FutureExt;

use super::{
    Asked, Engine, Failure, Live, Progress,
    ending::{Outcome, ending},
    feed::{self, AfterError, Bounds, Budget, FeedEnd, Reader},
    run::deliveries,
    since_setting,
};
use crate::{
    http::{Client, Meter},
    provider::{AnyProvider, Gone, Next, Page, spec},
    record::{Digest, Record},
    run::Stats,
    store::{Applied, Batch, Connector, Ending, FeedState, Position, Sweep, Unseen, hash_id},
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

/// What a run would have made of a record so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stored(Digest),
    Gone,
}

/// What the run would have changed so far: records by the hashes of their keys, and what would wait for a yes.
#[derive(Default)]
struct Fates {
    of: HashMap<i64, Fate>,
    waiting: HashMap<String, u64>,
}

impl Fates {
    fn knows(&self, record: &Record) -> bool {
        self.of.contains_key(&hash_id(record.key.as_str()))
    }

    /// Adds a page, of which the store has compared what is not yet known here: what it would do, all in all.
    fn add(&mut self, batch: &Batch, (mut done, removed): (Applied, Vec<String>)) -> Applied {
        for ready in &batch.records {
            let fate = Fate::Stored(ready.digest);
            match self.of.insert(hash_id(ready.record.key.as_str()), fate) {
                None => {}
                Some(before) if before == fate => done.unchanged += 1,
                Some(_) => done.updated += 1,
            }
        }
        done.removed = self.remove(&removed);
        let by_id = batch.page.removed.iter().filter_map(|gone| match gone {
            Gone::Id(id) => Some(id),
            Gone::Place(_) | Gone::Under(_) => None,
        });
        let stored_here =
            by_id.filter(|id| matches!(self.of.get(&hash_id(id)), Some(Fate::Stored(_))));
        let stored_here: Vec<String> = stored_here.cloned().collect();
        done.removed += self.remove(&stored_here);
        done
    }

    /// Notes that these would be gone. Answers how many were not gone before.
    fn remove(&mut self, keys: &[String]) -> u64 {
        let before = keys.iter().map(|key| self.of.insert(hash_id(key), Fate::Gone));
        before.filter(|fate| *fate != Some(Fate::Gone)).count() as u64
    }

    /// Leaves out of what a listing did not see whatever the run has come across elsewhere.
    fn sift(&self, unseen: Unseen) -> Unseen {
        let (known, ids): (Vec<String>, Vec<String>) =
            unseen.ids.into_iter().partition(|id| self.of.contains_key(&hash_id(id)));
        Unseen { ids, alive: unseen.alive.saturating_sub(known.len() as u64), ..unseen }
    }
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
        let read = self.unless_stopped(AssertUnwindSafe(self.read()).catch_unwind()).await;
        let outcome = match read.map(|read| read.unwrap_or_else(|_| Err(feed::panicked().into()))) {
            Some(Ok(outcome)) => outcome,
            Some(Err(failure)) => Outcome { failure: Some(failure), ..Outcome::default() },
            None => Outcome { stopped: true, ..Outcome::default() },
        };
        let spec = self.reader.provider.spec();
        let end: Result<Ending, Failure> =
            Ok(ending(&outcome, self.stats(), spec, self.meter.refused_with()));
        self.live.end(end);
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.live.stopping().cancelled() => None,
            done = work => Some(done),
        }
    }

    async fn read(&self) -> Result<Outcome, Failure> {
        let (mut outcome, mut fates) = (Outcome::default(), Fates::default());
        let store = &self.engine.store;
        let (owner, id) = (&self.connector.owner, self.connector.id);
        let mut stored = store.feeds_of(owner, id).await?;
        for state in stored.values().filter(|state| !state.pending_sweep.is_empty()) {
            fates.waiting.insert(state.feed.id.clone(), state.pending_sweep.len() as u64);
            if self.confirmed {
                self.remove_held(state, &mut fates).await?;
            }
        }
        self.read_deliveries(&mut outcome).await?;
        let listed = feed::listed(self.reader.provider.feeds(&self.reader.client).await?);
        if self.reader.provider.spec().feed_gone == spec::FeedGone::Remove {
            let removed = store.count_vanished(owner, id, &listed).await?;
            self.count(&Applied { removed, ..Applied::default() }, None);
        }
        for feed in feed::wanted(listed, &self.connector.metadata) {
            let state = stored.remove(&feed.id).unwrap_or_else(|| FeedState::new(feed));
            let name = state.feed.name.clone();
            match self.read_feed(state, &mut fates, &mut outcome).await? {
                FeedEnd::CaughtUp => outcome.feeds += 1,
                FeedEnd::Spent { read } => {
                    (outcome.spent, outcome.feeds) = (true, outcome.feeds + u64::from(read));
                }
                FeedEnd::Stopped => outcome.stopped = true,
                FeedEnd::Skipped(why) => outcome.skipped.push((name, why)),
            }
        }
        outcome.waiting = fates.waiting.values().sum();
        Ok(outcome)
    }

    /// What has been delivered and waits: compared, and left waiting.
    async fn read_deliveries(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let store = &self.engine.store;
        let (owner, id) = (&self.connector.owner, self.connector.id);
        let mut after = None;
        while let Some(delivery) = store.unread_delivery(owner, id, after).await? {
            let Some(share) = self.budget.take().await else {
                outcome.spent = true;
                return Ok(());
            };
            after = Some(delivery.id);
            match self.reader.read_delivery(delivery.body.clone()).page().await {
                Ok(mut batch) => {
                    delivery.still_to_do(&mut batch);
                    let done = store.compare_delivery(self.position(""), &batch).await?;
                    self.count(&done, Some(batch.page.skipped));
                    self.budget.spend(share);
                }
                Err(error) if deliveries::is_its_own(&error) => {
                    outcome.skipped.push((deliveries::name(delivery.received_at), error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn remove_held(&self, state: &FeedState, fates: &mut Fates) -> Result<(), Failure> {
        let (reader, waiting) = (&self.reader, state.pending_sweep.clone());
        let gone = feed::confirm(reader, &reader.client, &state.feed, waiting).await?;
        let page = Page::new(Vec::<Record>::new(), Next::Relist).removing(gone);
        let batch = Batch::of(page);
        let at = self.position(&state.feed.id);
        let compared = self.engine.store.compare(at, &batch, |_| false).await?;
        self.count(&fates.add(&batch, compared), None);
        fates.waiting.remove(&state.feed.id);
        Ok(())
    }

    async fn read_feed(
        &self,
        mut state: FeedState,
        fates: &mut Fates,
        outcome: &mut Outcome,
    ) -> Result<FeedEnd, Failure> {
        let now = || self.reader.client.now();
        let (mut relisted, mut read) = (false, false);
        if self.bounds.starts_over(&state, now()) {
            state.begin_listing(self.bounds.since(&state), now());
        }
        let mut seen = Seen { noted: state.listing.pages, here: Vec::new() };
        loop {
            let Some(share) = self.budget.take().await else {
                return Ok(FeedEnd::Spent { read });
            };
            let listing = state.listing.open && state.listing.whole;
            let since = if listing { state.listing.since } else { self.bounds.setting };
            let fetched =
                self.reader.fetch(state.feed.clone(), state.cursor.clone(), since).page().await;
            let mut batch = match fetched {
                Ok(batch) => batch,
                Err(error) => {
                    drop(share);
                    match feed::after_error(error, relisted) {
                        AfterError::Relist => relisted = true,
                        AfterError::Skip(why) => return Ok(FeedEnd::Skipped(why)),
                        AfterError::Fail(error) => return Err(error.into()),
                    }
                    seen = Seen::default();
                    state.begin_listing(self.bounds.since(&state), now());
                    continue;
                }
            };
            state.note(&batch.page, now());
            seen.here.extend(batch.hashes());
            let mut done = self.compare(&state, &batch, fates).await?;
            done.removed += self.sweep(&state, &seen, &mut batch, fates, outcome).await?;
            self.count(&done, Some(batch.page.skipped));
            self.budget.spend(share);
            read = true;
            state = state.after(&batch.page.next, 1, now());
            if batch.page.next.is_end() {
                return Ok(FeedEnd::CaughtUp);
            }
            if self.reader.provider.spec().confirms_on_read {
                // The vendor would take this page for received, and nobody has stored it.
                return Ok(FeedEnd::Spent { read });
            }
        }
    }

    async fn compare(
        &self,
        state: &FeedState,
        batch: &Batch,
        fates: &mut Fates,
    ) -> Result<Applied, Failure> {
        let at = self.position(&state.feed.id);
        let compared = self.engine.store.compare(at, batch, |record| fates.knows(record)).await?;
        Ok(fates.add(batch, compared))
    }

    /// What the end of a listing would remove.
    async fn sweep(
        &self,
        state: &FeedState,
        seen: &Seen,
        batch: &mut Batch,
        fates: &mut Fates,
        outcome: &mut Outcome,
    ) -> Result<u64, Failure> {
        let removes = self.reader.provider.spec().absence == spec::Absence::Removed;
        if !feed::may_sweep(state, &batch.page, removes) {
            return Ok(0);
        }
        // Only the pages of earlier runs have their notes in the database.
        let mut noted = state.clone();
        noted.listing.pages = seen.noted;
        let (owner, id) = (&self.connector.owner, self.connector.id);
        let unseen = self.engine.store.unseen(owner, id, &noted, &seen.here).await?;
        let unseen = fates.sift(unseen);
        let sweep = feed::sweep(&self.reader, state, batch, unseen, self.confirmed).await?;
        if state.listing.whole && sweep != Sweep::None {
            fates.waiting.remove(&state.feed.id);
        }
        Ok(match sweep {
            Sweep::Remove(ids) => fates.remove(&ids),
            Sweep::Hold(ids) => {
                outcome.held += ids.len() as u64;
                *fates.waiting.entry(state.feed.id.clone()).or_default() += ids.len() as u64;
                0
            }
            Sweep::None => 0,
        })
    }

    fn position<'a>(&'a self, feed: &'a str) -> Position<'a> {
        Position {
            owner: &self.connector.owner,
            connector: self.connector.id,
            feed,
            source: &self.connector.provider,
        }
    }

    /// Counts what a page would do; `skipped`: the items that it left out, absent where it is no page.
    fn count(&self, done: &Applied, skipped: Option<u32>) {
        let mut numbers = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.add(done, skipped.unwrap_or_default(), skipped.is_some().into());
        drop(numbers);
        self.live.show(Progress { stats: self.stats(), waiting: self.meter.waiting() });
    }

    fn stats(&self) -> Stats {
        let mut stats = *self.done.lock().unwrap_or_else(PoisonError::into_inner);
        stats.requests = self.meter.requests();
        stats.throttled_ms = self.meter.throttled_ms();
        stats
    }
}

/// What a listing has seen: the pages that earlier runs noted in the database, and hashes of what came in this one.
#[derive(Default)]
struct Seen {
    noted: i64,
    here: Vec<i64>,
}
