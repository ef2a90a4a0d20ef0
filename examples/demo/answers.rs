//! What the tools answer, as far as the demonstration looks at it.

use serde::Deserialize;

/// Of `link_connector`.
#[derive(Deserialize)]
pub struct Linked {
    /// The connector.
    pub connector_id: String,
    /// What a person calls the account.
    pub account_label: String,
    /// The vendor said whose token it is.
    pub verified: bool,
    /// The connector was there before.
    pub relinked: bool,
}

/// Of `sync_external_connector`.
#[derive(Deserialize)]
pub struct Run {
    /// How it stands.
    pub status: String,
    /// It goes on.
    pub more: bool,
    /// What it did.
    pub stats: Stats,
    /// Why it did not end well.
    pub error: Option<Problem>,
}

/// What a run did.
#[derive(Clone, Copy, Deserialize)]
pub struct Stats {
    /// New records.
    pub created: u64,
    /// Changed ones.
    pub updated: u64,
    /// Records that were read again and are the same.
    pub unchanged: u64,
    /// Gone ones.
    pub removed: u64,
    /// Pages stored.
    pub pages: u64,
    /// Requests made.
    pub requests: u64,
    /// Time that the vendor made it wait.
    pub throttled_ms: u64,
}

/// Why a run did not end well.
#[derive(Deserialize)]
pub struct Problem {
    /// In a sentence.
    pub message: String,
}

/// Of `search_records`.
#[derive(Deserialize)]
pub struct Found {
    /// The best first.
    pub records: Vec<Row>,
}

/// A record among others.
#[derive(Deserialize)]
pub struct Row {
    /// Where it comes from.
    pub provider: String,
    /// Whose it is.
    pub account: String,
    /// When it took place.
    pub occurred_at: Option<jiff::Timestamp>,
    /// Subject or name.
    pub title: Option<String>,
    /// Who wrote it, or is to do it.
    pub who: Option<String>,
    /// Channel or project.
    #[serde(rename = "where")]
    pub place: Option<String>,
    /// The part of its text that was found.
    pub excerpt: Option<String>,
}

/// Of `list_connectors`.
#[derive(Deserialize)]
pub struct Connectors {
    /// The linked accounts.
    pub connectors: Vec<Connector>,
}

/// A linked account.
#[derive(Deserialize)]
pub struct Connector {
    /// Its id.
    pub connector_id: String,
    /// Its records that are alive.
    pub records: u64,
}
