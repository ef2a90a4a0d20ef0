//! What the HTTP client is told of a vendor and of an account.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// A number of requests in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In how long.
    pub per: Duration,
}

impl Rate {
    /// `n` a second.
    ///
    /// # Panics
    /// At build time, where `n` is 0.
    pub const fn per_second(n: u32) -> Self {
        Self::per(n, Duration::from_secs(1))
    }

    /// `n` a minute.
    ///
    /// # Panics
    /// At build time, where `n` is 0.
    pub const fn per_minute(n: u32) -> Self {
        Self::per(n, Duration::from_mins(1))
    }

    /// `n` in `per`.
    ///
    /// # Panics
    /// At build time, where `n` is 0.
    #[expect(clippy::panic, reason = "evaluated at build time")]
    pub const fn per(n: u32, per: Duration) -> Self {
        match NonZeroU32::new(n) {
            Some(requests) => Self { requests, per },
            None => panic!("a rate of no requests"),
        }
    }
}

/// Reads a vendor's own error words: status and JSON body (`Null` where it is none) to an error, or `None` to leave it to
/// the status. [`Error::Reconnect`] means that the token is refused: unless it was just renewed, it is, and the call is
/// made once more. [`Error::RateLimited`] with a pause of zero leaves the pause to `Retry-After` or the client's backoff.
pub type Fault = Arc<dyn Fn(u16, &Value) -> Option<Error> + Send + Sync>;

/// What the client is told of a vendor.
#[derive(Clone)]
pub struct Policy {
    /// The provider's id.
    pub provider: &'static str,
    /// Hosts that may be called; `*.` stands for any subdomain. Whoever serves a connector with a server of its own puts
    /// that host in, as `host` (any port) or `host:port`.
    pub hosts: Vec<String>,
    /// Requests of one account.
    pub rate: Rate,
    /// The vendor's own error words.
    pub fault: Fault,
}

/// The secrets of one account, and how a refused token is renewed. Implemented above, over the store.
pub trait Credentials: Send + Sync {
    /// The stored secret of that name, current as of now.
    fn secret(&self, name: &str) -> Option<SecretString>;

    /// The access token to send, renewed ahead of time where it is about to expire. `None` where the account has none.
    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>>;

    /// The token to use instead of one that the vendor refused with 401.
    ///
    /// # Errors
    /// [`Error::Reconnect`] when it cannot be renewed, [`Error::Unavailable`] when the exchange did not get through.
    fn renew(&self, refused: &SecretString) -> BoxFuture<'_, Result<SecretString>>;
}

/// What a client is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Until about when, in seconds from the start of the wait.
    pub seconds: u64,
    /// Why: [`Wait::THROTTLED`], [`Wait::SILENT`], [`Wait::TURN`].
    pub why: &'static str,
}

impl Wait {
    /// The vendor asked for a pause.
    pub const THROTTLED: &'static str = "throttled by the service";
    /// The vendor or the network failed, and the call is about to be repeated.
    pub const SILENT: &'static str = "the service is not answering";
    /// The account's share of the vendor's limit is spent for now.
    pub const TURN: &'static str = "keeping to the service's limit";
}

/// Counts what one run asks of a vendor. Shared by the run's calls, read by its progress.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    throttled_ms: AtomicU64,
    /// How many calls wait, and what the last of them said it waits for.
    wait: Mutex<(usize, Option<Wait>)>,
    refused_with: AtomicU16,
}

impl Meter {
    /// Notes the status of an answer that became an error.
    pub fn refused(&self, status: u16) {
        self.refused_with.store(status, Ordering::Relaxed);
    }

    /// The status of the last answer that became an error.
    pub fn refused_with(&self) -> Option<u16> {
        Some(self.refused_with.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    /// Counts a request that is sent.
    pub fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts time that was spent waiting because the vendor asked for it.
    pub fn throttled(&self, waited: Duration) {
        let ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.throttled_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Says what a call is waiting for; `None` when that call's wait is over. Several calls may wait at once: the last
    /// reason is shown until none does.
    pub fn waits(&self, wait: Option<Wait>) {
        let mut waiting = self.wait.lock().unwrap_or_else(PoisonError::into_inner);
        if wait.is_some() {
            *waiting = (waiting.0.saturating_add(1), wait);
        } else {
            waiting.0 = waiting.0.saturating_sub(1);
            if waiting.0 == 0 {
                waiting.1 = None;
            }
        }
    }

    /// [`Meter::waits`] until the answer is dropped, also when the call is given up in the middle. A wait that the vendor
    /// asked for is counted.
    pub(super) fn wait(&self, lasting: Duration, why: &'static str) -> Waiting<'_> {
        let seconds = lasting.as_secs() + u64::from(lasting.subsec_nanos() > 0);
        self.waits(Some(Wait { seconds, why }));
        Waiting { meter: self, throttled_since: (why == Wait::THROTTLED).then(Instant::now) }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Milliseconds spent waiting so far.
    pub fn throttled_ms(&self) -> u64 {
        self.throttled_ms.load(Ordering::Relaxed)
    }

    /// What is being waited for.
    pub fn waiting(&self) -> Option<Wait> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// A wait that is shown while this lives.
pub(super) struct Waiting<'a> {
    meter: &'a Meter,
    throttled_since: Option<Instant>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.meter.waits(None);
        if let Some(since) = self.throttled_since {
            self.meter.throttled(since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_shown_until_the_last_call_that_waits_goes_on() {
        let meter = Meter::default();
        let first = meter.wait(Duration::from_millis(4_100), Wait::THROTTLED);
        let second = meter.wait(Duration::from_secs(2), Wait::SILENT);
        tokio::time::advance(Duration::from_secs(3)).await;
        drop(second);
        assert!(meter.waiting().is_some());
        drop(first);
        assert_eq!(meter.waiting(), None);
        assert_eq!(meter.throttled_ms(), 3_000, "only what the vendor asked for counts");
        meter.waits(Some(Wait { seconds: 5, why: Wait::TURN }));
        assert_eq!(meter.waiting(), Some(Wait { seconds: 5, why: Wait::TURN }));
    }
}
