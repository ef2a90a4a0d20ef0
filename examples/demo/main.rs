//! The demonstration: for now it starts the sandbox of vendors and waits.

use std::io::Write;

#[expect(dead_code, reason = "its mutators and faults are for the tests")]
mod sandbox;

use sandbox::{Sandbox, Vendor, World};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sandbox = Sandbox::start(World::demo(1)).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "NEOTOMA_EGRESS_OVERRIDE={}", sandbox.url())?;
    for vendor in Vendor::ALL {
        writeln!(out, "{}: token {}", vendor.id(), sandbox.grant(vendor).access_token())?;
    }
    drop(out);
    tokio::signal::ctrl_c().await?;
    Ok(())
}
