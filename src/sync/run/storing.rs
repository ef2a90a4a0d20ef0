//! Pages of a feed on their way into the store: while one is being stored, the rows of the next are written already.
//!
//! That holds for pages that do nothing but bring records which the one before does not name; all others wait for their turn.
//! What becomes visible, becomes so page by page, in the order of the feed: a page's transaction commits after that of the page
//! before it, or not at all.

use std::{collections::HashSet, sync::Arc, time::Duration};

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

/// Pages of a feed that are stored at once.
const AT_ONCE: usize = 2;
/// How long rows that are written may wait for the page before them. That may be waiting for a page of another feed, and that
/// one for these rows: nobody but us could tell.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pages of a feed that are being stored.
pub(super) struct Storing {
    run: Arc<Run>,
    places: Arc<Semaphore>,
    last: Option<Page>,
}

/// The last of them.
struct Page {
    task: AbortOnDropHandle<Result<FeedState, Failure>>,
    /// The records that it names.
    names: HashSet<Key>,
}

impl Storing {
    pub(super) fn new(run: &Arc<Run>) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Self { run: Arc::clone(run), places, last: None }
    }

    /// Waits until all of them are stored. Gives where the feed stands then: `state` where none was.
    ///
    /// # Errors
    /// When one could not be stored; those after it were not, either.
    pub(super) async fn settle(&mut self, state: FeedState) -> Result<FeedState, Failure> {
        match self.last.take() {
            Some(page) => ended(page.task).await,
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
        let overlaps = self.last.as_ref().is_some_and(|last| !last.names.is_disjoint(&names));
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        // One that has failed is heard of now, not when the feed is read to its end.
        let is_over = self.last.as_ref().is_some_and(|last| last.task.is_finished());
        let state = if overlaps || is_over { self.settle(state).await? } else { state };
        let mut after = state.clone();
        after.note(&batch.page, now);
        let after = after.after(&batch.page.next, now);
        let before = self.last.take().map(|page| page.task);
        let page = store(Arc::clone(&self.run), before, state, batch, (share, place), now);
        let task = AbortOnDropHandle::new(tokio::spawn(page.in_current_span()));
        self.last = Some(Page { task, names });
        Ok(after)
    }
}

/// Stores a page after the one before it.
async fn store(
    run: Arc<Run>,
    before: Option<AbortOnDropHandle<Result<FeedState, Failure>>>,
    state: FeedState,
    batch: Batch,
    (share, _place): (Share, Option<OwnedSemaphorePermit>),
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
    run.count_page(&done, batch.page.skipped);
    run.budget.spend(share);
    Ok(after)
}

async fn ended(task: AbortOnDropHandle<Result<FeedState, Failure>>) -> Result<FeedState, Failure> {
    task.await.unwrap_or_else(|_| Err(feed::panicked().into()))
}
