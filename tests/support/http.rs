//! The server over HTTP, as a client that has a token reaches it. It speaks protocol 2026-07-28.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

const VERSION: &str = "2026-07-28";
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens at a port.
pub async fn listens(port: u16) {
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "nobody listens at {port}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client.
#[derive(Clone)]
pub struct Http {
    client: Client,
    /// Scheme, host and port.
    pub url: String,
    token: String,
}

impl Http {
    pub fn new(port: u16, token: &str) -> Self {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { client, url: format!("http://localhost:{port}"), token: token.to_owned() }
    }

    /// The same with another token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A GET, without a token.
    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// A request of the protocol, to be changed and sent; `capabilities` are the client's.
    pub fn request(&self, method: &str, mut params: Value, capabilities: &Value) -> RequestBuilder {
        static LAST: AtomicU64 = AtomicU64::new(0);
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        let id = LAST.fetch_add(1, Ordering::Relaxed);
        let mut request = self
            .client
            .post(format!("{}/mcp", self.url))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
            request = request.header("mcp-name", name);
        }
        request.json(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    /// A request and its answer: a result or an error of the protocol.
    pub async fn ask(&self, method: &str, params: Value, capabilities: &Value) -> Value {
        let answer = self.request(method, params, capabilities).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Calls a tool: its structured answer, or the sentence of its error.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self.ask("tools/call", params, &json!({})).await;
        let result = &answer["result"];
        assert!(result.is_object(), "{answer}");
        if result["isError"] == true {
            return Err(result["content"][0]["text"].as_str().unwrap().to_owned());
        }
        Ok(result["structuredContent"].clone())
    }

    /// Calls a tool that is to do what it is asked.
    pub async fn does(&self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        self.call(tool, arguments).await.unwrap_or_else(|said| panic!("{tool} {shown}: {said}"))
    }

    /// Calls a tool that is to refuse, and gives what it says.
    pub async fn refuses(&self, tool: &str, arguments: Value) -> String {
        let shown = arguments.to_string();
        match self.call(tool, arguments).await {
            Err(said) => said,
            Ok(answer) => panic!("{tool} {shown}: {answer}"),
        }
    }
}
