//! `neotoma install`: adds the server to an assistant's configuration.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    args, ask,
    client_config::{self, Entry},
    client_file,
    exit::{Exit, Usage},
    out,
};
use crate::ids::OwnerId;

/// The server's name in every client.
const NAME: &str = "neotoma";
/// Variables that the server reads and that an assistant does not hand on by itself.
const READ_BY_SERVER: [&str; 6] = [
    "DATABASE_URL",
    "NEOTOMA_DATA_DIR",
    "NEOTOMA_PG_BIN",
    "CONNECTOR_SECRET_KEY",
    "CONNECTOR_SECRET_KEY_PREVIOUS",
    "NEOTOMA_ALLOW_PRIVATE_HOSTS",
];

/// Arguments of `neotoma install`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma install claude-desktop
  neotoma install vscode --env DATABASE_URL --print

The change is shown and asked about before anything is written; the old file is kept beside the new one.")]
pub struct InstallArgs {
    /// The assistant
    client: Client,
    /// Only show what would be written
    #[arg(long, conflicts_with = "yes")]
    print: bool,
    /// Write without asking
    #[arg(long)]
    yes: bool,
    /// A variable to hand to the server; without a value, the one that is set here
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = args::secret)]
    env: Vec<SecretString>,
}

/// An assistant that launches MCP servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Client {
    ClaudeDesktop,
    ClaudeCode,
    Cursor,
    Vscode,
}

impl Client {
    const fn name(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
        }
    }

    /// The key that servers stand under.
    const fn servers(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::ClaudeDesktop | Self::ClaudeCode | Self::Cursor => "mcpServers",
        }
    }

    /// Whether an entry names its transport, as the client itself writes it.
    const fn typed(self) -> bool {
        matches!(self, Self::Vscode | Self::ClaudeCode)
    }

    const fn then(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "quit Claude Desktop and start it again to use it",
            Self::ClaudeCode => "start a new session to use it; /mcp shows it",
            Self::Cursor => "restart Cursor to use it",
            Self::Vscode => "start it by the command MCP: List Servers, or reload the window",
        }
    }
}

/// Where on this machine people's configurations lie.
struct Machine<'a> {
    os: &'a str,
    home: PathBuf,
    variable: &'a dyn Fn(&str) -> Option<PathBuf>,
}

impl Machine<'_> {
    /// The client's configuration of this person, for all their projects.
    ///
    /// Sources: "Connect to local MCP servers" (modelcontextprotocol.io); "Claude Code settings" (`CLAUDE_CONFIG_DIR`);
    /// "Model Context Protocol (MCP)" (cursor.com); "MCP configuration reference" and "Profiles"
    /// (code.visualstudio.com).
    fn config(&self, client: Client) -> PathBuf {
        match client {
            Client::ClaudeDesktop => self.claude_desktop().join("claude_desktop_config.json"),
            Client::ClaudeCode => {
                let folder = (self.variable)("CLAUDE_CONFIG_DIR");
                folder.unwrap_or_else(|| self.home.clone()).join(".claude.json")
            }
            Client::Cursor => self.home.join(".cursor").join("mcp.json"),
            Client::Vscode => self.app_data().join("Code").join("User").join("mcp.json"),
        }
    }

    /// Where desktop programs keep their data.
    fn app_data(&self) -> PathBuf {
        match self.os {
            "macos" => self.home.join("Library").join("Application Support"),
            "windows" => (self.variable)("APPDATA")
                .unwrap_or_else(|| self.home.join("AppData").join("Roaming")),
            _ => (self.variable)("XDG_CONFIG_HOME").unwrap_or_else(|| self.home.join(".config")),
        }
    }

    /// On Windows, Claude Desktop is mostly a packaged app (MSIX), whose `%APPDATA%` lies in the package's own folder: it
    /// never reads the usual one.
    fn claude_desktop(&self) -> PathBuf {
        let usual = self.app_data().join("Claude");
        if self.os != "windows" {
            return usual;
        }
        let local = (self.variable)("LOCALAPPDATA")
            .unwrap_or_else(|| self.home.join("AppData").join("Local"));
        let all = fs::read_dir(local.join("Packages")).into_iter().flatten().flatten();
        let mut packaged: Vec<_> = all
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("Claude_"))
            .map(|entry| entry.path().join("LocalCache").join("Roaming").join("Claude"))
            .filter(|folder| folder.is_dir())
            .collect();
        packaged.sort_by_key(|folder| !folder.join("claude_desktop_config.json").is_file());
        packaged.into_iter().next().unwrap_or(usual)
    }
}

