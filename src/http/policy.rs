//! What the HTTP client is told of a vendor and of an account.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;

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
/// the status.
pub type Fault = Arc<dyn Fn(u16, &Value) -> Option<Error> + Send + Sync>;

/// What the client is told of a vendor.
#[derive(Clone)]
pub struct Policy {
    /// The provider's id.
    pub provider: &'static str,
    /// Hosts that may be called; `*.` stands for any subdomain.
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
    /// Why: `throttled by the service`, `the service is not answering`.
    pub why: &'static str,
}

/// Counts what one run asks of a vendor. Shared by the run's calls, read by its progress.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    throttled_ms: AtomicU64,
    wait: Mutex<Option<Wait>>,
}

impl Meter {
    /// Counts a request that is sent.
    pub fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts time that was spent waiting because the vendor asked for it.
    pub fn throttled(&self, waited: Duration) {
        let ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.throttled_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Says what is being waited for; `None` when it is over.
    pub fn waits(&self, wait: Option<Wait>) {
        *self.wait.lock().unwrap_or_else(PoisonError::into_inner) = wait;
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
        self.wait.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
