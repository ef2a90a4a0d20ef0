use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{FieldValue, Person, Properties},
};

fn settings() -> Map<String, Value> {
    Map::from_iter([("subdomain".to_owned(), json!("acme"))])
}

fn ticket(id: u64, status: &str) -> Value {
    json!({"id": id, "subject": null, "status": status, "requester_id": 5, "assignee_id": 6,
        "generated_timestamp": 1_740_000_000, "created_at": "2025-02-01T09:00:00Z",
        "custom_fields": [{"id": 1, "value": "745"}, {"id": 2, "value": null},
            {"id": 3, "value": ["a", "b"]}, {"id": 4, "value": {"odd": 1}}, {"id": 9, "value": true}]})
}

fn export(tickets: &[Value], after: &str, end: bool) -> (u16, Value) {
    let users = json!([{"id": 5, "name": "Rita", "email": null}]);
    (200, json!({"tickets": tickets, "users": users, "after_cursor": after, "end_of_stream": end}))
}

/// Answers the lookups, and the export as the script says.
async fn vendor(script: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Zendesk, move |asked| {
        match asked.path.strip_prefix("acme.zendesk.com/api/v2/").unwrap() {
            "ticket_fields" => (
                200,
                json!({"ticket_fields": [{"id": 1, "title": "Order"}, {"id": 3, "title": "Order"}]}),
            ),
            "tickets/404/comments" => (404, json!({"error": "RecordNotFound"})),
            path if path.ends_with("/comments") => match asked.get("page[after]") {
                None => (
                    200,
                    json!({"comments": [{"id": 1, "plain_body": "Fire!", "author_id": 5,
                        "public": true, "attachments": [{"id": 7, "file_name": "fire.png"}]}],
                        "users": [], "meta": {"has_more": true, "after_cursor": "c"}}),
                ),
                Some(_) => (
                    200,
                    json!({"comments": [{"id": 2, "plain_body": "Water", "author_id": 6,
                        "public": false, "attachments": []}],
                        "users": [{"id": 6, "name": "Agnes", "email": "agnes@acme.example"}],
                        "meta": {"has_more": false, "after_cursor": "d"}}),
                ),
            },
            _ => script(asked),
        }
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    let client = vendor.client_since(None, &settings());
    testing::pass(&Zendesk, &client, &Feed::account(), cursor).await
}

fn done() -> Cursor {
    Cursor { after: Some("old".into()), changed: 1_740_000_000, bounded: None }
}

#[tokio::test]
async fn a_ticket_has_all_pages_of_its_comments_and_the_people_in_them() {
    let vendor = vendor(|_| export(&[ticket(1, "solved"), json!({"id": "x"})], "end", true)).await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["1"], 1));
    let Properties::Task(task) = &pass.records[0].properties else { panic!("a task") };
    assert_eq!((task.name.as_str(), task.completed), ("", Some(true)));
    let names = |person: &Option<Person>| person.as_ref().unwrap().name.clone().unwrap();
    assert_eq!((names(&task.reporter), names(&task.assignee)), ("Rita".into(), "Agnes".into()));
    let comments = task.comments.as_ref().unwrap();
    assert_eq!(comments.len(), 2);
    assert_eq!((comments[1].public, names(&comments[1].author)), (Some(false), "Agnes".into()));
    assert_eq!(task.attachments.as_ref().unwrap()[0].file_name.as_deref(), Some("fire.png"));
    let fields: Vec<_> = task.custom_fields.as_ref().unwrap().iter().collect();
    let list = FieldValue::List(vec![FieldValue::Text("a".into()), FieldValue::Text("b".into())]);
    assert_eq!(fields[0], (&"9".to_owned(), &FieldValue::Bool(true)));
    assert_eq!(fields[1], (&"Order".to_owned(), &FieldValue::Text("745".into())));
    assert_eq!(fields[2], (&"Order (3)".to_owned(), &list));
}

#[tokio::test]
async fn the_export_goes_on_where_it_ended_and_deleted_tickets_are_removed() {
    let vendor = vendor(|asked| match asked.get("cursor") {
        None => export(&[ticket(1, "open"), ticket(2, "deleted")], "half", false),
        Some("half") => export(&[ticket(404, "open")], "end", true),
        other => panic!("nobody gave {other:?}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.join(" ")), (vec!["1"], "2".to_owned()));
    let Next::Resume(cursor) = pass.end else { panic!("caught up") };
    assert_eq!((cursor.after.as_deref(), cursor.changed), (Some("end"), 1_740_000_000));
}

#[tokio::test]
async fn a_cursor_that_zendesk_no_longer_takes_is_followed_by_the_time_of_the_last_change() {
    let vendor = vendor(|asked| match (asked.get("cursor"), asked.get("start_time")) {
        (Some("old"), _) => (400, json!({"error": "InvalidCursor"})),
        (None, Some("1739999400")) => export(&[], "new", true),
        other => panic!("nobody gave {other:?}"),
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    let Next::Resume(cursor) = pass.end else { panic!("caught up") };
    assert_eq!(cursor, Cursor { after: Some("new".into()), ..done() });
}

#[tokio::test]
async fn an_api_token_goes_with_the_agents_address_and_only_administrators_are_linked() {
    let vendor = Vendor::new(&Zendesk, |asked| {
        let user = match asked.header("authorization").unwrap() {
            // agnes@acme.example/token:key
            "Basic YWduZXNAYWNtZS5leGFtcGxlL3Rva2VuOmtleQ==" => {
                json!({"id": 1, "name": "Agnes", "role": "admin"})
            }
            "Bearer token" => json!({"id": null, "name": "Anonymous user", "role": "end-user"}),
            _ => json!({"id": 2, "name": "Olga", "role": "agent"}),
        };
        (200, json!({"user": user}))
    })
    .await;
    let of =
        |secrets: &[(&'static str, &'static str)]| vendor.client_of(None, &settings(), secrets);
    let agnes = of(&[("username", "agnes@acme.example"), ("api_token", "key")]);
    let account = Zendesk.account(&agnes).await.unwrap();
    assert_eq!((account.id.as_str(), account.label.as_str()), ("acme", "Agnes at acme"));
    let nobody = Zendesk.account(&of(&[])).await;
    assert!(matches!(nobody, Err(Error::Reconnect(_))), "{nobody:?}");
    let olga =
        Zendesk.account(&of(&[("username", "olga@acme.example"), ("api_token", "key")])).await;
    assert_eq!(olga, Err(Error::Forbidden(ADMINS.into())));
}

#[test]
fn a_refusal_says_who_must_act_and_throttling_is_left_to_the_wait_that_zendesk_names() {
    let limited = json!({"error": "APIRateLimitExceeded", "description": "per minute exceeded"});
    assert_eq!(Zendesk.fault(429, &limited), None);
    assert_eq!(Zendesk.fault(503, &Value::Null), None);
    let refused = json!({"error": {"title": "Forbidden", "message": "You do not have access"}});
    assert_eq!(Zendesk.fault(403, &refused), Some(Error::Forbidden(ADMINS.into())));
    let invalid = Zendesk.fault(401, &json!({"error": "invalid_token"}));
    assert!(matches!(invalid, Some(Error::Reconnect(_))));
    let conflict = Zendesk.fault(409, &json!({"error": "conflict"}));
    assert!(matches!(conflict, Some(Error::Unavailable(_))));
}
