//! The program as a client reaches it: launched over standard input and output, or over HTTP by a token.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    server::{PATIENCE, Program, Running, Server},
};

const VERSION: &str = "2026-07-28";

pub enum Face {
    Stdio(Box<Server>),
    Http(Box<Http>),
}

pub struct Http {
    program: Program,
    _serving: Running,
    client: Client,
    url: String,
    token: String,
    last: u64,
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Face {
    pub async fn stdio(program: &Program) -> Self {
        Self::Stdio(Box::new(program.serve().await))
    }

    /// Served at the port, whose `localhost` is the public address.
    pub async fn http(program: Program, port: u16) -> Self {
        let made = program.done(&["token", "create", "--owner", "ann", "--json"]).await.json();
        let serving = program.start(&["serve", "--http", &format!("127.0.0.1:{port}")]);
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "nobody listens at {port}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self::Http(Box::new(Http {
            program,
            _serving: serving,
            client: Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
            url: format!("http://localhost:{port}"),
            token: made["token"].as_str().unwrap().to_owned(),
            last: 0,
        }))
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        match self {
            Self::Stdio(server) => server.call(tool, arguments).await,
            Self::Http(http) => http.call(tool, arguments).await,
        }
    }

    /// Calls a tool that is to do what it is asked.
    pub async fn does(&mut self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        self.call(tool, arguments).await.unwrap_or_else(|said| panic!("{tool} {shown}: {said}"))
    }

    /// Signs in where that is asked before a page is shown: by a code, in the browser that is to open the page.
    pub async fn sign_in(&self, browser: &Browser, page: &str) {
        let Self::Http(http) = self else { return };
        let shown = browser.get(page).await;
        assert_eq!(shown.status, 303, "nobody has signed in yet: {}", shown.text);
        let at = format!("{}{}", http.url, shown.location.unwrap());
        assert_eq!(browser.get(&at).await.heading(), "Sign in");
        let code = http.program.done(&["token", "code", "--owner", "ann"]).await.out;
        let next = page.strip_prefix(&http.url).unwrap();
        let form = serde_urlencoded::to_string([("code", code.trim()), ("next", next)]).unwrap();
        let request = browser.request(Method::POST, &format!("{}/sign-in", http.url)).body(form);
        let gone = browser.send(request).await;
        assert_eq!(
            (gone.status.as_u16(), gone.location.as_deref()),
            (303, Some(next)),
            "{}",
            gone.text
        );
    }

    pub async fn close(self) {
        if let Self::Stdio(server) = self {
            let closed = server.close().await;
            assert!(closed.well, "{}", closed.log);
        }
    }
}

impl Http {
    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        self.last += 1;
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
        let answer = self
            .client
            .post(format!("{}/mcp", self.url))
            .bearer_auth(&self.token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
            .json(&json!({"jsonrpc": "2.0", "id": self.last, "method": "tools/call", "params": params}))
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        let answer: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let result = &answer["result"];
        assert!(result.is_object(), "{answer}");
        if result["isError"] == true {
            return Err(result["content"][0]["text"].as_str().unwrap().to_owned());
        }
        Ok(result["structuredContent"].clone())
    }
}
