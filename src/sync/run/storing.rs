//! Pages of a feed on their way into the store: while some are being stored, the rows of the next are written already, and
//! those that come meanwhile wait together, to be stored as one.
//!
//! That holds for pages that do nothing but bring records which those before do not name; all others wait for their turn.
//! What becomes visible, becomes so in the order of the feed: a transaction commits after that of the pages before, or not at
//! all.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// Parcels of a feed that are stored at once; one more waits, and is added to.
const AT_ONCE: usize = 2;
/// Records of pages that ride along with others, over all feeds of a run: memory stays within bounds however many there are.
const RIDING: usize = 4_000;
/// How long rows that are written may wait for the page before them. That may be waiting for a page of another feed, and that
/// one for these rows: nobody but us could tell.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places of a run for records that ride along.
pub(super) fn riding() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(RIDING))
}

/// The pages of a feed that are being stored.
pub(super) struct Storing {
    run: Arc<Run>,
    /// For parcels that are there, and for those that are being stored.
    there: Arc<Semaphore>,
    places: Arc<Semaphore>,
    last: Option<Last>,
}

/// The last parcel.
struct Last {
    task: AbortOnDropHandle<Result<FeedState, Failure>>,
    /// The records that it names, and those that the one before names: both may be stored at once.
    names: HashSet<Key>,
    before: HashSet<Key>,
    /// It, until it is begun to be stored.
    waiting: Waiting,
}

type Waiting = Arc<Mutex<Option<Parcel>>>;

/// Pages that are stored as one.
struct Parcel {
    batch: Batch,
    shares: Vec<Share>,
    riding: Option<OwnedSemaphorePermit>,
}

impl Storing {
    pub(super) fn new(run: &Arc<Run>) -> Self {
        let there = Arc::new(Semaphore::new(AT_ONCE + 1));
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Self { run: Arc::clone(run), there, places, last: None }
    }

    /// Waits until all of them are stored. Gives where the feed stands then: `state` where none was.
    ///
    /// # Errors
    /// When one could not be stored; those after it were not, either.
    pub(super) async fn settle(&mut self, state: FeedState) -> Result<FeedState, Failure> {
        match self.last.take() {
            Some(last) => ended(last.task).await,
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
        let there = Arc::clone(&self.there).acquire_owned().await.ok();
        let (before, named) = self.last.take().map(|last| (last.task, last.names)).unzip();
        let parcel = Parcel { batch, shares: vec![share], riding: None };
        let waiting = Arc::new(Mutex::new(Some(parcel)));
        let (run, places, parcel) =
            (Arc::clone(&self.run), Arc::clone(&self.places), Arc::clone(&waiting));
        let task = async move {
            let _there = there;
            let _place = places.acquire_owned().await.ok();
            let parcel = parcel.lock().unwrap_or_else(PoisonError::into_inner).take();
            match parcel {
                Some(parcel) => store(run, before, state, parcel, now).await,
                None => Ok(state), // nobody else takes it
            }
        };
        let task = AbortOnDropHandle::new(tokio::spawn(task.in_current_span()));
        self.last = Some(Last { task, names, before: named.unwrap_or_default(), waiting });
        Ok(after)
    }

    /// Adds a page to the parcel that waits. Gives it back where none does, or where it does not go with that.
    fn ride_along(
        &mut self,
        batch: Batch,
        share: Share,
        names: &HashSet<Key>,
    ) -> Option<(Batch, Share)> {
        let Some(last) = &mut self.last else { return Some((batch, share)) };
        let mut waiting = last.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(parcel) = &mut *waiting else { return Some((batch, share)) };
        let records = u32::try_from(batch.records.len()).unwrap_or(u32::MAX);
        let riding = Arc::clone(&self.run.riding).try_acquire_many_owned(records);
        let Ok(riding) = riding else { return Some((batch, share)) };
        if let Err(batch) = parcel.batch.join(batch) {
            return Some((batch, share));
        }
        match &mut parcel.riding {
            Some(places) => places.merge(riding),
            none => *none = Some(riding),
        }
        parcel.shares.push(share);
        last.names.extend(names.iter().cloned());
        None
    }
}

impl Last {
    /// Whether it, or a waiting one and the one before it, names one of these. What is being written is not seen by what is
    /// compared.
    fn overlaps(&self, names: &HashSet<Key>) -> bool {
        !self.names.is_disjoint(names) || !self.before.is_disjoint(names)
    }
}

/// Stores pages after those before them.
async fn store(
    run: Arc<Run>,
    before: Option<AbortOnDropHandle<Result<FeedState, Failure>>>,
    state: FeedState,
    Parcel { batch, shares, riding: _riding }: Parcel,
    now: Timestamp,
) -> Result<FeedState, Failure> {
    let (store, lease) = (&run.engine.store, &run.lease);
    let source = run.connector.provider.as_str();
    let (mut staged, mut state) = (None, state);
    if let Some(mut before) = before {
        staged = store.stage_ahead(lease, source, &state, &batch).await;
        let waited = tokio::time::timeout(PATIENCE, &mut before).await;
        state = if let Ok(ended) = waited {
            ended.unwrap_or_else(|_| Err(feed::panicked().into()))?
        } else {
            staged = None;
            ended(before).await?
        };
    }
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
    shares.into_iter().for_each(|share| run.budget.spend(share));
    Ok(after)
}

async fn ended(task: AbortOnDropHandle<Result<FeedState, Failure>>) -> Result<FeedState, Failure> {
    task.await.unwrap_or_else(|_| Err(feed::panicked().into()))
}
