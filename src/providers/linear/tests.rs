use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, json};

use super::{calls::api_key, *};
use crate::{
    provider::Covers,
    providers::testing::{self, Asked, Vendor},
    record::{self, Moment, Properties, Record},
};

fn issue(id: &str) -> Value {
    json!({"id": id, "title": id, "createdAt": "2025-01-10T08:00:00.000Z", "labelIds": [],
        "labels": {"nodes": []}})
}

fn data(data: Value) -> (u16, Value) {
    (200, Value::from_iter([("data", data)]))
}

fn issues(nodes: &[Value], next: Option<&str>) -> (u16, Value) {
    let info = json!({"hasNextPage": next.is_some(), "endCursor": next});
    data(json!({"issues": {"nodes": nodes, "pageInfo": info}}))
}

fn refused(status: u16, code: &str, message: &str) -> (u16, Value) {
    (status, json!({"errors": [{"message": message, "extensions": {"code": code}}]}))
}

/// A request's query and variables.
fn question(asked: &Asked) -> (String, Value) {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let query = body["query"].as_str().unwrap();
    let name = query.split([' ', '(']).nth(1).unwrap().to_owned();
    (name, body["variables"].clone())
}

/// A vendor by the name of the query and its variables.
async fn vendor(script: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Linear, move |asked| {
        assert_eq!(
            (asked.method.as_str(), asked.path.as_str()),
            ("POST", "api.linear.app/graphql")
        );
        let (name, variables) = question(asked);
        script(&name, &variables)
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Linear, &vendor.client(), &Feed::account(), cursor).await
}

/// A cursor between two passes, of which the last began at 12:01.
fn done() -> Cursor {
    let began = "2025-02-01T12:01:00Z".parse().unwrap();
    Cursor { pass: Since::at(None, began).done(), first: None }
}

fn asked(vendor: &Vendor) -> Vec<Value> {
    vendor.asked().iter().map(|asked| question(asked).1).collect()
}

