//! The server over HTTP: who is answered, by which names it is called, how much and how slowly it may be told, whose data a
//! token shows, and that any process answers any request.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "support/http.rs"]
mod http;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "../examples/demo/sandbox/mod.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod sandbox;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "support/stage.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod stage;

use std::time::Duration;

use http::{Http, free_port, listens};
use neotoma_importers::{
    app::App,
    config::Settings,
    ids::OwnerId,
    web::{HttpSettings, serve_http},
};
use rustix::process::Signal;
use sandbox::Vendor;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::{KEY, Program, Running, address, until};
use stage::{Stage, sorted};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// A server of the stage's program, and a client of this owner.
async fn serve(stage: &Stage, owner: &str) -> (Running, Http) {
    let port = free_port();
    let token = token(&stage.program, owner).await;
    let running = stage.program.start(&["serve", "--http", &format!("127.0.0.1:{port}")]);
    listens(port).await;
    (running, Http::new(port, &token))
}

async fn token(program: &Program, owner: &str) -> String {
    let made = program.done(&["token", "create", "--owner", owner, "--json"]).await.json();
    made["token"].as_str().unwrap().to_owned()
}

fn list() -> (&'static str, Value, Value) {
    ("tools/list", json!({}), json!({}))
}

/// The status of a list of tools.
async fn listed(client: &Http) -> u16 {
    let (method, params, capabilities) = list();
    client.request(method, params, &capabilities).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn nobody_is_answered_without_a_token_that_holds() {
    let stage = Stage::mails(0).await;
    let (_running, client) = serve(&stage, "ann").await;
    assert_eq!(listed(&client).await, 200);
    let ended = token(&stage.program, "bob").await;
    let sql =
        "UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE owner_id = 'bob'";
    sqlx::query(sql).execute(&stage.database).await.unwrap();
    let revoked = token(&stage.program, "cleo").await;
    assert_eq!(listed(&client.with(&revoked)).await, 200);
    let all = stage.program.done(&["token", "list", "--owner", "cleo", "--json"]).await.json();
    let id = all[0]["token_id"].as_str().unwrap();
    stage.program.done(&["token", "revoke", "--owner", "cleo", id]).await;
    for (token, error) in [
        ("", ""),
        ("nim_wrong", "invalid_token"),
        (&ended, "invalid_token"),
        (&revoked, "invalid_token"),
    ] {
        let (method, params, capabilities) = list();
        let refused =
            client.with(token).request(method, params, &capabilities).send().await.unwrap();
        assert_eq!(refused.status(), 401, "{token}");
        let asks = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(asks.starts_with("Bearer ") && asks.contains(error), "{asks}");
        let said = refused.text().await.unwrap();
        assert!(said.contains("neotoma token create") && !said.contains("nim_"), "{said}");
    }
    // A code that signs in to a page is no token.
    let code = stage.program.done(&["token", "code", "--owner", "ann"]).await.out;
    assert_eq!(listed(&client.with(code.trim())).await, 401);
    // Health is anybody's to ask, and tells of nothing.
    for (path, says) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = client.get(path).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.unwrap(), says);
    }
    assert_eq!(client.get("/connect/abc").await.status(), 404, "there is no public address");
}

