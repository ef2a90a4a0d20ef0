use serde_json::{Value, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
};

fn part(id: &Value, body: Option<&str>, redacted: bool) -> Value {
    json!({"id": id, "part_type": "comment", "body": body, "created_at": 1_734_537_600, "redacted": redacted,
        "author": {"type": "admin", "id": "9", "name": "Ciarán", "email": "c@acme.example"}})
}

fn conversation(parts: &[Value], total: usize) -> Value {
    json!({"id": "515", "created_at": 1_734_537_546, "state": "open", "tags": {"tags": [{"name": "vip"}]},
        "source": {"type": "email", "id": "1", "subject": "Size", "body": "<p>Größe?</p>",
            "author": {"type": "user", "id": "6", "name": "Zoë", "email": ""}},
        "contacts": {"contacts": [{"id": "6"}]},
        "conversation_parts": {"conversation_parts": parts, "total_count": total}})
}

fn asks(asked: &Asked) -> (i64, Option<String>) {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let since = body.pointer("/query/value/0/value").and_then(Value::as_i64).unwrap();
    (since, body.pointer("/pagination/starting_after").and_then(Value::as_str).map(str::to_owned))
}

async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Intercom, move |asked| {
        let path = asked.path.strip_prefix("api.intercom.io").unwrap();
        let version = if path == "/conversations/deleted" { "2.16" } else { "2.14" };
        assert_eq!(asked.header("intercom-version"), Some(version));
        script(path, asked)
    })
    .await
}

async fn pass(
    vendor: &Vendor,
    feed: &str,
    cursor: Option<Cursor>,
) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Intercom, &vendor.client(), &Feed::new(feed, feed), cursor).await
}

fn end(pass: testing::Pass<Cursor>) -> Cursor {
    match pass.end {
        Next::Resume(at) => at,
        next => panic!("{next:?}"),
    }
}

#[tokio::test]
async fn a_conversation_is_its_messages_and_what_was_merely_done_is_none() {
    let vendor = vendor(|path, asked| match path {
        "/conversations/deleted" => (
            200,
            json!({"conversations": [{"id": "4", "deleted_at": 90}], "pages": {"next": null}}),
        ),
        "/conversations/search" => match asks(asked) {
            (0, None) => (
                200,
                json!({"conversations": [{"id": "515", "updated_at": 1000}, {}],
                "pages": {"next": {"starting_after": "2"}}}),
            ),
            (0, Some(_)) => {
                (200, json!({"conversations": [{"id": "gone", "updated_at": 1001}], "pages": {}}))
            }
            other => panic!("{other:?}"),
        },
        "/conversations/515" => {
            let parts = [
                part(&json!(2), Some("<p>We &amp; you</p>"), false),
                part(&json!("3"), None, false),
                part(&json!("4"), None, true),
            ];
            (200, conversation(&parts, 3))
        }
        "/conversations/gone" => (404, json!({"errors": [{"code": "not_found"}]})),
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, OF_CONVERSATIONS, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["515:1", "515:2"], 1));
    assert_eq!(pass.gone, ["515:4", "at gone"]);
    let Properties::Message(first) = &pass.records[0].properties else { panic!() };
    assert_eq!((first.subject.as_deref(), first.text.as_deref()), (Some("Size"), Some("Größe?")));
    let people = serde_json::to_value((&first.participants, &first.from)).unwrap();
    assert_eq!(people, json!([[{"id": "6", "name": "Zoë"}], {"id": "6", "name": "Zoë"}]));
    let Properties::Message(second) = &pass.records[1].properties else { panic!() };
    assert_eq!((second.subject.as_deref(), second.text.as_deref()), (None, Some("We & you")));
    let at = end(pass);
    assert_eq!((at.newest, at.deleted, at.open, at.listing), (1001, 90, false, false));
}

