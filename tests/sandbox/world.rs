//! What the vendors hold at the start.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::URL_SAFE};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    ASANA, GMAIL, Play, SLACK,
    sandbox::{Vendor, World, data::Sizes},
};

/// Every text part of a message, decoded.
fn texts(part: &Value, into: &mut String) {
    if let Some(data) = part["body"]["data"].as_str() {
        into.push_str(&String::from_utf8(URL_SAFE.decode(data).unwrap()).unwrap());
    }
    part["parts"].as_array().into_iter().flatten().for_each(|part| texts(part, into));
}

/// The story's last day; which mails are still to come depends on its hour.
fn today() -> Timestamp {
    "2026-03-12T18:00:00Z".parse().unwrap()
}

async fn mails(play: &Play) -> Vec<Value> {
    let mut all = Vec::new();
    let ids = play.sandbox.gmail().ids();
    for id in ids {
        all.push(play.get(Vendor::Gmail, &format!("{GMAIL}/messages/{id}")).await);
    }
    all
}

#[tokio::test]
async fn the_demonstrations_mailbox_is_large_varied_and_searchable() {
    let play = Play::of(World::demo_until(1, today())).await;
    let all = mails(&play).await;
    assert!((760..850).contains(&all.len()), "{}", all.len());
    let mut threads = BTreeMap::<&str, usize>::new();
    let (mut words, mut html, mut files, mut labels) = (Vec::new(), 0, 0, BTreeSet::new());
    for mail in &all {
        *threads.entry(mail["threadId"].as_str().unwrap()).or_default() += 1;
        let whole = mail.to_string();
        html += usize::from(whole.contains("text/html"));
        files += usize::from(whole.contains("attachmentId"));
        labels.extend(mail["labelIds"].as_array().into_iter().flatten().map(Value::to_string));
        let mut text = mail["payload"]["headers"].to_string();
        texts(&mail["payload"], &mut text);
        assert!(!text.contains("{part}") && !text.contains("[Hi"), "an unfilled template: {text}");
        words.push(text);
    }
    assert!(threads.values().filter(|mails| **mails >= 2).count() > 120);
    assert!(html > 120 && files > 60 && labels.len() > 12, "{html} {files} {labels:?}");
    for term in
        ["quarterly report", "Zoë", "invoice", "Grüße", "大阪", "✨", "Obrigada", "barometer"]
    {
        assert!(words.iter().any(|text| text.contains(term)), "{term}");
    }
}

#[tokio::test]
async fn the_demonstrations_tasks_and_chat_are_whole() {
    let play = Play::of(World::demo_until(1, today())).await;
    let (projects, tasks) = {
        let asana = play.sandbox.asana();
        (asana.projects(), asana.reachable())
    };
    assert_eq!(projects.len(), 12);
    assert!((1350..1500).contains(&tasks.len()), "{}", tasks.len());
    let fields = "name,notes,parent.name,projects.name,tags.name,custom_fields.display_value";
    let (mut homes, mut subtasks, mut tagged) = (0, 0, 0);
    for gid in &tasks {
        let task =
            play.get(Vendor::Asana, &format!("{ASANA}/tasks/{gid}?opt_fields={fields}")).await;
        let task = &task["data"];
        homes += usize::from(task["projects"].as_array().unwrap().len() > 1);
        subtasks += usize::from(task["parent"].is_object());
        tagged += usize::from(!task["tags"].as_array().unwrap().is_empty());
        assert!(!task["name"].as_str().unwrap().contains(['{', '[']), "{task}");
        assert!(!task["notes"].as_str().unwrap().contains(['{', '[']), "{task}");
    }
    assert!(homes > 10 && subtasks > 50 && tagged > 100, "{homes} {subtasks} {tagged}");

    let slack = play.sandbox.slack().messages();
    assert!((2300..2500).contains(&slack.len()), "{}", slack.len());
    let texts: Vec<_> = slack
        .iter()
        .map(|(channel, ts)| play.sandbox.slack().text(channel, ts).unwrap().to_owned())
        .collect();
    assert!(texts.iter().all(|text| !text.contains(['{', '['])));
    for term in ["quarterly report", "invoice", "<@U", "&amp;"] {
        assert!(texts.iter().filter(|text| text.contains(term)).count() >= 5, "{term}");
    }
    let target = format!(
        "{SLACK}/conversations.list?types=public_channel,private_channel,im,mpim&limit=999"
    );
    let channels = play.get(Vendor::Slack, &target).await;
    assert!(channels["channels"].as_array().unwrap().len() >= 20);
}

#[tokio::test]
async fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let today = today();
    let first = Play::of(World::demo_until(7, today)).await;
    let again = Play::of(World::demo_until(7, today)).await;
    let other = Play::of(World::demo_until(8, today)).await;
    let ids = first.sandbox.gmail().ids();
    assert_eq!(ids, again.sandbox.gmail().ids());
    assert_ne!(ids, other.sandbox.gmail().ids());
    assert!(ids.iter().all(|id| first.sandbox.gmail().date(id).unwrap() <= today));
    let workspace = first.sandbox.asana().workspace();
    let general = first.sandbox.slack().channel_named("general").unwrap();
    for (vendor, target) in [
        (
            Vendor::Gmail,
            format!("{GMAIL}/messages/{}?fields=snippet,labelIds,payload/headers", ids[17]),
        ),
        (
            Vendor::Asana,
            format!(
                "{ASANA}/tasks?assignee=me&workspace={workspace}&limit=100&opt_fields=name,notes,created_at,completed_at"
            ),
        ),
        (
            Vendor::Asana,
            format!("{ASANA}/projects?workspace={workspace}&limit=100&opt_fields=name,created_at"),
        ),
        (Vendor::Slack, format!("{SLACK}/conversations.history?channel={general}&limit=999")),
        (Vendor::Slack, format!("{SLACK}/conversations.list?limit=999")),
    ] {
        let answer = first.get(vendor, &target).await;
        assert_eq!(answer, again.get(vendor, &target).await, "{target}");
    }
    let target = format!("{SLACK}/conversations.history?channel={general}&limit=999");
    assert_ne!(first.get(Vendor::Slack, &target).await, other.get(Vendor::Slack, &target).await);
}

#[tokio::test]
async fn the_story_ends_today() {
    let world = World::demo(3);
    let gmail = &world.gmail[0];
    let newest = gmail.date(&gmail.ids()[0]).unwrap();
    let age = Timestamp::now().duration_since(newest);
    assert!((0..48).contains(&age.as_hours()), "{newest}");
}

#[tokio::test]
async fn a_sized_world_has_as_much_as_was_asked_for() {
    let sizes = Sizes { mails: 1001, tasks: 777, projects: 5, messages: 999, channels: 3 };
    let world = World::sized(&sizes);
    assert_eq!(world.gmail[0].ids().len(), 1001);
    assert_eq!(world.asana[0].reachable().len(), 777);
    assert_eq!(world.slack[0].messages().len(), 999);
    let nothing = Sizes { mails: 0, tasks: 0, projects: 0, messages: 0, channels: 0 };
    assert!(World::sized(&nothing).slack[0].messages().is_empty());
}
