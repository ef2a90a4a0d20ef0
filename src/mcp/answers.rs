//! What the tools answer where it is not a view of the core as it is.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use crate::{
    app::{AttemptView, ConnectorView, DeletedView, ProviderView, Readiness, RunView},
    ids::ConnectorId,
    provider::spec::{Category, Webhooks},
    record::Kind,
};

/// The catalog, or a part of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Providers {
    /// In order of rank.
    pub providers: Vec<ProviderRow>,
    /// How many are in this answer.
    pub count: usize,
}

/// A provider; what is optional is told where one provider is asked for.
#[skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct ProviderRow {
    pub id: &'static str,
    pub name: &'static str,
    #[serde(rename = "provider_type")]
    pub category: Category,
    pub record_types: Vec<Kind>,
    pub auth: Vec<&'static str>,
    pub status: Readiness,
    pub capabilities: Option<Vec<&'static str>>,
    pub help: Option<&'static str>,
    pub fields: Option<Vec<FieldRow>>,
    #[schemars(with = "Option<String>")]
    pub webhooks: Option<Webhooks>,
}

/// Something that `link_connector` takes for a provider.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct FieldRow {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    /// The argument of `link_connector` that it belongs in: `secrets` or `metadata`.
    pub give_in: &'static str,
    pub required: bool,
    pub list: bool,
}

impl ProviderRow {
    /// What a listing shows of a provider.
    pub fn brief(of: &ProviderView) -> Self {
        Self {
            id: of.id,
            name: of.name,
            category: of.provider_type,
            record_types: of.record_types.to_vec(),
            auth: of.auth.clone(),
            status: of.status,
            capabilities: None,
            help: None,
            fields: None,
            webhooks: None,
        }
    }

    /// All of a provider.
    pub fn whole(of: &ProviderView) -> Self {
        let fields = of.fields.iter().map(|field| FieldRow {
            name: field.name,
            label: field.label,
            help: field.help,
            give_in: if field.secret { "secrets" } else { "metadata" },
            required: field.required,
            list: field.list,
        });
        Self {
            capabilities: Some(of.capabilities.to_vec()),
            help: Some(of.help),
            fields: Some(fields.collect()),
            webhooks: Some(of.webhooks),
            ..Self::brief(of)
        }
    }
}

/// The linked accounts.
#[skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LinkedAccounts {
    pub connectors: Vec<ConnectorView>,
    /// How many there are, those left out included.
    pub count: usize,
    /// How many did not fit; naming a provider narrows the list.
    pub left_out: Option<usize>,
    /// Attempts of the last hour to link one in a browser that have not done so, as `start_oauth` answers them.
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    pub attempts: Option<Vec<AttemptView>>,
}

/// What a person is asked before something is destroyed. An answer is either this or what was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Confirmation {
    pub connector_id: ConnectorId,
    pub provider: String,
    pub account: String,
    /// What the call would do.
    pub question: String,
    /// What to do with the token.
    pub next_step: &'static str,
    /// To be given as `confirm` in a second, otherwise equal call.
    pub confirm: String,
    pub expires_in_seconds: u64,
}

/// What deleting did, or what it asks first.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Deletion {
    #[serde(flatten)]
    pub deleted: Option<DeletedView>,
    /// Nothing was deleted yet.
    #[serde(flatten)]
    pub confirmation: Option<Confirmation>,
}

/// A run, or what is asked before it begins.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct ConnectorSync {
    #[serde(flatten)]
    pub run: Option<RunView>,
    /// Nothing was begun yet.
    #[serde(flatten)]
    pub confirmation: Option<Confirmation>,
}

/// The runs of all accounts of a provider.
#[skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProviderSync {
    pub provider: String,
    /// One for each account that could be synced, as `sync_external_connector` answers it.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub runs: Vec<RunView>,
    /// Accounts that could not.
    pub not_started: Vec<NotStarted>,
    /// Whether a run goes on, or has more to do.
    pub more: bool,
    /// How many runs did not fit; `list_sync_runs` shows them.
    pub left_out: Option<usize>,
}

/// An account of which no run began.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct NotStarted {
    pub connector_id: ConnectorId,
    pub account: String,
    /// One sentence with the remedy.
    pub error: String,
}

