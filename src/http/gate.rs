//! Waiting one's turn: a bucket of requests for each account, and the pause that a vendor asked of it.
//!
//! All clients of one connector in this process share its bucket. It starts full and fills at the vendor's rate. A vendor
//! that throttles has counted more than we did (another process, another app of the same person): the bucket is emptied
//! and the account pauses as a whole, so that sixteen calls at once do not ask sixteen times what was just refused.
//! A pause too long to be waited for is not kept here: the run ends, and whoever asks later hears it from the vendor.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

use super::{Meter, Rate, Wait};

/// How long a wait must last to be worth a word to whoever watches.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// The buckets of all accounts that are in use.
#[derive(Default)]
pub(super) struct Gate {
    buckets: Mutex<HashMap<(&'static str, String), Arc<Bucket>>>,
}

impl Gate {
    /// The account's bucket. Buckets that are full again and in nobody's hands are let go: a new one is the same.
    pub(super) fn bucket(&self, provider: &'static str, account: &str, rate: Rate) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (provider, account.to_owned());
        if let Some(known) = buckets.get(&key).filter(|known| known.rate == rate) {
            return Arc::clone(known);
        }
        buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_idle());
        let bucket = Arc::new(Bucket::new(rate));
        buckets.insert(key, Arc::clone(&bucket));
        bucket
    }
}

/// One account's requests.
pub(super) struct Bucket {
    rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock>,
    /// Held by the call whose turn is next: turns are taken in the order of asking.
    turn: tokio::sync::Mutex<()>,
    queue: AtomicU32,
    times: Mutex<Times>,
}

struct Times {
    not_before: Option<Instant>,
    last_used: Instant,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        let quota = Quota::with_period(rate.per / rate.requests.get())
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
            .allow_burst(rate.requests);
        Self {
            rate,
            limiter: RateLimiter::direct_with_clock(quota, TokioClock),
            turn: tokio::sync::Mutex::default(),
            queue: AtomicU32::new(0),
            times: Mutex::new(Times { not_before: None, last_used: Instant::now() }),
        }
    }

    /// Waits for this call's turn. What lasts longer than a second shows in the meter.
    pub(super) async fn turn(&self, meter: &Meter) {
        let place = Queued::at(&self.queue);
        let pass = self.pass(meter);
        tokio::pin!(pass);
        if tokio::time::timeout(WORTH_SAYING, &mut pass).await.is_err() {
            let ahead = self.rate.per / self.rate.requests.get() * place.0;
            let _shown = self
                .pause_left()
                .is_none()
                .then(|| meter.wait(ahead.max(WORTH_SAYING), Wait::TURN));
            pass.await;
        }
    }

    async fn pass(&self, meter: &Meter) {
        let _turn = self.turn.lock().await;
        loop {
            if let Some(left) = self.pause_left() {
                let _shown = meter.wait(left, Wait::THROTTLED);
                tokio::time::sleep(left).await;
                continue;
            }
            match self.limiter.check() {
                Ok(()) => break,
                Err(not_yet) => {
                    tokio::time::sleep(not_yet.wait_time_from(TokioClock.now())).await;
                }
            }
        }
        self.times().last_used = Instant::now();
    }

    /// Holds all calls of the account back for this long, and takes the bucket's rest away.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        {
            let mut times = self.times();
            times.not_before = times.not_before.max(Some(until));
        }
        let mut take = Some(self.rate.requests);
        while let Some(some) = take {
            if !matches!(self.limiter.check_n(some), Ok(Ok(()))) {
                take = NonZeroU32::new(some.get() / 2);
            }
        }
    }

    fn pause_left(&self) -> Option<Duration> {
        let not_before = self.times().not_before?;
        Some(not_before.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    fn is_idle(&self) -> bool {
        let full_again = self.times().last_used + self.rate.per;
        self.pause_left().is_none() && full_again <= Instant::now()
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a bucket's queue, given back also when the call is given up.
struct Queued<'a>(u32, &'a AtomicU32);

impl<'a> Queued<'a> {
    fn at(queue: &'a AtomicU32) -> Self {
        Self(queue.fetch_add(1, Ordering::Relaxed).saturating_add(1), queue)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The clock of the timers, so that both stand still in a test that stops the one.
#[derive(Clone)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::per(5, Duration::from_secs(10));

    fn bucket() -> (Gate, Arc<Bucket>) {
        let gate = Gate::default();
        let bucket = gate.bucket("example", "a", RATE);
        (gate, bucket)
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_starts_full_and_then_keeps_to_the_rate() {
        let (_gate, bucket) = bucket();
        let (meter, start) = (Meter::default(), Instant::now());
        for _ in 0..5 {
            bucket.turn(&meter).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        bucket.turn(&meter).await;
        assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!((meter.throttled_ms(), meter.waiting()), (0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_the_bucket_shows_only_once_it_lasts() {
        let (_gate, bucket) = bucket();
        let meter = Arc::new(Meter::default());
        bucket.pause(Duration::ZERO);
        let waiter = {
            let (bucket, meter) = (Arc::clone(&bucket), Arc::clone(&meter));
            tokio::spawn(async move { bucket.turn(&meter).await })
        };
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(meter.waiting(), None);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(meter.waiting(), Some(Wait { seconds: 2, why: Wait::TURN }));
        waiter.await.unwrap();
        assert_eq!(meter.waiting(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn all_calls_of_a_throttled_account_pause_together_and_come_back_one_by_one() {
        let (gate, bucket) = bucket();
        let (meter, start) = (Arc::new(Meter::default()), Instant::now());
        bucket.pause(Duration::from_secs(30));
        bucket.pause(Duration::from_secs(1)); // a shorter wish does not shorten the pause
        let calls = (0..8).map(|_| {
            let (bucket, meter) = (gate.bucket("example", "a", RATE), Arc::clone(&meter));
            tokio::spawn(async move {
                bucket.turn(&meter).await;
                start.elapsed()
            })
        });
        tokio::task::yield_now().await;
        let passed = futures::future::try_join_all(calls).await.unwrap();
        assert!(passed.iter().all(|at| *at >= Duration::from_secs(30)), "{passed:?}");
        assert!(passed[7] >= Duration::from_secs(35), "the bucket was emptied: {passed:?}");
        assert!((30_000..=30_100).contains(&meter.throttled_ms()), "{}", meter.throttled_ms());
        gate.bucket("example", "b", RATE).turn(&meter).await; // another account is not held back
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_given_up_while_it_waits_leaves_no_trace() {
        let (_gate, bucket) = bucket();
        let meter = Meter::default();
        bucket.pause(Duration::from_secs(30));
        let given_up = tokio::time::timeout(Duration::from_secs(5), bucket.turn(&meter)).await;
        assert!(given_up.is_err());
        assert_eq!(meter.waiting(), None);
        assert_eq!(bucket.queue.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_that_are_full_again_are_let_go_and_others_stay() {
        let gate = Gate::default();
        let held = gate.bucket("example", "held", RATE);
        gate.bucket("example", "used", RATE).turn(&Meter::default()).await;
        gate.bucket("example", "paused", RATE).pause(Duration::from_mins(5));
        gate.bucket("example", "new", RATE);
        let known = || gate.buckets.lock().unwrap().len();
        assert_eq!(known(), 4);
        tokio::time::advance(Duration::from_mins(1)).await;
        gate.bucket("example", "another", RATE);
        assert_eq!(known(), 3, "held, paused and another");
        assert!(Arc::ptr_eq(&held, &gate.bucket("example", "held", RATE)));
    }
}
