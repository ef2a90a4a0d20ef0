//! The real program, as assistants and people start it.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json as value};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{
    database::{Database, KEY},
    vendor::Vendor,
    world::{CLIENT_ID, CLIENT_SECRET},
};

/// Longer than anything here takes; what hangs fails the test instead of stopping the others.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the programs of a test share.
pub struct Machine {
    pub database: Database,
    pub vendor: Vendor,
    pub port: u16,
    pub owner: String,
}

impl Machine {
    pub async fn new(vendor: Vendor) -> Self {
        Self {
            database: Database::new().await,
            vendor,
            port: crate::world::free_port(),
            owner: crate::world::owner().to_string(),
        }
    }

    /// The program with nothing of this process's environment but its search path; `app`: Google's app is configured.
    pub fn command(&self, app: bool) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neotoma"));
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.database.home.path())
            .env("DATABASE_URL", self.database.url())
            .env("CONNECTOR_SECRET_KEY", KEY)
            .env("NEOTOMA_OWNER", &self.owner)
            .env("NEOTOMA_EGRESS_OVERRIDE", self.vendor.base.as_str())
            .env("NEOTOMA_CALLBACK_PORT", self.port.to_string())
            .env("RUST_LOG", "trace")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if app {
            command
                .env("GOOGLE_OAUTH_CLIENT_ID", CLIENT_ID)
                .env("GOOGLE_OAUTH_CLIENT_SECRET", CLIENT_SECRET);
        }
        command
    }

    pub fn serve(&self, app: bool) -> Program {
        let mut command = self.command(app);
        let mut child = command.arg("serve").spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut errors = child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            errors.read_to_string(&mut log).await.unwrap();
            log
        });
        Program { child, input, output, log, last: 0 }
    }
}

/// A server, and lines to and from it.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: tokio::task::JoinHandle<String>,
    last: u32,
}

impl Program {
    pub async fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    pub async fn receive(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("an answer in time");
        serde_json::from_str(&line.unwrap().expect("the program goes on")).unwrap()
    }

    /// A call of protocol 2026-07-28; `capabilities` are the client's.
    pub async fn call(&mut self, tool: &str, mut params: Value, capabilities: Value) -> Value {
        self.last += 1;
        let id = self.last;
        params["name"] = tool.into();
        params["_meta"] = value!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        self.send(&value!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
            .await;
        loop {
            let message = self.receive().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    /// The structured answer of a call that the client asks nothing of its person for.
    pub async fn answer(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, value!({"arguments": arguments}), value!({})).await;
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// Ends it at once, as nobody would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Closes its input and waits for its end: what it has logged.
    pub async fn close(mut self) -> String {
        drop(self.input.take());
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("an end in time").unwrap();
        assert!(ended.success(), "{ended}");
        self.log.await.unwrap()
    }
}
