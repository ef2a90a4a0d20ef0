//! One account's view of a vendor.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use super::{
    Call, Credentials, Meter, Policy,
    body::Budget,
    gate::{Bucket, Gate},
    guard::{Override, Reach},
    redact,
};
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
    pub(super) allow_private_hosts: bool,
    pub(super) egress: Option<Override>,
    pub(super) budget: Arc<Budget>,
    gate: Arc<Gate>,
}

impl Transport {
    /// Opens the pool. Warns where an egress override is set.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the egress override is not a loopback address, or the system has no certificates to check
    /// vendors by.
    pub fn new(config: TransportConfig) -> Result<Self> {
        let TransportConfig { egress_override, allow_private_hosts } = config;
        let egress = egress_override.as_ref().map(Override::new).transpose()?;
        let reach = match (&egress, allow_private_hosts) {
            (Some(_), _) => Reach::Loopback,
            (None, true) => Reach::Any,
            (None, false) => Reach::Public,
        };
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("neotoma/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .dns_resolver(reach);
        if egress.is_some() {
            tracing::warn!("NEOTOMA_EGRESS_OVERRIDE is set: no call reaches a real service");
            // Plain http to this machine: neither proxies nor certificates have a part in it.
            http = http.no_proxy().tls_certs_only([]);
        }
        let http = http.build().map_err(|cause| {
            let cause = redact::reason(cause);
            let remedy = "install the system's ca-certificates, or name a bundle in SSL_CERT_FILE";
            Error::invalid("certificates", format!("TLS cannot be set up ({cause}): {remedy}"))
        })?;
        let (budget, gate) = (Arc::default(), Arc::default());
        Ok(Self { http, allow_private_hosts, egress, budget, gate })
    }

    /// A client for one account.
    pub fn client(&self, of: Connection) -> Client {
        let bucket = self.gate.bucket(of.policy.provider, &of.account, of.policy.rate);
        let since = of.since;
        let inner = Inner { transport: self.clone(), of, bucket, once: Mutex::default() };
        Client { inner: Arc::new(inner), since }
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
    pub settings: BTreeMap<String, Value>,
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
    bucket: Arc<Bucket>,
    once: Mutex<HashMap<String, Lookup>>,
}

/// One account's client: what a provider is given. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    since: Option<Timestamp>,
}

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
        self.inner.of.settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A setting with several values; empty where it is unset.
    pub fn settings(&self, name: &str) -> Vec<&str> {
        match self.inner.of.settings.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) if !one.is_empty() => vec![one],
            _ => Vec::new(),
        }
    }

    /// A secret of the account, for vendors that want it elsewhere than in a bearer header.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.inner.of.credentials.secret(name)
    }

    /// The page size to ask for: the caller's wish within the vendor's maximum.
    pub fn page_size(&self, max: u32) -> u32 {
        self.inner.of.limit.map_or(max, |wish| wish.clamp(1, max.max(1)))
    }

    /// Where a listing from the start may begin.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// The same client for a listing that may begin elsewhere.
    #[must_use]
    pub fn since_from(&self, since: Option<Timestamp>) -> Self {
        Self { since, ..self.clone() }
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
            let mut cells = self.inner.once.lock().unwrap_or_else(PoisonError::into_inner);
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
        &self.inner.transport
    }

    pub(super) fn of(&self) -> &Connection {
        &self.inner.of
    }

    pub(super) fn bucket(&self) -> &Bucket {
        &self.inner.bucket
    }
}
