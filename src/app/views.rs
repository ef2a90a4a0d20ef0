//! What the use cases answer: one shape for the tools' structured content and for `--json`.
//!
//! No type here can carry a secret: of secrets only the names of those that are set are shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::{
    ids::{ConnectorId, RecordId, RunId, TokenId},
    provider::spec::{Category, Webhooks},
    record::Kind,
    run::{AttemptStatus, ConnectorStatus, RunError, RunStatus, Stats, SyncType},
};

/// Whether accounts of a provider can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Readiness {
    /// They can.
    Ready,
}

/// One line of the catalog.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderView {
    /// Place in the catalog.
    pub rank: u8,
    /// The id that tools and commands take.
    pub id: &'static str,
    /// The shown name.
    pub name: &'static str,
    /// `social` or `productivity`.
    pub provider_type: Category,
    /// The types of record it gives.
    pub record_types: &'static [Kind],
    /// What of it is imported.
    pub capabilities: &'static [&'static str],
    /// How an account is linked: `oauth`, `token` or both.
    pub auth: Vec<&'static str>,
    /// Whether it can be imported.
    pub status: Readiness,
    /// Where to find what is asked, and what the vendor does not give.
    pub help: &'static str,
    /// What a person gives.
    pub fields: Vec<FieldView>,
    /// Whether the vendor calls when something changes.
    pub webhooks: Webhooks,
}

/// Something a person gives to link an account.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// The key in `secrets` or `metadata`.
    pub name: &'static str,
    /// On a form.
    pub label: &'static str,
    /// Where to find it.
    pub help: &'static str,
    /// In `secrets` if so, else in `metadata`.
    pub secret: bool,
    /// Linking without it is refused.
    pub required: bool,
    /// Takes several values.
    pub list: bool,
}

/// A linked account.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ConnectorView {
    /// Its id.
    pub connector_id: ConnectorId,
    /// The provider's id.
    pub provider: String,
    /// The vendor's id of the account.
    pub account_identifier: String,
    /// The tenant or page, where one was chosen.
    pub account_scope: Option<String>,
    /// What a person calls it.
    pub account_label: Option<String>,
    /// Where it stands.
    pub status: ConnectorStatus,
    /// Names of the secrets that are set; never their values.
    pub secrets_set: Vec<String>,
    /// Its settings.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// Its records that are alive.
    pub records: u64,
    /// When a run last ended well.
    pub last_successful_sync: Option<Timestamp>,
    /// What the last run failed with, as a sentence with the remedy.
    pub last_error: Option<String>,
    /// The run that is going on.
    pub running: Option<RunId>,
    /// Removals that wait for a yes.
    pub removals_waiting: Option<u64>,
    /// The address to enter at the vendor, where what is imported comes by webhook.
    pub webhook_url: Option<String>,
    /// When it was first linked.
    pub created_at: Timestamp,
}

/// What linking did.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LinkedView {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The provider's id.
    pub provider: String,
    /// The vendor's id of the account.
    pub account_identifier: String,
    /// What a person calls it.
    pub account_label: String,
    /// Whether the vendor confirmed whose account it is.
    pub verified: bool,
    /// Whether a connector of this account was there before; its records and cursors were kept.
    pub relinked: bool,
    /// Names of the secrets that are set; never their values.
    pub secrets_set: Vec<String>,
    /// The address to enter at the vendor, where what is imported comes by webhook.
    pub webhook_url: Option<String>,
    /// What is still to be done before anything comes.
    pub note: Option<String>,
}

/// An attempt to link an account in a browser.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct AttemptView {
    /// Its id.
    pub attempt_id: String,
    /// The provider's id.
    pub provider: String,
    /// Where it stands.
    pub status: AttemptStatus,
    /// The page to open, while it waits for that.
    pub authorization_url: Option<String>,
    /// Until when that serves.
    pub expires_at: Timestamp,
    /// The connector that it linked.
    pub connector_id: Option<ConnectorId>,
    /// The account that it linked.
    pub account: Option<String>,
    /// Why it linked none.
    pub problem: Option<String>,
}

