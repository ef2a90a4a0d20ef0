//! The commands, as a person or a script runs them: the real program, vendors on loopback, an empty database.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

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

use std::collections::BTreeSet;

use cluster::Place;
use rustix::process::Signal;
use sandbox::{
    Vendor, World,
    data::Sizes,
    faults::{Fault, Rule},
    gmail::{Gmail, NewMail},
};
use serde_json::{Value, json};
use server::{KEY, Program, until};
use sqlx::AssertSqlSafe;
use stage::{Stage, sorted};

/// The names of an object's properties.
fn names(of: &Value) -> BTreeSet<&str> {
    of.as_object().unwrap().keys().map(String::as_str).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<&str> {
    names.into()
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

/// Everything that is stored.
async fn stored(stage: &Stage) -> String {
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&stage.database).await.unwrap();
    let mut all = Vec::new();
    for table in tables {
        let sql = format!(
            "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t"
        );
        let rows: String =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&stage.database).await.unwrap();
        all.extend([table, rows]);
    }
    all.join("\n")
}

#[tokio::test]
async fn the_catalog_is_printed_as_a_table_a_page_and_json() {
    let program = Program::new();
    let table = program.done(&["providers"]).await;
    let lines: Vec<_> = table.out.lines().collect();
    assert_eq!(lines.len(), 48, "{}", table.out);
    assert!(lines[0].split_whitespace().eq(["rank", "id", "category", "records", "auth"]));
    assert!(table.err.is_empty(), "{}", table.err);
    let all = program.done(&["providers", "--json"]).await.json();
    let all = all.as_array().unwrap();
    let ranks: Vec<_> = all.iter().map(|of| of["rank"].as_u64().unwrap()).collect();
    assert!(ranks.iter().copied().eq(1..=47), "{ranks:?}");
    assert_eq!(
        names(&all[0]),
        set([
            "rank",
            "id",
            "name",
            "provider_type",
            "record_types",
            "capabilities",
            "auth",
            "status",
            "help",
            "fields",
            "webhooks"
        ])
    );
    let social = program.done(&["providers", "--category", "social", "--json"]).await.json();
    assert_eq!(social.as_array().unwrap().len(), 16);
    let page = program.done(&["providers", "gmail"]).await.out;
    assert!(page.contains("access_token") && page.contains("OAuth 2.0 Playground"), "{page}");
    assert!(!program.data().exists(), "the catalog needs no data");
}

#[tokio::test]
async fn an_account_is_linked_by_flag_file_or_stdin_and_linked_again() {
    let stage = Stage::of(World::empty()).await;
    let program = &stage.program;
    let token = |vendor| stage.sandbox.grant(vendor).access_token();
    let flag = format!("access_token={}", token(Vendor::Gmail));
    let linked = program.done(&["link", "gmail", "--secret", &flag, "--json"]).await;
    assert!(linked.err.contains("stays in your shell's history"), "{linked:?}");
    let gmail = linked.json();
    assert_eq!(
        names(&gmail),
        set([
            "connector_id",
            "provider",
            "account_identifier",
            "account_label",
            "verified",
            "relinked",
            "secrets_set"
        ])
    );
    assert_eq!(gmail["account_identifier"], "maya@kestrel.example");
    assert_eq!((&gmail["verified"], &gmail["relinked"]), (&json!(true), &json!(false)));
    assert_eq!(gmail["secrets_set"], json!(["access_token"]));
    let file = program.file("slack-token", &format!("{}\n", token(Vendor::Slack)));
    let file = format!("access_token=@{}", file.display());
    let linked = program.done(&["link", "slack", "--secret", &file, "--label", "Work chat"]).await;
    assert!(linked.out.contains("slack · Work chat"), "{linked:?}");
    assert!(linked.err.contains("neotoma import --connector-id"), "{linked:?}");
    let stdin =
        ["link", "asana", "--secret", "access_token=-", "--metadata", "bodies=false", "--json"];
    let asana = program.fed(&stdin, &format!("{}\n", token(Vendor::Asana))).await.json();
    let connectors = program.done(&["connectors", "--json"]).await.json();
    assert_eq!(connectors.as_array().unwrap().len(), 3);
    assert_eq!(connectors[2]["connector_id"], asana["connector_id"]);
    assert_eq!(connectors[2]["metadata"], json!({"bodies": false}));
    // Again: the same connector, by whichever of its names.
    let again = [
        "link",
        "gmail",
        "--secret",
        &flag,
        "--account",
        "MAYA@kestrel.example",
        "--label",
        "Mine",
        "--json",
    ];
    let again = program.done(&again).await.json();
    assert_eq!(
        (&again["relinked"], &again["connector_id"]),
        (&json!(true), &gmail["connector_id"])
    );
    assert_eq!(again["account_label"], "Mine");
    // Unseen by the vendor, where that is wished.
    stage.sandbox.forget_requests();
    let unseen = [
        "link",
        "gmail",
        "--secret",
        "access_token=t",
        "--account",
        "zoe@kestrel.example",
        "--no-verify",
        "--json",
    ];
    assert_eq!(program.done(&unseen).await.json()["verified"], false);
    let unseen = ["link", "gmail", "--secret", "access_token=t", "--no-verify"];
    let ran = program.run(&unseen).await;
    assert!(ran.code == 2 && ran.err.contains("account_identifier"), "{ran:?}");
    assert!(stage.sandbox.requests().is_empty());
}

