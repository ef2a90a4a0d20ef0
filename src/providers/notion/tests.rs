use serde_json::json;

use super::{calls::VERSION, *};
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
    record::{Moment, Properties, Record},
    wire::time,
};

fn page(id: &str, edited: &str) -> Value {
    json!({"object": "page", "id": id, "created_time": "2025-01-01T00:00:00.000Z", "last_edited_time": edited,
        "parent": {"type": "workspace", "workspace": true},
        "properties": {"title": {"type": "title", "title": [{"plain_text": id}]}}})
}

fn row(id: &str, edited: &str) -> Value {
    let mut row = page(id, edited);
    row["parent"] = json!({"type": "data_source_id", "data_source_id": "ds"});
    row
}

fn listed(results: &[Value], next: Option<&str>) -> (u16, Value) {
    (
        200,
        json!({"object": "list", "results": results, "next_cursor": next, "has_more": next.is_some()}),
    )
}

fn source() -> Value {
    let groups = json!([{"name": "To-do", "option_ids": ["o1"]}, {"name": "Complete", "option_ids": ["o2"]}]);
    json!({"object": "data_source", "id": "ds", "title": [{"plain_text": "Tasks"}],
        "properties": {"Stand": {"type": "status", "status": {"groups": groups}}}})
}

/// What is asked in one word, and the body.
fn word(asked: &Asked) -> (String, Value) {
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let path = asked.path.strip_prefix("api.notion.com/v1/").unwrap();
    let filter = &body["filter"];
    let word = match (path, filter["value"].as_str(), filter["in_trash"].as_bool()) {
        ("search", Some("page"), Some(true)) => "trash",
        ("search", Some("page"), _) => "pages",
        ("search", ..) => "sources",
        (path, ..) => path,
    };
    (word.to_owned(), body)
}

