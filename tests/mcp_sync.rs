//! The main job through the tools, as an assistant does it: link, sync, watch, search, read, confirm.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

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

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use sandbox::{
    Vendor, World,
    data::Sizes,
    faults::{Fault, Gate, Rule},
    gmail::{Gmail, NewMail},
};
use serde_json::{Value, json};
use server::{ANSWER, Program, Server, until};
use stage::{Stage, sorted};

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

/// The run of that id, as it stands.
async fn run(assistant: &mut Server, id: &Value) -> Value {
    assistant.does("list_sync_runs", json!({"run_id": id})).await["runs"][0].clone()
}

/// Waits until a run has ended.
async fn ended(assistant: &mut Server, id: &Value) -> Value {
    until("the end of the run", async || run(assistant, id).await["status"] != "running").await;
    run(assistant, id).await
}

/// A run of sixty mails that is held after its first page of twenty, and its gate.
async fn held(stage: &Stage, assistant: &mut Server, connector: &str) -> (Value, Gate) {
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let sync = json!({"connector_id": connector, "limit": 20, "wait_seconds": 0});
    let begun = assistant.does("sync_external_connector", sync).await;
    assert_eq!((&begun["status"], &begun["more"]), (&json!("running"), &json!(true)), "{begun}");
    gate.reached().await;
    until("the first page is stored", async || stage.alive().await.len() == 20).await;
    (begun["run_id"].clone(), gate)
}

