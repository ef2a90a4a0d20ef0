use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{self, Moment, Properties},
};

fn data(key: &str, part: Value) -> (u16, Value) {
    (200, Value::from_iter([("data", Value::from_iter([(key, part)]))]))
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"errors": [{"message": "no", "extensions": {"code": code}}]}))
}

fn item(id: &str, board: &str) -> Value {
    json!({"id": id, "name": id, "state": "active", "created_at": "2025-01-10T08:00:00Z", "board": {"id": board},
        "column_values": []})
}

fn subitem(id: &str, parent: &str) -> Value {
    let mut item = item(id, "hidden");
    item["parent_item"] = json!({"id": parent, "board": {"id": "b"}});
    item
}

fn in_state(mut item: Value, state: &str) -> Value {
    item["state"] = state.into();
    item
}

fn page(items: &[Value], cursor: Option<&str>) -> Value {
    json!({"items": items, "cursor": cursor})
}

fn logged(event: &str, entity: &str, data: &Value) -> Value {
    json!({"event": event, "entity": entity, "data": data.to_string()})
}

fn pulse(id: u64) -> Value {
    logged("update_column_value", "pulse", &json!({"pulse_id": id}))
}

/// A request's query and variables.
fn question(asked: &Asked) -> (String, Value) {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let query = body["query"].as_str().unwrap();
    let name = query.split([' ', '(']).nth(1).unwrap().to_owned();
    (name, body["variables"].clone())
}

type Answer = Option<(u16, Value)>;

/// A vendor with a board `b`, the hidden board of its subitems, and another board; else by script, and empty.
async fn vendor(script: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Monday, move |asked| {
        assert_eq!(asked.header("api-version"), Some("2026-10"));
        let (name, variables) = question(asked);
        script(&name, &variables).unwrap_or_else(|| match name.as_str() {
            "Boards" => data(
                "boards",
                json!([{"id": "b", "name": "Roadmap", "type": "board"}, null,
                {"id": "hidden", "name": "Subitems of Roadmap", "type": "sub_items_board"},
                {"id": "doc", "type": "document"}, {"id": "c", "name": "Café", "type": "board"}]),
            ),
            "Parents" => data(
                "boards",
                json!([{"id": "hidden", "items_page": {"items":
                [{"parent_item": null}, {"parent_item": {"board": {"id": "b"}}}]}}]),
            ),
            "Logs" => {
                let ids = variables["boards"].as_array().unwrap().iter();
                data("boards", ids.map(|id| json!({"id": id, "activity_logs": []})).collect())
            }
            "First" => data("boards", json!([{"items_page": page(&[], None)}])),
            "Items" => data("items", json!([])),
            other => panic!("{other}"),
        })
    })
    .await
}

fn board() -> Feed {
    Feed::new("b", "Roadmap")
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Monday, &vendor.client(), &board(), cursor).await
}

/// A cursor between two passes, of which the last began at 12:01.
fn done() -> Cursor {
    let began = "2025-02-01T12:01:00Z".parse().unwrap();
    Cursor { pass: Since::at(None, began).done(), limit: None, work: Work::Done }
}

fn asked(vendor: &Vendor) -> Vec<(String, Value)> {
    vendor.asked().iter().map(question).collect()
}

fn names(vendor: &Vendor) -> Vec<String> {
    asked(vendor).into_iter().map(|(name, _)| name).collect()
}

/// A script that answers one query.
fn only(query: &'static str, answer: (u16, Value)) -> impl Fn(&str, &Value) -> Answer {
    move |name, _| (name == query).then(|| answer.clone())
}

#[tokio::test]
async fn boards_that_people_see_are_the_feeds() {
    let vendor = vendor(|_, _| None).await;
    let feeds = Monday.feeds(&vendor.client()).await.unwrap();
    assert_eq!(feeds, [Feed::new("b", "Roadmap"), Feed::new("c", "Café")]);
    assert_eq!(names(&vendor), ["Boards", "Parents"]);
}

