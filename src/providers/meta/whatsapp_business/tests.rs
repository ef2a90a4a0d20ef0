use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    provider::{Gone, Patch},
    providers::testing::Vendor,
    record::{Direction, Message, MessageKind, Person, Properties},
    vault::SecretMap,
};

fn settings() -> Map<String, Value> {
    let settings = json!({"waba_id": "419", "phone_number_ids": ["106"]});
    settings.as_object().unwrap().clone()
}

fn change(field: &str, number: &str, what: &Value) -> Value {
    let mut value = what.clone();
    value["metadata"] = json!({"display_phone_number": "15550783881", "phone_number_id": number});
    json!({"field": field, "value": value})
}

fn messages(all: &Value) -> Value {
    let contacts = json!([{"profile": {"name": "Sheena"}, "wa_id": "1650"}]);
    change("messages", "106", &json!({"contacts": contacts, "messages": all}))
}

async fn read(changes: &[Value]) -> Page<()> {
    let vendor =
        Vendor::new(&WhatsAppBusiness, |asked| panic!("nobody asks for {}", asked.path)).await;
    let client = vendor.client_since(None, &settings());
    let entry = json!([{"id": "419", "changes": changes}, {"id": "420", "changes": changes}]);
    let body = json!({"object": "whatsapp_business_account", "entry": entry}).to_string();
    WhatsAppBusiness.delivered(&client, body.as_bytes()).await.unwrap()
}

fn said(page: &Page<()>) -> Vec<Message> {
    let message = |record: &Record| match &record.properties {
        Properties::Message(message) => (**message).clone(),
        other => panic!("{other:?}"),
    };
    page.upserts.iter().map(message).collect()
}

