//! What the use cases are asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    ids::{ConnectorId, RunId},
    record::Kind,
    run::{RunStatus, SyncType, Trigger},
};

/// An account to be linked.
#[derive(Debug, Default)]
pub struct LinkRequest {
    /// The provider's id.
    pub provider: String,
    /// The vendor's id of the account, where the person gave it; else the vendor is asked.
    pub account_identifier: Option<String>,
    /// What the person calls it.
    pub account_label: Option<String>,
    /// The secrets, by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// The settings, by name.
    pub metadata: BTreeMap<String, Value>,
    /// Asks the vendor whose account it is before anything is stored.
    pub verify: bool,
}

/// An account to be linked in a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartRequest {
    /// The provider's id.
    pub provider: String,
    /// What the person calls it.
    pub account_label: Option<String>,
    /// Where the browser goes in the end, of the addresses that are allowed; absent for a page of ours.
    pub redirect_to: Option<String>,
    /// On a page for the declared fields, although the provider has OAuth.
    pub paste: bool,
}

/// Which account is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// This connector.
    Connector(ConnectorId),
    /// The only one of this provider.
    Provider(String),
}

/// A sync that is asked for.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// How far it goes.
    pub sync_type: SyncType,
    /// What asked.
    pub trigger: Trigger,
    /// Wished page size, 1 to 1000.
    pub limit: Option<u32>,
    /// Pages over all feeds, 1 to 10000.
    pub max_pages: Option<u32>,
    /// Bounds the first listing of each feed.
    pub since: Option<Timestamp>,
    /// Fetches and normalises, writes nothing.
    pub dry_run: bool,
    /// Carries out removals that wait for a yes, those of this run included.
    pub confirm_removals: bool,
}

impl SyncRequest {
    /// An incremental sync without bounds.
    pub fn new(trigger: Trigger) -> Self {
        Self {
            sync_type: SyncType::Incremental,
            trigger,
            limit: None,
            max_pages: None,
            since: None,
            dry_run: false,
            confirm_removals: false,
        }
    }
}

/// Which runs are asked for.
#[derive(Clone, Debug, Default)]
pub struct RunsRequest {
    /// This one alone.
    pub run_id: Option<RunId>,
    /// Of this connector.
    pub connector_id: Option<ConnectorId>,
    /// That stand so.
    pub status: Option<RunStatus>,
    /// How many, 1 to 100.
    pub limit: Option<u32>,
    /// From an earlier answer.
    pub cursor: Option<String>,
}

/// Which records are asked for.
#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    /// Words; quotes, `or` and a leading `-` as people know them from the web. None: the newest.
    pub query: Option<String>,
    /// Of these types.
    pub types: Vec<Kind>,
    /// Of these providers.
    pub providers: Vec<String>,
    /// Of this connector.
    pub connector_id: Option<ConnectorId>,
    /// That took place at or after.
    pub since: Option<Timestamp>,
    /// That took place before.
    pub until: Option<Timestamp>,
    /// How many, 1 to 100; 20 where none is given.
    pub limit: Option<u32>,
    /// From an earlier answer.
    pub cursor: Option<String>,
}