#[tokio::test]
async fn the_next_pass_asks_from_before_the_newest_change_and_reads_what_was_deleted_since() {
    let vendor = vendor(|path, asked| match path {
        "/conversations/search" => {
            assert_eq!(asks(asked), (880, None));
            (200, json!({"conversations": [], "pages": {}}))
        }
        "/conversations/deleted" => (200, json!({"pages": {"next": "https://api.intercom.io/more"},
            "conversations": [{"id": 7, "deleted_at": 120}, {"id": "6", "deleted_at": 90}, {"id": "5", "deleted_at": 89}]})),
        other => panic!("{other}"),
    })
    .await;
    let stored = Cursor { newest: 1000, deleted: 90, ..Cursor::default() };
    let pass = pass(&vendor, OF_CONVERSATIONS, Some(stored)).await.unwrap();
    assert_eq!(pass.gone, ["at 7", "at 6"]);
    assert_eq!(end(pass).deleted, 120);
}

#[tokio::test]
async fn a_place_that_intercom_forgot_goes_on_from_the_newest_change() {
    let vendor = vendor(|path, asked| match (path, asks(asked)) {
        ("/tickets/search", (0, Some(_))) => {
            (400, json!({"type": "error.list", "errors": [{"code": "parameter_invalid"}]}))
        }
        ("/tickets/search", (999, None)) => (200, json!({"tickets": [], "pages": {}})),
        other => panic!("{other:?}"),
    });
    let vendor = vendor.await;
    let client = vendor.client();
    let open = Cursor { open: true, newest: 1000, after: Some("old".into()), ..Cursor::default() };
    let found: Found<Ticket> = search(&client, OF_TICKETS, TICKETS, &open).await.unwrap();
    let (found, after) = found.into_parts();
    assert!(found.is_empty() && after.is_none());
}

#[tokio::test]
async fn a_ticket_has_its_people_its_fields_and_what_was_said_about_it() {
    let vendor = vendor(|path, _| match path {
        "/admins" => (200, json!({"admins": [{"id": "9", "name": "Ciarán", "email": "c@acme.example"}]})),
        "/tickets/search" => (200, json!({"tickets": [{"id": "640", "ticket_id": "41", "admin_assignee_id": "9",
            "ticket_attributes": {"_default_title_": null, "Browser": "Firefox", "Odd": {"a": 1}},
            "ticket_state": {"category": "resolved"}, "ticket_type": {"id": "100", "name": "Bug"},
            "created_at": 1_734_537_990, "updated_at": 1_734_630_000, "ticket_parts": {"ticket_parts": [
                part(&json!("7"), Some("<p>Shipped</p>"), false), part(&json!("8"), None, false)]}}], "pages": {}})),
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, OF_TICKETS, None).await.unwrap();
    let Properties::Task(task) = &pass.records[0].properties else { panic!() };
    assert_eq!((task.name.as_str(), task.completed), ("Ticket 41", Some(true)));
    assert_eq!(task.assignee.as_ref().unwrap().name.as_deref(), Some("Ciarán"));
    assert_eq!(task.comments.as_ref().unwrap().len(), 1);
    assert_eq!(serde_json::to_value(&task.custom_fields).unwrap(), json!({"Browser": "Firefox"}));
}

#[tokio::test]
async fn parts_beyond_the_reach_of_a_long_conversation_are_not_taken_for_gone() {
    for (total, gone) in [(900, vec!["515:3", "x:1"]), (2, vec!["515:3", "515:old", "x:1"])] {
        let vendor = vendor(move |path, _| match path {
            "/conversations/515" => {
                let parts = [part(&json!(2), Some("hi"), false), part(&json!(3), None, true)];
                (200, conversation(&parts, total))
            }
            _ => (404, Value::Null),
        })
        .await;
        let ids = ["515:2", "515:3", "515:old", "x:1"].map(str::to_owned).to_vec();
        let feed = Feed::new(OF_CONVERSATIONS, "");
        assert_eq!(Intercom.confirm_gone(&vendor.client(), &feed, ids).await.unwrap(), gone);
    }
}

#[test]
fn refusals_say_what_to_do() {
    let fault = |status, code: &str| Intercom.fault(status, &json!({"errors": [{"code": code}]}));
    assert!(matches!(fault(401, "token_revoked"), Some(Error::Reconnect(_))));
    assert!(
        matches!(fault(403, "api_plan_restricted"), Some(Error::Forbidden(why)) if why.contains("subscription"))
    );
    assert!(
        matches!(fault(403, "forbidden"), Some(Error::Forbidden(why)) if why.contains("permission"))
    );
    assert_eq!(fault(429, "rate_limit_exceeded"), None);
}
