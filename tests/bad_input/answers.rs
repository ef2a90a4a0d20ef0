//! What a vendor answers: one odd item costs that item, an odd answer costs the rest of the run, and neither costs what is
//! stored.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

use serde_json::{Value, json};

use crate::{
    sandbox::{
        Vendor,
        data::Sizes,
        faults::{Fault, Rule},
        spoil::Spoil,
    },
    stage::{Stage, sorted},
};

/// Twelve of each, in one list.
async fn dozen() -> Stage {
    Stage::sized(Sizes { mails: 12, tasks: 12, projects: 1, messages: 12, channels: 1 }).await
}

/// The requests that list what is imported.
fn lists(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Gmail => "/messages?",
        Vendor::Asana => "/tasks?*project=",
        Vendor::Slack => "conversations.history",
    }
}

/// Those of them that ask for a second page.
fn second(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Gmail => "/messages?*pageToken=",
        Vendor::Asana => "/tasks?*project=*offset=",
        Vendor::Slack => "conversations.history*cursor=",
    }
}

/// Deletes something at the vendor that it will not tell of by itself: only a listing shows it.
fn lose_one(stage: &Stage, vendor: Vendor) {
    let sandbox = &stage.sandbox;
    match vendor {
        Vendor::Gmail => {
            let id = sandbox.gmail().ids()[0].clone();
            sandbox.gmail().delete(&id).unwrap();
        }
        Vendor::Asana => {
            let task = sandbox.asana().reachable()[0].clone();
            sandbox.asana().delete_task(&task).unwrap();
        }
        Vendor::Slack => {
            let (channel, ts) = sandbox.slack().messages()[0].clone();
            sandbox.slack().delete(&channel, &ts).unwrap();
        }
    }
}

fn stats(run: &Value, name: &str) -> u64 {
    run["stats"][name].as_u64().unwrap()
}

#[tokio::test]
async fn one_item_that_breaks_its_contract_is_left_out_counted_and_named() {
    for vendor in Vendor::ALL {
        let stage = dozen().await;
        let id = stage.link(vendor).await;
        let first = stage.program.import(&id, &[]).await;
        assert_eq!((&first["status"], stats(&first, "skipped")), (&json!("success"), 0));
        let before = stage.alive().await;
        lose_one(&stage, vendor);
        let spoil = Rule::new(Fault::Spoil(Spoil::BrokenItem)).on(vendor).path(lists(vendor));
        stage.sandbox.inject(spoil);
        let again = ["import", "--json", "--connector-id", &id, "--sync-type", "initial"];
        let ran = stage.program.done(&again).await;
        let run = ran.json()[0].clone();
        assert_eq!(
            (&run["status"], stats(&run, "skipped")),
            (&json!("success"), 1),
            "{vendor:?}: {run}"
        );
        assert!(stats(&run, "unchanged") >= 7, "the rest of the page is kept: {run}");
        assert_eq!(stats(&run, "removed"), 0, "{vendor:?}");
        assert_eq!(stage.alive().await, before, "{vendor:?}: nothing is swept");
        assert!(ran.err.contains("left out an item") && ran.err.contains("at=\"["), "{ran:?}");
        assert!(ran.err.contains("1 items were not as the service promises"), "{ran:?}");
        assert!(!ran.err.contains("unexpected\""), "nothing of the answer: {ran:?}");
        // Once all is well again, what is gone is gone.
        let run = stage.program.import(&id, &["--sync-type", "initial"]).await;
        let left = sorted(stage.ids(vendor));
        assert_eq!(run["status"], "success", "{vendor:?}: {run}");
        assert_eq!(stats(&run, "removed"), (before.len() - left.len()) as u64, "{vendor:?}: {run}");
        assert_eq!(stage.alive().await, left);
    }
}

