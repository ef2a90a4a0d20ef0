use serde_json::json;

use super::{message::Message, *};
use crate::{
    providers::testing::{self, Vendor},
    record::{self, Properties},
    wire::time,
};

fn listed(results: &[Value], next: Option<&str>) -> (u16, Value) {
    (200, json!({"_pagination": {"next": next}, "_results": results}))
}

fn thread(id: &str) -> Value {
    json!({"id": id, "type": "conversation", "status": "assigned", "tags": [{"name": "VIP"}]})
}

fn message(id: &str) -> Value {
    json!({"id": id, "type": "email", "is_inbound": true, "draft_mode": null, "created_at": 1_736_500_000.123, "text": id,
        "_links": {"related": {"conversation": "https://a.api.frontapp.com/conversations/cnv_a"}},
        "recipients": [{"handle": "a@b.example", "name": "Ada", "role": "from"}, {"handle": "r@b.example", "role": "reply-to"}]})
}

fn event(kind: &str, at: f64, of: &str, target: &Value) -> Value {
    json!({"id": kind, "type": kind, "emitted_at": at, "conversation": thread(of), "target": {"data": target}})
}

/// A vendor by path, with the token of a page.
async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Front, move |asked| {
        let (_, path) = asked.path.split_once('/').unwrap();
        let token = asked.get("page_token").map(|token| format!(" {token}"));
        script(&format!("{path}{}", token.unwrap_or_default()))
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Front, &vendor.client(), &Feed::account(), cursor).await
}

fn done() -> Cursor {
    let after = time::instant("2025-01-10T09:10:00.9Z").unwrap();
    Cursor { after, latest: after, listing: false, page: None }
}

#[tokio::test]
async fn the_place_among_the_events_is_taken_first_and_all_pages_of_all_conversations_are_read() {
    let vendor = vendor(|asked| match asked {
        "events" => listed(&[event("assign", 1_736_500_700.123, "cnv_a", &Value::Null)], None),
        "conversations" => listed(
            &[json!({"id": "cnv_d", "type": "discussion"})],
            Some("https://a.api.frontapp.com/conversations?page_token=2"),
        ),
        "conversations 2" => listed(&[thread("cnv_a")], None),
        "conversations/cnv_a/messages" => listed(
            &[],
            Some("https://a.api.frontapp.com/conversations/cnv_a/messages?page_token=2"),
        ),
        "conversations/cnv_a/messages 2" => {
            let mut draft = message("draft");
            draft["draft_mode"] = "shared".into();
            listed(&[message("msg_1"), draft, json!({"id": 7})], None)
        }
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["msg_1"], 1));
    let Next::Resume(end) = pass.end else { panic!("{:?}", pass.end) };
    assert_eq!(Some(end.after), time::instant("2025-01-10T09:18:20.123Z"));
    assert_eq!(vendor.paths()[0], "events");
}

#[tokio::test]
async fn events_bring_new_messages_read_turned_conversations_again_and_remove_the_trash() {
    let vendor = vendor(|asked| match asked {
        "events" => listed(
            &[
                event("inbound", 1_736_600_001.25, "cnv_a", &json!({"id": "msg_1"})),
                event("inbound", 1_736_600_002.0, "cnv_a", &json!({"id": "msg_gone"})),
                event("trash", 1_736_600_003.0, "cnv_b", &Value::Null),
                event("trash", 1_736_600_004.0, "cnv_c", &Value::Null),
                event("restore", 1_736_600_005.0, "cnv_c", &Value::Null),
            ],
            None,
        ),
        "messages/msg_1" => (200, message("msg_1")),
        "conversations/cnv_c" => (200, thread("cnv_c")),
        "conversations/cnv_c/messages" => listed(&[message("msg_2")], None),
        _ => (404, json!({"_error": {"status": 404, "message": "Not found"}})),
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!(
        (pass.ids(), &pass.gone[..]),
        (vec!["msg_1", "msg_2"], &["msg_gone", "at cnv_b"].map(str::to_owned)[..])
    );
    assert_eq!(pass.records[1].place.as_deref(), Some("cnv_c"));
    let asked = vendor.asked();
    assert_eq!(asked[0].get("q[after]"), Some("1736500140.900"));
}

#[tokio::test]
async fn a_conversation_that_is_read_again_is_held_whole_and_one_merged_away_is_gone() {
    let vendor = vendor(|asked| match asked {
        "events" => listed(
            &[event("conversations_merged", 1_736_600_001.0, "cnv_a", &json!([{"id": "cnv_old"}]))],
            None,
        ),
        // A conversation that was merged away redirects to the one it went into.
        "conversations/cnv_a" | "conversations/cnv_old" => (200, thread("cnv_a")),
        "conversations/cnv_a/messages" => listed(&[message("msg_1")], None),
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let page = Front.page(&vendor.client(), &Feed::account(), Some(done())).await.unwrap();
    assert_eq!((page.upserts.len(), &page.replacing[..]), (1, &["cnv_a".to_owned()][..]));
    assert_eq!(page.removed, [crate::provider::Gone::Place("cnv_old".into())]);
}

#[tokio::test]
async fn what_may_no_longer_be_read_stays_as_it_was() {
    let vendor = vendor(|asked| match asked {
        "events" => listed(
            &[
                event("inbound", 1_736_600_001.0, "cnv_a", &json!({"id": "msg_hidden"})),
                event("restore", 1_736_600_002.0, "cnv_hidden", &Value::Null),
            ],
            None,
        ),
        _ => {
            (403, json!({"_error": {"status": 403, "title": "Forbidden", "message": "no access"}}))
        }
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.len()), (vec![], 0));
}

#[tokio::test]
async fn a_missing_message_is_gone_where_it_was_deleted_or_its_conversation_trashed() {
    let vendor = vendor(|asked| match asked {
        "messages/alive" | "messages/binned" => {
            let mut found = message("m");
            let of = asked.strip_prefix("messages/").unwrap();
            found["_links"]["related"]["conversation"] =
                format!("https://a.api.frontapp.com/conversations/{of}").into();
            (200, found)
        }
        "messages/hidden" => (
            403,
            json!({"_error": {"status": 403, "message": "Scope insufficient for this request"}}),
        ),
        "conversations/alive" => (200, thread("alive")),
        "conversations/binned" => (200, json!({"id": "binned", "status": "deleted"})),
        _ => (404, Value::Null),
    })
    .await;
    let ids = ["alive", "binned", "hidden", "deleted"].map(str::to_owned).to_vec();
    let gone = Front.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["binned", "deleted"]);
}

#[test]
fn a_message_without_text_gets_that_of_its_html_and_times_keep_their_milliseconds() {
    let mut html = message("msg_1");
    (html["text"], html["body"], html["type"]) =
        (Value::Null, "<p>a &amp; <b>b</b></p>".into(), "sms".into());
    let html: Message = serde_json::from_value(html).unwrap();
    let of: Conversation = serde_json::from_value(thread("cnv_a")).unwrap();
    let Properties::Message(message) = html.record(&of).unwrap().properties else { panic!() };
    let record::Message { text, from, sent_at, to, kind, .. } = *message;
    assert_eq!((text.as_deref(), to, kind), (Some("a & b"), None, record::MessageKind::Chat));
    assert_eq!(from.unwrap().handle.as_deref(), Some("a@b.example"));
    assert_eq!(sent_at, time::instant("2025-01-10T09:06:40.123Z"));
    let scope = json!({"_error": {"message": "Scope insufficient for this request"}});
    assert!(matches!(Front.fault(403, &scope), Some(Error::Forbidden(_))));
}
