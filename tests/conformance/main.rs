//! The protocol's conformance suite, against our router and settings: once with a server that has everything the suite
//! tries, and once with the real program, which is known to lack the suite's own tools.
//!
//! The suite sends no token, and there is no switch that turns authentication off: it calls through a proxy that adds one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod fixtures;
#[path = "../support/postgres.rs"]
mod postgres;
mod proxy;
mod rounds;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
mod tasks;
#[path = "../support/tools.rs"]
mod tools;

use std::{fmt::Write as _, path::Path, process::Stdio, sync::Arc};

use neotoma_importers::{
    app::App,
    config::Settings,
    ids::OwnerId,
    web::{HttpSettings, serve_handler},
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::{
    fixtures::Fixtures,
    proxy::{Proxy, free_port},
    server::{KEY, Program, address},
    tools::Tool,
};

fn suite() -> Option<Tool> {
    Tool::find("@modelcontextprotocol/conformance", "dist/index.js", 22)
}

/// Runs the suite against an address; gives its summary.
async fn holds(suite: &Tool, url: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = suite.command();
    command.args(["server", "--url", url]).args(arguments).arg("-o").arg(folder.path());
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = said.split("=== SUMMARY ===").last().unwrap_or_default().trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{summary}\n{}\n{errors}", failed(folder.path()));
    summary
}

/// What did not hold, out of the results that the suite has written.
fn failed(results: &Path) -> String {
    let mut failed = String::new();
    for scenario in std::fs::read_dir(results).into_iter().flatten() {
        let scenario = scenario.unwrap();
        let Ok(checks) = std::fs::read(scenario.path().join("checks.json")) else { continue };
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap();
        let name = scenario.file_name();
        for check in
            checks.iter().filter(|of| of["status"] == "FAILURE" || of["status"] == "WARNING")
        {
            let (id, why) = (check["id"].as_str(), check["errorMessage"].as_str());
            writeln!(failed, "{}: {id:?}: {why:?}", name.display()).unwrap();
        }
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_all_that_the_suite_tries_conforms_behind_our_router() {
    let Some(suite) = suite() else { return };
    let database = postgres::fresh_database().await;
    let proxy = Proxy::listen().await;
    let settings = Settings {
        database_url: Some(address(&database).into()),
        secret_key: Some(KEY.into()),
        ..Settings::default()
    };
    let app = App::new(settings).unwrap();
    let (token, _) = app.create_token(&OwnerId::new("suite").unwrap(), None).await.unwrap();
    let port = free_port();
    let public_url = Some(proxy.url().parse().unwrap());
    let http = HttpSettings::at(([127, 0, 0, 1], port).into(), public_url);
    let (stop, handler) = (CancellationToken::new(), Arc::new(Fixtures::new()));
    let serving = tokio::spawn(serve_handler(app.clone(), http, handler, stop.clone()));
    let url = proxy.open(port, token.expose_secret()).await;
    let said = holds(&suite, &url, &["--requirements", "2026-07-28"]).await;
    assert!(said.contains("✓ tasks-lifecycle") && !said.contains('✗'), "{said}");
    stop.cancel();
    serving.await.unwrap().unwrap();
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_conforms_in_both_eras_but_for_the_suites_own_tools() {
    let Some(suite) = suite() else { return };
    let database = postgres::fresh_database().await;
    let proxy = Proxy::listen().await;
    let program = Program::new()
        .with("DATABASE_URL", &address(&database))
        .with("CONNECTOR_SECRET_KEY", KEY)
        .with("PUBLIC_URL", proxy.url());
    let token = program.done(&["token", "create", "--owner", "suite", "--json"]).await.json();
    let port = free_port();
    let _serving = program.start(&["serve", "--http", &format!("127.0.0.1:{port}")]);
    let url = proxy.open(port, token["token"].as_str().unwrap()).await;
    for era in ["2026-07-28", "2025-11-25"] {
        let known = format!("tests/conformance/{era}.yml");
        let arguments = ["--suite", "all", "--spec-version", era, "--expected-failures", &known];
        let said = holds(&suite, &url, &arguments).await;
        assert!(said.contains("✓ tools-list") && said.contains("✓ prompts-list"), "{said}");
    }
}
