//! The uniform records that every provider's objects become.
//!
//! The shapes follow the product's schema of records: absent and null mean the same (unknown), texts are plain or
//! Markdown and never HTML, times are UTC. Lists are `Some`, possibly empty, only where the vendor gives them.

mod digest;
mod parts;
mod properties;
mod search;

pub use digest::Digest;
pub use parts::*;
pub use properties::*;
pub use search::{fold, fold_query, search_text};

use jiff::Timestamp;

/// How a record is named within its account and provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The vendor's own id, qualified where it must be (`external_id`).
    Id(String),
    /// A hash over named, ordered parts, for what has no id at the vendor (`external_hash`).
    Hash(String),
}

impl Key {
    /// The text of either.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(text) | Self::Hash(text) => text,
        }
    }
}

/// One canonical record, as a provider makes it from a vendor's object.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name within the account.
    pub key: Key,
    /// Where it lies at the vendor (a path, an href), for vendors that name only the place of what is gone.
    pub place: Option<String>,
    /// When the vendor's object was last changed, where its pages may come out of order: an older version changes
    /// nothing that is stored.
    pub version: Option<Timestamp>,
    /// Paths into the properties (`media.*.url`) whose values change by themselves, as signed addresses do. They
    /// do not count as a change and are refreshed only when the row is written anyway.
    pub volatile: Vec<&'static str>,
    /// What it says.
    pub properties: Properties,
}

impl Record {
    /// A record by the vendor's id.
    pub fn new(id: impl Into<String>, properties: impl Into<Properties>) -> Self {
        Self {
            key: Key::Id(id.into()),
            place: None,
            version: None,
            volatile: Vec::new(),
            properties: properties.into(),
        }
    }

    /// A record without a vendor's id, named by a hash (see [`Key::Hash`]).
    pub fn hashed(hash: impl Into<String>, properties: impl Into<Properties>) -> Self {
        Self { key: Key::Hash(hash.into()), ..Self::new(String::new(), properties) }
    }

    /// Notes the place it lies in.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Notes the version, see [`Record::version`].
    #[must_use]
    pub fn version(mut self, version: Timestamp) -> Self {
        self.version = Some(version);
        self
    }

    /// Names a volatile path, see [`Record::volatile`].
    #[must_use]
    pub fn volatile(mut self, path: &'static str) -> Self {
        self.volatile.push(path);
        self
    }

    /// The digest of its content: two records with the same digest say the same.
    pub fn digest(&self) -> Digest {
        // Nothing in a record's properties cannot be written as JSON: its maps have texts for keys.
        Digest::of(self, &serde_json::to_string(&self.properties).unwrap_or_default())
    }
}
