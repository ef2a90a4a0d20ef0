//! Several processes at once: over one connector, over one token that changes with each use, over no database yet.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, reason = "a test stops where something is not as it must be")]

#[path = "support/cluster.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod cluster;
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

use futures::future::join_all;
use sandbox::{
    Vendor,
    data::Sizes,
    faults::{Fault, Gate, Rule},
};
use serde_json::{Value, json};
use server::{Program, Ran, Server, until};
use stage::{Stage, sorted};

const SLACK_APP: [(&str, &str); 2] =
    [("SLACK_OAUTH_CLIENT_ID", "an-app"), ("SLACK_OAUTH_CLIENT_SECRET", "its-secret")];

fn import(connector: &str) -> Vec<&str> {
    vec!["import", "--json", "--connector-id", connector]
}

fn runs(all: &[Ran]) -> Vec<Value> {
    all.iter().map(|ran| ran.json()[0].clone()).collect()
}

#[tokio::test]
async fn of_two_processes_that_sync_one_connector_one_runs_and_the_other_joins_it() {
    let stage = Stage::mails(60).await;
    let connector = stage.link(Vendor::Gmail).await;
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let import = [&import(&connector)[..], &["--limit", "20"]].concat();
    let first = stage.program.start(&import);
    gate.reached().await;
    let second = stage.program.start(&import);
    let mut assistant = stage.program.serve().await;
    let joined = assistant
        .does("sync_external_connector", json!({"connector_id": connector, "wait_seconds": 0}))
        .await;
    assert_eq!((&joined["already_running"], &joined["more"]), (&json!(true), &json!(true)));
    // The second process is known to have joined when it has looked at the run.
    until("the second process looks on", async || {
        let sql = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'neotoma' AND query LIKE 'SELECT r.*%'";
        stage.count(sql).await >= 2
    })
    .await;
    gate.open();
    let ended = runs(&[first.ended().await, second.ended().await]);
    assert_eq!(ended[0]["run_id"], ended[1]["run_id"]);
    assert_eq!(ended[0]["run_id"], joined["run_id"]);
    assert_eq!(
        (&ended[0]["already_running"], &ended[1]["already_running"]),
        (&json!(false), &json!(true))
    );
    assert_eq!((&ended[0]["status"], &ended[1]["status"]), (&json!("success"), &json!("success")));
    assert_eq!(ended[0]["stats"], ended[1]["stats"], "both tell what was done");
    assert_eq!(stage.count("SELECT count(*) FROM external_sync_runs").await, 1);
    assert_eq!(stage.alive().await, sorted(stage.sandbox.gmail().ids()));
    let listed = stage.sandbox.requests_to(Vendor::Gmail, "/messages?").len();
    assert_eq!(listed, 3, "no page was asked for twice");
}

#[tokio::test]
async fn whoever_joined_a_run_whose_process_is_killed_is_not_left_waiting() {
    let stage = Stage::mails(60).await;
    let connector = stage.link(Vendor::Gmail).await;
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let import = [&import(&connector)[..], &["--limit", "20"]].concat();
    let mut first = stage.program.start(&import);
    gate.reached().await;
    let mut assistant = stage.program.serve().await;
    let call = json!({"connector_id": connector, "wait_seconds": 25});
    let asked = assistant.begin("sync_external_connector", call, None).await;
    let second = stage.program.start(&import);
    until("the others look on", async || {
        let sql = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'neotoma' AND query LIKE 'SELECT r.*%'";
        stage.count(sql).await >= 2
    })
    .await;
    first.kill().await;
    gate.open();
    let second = second.ended().await.json()[0].clone();
    let told = assistant.end("sync_external_connector", asked).await;
    assert_eq!(second["status"], "success", "{second}");
    assert_eq!(told.unwrap()["status"], "success");
    assert_eq!(stage.alive().await, sorted(stage.sandbox.gmail().ids()));
    let sql = "SELECT count(*) FROM external_sync_runs WHERE status = 'failed' AND error ->> 'class' = 'interrupted'";
    assert_eq!(stage.count(sql).await, 1);
}

#[tokio::test]
async fn many_processes_at_once_leave_the_records_of_one() {
    let stage =
        Stage::sized(Sizes { mails: 60, tasks: 30, projects: 2, messages: 30, channels: 2 }).await;
    for vendor in Vendor::ALL {
        stage.link(vendor).await;
    }
    let all = ["import", "--json", "--all", "--limit", "25"];
    let ended = join_all((0..4).map(|_| stage.program.run(&all))).await;
    for ran in &ended {
        assert_eq!(ran.code, 0, "{ran:?}");
        let runs = ran.json();
        assert_eq!(runs.as_array().unwrap().len(), 3);
    }
    let wanted = sorted(Vendor::ALL.into_iter().flat_map(|vendor| stage.ids(vendor)).collect());
    assert_eq!(stage.alive().await, wanted);
    let created = "SELECT sum((stats ->> 'created')::bigint)::bigint FROM external_sync_runs";
    assert_eq!(stage.count(created).await, i64::try_from(wanted.len()).unwrap(), "each once");
    let other = "SELECT count(*) FROM external_sync_runs WHERE status <> 'success'";
    assert_eq!(stage.count(other).await, 0);
}