#[tokio::test]
async fn a_board_that_hides_another_by_going_away_makes_it_vanish_from_one_look_alone() {
    let pages = std::sync::atomic::AtomicU32::new(0);
    let vendor = vendor(move |name, variables| {
        let board = |n: u32| json!({"id": n.to_string(), "name": "", "type": "board"});
        let nth =
            (name == "Boards").then(|| pages.fetch_add(1, std::sync::atomic::Ordering::Relaxed))?;
        let first =
            |gone: u32| (0..=100).filter(|n| *n != gone).take(100).map(board).collect::<Vec<_>>();
        Some(data(
            "boards",
            match (nth, variables["page"].as_u64()) {
                (0, _) => json!(first(100)),
                (2, _) => json!(first(7)), // board 100 moved up when board 7 went
                _ => json!([]),
            },
        ))
    })
    .await;
    let feeds = Monday.feeds(&vendor.client()).await.unwrap();
    assert_eq!(feeds.len(), 101);
    assert_eq!(names(&vendor), ["Boards"; 4]);
}

#[tokio::test]
async fn a_list_of_boards_with_parts_left_out_is_no_list() {
    let partial = json!({"data": {"boards": [{"id": "b", "type": "board"}]}, "errors": [{"message": "lost one"}]});
    for answer in [partial, json!({"data": {"boards": [{"name": "odd"}]}})] {
        let vendor = vendor(only("Boards", (200, answer))).await;
        assert!(matches!(Monday.feeds(&vendor.client()).await, Err(Error::Unexpected { .. })));
    }
}