#[tokio::test]
async fn an_account_is_linked_synced_searched_and_read() {
    let sizes = Sizes { mails: 12, tasks: 12, projects: 1, messages: 12, channels: 1 };
    let stage = Stage::sized(sizes).await;
    let mut assistant = stage.program.serve().await;
    for vendor in Vendor::ALL {
        let found = assistant.does("list_providers", json!({"provider": vendor.id()})).await;
        assert_eq!(found["providers"][0]["status"], "ready");
        let id = assistant.link(vendor.id(), stage.token(vendor)).await;
        let run = assistant.sync(&id).await.unwrap();
        assert_eq!(
            (&run["status"], &run["stats"]["created"]),
            (&json!("success"), &json!(12)),
            "{run}"
        );
        assert_eq!((&run["more"], &run["connector_id"]), (&json!(false), &json!(id)));
        assert!(!text(&run["account"]).is_empty(), "the account is named: {run}");
    }
    let listed = assistant.does("list_connectors", json!({})).await;
    assert_eq!(listed["count"], 3);
    for connector in listed["connectors"].as_array().unwrap() {
        assert_eq!(
            (&connector["records"], &connector["secrets_set"]),
            (&json!(12), &json!(["access_token"]))
        );
        assert!(connector["last_successful_sync"].is_string(), "{connector}");
    }
    let one = assistant.does("list_connectors", json!({"provider": "asana"})).await;
    assert_eq!(one["count"], 1);
    // Mails, tasks and messages, by their words.
    for (query, types, provider) in [
        ("barometer", "message", "gmail"),
        ("bucket", "task", "asana"),
        ("wind", "message", "slack"),
    ] {
        let search = json!({"query": query, "types": [types], "providers": [provider], "limit": 3});
        let found = assistant.does("search_records", search).await;
        assert_eq!(found["count"], 3, "{found}");
        let row = &found["records"][0];
        assert_eq!((&row["type"], &row["provider"]), (&json!(types), &json!(provider)));
        let whole = assistant.does("get_record", json!({"record_id": row["record_id"]})).await;
        assert_eq!((&whole["record_id"], &whole["truncated"]), (&row["record_id"], &json!(false)));
        let field = if types == "task" { "name" } else { "text" };
        let part = json!({"record_id": row["record_id"], "fields": [field]});
        let part = assistant.does("get_record", part).await;
        assert_eq!(part["properties"].as_object().unwrap().len(), 1, "{part}");
        assert_eq!(part["properties"][field], whole["properties"][field]);
    }
    // Something changes at the vendors; the next sync brings that, and nothing else.
    stage.sandbox.gmail().deliver(NewMail::from("zoe@kestrel.example").subject("Anemometer"));
    let synced = assistant.does("sync_provider_imports", json!({"provider": "gmail"})).await;
    let stats = &synced["runs"][0]["stats"];
    assert_eq!(
        (&stats["created"], &stats["updated"], &stats["pages"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let found = assistant.does("search_records", json!({"query": "anemometer"})).await;
    assert_eq!(found["records"][0]["title"], "Anemometer");
}

#[tokio::test]
async fn a_long_sync_goes_on_in_the_background_and_is_watched() {
    let stage = Stage::mails(60).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let (run_id, gate) = held(&stage, &mut assistant, &id).await;
    until("the run shows its first page", async || {
        run(&mut assistant, &run_id).await["stats"]["created"] == 20
    })
    .await;
    let going = run(&mut assistant, &run_id).await;
    assert_eq!((&going["status"], &going["more"]), (&json!("running"), &json!(true)));
    let listed = assistant.does("list_connectors", json!({})).await;
    assert_eq!(listed["connectors"][0]["running"], run_id);
    // Asked for again, it is joined; one that would do more is not.
    let began = Instant::now();
    let sync = json!({"connector_id": id, "wait_seconds": 1});
    let joined = assistant.does("sync_external_connector", sync).await;
    assert_eq!((&joined["run_id"], &joined["already_running"]), (&run_id, &json!(true)));
    assert!(began.elapsed() >= Duration::from_secs(1), "it was waited for");
    let initial = json!({"connector_id": id, "sync_type": "initial"});
    let said = assistant.refuses("sync_external_connector", initial).await;
    assert!(said.contains("asked for less") && said.contains(text(&run_id)), "{said}");
    gate.open();
    let done = ended(&mut assistant, &run_id).await;
    assert_eq!((&done["status"], &done["stats"]["created"]), (&json!("success"), &json!(60)));
    assert_eq!(done["more"], false);
    let running = assistant.does("list_sync_runs", json!({"status": "running"})).await;
    assert_eq!(running["runs"], json!([]));
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
}

#[tokio::test]
async fn progress_is_told_while_a_sync_is_waited_for() {
    let stage = Stage::mails(60).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    // The second page is held until the first has been told of, and throttled then.
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    stage.sandbox.inject(Rule::new(Fault::Throttled(2)).path("/messages?*pageToken=").after(1));
    let sync = json!({"connector_id": id, "limit": 20, "wait_seconds": 25});
    let call = assistant.begin("sync_external_connector", sync, Some("token-1")).await;
    let mut told = Vec::new();
    while told.last().is_none_or(|of: &Value| of["params"]["message"] != "20 records, 1 page") {
        told.push(assistant.receive().await.unwrap());
    }
    gate.open();
    let done = assistant.end("sync_external_connector", call).await.unwrap();
    assert_eq!((&done["status"], &done["stats"]["created"]), (&json!("success"), &json!(60)));
    told.append(&mut assistant.heard);
    assert!(told.iter().all(|of| of["method"] == "notifications/progress"), "{told:?}");
    assert!(told.iter().all(|of| of["params"]["progressToken"] == "token-1"), "{told:?}");
    let values: Vec<_> = told.iter().map(|of| of["params"]["progress"].as_f64().unwrap()).collect();
    assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
    let waits = |of: &Value| {
        let message = text(&of["params"]["message"]);
        message.starts_with("waiting ") && message.contains("throttled")
    };
    assert!(told.iter().any(waits), "{told:?}");
    // Nobody who did not ask is told.
    assistant.sync(&id).await.unwrap();
    assistant.ask("ping", json!({})).await;
    assert_eq!(assistant.heard, Vec::<Value>::new());
}

#[tokio::test]
async fn a_cancelled_call_stops_its_run_at_the_page() {
    let stage = Stage::mails(60).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let gate = stage.sandbox.hold(Vendor::Gmail, "/messages?*pageToken=");
    let sync = json!({"connector_id": id, "limit": 20, "wait_seconds": 25});
    let call = assistant.begin("sync_external_connector", sync, None).await;
    gate.reached().await;
    until("the first page is stored", async || stage.alive().await.len() == 20).await;
    let why = json!({"requestId": call, "reason": "changed my mind"});
    assistant.notify("notifications/cancelled", why).await;
    let newest = assistant.does("list_sync_runs", json!({"limit": 1})).await["runs"][0].clone();
    let run = ended(&mut assistant, &newest["run_id"]).await;
    gate.open();
    assert_eq!(
        (&run["status"], &run["stats"]["created"]),
        (&json!("cancelled"), &json!(20)),
        "{run}"
    );
    assert!(
        assistant.written.iter().all(|of| of["id"] != call),
        "a cancelled call is not answered"
    );
    let rest = assistant.sync(&id).await.unwrap();
    assert_eq!(
        (&rest["status"], &rest["stats"]["created"]),
        (&json!("success"), &json!(40)),
        "{rest}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_and_a_signal_stop_a_background_run_at_the_page() {
    for signal in [None, Some(Signal::TERM)] {
        let stage = Stage::mails(60).await;
        let mut assistant = stage.program.serve().await;
        let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
        let (run_id, gate) = held(&stage, &mut assistant, &id).await;
        let closed = match signal {
            None => assistant.close().await,
            Some(signal) => {
                assistant.signal(signal);
                assistant.ended().await
            }
        };
        gate.open();
        assert!(closed.well, "{}", closed.log);
        let mut next = stage.program.serve().await;
        let run = run(&mut next, &run_id).await;
        assert_eq!(
            (&run["status"], &run["stats"]["created"]),
            (&json!("cancelled"), &json!(20)),
            "{run}"
        );
        let rest = next.sync(&id).await.unwrap();
        assert_eq!((&rest["status"], &rest["stats"]["created"]), (&json!("success"), &json!(40)));
    }
}

#[tokio::test]
async fn a_server_that_was_killed_leaves_no_run_that_is_said_to_run() {
    let stage = Stage::mails(60).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let (run_id, gate) = held(&stage, &mut assistant, &id).await;
    assistant.kill().await;
    gate.open();
    // Whoever started it asks the next server how it stands, without another sync.
    let mut next = stage.program.serve().await;
    let run = run(&mut next, &run_id).await;
    assert_eq!(
        (&run["status"], &run["error"]["class"]),
        (&json!("failed"), &json!("interrupted")),
        "{run}"
    );
    assert_eq!((&run["stats"]["created"], &run["more"]), (&json!(20), &json!(false)));
    let rest = next.sync(&id).await.unwrap();
    assert_eq!((&rest["status"], &rest["stats"]["created"]), (&json!("success"), &json!(40)));
}

#[tokio::test]
async fn a_dry_run_counts_and_leaves_no_trace() {
    let stage = Stage::mails(12).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let sync = json!({"connector_id": id, "dry_run": true});
    let dry = assistant.does("sync_external_connector", sync).await;
    assert_eq!((&dry["status"], &dry["stats"]["created"]), (&json!("success"), &json!(12)));
    assert_eq!(dry["dry_run"], true);
    assert!(dry.get("run_id").is_none(), "{dry}");
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 0);
    assert_eq!(assistant.does("list_sync_runs", json!({})).await["runs"], json!([]));
}

#[tokio::test]
async fn two_accounts_of_a_provider_are_synced_side_by_side_and_told_apart() {
    let mut world = World::empty();
    world.gmail[0].deliver(NewMail::from("a@kestrel.example").subject("To Maya"));
    world.gmail.push(Gmail::new("Zoë Park <zoe@kestrel.example>"));
    world.gmail[1].deliver(NewMail::from("a@kestrel.example").subject("To Zoë"));
    let stage = Stage::of(world).await;
    let mut assistant = stage.program.serve().await;
    let maya = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let token = stage.sandbox.grant_at(Vendor::Gmail, 1).access_token();
    let zoe = assistant.link("gmail", json!({"access_token": token})).await;
    let synced = assistant.does("sync_provider_imports", json!({"provider": "gmail"})).await;
    let runs = synced["runs"].as_array().unwrap();
    let of = |id: &str| runs.iter().find(|run| run["connector_id"] == id).unwrap();
    assert_eq!(text(&of(&maya)["account"]), "maya@kestrel.example");
    assert_eq!(text(&of(&zoe)["account"]), "zoe@kestrel.example");
    assert!(runs.iter().all(|run| run["stats"]["created"] == 1), "{synced}");
    // One of them alone, where it is named.
    let one = json!({"provider": "gmail", "connector_id": zoe});
    let one = assistant.does("sync_provider_imports", one).await;
    assert_eq!(
        (one["runs"].as_array().unwrap().len(), &one["runs"][0]["connector_id"]),
        (1, &json!(zoe))
    );
    let wrong = json!({"provider": "asana", "connector_id": zoe});
    let said = assistant.refuses("sync_provider_imports", wrong).await;
    assert!(said.contains("is an account of gmail"), "{said}");
    // One that fails does not hide the other.
    stage.sandbox.grant_at(Vendor::Gmail, 1).revoke();
    let synced = assistant.does("sync_provider_imports", json!({"provider": "gmail"})).await;
    let statuses: BTreeSet<_> =
        synced["runs"].as_array().unwrap().iter().map(|run| text(&run["status"])).collect();
    assert_eq!(statuses, ["failed", "success"].into());
    // Results name the account that a record is of.
    let found = assistant.does("search_records", json!({})).await;
    for row in found["records"].as_array().unwrap() {
        let whose =
            if row["title"] == "To Maya" { "maya@kestrel.example" } else { "zoe@kestrel.example" };
        assert_eq!(row["account"], whose, "{row}");
    }
    let only = assistant.does("search_records", json!({"connector_id": maya})).await;
    assert_eq!((&only["count"], &only["records"][0]["title"]), (&json!(1), &json!("To Maya")));
}

/// Forty mails, imported; thirty of them are then gone, and the vendor has forgotten its history.
async fn purged() -> (Stage, Server, String) {
    let stage = Stage::mails(40).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    assistant.sync(&id).await.unwrap();
    {
        let mut gmail = stage.sandbox.gmail();
        for id in gmail.ids().into_iter().take(30) {
            gmail.delete(&id).unwrap();
        }
        gmail.expire_history();
    }
    let run = assistant.sync(&id).await.unwrap();
    assert_eq!(
        (&run["status"], &run["removals_waiting"]),
        (&json!("partial"), &json!(30)),
        "{run}"
    );
    (stage, assistant, id)
}

#[tokio::test]
async fn large_removals_are_confirmed_by_a_token() {
    let (stage, mut assistant, id) = purged().await;
    let listed = assistant.does("list_connectors", json!({})).await;
    assert_eq!(listed["connectors"][0]["removals_waiting"], 30);
    let sync = |confirm: Option<&str>| {
        let mut arguments = json!({"connector_id": id, "confirm_removals": true});
        if let Some(token) = confirm {
            arguments["confirm"] = json!(token);
        }
        arguments
    };
    let asked = assistant.does("sync_external_connector", sync(None)).await;
    assert!(text(&asked["question"]).contains("30 records"), "{asked}");
    assert_eq!(
        (&asked["expires_in_seconds"], &asked["account"]),
        (&json!(600), &json!("maya@kestrel.example"))
    );
    assert!(asked.get("run_id").is_none(), "nothing was begun");
    assert_eq!(stage.alive().await.len(), 40);
    // A token is good for its action alone, and is not to be made up.
    let delete = json!({"connector_id": id, "delete_records": true, "confirm": asked["confirm"]});
    let said = assistant.refuses("delete_connector", delete).await;
    assert!(said.contains("given for something else"), "{said}");
    let mut forged = text(&asked["confirm"]).to_owned();
    forged.replace_range(0..1, "9");
    for wrong in ["", "1.x", forged.as_str()] {
        let answer = assistant.call("sync_external_connector", sync(Some(wrong))).await;
        let done = answer.is_ok_and(|answer| answer.get("run_id").is_some());
        assert!(!done, "{wrong:?} was taken");
    }
    assert_eq!(stage.alive().await.len(), 40);
    let run = assistant.does("sync_external_connector", sync(asked["confirm"].as_str())).await;
    assert_eq!(
        (&run["status"], &run["stats"]["removed"]),
        (&json!("success"), &json!(30)),
        "{run}"
    );
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
    // One yes is good for one sync: what seems gone later is asked about anew.
    let said = assistant.refuses("sync_external_connector", sync(asked["confirm"].as_str())).await;
    assert!(said.contains("was used already"), "{said}");
}

#[tokio::test]
async fn large_removals_are_confirmed_by_the_client_where_it_can_ask() {
    let (stage, assistant, id) = purged().await;
    assistant.close().await;
    let mut assistant = Server::open(&stage.program, json!({"elicitation": {}})).await;
    let sync = json!({"connector_id": id, "confirm_removals": true, "wait_seconds": 25});
    for (action, yes) in [("decline", false), ("cancel", false), ("accept", true)] {
        let call = assistant.begin("sync_external_connector", sync.clone(), None).await;
        let asked = assistant.receive().await.unwrap();
        assert_eq!(asked["method"], "elicitation/create", "{asked}");
        assert!(text(&asked["params"]["message"]).contains("30 records"), "{asked}");
        let reply = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": action, "content": {}}});
        assistant.send(&reply).await;
        let answer = assistant.end("sync_external_connector", call).await;
        match answer {
            Ok(run) if yes => assert_eq!(run["stats"]["removed"], 30, "{run}"),
            Err(said) if !yes => assert!(said.contains("nothing was changed"), "{said}"),
            other => panic!("{action}: {other:?}"),
        }
    }
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
}

#[tokio::test]
async fn erasing_records_is_confirmed_by_a_token_of_this_account_and_owner() {
    let mut world = World::empty();
    world.gmail[0].deliver(NewMail::from("a@kestrel.example").subject("To Maya"));
    world.gmail.push(Gmail::new("Zoë Park <zoe@kestrel.example>"));
    let stage = Stage::of(world).await;
    let mut assistant = stage.program.serve().await;
    let maya = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let token = stage.sandbox.grant_at(Vendor::Gmail, 1).access_token();
    let zoe = assistant.link("gmail", json!({"access_token": token})).await;
    assistant.sync(&maya).await.unwrap();
    let delete = |id: &str, confirm: &Value| {
        let mut arguments = json!({"connector_id": id, "delete_records": true});
        if !confirm.is_null() {
            arguments["confirm"] = confirm.clone();
        }
        arguments
    };
    let asked = assistant.does("delete_connector", delete(&maya, &Value::Null)).await;
    assert!(text(&asked["question"]).contains("erase its 1 imported record"), "{asked}");
    assert!(text(&asked["next_step"]).contains("confirm"), "{asked}");
    let said = assistant.refuses("delete_connector", delete(&zoe, &asked["confirm"])).await;
    assert!(said.contains("given for something else"), "of another account: {said}");
    // The same key and database, another owner: the connector is not even known there.
    let bob = Program::over(&stage.database, &stage.sandbox.url()).with("NEOTOMA_OWNER", "bob");
    let mut bob = bob.serve().await;
    let said = bob.refuses("delete_connector", delete(&maya, &asked["confirm"])).await;
    assert!(said.contains("there is no connector"), "{said}");
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 1);
    // A token holds across a restart of the server: it is sealed by the key.
    assistant.close().await;
    let mut assistant = stage.program.serve().await;
    let deleted = assistant.does("delete_connector", delete(&maya, &asked["confirm"])).await;
    assert_eq!((&deleted["records_deleted"], &deleted["records_kept"]), (&json!(1), &json!(0)));
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 0);
    // Without the records, no question is asked.
    let deleted = assistant.does("delete_connector", json!({"connector_id": zoe})).await;
    assert_eq!(deleted["records_deleted"], 0);
    assert_eq!(assistant.does("list_connectors", json!({})).await["count"], 0);
}

#[tokio::test]
async fn erasing_records_is_confirmed_by_the_client_in_both_eras() {
    let can_ask = json!({"elicitation": {"form": {}}});
    let stage = Stage::mails(3).await;
    let mut assistant = Server::open(&stage.program, can_ask.clone()).await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    assistant.sync(&id).await.unwrap();
    let arguments = json!({"connector_id": id, "delete_records": true});
    let call = assistant.begin("delete_connector", arguments.clone(), None).await;
    let asked = assistant.receive().await.unwrap();
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let no = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}});
    assistant.send(&no).await;
    assert!(assistant.end("delete_connector", call).await.is_err());
    assert_eq!(stage.alive().await.len(), 3);
    // Protocol 2026-07-28 asks by a result, and is called again.
    let mut modern = Server::launch(&stage.program);
    let call = json!({"name": "delete_connector", "arguments": arguments});
    let first = modern.modern("tools/call", call.clone(), can_ask.clone()).await["result"].clone();
    assert_eq!(first["resultType"], "input_required", "{first}");
    let question = &first["inputRequests"]["confirm"];
    assert_eq!(question["method"], "elicitation/create", "{first}");
    assert!(text(&question["params"]["message"]).contains("3 imported records"), "{first}");
    let again = |action: &str, state: &Value| {
        let mut call = call.clone();
        call["inputResponses"] = json!({"confirm": {"action": action}});
        call["requestState"] = state.clone();
        call
    };
    let declined =
        modern.modern("tools/call", again("decline", &first["requestState"]), can_ask.clone());
    assert_eq!(declined.await["result"]["isError"], true);
    let forged =
        modern.modern("tools/call", again("accept", &json!("rs1.made.up")), can_ask.clone());
    assert!(forged.await.get("error").is_some(), "a state that is not ours is no call");
    // What was declined is not agreed to by the same state: it serves once.
    let replayed =
        modern.modern("tools/call", again("accept", &first["requestState"]), can_ask.clone()).await;
    assert_eq!(replayed["error"]["code"], -32602, "{replayed}");
    assert_eq!(stage.alive().await.len(), 3);
    let second = modern.modern("tools/call", call.clone(), can_ask.clone()).await["result"].clone();
    let done = modern.modern("tools/call", again("accept", &second["requestState"]), can_ask).await;
    assert_eq!(done["result"]["structuredContent"]["records_deleted"], 3, "{done}");
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 0);
    assert!(assistant.close().await.well && modern.close().await.well);
}

