use serde_json::{Map, json};

use super::{calls::SPRINT, *};
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
    record::{Moment, Properties, Ref, Task},
};

fn issue(id: &str) -> Value {
    json!({"id": id, "key": format!("EX-{id}"), "fields": {"summary": id}})
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

/// A site whose searches and questions by id the script answers.
async fn vendor(script: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Jira, move |asked| match asked.path.split_once("/ex/jira/1-a/rest/api/3/") {
        None => (200, json!([{"id": "1-a", "name": "acme", "url": "https://acme.atlassian.net"}])),
        Some((_, "myself")) => (200, json!({"accountId": "5b10"})),
        Some((_, "field")) => (
            200,
            json!([{"id": "summary"}, {"id": "customfield_10020", "schema": {"custom": SPRINT}}]),
        ),
        Some((_, path)) => script(path, &body(asked)),
    })
    .await
}

async fn task(fields: Value) -> Task {
    let vendor = vendor(move |_, asked| {
        assert!(asked["fields"].as_array().unwrap().contains(&json!("customfield_10020")));
        (200, json!({"issues": [{"id": "1", "key": "EX-1", "fields": fields}]}))
    })
    .await;
    let pass = testing::pass(&Jira, &vendor.client(), &Feed::account(), None).await.unwrap();
    match pass.records.into_iter().next().map(|record| record.properties) {
        Some(Properties::Task(task)) => *task,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_issue_is_read_with_its_sprint_and_its_description_as_markdown() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let paragraph = |content: Value| json!({"type": "paragraph", "content": content});
    let link = json!({"type": "text", "text": "shop",
        "marks": [{"type": "link", "attrs": {"href": "https://shop.example"}}]});
    let mention = json!({"type": "mention", "attrs": {"id": "1", "text": "@José"}});
    let item = json!({"type": "listItem", "content": [paragraph(json!([text("Ask "), mention]))]});
    let document = json!({"type": "doc", "content": [
        {"type": "heading", "attrs": {"level": 2}, "content": [text("Flow")]},
        paragraph(json!([text("Open the "), link, {"type": "hardBreak"}, text("a < b")])),
        {"type": "bulletList", "content": [item]},
        {"type": "codeBlock", "content": [text("x();")]},
    ]});
    let task = task(json!({
        "summary": "Broken", "description": document, "duedate": "2025-02-15", "labels": ["a"],
        "status": {"name": "Shipped", "statusCategory": {"key": "done"}},
        "created": "2025-01-10T10:00:00.000+0200", "parent": {"id": "7"},
        "customfield_10020": [{"id": 36, "name": "S1", "state": "active"}, {"id": 37, "name": "S2", "state": "future"}],
    }))
    .await;
    let words =
        "## Flow\n\nOpen the [shop](https://shop.example)\na < b\n\n- Ask @José\n\n```\nx();\n```";
    assert_eq!(task.description.as_deref(), Some(words));
    assert_eq!(task.sprint, Some(Ref::new("36", "S1")));
    assert_eq!((task.completed, task.status.as_deref()), (Some(true), Some("Shipped")));
    assert_eq!(task.due_on, Some(Moment::On("2025-02-15".parse().unwrap())));
    assert_eq!(task.created_at, "2025-01-10T08:00:00Z".parse().ok());
    assert_eq!(task.url.as_deref(), Some("https://acme.atlassian.net/browse/EX-1"));
}

#[tokio::test]
async fn an_issue_of_unknown_words_is_kept_with_what_can_be_read() {
    let task = task(json!({"summary": null, "created": "soon", "customfield_10020": null,
        "status": {"name": "?", "statusCategory": null}, "description": {"type": "new", "content": [{"type": "newer"}]}}))
    .await;
    assert_eq!((task.name.as_str(), task.completed, task.created_at), ("", None, None));
    assert_eq!((task.description, task.sprint), (None, None));
}

#[tokio::test]
async fn a_pass_asks_for_what_was_updated_since_and_puts_the_same_question_on_each_page() {
    let vendor = vendor(|_, asked| match asked["nextPageToken"].as_str() {
        None => (200, json!({"issues": [issue("1"), {}], "nextPageToken": "t", "isLast": false})),
        Some(_) => (200, json!({"issues": [issue("2")], "isLast": true})),
    })
    .await;
    let began = "2025-02-01T12:01:00Z".parse().unwrap();
    let done = Since::at(None, began).done();
    for (cursor, jql) in [
        (None, "project is not EMPTY ORDER BY created ASC".to_owned()),
        (Some(done), "updated >= 1738410960000 ORDER BY updated ASC".to_owned()),
    ] {
        let pass = testing::pass(&Jira, &vendor.client(), &Feed::account(), cursor).await.unwrap();
        assert_eq!((pass.ids(), pass.skipped), (vec!["1", "2"], 1));
        assert!(matches!(pass.end, Next::Resume(_)));
        let asked: Vec<Asked> = vendor.asked();
        let asked = asked.iter().filter(|of| of.path.ends_with("search/jql"));
        assert!(asked.map(body).all(|of| of["jql"] == json!(jql)), "{jql}");
    }
}

#[tokio::test]
async fn an_expired_page_lists_afresh_and_half_a_list_is_no_list() {
    for (status, answer, wanted) in [
        (
            400,
            json!({"errorMessages": ["The provided next page token is invalid or expired."]}),
            Error::CursorExpired,
        ),
        (
            401,
            json!({"code": 401, "message": "Unauthorized; scope does not match"}),
            Error::Forbidden(
                "the grant lacks one of the scopes read:jira-work, read:jira-user".into(),
            ),
        ),
        (
            200,
            json!({"issues": [], "isLast": false}),
            Error::unexpected("nextPageToken", "it is missing, and more is to come"),
        ),
    ] {
        let vendor = vendor(move |_, _| (status, answer.clone())).await;
        let pass = testing::pass(&Jira, &vendor.client(), &Feed::account(), None).await;
        assert_eq!(pass.map(|_| ()), Err(wanted));
    }
}

#[tokio::test]
async fn an_issue_that_is_asked_for_and_missing_is_gone_unless_the_answer_has_gaps() {
    let vendor = vendor(|path, asked| {
        assert_eq!(path, "issue/bulkfetch");
        let ids = asked["issueIdsOrKeys"].as_array().unwrap();
        let errors = if ids.contains(&json!("9")) { vec![json!({"id": ["9"]})] } else { vec![] };
        (200, json!({"issues": [issue("1")], "issueErrors": errors}))
    })
    .await;
    let client = vendor.client_since(None, &Map::new());
    let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let gone = Jira.confirm_gone(&client, &Feed::account(), ids(&["1", "2"])).await;
    assert_eq!(gone.unwrap(), ["2"]);
    let page = Jira.recheck(&client, &Feed::account(), ids(&["1", "2", "9"])).await.unwrap();
    assert_eq!((page.upserts.len(), page.removed.len()), (1, 0));
}