/// What a patch makes of a message with this text.
fn patched(patch: &Patch, text: &str) -> Message {
    let before = Message { text: Some(text.into()), ..Message::of(MessageKind::Chat) };
    let mut properties = Properties::from(before);
    patch.apply(&mut properties);
    match properties {
        Properties::Message(message) => *message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_type_of_message_says_what_it_says() {
    let one = |id: &str, kind: &str, content: Value| {
        json!({"id": id, "from": "1650", "timestamp": "1749416383", "type": kind, kind: content,
            "context": {"from": "15550783881", "id": "wamid.0"}})
    };
    let page = read(&[messages(&json!([
        one("1", "text", json!({"body": "Hello"})),
        one("2", "document", json!({"id": "m1", "filename": "Größen.pdf", "mime_type": "application/pdf", "caption": "sizes"})),
        one("3", "location", json!({"name": "Philz", "address": "101 Forest Ave"})),
        one("4", "location", json!({"latitude": 37.5, "longitude": -122.25})),
        one("5", "interactive", json!({"type": "list_reply", "list_reply": {"id": "x", "title": "Tuesday"}})),
        one("6", "hologram", json!(7)),
        json!({"from": "nobody: it has no id"}),
    ]))])
    .await;
    assert_eq!(page.skipped, 1);
    let all = said(&page);
    let texts: Vec<_> = all.iter().map(|message| message.text.as_deref()).collect();
    assert_eq!(texts, [Some("Hello"), Some("sizes"), None, None, Some("Tuesday"), None]);
    assert_eq!(all[0].from, Person::named(Some("1650".into()), Some("Sheena".into())));
    assert_eq!(
        (all[0].direction, all[0].thread_id.as_deref()),
        (Some(Direction::In), Some("1650"))
    );
    assert_eq!(all[0].in_reply_to.as_deref(), Some("wamid.0"));
    assert_eq!(all[0].sent_at.unwrap().to_string(), "2025-06-08T20:59:43Z");
    assert_eq!(all[1].attachments.as_ref().unwrap()[0].file_name.as_deref(), Some("Größen.pdf"));
    assert_eq!(all[2].location.as_deref(), Some("Philz, 101 Forest Ave"));
    assert_eq!(all[3].location.as_deref(), Some("37.5,-122.25"));
}

#[tokio::test]
async fn what_the_business_sent_is_known_by_its_number_its_echo_or_its_history() {
    let one = |id: &str, from: &str| json!({"id": id, "from": from, "to": "1650", "timestamp": "1", "type": "text"});
    let mut mine = one("2", "999");
    mine["history_context"] = json!({"from_me": true});
    let thread = json!([{"id": "1650", "messages": [mine, one("3", "+1 (555) 078-3881"), one("4", "1650")]}]);
    let page = read(&[
        change("smb_message_echoes", "106", &json!({"message_echoes": [one("1", "15550783881")]})),
        change(
            "history",
            "106",
            &json!({"history": [{"threads": thread}, {"errors": [{"code": 2_593_109}]}]}),
        ),
    ])
    .await;
    let all = said(&page);
    let sent: Vec<_> =
        all.iter().map(|message| message.direction == Some(Direction::Out)).collect();
    assert_eq!((sent, page.skipped), (vec![true, true, true, false], 0));
    assert!(all.iter().all(|message| message.thread_id.as_deref() == Some("1650")));
    assert_eq!(all[0].to.as_ref().unwrap()[0].id.as_deref(), Some("1650"));
    assert_eq!(all[3].to.as_ref().unwrap()[0].id.as_deref(), Some("15550783881"));
}

#[tokio::test]
async fn edits_reactions_and_removals_change_what_they_name_and_make_no_record() {
    let edit = |at: &str, body: &str| {
        json!({"id": "9", "from": "1650", "timestamp": at, "type": "edit",
            "edit": {"original_message_id": "1", "message": {"type": "text", "text": {"body": body}}}})
    };
    let react = |emoji: Value| {
        json!({"id": "9", "from": "1650", "timestamp": "7", "type": "reaction",
            "reaction": {"message_id": "2", "emoji": emoji}})
    };
    let page = read(&[messages(&json!([
        edit("20", "second"),
        edit("10", "first"),
        react(json!("👍")),
        react(Value::Null),
        json!({"id": "9", "from": "1650", "type": "revoke", "revoke": {"original_message_id": "3"}}),
        json!({"id": "8", "from": "1650", "type": "unsupported", "errors": [{"code": 131_051}]}),
        json!({"id": "7", "from": "1650", "type": "edit"}),
    ]))])
    .await;
    assert_eq!((page.upserts.len(), page.skipped), (0, 1));
    assert_eq!(page.removed, [Gone::Id("3".into())]);
    let names: Vec<_> =
        page.reacted.iter().map(|one| (one.by.as_str(), one.name.as_deref())).collect();
    assert_eq!(names, [("1650", Some("👍")), ("1650", None)]);
    let once = patched(&page.patches[0].1, "before");
    assert_eq!((once.text.as_deref(), once.updated_at.unwrap().as_second()), (Some("second"), 20));
    let mut properties = Properties::from(once);
    page.patches[1].1.apply(&mut properties);
    assert_eq!(properties.body(), Some("second"), "an older edit that comes late changes nothing");
}

#[tokio::test]
async fn the_history_fills_its_placeholders_and_undoes_no_edit() {
    let image = json!({"id": "m1", "mime_type": "image/jpeg", "caption": "Taj"});
    let content =
        json!([{"id": "1", "from": "1650", "timestamp": "1", "type": "image", "image": image}]);
    let page = read(&[change("history", "106", &json!({"messages": content}))]).await;
    assert_eq!((page.upserts.len(), page.patches[0].0.as_str()), (1, "1"));
    let filled = patched(&page.patches[0].1, "edited since");
    assert_eq!(filled.attachments.unwrap()[0].id.as_deref(), Some("m1"));
    assert_eq!(filled.text.as_deref(), Some("edited since"));
}

#[tokio::test]
async fn other_accounts_and_numbers_are_not_this_connectors() {
    let text = json!([{"id": "1", "from": "1650", "timestamp": "1", "type": "text", "text": {"body": "x"}}]);
    let page = read(&[change("messages", "107", &json!({"messages": text}))]).await;
    assert_eq!(page.upserts.len(), 0);
    let vendor = Vendor::new(&WhatsAppBusiness, |asked| match asked.path.as_str() {
        "graph.facebook.com/v23.0/419" => (200, json!({"id": "419", "name": "Acme"})),
        "graph.facebook.com/v23.0/419/phone_numbers" => match asked.get("after") {
            None => (200, json!({"data": [{"id": "105"}], "paging": {"cursors": {"after": "a"}, "next": "more"}})),
            Some(_) => (200, json!({"data": [{"id": "106"}], "paging": {"cursors": {"after": "b"}}})),
        },
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let account = WhatsAppBusiness.account(&vendor.client_since(None, &settings())).await;
    assert_eq!(account.unwrap(), Account::new("419", "Acme"));
    let mut foreign = settings();
    foreign.insert("phone_number_ids".into(), json!(["106", "999"]));
    let refused = WhatsAppBusiness.account(&vendor.client_since(None, &foreign)).await.unwrap_err();
    assert!(
        refused.to_string().contains("999 is no number of this account; it has 105, 106"),
        "{refused}"
    );
}

#[test]
fn only_the_chosen_word_answers_the_handshake_and_only_a_signed_body_is_taken() {
    let secrets: SecretMap =
        [("app_secret", "Jefe"), ("verify_token", "ours")].into_iter().collect();
    let ask = |mode: &str, token: &str| {
        let query: Vec<(String, String)> =
            [("hub.mode", mode), ("hub.challenge", "1158201444"), ("hub.verify_token", token)]
                .map(|(name, value)| (name.into(), value.into()))
                .into();
        let headers = HeaderMap::new();
        WhatsAppBusiness.hear(&Incoming {
            is_post: false,
            query: &query,
            headers: &headers,
            body: &[],
            secrets: &secrets,
        })
    };
    assert_eq!(ask("subscribe", "ours"), Heard::Answer("1158201444".into()));
    assert_eq!((ask("subscribe", "theirs"), ask("", "ours")), (Heard::Refused, Heard::Refused));
    // RFC 4231, test case 2.
    let body = b"what do ya want for nothing?";
    let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let post = |tag: &str, body: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert("X-Hub-Signature-256", HeaderValue::from_str(tag).unwrap());
        WhatsAppBusiness.hear(&Incoming {
            is_post: true,
            query: &[],
            headers: &headers,
            body,
            secrets: &secrets,
        })
    };
    assert_eq!(post(&format!("sha256={tag}"), body), Heard::Delivery { key: None });
    assert_eq!(post(tag, body), Heard::Refused);
    assert_eq!(post(&format!("sha256={tag}"), b"what do ya want for nothing"), Heard::Refused);
}
