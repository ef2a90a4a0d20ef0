//! Accounts that cannot be read, or not now: paused, deleted, refused, expired, throttled.
#![expect(clippy::indexing_slicing, reason = "a test stops where something is not as it must be")]

use serde_json::{Value, json};

use crate::{
    sandbox::{
        Vendor, World,
        faults::{Fault, Rule},
    },
    stage::{Stage, sorted},
};

/// The only connector, as it is listed.
async fn connector(stage: &Stage) -> Value {
    stage.program.done(&["connectors", "--all", "--json"]).await.json()[0].clone()
}

#[tokio::test]
async fn a_paused_connector_syncs_no_more_until_it_is_resumed() {
    let stage = Stage::mails(3).await;
    let id = stage.link(Vendor::Gmail).await;
    let paused = stage.program.done(&["connectors", "pause", &id, "--json"]).await.json();
    assert_eq!(paused["status"], "paused");
    stage.sandbox.forget_requests();
    let mut assistant = stage.program.serve().await;
    for (tool, arguments) in [
        ("sync_external_connector", json!({"connector_id": id})),
        ("sync_external_connector", json!({"connector_id": id, "dry_run": true})),
        ("sync_provider_imports", json!({"provider": "gmail"})),
    ] {
        let said = assistant.refuses(tool, arguments).await;
        assert!(said.contains("is paused") && said.contains("resume"), "{tool}: {said}");
    }
    let ran = stage.program.run(&["import", "--connector-id", &id]).await;
    assert!(ran.code == 1 && ran.err.contains("is paused"), "{ran:?}");
    let ran = stage.program.done(&["import", "--all"]).await;
    assert!(ran.err.contains(&format!("connectors resume {id}")), "{ran:?}");
    assert!(stage.sandbox.requests().is_empty(), "the vendor is left alone");
    assert_eq!(stage.count("SELECT count(*) FROM external_sync_runs").await, 0);
    stage.program.done(&["connectors", "resume", &id]).await;
    assert_eq!(assistant.sync(&id).await.unwrap()["status"], "success");
    assert_eq!(stage.alive().await.len(), 3);
}

#[tokio::test]
async fn a_deleted_connector_is_gone_until_its_account_is_linked_again() {
    let stage = Stage::mails(3).await;
    let id = stage.link(Vendor::Gmail).await;
    stage.program.import(&id, &[]).await;
    let deleted = stage.program.done(&["connectors", "delete", &id, "--json"]).await.json();
    assert_eq!((&deleted["records_deleted"], &deleted["records_kept"]), (&json!(0), &json!(3)));
    stage.sandbox.forget_requests();
    let mut assistant = stage.program.serve().await;
    let said = assistant.sync(&id).await.unwrap_err();
    assert!(said.contains("was deleted") && said.contains("start_oauth"), "{said}");
    let said = assistant.refuses("sync_provider_imports", json!({"provider": "gmail"})).await;
    assert!(said.contains("no account is linked at gmail"), "{said}");
    assert_eq!(assistant.does("list_connectors", json!({})).await["count"], 0);
    for arguments in [&["connectors", "resume", &id][..], &["connectors", "pause", &id]] {
        let ran = stage.program.run(arguments).await;
        assert!(ran.code != 0 && ran.err.contains("was deleted"), "{ran:?}");
    }
    let ran = stage.program.run(&["import", "--connector-id", &id]).await;
    assert!(ran.code == 1 && ran.err.contains("was deleted"), "{ran:?}");
    assert!(stage.sandbox.requests().is_empty(), "the vendor is left alone");
    let sealed = "SELECT count(*) FROM external_connectors WHERE secrets_envelope IS NOT NULL";
    assert_eq!(stage.count(sealed).await, 0, "its secrets are erased");
    assert_eq!(stage.link(Vendor::Gmail).await, id, "the account is known again");
    let run = assistant.sync(&id).await.unwrap();
    assert_eq!((&run["stats"]["created"], &run["stats"]["unchanged"]), (&json!(0), &json!(3)));
}

#[tokio::test]
async fn secrets_that_the_vendor_refuses_are_not_stored() {
    let stage = Stage::of(World::empty()).await;
    let mut assistant = stage.program.serve().await;
    for vendor in Vendor::ALL {
        let link = json!({"provider": vendor.id(), "secrets": {"access_token": "made-up-token"}});
        let said = assistant.refuses("link_connector", link).await;
        assert!(said.contains("does not take these credentials"), "{said}");
        assert!(said.contains("nothing was stored") && !said.contains("made-up-token"), "{said}");
        let link = ["link", vendor.id(), "--secret", "access_token=made-up-token"];
        let ran = stage.program.run(&link).await;
        assert!(ran.code == 4 && !ran.err.contains("made-up-token"), "{ran:?}");
    }
    // Good ones, of somebody else than was said.
    let link = json!({"provider": "gmail", "secrets": stage.token(Vendor::Gmail), "account_identifier": "bob@kestrel.example"});
    let said = assistant.refuses("link_connector", link).await;
    assert!(
        said.contains("bob@kestrel.example") && said.contains("maya@kestrel.example"),
        "{said}"
    );
    assert_eq!(stage.count("SELECT count(*) FROM external_connectors").await, 0);
}