#[tokio::test]
async fn connectors_are_shown_paused_resumed_and_deleted() {
    let stage = Stage::mails(3).await;
    let program = &stage.program;
    let none = program.done(&["connectors"]).await;
    assert!(
        none.err.contains("no account is linked yet") && none.err.contains("neotoma link"),
        "{none:?}"
    );
    let id = stage.link(Vendor::Gmail).await;
    program.import(&id, &[]).await;
    let table = program.done(&["connectors"]).await.out;
    assert!(table.contains(&id) && table.contains("gmail · maya@kestrel.example"), "{table}");
    let shown = program.done(&["connectors", "--json"]).await.json()[0].clone();
    assert_eq!(
        names(&shown),
        set([
            "connector_id",
            "provider",
            "account_identifier",
            "account_label",
            "status",
            "secrets_set",
            "metadata",
            "records",
            "last_successful_sync",
            "created_at"
        ])
    );
    assert_eq!((&shown["status"], &shown["records"]), (&json!("active"), &json!(3)));
    let paused = program.done(&["connectors", "pause", &id]).await.out;
    assert!(paused.contains("paused"), "{paused}");
    let resumed = program.done(&["connectors", "resume", &id, "--json"]).await.json();
    assert_eq!(resumed["status"], "active");
    // Nobody is there to be asked.
    let ran = program.run(&["connectors", "delete", &id, "--records"]).await;
    assert!(ran.code == 2 && ran.err.contains("--yes"), "{ran:?}");
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 3);
    let deleted =
        program.done(&["connectors", "delete", &id, "--records", "--yes", "--json"]).await.json();
    assert_eq!(
        deleted,
        json!({"connector_id": id, "provider": "gmail", "account_identifier": "maya@kestrel.example",
            "records_deleted": 3, "records_kept": 0, "revoked": false,
            "note": "what was pasted still works at Gmail: revoke it there if nothing else uses it"})
    );
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 0);
    assert_eq!(program.done(&["connectors", "--json"]).await.json(), json!([]));
    let all = program.done(&["connectors", "--all", "--json"]).await.json();
    assert_eq!((&all[0]["status"], &all[0]["secrets_set"]), (&json!("deleted"), &json!([])));
}

#[tokio::test]
async fn an_import_tells_in_plain_lines_how_far_it_is_and_what_came_of_it() {
    let stage = Stage::mails(30).await;
    let id = stage.link(Vendor::Gmail).await;
    let ran = stage.program.done(&["import", "--connector-id", &id, "--limit", "10"]).await;
    let name = "gmail · maya@kestrel.example";
    assert!(ran.err.contains(&format!("{name}: started\n")), "{ran:?}");
    assert!(ran.err.contains(&format!("{name}: success, 30 records, 3 pages in ")), "{ran:?}");
    assert!(
        !ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'),
        "no colours, no bars: {ran:?}"
    );
    let lines: Vec<Vec<_>> =
        ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines[0],
        ["connector", "status", "created", "updated", "unchanged", "removed", "skipped", "time"]
    );
    assert_eq!(lines[1][3..9], ["success", "30", "0", "0", "0", "0"], "{ran:?}");
    // While it waits for a vendor, it says so.
    stage.sandbox.inject(Rule::new(Fault::Throttled(4)).path("/history"));
    let ran = stage.program.done(&["import", "--all"]).await;
    assert!(ran.err.contains("waiting") && ran.err.contains("throttled"), "{ran:?}");
}

