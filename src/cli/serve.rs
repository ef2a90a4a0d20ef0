//! `neotoma serve`: the MCP server over stdio, as desktop assistants launch it.

use std::io::{self, IsTerminal as _};

use clap::Args;

use super::{exit::Exit, out};
use crate::{app::App, ids::OwnerId, mcp};

/// Arguments of `neotoma serve`.
#[derive(Debug, Args)]
#[command(after_help = "Example (as an assistant launches it; see neotoma install):
  neotoma serve --owner local")]
pub struct ServeArgs {}

/// Serves until stdin ends or the program is asked to stop. Nothing but protocol is written to stdout.
///
/// # Errors
/// When the protocol cannot be spoken.
pub async fn run(app: &App, owner: OwnerId) -> anyhow::Result<Exit> {
    if io::stdin().is_terminal() {
        out::say(
            "this speaks MCP on stdin and stdout and is launched by an assistant: neotoma install adds it to yours; Ctrl-C ends it",
        );
    }
    mcp::serve_stdio(app.clone(), owner).await?;
    Ok(Exit::Done)
}
