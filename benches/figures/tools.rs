//! The server over standard input and output: how long a call takes, and how long a client waits for the list of tools.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    ground::KEY,
    stage::Stage,
    table::{Figures, Unit},
    trivial, unpaced,
};

/// Calls that are measured, of each server.
const CALLS: usize = 2_000;
/// Calls before: connections are opened, caches filled.
const WARM: usize = 200;
/// Launches.
const LAUNCHES: usize = 15;
/// Of a tool that does nothing.
const DEARER: f64 = 1.5;
/// Milliseconds.
const LAUNCH: f64 = 50.0;

/// A server, and a client that does nothing but write and wait.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Server {
    fn launch(command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let input = child.stdin.take().context("a pipe")?;
        let output = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { child, input, output, line: String::new() })
    }

    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.input.write_all(format!("{message}\n").as_bytes())?)
    }

    fn receive(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        anyhow::ensure!(self.output.read_line(&mut self.line)? > 0, "the server has ended");
        Ok(&self.line)
    }

    /// Opens a session.
    fn open(&mut self) -> anyhow::Result<()> {
        let client = json!({"name": "figures", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))?;
        self.receive()?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    }

    /// Calls a tool; how long it took.
    fn call(&mut self, id: usize, tool: &str) -> anyhow::Result<Duration> {
        let params = json!({"name": tool, "arguments": {}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let message = format!("{message}\n");
        let start = Instant::now();
        self.input.write_all(message.as_bytes())?;
        self.receive()?;
        let waited = start.elapsed();
        let is_good = self.line.contains("\"result\"") && !self.line.contains("\"isError\":true");
        anyhow::ensure!(is_good, "{tool}: {}", self.line);
        Ok(waited)
    }

    /// Closes its input and waits for its end.
    fn close(mut self) -> anyhow::Result<()> {
        drop(self.input);
        anyhow::ensure!(self.child.wait()?.success(), "a server ended badly");
        Ok(())
    }
}

/// The program as an assistant launches it, in an environment of its own.
fn program(home: &TempDir, database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neotoma"));
    command
        .arg("serve")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", home.path())
        .env("NEOTOMA_DATA_DIR", home.path())
        .env("DATABASE_URL", database)
        .env("CONNECTOR_SECRET_KEY", KEY);
    command
}

/// All of it.
///
/// # Errors
/// When a server does not answer.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let asana = stage.asana().await?;
    asana.database.link(unpaced::find("gmail")?, "me@example.com").await?;
    asana.database.link(unpaced::find("slack")?, "T01:U00").await?;
    asana.database.settle().await?;
    let (home, database) = (tempfile::tempdir()?, asana.database.url());
    launches(figures, &home, &database)?;

    let mut ours = Server::launch(&mut program(&home, &database))?;
    let mut trivial =
        Server::launch(Command::new(std::env::current_exe()?).env(trivial::SERVER, "1"))?;
    ours.open()?;
    trivial.open()?;
    let (mut calls, mut pings) = (Vec::new(), Vec::new());
    for id in 1..=WARM + CALLS {
        calls.push(ours.call(id, "list_connectors")?);
        pings.push(trivial.call(id, "ping")?);
    }
    let accounts = ours.line.matches("connector_id\\\"").count();
    anyhow::ensure!(accounts == 3, "three accounts are linked, not {accounts}");
    ours.close()?;
    trivial.close()?;
    let (call, ping) = (median(calls.split_off(WARM)), median(pings.split_off(WARM)));
    figures.at_most(
        "list_connectors, p50, of a trivial tool's",
        call.div_duration_f64(ping),
        DEARER,
        Unit::Times,
        format!("{} us to {} us, {accounts} accounts", call.as_micros(), ping.as_micros()),
    );
    Ok(())
}

fn launches(figures: &mut Figures, home: &TempDir, database: &str) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for _ in 0..LAUNCHES {
        let start = Instant::now();
        let mut server = Server::launch(&mut program(home, database))?;
        server.open()?;
        server.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))?;
        anyhow::ensure!(server.receive()?.contains("list_connectors"), "no tools");
        took.push(start.elapsed());
        server.close()?;
    }
    let most = took.iter().max().copied().unwrap_or_default();
    let middle = median(took);
    figures.at_most(
        "launch to the first list of tools, p50",
        middle.as_secs_f64() * 1e3,
        LAUNCH,
        Unit::Ms,
        format!("{LAUNCHES} launches, {:.1} ms at most", most.as_secs_f64() * 1e3),
    );
    Ok(())
}

fn median(mut of: Vec<Duration>) -> Duration {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or_default()
}
