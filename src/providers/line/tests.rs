use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::{
    provider::Gone,
    providers::testing::Vendor,
    record::{Direction, MediaType, Message, Person, Properties, Ref},
    vault::SecretMap,
};

const TOKEN: [(&str, &str); 1] = [("channel_access_token", "line-token")];

/// A vendor that knows one friend, one group and one member of it.
async fn vendor() -> Vendor {
    Vendor::new(&Line, |asked| {
        assert_eq!(asked.bearer, "line-token");
        match asked.path.as_str() {
            "api.line.me/v2/bot/profile/U1" => (200, json!({"displayName": "Taro"})),
            "api.line.me/v2/bot/profile/U401" => {
                (401, json!({"message": "Authentication failed."}))
            }
            "api.line.me/v2/bot/group/C1/summary" => (200, json!({"groupName": "家族"})),
            "api.line.me/v2/bot/group/C1/member/U2" => (200, json!({"displayName": "花子"})),
            _ => (404, json!({"message": "Not found"})),
        }
    })
    .await
}

fn said(id: &str, source: &Value, message: &Value) -> Value {
    let mut message = message.clone();
    message["id"] = id.into();
    json!({"type": "message", "mode": "active", "timestamp": 1_736_500_000_123_i64, "source": source,
        "webhookEventId": format!("E{id}"), "message": message})
}

async fn read(vendor: &Vendor, events: &[Value]) -> Result<Page<()>> {
    let client = vendor.client_of(None, &serde_json::Map::new(), &TOKEN);
    let body = json!({"destination": "Ub", "events": events}).to_string();
    Line.delivered(&client, body.as_bytes()).await
}

fn messages(page: Page<()>) -> Vec<Message> {
    let message = |record: Record| match record.properties {
        Properties::Message(message) => *message,
        other => panic!("{other:?}"),
    };
    page.upserts.into_iter().map(message).collect()
}

#[tokio::test]
async fn a_message_has_its_people_and_its_chat_by_name_and_each_is_asked_for_once() {
    let vendor = vendor().await;
    let user = json!({"type": "user", "userId": "U1"});
    let group = json!({"type": "group", "groupId": "C1", "userId": "U2"});
    let quoting = json!({"type": "text", "text": "写真です", "quotedMessageId": "1"});
    let film = json!({"type": "video", "duration": 1500, "contentProvider": {"type": "external",
        "originalContentUrl": "https://a.example/v.mp4", "previewImageUrl": "https://a.example/p.jpg"}});
    let events = [
        said("1", &user, &json!({"type": "text", "text": "Hello 😀"})),
        said("2", &group, &quoting),
        said("3", &group, &film),
    ];
    let page = read(&vendor, &events).await.unwrap();
    assert_eq!(vendor.asked().len(), 3, "a friend, a group, a member");
    let all = messages(page);
    assert_eq!(all[0].from, Person::named(Some("U1".into()), Some("Taro".into())));
    assert_eq!(all[0].channel, Some(Ref::new("U1", "Taro")));
    assert_eq!(all[0].sent_at.unwrap().to_string(), "2025-01-10T09:06:40.123Z");
    assert_eq!((all[0].thread_id.as_deref(), all[0].direction), (Some("U1"), Some(Direction::In)));
    assert_eq!(all[1].channel, Some(Ref::new("C1", "家族")));
    assert_eq!(
        (all[1].text.as_deref(), all[1].in_reply_to.as_deref()),
        (Some("写真です"), Some("1"))
    );
    let film = &all[2].media.as_ref().unwrap()[0];
    assert_eq!((film.kind, film.duration_seconds), (MediaType::Video, Some(1.5)));
    assert_eq!(film.url.as_deref(), Some("https://a.example/v.mp4"));
}

