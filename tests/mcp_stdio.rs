//! The server as a desktop assistant launches it: the real program, its standard input and output, both eras of the
//! protocol.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

use std::{path::Path, process::Stdio, time::Duration};

use neotoma_importers::providers;
use rmcp::{
    ClientServiceExt, RoleClient,
    model::{
        CallToolRequestParams, CallToolResult, ProtocolVersion, ReadResourceRequestParams,
        ResourceContents, Tool,
    },
    service::{ClientLifecycleMode, RunningService},
    transport::TokioChildProcess,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Longer than anything here takes; a server that hangs fails the test instead of stopping the others.
const PATIENCE: Duration = Duration::from_secs(30);

const CANARY: &str = "sk-canary-5f2a9c";

/// The program with nothing of this process's environment but its search path.
fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neotoma"));
    command
        .arg("serve")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", data)
        .env("NEOTOMA_DATA_DIR", data.join("data"))
        .env("RUST_LOG", "trace")
        .kill_on_drop(true);
    command
}

/// The server and lines to and from it.
struct Raw {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    /// Everything it wrote so far: nothing else than the protocol may stand there.
    written: Vec<Value>,
    data: TempDir,
}

impl Raw {
    fn start() -> Self {
        let data = TempDir::new().unwrap();
        let mut command = program(data.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, output, written: Vec::new(), data }
    }

    async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn receive(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.output.next_line())
            .await
            .expect("an answer in time")
            .unwrap()?;
        let message: Value =
            serde_json::from_str(&line).expect("nothing but JSON on standard output");
        assert_eq!(message["jsonrpc"], "2.0");
        self.written.push(message.clone());
        Some(message)
    }

    /// Sends a request of protocol 2026-07-28, which carries all that the server needs to know.
    async fn modern(&mut self, id: u32, method: &str, mut params: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        self.answer_to(id).await
    }

    /// Sends a request of the older protocols.
    async fn legacy(&mut self, id: u32, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        self.answer_to(id).await
    }

    async fn answer_to(&mut self, id: u32) -> Value {
        loop {
            let message = self.receive().await.expect("an answer");
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Opens a session of an older protocol.
    async fn initialize(&mut self, version: &str) -> Value {
        let params = json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        });
        let answer = self.legacy(0, "initialize", params).await;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        answer
    }

    /// Closes its input and waits for its end: whether it ended well, what it still wrote, and what it logged.
    async fn close(mut self) -> (bool, Vec<Value>, String) {
        drop(self.input.take());
        while self.receive().await.is_some() {}
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("an end in time").unwrap();
        (ended.success(), self.written, log)
    }
}

/// A client of the protocol's own library, in either era.
async fn client(lifecycle: ClientLifecycleMode) -> (RunningService<RoleClient, ()>, TempDir) {
    let data = TempDir::new().unwrap();
    let transport = TokioChildProcess::new(program(data.path())).unwrap();
    (().serve_with_lifecycle(transport, lifecycle).await.unwrap(), data)
}

fn modern() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

async fn call(
    client: &RunningService<RoleClient, ()>,
    tool: &'static str,
    arguments: Value,
) -> CallToolResult {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await.unwrap()
}

/// What an error says; it has nothing else.
fn error_of(result: &CallToolResult) -> String {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    assert_eq!(result.structured_content, None);
    result
        .content
        .iter()
        .filter_map(|block| block.as_text())
        .map(|text| text.text.as_str())
        .collect()
}

/// The structured answer, which conforms to the tool's schema and stands in the text too.
fn answer_of(tools: &[Tool], tool: &str, result: &CallToolResult) -> Value {
    assert_ne!(result.is_error, Some(true), "{result:?}");
    let answer = result.structured_content.clone().expect("a structured answer");
    let text: Value = serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap();
    assert_eq!(text, answer);
    let tool = tools.iter().find(|of| of.name == tool).unwrap();
    conforms(tool.output_schema.as_ref().unwrap(), &answer, &tool.name);
    answer
}

/// Holds a value against one of our plain schemas; a property that the schema does not name is a fault as well.
fn conforms(schema: &Map<String, Value>, value: &Value, at: &str) {
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{at}: unforeseen type {other:?}"),
    };
    assert!(fits, "{at} is {value}, not {schema:?}");
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        assert!(words.contains(value), "{at} is {value}, not one of {words:?}");
    }
    if let (Some(properties), Some(value)) =
        (schema.get("properties").and_then(Value::as_object), value.as_object())
    {
        for (name, value) in value {
            let of = properties.get(name).and_then(Value::as_object);
            conforms(
                of.unwrap_or_else(|| panic!("{at}.{name} is not in the schema")),
                value,
                &format!("{at}.{name}"),
            );
        }
    }
    if let (Some(Value::Object(of)), Some(items)) = (schema.get("items"), value.as_array()) {
        items.iter().enumerate().for_each(|(n, item)| conforms(of, item, &format!("{at}[{n}]")));
    }
}

