//! A server of one tool that does nothing: what the protocol's library itself takes, over the same transport and on the same
//! runtime as the program's server.

use rmcp::{ServiceExt as _, tool, tool_router, transport::io::stdio_pipes};

/// Says that a process is that server.
pub const SERVER: &str = "NEOTOMA_FIGURES_TRIVIAL";

/// The server.
struct Trivial;

#[tool_router(server_handler)]
impl Trivial {
    #[tool(description = "Answers.")]
    fn ping() -> String {
        "pong".into()
    }
}

/// Is that server, until its client leaves.
///
/// # Errors
/// When the client does not speak the protocol.
pub fn main() -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        Trivial.serve(stdio_pipes()).await?.waiting().await?;
        Ok(())
    })
}