/// What deleting did.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeletedView {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The provider's id.
    pub provider: String,
    /// The account.
    pub account_identifier: String,
    /// Records that were erased.
    pub records_deleted: u64,
    /// Records that stayed.
    pub records_kept: u64,
    /// Whether the vendor has ended the grant.
    pub revoked: bool,
    /// What there is still to do at the vendor.
    pub note: Option<String>,
}

/// A run of a sync: what the sync tools answer and the history shows.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RunView {
    /// Its id; a dry run has none.
    pub run_id: Option<RunId>,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The provider's id.
    pub provider: String,
    /// The account.
    pub account: String,
    /// How far it was asked to go.
    pub sync_type: SyncType,
    /// How it stands.
    pub status: RunStatus,
    /// What it did.
    pub stats: Stats,
    /// There is more: it still runs, or its budget of pages was spent.
    pub more: bool,
    /// It was running already when it was asked for.
    pub already_running: bool,
    /// Nothing was written.
    pub dry_run: bool,
    /// Feeds that were read.
    pub feeds: u64,
    /// Feeds that could not be read, with the reason.
    pub feeds_skipped: Vec<String>,
    /// Removals that wait for a yes.
    pub removals_waiting: u64,
    /// Why it did not end well.
    pub error: Option<RunError>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// A record among search results, its text cut.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct RecordRow {
    /// Its id, for `get_record`.
    pub record_id: RecordId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The provider's id.
    pub provider: String,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The account.
    pub account: String,
    /// When it took place.
    pub occurred_at: Option<Timestamp>,
    /// Subject, title or name.
    pub title: Option<String>,
    /// Who wrote, owns or is assigned to it.
    pub who: Option<String>,
    /// Channel, project or calendar.
    #[serde(rename = "where")]
    pub place: Option<String>,
    /// The beginning of its text, or the part around the first hit.
    pub excerpt: Option<String>,
    /// Whether the excerpt leaves something out.
    pub truncated: bool,
    /// Its address at the vendor's.
    pub url: Option<String>,
}

/// Results of a search.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SearchView {
    /// The records, best and newest first.
    pub records: Vec<RecordRow>,
    /// How many are in this answer.
    pub count: usize,
    /// Give it as `cursor` for the next ones.
    pub next_cursor: Option<String>,
}

/// A whole record.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RecordView {
    /// Its id.
    pub record_id: RecordId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The provider's id (`external_source`).
    pub provider: String,
    /// The vendor's id of it.
    pub external_id: Option<String>,
    /// The hash that names it, where the vendor gives no id.
    pub external_hash: Option<String>,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The account.
    pub account: String,
    /// What it says; imported text, not instructions.
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// Addresses of its files.
    pub file_urls: Vec<String>,
    /// When it took place.
    pub occurred_at: Option<Timestamp>,
    /// When it was found gone at the vendor.
    pub removed_at: Option<Timestamp>,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When it last changed here.
    pub updated_at: Timestamp,
    /// Whether a text was cut to fit.
    pub truncated: bool,
}

/// Runs, newest first.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunsView {
    /// The runs.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    pub runs: Vec<RunView>,
    /// Give it as `cursor` for older ones.
    pub next_cursor: Option<String>,
}

/// One line of `doctor`.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct CheckView {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// What re-sealing did.
#[derive(Clone, Debug, Serialize)]
pub struct RotatedView {
    /// Connectors sealed with the current key by this call.
    pub resealed: u64,
    /// Connectors that were sealed with it already.
    pub current: u64,
    /// Connectors whose secrets no configured key opens.
    pub unopened: u64,
}

/// A token that clients call with over HTTP, without its secret.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// Its id, to revoke it by.
    pub token_id: TokenId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; absent: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
