//! The assistant's side: it launches the server as desktop assistants do, and speaks MCP with it over standard input
//! and output.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use neotoma_importers::store::embedded::{self, Options};
use rmcp::{
    ClientHandler, Peer, RoleClient, ServiceExt as _,
    handler::client::progress::ProgressDispatcher,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig,
        ClientRequest, Implementation, ProgressNotificationParam, ServerResult, Tool,
    },
    service::{NotificationContext, PeerRequestOptions, RunningService},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr, Command},
};

/// How long a server may take to end its page, its database and itself.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines of what the server said that are kept for the case that it fails.
const LAST_LINES: usize = 12;
/// What belongs to the person and not to a demonstration: it would import into their own database, or seal with their key.
const NOT_HANDED_ON: [&str; 5] = [
    "DATABASE_URL",
    "CONNECTOR_SECRET_KEY",
    "CONNECTOR_SECRET_KEY_PREVIOUS",
    "NEOTOMA_OWNER",
    "NEOTOMA_ALLOW_PRIVATE_HOSTS",
];

/// A folder for the server's data that is gone in the end.
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// Makes it.
    ///
    /// # Errors
    /// When the system has no place for it.
    pub fn make() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("neotoma-demo-").tempdir()?;
        // PostgreSQL does not run as root: then the account that it runs as has to come through.
        #[cfg(unix)]
        std::fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o711),
        )?;
        Ok(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Removes it, with what still runs in it.
    ///
    /// # Errors
    /// When something in it cannot be stopped or removed.
    pub async fn remove(self) -> anyhow::Result<()> {
        // The server has done so, if it was not killed.
        embedded::stop_if_unused(&Options::new(self.data()))
            .await
            .map_err(|error| anyhow::anyhow!("the database cannot be stopped: {error}"))?;
        let path = self.path().to_owned();
        self.folder.close().with_context(|| format!("{} cannot be removed", path.display()))
    }
}

/// A server, launched, and the connection to it.
pub struct Assistant {
    child: Child,
    client: RunningService<RoleClient, Ear>,
    said: Arc<Mutex<Vec<String>>>,
    closing: Arc<AtomicBool>,
    launched: Instant,
}

