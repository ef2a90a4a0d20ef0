//! A server with everything that the suite tries: the tools, resources and prompts that its scenarios name, answering what
//! the scenarios say they are to answer.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
        CompleteRequestParams, CompleteResult, GetPromptRequestParams, GetPromptResponse,
        GetTaskParams, GetTaskResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, RequestStateCodec,
        ServerCapabilities, ServerConfig, SubscriptionFilter, Tool, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
    task_manager::TaskManager,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{rounds, tasks};

/// A PNG of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// A WAV of no sound.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";
/// A minute.
const TTL_MS: u64 = 60_000;

pub type Context = RequestContext<RoleServer>;

/// Which list is said to have changed.
#[derive(Clone, Copy)]
enum Change {
    Tools,
    Prompts,
}

pub struct Fixtures {
    pub seal: RequestStateCodec,
    pub tasks: TaskManager,
    changes: broadcast::Sender<Change>,
}

/// A message of the protocol, written as it is sent.
pub fn message<T: DeserializeOwned>(value: Value) -> T {
    let text = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A result that is the last of its call.
pub fn result<T: DeserializeOwned>(mut value: Value) -> T {
    value["resultType"] = "complete".into();
    message(value)
}

/// A tool's answer of one text.
pub fn text(text: impl Into<String>) -> CallToolResult {
    result(json!({"content": [{"type": "text", "text": text.into()}]}))
}

/// Name, and what its arguments are beside an object.
fn tools() -> Vec<(&'static str, Value)> {
    let named = [
        "test_simple_text",
        "test_image_content",
        "test_audio_content",
        "test_embedded_resource",
        "test_multiple_content_types",
        "test_error_handling",
        "test_tool_with_progress",
        "test_missing_capability",
        "test_streaming_elicitation",
        "test_logging_tool",
        "test_trigger_tool_change",
        "test_trigger_prompt_change",
    ];
    let mut tools: Vec<_> =
        named.into_iter().chain(rounds::TOOLS).map(|name| (name, json!({}))).collect();
    tools.extend(tasks::tools());
    tools.push((
        "test_header",
        json!({"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}, "required": ["region"]}),
    ));
    tools.push((
        "json_schema_2020_12_tool",
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {"address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }},
            "properties": {
                "name": {"type": "string"},
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": {"type": "string"},
                "email": {"type": "string"},
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": false,
        }),
    ));
    tools
}

fn tool(name: &str, mut schema: Value) -> Tool {
    schema["type"] = "object".into();
    message(
        json!({"name": name, "description": format!("For the scenario that calls {name}"), "inputSchema": schema}),
    )
}

/// The content that a tool always answers.
fn fixed(name: &str) -> Option<Value> {
    let image = json!({"type": "image", "data": PIXEL, "mimeType": "image/png"});
    let said = |text: &str| json!({"type": "text", "text": text});
    let resource = |uri: &str, kind: &str, text: &str| json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}});
    Some(match name {
        "test_simple_text" => json!([said("This is a simple text response for testing.")]),
        "test_image_content" => json!([image]),
        "test_audio_content" => {
            json!([{"type": "audio", "data": SILENCE, "mimeType": "audio/wav"}])
        }
        "test_embedded_resource" => json!([resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content."
        )]),
        "test_multiple_content_types" => json!([
            said("Multiple content types test:"),
            image,
            resource(
                "test://mixed-content-resource",
                "application/json",
                "{\"test\":\"data\",\"value\":123}"
            ),
        ]),
        "json_schema_2020_12_tool" | "test_logging_tool" => json!([said("Done.")]),
        _ => return None,
    })
}

impl Fixtures {
    pub fn new() -> Self {
        Self {
            seal: RequestStateCodec::try_new([7; 32]).unwrap(),
            tasks: TaskManager::new(),
            changes: broadcast::channel(16).0,
        }
    }

    /// Says that a list has changed, to whoever listens.
    fn changed(&self, change: Change) -> CallToolResult {
        let heard = self.changes.send(change).unwrap_or(0);
        text(format!("{heard} listen"))
    }
}