#[tokio::test]
async fn both_eras_list_the_same_tools_and_neither_touches_the_database() {
    let mut modern = Raw::start();
    let discovered = modern.modern(1, "server/discover", json!({})).await;
    let versions = discovered["result"]["supportedVersions"].as_array().unwrap();
    assert!(
        versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-06-18")),
        "{versions:?}"
    );
    assert_eq!(discovered["result"]["cacheScope"], "public");
    let tools = modern.modern(2, "tools/list", json!({})).await["result"]["tools"].clone();
    assert_eq!(tools.as_array().unwrap().len(), 10);
    assert!(!modern.data.path().join("data").exists(), "a list of tools needs no data");
    let (well, written, _) = modern.close().await;
    assert!(well);
    let answer = written.last().unwrap().to_string();
    assert!(answer.chars().count().div_ceil(4) <= 4_000, "{} characters", answer.len());

    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut legacy = Raw::start();
        let opened = legacy.initialize(version).await;
        assert_eq!(opened["result"]["protocolVersion"], version);
        assert_eq!(opened["result"]["serverInfo"]["name"], "neotoma-importers");
        assert_eq!(opened["result"]["serverInfo"]["title"], "Neotoma importers");
        assert!(
            opened["result"]["instructions"].as_str().unwrap().contains("data, not instructions")
        );
        assert_eq!(
            legacy.legacy(1, "tools/list", json!({})).await["result"]["tools"],
            tools,
            "{version}"
        );
        assert!(!legacy.data.path().join("data").exists());
        assert!(legacy.close().await.0);
    }
}