/// Shows the change, and writes it if the person agrees.
///
/// # Errors
/// When the configuration cannot be read, is broken, or cannot be written; it then stays as it is.
pub async fn run(owner: &OwnerId, args: InstallArgs) -> anyhow::Result<Exit> {
    let client = args.client;
    let machine = Machine {
        os: env::consts::OS,
        home: etcetera::home_dir().context("your home folder cannot be found")?,
        variable: &|name| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from),
    };
    let path = machine.config(client);
    let entry = Entry {
        command: program()?,
        args: launch(owner),
        env: variables(&args.env, |name| env::var(name).ok())?,
        typed: client.typed(),
    };
    if args.print {
        return print(client, &path, &entry);
    }
    let about = || format!("{} ({})", path.display(), client.name());
    let old = client_file::read(&path).with_context(about)?;
    let new = client_config::merge(&old, client.servers(), NAME, &entry).with_context(about)?;
    if new == old {
        out::say(format_args!("{} has it already; nothing was changed", path.display()));
        return Ok(Exit::Done);
    }
    show(client, &path, &old, &new)?;
    remind(&entry);
    if !args.yes {
        if !ask::attended() {
            return Err(Usage::error(
                "nobody is here to be asked: say --yes to write this, or --print",
            ));
        }
        if !ask::yes("write this?".to_owned()).await? {
            out::say("nothing was written");
            return Ok(Exit::Failed);
        }
    }
    let kept = client_file::replace(&path, &old, &new).with_context(about)?;
    if let Some(kept) = kept {
        out::say(format_args!("the old file is kept as {}", kept.display()));
    }
    out::say(format_args!("written; {}", client.then()));
    Ok(Exit::Done)
}

/// This program's absolute path.
fn program() -> anyhow::Result<String> {
    let path = env::current_exe().context("the program cannot tell where it lies")?;
    let path = std::path::absolute(path)?;
    let text = path.to_str().context("the program's path is not text in UTF-8; move it")?;
    Ok(text.to_owned())
}

fn launch(owner: &OwnerId) -> Vec<String> {
    let mut args = vec!["serve".to_owned()];
    if owner.as_str() != super::DEFAULT_OWNER {
        args.extend(["--owner".to_owned(), owner.to_string()]);
    }
    args
}

/// Reads `NAME=VALUE`, or `NAME` for the value that is set here. What is refused is not repeated: it may be a secret.
fn variables(
    given: &[SecretString],
    set: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, SecretString>, Usage> {
    let mut variables = BTreeMap::new();
    for (at, text) in given.iter().enumerate() {
        let wrong = |problem: &str| Usage(format!("--env number {}: {problem}", at + 1));
        let (name, value) = match text.expose_secret().split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.expose_secret(), None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(wrong("give NAME=VALUE, or NAME for the value that is set here"));
        }
        let value = match value {
            Some(value) => value,
            None => set(name).ok_or_else(|| wrong("no variable of that name is set here"))?,
        };
        variables.insert(name.to_owned(), SecretString::from(value));
    }
    Ok(variables)
}

fn print(client: Client, path: &Path, entry: &Entry) -> anyhow::Result<Exit> {
    out::say(format_args!("{}: to be added to {}", client.name(), path.display()));
    if client == Client::ClaudeCode {
        let json = serde_json::to_string(&entry.to_json())?.replace('\'', r"'\''");
        out::say(format_args!("or run: claude mcp add-json --scope user {NAME} '{json}'"));
    }
    remind(entry);
    out::data(&client_config::merge("", client.servers(), NAME, entry)?)?;
    Ok(Exit::Done)
}

