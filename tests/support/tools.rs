//! Programs of others that tests hold ours against: packages of npm, in a folder that `.ci/run` fills and that
//! `NEOTOMA_TEST_TOOLS` may name.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Makes a skipped check a failed one.
const ALL: &str = "NEOTOMA_TEST_ALL";
/// Where the packages are; `tools` in the target folder where it is unset.
const TOOLS: &str = "NEOTOMA_TEST_TOOLS";

/// A program of a package.
pub struct Tool {
    node: PathBuf,
    script: PathBuf,
}

impl Tool {
    /// The program of a package for that version of Node.js or a later one; `None`, and a line that says so, where one of
    /// them is missing.
    pub fn find(package: &str, script: &str, node: u32) -> Option<Self> {
        let tools = std::env::var_os(TOOLS).map_or_else(
            || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools"),
            PathBuf::from,
        );
        let packages = tools.join("node_modules");
        let script = packages.join(package).join(script);
        if !script.is_file() {
            return skip(&format!("the npm package {package} is not in {}", packages.display()));
        }
        let ours = packages.join(format!("node{node}/bin/node"));
        let node = [ours, PathBuf::from("node")].into_iter().find(|path| version(path) >= node);
        match node {
            Some(node) => Some(Self { node, script }),
            None => skip(&format!("{package} needs a newer Node.js")),
        }
    }

    /// The program, to be given its arguments.
    pub fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.node);
        command.arg(&self.script).env("NO_COLOR", "1").kill_on_drop(true);
        command
    }
}

/// The major version; 0 where there is none.
fn version(node: &Path) -> u32 {
    let said = Command::new(node).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    said.trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Says that a check is left out; fails where none may be.
pub fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var_os(ALL).is_none(), "{ALL} is set, and {why}");
    eprintln!("skipped: {why}");
    None
}
