use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{self, Properties},
};

const TOKEN: (&str, &str) = ("bot_token", "110:abc");

async fn vendor(updates: impl Fn(&Asked) -> Vec<Value> + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Telegram, move |asked| {
        assert_eq!(asked.path, "api.telegram.org/bot110:abc/getUpdates");
        assert_eq!(asked.bearer, "", "the token stands in the path");
        (200, json!({"ok": true, "result": updates(asked)}))
    })
    .await
}

fn client(vendor: &Vendor) -> Client {
    vendor.client_of(None, &Map::new(), &[TOKEN])
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> testing::Pass<Cursor> {
    testing::pass(&Telegram, &client(vendor), &Feed::account(), cursor).await.unwrap()
}

fn said(update: i64, kind: &str, more: &Value) -> Value {
    let mut message = json!({"message_id": update % 100, "date": 1_736_500_000,
        "chat": {"id": -1_001, "title": "News", "username": "news", "type": "channel"}});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Value::from_iter([("update_id".to_owned(), json!(update)), (kind.to_owned(), message)])
}

fn message(record: &Record) -> &record::Message {
    let Properties::Message(message) = &record.properties else { panic!("a message") };
    message
}

#[tokio::test]
async fn a_post_has_its_largest_picture_its_links_and_its_address() {
    let vendor = vendor(|_| {
        let entities = json!([{"type": "text_link", "offset": 3, "length": 5, "url": "https://e.example"},
            {"type": "bold", "offset": 0, "length": 2}, {"type": "new"}]);
        vec![
            said(10_001, "channel_post", &json!({"text": "👍 notes!", "entities": entities,
                "sender_chat": {"id": -1_001, "title": "News", "username": "news"}})),
            said(10_002, "channel_post", &json!({"caption": "Two", "photo": [
                {"file_unique_id": "small", "width": 90}, {"file_unique_id": "big", "width": 900}]})),
            said(10_003, "message", &json!({"text": "in", "date": "odd", "video": 7,
                "chat": {"id": 5, "first_name": "Ann", "username": "ann", "type": "private"},
                "from": {"id": 5, "first_name": "Ann", "last_name": "Test", "username": "ann"}})),
        ]
    })
    .await;
    let pass = pass(&vendor, None).await;
    assert_eq!((pass.ids(), pass.skipped), (vec!["-1001:1", "-1001:2", "5:3"], 0));
    let post = message(&pass.records[0]);
    assert_eq!(post.text.as_deref(), Some("👍 [notes](https://e.example)!"));
    assert_eq!(post.permalink.as_deref(), Some("https://t.me/news/1"));
    assert_eq!(post.kind, MessageKind::Post);
    let picture = message(&pass.records[1]);
    assert_eq!(picture.attachments.as_ref().unwrap()[0].id.as_deref(), Some("big"));
    let chat = message(&pass.records[2]);
    assert_eq!((chat.kind, &chat.permalink), (MessageKind::Chat, &None));
    assert_eq!(chat.from.as_ref().unwrap().name.as_deref(), Some("Ann Test"));
}

#[tokio::test]
async fn what_happened_to_a_chat_is_no_message_and_what_cannot_be_read_is_counted_and_passed_over()
{
    let vendor = vendor(|_| {
        vec![
            said(10_001, "message", &json!({"new_chat_members": [{"id": 1}]})),
            json!({"update_id": 10_002, "my_chat_member": {"new_chat_member": {"status": "kicked"}}}),
            json!({"update_id": 10_003, "message": {"text": "of no chat"}}),
            json!({"update_id": 10_004, "deleted_business_messages":
                {"chat": {"id": 7}, "message_ids": [900, 901]}}),
        ]
    })
    .await;
    let pass = pass(&vendor, None).await;
    assert_eq!((pass.records.len(), pass.skipped), (0, 1));
    assert_eq!(pass.gone, ["7:900", "7:901"]);
    let Next::Resume(cursor) = pass.end else { panic!("caught up") };
    assert_eq!(cursor.offset, Some(10_005));
}

#[tokio::test]
async fn a_full_answer_is_followed_by_the_next_one_which_confirms_it() {
    let vendor = vendor(|asked| {
        assert_eq!(asked.get("limit"), Some("100"));
        assert!(asked.get("allowed_updates").unwrap().contains("\"deleted_business_messages\""));
        let from = asked.get("offset").map_or(1_000, |offset| offset.parse().unwrap());
        (from..1_101).take(100).map(|id| said(id, "message", &json!({"text": "x"}))).collect()
    })
    .await;
    let pass = pass(&vendor, None).await;
    assert_eq!(pass.sizes, [100, 1]);
    let offsets: Vec<_> =
        vendor.asked().iter().map(|of| of.get("offset").map(String::from)).collect();
    assert_eq!(offsets, [None, Some("1100".into())]);
}

#[tokio::test]
async fn the_place_is_kept_while_nothing_comes_and_forgotten_before_updates_are_numbered_anew() {
    let vendor = vendor(|asked| match asked.get("offset") {
        Some(_) => vec![],
        None => vec![said(17, "message", &json!({"text": "of a lower number"}))],
    })
    .await;
    let ago = |hours| client(&vendor).now() - SignedDuration::from_hours(hours);
    let at = ago(24);
    let quiet = pass(&vendor, Some(Cursor { offset: Some(9_000), at })).await;
    assert_eq!(quiet.end, Next::Resume(Cursor { offset: Some(9_000), at }));
    let anew = pass(&vendor, Some(Cursor { offset: Some(9_000), at: ago(145) })).await;
    let Next::Resume(cursor) = anew.end else { panic!("caught up") };
    assert_eq!((anew.records.len(), cursor.offset), (1, Some(18)));
}

#[test]
fn a_refusal_says_how_long_to_wait_or_who_must_act() {
    let fault = |status, description: &str| {
        Telegram.fault(
            status,
            &json!({"ok": false, "description": description,
            "parameters": {"retry_after": 14}}),
        )
    };
    let limited = Some(Error::RateLimited(Duration::from_secs(14)));
    assert_eq!(fault(429, "Too Many Requests: retry after 14"), limited);
    let webhook = "Conflict: can't use getUpdates method while webhook is active";
    assert!(matches!(fault(409, webhook), Some(Error::Forbidden(_))));
    let other = "Conflict: terminated by other getUpdates request";
    assert!(matches!(fault(409, other), Some(Error::Unavailable(_))));
    assert!(matches!(fault(401, "Unauthorized"), Some(Error::Reconnect(_))));
    assert_eq!(fault(400, "Bad Request"), None);
}