#[tokio::test]
async fn what_is_anothers_is_unknown_to_every_tool_and_resource() {
    let stage = Stage::mails(3).await;
    let mut ann = stage.program.serve().await;
    let id = ann.link("gmail", stage.token(Vendor::Gmail)).await;
    let anns = ann.sync(&id).await.unwrap();
    let page = ann.does("search_records", json!({"limit": 1})).await;
    let record = page["records"][0]["record_id"].clone();
    let nobodys = json!("0198c1de-0000-7000-8000-000000000001");
    let program = Program::over(&stage.database, &stage.sandbox.url()).with("NEOTOMA_OWNER", "bob");
    let mut bob = program.serve().await;
    for (tool, argument, theirs) in [
        ("sync_external_connector", "connector_id", json!(id)),
        ("delete_connector", "connector_id", json!(id)),
        ("search_records", "connector_id", json!(id)),
        ("list_sync_runs", "run_id", anns["run_id"].clone()),
        ("get_record", "record_id", record.clone()),
    ] {
        let mut answers = Vec::new();
        for given in [&theirs, &nobodys] {
            let said = bob.refuses(tool, Value::from_iter([(argument, given.clone())])).await;
            answers.push(said.replace(text(given), "ID"));
        }
        assert_eq!(answers[0], answers[1], "{tool}");
    }
    for (kind, theirs) in [("connectors", json!(id)), ("records", record)] {
        let mut answers = Vec::new();
        for given in [&theirs, &nobodys] {
            let uri = format!("neotoma://{kind}/{}", text(given));
            let answer = bob.ask("resources/read", json!({"uri": uri})).await;
            answers.push(answer["error"].to_string().replace(text(given), "ID"));
        }
        assert_eq!(answers[0], answers[1]);
        assert!(answers[0].contains("there is no such resource"), "{answers:?}");
    }
    // Lists and searches have nothing of it, whatever place in them is given.
    assert_eq!(bob.does("list_connectors", json!({})).await["count"], 0);
    assert_eq!(bob.does("list_sync_runs", json!({})).await["runs"], json!([]));
    let cursor = json!({"limit": 1, "cursor": page["next_cursor"]});
    assert_eq!(bob.does("search_records", cursor).await["count"], 0);
    let said = bob.refuses("sync_provider_imports", json!({"provider": "gmail"})).await;
    assert!(said.contains("no account is linked at gmail"), "{said}");
    assert_eq!(stage.alive().await.len(), 3);
}