impl Assistant {
    /// Launches a server that keeps its data in the folder and calls the vendors at `vendors`. `heard` is given each
    /// message that it logs.
    ///
    /// # Errors
    /// When it does not start, or does not speak the protocol.
    pub async fn launch(
        mut program: Command,
        folder: &Folder,
        vendors: &str,
        heard: impl Fn(&str) + Send + 'static,
    ) -> anyhow::Result<Self> {
        for name in NOT_HANDED_ON {
            program.env_remove(name);
        }
        program
            .arg("serve")
            .env("NEOTOMA_DATA_DIR", folder.data())
            .env("NEOTOMA_EGRESS_OVERRIDE", vendors)
            .env("NEOTOMA_LOG_FORMAT", "json")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let launched = Instant::now();
        let mut child = program.spawn().context("the server cannot be launched")?;
        let said = Arc::<Mutex<Vec<String>>>::default();
        let closing = Arc::<AtomicBool>::default();
        if let Some(log) = child.stderr.take() {
            let over = Arc::clone(&closing);
            // What it says of its end is of interest only if that goes wrong.
            let heard = move |line: &str| {
                if !over.load(Ordering::Relaxed) {
                    heard(line);
                }
            };
            tokio::spawn(listen(log, Arc::clone(&said), heard));
        }
        let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
            bail!("the server has no standard input and output");
        };
        let client = Ear::default().serve((output, input)).await;
        let client = client.with_context(|| told("the server does not answer", &said))?;
        Ok(Self { child, client, said, closing, launched })
    }

    /// How long ago it was launched.
    pub fn age(&self) -> Duration {
        self.launched.elapsed()
    }

    /// Name, version and protocol of the server.
    pub fn server(&self) -> String {
        let info = self.client.peer_info();
        let of = info.as_deref();
        let server = of.and_then(|of| of.server_info.as_ref());
        let name = server.map(|of| format!("{} {}", of.name, of.version)).unwrap_or_default();
        let protocol = of.map(|of| of.protocol_version.to_string()).unwrap_or_default();
        format!("{name}, protocol {protocol}")
    }

    /// What the server can do.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn tools(&self) -> anyhow::Result<Vec<Tool>> {
        self.client.list_all_tools().await.with_context(|| told("no list of tools", &self.said))
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// What the tool answers as an error, and when the connection breaks.
    pub async fn call<T: DeserializeOwned>(
        &self,
        tool: &'static str,
        arguments: Value,
    ) -> anyhow::Result<T> {
        let answer = self.client.call_tool(params(tool, arguments)).await;
        let answer = answer.with_context(|| told(&format!("{tool} failed"), &self.said))?;
        structured(tool, answer)
    }

    /// Calls a tool that tells how far it is: `watch` is given each notification, and nothing now and then.
    ///
    /// # Errors
    /// As [`Assistant::call`], and what `watch` answers.
    pub async fn call_watched<T: DeserializeOwned>(
        &self,
        tool: &'static str,
        arguments: Value,
        mut watch: impl FnMut(Option<ProgressNotificationParam>) -> io::Result<()>,
    ) -> anyhow::Result<T> {
        let request = ClientRequest::from(CallToolRequest::new(params(tool, arguments)));
        let peer: &Peer<RoleClient> = self.client.peer();
        let options = PeerRequestOptions::no_options();
        let sent = peer.send_cancellable_request(request, options).await?;
        let mut notes = self.client.service().notes.subscribe(sent.progress_token.clone()).await;
        let answer = sent.await_response();
        tokio::pin!(answer);
        let mut pace = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                answer = &mut answer => {
                    let answer =
                        answer.with_context(|| told(&format!("{tool} failed"), &self.said))?;
                    let ServerResult::CallToolResult(answer) = answer else {
                        bail!("{tool} was answered with something else");
                    };
                    return structured(tool, answer);
                }
                Some(note) = notes.next() => watch(Some(note))?,
                _ = pace.tick() => watch(None)?,
            }
        }
    }

    /// Closes the server's input, as an assistant that ends does, and waits for its end.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.closing.store(true, Ordering::Relaxed);
        self.client.close().await?;
        let Ok(ended) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            self.child.kill().await?;
            bail!("the server did not end within {} s and was killed", PATIENCE.as_secs());
        };
        let ended = ended?;
        if !ended.success() {
            bail!("{}", told(&format!("the server ended with {ended}"), &self.said));
        }
        Ok(())
    }
}

/// What the client is told without having asked.
#[derive(Default)]
struct Ear {
    notes: ProgressDispatcher,
}

impl ClientHandler for Ear {
    fn get_info(&self) -> ClientConfig {
        let of = Implementation::new("neotoma-demo", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), of)
    }

    async fn on_progress(
        &self,
        note: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.notes.handle_notification(note).await;
    }
}

async fn listen(log: ChildStderr, said: Arc<Mutex<Vec<String>>>, heard: impl Fn(&str)) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let logged = serde_json::from_str::<Value>(&line).ok();
        let message = logged.as_ref().and_then(|of| of.pointer("/fields/message")?.as_str());
        let line = message.unwrap_or(&line).to_owned();
        heard(&line);
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push(line);
        let surplus = said.len().saturating_sub(LAST_LINES);
        said.drain(..surplus);
    }
}

/// A failure with what the server said last.
fn told(failure: &str, said: &Mutex<Vec<String>>) -> String {
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    if said.is_empty() {
        return failure.to_owned();
    }
    format!("{failure}; the server said last:\n{}\n", said.join("\n"))
}

fn params(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let params = CallToolRequestParams::new(tool);
    match arguments {
        Value::Object(arguments) => params.with_arguments(arguments),
        _ => params,
    }
}

/// The answer's data; the text of one that is an error.
fn structured<T: DeserializeOwned>(tool: &str, answer: CallToolResult) -> anyhow::Result<T> {
    let texts = answer.content.iter().filter_map(|block| block.as_text());
    let text = || texts.map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n");
    if answer.is_error == Some(true) {
        bail!("{tool}: {}", text());
    }
    let data = answer.structured_content;
    let data = data.with_context(|| format!("{tool} answered without data"))?;
    serde_json::from_value(data).with_context(|| format!("{tool} answered with other data"))
}
