//! The demonstration: `cargo run --release --example demo`.
//!
//! It needs no account and nothing set up: the vendors are played on loopback, and the server keeps its data in a
//! temporary folder. What it shows it also checks: it ends with status 1 if anything is not as it has to be.

use std::{ffi::OsString, io, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use tokio::process::Command;

mod answers;
mod assistant;
mod progress;
#[expect(dead_code, reason = "most of its mutators and faults are for the tests")]
mod sandbox;
mod screen;
mod story;
mod tour;

use assistant::{Assistant, Folder};
use sandbox::{Sandbox, World};
use screen::Screen;

/// As shells count a program that SIGINT ended.
const INTERRUPTED: u8 = 130;
/// The world's seed: with another one the same people have other things to say.
const SEED: u64 = 1;

fn main() -> ExitCode {
    // The server that is launched is this very file, which has all of `neotoma` in it: cargo builds an example without the
    // package's program, and one that lies about may be old.
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first() {
        Some(first) if first == "serve" => {
            neotoma_importers::telemetry::start();
            return neotoma_importers::cli::main();
        }
        Some(_) => {
            complain("the demonstration takes no arguments: cargo run --release --example demo");
            return ExitCode::from(2);
        }
        None => {}
    }
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the program cannot start")
        .and_then(|runtime| runtime.block_on(show(Arc::new(Screen::stdout()))));
    match ended {
        Ok(code) => code,
        Err(error) if is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn show(screen: Arc<Screen>) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    screen.line(&screen.style().bold().apply_to("neotoma: a demonstration").to_string())?;
    let sandbox = Sandbox::start(World::demo(SEED)).await.context("the vendors do not start")?;
    let folder = Folder::make().context("there is no temporary folder")?;
    let told = tour(&screen, &sandbox, &folder, &mut signals).await;
    // Whatever it came to, nothing stays behind.
    let removed = folder.remove().await;
    let whole = told?;
    removed?;
    if !whole {
        screen.line("")?;
        screen.say("interrupted: the database is stopped and the temporary folder removed")?;
        return Ok(ExitCode::from(INTERRUPTED));
    }
    farewell(&screen)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells the story with a server of its own; false when it was interrupted.
async fn tour(
    screen: &Arc<Screen>,
    sandbox: &Sandbox,
    folder: &Folder,
    signals: &mut Signals,
) -> anyhow::Result<bool> {
    let program = std::env::current_exe().context("the program cannot tell where it lies")?;
    let heard = Arc::clone(screen);
    // Nobody reads any more: the story comes upon it, too.
    let heard = move |line: &str| drop(heard.whisper(&format!("server: {line}")));
    let vendors = sandbox.url().to_string();
    tour::vendors(screen, sandbox)?;
    let assistant = Assistant::launch(Command::new(program), folder, &vendors, heard).await?;
    let told = tokio::select! {
        told = tour::tell(screen, sandbox, &assistant) => told.map(|()| true),
        () = signals.next() => Ok(false),
    };
    let closed = tokio::select! {
        closed = assistant.close() => closed,
        // Asked once more: the server is killed.
        () = signals.next() => Ok(()),
    };
    let whole = told?;
    closed?;
    Ok(whole)
}

fn farewell(screen: &Screen) -> io::Result<()> {
    screen.line("")?;
    screen.say("That was all of it; the database and its folder are gone again. Now with an account of yours:")?;
    screen.line("")?;
    for (command, remark) in [
        ("cargo install --path . --locked", "puts neotoma on your PATH"),
        ("neotoma link asana", "asks for a token, without echo, and says where Asana has it"),
        ("neotoma import --all", "brings in what is there; later what changed"),
        ("neotoma records search \"…\"", "what your assistant can find, at the terminal"),
        (
            "neotoma install claude-desktop",
            "or claude-code, cursor, vscode: adds the server to your assistant",
        ),
        ("neotoma doctor", "when something does not work"),
    ] {
        screen.command(command, remark)?;
    }
    screen.line("")?;
    screen.say("README.md tells the rest: Gmail and Slack, other clients, settings, what is protected and what is not.")
}

/// Requests to stop. While it lives the program does not end by itself on Ctrl-C.
struct Signals {
    #[cfg(unix)]
    asked: [tokio::signal::unix::Signal; 3],
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let asked = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = asked.map(signal);
        Ok(Self { asked: [interrupt?, terminate?, hangup?] })
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.asked;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // No handler, no request: the system ends the program by itself.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the program that reads our output has gone, as `head` does.
fn is_unread(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn complain(problem: &str) {
    eprintln!("{problem}");
}
