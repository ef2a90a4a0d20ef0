//! Reading answers: how large one may be, and how much of all of them may be in memory at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest answer that is read, decompressed.
pub(super) const LARGEST: usize = 32 << 20;
/// An answer up to this size is a small one.
const SMALL: usize = 1 << 20;
/// How many answers are in memory at once, while they are small.
const SMALL_AT_ONCE: usize = 32;
/// How much of a refused call's answer is read for the vendor's words.
pub(super) const LARGEST_FAULT: usize = 256 << 10;

/// The process's budget of answers in memory, from their first byte until they are parsed: 32 MiB in small answers and
/// 32 MiB in one large one, 64 MiB in all.
///
/// Every answer holds a small share. One that grows beyond it, or says that it will, takes the only large share as well.
/// Whoever holds that needs nothing more to come to its end, so nobody waits in a circle.
pub(super) struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { small: Arc::new(Semaphore::new(SMALL_AT_ONCE)), large: Arc::new(Semaphore::new(1)) }
    }
}

/// Shares of the budget; given back when dropped.
#[derive(Default)]
pub(super) struct Shares {
    small: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

impl Shares {
    /// Makes sure of the shares for `size` bytes; says how long that took.
    async fn cover(&mut self, size: usize, budget: &Budget) -> Duration {
        let asked = Instant::now();
        if self.small.is_none() {
            // The budget's semaphores are never closed, so a share always comes.
            self.small = Arc::clone(&budget.small).acquire_owned().await.ok();
        }
        if size > SMALL && self.large.is_none() {
            self.large = Arc::clone(&budget.large).acquire_owned().await.ok();
        }
        asked.elapsed()
    }
}

/// Why a body was not read to its end.
pub(super) enum Cut {
    /// It is larger than the limit.
    TooLarge,
    /// The connection or the decompression failed.
    Broken(reqwest::Error),
    /// The call's time was up.
    TimedOut,
}

/// Reads a body of at most `limit` bytes until `deadline`. Time spent waiting for a share of the budget is not the
/// vendor's and does not count.
pub(super) async fn read(
    mut response: reqwest::Response,
    limit: usize,
    mut deadline: tokio::time::Instant,
    budget: &Budget,
) -> Result<(Vec<u8>, Shares), Cut> {
    let announced = response.content_length().unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Cut::TooLarge);
    }
    let mut shares = Shares::default();
    deadline += shares.cover(announced, budget).await;
    let mut body = Vec::new();
    body.reserve_exact(announced);
    loop {
        let chunk = match tokio::time::timeout_at(deadline, response.chunk()).await {
            Err(_) => return Err(Cut::TimedOut),
            Ok(Err(cause)) => return Err(Cut::Broken(cause)),
            Ok(Ok(None)) => return Ok((body, shares)),
            Ok(Ok(Some(chunk))) => chunk,
        };
        let size = body.len().saturating_add(chunk.len());
        if size > limit {
            return Err(Cut::TooLarge);
        }
        deadline += shares.cover(size, budget).await;
        append(&mut body, &chunk, limit);
    }
}

/// Grows by doubling as a vector does, but never beyond the limit.
fn append(body: &mut Vec<u8>, chunk: &[u8], limit: usize) {
    let size = body.len() + chunk.len();
    if size > body.capacity() {
        let capacity = body.capacity().saturating_mul(2).clamp(size, limit.max(size));
        body.reserve_exact(capacity - body.len());
    }
    body.extend_from_slice(chunk);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_large_answer_waits_for_the_one_before_it_and_small_ones_do_not() {
        let budget = Arc::new(Budget::default());
        let mut first = Shares::default();
        first.cover(SMALL + 1, &budget).await;
        let mut small = Shares::default();
        small.cover(SMALL, &budget).await;
        let mut second = Shares::default();
        let waits = tokio::time::timeout(Duration::from_millis(20), second.cover(LARGEST, &budget));
        assert!(waits.await.is_err());
        drop(first);
        second.cover(LARGEST, &budget).await;
        assert!(second.large.is_some());
    }

    #[tokio::test]
    async fn no_more_answers_than_the_budget_holds_are_in_memory() {
        let budget = Budget::default();
        let mut held = Vec::new();
        for _ in 0..SMALL_AT_ONCE {
            let mut shares = Shares::default();
            shares.cover(1, &budget).await;
            held.push(shares);
        }
        let mut late = Shares::default();
        let waits = tokio::time::timeout(Duration::from_millis(20), late.cover(1, &budget));
        assert!(waits.await.is_err());
        held.pop();
        late.cover(1, &budget).await;
    }

    #[test]
    fn the_buffer_never_outgrows_the_limit() {
        let mut body = Vec::new();
        let chunk = vec![b'x'; 700];
        for _ in 0..14 {
            append(&mut body, &chunk, 10_000);
        }
        assert_eq!(body.len(), 9_800);
        assert!(body.capacity() <= 10_000, "{}", body.capacity());
    }
}