#[tokio::test]
async fn a_listing_reads_the_board_and_the_hidden_one_of_its_subitems() {
    let vendor = vendor(|name, variables| {
        let answer = match (name, variables["boards"][0].as_str(), variables["cursor"].as_str()) {
            ("First", Some("b"), _) => {
                let foreign =
                    [item("1", "b"), subitem("11", "1"), in_state(item("9", "b"), "archived")];
                data("boards", json!([{"items_page": page(&foreign, Some("more"))}]))
            }
            ("Next", _, Some("more")) => data("next_items_page", page(&[item("2", "b")], None)),
            ("First", Some("hidden"), _) => {
                let mut orphan = subitem("12", "1");
                orphan["parent_item"]["state"] = "deleted".into();
                let items = [item("phantom", "hidden"), subitem("11", "1"), orphan];
                data("boards", json!([{"items_page": page(&items, None)}]))
            }
            _ => return None,
        };
        Some(answer)
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["1", "2", "11"], "each once, and none that no person sees");
    assert_eq!(pass.records[2].place.as_deref(), Some("1"));
    assert_eq!(names(&vendor), ["Boards", "Parents", "First", "Next", "First"]);
    let Next::Resume(end) = pass.end else { panic!("{:?}", pass.end) };
    assert!(end.work == Work::Done && end.pass.since.is_some());
}

#[tokio::test]
async fn one_look_reads_the_logs_of_all_boards_and_a_quiet_board_asks_nothing_more() {
    let vendor = vendor(|_, _| None).await;
    let client = vendor.client();
    for feed in Monday.feeds(&client).await.unwrap() {
        let pass = testing::pass(&Monday, &client, &feed, Some(done())).await.unwrap();
        assert!(pass.records.is_empty() && matches!(pass.end, Next::Resume(_)));
    }
    let asked = asked(&vendor);
    let expected = json!({"boards": ["b", "c", "hidden"], "count": 3, "from": "2025-02-01T11:56:00Z", "limit": 100, "page": 1});
    assert_eq!(asked.last(), Some(&("Logs".to_owned(), expected)));
    assert_eq!(asked.len(), 3, "Boards, Parents, Logs");
}

#[tokio::test]
async fn what_the_logs_name_is_read_as_it_is_now_and_what_is_not_there_is_gone() {
    let vendor = vendor(|name, variables| match name {
        "Logs" => Some(data("boards", json!([
            {"id": "b", "activity_logs": [pulse(1), pulse(2), pulse(3), pulse(4),
                logged("delete_pulse", "pulse", &json!({"pulse_id": "5"})), logged("odd", "pulse", &json!("text"))]},
            {"id": "c", "activity_logs": [pulse(77)]},
            {"id": "hidden", "activity_logs": [logged("create_pulse", "pulse", &json!({"pulse_ids": [11, 12]}))]}]))),
        "Items" => {
            assert_eq!(variables["items"], json!(["1", "11", "12", "2", "3", "4", "5"]));
            Some(data("items", json!([item("1", "b"), in_state(item("2", "b"), "archived"), in_state(item("3", "b"), "deleted"),
                item("4", "c"), null, subitem("11", "1"), item("12", "hidden")])))
        }
        _ => None,
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!(pass.ids(), ["1", "11"], "4 was moved to another board, 12 is nobody's");
    assert_eq!(pass.gone, ["2", "3", "5", "at 2", "at 3", "at 5"], "with their subitems");
}

#[tokio::test]
async fn items_are_asked_for_a_hundred_at_a_time_and_an_odd_one_makes_nothing_look_gone() {
    let vendor = vendor(|name, variables| match name {
        "Logs" => Some(data("boards", json!([{"id": "hidden"}, {"id": "c"},
            {"id": "b", "activity_logs": [logged("x", "pulse", &json!({"item_ids": (0..150).collect::<Vec<_>>()}))]}]))),
        "Items" => Some(match variables["items"].as_array().unwrap().len() {
            100 => data("items", json!([item("0", "b"), {"name": "odd"}])),
            _ => data("items", json!([item("99", "b")])),
        }),
        _ => None,
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["0", "99"], 1));
    assert_eq!(pass.gone.len(), 49 * 2, "only of the answer that came whole");
}

#[tokio::test]
async fn a_log_that_one_look_cuts_is_read_page_by_page() {
    let vendor = vendor(|name, variables| {
        let many =
            |ids: std::ops::Range<u64>| json!(ids.map(|id| pulse(id % 40)).collect::<Vec<_>>());
        (name == "Logs").then(|| match (variables["limit"].as_u64(), variables["page"].as_u64()) {
            (Some(100), _) => data(
                "boards",
                json!([{"id": "b", "activity_logs": many(0..100)}, {"id": "hidden"}]),
            ),
            (_, Some(1)) => data("boards", json!([{"id": "b", "activity_logs": many(0..1000)}])),
            _ => data("boards", json!([{"id": "b", "activity_logs": [pulse(500)]}])),
        })
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!(pass.gone.len(), 41 * 2);
    assert_eq!(names(&vendor), ["Boards", "Parents", "Logs", "Logs", "Logs", "Items"]);
}

#[tokio::test]
async fn a_board_whose_groups_or_columns_changed_is_listed_anew() {
    for (event, entity, anew) in [
        ("delete_group", "board", true),
        ("update_column_name", "board", true),
        ("update_column_value", "pulse", false),
        ("subscribe", "board", false),
    ] {
        let log = json!([{"id": "hidden"}, {"id": "b", "activity_logs": [logged(event, entity, &json!({"board_id": 1}))]}]);
        let vendor = vendor(only("Logs", data("boards", log))).await;
        let expired = matches!(pass(&vendor, Some(done())).await, Err(Error::CursorExpired));
        assert_eq!(expired, anew, "{event}");
    }
}

#[tokio::test]
async fn a_page_that_monday_forgot_lists_the_board_anew_and_a_board_that_is_gone_is_left_out() {
    let expired = json!({"error_code": "CursorException", "status_code": 200, "errors": [],
        "error_message": "CursorExpiredError: The cursor provided for pagination has expired."});
    let vendor = vendor(move |name, _| match name {
        "First" => {
            Some(data("boards", json!([{"items_page": page(&[item("1", "b")], Some("old"))}])))
        }
        "Next" => Some((200, expired.clone())),
        _ => None,
    })
    .await;
    assert_eq!(pass(&vendor, None).await.unwrap_err(), Error::CursorExpired);
    let vendor = self::vendor(only("First", data("boards", json!([])))).await;
    assert_eq!(pass(&vendor, None).await.unwrap_err(), Error::NotFound);
    let vendor = self::vendor(only("Logs", data("boards", json!([{"id": "c"}])))).await;
    assert_eq!(pass(&vendor, Some(done())).await.unwrap_err(), Error::NotFound);
}

#[tokio::test]
async fn a_query_that_is_too_complex_is_asked_again_with_smaller_pages() {
    let vendor = vendor(|name, variables| {
        let limit = variables["limit"].as_u64().unwrap_or_default();
        let first = || data("boards", json!([{"items_page": page(&[item("1", "b")], None)}]));
        (name == "First")
            .then(|| if limit > 125 { refused(200, "maxComplexityExceeded") } else { first() })
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    let sizes: Vec<u64> = asked(&vendor)
        .iter()
        .filter(|(name, _)| name == "First")
        .filter_map(|(_, of)| of["limit"].as_u64())
        .collect();
    assert_eq!(sizes, [500, 250, 125, 125]);
    assert_eq!(pass.ids(), ["1"]);
}

#[tokio::test]
async fn what_a_listing_did_not_see_is_gone_unless_it_is_alive_somewhere() {
    let answer = data(
        "items",
        json!([item("1", "b"), item("2", "c"), in_state(item("3", "b"), "archived")]),
    );
    let vendor = vendor(only("Items", answer)).await;
    let ids = ["1", "2", "3", "4"].map(str::to_owned).to_vec();
    let gone = Monday.confirm_gone(&vendor.client(), &board(), ids.clone()).await.unwrap();
    assert_eq!(gone, ["3", "4"]);
    let partial = json!({"data": {"items": []}, "errors": [{"message": "lost"}]});
    let vendor = self::vendor(only("Items", (200, partial))).await;
    assert!(Monday.confirm_gone(&vendor.client(), &board(), ids).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bounded_listing_leaves_out_what_was_created_before() {
    let mut older = item("1", "b");
    older["created_at"] = "2024-12-31T23:59:59Z".into();
    let answer = data("boards", json!([{"items_page": page(&[older, item("2", "b")], None)}]));
    let vendor = vendor(only("First", answer)).await;
    let bound: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
    let client = vendor.client_since(Some(bound), &Map::new());
    assert_eq!(testing::pass(&Monday, &client, &board(), None).await.unwrap().ids(), ["2"]);
}

#[test]
fn a_refusal_says_what_to_do() {
    let fault = |code: &str| Monday.fault(200, &refused(200, code).1);
    assert_eq!(fault("RATE_LIMIT_EXCEEDED"), Some(Error::RateLimited(Duration::ZERO)));
    let spent = json!({"errors": [{"message": "x", "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 7}}]});
    assert_eq!(Monday.fault(429, &spent), Some(Error::RateLimited(Duration::from_secs(7))));
    assert_eq!(fault("DAILY_LIMIT_EXCEEDED"), Some(Error::RateLimited(Duration::from_hours(1))));
    assert_eq!(fault("CursorException"), Some(Error::CursorExpired));
    assert!(
        matches!(fault("missingRequiredPermissions"), Some(Error::Forbidden(why)) if why.contains("boards:read"))
    );
    let partial = json!({"data": [], "errors": [{"path": ["me"], "extensions": {"code": "UserUnauthorizedException"}}], "account_id": 1});
    assert!(matches!(Monday.fault(200, &partial), Some(Error::Forbidden(_))));
    assert!(matches!(
        Monday.fault(401, &json!({"errors": ["Not Authenticated"]})),
        Some(Error::Reconnect(_))
    ));
    assert!(
        matches!(Monday.fault(403, &Value::Null), Some(Error::Forbidden(why)) if why.contains("viewers"))
    );
    assert!(matches!(fault("INTERNAL_SERVER_ERROR"), Some(Error::Unavailable(_))));
    assert_eq!(Monday.fault(500, &json!({"data": {"boards": []}})), None);
}

fn task(item: Value) -> record::Task {
    match Record::from(serde_json::from_value::<Item>(item).unwrap()).properties {
        Properties::Task(task) => *task,
        other => panic!("{other:?}"),
    }
}

fn column(id: &str, kind: &str, text: &str) -> Value {
    json!({"id": id, "type": kind, "text": text, "column": {"title": id.to_uppercase()}})
}

#[test]
fn columns_become_what_they_are_and_the_others_keep_their_titles() {
    let mut status = column("st", "status", "Done");
    status["is_done"] = true.into();
    let columns = [
        column("p", "people", "Bentley Cook, Åsa Öberg"),
        status,
        column("d", "date", "2025-02-15 10:00"),
        column("t", "tags", "urgent, q1"),
        column("t2", "tags", "more"),
        column("l", "long_text", "First\nSecond"),
        column("n", "numbers", "12.5"),
        column("st2", "status", "Late"),
        column("empty", "text", ""),
        column("sub", "subtasks", "A, B"),
        json!({"id": "m", "type": "mirror", "text": null, "column": null}),
        json!({"id": "x", "type": "text", "text": "same", "column": {"title": "N"}}),
    ];
    let task = task(
        json!({"id": "1", "name": "Task", "url": "u", "group": {"id": "g", "title": "To plan"}, "column_values": columns,
        "board": {"id": "b", "name": "Roadmap", "workspace": {"id": "w", "name": "Main"}}}),
    );
    assert_eq!(
        (task.kind.as_deref(), task.status.as_deref(), task.completed),
        (Some("item"), Some("Done"), Some(true))
    );
    let people: Vec<_> = task.assignees.unwrap().into_iter().filter_map(|who| who.name).collect();
    assert_eq!(
        (people, task.assignee.unwrap().name.as_deref()),
        (vec!["Bentley Cook".into(), "Åsa Öberg".into()], Some("Bentley Cook"))
    );
    assert_eq!(task.due_on, Some(Moment::On(jiff::civil::date(2025, 2, 15))));
    assert_eq!(
        (task.description.as_deref(), task.tags.unwrap()),
        (Some("First\nSecond"), vec!["urgent".into(), "q1".into(), "more".into()])
    );
    assert_eq!(
        serde_json::to_value(task.custom_fields).unwrap(),
        json!({"N": 12.5, "ST2": "Late", "x": "same"})
    );
    assert_eq!(
        (task.section.unwrap().id.as_deref(), task.workspace.unwrap().name.as_deref()),
        (Some("g"), Some("Main"))
    );
}

#[test]
fn a_subitem_belongs_to_its_parents_board_and_an_item_without_status_says_its_group() {
    let mut sub = subitem("11", "1");
    (sub["group"], sub["board"]) =
        (json!({"id": "s", "title": "Subitems"}), json!({"id": "hidden", "workspace": null}));
    sub["parent_item"]["board"]["workspace"] = json!({"id": null, "name": "Team"});
    let sub = task(sub);
    assert_eq!(
        (sub.kind.as_deref(), sub.parent_id.as_deref(), sub.status, sub.section),
        (Some("subitem"), Some("1"), None, None)
    );
    assert_eq!(
        (sub.project.unwrap().id.as_deref(), sub.workspace.unwrap().name.as_deref()),
        (Some("b"), Some("Team"))
    );
    let mut later = item("1", "b");
    (later["group"], later["column_values"]) = (
        json!({"id": "g", "title": "Later"}),
        json!([{"id": "s", "type": "status", "text": null, "is_done": false}]),
    );
    let later = task(later);
    assert_eq!((later.status.as_deref(), later.completed), (Some("Later"), None));
    assert_eq!((later.assignees, later.tags, later.custom_fields), (None, None, None));
    let bare = task(json!({"id": "1", "column_values": [{"id": "odd"}, 7], "created_at": "soon"}));
    assert_eq!((bare.name.as_str(), bare.project, bare.created_at), ("", None, None));
}
