//! What becomes of a delivery: written down, imported once, and never lost.

use serde_json::json;

use crate::{
    hosted::Hosted,
    server::until,
    world::{KEPT, UNREAD, World, line, line_raw, meta, said, text},
};

#[tokio::test]
async fn what_is_delivered_is_imported_once_however_often_it_comes() {
    let world = World::new().await;
    let path = world.line().await;
    let server = Hosted::start(&world.program).await;
    let both = json!([said("1", "Hello 😀", false), said("2", "world", false)]);
    assert_eq!(line(&server, &path, &both).await.status, 200);
    world.is_read().await;
    let first = world.records().await;
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].1, "Hello 😀");
    // The same bytes; the same events, marked as sent again; one of the events, among others.
    let again = json!([said("1", "Hello 😀", true), said("2", "world", true)]);
    let mixed = json!([said("2", "world", true), said("3", "new", false)]);
    for events in [both, again, mixed] {
        assert_eq!(line(&server, &path, &events).await.status, 200);
    }
    world.is_read().await;
    assert_eq!(world.count(KEPT).await, 2, "the mixed one alone is another delivery");
    let then = world.records().await;
    assert_eq!(
        (&then[..2], then.len()),
        (&first[..], 3),
        "what was known is not even written again"
    );
    let bodies = "SELECT count(*) FROM webhook_deliveries WHERE body IS NOT NULL";
    assert_eq!(world.count(bodies).await, 0, "bodies are not kept longer than they are needed");
    let by =
        "SELECT count(*) FROM external_sync_runs WHERE trigger = 'webhook' AND status = 'success'";
    until("the runs end", async || world.count(by).await >= 2).await;
}

#[tokio::test]
async fn a_delivery_that_was_answered_outlives_the_program() {
    let world = World::new().await;
    let path = world.line().await;
    world.answers(false);
    let mut server = Hosted::start(&world.program).await;
    assert_eq!(line(&server, &path, &json!([said("1", "kept", false)])).await.status, 200);
    world.was_asked().await;
    server.running.kill().await;
    assert_eq!((world.count(UNREAD).await, world.records().await.len()), (1, 0));
    world.answers(true);
    let server = Hosted::start(&world.program).await;
    world.is_read().await;
    assert_eq!(world.texts().await, [("1".to_owned(), "kept".to_owned())]);
    let interrupted =
        "SELECT count(*) FROM external_sync_runs WHERE error ->> 'class' = 'interrupted'";
    assert_eq!(world.count(interrupted).await, 1);
    assert_eq!(server.stop().await.code, 0);
}

#[tokio::test]
async fn a_delivery_whose_program_ended_is_read_by_the_next_sync() {
    let world = World::new().await;
    let path = world.line().await;
    world.answers(false);
    let mut server = Hosted::start(&world.program).await;
    assert_eq!(line(&server, &path, &json!([said("1", "kept", false)])).await.status, 200);
    world.was_asked().await;
    server.running.kill().await;
    world.answers(true);
    let connector = path.rsplit('/').next().unwrap();
    let tried = world.program.import(connector, &["--dry-run"]).await;
    assert_eq!((&tried["stats"]["created"], world.count(UNREAD).await), (&json!(1), 1));
    let run = world.program.import(connector, &[]).await;
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(1)));
    assert_eq!(world.count(UNREAD).await, 0);
}

#[tokio::test]
async fn what_comes_while_a_run_goes_on_is_read_too() {
    let world = World::new().await;
    let path = world.line().await;
    world.answers(false);
    let server = Hosted::start(&world.program).await;
    assert_eq!(line(&server, &path, &json!([said("1", "first", false)])).await.status, 200);
    world.was_asked().await;
    for id in ["2", "3", "4"] {
        assert_eq!(line(&server, &path, &json!([said(id, "meanwhile", false)])).await.status, 200);
    }
    world.answers(true);
    world.is_read().await;
    assert_eq!(world.records().await.len(), 4);
}

#[tokio::test]
async fn a_paused_connector_loses_nothing_that_is_delivered() {
    let world = World::new().await;
    let path = world.line().await;
    let connector = path.rsplit('/').next().unwrap();
    world.program.done(&["connectors", "pause", connector]).await;
    let server = Hosted::start(&world.program).await;
    assert_eq!(line(&server, &path, &json!([said("1", "waits", false)])).await.status, 200);
    assert_eq!(world.count(UNREAD).await, 1);
    world.program.done(&["connectors", "resume", connector]).await;
    let run = world.program.import(connector, &["--max-pages", "1"]).await;
    assert_eq!(run["stats"]["created"], 1);
}

#[tokio::test]
async fn one_that_cannot_be_read_is_told_and_holds_up_no_other() {
    let world = World::new().await;
    let path = world.line().await;
    let connector = path.rsplit('/').next().unwrap();
    world.program.done(&["connectors", "pause", connector]).await;
    let server = Hosted::start(&world.program).await;
    assert_eq!(line_raw(&server, &path, "{\"events\":7}").await.status, 200);
    assert_eq!(line(&server, &path, &json!([said("1", "behind it", false)])).await.status, 200);
    world.program.done(&["connectors", "resume", connector]).await;
    for attempt in 0..6 {
        let run = world.program.import(connector, &[]).await;
        assert_eq!(run["status"], "success", "{run}");
        let told = run["feeds_skipped"].as_array().unwrap();
        assert_eq!(told.len(), usize::from(attempt < 5), "{run}");
        assert!(told.iter().all(|reason| reason.as_str().unwrap().starts_with("a delivery of 20")));
    }
    assert_eq!(world.texts().await, [("1".to_owned(), "behind it".to_owned())]);
    assert_eq!(world.count(UNREAD).await, 1, "it is kept for whoever mends this");
    let run = world.program.import(connector, &["--sync-type", "initial"]).await;
    assert_eq!(run["feeds_skipped"].as_array().unwrap().len(), 1, "and tried again when all is");
}

#[tokio::test]
async fn deleting_a_connector_forgets_what_was_delivered() {
    let world = World::new().await;
    let path = world.whatsapp().await;
    let server = Hosted::start(&world.program).await;
    assert_eq!(meta(&server, &path, &json!([text("1", "x")]), 1).await.status, 200);
    world.is_read().await;
    world.program.done(&["connectors", "delete", path.rsplit('/').next().unwrap()]).await;
    assert_eq!(world.count(KEPT).await, 0);
    assert_eq!(meta(&server, &path, &json!([text("2", "y")]), 2).await.status, 404);
}