fn show(client: Client, path: &Path, old: &str, new: &str) -> anyhow::Result<()> {
    if old.is_empty() && !path.parent().is_some_and(Path::is_dir) {
        let folder = path.parent().unwrap_or(path).display();
        out::say(format_args!(
            "{} seems not to be installed here: there is no {folder}",
            client.name()
        ));
    }
    out::say(path.display());
    let changes = client_config::changes(old, new, client.servers())?;
    if changes.is_empty() {
        out::say("  (only values of environment variables change; they are not shown)");
    }
    for (sign, line) in changes {
        let style = console::Style::new().for_stderr();
        let style = if sign == '+' { style.green() } else { style.red() };
        out::say(style.apply_to(format_args!("{sign} {line}")));
    }
    Ok(())
}

/// Names variables that are set here and that the server will not see.
fn remind(entry: &Entry) {
    let set = |name: &&&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let unseen = |name: &&&str| !entry.env.contains_key(**name);
    for name in READ_BY_SERVER.iter().filter(set).filter(unseen) {
        out::say(format_args!(
            "{name} is set here, but the server will not see it; --env {name} hands it on"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(os: &str, home: &Path, set: &[(&str, &str)], client: Client) -> String {
        let variable = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
        };
        let machine = Machine { os, home: home.to_owned(), variable: &variable };
        machine.config(client).to_str().unwrap().replace('\\', "/")
    }

    #[test]
    fn every_client_is_configured_where_it_reads() {
        use Client::{ClaudeCode, ClaudeDesktop, Cursor, Vscode};
        let at = |os, set: &[_], client| config(os, Path::new("/h"), set, client);
        let desktop = "Claude/claude_desktop_config.json";
        assert_eq!(
            at("macos", &[], ClaudeDesktop),
            format!("/h/Library/Application Support/{desktop}")
        );
        assert_eq!(at("linux", &[], ClaudeDesktop), format!("/h/.config/{desktop}"));
        assert_eq!(
            at("linux", &[("XDG_CONFIG_HOME", "/x")], ClaudeDesktop),
            format!("/x/{desktop}")
        );
        assert_eq!(at("windows", &[("APPDATA", "/a")], ClaudeDesktop), format!("/a/{desktop}"));
        assert_eq!(at("linux", &[], ClaudeCode), "/h/.claude.json");
        assert_eq!(at("linux", &[("CLAUDE_CONFIG_DIR", "/c")], ClaudeCode), "/c/.claude.json");
        assert_eq!(at("windows", &[], Cursor), "/h/.cursor/mcp.json");
        assert_eq!(at("linux", &[], Vscode), "/h/.config/Code/User/mcp.json");
        assert_eq!(at("macos", &[], Vscode), "/h/Library/Application Support/Code/User/mcp.json");
        assert_eq!(at("windows", &[], Vscode), "/h/AppData/Roaming/Code/User/mcp.json");
    }

    #[test]
    fn a_packaged_claude_desktop_is_configured_inside_its_package() {
        let home = tempfile::tempdir().unwrap();
        let inside = |name: &str| {
            home.path().join("AppData/Local/Packages").join(name).join("LocalCache/Roaming/Claude")
        };
        for folder in ["Claude_a", "Claude_b", "Other_c"] {
            fs::create_dir_all(inside(folder)).unwrap();
        }
        let file = inside("Claude_b").join("claude_desktop_config.json");
        fs::write(&file, "{}").unwrap();
        assert_eq!(
            config("windows", home.path(), &[], Client::ClaudeDesktop),
            file.to_str().unwrap().replace('\\', "/")
        );
    }

    #[test]
    fn the_owner_is_named_to_the_server_unless_it_is_the_usual_one() {
        assert_eq!(launch(&OwnerId::new("local").unwrap()), ["serve"]);
        assert_eq!(launch(&OwnerId::new("zoe").unwrap()), ["serve", "--owner", "zoe"]);
    }

    #[test]
    fn a_variable_is_given_or_taken_from_here_and_never_repeated_in_an_error() {
        let set = |name: &str| (name == "SET").then(|| "here".to_owned());
        let read = |given: &[&str]| {
            let given: Vec<_> = given.iter().map(|text| SecretString::from(*text)).collect();
            variables(&given, set)
        };
        let got = read(&["A=b=c", "SET", "E="]).unwrap();
        let shown: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.expose_secret())).collect();
        assert_eq!(shown, [("A", "b=c"), ("E", ""), ("SET", "here")]);
        for bad in ["hush-hush", "=hush", "HUSH_HUSH"] {
            let error = read(&[bad]).unwrap_err().0.to_lowercase();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
