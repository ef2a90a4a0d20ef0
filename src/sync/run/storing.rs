//! Pages of a feed on their way into the store: while some are being stored, the rows of the next are written already, and
//! those that come meanwhile wait together, to be stored as one.
//!
//! That holds for pages that do nothing but bring records which those before do not name; all others wait for their turn.
//! What becomes visible, becomes so in the order of the feed: a transaction commits after that of the pages before, or not at
//! all.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::Run;
use crate::{
    record::Key,
    store::{Batch, FeedState, Sweep},
    sync::{
        Failure,
        feed::{self, Share},
    },
};

/// Parcels whose rows a run writes at once, whatever their feeds: more would be in each other's way in the same indexes.
const WRITING: usize = 3;
/// Parcels of a feed that are on their way at once: some that are being written, one that is written and waits for those
/// before it, and one that waits to be written, and is added to.
const UNDER_WAY: usize = 4;
/// Records of a run's parcels, over all its feeds: memory stays within bounds however many there are. A feed that has no
/// parcel may have one all the same.
const RECORDS: u32 = 3_600;
/// How long rows that are written may wait for the page before them. That may be waiting for a page of another feed, and that
/// one for these rows: nobody but us could tell.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places of a run.
pub(super) struct Places {
    /// For records of parcels.
    records: Arc<Semaphore>,
    /// For parcels whose rows are being written.
    writing: Semaphore,
}

impl Default for Places {
    fn default() -> Self {
        let records = Arc::new(Semaphore::new(RECORDS as usize));
        Self { records, writing: Semaphore::new(WRITING) }
    }
}

/// The pages of a feed that are being stored.
pub(super) struct Storing {
    run: Arc<Run>,
    /// For parcels that are there.
    there: Arc<Semaphore>,
    last: Option<Last>,
}

/// The last parcel.
struct Last {
    task: AbortOnDropHandle<Result<FeedState, Failure>>,
    /// The records that it names, then those of the ones before that may be stored at the same time.
    names: VecDeque<HashSet<Key>>,
    waiting: Arc<Waiting>,
}

/// A parcel until it is begun to be stored: once the one before it is stored, or earlier if it is as large as it gets. Small
/// ones would each wait for a large one before them. Outside of listings there are few pages, of which all are begun at once.
struct Waiting {
    parcel: Mutex<Option<Parcel>>,
    may_begin: Notify,
}

/// Pages that are stored as one.
struct Parcel {
    batch: Batch,
    shares: Vec<Share>,
    records: Option<OwnedSemaphorePermit>,
}

impl Storing {
    pub(super) fn new(run: &Arc<Run>) -> Self {
        Self { run: Arc::clone(run), there: Arc::new(Semaphore::new(UNDER_WAY)), last: None }
    }

    /// Waits until all of them are stored. Gives where the feed stands then: `state` where none was.
    ///
    /// # Errors
    /// When one could not be stored; those after it were not, either.
    pub(super) async fn settle(&mut self, state: FeedState) -> Result<FeedState, Failure> {
        match self.last.take() {
            Some(last) => {
                last.waiting.may_begin.notify_one(); // nothing comes along any more
                ended(last.task).await
            }
            None => Ok(state),
        }
    }

    /// Begins to store a plain page, and gives where the feed will stand after it. `state`: where it will stand before.
    ///
    /// # Errors
    /// When a page before it could not be stored.
    pub(super) async fn begin(
        &mut self,
        state: FeedState,
        batch: Batch,
        share: Share,
        now: Timestamp,
    ) -> Result<FeedState, Failure> {
        let names = batch.records.iter().map(|ready| ready.record.key.clone()).collect();
        let overlaps = self.last.as_ref().is_some_and(|last| last.overlaps(&names));
        // One that has failed is heard of now, not when the feed is read to its end.
        let is_over = self.last.as_ref().is_some_and(|last| last.task.is_finished());
        let state = if overlaps || is_over { self.settle(state).await? } else { state };
        let mut after = state.clone();
        after.note(&batch.page, now);
        let after = after.after(&batch.page.next, batch.pages, now);
        let Some((batch, share)) = self.ride_along(batch, share, &names) else { return Ok(after) };
        if let Some(last) = &self.last {
            last.waiting.may_begin.notify_one();
        }
        let there = Arc::clone(&self.there).acquire_owned().await.ok();
        let places = Arc::clone(&self.run.places.records).acquire_many_owned(places_of(&batch));
        let records = match &self.last {
            Some(last) if !last.task.is_finished() => places.await.ok(),
            _ => places.now_or_never().and_then(Result::ok),
        };
        let (before, recent) = self.last.take().map(|last| (last.task, last.names)).unzip();
        let mut recent: VecDeque<_> = recent.unwrap_or_default();
        recent.push_front(names);
        recent.truncate(UNDER_WAY);
        let is_listed = state.is_listed(&batch.page);
        let parcel = Parcel { records, batch, shares: vec![share] };
        let waiting = Waiting { parcel: Mutex::new(Some(parcel)), may_begin: Notify::new() };
        let waiting = Arc::new(waiting);
        if !is_listed {
            waiting.may_begin.notify_one();
        }
        let (run, parcel) = (Arc::clone(&self.run), Arc::clone(&waiting));
        let task = async move {
            let _there = there;
            store(run, before, state, &parcel, now).await
        };
        let task = AbortOnDropHandle::new(tokio::spawn(task.in_current_span()));
        self.last = Some(Last { task, names: recent, waiting });
        Ok(after)
    }

