use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::{
    provider::Covers,
    providers::testing::{self, Asked, Vendor},
};

fn ok(key: &str, items: Value) -> (u16, Value) {
    (200, Value::from_iter([("ok", Value::Bool(true)), (key, items)]))
}

fn word(error: &str) -> (u16, Value) {
    (200, json!({"ok": false, "error": error}))
}

fn general() -> Feed {
    Feed::new("C1", "general")
}

fn said(ts: &str) -> Value {
    json!({"ts": ts, "user": "U1", "text": ts})
}

fn thread_of(ts: &str, replies: &[&str]) -> Value {
    json!({"ts": ts, "thread_ts": ts, "user": "U1", "text": ts, "reply_count": replies.len(),
        "latest_reply": replies.last()})
}

/// A request in short: `history cursor=2`, `replies 5.1`.
fn short(asked: &Asked) -> String {
    let method = asked.path.strip_prefix("slack.com/api/").unwrap();
    let method = method.strip_prefix("conversations.").unwrap_or(method);
    let ts = asked.get("ts").map(|ts| format!(" {ts}"));
    let rest =
        ["cursor", "latest"].map(|name| asked.get(name).map(|value| format!(" {name}={value}")));
    [Some(method.to_owned()), ts].into_iter().chain(rest).flatten().collect()
}

fn elsewhere(asked: &str) -> (u16, Value) {
    assert_eq!(asked, "users.conversations", "nothing else is asked for");
    ok("channels", json!([]))
}

/// A vendor that knows who asks and who is who, and answers else as the script says.
async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Slack, move |asked| match short(asked).as_str() {
        "auth.test" => {
            let url = "https://x.slack.com/";
            (200, json!({"ok": true, "url": url, "team": "X", "user": "grace", "team_id": "T1", "user_id": "U1"}))
        }
        "users.list" => ok("members", json!([{"id": "U1", "name": "grace"}, {"id": "U2", "name": "zoé"}])),
        asked => script(asked),
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Slack, &vendor.client(), &general(), cursor).await
}

fn end(pass: testing::Pass<Cursor>) -> Cursor {
    match pass.end {
        Next::Resume(at) => at,
        next => panic!("{next:?}"),
    }
}

fn asked(vendor: &Vendor) -> Vec<String> {
    let channel = |line: &String| line.starts_with("history") || line.starts_with("replies");
    vendor.asked().iter().map(short).filter(channel).collect()
}

