//! The command line: what a person or a script types. Data goes to stdout, messages to stderr.

mod args;
mod ask;
mod client_config;
mod client_file;
mod connect;
mod connectors;
mod doctor;
mod exit;
mod import;
mod install;
mod keys;
mod link;
mod out;
mod progress;
mod providers;
mod record_page;
mod records;
mod report;
mod runs;
mod serve;
mod signals;
mod table;
mod token;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use self::{
    exit::{Exit, Usage},
    signals::{Signals, interruptible},
};
use crate::{app::App, config::Settings, ids::OwnerId};

/// Whose data it is where nobody says.
const DEFAULT_OWNER: &str = "local";
/// How long a read of stdin that nobody waits for any more may hold the program.
const LEFTOVERS: Duration = Duration::from_millis(100);

/// Links your accounts at 47 services, imports what is yours into your own Postgres, and lets your assistant search it
#[derive(Debug, Parser)]
#[command(
    name = "neotoma",
    version,
    max_term_width = 100,
    after_help = "Example:
  neotoma connect gmail
  neotoma import --all
  neotoma records search \"quarterly report\"

Exit status: 0 done, 1 failed, 2 wrong usage, 3 some connectors failed, 4 a person must reconnect an account."
)]
struct Cli {
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "NAME",
        // Not clap's `env`: to it an empty variable is a value, to the product it is an unset one.
        help = "Whose data it is [env: NEOTOMA_OWNER] [default: local]"
    )]
    owner: Option<OwnerId>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP over stdio, for assistants to launch; or over HTTP
    Serve(serve::ServeArgs),
    /// Show the services that accounts can be linked at
    Providers(providers::ProvidersArgs),
    /// Link an account in the browser, or link it again
    Connect(connect::ConnectArgs),
    /// Link an account by tokens that you have
    Link(link::LinkArgs),
    /// Show the linked accounts; delete, pause or resume one
    Connectors(connectors::ConnectorsArgs),
    /// Import what is new from linked accounts
    Import(import::ImportArgs),
    /// Show the history of imports
    Runs(runs::RunsArgs),
    /// Search and read what was imported
    Records(records::RecordsArgs),
    /// Make a key, or seal all secrets with a new one
    Keys(keys::KeysArgs),
    /// Say who may call the server over HTTP
    Token(token::TokenArgs),
    /// Check database, key, clock and data directory
    Doctor(doctor::DoctorArgs),
    /// Add the server to an assistant's configuration
    Install(install::InstallArgs),
}

impl Command {
    /// What it runs on: over stdio one thread, since a message is answered sooner than it is handed to another.
    fn runtime(&self) -> tokio::runtime::Builder {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        if matches!(self, Self::Serve(args) if args.is_stdio()) {
            runtime.worker_threads(1);
        }
        runtime
    }
}

/// Runs the program with the arguments that it was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(other) => {
            let code = other.exit_code();
            // Where neither stdout nor stderr takes it, there is nobody to read it.
            let _ = other.print();
            return u8::try_from(code).map_or(Exit::Usage.into(), ExitCode::from);
        }
    };
    let runtime = match cli.command.runtime().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            out::say(format_args!("the program cannot start: {cause}"));
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(run(cli)).unwrap_or_else(|error| {
        if !exit::reader_left(&error) {
            out::say(format_args!("error: {}", exit::sentence(&error)));
        }
        Exit::of(&error)
    });
    runtime.shutdown_timeout(LEFTOVERS);
    exit.into()
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let owner = owner(cli.owner, std::env::var("NEOTOMA_OWNER").ok())?;
    let owner = &owner;
    match cli.command {
        Command::Serve(args) => {
            with_app(async |app| Box::pin(serve::run(app, owner.clone(), args)).await).await
        }
        Command::Token(args) => {
            with_app(async |app| interruptible(token::run(app, owner, args)).await).await
        }
        Command::Providers(args) => providers::run(&open()?, &args),
        Command::Connect(args) => with_app(async |app| connect::run(app, owner, args).await).await,
        Command::Link(args) => with_app(async |app| link::run(app, owner, args).await).await,
        Command::Connectors(args) => {
            with_app(async |app| interruptible(connectors::run(app, owner, args)).await).await
        }
        Command::Import(args) => with_app(async |app| import::run(app, owner, &args).await).await,
        Command::Runs(args) => {
            with_app(async |app| interruptible(runs::run(app, owner, args)).await).await
        }
        Command::Records(args) => {
            with_app(async |app| interruptible(records::run(app, owner, args)).await).await
        }
        Command::Keys(keys::KeysArgs { action: keys::Action::Generate }) => keys::generate(),
        Command::Keys(keys::KeysArgs { action: keys::Action::Rotate { format } }) => {
            with_app(async |app| interruptible(keys::rotate(app, format)).await).await
        }
        Command::Doctor(args) => {
            with_app(async |app| interruptible(doctor::run(app, &args)).await).await
        }
        Command::Install(args) => interruptible(install::run(owner, args)).await,
    }
}