/// What a person calls an account.
pub(super) fn account_of(connector: &ConnectorView) -> String {
    match &connector.account_label {
        Some(label) if *label != connector.account_identifier => {
            format!("{label}, {}", connector.account_identifier)
        }
        _ => connector.account_identifier.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        app::{AttemptStatus, ConnectorStatus, LinkedView, RunsView, SearchView},
        ids::RunId,
        mcp::{
            Importers,
            bounded::tests::{record_of, row, run},
            catalog::tests::provider,
        },
    };

    /// Every property that is written stands in the schema; what stands there is checked by the clients.
    fn named(schema: &Map<String, Value>, value: &Value, at: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        match value {
            Value::Object(value) => {
                for (name, value) in value {
                    let Some(properties) = properties else { continue };
                    let of = properties.get(name).and_then(Value::as_object);
                    named(
                        of.unwrap_or_else(|| panic!("{at}.{name}")),
                        value,
                        &format!("{at}.{name}"),
                    );
                }
                assert_eq!(schema["type"], "object", "{at}");
            }
            Value::Array(items) => {
                assert_eq!(schema["type"], "array", "{at}");
                for item in items {
                    named(schema["items"].as_object().unwrap(), item, at);
                }
            }
            Value::String(_) => assert_eq!(schema["type"], "string", "{at}"),
            Value::Bool(_) => assert_eq!(schema["type"], "boolean", "{at}"),
            Value::Number(_) => assert_eq!(schema["type"], "integer", "{at}"),
            Value::Null => panic!("{at} is null, and should be absent"),
        }
    }

    fn connector() -> ConnectorView {
        ConnectorView {
            connector_id: ConnectorId::generate(),
            provider: "gmail".into(),
            account_identifier: "ann@example.com".into(),
            account_scope: Some("scope".into()),
            account_label: Some("Work".into()),
            status: ConnectorStatus::NeedsReauth,
            secrets_set: vec!["access_token".into()],
            metadata: [("include".to_owned(), json!(["INBOX"]))].into(),
            records: 3,
            last_successful_sync: Some(Timestamp::UNIX_EPOCH),
            last_error: Some("revoked".into()),
            running: Some(RunId::generate()),
            removals_waiting: Some(2),
            webhook_url: Some("https://n.example/import/line/webhook/1".into()),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn confirmation() -> Confirmation {
        Confirmation {
            connector_id: ConnectorId::generate(),
            provider: "gmail".into(),
            account: "ann".into(),
            question: "Erase?".into(),
            next_step: "ask",
            confirm: "token".into(),
            expires_in_seconds: 600,
        }
    }

    #[test]
    fn every_answer_in_full_keeps_to_the_schema_of_its_tool() {
        let whole = RunView { completed_at: Some(Timestamp::UNIX_EPOCH), ..run(2) };
        let id = ConnectorId::generate();
        let deleted = DeletedView {
            connector_id: id,
            provider: "gmail".into(),
            account_identifier: "ann".into(),
            records_deleted: 1,
            records_kept: 0,
            revoked: false,
            note: Some("remove it there".into()),
        };
        let linked = LinkedView {
            connector_id: id,
            provider: "gmail".into(),
            account_identifier: "ann".into(),
            account_label: "Ann".into(),
            verified: true,
            relinked: false,
            secrets_set: vec!["access_token".into()],
            webhook_url: Some("https://n.example/import/line/webhook/1".into()),
            note: Some("enter it there".into()),
        };
        let attempt = AttemptView {
            attempt_id: "a".into(),
            provider: "gmail".into(),
            status: AttemptStatus::Failed,
            authorization_url: Some("http://localhost".into()),
            expires_at: Timestamp::UNIX_EPOCH,
            connector_id: Some(id),
            account: Some("ann".into()),
            problem: Some("denied".into()),
        };
        let mut record = record_of(json!({"name": "Plan"}));
        (record.occurred_at, record.removed_at) =
            (Some(Timestamp::UNIX_EPOCH), Some(Timestamp::UNIX_EPOCH));
        (record.external_hash, record.file_urls) =
            (Some("h".into()), vec!["https://example.com".into()]);
        let not_started =
            NotStarted { connector_id: id, account: "bob".into(), error: "paused".into() };
        let cursor = Some("c".to_owned());
        let gmail = provider("gmail", "Gmail");
        let providers = vec![ProviderRow::brief(&gmail), ProviderRow::whole(&gmail)];
        let tools = Importers::tools();
        for (tool, answer) in [
            ("list_providers", json!(Providers { count: 2, providers })),
            (
                "list_connectors",
                json!(LinkedAccounts {
                    connectors: vec![connector()],
                    count: 1,
                    left_out: Some(1),
                    attempts: Some(vec![attempt.clone()]),
                }),
            ),
            ("start_oauth", json!(attempt)),
            ("link_connector", json!(linked)),
            ("delete_connector", json!(Deletion { deleted: Some(deleted), confirmation: None })),
            (
                "delete_connector",
                json!(Deletion { deleted: None, confirmation: Some(confirmation()) }),
            ),
            (
                "sync_external_connector",
                json!(ConnectorSync { run: Some(whole.clone()), confirmation: None }),
            ),
            (
                "sync_external_connector",
                json!(ConnectorSync { run: None, confirmation: Some(confirmation()) }),
            ),
            (
                "sync_provider_imports",
                json!(ProviderSync {
                    provider: "gmail".into(),
                    runs: vec![whole.clone()],
                    not_started: vec![not_started],
                    more: true,
                    left_out: Some(1),
                }),
            ),
            ("list_sync_runs", json!(RunsView { runs: vec![whole], next_cursor: cursor.clone() })),
            (
                "search_records",
                json!(SearchView { records: vec![row("x")], count: 1, next_cursor: cursor }),
            ),
            ("get_record", json!(record)),
        ] {
            let schema = tools.get(tool).unwrap().output_schema.as_ref().unwrap();
            named(schema, &answer, tool);
        }
    }

    #[test]
    fn an_account_is_named_by_label_and_identifier_unless_they_are_one() {
        let mut of = connector();
        assert_eq!(account_of(&of), "Work, ann@example.com");
        of.account_label = Some("ann@example.com".into());
        assert_eq!(account_of(&of), "ann@example.com");
    }
}
