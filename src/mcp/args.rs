//! What the tools take. The doc comments are what a model reads of each argument.
//!
//! Arguments reach these types only after [`super::check`] held them against the schema that is made of them.

#![expect(
    clippy::doc_markdown,
    reason = "a model reads the arguments' comments, and each character costs it"
)]

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    app::{
        self, LinkRequest, RunStatus, RunsRequest, SearchRequest, StartRequest, SyncRequest,
        SyncType, Trigger,
    },
    ids::{ConnectorId, RecordId, RunId},
    provider::spec::Category,
    record::Kind,
};

/// Rows of a listing where the caller names no number.
pub(super) const ROWS: u32 = 20;

/// How long a sync is waited for where the caller does not say, in seconds.
pub(super) const WAIT_SECONDS: u64 = 20;

/// Arguments of `list_providers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListProviders {
    /// Only this category
    #[schemars(with = "Option<Category>")]
    pub category: Option<String>,
    /// A provider's id, as gmail: all of it, with the fields to link it
    pub provider: Option<String>,
}

/// Arguments of `list_connectors`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListConnectors {
    /// Only accounts at this provider
    pub provider: Option<String>,
}

/// Arguments of `start_oauth`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartOauth {
    /// Provider id from list_providers
    pub provider: String,
    /// A name to show for the account; that of a linked one links it again
    pub account_label: Option<String>,
    /// Where the browser goes in the end, if the server allows it
    pub redirect_to: Option<String>,
    /// true: a page that takes a token instead of consent
    pub paste: Option<bool>,
}

impl StartOauth {
    /// What of the arguments an answer to a call is bound to.
    pub fn bound(&self) -> String {
        let Self { provider, account_label, redirect_to, paste } = self;
        serde_json::json!([provider, account_label, redirect_to, paste]).to_string()
    }
}

impl From<StartOauth> for StartRequest {
    fn from(args: StartOauth) -> Self {
        Self {
            provider: args.provider,
            account_label: args.account_label,
            redirect_to: args.redirect_to,
            paste: args.paste.unwrap_or(false),
        }
    }
}

/// Arguments of `link_connector`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkConnector {
    /// Provider id from list_providers
    pub provider: String,
    /// The account's id, e-mail or handle; absent: the provider is asked
    pub account_identifier: Option<String>,
    /// A name to show for the account
    pub account_label: Option<String>,
    /// The provider's secret fields by name, as access_token; stored encrypted, never shown
    pub secrets: Secrets,
    /// Its other fields by name; also include, exclude (feed ids), since (date), bodies (false: no texts)
    pub metadata: Option<BTreeMap<String, Value>>,
    /// false: store without asking the provider whose account it is
    pub verify: Option<bool>,
}

/// Arguments of `delete_connector`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteConnector {
    /// From list_connectors
    pub connector_id: ConnectorId,
    /// true: also erase its imported records
    pub delete_records: Option<bool>,
    /// Token from the answer that asked for confirmation
    pub confirm: Option<String>,
}

/// Arguments of `sync_external_connector`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncExternalConnector {
    /// From list_connectors
    pub connector_id: ConnectorId,
    /// incremental (default): what changed since the last sync; initial: list all again, mark removed what is gone
    pub sync_type: Option<SyncType>,
    /// Page size asked of the provider
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Stop after so many pages; the next sync goes on there
    #[schemars(range(min = 1, max = 10000))]
    pub max_pages: Option<u32>,
    /// First sync only: nothing older than this UTC date or time
    pub since: Option<String>,
    /// How long to wait for the end (default 20)
    #[schemars(range(min = 0, max = 25))]
    pub wait_seconds: Option<u64>,
    /// true: fetch and count, write nothing
    pub dry_run: Option<bool>,
    /// true: carry out large removals that wait for a yes
    pub confirm_removals: Option<bool>,
    /// Token from the answer that asked for confirmation
    pub confirm: Option<String>,
}

/// Arguments of `sync_provider_imports`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncProviderImports {
    /// Provider id from list_providers
    pub provider: String,
    /// Only this account of it
    pub connector_id: Option<ConnectorId>,
    /// incremental (default) or initial, as in sync_external_connector
    pub sync_type: Option<SyncType>,
    /// Page size asked of the provider
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Stop each account after so many pages
    #[schemars(range(min = 1, max = 10000))]
    pub max_pages: Option<u32>,
    /// How long to wait for the end (default 20)
    #[schemars(range(min = 0, max = 25))]
    pub wait_seconds: Option<u64>,
}

/// Arguments of `list_sync_runs`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListSyncRuns {
    /// Only this run
    pub run_id: Option<RunId>,
    /// Only runs of this connector
    pub connector_id: Option<ConnectorId>,
    /// Only runs that stand so
    pub status: Option<RunStatus>,
    /// Rows (default 20)
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// next_cursor of the previous page
    pub cursor: Option<String>,
}

/// Arguments of `search_records`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchRecords {
    /// Words to find; "a phrase", or, -not; absent: the newest records
    pub query: Option<String>,
    /// Only these types
    pub types: Option<Vec<Kind>>,
    /// Only these providers, by id
    pub providers: Option<Vec<String>>,
    /// Only this account
    pub connector_id: Option<ConnectorId>,
    /// From this UTC date or time on
    pub since: Option<String>,
    /// Before this UTC date or time
    pub until: Option<String>,
    /// Rows (default 20)
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// next_cursor of the previous page
    pub cursor: Option<String>,
}

/// Arguments of `get_record`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetRecord {
    /// From search_records
    pub record_id: RecordId,
    /// Only these properties, as subject, text
    pub fields: Option<Vec<String>>,
}