#[tokio::test]
async fn records_connectors_and_providers_are_read_as_resources() {
    let stage = Stage::mails(3).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    assistant.sync(&id).await.unwrap();
    let call = assistant.begin("search_records", json!({}), None).await;
    let answer = assistant.answer(call).await["result"].clone();
    let links: Vec<_> = answer["content"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|of| of["type"] == "resource_link")
        .collect();
    assert_eq!(links.len(), 3, "each row has its link");
    for link in links {
        let read = assistant.ask("resources/read", json!({"uri": link["uri"]})).await;
        let content = &read["result"]["contents"][0];
        assert_eq!(
            (&content["uri"], &content["mimeType"]),
            (&link["uri"], &json!("application/json"))
        );
        let record: Value = serde_json::from_str(text(&content["text"])).unwrap();
        let tool = assistant.does("get_record", json!({"record_id": record["record_id"]})).await;
        assert_eq!(record, tool, "the same as the tool gives");
    }
    let uri = format!("neotoma://connectors/{id}");
    let read = assistant.ask("resources/read", json!({"uri": uri})).await;
    let connector: Value =
        serde_json::from_str(text(&read["result"]["contents"][0]["text"])).unwrap();
    assert_eq!((&connector["connector_id"], &connector["records"]), (&json!(id), &json!(3)));
    let read = assistant.ask("resources/read", json!({"uri": "neotoma://providers/gmail"})).await;
    assert!(text(&read["result"]["contents"][0]["text"]).contains("access_token"), "{read}");
}