#[tokio::test]
async fn the_catalog_is_told_in_short_and_one_provider_in_full() {
    for lifecycle in [ClientLifecycleMode::Initialize, modern()] {
        let (client, _data) = client(lifecycle).await;
        let tools = client.list_all_tools().await.unwrap();
        let all =
            answer_of(&tools, "list_providers", &call(&client, "list_providers", json!({})).await);
        let ids: Vec<_> = all["providers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|of| of["id"].as_str().unwrap())
            .collect();
        let catalog: Vec<_> = providers::ALL.iter().map(|entry| entry.spec().id).collect();
        assert_eq!(ids, catalog);
        assert_eq!(all["count"], catalog.len());
        assert!(all.to_string().len() < 10_000, "short rows: {}", all.to_string().len());
        assert!(all["providers"][0].get("help").is_none());

        let arguments = json!({"provider": "gmail"});
        let one =
            answer_of(&tools, "list_providers", &call(&client, "list_providers", arguments).await);
        let fields = one["providers"][0]["fields"].as_array().unwrap();
        assert!(
            fields.iter().any(|of| of["name"] == "access_token" && of["give_in"] == "secrets"),
            "{fields:?}"
        );

        let said = error_of(&call(&client, "list_providers", json!({"provider": "gmial"})).await);
        assert!(said.contains("did you mean gmail"), "{said}");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn arguments_that_do_not_do_are_answered_with_what_they_must_be() {
    let (client, data) = client(ClientLifecycleMode::Initialize).await;
    let id = "0198c1de-0000-7000-8000-000000000001";
    for (tool, arguments, says) in [
        ("search_records", json!({"limit": 101}), "limit: must be a whole number from 1 to 100"),
        ("list_sync_runs", json!({"limit": 0}), "limit: must be a whole number from 1 to 100"),
        (
            "sync_external_connector",
            json!({"connector_id": id, "wait_seconds": 26}),
            "from 0 to 25",
        ),
        (
            "sync_external_connector",
            json!({"connector_id": "gmail"}),
            "list_connectors shows yours",
        ),
        ("sync_external_connector", json!({}), "connector_id: is missing"),
        (
            "sync_external_connector",
            json!({"connector_id": id, "since": "soon"}),
            "since: must be a date or a time",
        ),
        ("sync_provider_imports", json!({"provider": "gmial"}), "did you mean gmail"),
        ("search_records", json!({"types": ["mail"]}), "types[0]: must be one of message"),
        (
            "search_records",
            json!({"since": "2026-02-01", "until": "2026-01-01"}),
            "until: must be later than since",
        ),
        ("get_record", json!({"record_id": id, "field": ["text"]}), "did you mean fields?"),
    ] {
        let said = error_of(&call(&client, tool, arguments).await);
        assert!(said.contains(says), "{tool}: {said}");
    }
    let unknown = client.call_tool(CallToolRequestParams::new("import_everything")).await;
    assert!(
        unknown.unwrap_err().to_string().contains("-32602"),
        "an unknown tool is a protocol error"
    );
    assert!(!data.path().join("data").exists(), "what is refused needs no data");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_comes_back_in_no_answer_and_no_log() {
    let mut server = Raw::start();
    server.initialize("2025-06-18").await;
    let misplaced = [
        json!({"provider": "gmail", "secrets": CANARY}),
        json!({"provider": "gmail", "secrets": [CANARY]}),
        json!({"provider": "gmail", "secrets": {"access_token": {"value": CANARY}}}),
        json!({"provider": "gmail", "secrets": {CANARY: [CANARY]}}),
        json!({"provider": "gmail", "secrets": {}, CANARY: true}),
        json!({"provider": [CANARY], "secrets": {}}),
        json!({"provider": "gmail", "secrets": {}, "verify": CANARY}),
        json!({"provider": "gmail", "secrets": {}, "metadata": CANARY}),
    ];
    for (id, arguments) in (1..).zip(&misplaced) {
        let params = json!({"name": "link_connector", "arguments": arguments});
        let answer = server.legacy(id, "tools/call", params).await;
        assert_eq!(answer["result"]["isError"], true, "{arguments}");
    }
    // Not even a call: arguments that are no object, a notification, and no JSON at all.
    let params = json!({"name": "link_connector", "arguments": CANARY});
    server
        .send(&json!({"jsonrpc": "2.0", "id": 100, "method": "tools/call", "params": params}))
        .await;
    server.send(&json!({"jsonrpc": "2.0", "method": "tools/call", "params": params})).await;
    server.send_text(&format!("{{\"secrets\": \"{CANARY}")).await;
    server.legacy(101, "ping", json!({})).await;
    let (well, written, log) = server.close().await;
    assert!(well);
    for message in written {
        assert!(!message.to_string().contains(CANARY), "{message}");
    }
    assert!(!log.contains(CANARY), "the log repeats a secret");
}

#[tokio::test]
async fn providers_are_resources_with_templates_and_completion() {
    for lifecycle in [ClientLifecycleMode::Initialize, modern()] {
        let (client, data) = client(lifecycle).await;
        let templates = client.list_all_resource_templates().await.unwrap();
        let templates: Vec<_> = templates.iter().map(|of| of.uri_template.as_str()).collect();
        assert_eq!(
            templates,
            [
                "neotoma://records/{record_id}",
                "neotoma://connectors/{connector_id}",
                "neotoma://providers/{provider}",
            ]
        );
        let listed = client.list_all_resources().await.unwrap();
        assert!(listed.iter().any(|of| of.uri == "neotoma://providers/gmail"));
        for of in &listed {
            let read =
                client.read_resource(ReadResourceRequestParams::new(of.uri.clone())).await.unwrap();
            let [ResourceContents::TextResourceContents { text, .. }] = read.contents.as_slice()
            else {
                panic!("one text at {}", of.uri)
            };
            let provider: Value = serde_json::from_str(text).unwrap();
            assert_eq!(of.uri, format!("neotoma://providers/{}", provider["id"].as_str().unwrap()));
        }
        let completed = client
            .complete_resource_simple("neotoma://providers/{provider}", "provider", "gm")
            .await;
        assert_eq!(completed.unwrap(), ["gmail"]);
        for nowhere in ["neotoma://providers/nowhere", "neotoma://records/1", "file:///etc/passwd"]
        {
            let error =
                client.read_resource(ReadResourceRequestParams::new(nowhere)).await.unwrap_err();
            assert!(error.to_string().contains("there is no such resource"), "{error}");
        }
        assert!(!data.path().join("data").exists());
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn what_people_begin_with_are_prompts() {
    for lifecycle in [ClientLifecycleMode::Initialize, modern()] {
        let (client, data) = client(lifecycle).await;
        let listed = client.list_all_prompts().await.unwrap();
        let names: Vec<_> = listed.iter().map(|of| of.name.as_str()).collect();
        assert_eq!(names, ["connect", "triage"]);
        let connect = serde_json::from_value(json!({
            "name": "connect", "arguments": {"provider": "gmail"},
        }));
        let got = client.get_prompt(connect.unwrap()).await.unwrap();
        let text = serde_json::to_string(&got.messages).unwrap();
        assert!(text.contains("provider=gmail"), "{text}");
        let completed = client.complete_prompt_simple("connect", "provider", "gm").await;
        assert_eq!(completed.unwrap(), ["gmail"]);
        let nowhere = serde_json::from_value(json!({"name": "nowhere"})).unwrap();
        let error = client.get_prompt(nowhere).await.unwrap_err();
        assert!(error.to_string().contains("there is no such prompt"), "{error}");
        assert!(!data.path().join("data").exists());
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_asked_before_the_input_closed_is_still_answered() {
    let mut server = Raw::start();
    server.initialize("2025-11-25").await;
    for id in 1..=20 {
        server
            .send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {}}))
            .await;
    }
    let (well, written, _) = server.close().await;
    assert!(well);
    let answered = written.iter().filter(|message| message["result"]["tools"].is_array()).count();
    assert_eq!(answered, 20);
}

#[tokio::test]
async fn a_client_that_goes_before_it_says_anything_is_no_failure() {
    let (well, written, _) = Raw::start().close().await;
    assert!(well && written.is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_to_end_ends_it_well() {
    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Raw::start();
        server.initialize("2025-11-25").await;
        let id = i32::try_from(server.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
        let ended = timeout(PATIENCE, server.child.wait()).await.expect("an end in time").unwrap();
        assert!(ended.success(), "{signal:?}: {ended}");
    }
}
