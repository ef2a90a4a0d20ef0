//! Known records asked about again, for vendors that tell of no changes but can be asked by id.

use super::Run;
use crate::{
    error::Remedy,
    provider::{Next, Page},
    store::{FeedState, Sweep},
    sync::{Failure, feed::FeedEnd},
};

/// Records that a vendor is asked about at once.
const AT_ONCE: usize = 100;

impl Run {
    /// Asks how the newest records of a feed that is caught up stand now, until an answer comes back empty or as many as the
    /// vendor's `Spec` says were asked about. The feed's place stays what it is.
    pub(super) async fn recheck(&self, mut state: FeedState) -> Result<FeedEnd, Failure> {
        let provider = self.reader.provider;
        let (mut left, mut after) = (provider.spec().recheck, None);
        while left > 0 {
            let store = &self.engine.store;
            let known =
                store.newest_known(&self.lease, &state.feed.id, after, left.min(AT_ONCE)).await?;
            left -= known.len().min(left);
            after = known.last().map(|last| last.place);
            if after.is_none() {
                break;
            }
            let ids = known.into_iter().map(|record| record.external_id).collect();
            let asked = provider.recheck(&self.reader.client, &state.feed, ids);
            let Some(asked) = self.unless_halted(asked).await else { return Ok(FeedEnd::Stopped) };
            let page = match asked {
                Ok(page) if is_empty(&page) => break,
                Ok(page) => page,
                Err(error) if error.remedy() == Remedy::SkipFeed => {
                    tracing::info!(feed = state.feed.name, %error, "known records could not be asked about");
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            let mut page = page.map(|()| serde_json::Value::Null);
            page.next = state.cursor.clone().map_or(Next::Relist, Next::Resume);
            let batch = self.reader.batch(page);
            let now = self.reader.client.now();
            state = self.store_page(&state, &batch, &Sweep::None, now).await?;
        }
        Ok(FeedEnd::CaughtUp)
    }
}

fn is_empty(page: &Page<()>) -> bool {
    page.upserts.is_empty()
        && page.patches.is_empty()
        && page.removed.is_empty()
        && page.replacing.is_empty()
        && page.seen.is_empty()
}
