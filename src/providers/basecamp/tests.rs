use reqwest::header::{HeaderMap, LINK};
use serde_json::{Map, Value, json};

use super::{calls::next_link, *};
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Properties, Ref},
};

fn todo(id: u64, updated: &str) -> Value {
    json!({"id": id, "content": "Paint", "status": "active", "created_at": "2025-01-10T08:00:00.000Z",
        "updated_at": updated, "bucket": {"id": 7, "name": "House"}, "parent": {"id": 70, "title": "Walls"}})
}

fn project(name: &str) -> (u16, Value) {
    let dock = json!([{"id": 1, "name": "todoset", "enabled": true}, {"id": 2, "name": "message_board", "enabled": true},
        {"id": 3, "name": "todoset", "enabled": false}]);
    (200, json!([{"id": 7, "name": name, "dock": dock}]))
}

/// A vendor by path and query; whatever the script does not know is an empty list.
async fn vendor(script: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Basecamp, move |asked| {
        assert!(asked.header("user-agent").is_some_and(|agent| agent.contains('(')));
        script(&short(asked)).unwrap_or((200, json!([])))
    })
    .await
}

fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("3.basecampapi.com/9/").unwrap().to_owned();
    let named = ["type", "status", "completed"];
    named
        .iter()
        .filter_map(|name| asked.get(name))
        .fold(path, |line, value| format!("{line} {value}"))
}

fn client(vendor: &Vendor) -> Client {
    let settings: Map<String, Value> =
        [("account_id".to_owned(), "9".into())].into_iter().collect();
    vendor.client_since(None, &settings)
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Basecamp, &client(vendor), &Feed::account(), cursor).await
}

fn done(name: &str) -> Cursor {
    let since: Timestamp = "2025-02-01T00:00:00Z".parse().unwrap();
    let projects = [(7, name.to_owned())].into();
    Cursor { since: Some(since), newest: None, started: since, projects, todo: VecDeque::new() }
}

#[tokio::test]
async fn a_first_pass_walks_lists_and_groups_for_what_is_open_done_and_archived() {
    let vendor = vendor(|asked| match asked {
        "projects.json" => Some(project("House")),
        "todosets/1/todolists.json" => Some((200, json!([{"id": 70, "status": "active"}]))),
        "todolists/70/groups.json" => Some((200, json!([{"id": 71, "status": "active"}]))),
        "todolists/70/todos.json" => Some((200, json!([todo(100, "2025-01-20T09:30:00Z"), "odd"]))),
        "todolists/70/todos.json true" => Some((200, json!([todo(101, "2025-01-18T00:00:00Z")]))),
        "todolists/70/todos.json archived" => Some((200, json!([todo(102, "2025-01-17T00:00:00Z")]))),
        "todolists/71/todos.json" => Some((200, json!([todo(103, "2025-01-16T00:00:00Z")]))),
        "message_boards/2/messages.json" => Some((200, json!([{"id": 200, "subject": "Hi", "content": "<b>a</b><br>b",
            "created_at": "2025-01-10T08:00:00Z", "bucket": {"id": 7, "name": "House"}, "parent": {"id": 2}}]))),
        _ => None,
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    let mut ids = pass.ids();
    ids.sort_unstable();
    assert_eq!((ids, pass.skipped), (vec!["100", "101", "102", "103", "200"], 1));
    let Next::Resume(end) = pass.end else { panic!("{:?}", pass.end) };
    assert_eq!(end.since, "2025-01-20T09:20:00Z".parse().ok());
    assert!(vendor.asked().iter().all(|asked| !short(asked).starts_with("todosets/3/")));
}

#[tokio::test]
async fn a_later_pass_fetches_what_changed_and_removes_the_trash_and_what_its_lists_held() {
    let vendor = vendor(|asked| match asked {
        "projects.json" => Some(project("House")),
        "projects/recordings.json Todo active" => Some((
            200,
            json!([todo(100, "2025-02-02T00:00:00Z"), todo(99, "2025-01-02T00:00:00Z")]),
        )),
        "todos/100.json" => Some((200, todo(100, "2025-02-02T00:00:00Z"))),
        "projects/recordings.json Todo trashed" => Some((
            200,
            json!([todo(101, "2025-02-02T00:00:00Z"), todo(98, "2025-01-02T00:00:00Z")]),
        )),
        "projects/recordings.json Todolist trashed" => {
            Some((200, json!([todo(70, "2025-02-03T00:00:00Z")])))
        }
        other => {
            assert!(!other.starts_with("todosets"), "a known project is not walked");
            None
        }
    })
    .await;
    let pass = pass(&vendor, Some(done("House"))).await.unwrap();
    let mut gone = pass.gone.clone();
    gone.sort_unstable();
    assert_eq!((pass.ids(), gone), (vec!["100"], vec!["101".to_owned(), "under 7/70".to_owned()]));
    assert_eq!(pass.records[0].place.as_deref(), Some("7/70"));
    let Properties::Task(task) = &pass.records[0].properties else { panic!() };
    assert_eq!(
        (&task.section, task.status.as_deref()),
        (&Some(Ref::new("70", "Walls")), Some("open"))
    );
}

#[tokio::test]
async fn a_project_under_a_new_name_is_walked_again_and_one_that_left_takes_its_records_along() {
    let renamed = vendor(|asked| (asked == "projects.json").then(|| project("Home"))).await;
    pass(&renamed, Some(done("House"))).await.unwrap();
    assert!(renamed.asked().iter().any(|asked| short(asked) == "todosets/1/todolists.json"));
    let left = vendor(|_| None).await;
    assert_eq!(pass(&left, Some(done("House"))).await.unwrap().gone, ["under 7"]);
    let suspended = vendor(|_| Some((404, json!({"status": 404, "error": "Not Found"})))).await;
    assert!(matches!(pass(&suspended, None).await, Err(Error::Reconnect(_))));
}

#[tokio::test]
async fn a_missing_record_is_gone_where_neither_kind_has_it_or_it_lies_in_the_trash() {
    let vendor = vendor(|asked| match asked {
        "messages/1.json" => Some((200, json!({"id": 1, "status": "active"}))),
        "todos/2.json" => Some((200, json!({"id": 2, "status": "trashed"}))),
        _ => Some((404, json!({"error": "Not Found"}))),
    })
    .await;
    let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
    let gone = Basecamp.confirm_gone(&client(&vendor), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["2", "3"]);
}

#[test]
fn the_next_page_is_the_link_that_says_so() {
    let link = |value: &str| next_link(&HeaderMap::from_iter([(LINK, value.parse().unwrap())]));
    let next = r#"<https://a.example/x.json?page=1>; rel="prev", <https://a.example/x.json?page=3>; rel="next""#;
    assert_eq!(link(next).as_deref(), Some("https://a.example/x.json?page=3"));
    assert_eq!((link(""), next_link(&HeaderMap::new())), (None, None));
}