async fn with_progress(context: &Context) -> CallToolResult {
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let told = ProgressNotificationParam::new(token, done).with_total(100.0);
            context.peer.notify_progress(told).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    text("It went on.")
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_completions()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools().into_iter().find(|(known, _)| *known == name).map(|(name, of)| tool(name, of))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = tools().into_iter().map(|(name, schema)| tool(name, schema)).collect();
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.to_string();
        if rounds::TOOLS.contains(&name.as_str()) {
            return rounds::call(self, &request, &context);
        }
        if tasks::is_one(&name) {
            return tasks::call(self, &request, &context).await;
        }
        if let Some(content) = fixed(&name) {
            return Ok(result::<CallToolResult>(json!({"content": content})).into());
        }
        let result = match name.as_str() {
            "test_error_handling" => result(json!({
                "content": [{"type": "text", "text": "This tool intentionally returns an error for testing"}],
                "isError": true,
            })),
            "test_tool_with_progress" => with_progress(&context).await,
            "test_missing_capability" => {
                if context.client_capabilities().is_none_or(|can| can.sampling.is_none()) {
                    return Err(ErrorData::missing_required_client_capability(message(
                        json!({"sampling": {}}),
                    )));
                }
                text("It can sample.")
            }
            "test_header" => {
                let region = request.arguments.unwrap_or_default().remove("region");
                text(region.map(|region| region.to_string()).unwrap_or_default())
            }
            "test_streaming_elicitation" => return Ok(rounds::question().into()),
            "test_trigger_tool_change" => self.changed(Change::Tools),
            "test_trigger_prompt_change" => self.changed(Change::Prompts),
            _ => return Err(ErrorData::invalid_params(format!("unknown tool {name}"), None)),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resources = message(json!([
            {"uri": "test://static-text", "name": "text", "mimeType": "text/plain"},
            {"uri": "test://static-binary", "name": "binary", "mimeType": "image/png"},
        ]));
        Ok(ListResourcesResult::with_all_items(resources)
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates =
            message(json!([{"uriTemplate": "test://template/{id}/data", "name": "data"}]));
        Ok(ListResourceTemplatesResult::with_all_items(templates)
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let of = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let content = match (uri.as_str(), of) {
            ("test://static-text", _) => json!({
                "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource.",
            }),
            ("test://static-binary", _) => {
                json!({"uri": uri, "mimeType": "image/png", "blob": PIXEL})
            }
            (_, Some(id)) => json!({
                "uri": uri, "mimeType": "application/json", "text": json!({"id": id, "data": "of it"}).to_string(),
            }),
            _ => {
                let data = json!({"uri": uri});
                return Err(ErrorData::resource_not_found("there is no such resource", Some(data)));
            }
        };
        Ok(result::<ReadResourceResult>(json!({"contents": [content]}))
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Private)
            .into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let needed = |name: &str| json!({"name": name, "required": true});
        let prompts = message(json!([
            {"name": "test_simple_prompt", "description": "Without arguments"},
            {
                "name": "test_prompt_with_arguments", "description": "With two",
                "arguments": [needed("arg1"), needed("arg2")],
            },
            {
                "name": "test_prompt_with_embedded_resource", "description": "With a resource",
                "arguments": [needed("resourceUri")],
            },
            {"name": "test_prompt_with_image", "description": "With a picture"},
            {"name": rounds::PROMPT, "description": "Asks first"},
        ]));
        Ok(ListPromptsResult::with_all_items(prompts)
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == rounds::PROMPT {
            return Ok(rounds::prompt(&request));
        }
        let given = request.arguments.unwrap_or_default();
        let given = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
        let said =
            |text: String| json!({"role": "user", "content": {"type": "text", "text": text}});
        let messages = match request.name.as_str() {
            "test_simple_prompt" => json!([said("This is a simple prompt for testing.".into())]),
            "test_prompt_with_arguments" => json!([said(format!(
                "Prompt with arguments: arg1='{}', arg2='{}'",
                given("arg1"),
                given("arg2")
            ))]),
            "test_prompt_with_embedded_resource" => json!([
                {"role": "user", "content": {"type": "resource", "resource": {
                    "uri": given("resourceUri"), "mimeType": "text/plain",
                    "text": "Embedded resource content for testing.",
                }}},
                said("Please process the embedded resource above.".into()),
            ]),
            "test_prompt_with_image" => json!([
                {"role": "user", "content": {"type": "image", "data": PIXEL, "mimeType": "image/png"}},
                said("Please analyze the image above.".into()),
            ]),
            _ => return Err(ErrorData::invalid_params("unknown prompt", None)),
        };
        Ok(result::<rmcp::model::GetPromptResult>(json!({"messages": messages})).into())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(result(json!({"completion": {"values": ["paris", "park", "party"], "hasMore": false}})))
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = context.cancelled() => return Ok(()),
            };
            let sink = context.sink();
            // What a listener did not ask for is not sent to it: that is the library's to see to.
            let _ = match change {
                Ok(Change::Tools) => sink.notify_tool_list_changed().await,
                Ok(Change::Prompts) => sink.notify_prompt_list_changed().await,
                Err(_) => return Ok(()),
            };
        }
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: Context,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}
