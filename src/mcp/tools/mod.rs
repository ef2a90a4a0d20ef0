//! The tools, one short function each. Their descriptions are what a model chooses by: the first 200 characters decide.

mod accounts;
mod records;
mod syncs;

use std::sync::Arc;

use rmcp::{
    ErrorData,
    handler::server::tool::{ToolRouter, schema_for_output},
    model::{CallToolResponse, CallToolResult, ContentBlock, JsonObject},
};
use serde::Serialize;
use serde_json::Value;

use super::{Importers, answers::account_of, errors::Answer, schema};
use crate::app::ConnectorView;

impl Importers {
    /// The tools with plain schemas.
    pub(super) fn tools() -> ToolRouter<Self> {
        let mut router = Self::accounts() + Self::syncs() + Self::records();
        for route in router.map.values_mut() {
            route.attr = schema::slim(std::mem::take(&mut route.attr));
        }
        router
    }
}

/// Provider and account, for a sentence.
fn named(connector: &ConnectorView) -> String {
    format!("{} ({})", connector.provider, account_of(connector))
}

/// The schema of what a tool answers.
fn output<T: schemars::JsonSchema + 'static>() -> Arc<JsonObject> {
    schema_for_output::<T>()
}

/// Structured content, the same as text, and what else belongs to it.
fn structured(of: &impl Serialize, beside: Vec<ContentBlock>) -> Answer {
    let value: Value = serde_json::to_value(of).map_err(|error| {
        ErrorData::internal_error(format!("the answer cannot be written: {error}"), None)
    })?;
    let mut result = CallToolResult::structured(value);
    result.content.extend(beside);
    Ok(CallToolResponse::Complete(result))
}