#[tokio::test]
async fn a_grant_that_expires_in_mid_run_keeps_the_pages_and_asks_for_a_new_link() {
    let stage = Stage::mails(60).await;
    let id = stage.link(Vendor::Gmail).await;
    let mut assistant = stage.program.serve().await;
    // The profile, and two pages of a list and twenty mails each; then it is over.
    stage.sandbox.grant(Vendor::Gmail).expire_after(1 + 21 + 21);
    let sync = json!({"connector_id": id, "limit": 20, "wait_seconds": 25});
    let said = assistant.refuses("sync_external_connector", sync).await;
    assert!(said.contains("start_oauth") && said.contains("40 records"), "{said}");
    assert_eq!(stage.alive().await.len(), 40, "the pages are kept");
    let listed = assistant.does("list_connectors", json!({})).await["connectors"][0].clone();
    assert_eq!(listed["status"], "needs_reauth");
    assert!(listed["last_error"].as_str().unwrap().contains("start_oauth"), "{listed}");
    let run =
        assistant.does("list_sync_runs", json!({"connector_id": id})).await["runs"][0].clone();
    assert_eq!((&run["status"], &run["error"]["class"]), (&json!("failed"), &json!("reconnect")));
    let ran = stage.program.run(&["import", "--all"]).await;
    assert!(ran.code == 4 && ran.err.contains("neotoma connect gmail"), "{ran:?}");
    // Linked again, it goes on where it stopped.
    stage.sandbox.grant(Vendor::Gmail).grant_again();
    assert_eq!(assistant.link("gmail", stage.token(Vendor::Gmail)).await, id);
    stage.sandbox.forget_requests();
    let run = stage.program.import(&id, &["--limit", "20"]).await;
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(20)));
    assert_eq!(stage.sandbox.requests_to(Vendor::Gmail, "/messages?").len(), 1);
    assert_eq!(connector(&stage).await["status"], "active");
}

#[tokio::test]
async fn an_expired_token_without_an_app_to_renew_it_names_the_variables() {
    let stage = Stage::mails(3).await;
    let id = stage.link_with_refresh(Vendor::Gmail).await;
    stage.sandbox.grant(Vendor::Gmail).expire();
    let run = stage.program.import(&id, &[]).await;
    let why = run["error"]["message"].as_str().unwrap();
    assert!(why.contains("GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET"), "{why}");
    assert_eq!(connector(&stage).await["status"], "needs_reauth");
}

#[tokio::test]
async fn a_network_fault_never_asks_for_a_new_link() {
    let mut stage = Stage::mails(3).await;
    stage.program.set("GOOGLE_OAUTH_CLIENT_ID", "an-app");
    stage.program.set("GOOGLE_OAUTH_CLIENT_SECRET", "its-secret");
    let id = stage.link_with_refresh(Vendor::Gmail).await;
    stage.sandbox.grant(Vendor::Gmail).expire();
    // The token is refused, and the endpoint that would renew it is down.
    stage.sandbox.inject(Rule::new(Fault::Close).path("oauth2.googleapis.com").always());
    let run = stage.program.import(&id, &[]).await;
    assert_eq!((&run["status"], &run["error"]["class"]), (&json!("failed"), &json!("unavailable")));
    assert_eq!(connector(&stage).await["status"], "error");
    stage.sandbox.heal();
    let run = stage.program.import(&id, &[]).await;
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(3)));
    assert_eq!(connector(&stage).await["status"], "active");
}

#[tokio::test]
async fn a_throttled_run_waits_for_a_moment_and_keeps_its_place_for_an_hour() {
    let stage = Stage::mails(60).await;
    let id = stage.link(Vendor::Gmail).await;
    // A moment: waited for.
    stage.sandbox.inject(Rule::new(Fault::Throttled(1)).path("/messages?"));
    let run = stage.program.import(&id, &["--limit", "20", "--max-pages", "1"]).await;
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(20)));
    assert!(run["stats"]["throttled_ms"].as_u64().unwrap() >= 900, "{run}");
    // An hour: not waited for.
    stage.sandbox.inject(Rule::new(Fault::Throttled(3600)).path("/messages?").after(1));
    let mut assistant = stage.program.serve().await;
    let sync = json!({"connector_id": id, "limit": 20, "wait_seconds": 25});
    let run = assistant.does("sync_external_connector", sync).await;
    assert_eq!(
        (&run["status"], &run["error"]["class"]),
        (&json!("partial"), &json!("rate_limited"))
    );
    assert!(run["error"]["message"].as_str().unwrap().contains("wait 60 minutes"), "{run}");
    assert_eq!(run["error"]["status"], 429);
    assert_eq!(stage.alive().await.len(), 40);
    assert_eq!(connector(&stage).await["status"], "active", "nobody needs to do anything");
    stage.sandbox.inject(Rule::new(Fault::Throttled(7200)).path("/messages?"));
    let ran = stage.program.run(&["import", "--connector-id", &id]).await;
    assert!(ran.code == 1 && ran.err.contains("wait 2 hours"), "{ran:?}");
    stage.sandbox.forget_requests();
    let run = stage.program.import(&id, &["--limit", "20"]).await;
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(20)));
    assert_eq!(stage.sandbox.requests_to(Vendor::Gmail, "/messages?").len(), 1, "the last page");
    assert_eq!(stage.alive().await, sorted(stage.sandbox.gmail().ids()));
}
