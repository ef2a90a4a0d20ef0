//! The real program: as a person types its commands, and as an assistant launches it over standard input and output.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use sqlx::{ConnectOptions as _, PgPool};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

/// Longer than anything takes on a busy machine; what hangs fails the test instead of stopping the others.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// The key that secrets are sealed with.
pub const KEY: &str = "a-key-of-the-tests-0123456789-abcdef";
/// Most characters of a tool's answer.
pub const ANSWER: usize = 40_000;

/// The program with an environment of its own: nothing of this process's but its search path.
pub struct Program {
    home: TempDir,
    variables: BTreeMap<String, String>,
}

impl Program {
    /// With an empty home and nothing set.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let home = TempDir::new().unwrap();
        // Closed otherwise to the account that an embedded database has when this is root.
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let data = home.path().join("data").to_str().unwrap().to_owned();
        let mut program = Self { home, variables: BTreeMap::new() };
        program.set("NEOTOMA_DATA_DIR", &data);
        program
    }

    /// Over a database, its vendors played at this address.
    pub fn over(database: &PgPool, vendors: &url::Url) -> Self {
        Self::new()
            .with("DATABASE_URL", &address(database))
            .with("CONNECTOR_SECRET_KEY", KEY)
            .with("NEOTOMA_EGRESS_OVERRIDE", vendors.as_str())
    }

    /// With a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable for what is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Unsets one.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Its home, for files.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its embedded database would lie.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Writes a file into its home.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program, not yet started. It is killed with whoever started it.
    pub fn command<S: AsRef<str>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neotoma"));
        command
            .args(arguments.iter().map(AsRef::as_ref))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(std::env::var_os("NEOTOMA_PG_BIN").map(|bin| ("NEOTOMA_PG_BIN", bin)))
            .env("HOME", self.home.path())
            .envs(&self.variables)
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts a command and leaves it running.
    pub fn start<S: AsRef<str>>(&self, arguments: &[S]) -> Running {
        let child = self.command(arguments).spawn().unwrap();
        let line = arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
        Running { child, line }
    }

    /// Runs a command to its end.
    pub async fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Ran {
        self.start(arguments).ended().await
    }

    /// Runs a command that is to end well.
    pub async fn done<S: AsRef<str>>(&self, arguments: &[S]) -> Ran {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    }

    /// Runs a command with a text on its standard input.
    pub async fn fed<S: AsRef<str>>(&self, arguments: &[S], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let line = arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
        Running { child, line }.ended().await
    }

    /// Links an account and gives its connector's id.
    pub async fn link(&self, provider: &str, secrets: &[(&str, &str)]) -> String {
        let mut arguments = vec!["link".to_owned(), provider.to_owned(), "--json".to_owned()];
        for (name, value) in secrets {
            arguments.extend(["--secret".to_owned(), format!("{name}={value}")]);
        }
        self.done(&arguments).await.json()["connector_id"].as_str().unwrap().to_owned()
    }

    /// Imports from a connector, with further arguments; the run, whether it went well or not.
    pub async fn import(&self, connector: &str, more: &[&str]) -> Value {
        let import = ["import", "--json", "--connector-id", connector];
        self.run(&[&import, more].concat()).await.json()[0].clone()
    }

    /// Serves as an assistant of the older protocols launches it.
    pub async fn serve(&self) -> Server {
        Server::open(self, json!({})).await
    }
}

/// How a database is reached by `DATABASE_URL`.
pub fn address(database: &PgPool) -> String {
    database.connect_options().to_url_lossy().to_string()
}

/// A command that runs.
pub struct Running {
    pub child: Child,
    line: String,
}