/// Secrets by name. They are wrapped as they are read; neither `Debug` nor an error of reading them shows a value.
#[derive(Debug, JsonSchema)]
#[schemars(inline, with = "BTreeMap<String, TextOrNumber>")]
pub(super) struct Secrets(pub BTreeMap<String, SecretString>);

/// Only for the schema of [`Secrets`]. Not one `type` with two words: clients with single types refuse that.
#[derive(JsonSchema)]
#[schemars(inline, untagged)]
#[expect(dead_code, reason = "its schema is all that is used of it")]
enum TextOrNumber {
    Text(String),
    Number(f64),
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of `Value`, which takes everything: serde's own errors would quote what they refuse.
        let Value::Object(given) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("secrets: must be an object of names and texts"));
        };
        let mut secrets = BTreeMap::new();
        for (name, value) in given {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return Err(D::Error::custom("secrets: a value is neither text nor a number")),
            };
            secrets.insert(name, text.into());
        }
        Ok(Self(secrets))
    }
}

impl From<LinkConnector> for LinkRequest {
    fn from(args: LinkConnector) -> Self {
        Self {
            provider: args.provider,
            account_identifier: args.account_identifier,
            account_label: args.account_label,
            secrets: args.secrets.0,
            metadata: args.metadata.unwrap_or_default(),
            verify: args.verify.unwrap_or(true),
        }
    }
}

impl SyncExternalConnector {
    /// What the core is asked.
    pub fn request(&self) -> app::Result<SyncRequest> {
        Ok(SyncRequest {
            sync_type: self.sync_type.unwrap_or_default(),
            limit: self.limit,
            max_pages: self.max_pages,
            since: instant("since", self.since.as_deref())?,
            dry_run: self.dry_run.unwrap_or(false),
            confirm_removals: self.confirm_removals.unwrap_or(false),
            ..SyncRequest::new(Trigger::Tool)
        })
    }
}

impl SyncProviderImports {
    /// What the core is asked, of each connector.
    pub fn request(&self) -> SyncRequest {
        SyncRequest {
            sync_type: self.sync_type.unwrap_or_default(),
            limit: self.limit,
            max_pages: self.max_pages,
            ..SyncRequest::new(Trigger::Tool)
        }
    }
}

impl From<ListSyncRuns> for RunsRequest {
    fn from(args: ListSyncRuns) -> Self {
        Self {
            run_id: args.run_id,
            connector_id: args.connector_id,
            status: args.status,
            limit: Some(args.limit.unwrap_or(ROWS)),
            cursor: args.cursor,
        }
    }
}

impl SearchRecords {
    /// What the core is asked.
    pub fn request(self) -> app::Result<SearchRequest> {
        let (since, until) =
            (instant("since", self.since.as_deref())?, instant("until", self.until.as_deref())?);
        if let (Some(since), Some(until)) = (since, until)
            && until <= since
        {
            return Err(app::Error::invalid("until", "must be later than since"));
        }
        Ok(SearchRequest {
            query: self.query.filter(|words| !words.trim().is_empty()),
            types: self.types.unwrap_or_default(),
            providers: self.providers.unwrap_or_default(),
            connector_id: self.connector_id,
            since,
            until,
            limit: Some(self.limit.unwrap_or(ROWS)),
            cursor: self.cursor,
        })
    }
}

/// A time as people write it: an instant, or a date or time that is taken for UTC.
fn instant(field: &str, text: Option<&str>) -> app::Result<Option<Timestamp>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    parsed.map(Some).ok_or_else(|| {
        app::Error::invalid(
            field,
            "must be a date or a time, as 2026-01-31 or 2026-01-31T09:00:00Z",
        )
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_show_neither_in_debug_nor_in_the_error_of_a_wrong_shape() {
        let secrets: Secrets =
            serde_json::from_value(json!({"access_token": "canary", "expires_at": 1_790_000_000}))
                .unwrap();
        assert_eq!(secrets.0["access_token"].expose_secret(), "canary");
        assert_eq!(secrets.0["expires_at"].expose_secret(), "1790000000");
        assert!(!format!("{secrets:?}").contains("canary"));
        for wrong in [
            json!("canary"),
            json!(["canary"]),
            json!({"a": ["canary"]}),
            json!({"a": {"canary": 1}}),
        ] {
            let error = serde_json::from_value::<Secrets>(wrong).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_date_an_instant_and_an_offset_are_understood_and_nothing_else() {
        let at = |text| instant("since", Some(text)).map(|t| t.map(|t| t.to_string()));
        assert_eq!(at("2026-01-31").unwrap().unwrap(), "2026-01-31T00:00:00Z");
        assert_eq!(at(" 2026-01-31T09:00 ").unwrap().unwrap(), "2026-01-31T09:00:00Z");
        assert_eq!(at("2026-01-31T09:00:00+02:00").unwrap().unwrap(), "2026-01-31T07:00:00Z");
        assert_eq!(at("").unwrap(), None);
        for wrong in ["yesterday", "2026-02-30", "99999-01-01", "31.01.2026"] {
            let error = at(wrong).unwrap_err().to_string();
            assert!(error.starts_with("since: must be a date or a time"), "{error}");
        }
    }

    #[test]
    fn a_search_that_ends_before_it_begins_is_refused() {
        let search = |since: &str, until: &str| {
            serde_json::from_value::<SearchRecords>(json!({"since": since, "until": until}))
                .unwrap()
                .request()
        };
        assert!(search("2026-01-01", "2026-01-02").is_ok());
        let error = search("2026-01-02", "2026-01-02").unwrap_err();
        assert_eq!(error.to_string(), "until: must be later than since");
    }
}
