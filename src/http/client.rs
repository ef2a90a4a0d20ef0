//! One account's view of a vendor.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use url::Url;

use super::{Call, Credentials, Meter, Policy};
use crate::error::{Error, Result};

/// What an operator sets about calls to vendors.
#[derive(Clone, Debug, Default)]
pub struct TransportConfig {
    /// `NEOTOMA_EGRESS_OVERRIDE`: where all vendor calls go instead, as `<override>/<provider>/<host>/<path>`. Loopback
    /// only; checked by [`Transport::new`].
    pub egress_override: Option<Url>,
    /// `NEOTOMA_ALLOW_PRIVATE_HOSTS=1`: private, loopback and link-local addresses, and http, are allowed.
    pub allow_private_hosts: bool,
}

/// The process's connections to vendors: one pool, one budget of bytes in flight, the buckets of all accounts.
#[derive(Clone)]
pub struct Transport {
    pub(super) http: reqwest::Client,
    pub(super) config: Arc<TransportConfig>,
}

impl Transport {
    /// Opens the pool.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the egress override is not a loopback address.
    pub fn new(config: TransportConfig) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|cause| Error::Unavailable(cause.to_string()))?;
        Ok(Self { http, config: Arc::new(config) })
    }

    /// A client for one account.
    pub fn client(&self, of: Connection) -> Client {
        Client(Arc::new(Inner { transport: self.clone(), of, once: Mutex::default() }))
    }
}

/// What a client is made of, beside the process's transport.
pub struct Connection {
    /// The vendor.
    pub policy: Policy,
    /// Names the account's bucket; the same for all clients of one connector.
    pub account: String,
    /// Its secrets.
    pub credentials: Arc<dyn Credentials>,
    /// Its settings (`metadata`).
    pub settings: Map<String, Value>,
    /// The caller's wish for the size of pages, 1 to 1000.
    pub limit: Option<u32>,
    /// Where a listing from the start may begin.
    pub since: Option<Timestamp>,
    /// Counts this run's calls.
    pub meter: Arc<Meter>,
}

/// The result of a lookup, of whatever type, once it is known.
type Lookup = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

struct Inner {
    transport: Transport,
    of: Connection,
    once: Mutex<HashMap<String, Lookup>>,
}

/// One account's client: what a provider is given. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

impl Client {
    /// A GET of an absolute address.
    pub fn get(&self, url: impl Into<String>) -> Call {
        self.call(Method::GET, url)
    }

    /// A POST to an absolute address. Not retried unless marked [`Call::idempotent`].
    pub fn post(&self, url: impl Into<String>) -> Call {
        self.call(Method::POST, url)
    }

    /// A call with any method.
    pub fn call(&self, method: Method, url: impl Into<String>) -> Call {
        Call::new(self.clone(), method, url.into())
    }

    /// The time. Providers take it from here, so that a test can set it.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// A setting's text; absent and empty are the same.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.0.of.settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A setting with several values; empty where it is unset.
    pub fn settings(&self, name: &str) -> Vec<&str> {
        match self.0.of.settings.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) if !one.is_empty() => vec![one],
            _ => Vec::new(),
        }
    }

    /// A secret of the account, for vendors that want it elsewhere than in a bearer header.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.0.of.credentials.secret(name)
    }

    /// The page size to ask for: the caller's wish within the vendor's maximum.
    pub fn page_size(&self, max: u32) -> u32 {
        self.0.of.limit.map_or(max, |wish| wish.clamp(1, max))
    }

    /// Where a listing from the start may begin.
    pub fn since(&self) -> Option<Timestamp> {
        self.0.of.since
    }

    /// A lookup made at most once a run: users, names, page tokens. A failed one is made again when asked again.
    ///
    /// # Errors
    /// What the lookup says.
    pub async fn once<T, F>(&self, key: &str, lookup: impl FnOnce() -> F + Send) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let cell = {
            let mut cells = self.0.once.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(key.to_owned()).or_default())
        };
        let found = cell
            .get_or_try_init(|| async {
                let found: Arc<dyn Any + Send + Sync> = Arc::new(lookup().await?);
                Ok::<_, Error>(found)
            })
            .await?;
        Arc::clone(found)
            .downcast::<T>()
            .map_err(|_| Error::unexpected(key, "looked up as two different types"))
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    pub(super) fn of(&self) -> &Connection {
        &self.0.of
    }
}

/// Runs `step` over all items, `width` at a time; results come in the order of the items. The first error ends it.
///
/// # Errors
/// The first that a step gives.
pub async fn each<T, R, F>(
    items: Vec<T>,
    width: usize,
    step: impl FnMut(T) -> F + Send,
) -> Result<Vec<R>>
where
    T: Send,
    R: Send,
    F: Future<Output = Result<R>> + Send,
{
    stream::iter(items).map(step).buffered(width.max(1)).try_collect().await
}