#[tokio::test]
async fn a_page_of_somebody_elses_reaches_nothing_by_a_browser() {
    let stage = Stage::mails(0).await;
    let (_running, client) = serve(&stage, "ann").await;
    let port = client.url.rsplit(':').next().unwrap();
    let asked = async |name: &'static str, value: String| {
        let (method, params, capabilities) = list();
        let request = client.request(method, params, &capabilities).header(name, value);
        request.send().await.unwrap().status().as_u16()
    };
    for host in
        ["evil.test".to_owned(), format!("evil.test:{port}"), format!("localhost.evil.test:{port}")]
    {
        assert_eq!(asked("host", host).await, 421);
    }
    for origin in ["http://evil.test".to_owned(), format!("http://evil.test:{port}"), "null".into()]
    {
        assert_eq!(asked("origin", origin.clone()).await, 403, "{origin}");
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(asked("host", format!("{host}:{port}")).await, 200);
    }
    assert_eq!(asked("origin", format!("http://localhost:{port}")).await, 200);
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_not_taken_and_the_next_call_is() {
    let stage = Stage::mails(0).await;
    let (_running, client) = serve(&stage, "ann").await;
    let (method, params, capabilities) = list();
    let request = || client.request(method, params.clone(), &capabilities);
    let large = vec![b' '; 10 << 20];
    let declared = request().body(large.clone()).send().await.unwrap();
    assert_eq!(declared.status(), 413, "and whoever sent it all learns why");
    let pieces: Vec<_> =
        large.chunks(1 << 16).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let chunked = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    assert_eq!(request().body(chunked).send().await.unwrap().status(), 413);
    let little_too_large = request().body(vec![b' '; (1 << 20) + 1]).send().await.unwrap();
    assert_eq!(little_too_large.status(), 413);
    for nonsense in ["", "{", "[]", "null", "{\"jsonrpc\": \"2.0\"}"] {
        let answer = request().body(nonsense).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{nonsense:?}: {}", answer.status());
    }
    assert_eq!(listed(&client).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_is_waited_for_only_so_long() {
    let database = postgres::fresh_database().await;
    let settings = Settings {
        database_url: Some(address(&database).into()),
        secret_key: Some(KEY.into()),
        ..Settings::default()
    };
    let app = App::new(settings).unwrap();
    let (token, _) = app.create_token(&OwnerId::new("ann").unwrap(), None).await.unwrap();
    let (port, stop) = (free_port(), CancellationToken::new());
    let http = HttpSettings {
        patience: Duration::from_millis(200),
        ..HttpSettings::at(([127, 0, 0, 1], port).into(), None)
    };
    let serving = tokio::spawn(serve_http(app.clone(), http, stop.clone()));
    listens(port).await;
    let mut slow = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{",
        token.expose_secret()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64];
    let read = tokio::time::timeout(Duration::from_mins(1), slow.read(&mut answer)).await;
    let read = read.unwrap().unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    // It stops although the slow one is still there.
    stop.cancel();
    serving.await.unwrap().unwrap();
    app.close().await;
}

#[tokio::test]
async fn every_tool_shows_a_caller_what_is_theirs_alone() {
    let stage = Stage::mails(3).await;
    let (_running, ann) = serve(&stage, "ann").await;
    let bob = ann.with(&token(&stage.program, "bob").await);
    let secrets = stage.token(Vendor::Gmail);
    let linked = ann.does("link_connector", json!({"provider": "gmail", "secrets": secrets})).await;
    let run = ann.does("sync_provider_imports", json!({"provider": "gmail"})).await;
    let found = ann.does("search_records", json!({})).await;
    assert_eq!(found["count"], 3);
    let (connector, run) = (&linked["connector_id"], &run["runs"][0]["run_id"]);
    let record = &found["records"][0]["record_id"];
    let nobodys = json!("0198c1de-0000-7000-8000-000000000001");
    for (tool, argument, theirs) in [
        ("sync_external_connector", "connector_id", connector),
        ("delete_connector", "connector_id", connector),
        ("search_records", "connector_id", connector),
        ("list_sync_runs", "run_id", run),
        ("get_record", "record_id", record),
    ] {
        // What is another's is as what is not there.
        let mut said = Vec::new();
        for given in [theirs, &nobodys] {
            let refused = bob.refuses(tool, Value::from_iter([(argument, given.clone())])).await;
            said.push(refused.replace(given.as_str().unwrap(), "ID"));
        }
        assert_eq!(said[0], said[1], "{tool}");
    }
    let runs = bob.does("list_sync_runs", json!({"connector_id": connector})).await;
    assert_eq!(runs["runs"], json!([]));
    let sync = json!({"provider": "gmail", "connector_id": connector});
    bob.refuses("sync_provider_imports", sync).await;
    for (kind, id) in [("connectors", connector), ("records", record)] {
        let uri = format!("neotoma://{kind}/{}", id.as_str().unwrap());
        let read = bob.ask("resources/read", json!({"uri": uri}), &json!({})).await;
        assert_eq!(read["error"]["message"], "there is no such resource", "{read}");
    }
    for (tool, list) in [
        ("list_connectors", "connectors"),
        ("list_sync_runs", "runs"),
        ("search_records", "records"),
    ] {
        assert_eq!(bob.does(tool, json!({})).await[list], json!([]), "{tool}");
    }
    // The same account is linked by each for themselves.
    let secrets = stage.token(Vendor::Gmail);
    let own = bob.does("link_connector", json!({"provider": "gmail", "secrets": secrets})).await;
    assert_ne!(&own["connector_id"], connector);
    assert_eq!(ann.does("list_connectors", json!({})).await["count"], 1);
}

#[tokio::test]
async fn any_process_answers_any_round_of_a_call_and_a_state_serves_once_in_all() {
    let stage = Stage::mails(3).await;
    let (_first, one) = serve(&stage, "ann").await;
    let (_second, other) = serve(&stage, "ann").await;
    let secrets = stage.token(Vendor::Gmail);
    let linked = one.does("link_connector", json!({"provider": "gmail", "secrets": secrets})).await;
    one.does("sync_provider_imports", json!({"provider": "gmail"})).await;
    let can_ask = json!({"elicitation": {"form": {}}});
    let arguments = json!({"connector_id": linked["connector_id"], "delete_records": true});
    let call = json!({"name": "delete_connector", "arguments": arguments});
    let ask = async |of: &Http, again: Option<(&Value, &str)>| {
        let mut call = call.clone();
        if let Some((sealed, action)) = again {
            call["requestState"] = sealed.clone();
            call["inputResponses"] = json!({"confirm": {"action": action}});
        }
        of.ask("tools/call", call, &can_ask).await
    };
    let asked = ask(&one, None).await;
    let sealed = &asked["result"]["requestState"];
    assert!(sealed.is_string(), "{asked}");
    // Somebody else with the state is not the one who was asked.
    let bob = other.with(&token(&stage.program, "bob").await);
    let refused = ask(&bob, Some((sealed, "accept"))).await;
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    let declined = ask(&other, Some((sealed, "decline"))).await;
    assert_eq!(declined["result"]["isError"], true, "{declined}");
    for of in [&one, &other] {
        let replayed = ask(of, Some((sealed, "accept"))).await;
        assert_eq!(replayed["error"]["code"], -32602, "{replayed}");
    }
    assert_eq!(stage.alive().await.len(), 3);
    let asked = ask(&one, None).await;
    let done = ask(&other, Some((&asked["result"]["requestState"], "accept"))).await;
    assert_eq!(done["result"]["structuredContent"]["records_deleted"], 3, "{done}");
}

#[tokio::test]
async fn a_client_that_hangs_up_in_mid_sync_stops_it_at_the_page() {
    let stage = Stage::mails(60).await;
    let (_running, client) = serve(&stage, "ann").await;
    let secrets = stage.token(Vendor::Gmail);
    let linked =
        client.does("link_connector", json!({"provider": "gmail", "secrets": secrets})).await;
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let arguments =
        json!({"connector_id": linked["connector_id"], "limit": 20, "wait_seconds": 25});
    let params = json!({"name": "sync_external_connector", "arguments": arguments});
    let call = tokio::spawn(client.request("tools/call", params, &json!({})).send());
    gate.reached().await;
    until("the first page is stored", async || stage.alive().await.len() == 20).await;
    call.abort();
    until("the run has ended", async || {
        let runs = client.does("list_sync_runs", json!({})).await;
        runs["runs"][0]["status"] == "cancelled"
    })
    .await;
    gate.open();
    assert_eq!(stage.alive().await.len(), 20);
    let rest = client.does("sync_provider_imports", json!({"provider": "gmail"})).await;
    assert_eq!(rest["runs"][0]["stats"]["created"], 40, "{rest}");
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_answers_what_it_is_at_and_ends_well() {
    let stage = Stage::mails(60).await;
    let (running, client) = serve(&stage, "ann").await;
    let secrets = stage.token(Vendor::Gmail);
    let linked =
        client.does("link_connector", json!({"provider": "gmail", "secrets": secrets})).await;
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let arguments =
        json!({"connector_id": linked["connector_id"], "limit": 20, "wait_seconds": 25});
    let waiting = client.clone();
    let call =
        tokio::spawn(async move { waiting.call("sync_external_connector", arguments).await });
    gate.reached().await;
    until("the first page is stored", async || stage.alive().await.len() == 20).await;
    running.signal(Signal::TERM);
    let told = call.await.unwrap();
    gate.open();
    let ran = running.ended().await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        told.as_ref().is_err_and(|said| said.contains("cancelled") || said.contains("stopped"))
            || told.as_ref().is_ok_and(|run| run["status"] == "cancelled"),
        "{told:?}"
    );
    assert_eq!(stage.alive().await.len(), 20, "whole pages");
    let running = "SELECT count(*) FROM external_sync_runs WHERE status = 'running'";
    assert_eq!(stage.count(running).await, 0);
}

#[tokio::test]
async fn a_server_that_others_reach_needs_a_token_and_its_address() {
    let stage = Stage::mails(0).await;
    let at = format!("0.0.0.0:{}", free_port());
    let ran = stage.program.run(&["serve", "--http", &at]).await;
    assert!(ran.code != 0 && ran.err.contains("PUBLIC_URL"), "{ran:?}");
    let program = Program::over(&stage.database, &stage.sandbox.url())
        .with("PUBLIC_URL", "https://neotoma.example.com");
    let ran = program.run(&["serve", "--http", &at]).await;
    assert!(ran.code != 0 && ran.err.contains("neotoma token create"), "{ran:?}");
}