/// A vendor whose people and workspace are always the same; pages have no text unless the script gives it.
async fn vendor(
    script: impl Fn(&str, &Value) -> Option<(u16, Value)> + Send + Sync + 'static,
) -> Vendor {
    Vendor::new(&Notion, move |asked| {
        assert_eq!(asked.header("notion-version"), Some(VERSION));
        let (word, body) = word(asked);
        script(&word, &body).unwrap_or_else(|| match word.as_str() {
            "users/me" => {
                (200, json!({"id": "b", "bot": {"workspace_id": "w", "workspace_name": "Ada's"}}))
            }
            "users" => (403, json!({"code": "restricted_resource", "message": "no"})),
            "sources" => listed(&[source()], None),
            _ => listed(&[], None),
        })
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Notion, &vendor.client(), &Feed::account(), cursor).await
}

fn done(since: &str) -> Cursor {
    let since: Timestamp = since.parse().unwrap();
    Cursor { since: Some(since), newest: None, started: since, step: Step::Done }
}

#[tokio::test]
async fn rows_come_by_their_data_source_and_the_watermark_is_the_latest_edit() {
    let vendor = vendor(|word, body| match (word, body["start_cursor"].as_str()) {
        ("pages", None) => Some(listed(
            &[page("a", "2025-03-01T10:00:00.000Z"), row("r", "2025-02-01T00:00:00Z")],
            Some("2"),
        )),
        ("pages", Some("2")) => Some(listed(&[json!({"object": "page", "id": "partial"})], None)),
        ("data_sources/ds/query", _) => Some(listed(
            &[row("r", "2025-02-01T00:00:00Z"), row("s", "2025-02-02T00:00:00Z")],
            None,
        )),
        _ => None,
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["a", "r", "s"]);
    assert_eq!((pass.seen, pass.gone.len()), (vec!["partial".to_owned()], 0));
    let Next::Resume(end) = pass.end else { panic!("{:?}", pass.end) };
    assert_eq!(end.since, time::instant("2025-03-01T09:50:00Z"));
}

#[tokio::test]
async fn a_later_pass_stops_at_the_watermark_and_reads_the_trash_and_changed_rows() {
    let vendor = vendor(|word, _| match word {
        "pages" => Some(listed(
            &[page("new", "2025-03-02T00:00:00Z"), page("old", "2025-02-01T00:00:00Z")],
            Some("2"),
        )),
        "trash" => {
            let mut trashed = page("t", "2025-03-02T00:00:00Z");
            trashed["in_trash"] = true.into();
            Some(listed(&[trashed], None))
        }
        _ => None,
    })
    .await;
    let pass = pass(&vendor, Some(done("2025-03-01T00:00:00Z"))).await.unwrap();
    assert_eq!((pass.ids(), &pass.gone[..]), (vec!["new"], &["t".to_owned()][..]));
    let asked: Vec<_> = vendor.asked().iter().map(word).collect();
    assert_eq!(asked.iter().filter(|(word, _)| word == "pages").count(), 1);
    let (_, rows) = asked.iter().find(|(word, _)| word.ends_with("query")).unwrap();
    assert_eq!(rows["filter"]["last_edited_time"]["on_or_after"], "2025-03-01T00:00:00Z");
}

#[tokio::test]
async fn a_row_with_a_status_is_a_task_and_its_text_is_markdown_down_to_nested_blocks() {
    let vendor = vendor(|word, _| match word {
        "data_sources/ds/query" => {
            let mut row = row("r", "2025-02-01T00:00:00Z");
            row["created_by"] = json!({"id": "u"});
            row["properties"]["Stand"] = json!({"type": "status", "status": {"id": "o2", "name": "Fertig"}});
            row["properties"]["When"] = json!({"type": "date", "date": {"start": "2025-03-01", "end": "2025-03-05T15:00:00+01:00"}});
            row["properties"]["Cost"] = json!({"type": "formula", "formula": {"type": "number", "number": 3}});
            Some(listed(&[row], None))
        }
        "blocks/r/children" => {
            let text = json!([{"plain_text": "See "}, {"plain_text": "this", "href": "https://a.example"}]);
            let file = json!({"file": {"url": "https://s3/x?X-Amz-Expires"}, "caption": []});
            Some(listed(&[json!({"id": "b1", "type": "to_do", "has_children": true, "to_do": {"rich_text": text, "checked": true}}),
                json!({"id": "b2", "type": "child_page", "has_children": true, "child_page": {"title": "Other"}}),
                json!({"id": "b3", "type": "image", "image": file}), json!({"id": "b4", "type": "unsupported", "has_children": true})], None))
        }
        "blocks/b1/children" => Some(listed(&[json!({"id": "b5", "type": "paragraph", "paragraph": {"rich_text": [{"plain_text": "deep"}]}})], None)),
        "blocks/b2/children" => panic!("a page of its own"),
        "blocks/b4/children" => Some((400, json!({"object": "error", "code": "validation_error", "message": "not supported"}))),
        _ => None,
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    let [Record { properties: Properties::Task(task), .. }] = &pass.records[..] else {
        panic!("{pass:?}")
    };
    assert_eq!(task.description.as_deref(), Some("- [x] See [this](https://a.example)\n  deep"));
    assert_eq!((task.status.as_deref(), task.completed), (Some("Fertig"), Some(true)));
    assert_eq!(task.start_on, time::day("2025-03-01").map(Moment::On));
    assert_eq!(task.due_on, time::instant("2025-03-05T14:00:00Z").map(Moment::At));
    assert_eq!(serde_json::to_value(&task.custom_fields).unwrap(), json!({"Cost": 3}));
}

#[tokio::test]
async fn a_query_that_notion_cuts_goes_on_from_the_last_row() {
    let vendor = vendor(|word, body| {
        let from = body["filter"]["created_time"]["on_or_after"].as_str();
        match (word, from) {
            ("data_sources/ds/query", None) => {
                let (_, mut cut) = listed(&[row("r", "2025-02-01T00:00:00Z")], None);
                cut["request_status"] = json!({"type": "incomplete"});
                Some((200, cut))
            }
            ("data_sources/ds/query", Some("2025-01-01T00:00:00Z")) => {
                Some(listed(&[row("s", "2025-02-01T00:00:00Z")], None))
            }
            _ => None,
        }
    })
    .await;
    assert_eq!(pass(&vendor, None).await.unwrap().ids(), ["r", "s"]);
}

#[tokio::test]
async fn an_expired_cursor_lists_afresh_and_a_missing_page_is_gone_once_notion_says_so() {
    let expired =
        json!({"code": "validation_error", "message": "The start_cursor provided is invalid: x"});
    assert_eq!(Notion.fault(400, &expired), Some(Error::CursorExpired));
    assert!(matches!(
        Notion.fault(409, &json!({"code": "conflict_error"})),
        Some(Error::Unavailable(_))
    ));
    let vendor = vendor(|word, _| match word {
        "pages/alive" => Some((200, page("alive", "2025-02-01T00:00:00Z"))),
        "pages/binned" => Some((200, json!({"object": "page", "id": "binned", "in_trash": true}))),
        _ => Some((404, json!({"code": "object_not_found"}))),
    })
    .await;
    let ids = ["alive", "binned", "unshared"].map(str::to_owned).to_vec();
    let gone = Notion.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["binned", "unshared"]);
}