#[tokio::test]
async fn a_thread_comes_with_the_page_that_shows_its_first_message_each_message_once() {
    let vendor = vendor(|asked| match asked {
        "history" => (
            200,
            json!({"ok": true, "messages": [said("9.1"), thread_of("5.1", &["6.1", "7.1"])],
            "has_more": true, "response_metadata": {"next_cursor": "2"}}),
        ),
        "history cursor=2" => {
            ok("messages", json!([{"ts": "4.1", "subtype": "channel_join"}, said("3.1"), {}]))
        }
        "replies 5.1" => (
            200,
            json!({"ok": true, "messages": [thread_of("5.1", &["6.1", "7.1"]), said("6.1")],
            "response_metadata": {"next_cursor": "more"}}),
        ),
        "replies 5.1 cursor=more" => ok("messages", json!([said("7.1")])),
        other => elsewhere(other),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["C1:9.1", "C1:5.1", "C1:6.1", "C1:7.1", "C1:3.1"]);
    assert_eq!((pass.skipped, pass.covers.as_slice()), (1, &[Covers::Everything; 2][..]));
}

#[tokio::test]
async fn the_next_pass_reads_the_window_again_and_of_its_threads_those_that_changed() {
    let first = vendor(|asked| match asked {
        "history" => ok(
            "messages",
            json!([
                thread_of("1700000500.1", &["1700000600.1"]),
                thread_of("1700000300.1", &["1700000400.1"]),
                said("1700000200.1")
            ]),
        ),
        "replies 1700000500.1" => {
            ok("messages", json!([said("1700000500.1"), said("1700000600.1")]))
        }
        "replies 1700000300.1" => {
            ok("messages", json!([said("1700000300.1"), said("1700000400.1")]))
        }
        other => elsewhere(other),
    })
    .await;
    let stored = Some(end(pass(&first, None).await.unwrap()));
    let second = vendor(|asked| match asked {
        "history" => ok("messages", json!([thread_of("1700000500.1", &["1700000600.1", "1700000700.1"]),
            {"ts": "1700000300.1", "subtype": "tombstone", "reply_count": 1, "latest_reply": "1700000400.1"}])),
        "replies 1700000500.1" => {
            ok("messages", json!([said("1700000500.1"), said("1700000600.1"), said("1700000700.1")]))
        }
        other => elsewhere(other),
    })
    .await;
    let pass = pass(&second, stored).await.unwrap();
    assert_eq!(pass.ids(), ["C1:1700000500.1", "C1:1700000600.1", "C1:1700000700.1"]);
    assert_eq!(
        (pass.gone, pass.seen),
        (vec!["C1:1700000300.1".to_owned()], vec!["C1:1700000400.1".to_owned()])
    );
    let from = Timestamp::from_second(1_700_000_600 - 30 * 86_400).unwrap();
    assert_eq!(pass.covers, [Covers::Between { from: Some(from), to: None }]);
    let history = second.asked().into_iter().find(|asked| asked.path.ends_with("history")).unwrap();
    assert_eq!(history.get("oldest"), Some("1697408599.999999"), "exclusive");
}

#[tokio::test]
async fn a_place_that_slack_forgot_goes_on_behind_the_oldest_message_that_was_read() {
    let vendor = vendor(|asked| match asked {
        "history" => (
            200,
            json!({"ok": true, "messages": [said("9.1"), said("8.1")],
            "response_metadata": {"next_cursor": "stale"}}),
        ),
        "history cursor=stale" => word("invalid_cursor"),
        "history latest=8.1" => {
            (200, json!({"ok": true, "messages": [said("7.1")], "has_more": true}))
        }
        "history latest=7.1" => ok("messages", json!([])),
        other => elsewhere(other),
    })
    .await;
    assert_eq!(pass(&vendor, None).await.unwrap().ids(), ["C1:9.1", "C1:8.1", "C1:7.1"]);
}

#[tokio::test]
async fn threads_are_read_forty_a_page_and_one_that_is_gone_has_no_replies() {
    let threads: Vec<Value> =
        (100..190).map(|n| thread_of(&format!("{n}.1"), &["200.1"])).collect();
    let vendor = vendor(move |asked| match asked {
        "history" => ok("messages", threads.clone().into()),
        "replies 150.1" => word("thread_not_found"),
        "users.conversations" => elsewhere(asked),
        of => ok(
            "messages",
            json!([said(of.strip_prefix("replies ").unwrap()), said(&format!("{}9", &of[8..]))]),
        ),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.sizes, [90 + 40, 39, 10]);
    assert_eq!(asked(&vendor).len(), 91);
}

#[tokio::test]
async fn a_message_that_was_not_seen_is_gone_only_if_slack_no_longer_has_it() {
    let vendor = vendor(|asked| match asked {
        "replies 1.1 latest=1.1" => ok("messages", json!([said("0.1"), said("1.1")])),
        "replies 2.1 latest=2.1" => ok("messages", json!([{"ts": "2.1", "subtype": "tombstone"}])),
        "replies 3.1 latest=3.1" => ok("messages", json!([said("0.1")])),
        _ => word("thread_not_found"),
    })
    .await;
    let ids = ["C1:1.1", "C1:2.1", "C1:3.1", "C1:4.1"].map(str::to_owned).to_vec();
    let gone = Slack.confirm_gone(&vendor.client(), &general(), ids).await.unwrap();
    assert_eq!(gone, ["C1:2.1", "C1:3.1", "C1:4.1"]);
    let purge: Vec<String> = (0..500).map(|n| format!("C1:{n}.9")).collect();
    vendor.asked();
    assert_eq!(Slack.confirm_gone(&vendor.client(), &general(), purge).await.unwrap().len(), 500);
    assert_eq!(asked(&vendor).len(), 0);
}

#[tokio::test]
async fn channels_and_direct_messages_are_the_feeds_under_the_names_that_people_see() {
    let vendor = vendor(|asked| match asked {
        "users.conversations" => ok(
            "channels",
            json!([{"id": "C1", "name": "general", "is_archived": true},
            {"id": "D1", "user": "U2"}, {"id": "D2", "user": "U9"}, {"name": "odd"}]),
        ),
        other => elsewhere(other),
    })
    .await;
    let feeds = Slack.feeds(&vendor.client()).await.unwrap();
    assert_eq!(feeds, [Feed::new("C1", "general"), Feed::new("D1", "zoé"), Feed::new("D2", "U9")]);
    let account = Slack.account(&vendor.client()).await.unwrap();
    assert!(account.id == "T1:U1" && account.is("Grace") && account.label == "grace in X");
}

#[tokio::test]
async fn a_sort_of_conversation_that_may_not_be_read_leaves_the_others() {
    let vendor = Vendor::new(&Slack, |asked| match asked.get("types") {
        Some("im") => ok("channels", json!([{"id": "D1", "name": "x"}])),
        Some("mpim") => ok("channels", json!([])),
        Some(_) => (200, json!({"ok": false, "error": "missing_scope", "needed": "groups:read"})),
        None => ok("members", json!([])),
    })
    .await;
    assert_eq!(Slack.feeds(&vendor.client()).await.unwrap(), [Feed::new("D1", "x")]);
    let vendor = Vendor::new(&Slack, |asked| match asked.get("types") {
        Some(_) => (200, json!({"ok": false, "error": "missing_scope", "needed": "groups:read"})),
        None => ok("members", json!([])),
    })
    .await;
    let cause = Slack.feeds(&vendor.client()).await.unwrap_err();
    assert!(matches!(&cause, Error::Forbidden(what) if what.contains("groups:read")), "{cause}");
}

#[test]
fn a_word_in_an_answer_that_looks_good_says_what_to_do() {
    let fault = |body: Value| Slack.fault(200, &body);
    let word = |error: &str| fault(json!({"ok": false, "error": error}));
    assert_eq!(word("ratelimited"), Some(Error::RateLimited(Duration::ZERO)));
    assert!(matches!(word("fatal_error"), Some(Error::Unavailable(_))));
    for refused in
        ["token_expired", "token_revoked", "invalid_auth", "account_inactive", "not_authed"]
    {
        assert!(matches!(word(refused), Some(Error::Reconnect(_))), "{refused}");
    }
    for closed in ["not_in_channel", "no_permission", "org_login_required"] {
        assert!(matches!(word(closed), Some(Error::Forbidden(_))), "{closed}");
    }
    assert_eq!(word("channel_not_found"), Some(Error::NotFound));
    assert_eq!(word("invalid_cursor"), Some(Error::CursorExpired));
    assert!(matches!(word("invented_later"), Some(Error::Forbidden(_))));
    assert!(matches!(word("invalid_arguments"), Some(Error::Unexpected { .. })));
    assert!(matches!(fault(json!({"ok": false})), Some(Error::Unexpected { .. })));
    let told = word("somebody's <text>").map(|error| error.to_string()).unwrap_or_default();
    assert!(!told.contains("somebody"), "{told}");
    assert_eq!(fault(json!({"ok": true, "messages": []})), None);
    assert_eq!(fault(Value::Null), None);
    assert_eq!(Slack.fault(503, &json!({"ok": false, "error": "invented_later"})), None);
}