#[tokio::test]
async fn an_import_in_json_has_the_shape_of_runs() {
    let stage = Stage::mails(30).await;
    let id = stage.link(Vendor::Gmail).await;
    let import = ["import", "--json", "--connector-id", &id, "--limit", "10", "--max-pages", "1"];
    let ran = stage.program.done(&import).await;
    let first = ran.json()[0].clone();
    let shape = set([
        "run_id",
        "connector_id",
        "provider",
        "account",
        "sync_type",
        "status",
        "stats",
        "more",
        "already_running",
        "dry_run",
        "feeds",
        "feeds_skipped",
        "removals_waiting",
        "started_at",
        "completed_at",
    ]);
    assert_eq!(names(&first), shape);
    assert_eq!(
        names(&first["stats"]),
        set([
            "created",
            "updated",
            "unchanged",
            "removed",
            "skipped",
            "pages",
            "requests",
            "throttled_ms"
        ])
    );
    assert_eq!((&first["status"], &first["more"]), (&json!("success"), &json!(true)));
    assert!(
        ran.err.contains(&format!("neotoma import --connector-id {id}")),
        "how to go on: {ran:?}"
    );
    let rest = stage.program.import(&id, &["--limit", "10"]).await;
    assert_eq!((&rest["stats"]["created"], &rest["more"]), (&json!(20), &json!(false)));
    // The history has the same runs.
    let runs = stage.program.done(&["runs", "--json"]).await.json();
    assert_eq!(runs["runs"], json!([rest, first]));
    // A listing from the start finds nothing new, and what is gone.
    let gone = stage.sandbox.gmail().ids()[0].clone();
    stage.sandbox.gmail().delete(&gone).unwrap();
    let again = stage.program.import(&id, &["--sync-type", "initial"]).await;
    let stats = &again["stats"];
    assert_eq!(
        (&stats["unchanged"], &stats["removed"], &stats["created"]),
        (&json!(29), &json!(1), &json!(0))
    );
}