fn task(issue: Value) -> record::Task {
    match Record::from(serde_json::from_value::<Issue>(issue).unwrap()).properties {
        Properties::Task(task) => *task,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_listing_goes_by_creation_and_the_next_pass_asks_for_what_was_updated_or_archived() {
    let vendor = vendor(|_, variables| match variables["after"].as_str() {
        None => issues(&[issue("a"), issue("b")], Some("b")),
        Some(after) => issues(&[issue(&format!("{after}c"))], None),
    })
    .await;
    let first = pass(&vendor, None).await.unwrap();
    assert_eq!(first.ids(), ["a", "b", "bc"]);
    assert_eq!(first.covers, [Covers::Everything; 2]);
    let listing = json!({"first": 250, "after": null, "filter": null, "order": "createdAt"});
    assert_eq!(asked(&vendor)[0], listing);
    pass(&vendor, Some(done())).await.unwrap();
    let since = json!({"gte": "2025-02-01T11:56:00Z"});
    let filter = json!({"or": [{"updatedAt": since}, {"archivedAt": since}]});
    let changes = |first: u32, after: Value| json!({"first": first, "after": after, "filter": filter, "order": "updatedAt"});
    assert_eq!(asked(&vendor), [changes(50, Value::Null), changes(250, "b".into())]);
}

#[tokio::test]
async fn a_trashed_issue_is_gone_and_an_archived_one_stays() {
    let vendor = vendor(|_, _| {
        let mut trashed = issue("t");
        trashed["trashed"] = true.into();
        issues(&[trashed, issue("archived")], None)
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!(pass.ids(), ["archived"]);
    assert_eq!(pass.gone, ["t"]);
}

#[tokio::test]
async fn a_query_that_is_too_complex_is_asked_again_with_smaller_pages_and_they_stay_small() {
    let vendor = vendor(|_, variables| match variables["first"].as_u64().unwrap() {
        63.. => refused(400, "INPUT_ERROR", "Query too complex"),
        _ if variables["after"].is_null() => issues(&[issue("a")], Some("a")),
        _ => issues(&[issue("b")], None),
    })
    .await;
    let first = pass(&vendor, None).await.unwrap();
    let sizes: Vec<u64> =
        asked(&vendor).iter().filter_map(|asked| asked["first"].as_u64()).collect();
    assert_eq!(sizes, [250, 125, 62, 62]);
    let Next::Resume(cursor) = first.end else { panic!("{:?}", first.end) };
    assert_eq!(cursor.first, Some(62));
    let never = self::vendor(|_, _| refused(400, "INPUT_ERROR", "Query too complex")).await;
    assert!(matches!(pass(&never, None).await, Err(Error::Unexpected { .. })));
    assert_eq!(asked(&never).len(), 8);
}

#[tokio::test]
async fn an_issue_with_more_labels_than_a_page_gives_gets_all_of_them() {
    let vendor = vendor(|name, variables| {
        let labels = |names: &[&str]| -> Value {
            let nodes = names.iter().map(|name| json!({"name": name}));
            json!({"nodes": nodes.collect::<Vec<_>>()})
        };
        if name == "Labels" {
            return match variables["issue"].as_str() {
                Some("many") => data(json!({"issue": {"labels": labels(&["x", "y", "z"])}})),
                _ => (200, json!({"data": null, "errors": [{"message": "Entity not found: Issue", "path": ["issue"],
                    "extensions": {"type": "invalid input", "code": "INPUT_ERROR"}}]})),
            };
        }
        let (mut many, mut few, mut purged) = (issue("many"), issue("few"), issue("purged"));
        (many["labels"], many["labelIds"]) = (labels(&["x"]), json!(["1", "2", "3"]));
        (few["labels"], few["labelIds"]) = (labels(&["f"]), json!(["4"]));
        (purged["labels"], purged["labelIds"]) = (labels(&["p"]), json!(["5", "6"]));
        issues(&[few, many, purged], None)
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    let tags = |record: &Record| match &record.properties {
        Properties::Task(task) => task.tags.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    let all: Vec<_> = pass.records.iter().map(tags).collect();
    assert_eq!(all, [vec!["f"], vec!["x", "y", "z"], vec!["p"]]);
    assert_eq!(vendor.asked().len(), 3);
}

#[tokio::test]
async fn what_a_listing_did_not_see_is_gone_unless_linear_still_has_it() {
    let vendor = vendor(|name, variables| {
        assert_eq!(
            (name, &variables["filter"]),
            ("Alive", &json!({"id": {"in": ["a", "b", "c", "d"]}}))
        );
        match variables["after"].as_str() {
            None => issues(&[json!({"id": "a"}), json!({"id": "b", "trashed": true})], Some("b")),
            Some(_) => issues(&[json!({"id": "d", "trashed": null})], None),
        }
    })
    .await;
    let ids = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let gone = Linear.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["b", "c"]);
    let partial = self::vendor(|_, _| {
        let (_, mut answer) = issues(&[json!({"id": "a"}), json!({"odd": 1})], None);
        answer["errors"] = json!([{"message": "lost one"}]);
        (200, answer)
    })
    .await;
    let asked = Linear.confirm_gone(&partial.client(), &Feed::account(), vec!["b".into()]).await;
    assert!(matches!(asked, Err(Error::Unexpected { .. })), "half an answer proves nothing");
}

#[tokio::test]
async fn a_part_of_the_data_beside_errors_is_kept_and_counts_as_incomplete() {
    let vendor = vendor(|_, _| {
        let (_, mut answer) = issues(&[issue("a"), json!({"title": "no id"})], None);
        answer["errors"] = json!([{"message": "x", "path": ["issues", "nodes", 1], "extensions": {"code": "FORBIDDEN"}}]);
        (200, answer)
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["a"], 2));
}

#[tokio::test]
async fn a_place_that_linear_no_longer_knows_lists_everything_anew() {
    let vendor = vendor(|_, variables| match variables["after"].as_str() {
        None => issues(&[issue("a")], Some("purged")),
        Some(_) => refused(400, "INPUT_ERROR", "Argument Validation Error"),
    })
    .await;
    assert_eq!(pass(&vendor, Some(done())).await.unwrap_err(), Error::CursorExpired);
    let bad = self::vendor(|_, _| refused(400, "INPUT_ERROR", "Argument Validation Error")).await;
    assert!(
        matches!(pass(&bad, Some(done())).await, Err(Error::Unexpected { .. })),
        "not the place's fault"
    );
}

#[tokio::test]
async fn an_error_in_a_200_counts_like_one_in_a_status() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let vendor =
        vendor(move |_, _| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => refused(200, "INTERNAL_SERVER_ERROR", "oh"),
            _ => issues(&[issue("a")], None),
        })
        .await;
    assert_eq!(pass(&vendor, Some(done())).await.unwrap().ids(), ["a"]);
    assert_eq!(vendor.asked().len(), 2);
    for status in [200, 400, 429] {
        let (_, body) = refused(status, "RATELIMITED", "Rate limit exceeded");
        assert_eq!(Linear.fault(status, &body), Some(Error::RateLimited(Duration::ZERO)));
    }
}

#[tokio::test]
async fn a_bounded_listing_asks_for_what_was_created_since() {
    let vendor = vendor(|_, _| issues(&[], None)).await;
    let bound = Some("2025-01-01T00:00:00Z".parse().unwrap());
    let client = vendor.client_since(bound, &Map::new());
    Linear.page(&client, &Feed::account(), None).await.unwrap();
    assert_eq!(asked(&vendor)[0]["filter"], json!({"createdAt": {"gte": "2025-01-01T00:00:00Z"}}));
}

#[tokio::test]
async fn an_account_is_a_person_in_a_workspace() {
    let vendor = vendor(|name, _| {
        assert_eq!(name, "Viewer");
        data(json!({"viewer": {"id": "u", "name": "Jane", "email": "j@e.org"}, "organization": {"name": "Acme"}}))
    })
    .await;
    let account = Linear.account(&vendor.client()).await.unwrap();
    assert!(account.id == "u" && account.label == "Jane in Acme" && account.is("J@e.org"));
    assert_eq!(vendor.asked()[0].header("authorization"), Some("Bearer token"));
}

#[test]
fn a_personal_key_is_told_from_a_token_wherever_it_was_given() {
    let key = |given: &'static [(&str, &str)]| {
        let find = |name: &str| given.iter().find(|(own, _)| *own == name);
        api_key(|name| find(name).map(|(_, value)| SecretString::from(*value)))
            .map(|key| key.expose_secret().to_owned())
    };
    assert_eq!(key(&[("api_key", "lin_api_1")]).as_deref(), Some("lin_api_1"));
    assert_eq!(key(&[("access_token", "lin_api_2")]).as_deref(), Some("lin_api_2"));
    assert_eq!(key(&[("access_token", "lin_oauth_3")]), None);
}

#[test]
fn a_refusal_says_what_to_do() {
    let fault = |error: Value| Linear.fault(400, &json!({"errors": [error]}));
    let code = |code: &str| fault(json!({"extensions": {"code": code}}));
    let kind = |kind: &str| fault(json!({"extensions": {"type": kind}}));
    assert!(matches!(code("AUTHENTICATION_ERROR"), Some(Error::Reconnect(_))));
    assert!(matches!(kind("authentication error"), Some(Error::Reconnect(_))));
    assert!(matches!(code("FORBIDDEN"), Some(Error::Forbidden(why)) if why.contains("scope read")));
    assert!(
        matches!(kind("feature not accessible"), Some(Error::Forbidden(why)) if why.contains("plan"))
    );
    assert!(matches!(kind("lock timeout"), Some(Error::Unavailable(_))));
    assert_eq!(code("INPUT_ERROR"), Some(Error::NotFound));
    assert_eq!((code("NEW"), fault(json!("text"))), (None, None));
    assert_eq!(Linear.fault(502, &Value::Null), None);
}

#[test]
fn an_issue_says_all_that_linear_knows() {
    let task = task(
        json!({"id": "i", "identifier": "ENG-1", "title": "Fix", "description": "**now**", "url": "https://l",
        "priority": 2, "priorityLabel": "High", "estimate": 3, "dueDate": "2025-02-15", "completedAt": null,
        "createdAt": "2025-01-10T08:00:00.000Z", "updatedAt": "2025-01-20T09:30:00.000Z",
        "state": {"name": "Done", "type": "completed"}, "team": {"id": "t", "name": "Engineering"},
        "project": {"id": "p", "name": "Auth"}, "cycle": {"id": "c", "number": 12, "name": null},
        "assignee": {"id": "u", "name": "Jane Doe", "displayName": "jane", "email": "j@e.org"},
        "creator": {"id": "u2", "name": "Bot"}, "parent": {"id": "i0"}, "labelIds": ["1"], "labels": {"nodes": [{"name": "Bug"}]}}),
    );
    assert_eq!(
        (task.key.as_deref(), task.status.as_deref(), task.completed),
        (Some("ENG-1"), Some("Done"), Some(true))
    );
    assert_eq!(task.due_on, Some(Moment::On(jiff::civil::date(2025, 2, 15))));
    assert_eq!(task.sprint.unwrap().name.as_deref(), Some("Cycle 12"));
    assert_eq!(serde_json::to_value(task.custom_fields).unwrap(), json!({"Estimate": 3}));
    let person = task.assignee.unwrap();
    assert_eq!(
        (person.handle.as_deref(), person.email.as_deref()),
        (Some("jane"), Some("j@e.org"))
    );
    assert_eq!(
        (task.priority.as_deref(), task.parent_id.as_deref(), task.tags),
        (Some("High"), Some("i0"), Some(vec!["Bug".into()]))
    );
}

#[test]
fn an_issue_that_lacks_nearly_everything_or_has_odd_parts_is_still_a_record() {
    let bare = task(json!({"id": "i"}));
    assert_eq!(
        (bare.name.as_str(), bare.completed, bare.priority, bare.custom_fields),
        ("", None, None, None)
    );
    let odd = task(
        json!({"id": "i", "title": "x", "description": "", "priority": 0, "priorityLabel": "No priority",
        "dueDate": "someday", "createdAt": "0000-01-01T00:00:00Z", "state": {"name": "Limbo", "type": "invented"},
        "cycle": {"id": "c", "name": "Spring", "number": null}, "assignee": null, "labels": {"nodes": [{}, {"name": "L"}]}}),
    );
    assert_eq!(
        (odd.description, odd.priority, odd.due_on, odd.created_at),
        (None, None, None, None)
    );
    assert_eq!((odd.completed, odd.sprint.unwrap().name.as_deref()), (Some(false), Some("Spring")));
    assert_eq!((odd.assignee, odd.tags), (None, Some(vec!["L".into()])));
}