    /// Adds a page to the parcel that waits. Gives it back where none does, or where it does not go with that.
    fn ride_along(
        &mut self,
        batch: Batch,
        share: Share,
        names: &HashSet<Key>,
    ) -> Option<(Batch, Share)> {
        let places = Arc::clone(&self.run.places.records).try_acquire_many_owned(places_of(&batch));
        let Some(last) = &mut self.last else { return Some((batch, share)) };
        let mut waiting = last.waiting.parcel.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(parcel) = &mut *waiting else { return Some((batch, share)) };
        let Ok(records) = places else { return Some((batch, share)) };
        if let Some(batch) = parcel.batch.join(batch) {
            return Some((batch, share));
        }
        match &mut parcel.records {
            Some(places) => places.merge(records),
            none => *none = Some(records),
        }
        parcel.shares.push(share);
        if let Some(own) = last.names.front_mut() {
            own.extend(names.iter().cloned());
        }
        None
    }
}

impl Last {
    /// Whether it or one that may be stored with it names one of these. What is being written is not seen by what is compared.
    fn overlaps(&self, names: &HashSet<Key>) -> bool {
        self.names.iter().any(|named| !named.is_disjoint(names))
    }
}

/// How many of a run's places a page takes: never more than there are.
fn places_of(batch: &Batch) -> u32 {
    u32::try_from(batch.records.len()).unwrap_or(RECORDS).min(RECORDS)
}

/// Stores a parcel after the one before it. Its place is given up once its rows are written: who waits for its turn keeps
/// nobody from writing.
async fn store(
    run: Arc<Run>,
    before: Option<AbortOnDropHandle<Result<FeedState, Failure>>>,
    mut state: FeedState,
    waiting: &Waiting,
    now: Timestamp,
) -> Result<FeedState, Failure> {
    let mut before = before.map(ended).map(Box::pin);
    if let Some(ended) = &mut before {
        let ended = tokio::select! {
            ended = ended => Some(ended?),
            () = waiting.may_begin.notified() => None,
        };
        if let Some(ended) = ended {
            (state, before) = (ended, None);
        }
    }
    let mut place = run.places.writing.acquire().await.ok();
    let parcel = waiting.parcel.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Parcel { batch, shares, records: _records }) = parcel else {
        return Ok(state); // nobody else takes it
    };
    let (store, lease) = (&run.engine.store, &run.lease);
    let source = run.connector.provider.as_str();
    let mut staged = None;
    if let Some(mut before) = before {
        staged = store.stage_ahead(lease, source, &state, &batch).await;
        drop(place.take());
        state = if let Ok(ended) = tokio::time::timeout(PATIENCE, &mut before).await {
            ended?
        } else {
            staged = None;
            before.await?
        };
    }
    let _place = match &staged {
        None if place.is_none() => run.places.writing.acquire().await.ok(),
        _ => place,
    };
    state.note(&batch.page, now);
    let what = (&batch, &Sweep::None);
    let sealed = match staged {
        Some(staged) => staged.seal(&state, what, now).await.ok(),
        None => None,
    };
    let (done, after) = match sealed {
        Some(sealed) => sealed,
        None => store.apply(lease, source, &state, what, now).await?,
    };
    run.count(&done, batch.page.skipped, batch.pages);
    for share in shares {
        run.budget.spend(share);
    }
    Ok(after)
}

async fn ended(task: AbortOnDropHandle<Result<FeedState, Failure>>) -> Result<FeedState, Failure> {
    task.await.unwrap_or_else(|_| Err(feed::panicked().into()))
}
