//! What the documents say is so: commands, settings, tools, services, and the demonstration itself.
#![cfg(test)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use neotoma_importers::{config::Settings, provider::AnyProvider, providers::ALL};
use regex_lite::Regex;
use rmcp::{ServiceExt, transport::TokioChildProcess};
use serde_json::Value;

#[path = "../examples/demo/answers.rs"]
mod answers;
#[path = "../examples/demo/assistant.rs"]
mod assistant;
#[path = "docs/pebble.rs"]
mod pebble;
#[path = "../examples/demo/progress.rs"]
mod progress;
#[path = "../examples/demo/sandbox/mod.rs"]
#[expect(dead_code, reason = "the demonstration needs a part of it")]
mod sandbox;
#[path = "../examples/demo/screen.rs"]
#[expect(dead_code, reason = "a terminal has more than plain lines")]
mod screen;
#[path = "../examples/demo/story.rs"]
mod story;
#[path = "../examples/demo/tour.rs"]
mod tour;

const PROGRAM: &str = env!("CARGO_BIN_EXE_neotoma");
const DOCUMENTS: [&str; 3] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The part of a document under this heading, up to the next one of the same rank.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let begin = document.find(&format!("## {heading}\n")).expect(heading);
    let rest = &document[begin + 3..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The cells of every row of the tables in a text, heads and rules left out.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let is_rule = |line: &str| line.starts_with("|--");
    let lines: Vec<&str> = text.lines().collect();
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|next| is_rule(next));
    let table = lines
        .iter()
        .enumerate()
        .filter(|(at, line)| line.starts_with('|') && !is_rule(line) && !is_head(*at));
    table.map(|(_, line)| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands between the first pair of backticks.
fn code(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_else(|| panic!("{cell} has no code"))
}

/// Names what is told and is not, and what is and is not told.
fn same(what: &str, told: &BTreeSet<String>, known: &BTreeSet<String>) {
    let (over, lacking) = (told.difference(known), known.difference(told));
    let (over, lacking): (Vec<_>, Vec<_>) = (over.collect(), lacking.collect());
    assert!(over.is_empty() && lacking.is_empty(), "{what} lack {lacking:?}, and have {over:?}");
}

/// The lines of the blocks of shell commands.
fn shell_lines(text: &str) -> Vec<&str> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn the_readme_begins_with_the_two_commands_that_there_are() {
    let readme = file("README.md");
    let commands = shell_lines(section(&readme, "Two commands"));
    assert_eq!(commands, ["cargo run --release --example demo", "cargo test"]);
    let first = shell_lines(&readme);
    assert!(first.starts_with(&commands), "nothing is to be typed before them: {first:?}");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo/main.rs").is_file());
}

/// The words of a command line, quoted ones as one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for letter in line.chars() {
        match (letter, quote) {
            (_, Some(of)) if of == letter => quote = None,
            ('\'' | '"', None) => quote = Some(letter),
            (' ', None) => words.push(String::new()),
            (letter, _) => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_that_the_documents_print_is_understood() {
    let inline = Regex::new("`(neotoma [^`]+)`").unwrap();
    let spoken = Regex::new(r#""(neotoma (?:[^"\\]|\\")+)""#).unwrap();
    let (readme, demo) = (file("README.md"), file("examples/demo/main.rs"));
    let in_blocks = shell_lines(&readme).into_iter().map(str::to_owned);
    let in_text = inline.captures_iter(&readme).map(|found| found[1].replace('\n', " "));
    let in_demo = spoken.captures_iter(&demo).map(|found| found[1].replace("\\\"", "\""));
    let all = in_blocks.chain(in_text).chain(in_demo);
    let commands: BTreeSet<String> = all.filter(|line| line.starts_with("neotoma ")).collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let line = command.replace("<id>", "0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f");
        let mut words = words(&line);
        words.push("--help".to_owned()); // parsed to its end, and then not done
        let ran = Command::new(PROGRAM).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// The code of all source files, without the tests beside it.
fn sources() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let code = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
    };
    files.iter().map(code).collect()
}

#[test]
fn every_variable_that_the_code_reads_is_in_the_readme_and_no_other() {
    let asked = RefCell::new(BTreeSet::new());
    Settings::read(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    })
    .unwrap();
    let elsewhere = Regex::new(r#"(?:env::var|env::var_os|\bset)\("([A-Z][A-Z0-9_]+)"\)"#).unwrap();
    let mut read = asked.into_inner();
    for source in sources() {
        read.extend(elsewhere.captures_iter(&source).map(|found| found[1].to_owned()));
    }
    // The system's own, which say nothing about this program.
    for name in ["PATH", "SSH_CONNECTION", "TERM"] {
        assert!(read.remove(name), "{name} is read no more");
    }
    let of_apps = Regex::new("^.*_OAUTH_").unwrap();
    let read: BTreeSet<String> =
        read.iter().map(|name| of_apps.replace(name, "<APP>_OAUTH_").into_owned()).collect();
    let readme = file("README.md");
    let told: Vec<String> =
        rows(section(&readme, "Settings")).iter().map(|row| code(row[0]).to_owned()).collect();
    assert_eq!(told.len(), told.iter().collect::<BTreeSet<_>>().len(), "one is told twice");
    same("the README's settings", &told.into_iter().collect(), &read);
}

#[tokio::test]
async fn the_readme_and_the_manifest_list_the_servers_tools() {
    let data = tempfile::tempdir().unwrap();
    let mut server = tokio::process::Command::new(PROGRAM);
    server.arg("serve").env("NEOTOMA_DATA_DIR", data.path().join("data"));
    let client = ().serve(TokioChildProcess::new(server).unwrap()).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    let tools: BTreeSet<String> = tools.into_iter().map(|tool| tool.name.into_owned()).collect();
    client.cancel().await.unwrap();

    let readme = file("README.md");
    let told = rows(section(&readme, "Your assistant"));
    let told: BTreeSet<String> =
        told.iter().filter(|row| row.len() == 2).map(|row| code(row[0]).to_owned()).collect();
    same("the README's tools", &told, &tools);

    let manifest: Value = serde_json::from_str(&file("mcp-manifest.json")).unwrap();
    let told = manifest["tools"].as_array().unwrap().iter();
    let told: BTreeSet<String> =
        told.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    same("the manifest's tools", &told, &tools);
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = file("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert_eq!(newest.split(',').next(), Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_service_is_in_the_readme_as_it_stands() {
    let readme = file("README.md");
    let told: Vec<Vec<&str>> = rows(section(&readme, "Services"))
        .into_iter()
        .filter(|row| row[0].parse::<u8>().is_ok())
        .collect();
    let known: Vec<Vec<String>> = ALL
        .iter()
        .map(|entry| {
            let spec = entry.spec();
            let kinds: Vec<_> = spec.kinds.iter().map(|kind| kind.as_str()).collect();
            let cells = [&spec.rank.to_string(), spec.name, &format!("`{}`", spec.id)];
            let mut cells: Vec<String> = cells.into_iter().map(str::to_owned).collect();
            cells.push(kinds.join(", "));
            cells
        })
        .collect();
    assert_eq!(told.len(), 47);
    for (told, known) in told.iter().zip(&known) {
        assert_eq!(told, known, "in the README, and in the catalog");
    }
}

#[test]
fn every_service_is_told_in_full_with_every_permission_that_it_asks_for() {
    let readme = file("README.md");
    let told: BTreeMap<&str, Vec<&str>> = rows(section(&readme, "Services"))
        .into_iter()
        .filter(|row| row[0].parse::<u8>().is_err())
        .map(|row| (row[0], row))
        .collect();
    let known: BTreeMap<&str, _> = ALL.iter().map(|of| (of.spec().name, of.spec())).collect();
    let names = |all: &mut dyn Iterator<Item = &&str>| all.map(|name| (*name).to_owned()).collect();
    same("the README's services", &names(&mut told.keys()), &names(&mut known.keys()));
    for (name, spec) in known {
        let row = &told[name];
        assert!(row.len() == 6 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        for scope in spec.oauth.iter().flat_map(|oauth| oauth.scopes) {
            let short = scope.rsplit('/').next().unwrap();
            let mut told = row[5].split([' ', '`', ',']);
            assert!(told.any(|word| word == short), "{name} needs {short}");
        }
    }
}

#[test]
fn the_provider_in_the_guide_is_one_that_compiles() {
    let guide = file("CONTRIBUTING.md");
    let compiled = file("tests/docs/pebble.rs").replace("neotoma_importers::", "crate::");
    assert!(guide.contains(&format!("```rust\n{compiled}```\n")), "tests/docs/pebble.rs differs");
    let known: &dyn AnyProvider = &pebble::Pebble;
    assert_eq!(known.spec().id, "pebble");
}

#[test]
fn the_guide_names_every_room() {
    let guide = file("CONTRIBUTING.md");
    let told: String = rows(section(&guide, "The rooms")).iter().map(|row| row[0]).collect();
    let rooms = Regex::new("pub mod ([a-z]+);").unwrap();
    for room in rooms.captures_iter(&file("src/lib.rs")) {
        assert!(told.contains(&format!("`{}`", &room[1])), "{} is not told of", &room[1]);
    }
}

#[test]
fn every_link_inside_the_project_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)]+)\)").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for name in DOCUMENTS {
        let document = file(name);
        for found in link.captures_iter(&document).map(|found| found[1].to_owned()) {
            checked += 1;
            if let Some(anchor) = found.strip_prefix('#') {
                let heading = |line: &str| line.to_lowercase().replace(' ', "-");
                let mut headings = document.lines().filter_map(|line| line.strip_prefix("## "));
                assert!(headings.any(|line| heading(line) == anchor), "{name}: {found}");
            } else if !found.starts_with("https://") {
                assert!(root.join(&found).exists(), "{name}: {found}");
            }
        }
    }
    assert!(checked > 10, "{checked}");
}

