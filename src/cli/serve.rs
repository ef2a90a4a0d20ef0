//! `neotoma serve`: the MCP server over stdio, as desktop assistants launch it, or over streamable HTTP.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{exit::Exit, out, signals::Signals};
use crate::{
    app::App,
    ids::OwnerId,
    mcp,
    web::{self, HttpSettings, loopback::Loopback},
};

/// Arguments of `neotoma serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma serve --owner local              (as an assistant launches it; see neotoma install)
  neotoma serve --http 127.0.0.1:8080      (callers show a token; see neotoma token)")]
pub struct ServeArgs {
    /// Listen at this address instead of speaking on stdin and stdout; each caller's token says whose data it is
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
}

impl ServeArgs {
    /// Whether an assistant has launched it, and is alone at its other end.
    pub const fn is_stdio(&self) -> bool {
        self.http.is_none()
    }
}

/// Serves until stdin ends or the program is asked to stop. Over stdio nothing but protocol is written to stdout.
///
/// # Errors
/// When the protocol cannot be spoken, or the address not be listened at.
pub async fn run(app: &App, owner: OwnerId, args: ServeArgs) -> anyhow::Result<Exit> {
    let Some(address) = args.http else {
        if io::stdin().is_terminal() {
            out::say(
                "this speaks MCP on stdin and stdout and is launched by an assistant: neotoma install adds it to \
                 yours; Ctrl-C ends it",
            );
        }
        app.land_at(Loopback::new());
        mcp::serve_stdio(app.clone(), owner).await?;
        return Ok(Exit::Done);
    };
    let mut signals = Signals::listen()?;
    let stop = CancellationToken::new();
    let settings = HttpSettings::at(address, app.public_url().cloned());
    let serving = web::serve_http(app.clone(), settings, stop.clone());
    tokio::pin!(serving);
    out::say(format_args!("serving MCP at http://{address}/mcp; Ctrl-C ends it"));
    tokio::select! {
        served = &mut serving => served?,
        () = signals.next() => {
            stop.cancel();
            serving.await?;
        }
    }
    Ok(Exit::Done)
}