#[tokio::test]
async fn since_bounds_a_first_import() {
    let mut world = World::empty();
    for (day, subject) in [("2025-01-10", "old"), ("2025-03-10", "new")] {
        let at = format!("{day}T12:00:00Z").parse().unwrap();
        world.gmail[0].deliver(NewMail::from("zoe@kestrel.example").subject(subject).at(at));
    }
    let stage = Stage::of(world).await;
    let id = stage.link(Vendor::Gmail).await;
    let run = stage.program.import(&id, &["--since", "2025-02-01"]).await;
    assert_eq!((&run["status"], &run["stats"]["created"]), (&json!("success"), &json!(1)));
    let found = stage.program.done(&["records", "search", "--json"]).await.json();
    assert_eq!(found["records"][0]["title"], "new");
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_writes_nothing() {
    let sizes = Sizes { mails: 12, tasks: 12, projects: 1, messages: 12, channels: 1 };
    let stage = Stage::sized(sizes).await;
    for vendor in Vendor::ALL {
        stage.link(vendor).await;
    }
    let before = stored(&stage).await;
    let dry = stage.program.done(&["import", "--all", "--dry-run", "--json"]).await;
    assert!(dry.err.contains("this was a dry run: nothing was written"), "{dry:?}");
    for run in dry.json().as_array().unwrap() {
        assert_eq!(
            (&run["dry_run"], &run["stats"]["created"]),
            (&json!(true), &json!(12)),
            "{run}"
        );
        assert!(run.get("run_id").is_none(), "{run}");
    }
    assert_eq!(stored(&stage).await, before);
    stage.program.done(&["import", "--all"]).await;
    let (mail, late) = {
        let mut gmail = stage.sandbox.gmail();
        let ids = gmail.ids();
        gmail.delete(&ids[0]).unwrap();
        gmail.mark_read(&ids[1]).unwrap();
        gmail.relabel(&ids[2], &["STARRED"], &[]).unwrap();
        (ids[2].clone(), gmail.deliver(NewMail::from("zoe@kestrel.example").subject("Late")))
    };
    let before = stored(&stage).await;
    let dry =
        stage.program.done(&["import", "--provider", "gmail", "--dry-run", "--json"]).await.json();
    assert_eq!(stored(&stage).await, before);
    let wet = stage.program.done(&["import", "--provider", "gmail", "--json"]).await.json();
    for what in ["created", "updated", "removed"] {
        assert_eq!(dry[0]["stats"][what], wet[0]["stats"][what], "{what}: {dry} {wet}");
    }
    assert_eq!((&wet[0]["stats"]["created"], &wet[0]["stats"]["removed"]), (&json!(1), &json!(1)));
    let alive = stage.alive().await;
    assert!(alive.contains(&mail) && alive.contains(&late));
}

#[tokio::test]
async fn removals_of_more_than_half_wait_for_a_yes() {
    let stage = Stage::mails(40).await;
    let id = stage.link(Vendor::Gmail).await;
    stage.program.import(&id, &[]).await;
    {
        let mut gmail = stage.sandbox.gmail();
        for id in gmail.ids().into_iter().take(30) {
            gmail.delete(&id).unwrap();
        }
        gmail.expire_history();
    }
    let ran = stage.program.done(&["import", "--json", "--connector-id", &id]).await;
    let run = ran.json()[0].clone();
    assert_eq!(
        (&run["status"], &run["removals_waiting"]),
        (&json!("partial"), &json!(30)),
        "{run}"
    );
    let agree = format!("neotoma import --connector-id {id} --confirm-removals");
    assert!(ran.err.contains(&agree), "{ran:?}");
    assert_eq!(stage.alive().await.len(), 40, "nothing is marked");
    let shown = stage.program.done(&["connectors"]).await;
    assert!(shown.err.contains(&agree), "{shown:?}");
    let run = stage.program.import(&id, &["--confirm-removals"]).await;
    assert_eq!(
        (&run["status"], &run["stats"]["removed"]),
        (&json!("success"), &json!(30)),
        "{run}"
    );
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
}

#[tokio::test]
async fn ctrl_c_stops_after_the_page_and_the_next_import_goes_on() {
    let stage = Stage::mails(60).await;
    let id = stage.link(Vendor::Gmail).await;
    let import = ["import", "--json", "--connector-id", &id, "--limit", "20"];
    for signal in [Signal::INT, Signal::TERM] {
        // A mail of the page at hand: the listing that came before is read.
        let gate = stage.sandbox.hold(Vendor::Gmail, "/messages/");
        let running = stage.program.start(&import);
        gate.reached().await;
        running.signal(signal);
        let ran = running.ended().await;
        stage.sandbox.heal();
        let run = ran.json()[0].clone();
        assert_eq!((ran.code, &run["status"]), (1, &json!("cancelled")), "{ran:?}");
        assert!(ran.err.contains("stopping after the current page"), "{ran:?}");
        let kept = stage.alive().await.len();
        assert_eq!(kept as u64 % 20, 0, "whole pages");
        assert_eq!(
            stage.count("SELECT count(*) FROM external_sync_runs WHERE status = 'running'").await,
            0
        );
    }
    let kept = stage.alive().await.len();
    let run = stage.program.import(&id, &["--limit", "20"]).await;
    assert_eq!(
        (&run["status"], &run["stats"]["created"]),
        (&json!("success"), &json!(60 - kept)),
        "{run}"
    );
    assert_eq!(stage.alive().await, sorted(stage.ids(Vendor::Gmail)));
}

#[tokio::test]
async fn ctrl_c_pressed_again_ends_the_import_at_once_and_loses_nothing() {
    let stage = Stage::mails(60).await;
    let id = stage.link(Vendor::Gmail).await;
    let import = ["import", "--connector-id", &id, "--limit", "20"];
    // The first page waits for the table: it can be neither stored nor given up.
    let mut lock = stage.database.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE records IN SHARE MODE").execute(&mut *lock).await.unwrap();
    let mut running = stage.program.start(&import);
    until("the page waits", async || {
        let sql =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'records'::regclass";
        stage.count(sql).await > 0
    })
    .await;
    running.signal(Signal::INT);
    running.says("press again to abort").await;
    running.signal(Signal::INT);
    let ran = running.ended().await;
    assert_eq!(ran.code, 130, "{ran:?}");
    lock.rollback().await.unwrap();
    let run = stage.program.import(&id, &["--limit", "20"]).await;
    assert_eq!(
        (&run["status"], &run["stats"]["created"]),
        (&json!("success"), &json!(60)),
        "{run}"
    );
}

#[tokio::test]
async fn the_exit_status_tells_success_failure_usage_part_and_person() {
    let mut world = World::empty();
    for _ in 0..3 {
        world.gmail[0].deliver(NewMail::from("zoe@kestrel.example").subject("Rain"));
    }
    world.gmail.push(Gmail::new("Zoë Park <zoe@kestrel.example>"));
    let stage = Stage::of(world).await;
    let program = &stage.program;
    let code = async |arguments: &[&str]| program.run(arguments).await.code;
    let maya = stage.link(Vendor::Gmail).await;
    let token = stage.sandbox.grant_at(Vendor::Gmail, 1).access_token();
    let zoe = program.link("gmail", &[("access_token", &token)]).await;
    assert_eq!(code(&["import", "--all"]).await, 0);
    assert_eq!(code(&["import"]).await, 2, "which?");
    assert_eq!(code(&["import", "--all", "--provider", "gmail"]).await, 2);
    assert_eq!(code(&["imprt"]).await, 2);
    assert_eq!(code(&["import", "--provider", "slack"]).await, 2, "nothing is linked there");
    // Of the two, one cannot be read.
    stage.sandbox.inject(Rule::new(Fault::status(400)).path("/history").times(1));
    assert_eq!(code(&["import", "--all"]).await, 3);
    stage.sandbox.heal();
    stage.sandbox.inject(Rule::new(Fault::status(400)).path("/history").always());
    assert_eq!(code(&["import", "--all"]).await, 1);
    stage.sandbox.heal();
    stage.sandbox.grant_at(Vendor::Gmail, 1).revoke();
    let ran = program.run(&["import", "--all", "--json"]).await;
    assert_eq!(ran.code, 4, "a person must link again, though the other account is well: {ran:?}");
    assert_eq!(code(&["import", "--connector-id", &maya]).await, 0);
    assert_eq!(code(&["import", "--connector-id", &zoe]).await, 4);
    assert_eq!(code(&["import", "--connector-id", &zoe, "--connector-id", &maya]).await, 4);
}

#[tokio::test]
async fn records_are_searched_and_shown() {
    let mut world = World::empty();
    let mail = |subject: &str, day: &str| {
        let at = format!("{day}T12:00:00Z").parse().unwrap();
        NewMail::from("Zoë Park <zoe@kestrel.example>")
            .subject(subject)
            .text(format!("About {subject}."))
            .at(at)
    };
    world.gmail[0].deliver(mail("Barometer in Zürich", "2025-01-10"));
    world.gmail[0].deliver(mail("Barometer in Bern", "2025-02-10"));
    world.gmail[0].deliver(mail("Hygrometer in Bern", "2025-03-10"));
    let stage = Stage::of(world).await;
    let id = stage.link(Vendor::Gmail).await;
    stage.program.import(&id, &[]).await;
    let program = &stage.program;
    let titles = async |arguments: &[&str]| {
        let search = [&["records", "search", "--json"], arguments].concat();
        let found = program.done(&search).await.json();
        let rows = found["records"].as_array().unwrap();
        rows.iter().map(|row| text(&row["title"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&["barometer"]).await, ["Barometer in Bern", "Barometer in Zürich"]);
    assert_eq!(titles(&["zurich"]).await, ["Barometer in Zürich"], "accents are folded");
    assert_eq!(titles(&["barometer -bern"]).await, ["Barometer in Zürich"]);
    assert_eq!(titles(&["\"in bern\""]).await.len(), 2);
    assert_eq!(titles(&["zoe"]).await.len(), 3, "by people");
    assert_eq!(
        titles(&["--since", "2025-02-01", "--until", "2025-03-01"]).await,
        ["Barometer in Bern"]
    );
    assert_eq!(titles(&["--type", "task"]).await.len(), 0);
    assert_eq!(
        titles(&["--type", "message", "--provider", "gmail", "--connector-id", &id]).await.len(),
        3
    );
    let first = program.done(&["records", "search", "--json", "--limit", "2"]).await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    assert!(first.err.contains(&cursor), "{first:?}");
    assert_eq!(titles(&["--limit", "2", "--cursor", &cursor]).await, ["Barometer in Zürich"]);
    let table = program.done(&["records", "search", "hygrometer"]).await.out;
    let row = program.done(&["records", "search", "hygrometer", "--json"]).await.json()["records"]
        [0]
    .clone();
    let record = text(&row["record_id"]);
    assert!(table.contains("Hygrometer in Bern") && table.contains(record), "{table}");
    let page = program.done(&["records", "show", record]).await.out;
    assert!(
        page.starts_with("Hygrometer in Bern\n") && page.contains("About Hygrometer in Bern."),
        "{page}"
    );
    let whole = program.done(&["records", "show", record, "--json"]).await.json();
    assert_eq!((&whole["record_id"], &whole["type"]), (&row["record_id"], &json!("message")));
    assert_eq!(whole["properties"]["from"]["email"], "zoe@kestrel.example");
    let none = program.done(&["records", "search", "anemometer"]).await;
    assert!(none.err.contains("nothing was found"), "{none:?}");
}

#[tokio::test]
async fn one_owners_data_is_not_anothers() {
    let stage = Stage::mails(3).await;
    let id = stage.link(Vendor::Gmail).await;
    stage.program.import(&id, &[]).await;
    let bob = async |arguments: &[&str]| {
        stage.program.done(&[&["--owner", "bob"], arguments, &["--json"]].concat()).await.json()
    };
    assert_eq!(bob(&["connectors"]).await, json!([]));
    assert_eq!(bob(&["runs"]).await["runs"], json!([]));
    assert_eq!(bob(&["records", "search"]).await["count"], 0);
    assert_eq!(bob(&["import", "--all"]).await, json!([]));
    // The same account may be linked by both: its records are each one's own.
    let token = format!("access_token={}", stage.sandbox.grant(Vendor::Gmail).access_token());
    let bobs = bob(&["link", "gmail", "--secret", &token]).await;
    assert_ne!(text(&bobs["connector_id"]), id);
    assert_eq!(bob(&["import", "--all"]).await[0]["stats"]["created"], 3);
    assert_eq!(stage.count("SELECT count(*) FROM records").await, 6);
}

#[tokio::test]
async fn the_history_of_runs_is_filtered_and_paged() {
    let stage = Stage::mails(3).await;
    let id = stage.link(Vendor::Gmail).await;
    for _ in 0..2 {
        stage.program.import(&id, &[]).await;
    }
    stage.sandbox.grant(Vendor::Gmail).revoke();
    stage.program.import(&id, &[]).await;
    let runs = async |arguments: &[&str]| {
        stage.program.done(&[&["runs", "--json"], arguments].concat()).await.json()
    };
    assert_eq!(runs(&[]).await["runs"].as_array().unwrap().len(), 3);
    let failed = runs(&["--status", "failed"]).await["runs"].clone();
    assert_eq!(
        (failed.as_array().unwrap().len(), &failed[0]["error"]["class"]),
        (1, &json!("reconnect"))
    );
    let newest = runs(&["--limit", "1", "--connector-id", &id]).await;
    let next = runs(&["--limit", "1", "--cursor", text(&newest["next_cursor"])]).await;
    assert_eq!(next["runs"][0]["status"], "success");
    let one = stage.program.done(&["runs", "--run-id", text(&failed[0]["run_id"])]).await;
    assert!(one.out.contains("failed") && one.err.contains("neotoma connect gmail"), "{one:?}");
    let unknown = "0198c1de-0000-7000-8000-000000000001";
    let ran = stage.program.run(&["runs", "--run-id", unknown]).await;
    assert!(ran.code == 2 && ran.err.contains("there is no run"), "{ran:?}");
}

#[tokio::test]
async fn a_new_key_takes_the_place_of_the_old_one_while_all_goes_on() {
    let mut stage = Stage::mails(3).await;
    let id = stage.link(Vendor::Gmail).await;
    let generate = ["keys", "generate"];
    let new = stage.program.done(&generate).await.out.trim().to_owned();
    assert!(new.len() >= 32 && new != stage.program.done(&generate).await.out.trim());
    stage.program.set("CONNECTOR_SECRET_KEY", &new);
    stage.program.set("CONNECTOR_SECRET_KEY_PREVIOUS", KEY);
    assert_eq!(
        stage.program.import(&id, &[]).await["status"],
        "success",
        "the old one still opens"
    );
    let rotate = ["keys", "rotate", "--json"];
    let rotated = stage.program.done(&rotate).await.json();
    assert_eq!(rotated, json!({"resealed": 1, "current": 0, "unopened": 0}));
    stage.program.unset("CONNECTOR_SECRET_KEY_PREVIOUS");
    assert_eq!(
        stage.program.import(&id, &[]).await["status"],
        "success",
        "the old one is not needed"
    );
    let rotated = stage.program.done(&rotate).await.json();
    assert_eq!(rotated, json!({"resealed": 0, "current": 1, "unopened": 0}));
}

#[tokio::test]
async fn the_doctor_tells_what_is_well_and_the_remedy_for_what_is_not() {
    let stage = Stage::of(World::empty()).await;
    let well = stage.program.done(&["doctor", "--json"]).await.json();
    let checks: Vec<_> = well.as_array().unwrap().iter().map(|of| text(&of["check"])).collect();
    assert_eq!(checks, ["key", "database", "migrations", "clock"]);
    assert!(well.as_array().unwrap().iter().all(|of| of["ok"] == true), "{well}");
    let table = stage.program.done(&["doctor"]).await.out;
    assert!(table.lines().count() >= 5 && table.contains("PostgreSQL"), "{table}");
    let unwell = stage.program.run(&["doctor", "--json"]);
    assert_eq!(unwell.await.code, 0);
    let nowhere = Program::new().with("DATABASE_URL", "postgres://neotoma@%2Fnowhere/neotoma");
    let ran = nowhere.run(&["doctor", "--json"]).await;
    assert_eq!(ran.code, 1);
    for check in ran.json().as_array().unwrap().iter().filter(|of| of["ok"] == false) {
        assert!(!text(&check["remedy"]).is_empty(), "{check}");
    }
    assert!(
        ran.json().as_array().unwrap().iter().any(|of| of["check"] == "key" && of["ok"] == false)
    );
    // The embedded database.
    let place = Place::new();
    let program = Program::new().with("NEOTOMA_DATA_DIR", place.data_dir.to_str().unwrap());
    let ran = program.done(&["doctor", "--json"]).await.json();
    let checks: Vec<_> = ran.as_array().unwrap().iter().map(|of| text(&of["check"])).collect();
    for check in ["data folder", "key", "database", "migrations", "clock"] {
        assert!(checks.contains(&check), "{checks:?}");
    }
    assert_eq!(place.server(), None, "it is stopped again");
}

#[tokio::test]
async fn the_server_is_added_to_the_assistants_configurations() {
    let program = Program::new();
    for client in ["claude-desktop", "claude-code", "cursor", "vscode"] {
        let print = program.done(&["install", client, "--print"]).await;
        let servers = if client == "vscode" { "servers" } else { "mcpServers" };
        let printed = print.json();
        let entry = &printed[servers]["neotoma"];
        assert_eq!(entry["command"], env!("CARGO_BIN_EXE_neotoma"));
        assert_eq!(entry["args"], json!(["serve"]));
        let written = std::fs::read_dir(program.home()).unwrap().count();
        assert_eq!(written, 0, "--print only shows");
    }
    let ran = program.run(&["install", "cursor"]).await;
    assert!(ran.code == 2 && ran.err.contains("--yes"), "nobody is there to be asked: {ran:?}");
    let folder = program.home().join(".cursor");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("mcp.json");
    std::fs::write(&file, "{\n  // mine\n  \"mcpServers\": {\"other\": {\"command\": \"x\"}}\n}\n")
        .unwrap();
    let install =
        ["--owner", "zoe", "install", "cursor", "--yes", "--env", "DATABASE_URL=postgres://h/d"];
    let ran = program.done(&install).await;
    assert!(
        ran.err.contains("+ ") && !ran.err.contains("postgres://"),
        "shown, but for values: {ran:?}"
    );
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("// mine") && written.contains("\"other\""), "{written}");
    assert!(written.contains("postgres://h/d") && written.contains("zoe"), "{written}");
    let again = program.done(&install).await;
    assert!(again.err.contains("has it already"), "{again:?}");
}

#[tokio::test]
async fn a_reader_that_leaves_early_is_no_failure() {
    let program = Program::new();
    let mut running = program.start(&["providers", "--json"]);
    drop(running.child.stdout.take());
    let ran = running.ended().await;
    assert!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
}