#[test]
fn the_documents_name_no_place_of_one_machine() {
    for name in DOCUMENTS {
        let document = file(name);
        for place in ["/root/", "/work/", "/home/", "/tmp/", "/Users/"] {
            assert!(!document.contains(place), "{name} names {place}");
        }
    }
}

/// What was written, for who wrote it and for who reads it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_demonstration_comes_to_its_end_and_leaves_nothing_behind() {
    let written = Written::default();
    let screen = Arc::new(screen::Screen::plain(written.clone()));
    let sandbox = sandbox::Sandbox::start(sandbox::World::short_demo(1)).await.unwrap();
    let folder = assistant::Folder::make().unwrap();
    let place = folder.path().to_owned();
    let heard = Arc::clone(&screen);
    let heard = move |line: &str| heard.whisper(line).unwrap();
    let (program, vendors) = (tokio::process::Command::new(PROGRAM), sandbox.url().to_string());
    let assistant = assistant::Assistant::launch(program, &folder, &vendors, heard).await.unwrap();
    tour::vendors(&screen, &sandbox).unwrap();
    tour::tell(&screen, &sandbox, &assistant).await.unwrap();
    assistant.close().await.unwrap();
    assert!(!place.join("data/cluster/postmaster.pid").exists(), "the database runs on");
    folder.remove().await.unwrap();
    assert!(!place.exists());
    let told = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    for part in ["as many as the vendors hold", "and nothing else", "every record once"] {
        assert!(told.contains(part), "{told}");
    }
    for vendor in sandbox::Vendor::ALL {
        let token = sandbox.grant(vendor).access_token();
        assert!(!told.contains(&token), "a token is shown: {told}");
    }
    assert!(!told.contains('\u{1b}'), "a pipe gets no colours");
}