#[tokio::test]
async fn one_mail_that_breaks_its_contract_is_left_out_and_its_page_kept() {
    let stage = dozen().await;
    let id = stage.link(Vendor::Gmail).await;
    let mail = Rule::new(Fault::Spoil(Spoil::BrokenFields)).path("/messages/").after(3);
    stage.sandbox.inject(mail);
    let ran = stage.program.done(&["import", "--json", "--connector-id", &id]).await;
    let run = ran.json()[0].clone();
    assert_eq!((stats(&run, "created"), stats(&run, "skipped")), (11, 1), "{run}");
    assert!(ran.err.contains("left out a message") && ran.err.contains("at="), "{ran:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_what_the_vendor_promises_ends_the_run_and_keeps_its_pages() {
    for (vendor, spoil) in [
        (Vendor::Gmail, Spoil::NotJson),
        (Vendor::Asana, Spoil::OtherShape),
        (Vendor::Slack, Spoil::Truncated),
    ] {
        let stage = dozen().await;
        let id = stage.link(vendor).await;
        let rule = Rule::new(Fault::Spoil(spoil)).on(vendor).path(second(vendor)).always();
        stage.sandbox.inject(rule);
        let run = stage.program.import(&id, &["--limit", "5"]).await;
        assert_eq!(
            (&run["status"], &run["error"]["class"]),
            (&json!("failed"), &json!("unexpected")),
            "{run}"
        );
        let why = run["error"]["message"].as_str().unwrap();
        assert!(why.contains("please report it") && !why.contains("back soon"), "{why}");
        assert!(stats(&run, "created") >= 5, "{run}");
        assert_eq!(stage.alive().await.len() as u64, stats(&run, "created"), "the pages are kept");
        let connectors = stage.program.done(&["connectors", "--json"]).await.json();
        assert_eq!(connectors[0]["status"], "error", "no new link is asked for");
        stage.sandbox.heal();
        let run = stage.program.import(&id, &["--limit", "5"]).await;
        assert_eq!(run["status"], "success", "{run}");
        assert_eq!(stage.alive().await, sorted(stage.ids(vendor)), "{vendor:?}");
    }
}

#[tokio::test]
async fn an_identity_that_is_not_what_the_vendor_promises_links_nothing() {
    let stage = dozen().await;
    let mut assistant = stage.program.serve().await;
    let link = json!({"provider": "gmail", "secrets": stage.token(Vendor::Gmail)});
    for fault in [
        Fault::Spoil(Spoil::NotJson),
        Fault::Spoil(Spoil::OtherShape),
        Fault::size(0),
        Fault::size(50 << 20),
    ] {
        stage.sandbox.inject(Rule::new(fault).path("/profile"));
        let said = assistant.refuses("link_connector", link.clone()).await;
        assert!(said.contains("unexpected answer") && !said.contains("back soon"), "{said}");
    }
    assert_eq!(stage.count("SELECT count(*) FROM external_connectors").await, 0);
}

/// The most memory that a process has had, in KiB.
fn most_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_answer_of_0_bytes_or_of_50_mb_ends_the_run_and_keeps_its_pages() {
    let stage = dozen().await;
    let id = stage.link(Vendor::Gmail).await;
    let mut assistant = stage.program.serve().await;
    let before = most_memory(assistant.id());
    let sync = json!({"connector_id": id, "limit": 5, "wait_seconds": 25});
    for (size, says) in [(0, "an empty answer"), (50 << 20, "more than 32 MiB")] {
        stage.sandbox.inject(Rule::new(Fault::size(size)).path(second(Vendor::Gmail)).times(1));
        let said = assistant.refuses("sync_external_connector", sync.clone()).await;
        assert!(said.contains(says) && said.contains("please report it"), "{said}");
        assert_eq!(stage.alive().await.len(), 5, "the first page");
    }
    if cfg!(target_os = "linux") {
        let grown = most_memory(assistant.id()).saturating_sub(before) / 1024;
        assert!(grown < 64, "{grown} MiB for an answer that is refused");
    }
    let run = assistant.does("sync_external_connector", sync).await;
    assert_eq!((&run["status"], stats(&run, "created")), (&json!("success"), 7));
}

#[tokio::test]
async fn nul_characters_and_lone_surrogates_cost_no_page() {
    for spoil in [Spoil::Nul, Spoil::LoneSurrogate] {
        let stage = dozen().await;
        for vendor in Vendor::ALL {
            stage.link(vendor).await;
            let path = if vendor == Vendor::Gmail { "/messages/" } else { lists(vendor) };
            stage.sandbox.inject(Rule::new(Fault::Spoil(spoil)).on(vendor).path(path));
        }
        let runs = stage.program.done(&["import", "--all", "--json"]).await.json();
        for run in runs.as_array().unwrap() {
            let counted = (stats(run, "created"), stats(run, "skipped"));
            assert_eq!(counted, (12, 0), "{spoil:?}: {run}");
        }
        let all = Vendor::ALL.into_iter().flat_map(|vendor| stage.ids(vendor)).collect();
        assert_eq!(stage.alive().await, sorted(all));
        if spoil == Spoil::LoneSurrogate {
            let mended = "SELECT count(*) FROM records WHERE properties::text LIKE '%\u{fffd}%'";
            assert_eq!(stage.count(mended).await, 3, "one at each vendor");
        }
        // What was mended is found by its words.
        let mut assistant = stage.program.serve().await;
        let found = assistant.does("search_records", json!({"query": "wind", "limit": 100})).await;
        assert!(found["count"].as_u64().unwrap() >= 11, "{found}");
    }
}

#[tokio::test]
async fn dates_out_of_range_cost_no_page() {
    let stage = dozen().await;
    for vendor in Vendor::ALL {
        stage.link(vendor).await;
        let path = if vendor == Vendor::Gmail { "/messages/" } else { lists(vendor) };
        stage.sandbox.inject(Rule::new(Fault::Spoil(Spoil::DateOutOfRange)).on(vendor).path(path));
    }
    let runs = stage.program.done(&["import", "--all", "--json"]).await.json();
    for run in runs.as_array().unwrap() {
        let counted = stats(run, "created") + stats(run, "skipped");
        assert_eq!(counted, 12, "stored, or left out and counted: {run}");
        assert!(stats(run, "skipped") <= 1, "{run}");
    }
    // Of ours, too.
    let mut assistant = stage.program.serve().await;
    for (since, fits) in [
        ("-009998-06-01", true),
        ("9999-12-30", true),
        ("99999-01-01", false),
        ("2025-02-31", false),
    ] {
        let answer = assistant.call("search_records", json!({"since": since})).await;
        assert_eq!(answer.is_ok(), fits, "{since}: {answer:?}");
        let until = assistant.call("search_records", json!({"until": since})).await;
        assert_eq!(until.is_ok(), fits, "{since}: {until:?}");
    }
}

#[tokio::test]
async fn one_id_twice_in_a_page_is_one_record() {
    for vendor in Vendor::ALL {
        let stage = dozen().await;
        let id = stage.link(vendor).await;
        let twice = Rule::new(Fault::Spoil(Spoil::Twice)).on(vendor).path(lists(vendor));
        let twice = stage.sandbox.inject(twice);
        let run = stage.program.import(&id, &[]).await;
        assert_eq!(stage.sandbox.struck(twice), 1);
        assert_eq!(
            (&run["status"], stats(&run, "created")),
            (&json!("success"), 12),
            "{vendor:?}: {run}"
        );
        assert_eq!((stats(&run, "updated"), stats(&run, "skipped")), (0, 0), "{vendor:?}: {run}");
        assert_eq!(stage.alive().await, sorted(stage.ids(vendor)));
    }
}