#[tokio::test]
async fn processes_that_link_one_account_at_once_make_one_connector() {
    let stage = Stage::mails(3).await;
    let token = format!("access_token={}", stage.sandbox.grant(Vendor::Gmail).access_token());
    let link = ["link", "gmail", "--secret", &token, "--json"];
    let linked = join_all((0..4).map(|_| stage.program.done(&link))).await;
    let linked: Vec<_> = linked.iter().map(Ran::json).collect();
    assert!(linked.iter().all(|of| of["connector_id"] == linked[0]["connector_id"]), "{linked:?}");
    assert_eq!(linked.iter().filter(|of| of["relinked"] == false).count(), 1, "{linked:?}");
    assert_eq!(stage.count("SELECT count(*) FROM external_connectors").await, 1);
    let run = stage.program.import(linked[0]["connector_id"].as_str().unwrap(), &[]).await;
    assert_eq!(run["status"], "success", "what was sealed last opens: {run}");
}

#[tokio::test]
async fn a_connector_that_another_process_pauses_or_deletes_gets_no_further_page() {
    for (command, records) in
        [(&["connectors", "pause"][..], 20), (&["connectors", "delete", "--records", "--yes"], 0)]
    {
        let stage = Stage::mails(60).await;
        let connector = stage.link(Vendor::Gmail).await;
        let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
        let first = stage.program.start(&[&import(&connector)[..], &["--limit", "20"]].concat());
        gate.reached().await;
        until("the first page is stored", async || stage.alive().await.len() == 20).await;
        stage.program.done(&[command, &[&connector]].concat()).await;
        gate.open();
        let ran = first.ended().await;
        let ended = ran.json()[0].clone();
        assert_eq!((ran.code, &ended["status"]), (1, &json!("cancelled")), "{ran:?}");
        assert_eq!(stage.alive().await.len(), records, "{command:?}");
        let held = "SELECT count(*) FROM external_connectors WHERE lease_run IS NOT NULL";
        assert_eq!(stage.count(held).await, 0);
    }
}

#[tokio::test]
async fn a_token_that_changes_with_each_use_is_exchanged_by_one_of_two_processes() {
    let mut stage =
        Stage::sized(Sizes { mails: 0, tasks: 0, projects: 0, messages: 20, channels: 1 }).await;
    for (name, value) in SLACK_APP {
        stage.program.set(name, value);
    }
    let connector = stage.link_with_refresh(Vendor::Slack).await;
    stage.sandbox.grant(Vendor::Slack).expire();
    let gate = Gate::new();
    let exchange = Rule::new(Fault::Hold(gate.clone())).on(Vendor::Slack).path("oauth.v2.access");
    let exchange = stage.sandbox.inject(exchange.always());
    // A run and a dry one: both use the token, and only the first holds the connector.
    let run = stage.program.start(&import(&connector));
    gate.reached().await;
    let dry = stage.program.start(&[&import(&connector)[..], &["--dry-run"]].concat());
    until("the second process waits for the secrets", async || {
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        stage.count(sql).await > 0
    })
    .await;
    gate.open();
    for ran in [run.ended().await, dry.ended().await] {
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.json()[0]["status"], "success", "{ran:?}");
    }
    assert_eq!(stage.sandbox.struck(exchange), 1, "one process asked for new tokens");
    assert_eq!(stage.sandbox.grant(Vendor::Slack).exchanges(), 1);
    // What is stored is the newest pair: it can be renewed again.
    stage.sandbox.grant(Vendor::Slack).expire();
    let again = stage.program.import(&connector, &[]).await;
    assert_eq!(again["status"], "success", "{again}");
    assert_eq!(stage.sandbox.grant(Vendor::Slack).exchanges(), 2);
}

#[tokio::test]
async fn four_first_starts_at_once_all_come_up_over_one_database() {
    let place = cluster::Place::new();
    let program = Program::new().with("NEOTOMA_DATA_DIR", place.data_dir.to_str().unwrap());
    let mut servers = join_all((0..4).map(|_| program.serve())).await;
    // The first thing that needs the database, of all four at once.
    let lists = servers.iter_mut().map(|server| server.does("list_connectors", json!({})));
    for list in join_all(lists).await {
        assert_eq!(list["count"], 0);
    }
    let server = place.server();
    assert!(server.is_some(), "the database's server runs");
    // Sealed by one, known to all: one database and one key.
    let secrets = json!({"access_token": "t"});
    let link = json!({
        "provider": "gmail", "account_identifier": "maya@kestrel.example", "secrets": secrets, "verify": false,
    });
    let linked = servers[0].does("link_connector", link.clone()).await;
    for server in &mut servers {
        let list = server.does("list_connectors", json!({})).await;
        assert_eq!(list["connectors"][0]["connector_id"], linked["connector_id"]);
        let again = server.does("link_connector", link.clone()).await;
        assert_eq!(again["relinked"], true, "{again}");
    }
    let opened = program.done(&["keys", "rotate", "--json"]).await.json();
    assert_eq!(opened, json!({"resealed": 0, "current": 1, "unopened": 0}), "one key sealed it");
    assert_eq!(place.server(), server, "still the one server");
    for closed in join_all(servers.into_iter().map(Server::close)).await {
        assert!(closed.well, "{}", closed.log);
    }
    assert_eq!(place.server(), None, "the last has stopped it");
    let kept = program.done(&["connectors", "--json"]).await.json();
    assert_eq!(kept[0]["connector_id"], linked["connector_id"]);
}