impl Running {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has said this among its messages.
    pub async fn says(&mut self, what: &str) {
        let mut lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("it says nothing");
            let line = line.unwrap().unwrap_or_else(|| panic!("it has ended without {what:?}"));
            if line.contains(what) {
                break;
            }
        }
        self.child.stderr = Some(lines.into_inner().into_inner());
    }

    /// What is left to read of what it said.
    pub async fn said(&mut self) -> String {
        let mut said = Vec::new();
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_end(&mut said).await.unwrap();
        }
        if let Some(mut err) = self.child.stderr.take() {
            err.read_to_end(&mut said).await.unwrap();
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Waits for its end.
    pub async fn ended(self) -> Ran {
        let Self { child, line } = self;
        let output = timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("`neotoma {line}` does not end"))
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("what it says is text");
        let code = output.status.code().unwrap_or(-1);
        Ran { line, code, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// How a command ended and what it said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The command, for messages.
    pub line: String,
    /// Its exit status; -1 where a signal ended it.
    pub code: i32,
    /// Its data.
    pub out: String,
    /// Its messages.
    pub err: String,
}

impl Ran {
    /// Its data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Waits for something that others bring about.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what} has not come true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// One number of the database.
pub async fn count(database: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// The server over standard input and output.
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: Option<JoinHandle<String>>,
    tools: Vec<Value>,
    last: u64,
    /// Everything that it wrote: nothing else than the protocol may stand there.
    pub written: Vec<Value>,
    /// Notifications and requests of the server's that came while an answer was waited for.
    pub heard: Vec<Value>,
}

/// What is left of a server that has ended.
pub struct Closed {
    /// Whether it ended well.
    pub well: bool,
    /// Every message that it wrote.
    pub written: Vec<Value>,
    /// What it logged.
    pub log: String,
}

impl Server {
    /// Starts it for a client of these capabilities, and opens a session of protocol 2025-11-25.
    pub async fn open(program: &Program, capabilities: Value) -> Self {
        let mut server = Self::launch(program);
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client});
        let opened = server.ask("initialize", params).await;
        assert_eq!(opened["result"]["protocolVersion"], "2025-11-25", "{opened}");
        server.notify("notifications/initialized", json!({})).await;
        let listed = server.ask("tools/list", json!({})).await;
        server.tools.clone_from(listed["result"]["tools"].as_array().unwrap());
        server
    }

    /// Starts it and says nothing yet.
    pub fn launch(program: &Program) -> Self {
        let mut command = program.command(&["serve"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = child.stderr.take().unwrap();
        // Read as it comes: a full pipe would hold the server up.
        let log = tokio::spawn(async move {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).await.unwrap();
            String::from_utf8_lossy(&log).into_owned()
        });
        Self {
            input: child.stdin.take(),
            child,
            output,
            log: Some(log),
            tools: Vec::new(),
            last: 0,
            written: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Writes a message.
    pub async fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// The next message; `None` at its end.
    pub async fn receive(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        let line = line.expect("the server says nothing").unwrap()?;
        let message: Value =
            serde_json::from_str(&line).expect("nothing but JSON on standard output");
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        self.written.push(message.clone());
        Some(message)
    }

    /// Sends a request and gives its number.
    pub async fn request(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    /// Waits for the answer to a request; what comes before it is kept in `heard`.
    pub async fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.receive().await.expect("an answer");
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.heard.push(message);
        }
    }

    /// A request and its answer.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        self.answer(id).await
    }

    /// A request of protocol 2026-07-28, which carries what the server needs to know of its client, and its answer.
    pub async fn modern(&mut self, method: &str, mut params: Value, capabilities: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        self.ask(method, params).await
    }

    /// Tells the server something that needs no answer.
    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    /// Begins a call of a tool; `progress` asks to be told of it.
    pub async fn begin(&mut self, tool: &str, arguments: Value, progress: Option<&str>) -> u64 {
        let mut params = json!({"name": tool, "arguments": arguments});
        if let Some(token) = progress {
            params["_meta"] = json!({"progressToken": token});
        }
        self.request("tools/call", params).await
    }

    /// How a call of a tool ended: its structured answer, held against the tool's schema, or the sentence of its error.
    pub async fn end(&mut self, tool: &str, id: u64) -> Result<Value, String> {
        let answer = self.answer(id).await;
        self.told(tool, &answer["result"])
    }

    /// Reads the result of a call.
    pub fn told(&self, tool: &str, result: &Value) -> Result<Value, String> {
        assert!(
            result.is_object(),
            "{tool} was answered with a protocol error: {:?}",
            self.written.last()
        );
        let text = result["content"][0]["text"].as_str().expect("a text").to_owned();
        if result["isError"] == true {
            assert!(result.get("structuredContent").is_none(), "{result}");
            assert!(text.chars().count() <= ANSWER, "{} characters", text.len());
            return Err(text);
        }
        let answer = result["structuredContent"].clone();
        let same: Value = serde_json::from_str(&text).expect("the text is the same as JSON");
        assert_eq!(same, answer, "{tool}");
        let whole = result["content"].to_string().chars().count();
        assert!(
            whole <= 2 * ANSWER && text.chars().count() <= ANSWER,
            "{tool}: {whole} characters"
        );
        let listed = self.tools.iter().find(|of| of["name"] == tool).expect("a listed tool");
        conforms(listed["outputSchema"].as_object().unwrap(), &answer, tool);
        Ok(answer)
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        let id = self.begin(tool, arguments, None).await;
        self.end(tool, id).await
    }

    /// Calls a tool that is to do what it is asked.
    pub async fn does(&mut self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        self.call(tool, arguments).await.unwrap_or_else(|said| panic!("{tool} {shown}: {said}"))
    }

    /// Calls a tool that is to refuse, and gives what it says.
    pub async fn refuses(&mut self, tool: &str, arguments: Value) -> String {
        let shown = arguments.to_string();
        match self.call(tool, arguments).await {
            Err(said) => said,
            Ok(answer) => panic!("{tool} {shown}: {answer}"),
        }
    }

    /// Links an account and gives its connector's id.
    pub async fn link(&mut self, provider: &str, secrets: Value) -> String {
        let arguments = json!({"provider": provider, "secrets": secrets});
        let linked = self.does("link_connector", arguments).await;
        linked["connector_id"].as_str().unwrap().to_owned()
    }

    /// Syncs and waits for the end, as long as one call may.
    pub async fn sync(&mut self, connector: &str) -> Result<Value, String> {
        let arguments = json!({"connector_id": connector, "wait_seconds": 25});
        self.call("sync_external_connector", arguments).await
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Closes its input, as a client that leaves, and waits for its end.
    pub async fn close(mut self) -> Closed {
        drop(self.input.take());
        self.ended().await
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Closed {
        while self.receive().await.is_some() {}
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("the server ends").unwrap();
        let log = self.log.take().unwrap().await.unwrap();
        Closed { well: ended.success(), written: self.written, log }
    }
}

/// Holds a value against one of our plain schemas; a property that the schema does not name is a fault as well.
pub fn conforms(schema: &Map<String, Value>, value: &Value, at: &str) {
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        None => true, // anything
        Some(other) => panic!("{at}: unforeseen type {other}"),
    };
    assert!(fits, "{at} is {value}, not {schema:?}");
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        assert!(words.contains(value), "{at} is {value}, not one of {words:?}");
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        assert!(value.get(name).is_some(), "{at} lacks {name}: {value}");
    }
    if let (Some(properties), Some(value)) =
        (schema.get("properties").and_then(Value::as_object), value.as_object())
    {
        for (name, value) in value {
            let of = properties.get(name).and_then(Value::as_object);
            let of = of.unwrap_or_else(|| panic!("{at}.{name} is not in the schema"));
            conforms(of, value, &format!("{at}.{name}"));
        }
    }
    if let (Some(Value::Object(of)), Some(items)) = (schema.get("items"), value.as_array()) {
        items.iter().enumerate().for_each(|(n, item)| conforms(of, item, &format!("{at}[{n}]")));
    }
}