#[tokio::test]
async fn people_who_are_unknown_odd_or_missing_never_lose_a_message() {
    let vendor = vendor().await;
    let from = |user: Value| json!({"type": "room", "roomId": "R1", "userId": user});
    let sticker = json!({"type": "sticker", "stickerId": "1988"});
    let events = [
        said("0", &from(json!("U9")), &sticker),
        said("1", &from(json!("../../secret")), &sticker),
        said("2", &from(Value::Null), &json!({"type": "hologram"})),
        json!({"type": "message", "message": {"text": "an event without its id"}}),
        json!({"type": "follow", "source": {"type": "user", "userId": "U1"}}),
    ];
    let page = read(&vendor, &events).await.unwrap();
    assert_eq!(page.skipped, 1);
    assert_eq!(vendor.paths(), ["v2/bot/room/R1/member/U9"], "and nothing elsewhere");
    let all = messages(page);
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].from, Person::named(Some("U9".into()), None));
    assert_eq!(all[2].from, None);
    let room = Some(Ref { id: Some("R1".into()), ..Ref::default() });
    assert!(all.iter().all(|message| message.channel == room));
}

#[tokio::test]
async fn what_was_taken_back_is_removed_and_files_and_places_are_kept() {
    let vendor = vendor().await;
    let user = json!({"type": "user", "userId": "U1"});
    let events = [
        said("1", &user, &json!({"type": "file", "fileName": "a.txt", "fileSize": 2138})),
        said("2", &user, &json!({"type": "location", "address": "東京都", "latitude": 1.5})),
        json!({"type": "unsend", "source": user, "unsend": {"messageId": "0"}}),
    ];
    let page = read(&vendor, &events).await.unwrap();
    assert_eq!(page.removed, [Gone::Id("0".into())]);
    let all = messages(page);
    let file = &all[0].attachments.as_ref().unwrap()[0];
    assert_eq!((file.file_name.as_deref(), file.size), (Some("a.txt"), Some(2138)));
    assert_eq!(all[1].location.as_deref(), Some("東京都"));
}

#[tokio::test]
async fn a_dead_token_waits_for_its_person_and_a_broken_body_is_its_own_fault() {
    let vendor = vendor().await;
    let events = [said("1", &json!({"type": "user", "userId": "U401"}), &json!({"type": "text"}))];
    assert!(matches!(read(&vendor, &events).await, Err(Error::Reconnect(_))));
    let client = vendor.client_of(None, &serde_json::Map::new(), &TOKEN);
    let broken = Line.delivered(&client, b"{\"events\": 7}").await;
    assert!(matches!(broken, Err(Error::Unexpected { .. })));
}

#[test]
fn only_what_line_signed_is_taken_and_what_comes_again_is_known_by_its_events() {
    const SECRET: &str = "8c570fa6dd201bb328f1c1eac23a96d8";
    let secrets: SecretMap = [("channel_secret", SECRET)].into_iter().collect();
    let body = |again: bool| {
        let event = json!({"type": "follow", "webhookEventId": "01FZ", "deliveryContext": {"isRedelivery": again}});
        json!({"destination": "Ub", "events": [event]}).to_string()
    };
    let hear = |body: &str, name: &str, tag: &str| {
        let name: HeaderName = name.parse().unwrap();
        let headers: HeaderMap =
            [(name, HeaderValue::from_str(tag).unwrap())].into_iter().collect();
        let body = body.as_bytes();
        Line.hear(&Incoming {
            is_post: true,
            query: &[],
            headers: &headers,
            body,
            secrets: &secrets,
        })
    };
    let tag = |body: &str| {
        use hmac::{Hmac, KeyInit, Mac};
        let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        BASE64_STANDARD.encode(mac.chain_update(body).finalize().into_bytes())
    };
    let (first, again) = (body(false), body(true));
    let known = Heard::Delivery { key: Some("01FZ".into()) };
    assert_eq!(hear(&first, "X-Line-Signature", &tag(&first)), known);
    assert_eq!(hear(&again, "x-line-signature", &tag(&again)), known);
    assert_eq!(hear(&again, "x-line-signature", &tag(&first)), Heard::Refused);
    assert_eq!(hear(&first, "x-line-signature", "%%"), Heard::Refused);
    let verify = "{\"destination\":\"Ub\",\"events\":[]}";
    assert_eq!(hear(verify, "x-line-signature", &tag(verify)), Heard::Delivery { key: None });
}
