//! What was asked of the vendors.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use super::{
    exchange::{Ask, target},
    lock,
};

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The provider's id in the path.
    pub provider: String,
    /// `GET`, `POST`.
    pub method: String,
    /// The vendor's host.
    pub host: String,
    /// The vendor's path.
    pub path: String,
    /// Still encoded; empty if there was none.
    pub query: String,
    /// The token it bore.
    pub bearer: Option<String>,
    /// The answer's status; 0 while there is none, or where the connection was closed instead.
    pub status: u16,
    /// When it came.
    pub arrived: Instant,
    /// When its answer was ready.
    pub answered: Option<Instant>,
}

impl Seen {
    /// `HOST/PATH?QUERY`.
    pub fn target(&self) -> String {
        target(&self.host, &self.path, &self.query)
    }

    /// A parameter of its query.
    pub fn param(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// The requests of all vendors.
#[derive(Default)]
pub struct Log(Mutex<Book>);

#[derive(Default)]
struct Book {
    seen: Vec<Seen>,
    /// Grows when the book is forgotten, so that a request from before finds no entry.
    volume: u64,
    now: BTreeMap<String, usize>,
    most: BTreeMap<String, usize>,
}

impl Log {
    /// Writes down a request that has come. It is in flight until the entry is dropped.
    pub fn enter(self: &Arc<Self>, ask: &Ask) -> Entry {
        let mut book = lock(&self.0);
        let now = book.now.entry(ask.provider.clone()).or_default();
        *now += 1;
        let now = *now;
        let most = book.most.entry(ask.provider.clone()).or_default();
        *most = now.max(*most);
        book.seen.push(Seen {
            provider: ask.provider.clone(),
            method: ask.method.clone(),
            host: ask.host.clone(),
            path: ask.path.clone(),
            query: ask.query.clone(),
            bearer: ask.bearer.clone(),
            status: 0,
            arrived: Instant::now(),
            answered: None,
        });
        Entry {
            log: Arc::clone(self),
            provider: ask.provider.clone(),
            volume: book.volume,
            line: book.seen.len() - 1,
        }
    }

    /// See [`super::Sandbox::requests`].
    pub fn all(&self) -> Vec<Seen> {
        lock(&self.0).seen.clone()
    }

    /// See [`super::Sandbox::max_in_flight`].
    pub fn most(&self, provider: &str) -> usize {
        lock(&self.0).most.get(provider).copied().unwrap_or_default()
    }

    /// See [`super::Sandbox::forget_requests`].
    pub fn forget(&self) {
        let mut book = lock(&self.0);
        book.seen.clear();
        book.volume += 1;
        book.most = book.now.clone();
    }
}

/// A request in flight.
pub struct Entry {
    log: Arc<Log>,
    provider: String,
    volume: u64,
    line: usize,
}

impl Entry {
    /// Notes the answer.
    pub fn answered(&self, status: u16) {
        let mut book = lock(&self.log.0);
        if book.volume == self.volume
            && let Some(seen) = book.seen.get_mut(self.line)
        {
            seen.status = status;
            seen.answered = Some(Instant::now());
        }
    }
}

/// Also when the caller has gone away and nobody waits for the answer.
impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(now) = lock(&self.log.0).now.get_mut(&self.provider) {
            *now = now.saturating_sub(1);
        }
    }
}