/// The owner: as given, else as the environment says, else `local`. An empty variable is an unset one.
fn owner(given: Option<OwnerId>, variable: Option<String>) -> anyhow::Result<OwnerId> {
    if let Some(owner) = given {
        return Ok(owner);
    }
    let name = variable.filter(|name| !name.trim().is_empty());
    let name = name.as_deref().unwrap_or(DEFAULT_OWNER);
    OwnerId::new(name).map_err(|cause| Usage::error(format!("NEOTOMA_OWNER: {cause}")))
}

fn open() -> anyhow::Result<App> {
    let settings =
        Settings::read(|name| std::env::var(name).ok()).map_err(crate::app::Error::from)?;
    Ok(App::new(settings)?)
}

/// Gives the core to a command and closes it afterwards, however the command ended.
async fn with_app(command: impl AsyncFnOnce(&App) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let app = open()?;
    let ended = command(&app).await;
    if matches!(ended, Ok(Exit::Aborted)) {
        return ended;
    }
    let mut signals = Signals::listen()?;
    tokio::select! {
        () = app.close() => ended,
        () = signals.next() => Ok(Exit::Aborted),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    const ID: &str = "0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f";

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_of_its_own() {
        fn check(command: &clap::Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains("Example") && help.contains(path),
                "{path} has no example:\n{help}"
            );
            for sub in command.get_subcommands() {
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        check(&Cli::command(), "neotoma");
    }

    #[test]
    fn every_command_is_understood() {
        for line in [
            "neotoma serve",
            "neotoma serve --owner zoe",
            "neotoma providers --category social --json",
            "neotoma providers slack",
            "neotoma connect gmail",
            "neotoma connect slack --label Work --no-browser --paste --json",
            "neotoma link slack --account a@b.c --label Work --secret t=- --metadata k=v --no-verify",
            "neotoma connectors --all --json",
            "neotoma --owner zoe connectors",
            &format!("neotoma connectors delete {ID} --records --yes"),
            &format!("neotoma connectors pause {ID}"),
            &format!("neotoma connectors --owner zoe resume {ID}"),
            &format!("neotoma import --connector-id {ID} --connector-id {ID} --sync-type initial"),
            "neotoma import --provider gmail --limit 100 --max-pages 5 --since 2026-01-01",
            "neotoma import --all --dry-run --confirm-removals --json",
            &format!("neotoma runs --connector-id {ID} --status failed --limit 5 --cursor x"),
            &format!("neotoma runs --run-id {ID}"),
            "neotoma records search two words --type message --type task --provider gmail --limit 9",
            "neotoma records search --since 2026-01-01 --until 2026-02-01T00:00:00Z --json",
            &format!("neotoma records show {ID}"),
            "neotoma keys generate",
            "neotoma keys rotate --json",
            "neotoma doctor --json",
            "neotoma install claude-desktop --print",
            "neotoma install vscode --yes --env DATABASE_URL=x --env NEOTOMA_DATA_DIR",
        ] {
            let parsed = parse(line);
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn a_wrong_call_ends_with_2() {
        for line in [
            "neotoma",
            "neotoma frobnicate",
            "neotoma import",
            "neotoma connect",
            "neotoma connect gmail slack",
            "neotoma import --all --provider gmail",
            "neotoma import --all --limit 0",
            "neotoma import --all --limit 1001",
            "neotoma import --all --max-pages 10001",
            "neotoma import --all --since yesterday",
            "neotoma import --all --sync-type full",
            "neotoma import --connector-id 12",
            "neotoma runs --limit 101",
            "neotoma records search --type mail",
            "neotoma records show x",
            "neotoma connectors delete",
            "neotoma providers --category fun",
            "neotoma providers slack --category social",
            "neotoma install emacs",
            "neotoma --owner a/b doctor",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert_eq!(parse("neotoma import --help").unwrap_err().exit_code(), 0);
        assert_eq!(parse("neotoma --version").unwrap_err().exit_code(), 0);
    }

    #[test]
    fn a_secret_is_neither_in_an_error_of_the_parser_nor_in_what_it_read() {
        for line in [
            "neotoma link slack --secret access_token=hush-hush",
            "neotoma link slack --secret hush-hush",
            "neotoma link slack --secret access_token hush-hush",
            "neotoma link slack --secret=hush-hush --limit 3",
            "neotoma link slack --secrets=hush-hush",
            "neotoma link slack --secret access_token=hush-hush --no-such",
            "neotoma link --secret access_token=hush-hush",
            "neotoma install vscode --env KEY=hush-hush",
            "neotoma install vscode --env hush-hush --no-such",
        ] {
            let said = match parse(line) {
                Ok(cli) => format!("{cli:?}"),
                Err(error) => format!("{error}{error:?}"),
            };
            assert!(!said.contains("hush"), "{line}: {said}");
        }
    }

    #[test]
    fn the_owner_is_as_given_else_as_set_else_local() {
        let named = |name: &str| OwnerId::new(name).unwrap();
        assert_eq!(owner(Some(named("a")), Some("b".into())).unwrap(), named("a"));
        assert_eq!(owner(None, Some("b".into())).unwrap(), named("b"));
        assert_eq!(owner(None, Some(" ".into())).unwrap(), named("local"));
        assert_eq!(owner(None, None).unwrap(), named("local"));
        assert_eq!(Exit::of(&owner(None, Some("a b".into())).unwrap_err()), Exit::Usage);
    }
}