#[tokio::test]
async fn answers_stay_within_what_clients_take_and_pages_lose_nothing() {
    let mut world = World::empty();
    for number in 0..120 {
        let mail =
            NewMail::from(&format!("{} <sender-{number}@kestrel.example>", "Zoë ".repeat(80)));
        // Quotes and line breaks take twice the room in JSON.
        let mail = mail.subject(format!("{number} {}", "\"rain\" ".repeat(60)));
        world.gmail[0].deliver(mail.text("\"wind\"\n".repeat(2_000)));
    }
    world.gmail[0].deliver(
        NewMail::from("zoe@kestrel.example").subject("Whole book").text("word\n".repeat(400_000)),
    );
    let stage = Stage::of(world).await;
    let mut assistant = stage.program.serve().await;
    let id = assistant.link("gmail", stage.token(Vendor::Gmail)).await;
    let run = assistant.sync(&id).await.unwrap();
    let run =
        if run["status"] == "running" { ended(&mut assistant, &run["run_id"]).await } else { run };
    assert_eq!(
        (&run["status"], &run["stats"]["created"]),
        (&json!("success"), &json!(121)),
        "{run}"
    );
    // Every answer is held against the limit where it is read.
    let (mut seen, mut cursor, mut pages) = (BTreeSet::new(), Value::Null, 0);
    loop {
        let search = json!({"query": "rain", "limit": 100, "cursor": cursor});
        let found = assistant.does("search_records", search).await;
        for row in found["records"].as_array().unwrap() {
            assert!(seen.insert(text(&row["record_id"]).to_owned()), "twice: {row}");
        }
        pages += 1;
        cursor = found["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen.len(), 120, "nothing is lost between pages");
    assert!(pages > 1, "a hundred such rows do not fit into one answer");
    let usual = assistant.does("search_records", json!({})).await;
    assert_eq!(usual["count"], 20, "by default");
    let book = assistant.does("search_records", json!({"query": "\"whole book\""})).await;
    let uri = format!("neotoma://records/{}", text(&book["records"][0]["record_id"]));
    let whole = json!({"record_id": book["records"][0]["record_id"]});
    let whole = assistant.does("get_record", whole).await;
    assert_eq!(whole["truncated"], true);
    assert!(whole.to_string().chars().count() > ANSWER / 2, "cut no further than needed");
    let read = assistant.ask("resources/read", json!({"uri": uri})).await;
    let content = text(&read["result"]["contents"][0]["text"]);
    assert!(content.chars().count() <= 1_000_000 && content.len() > 500_000, "{}", content.len());
}
