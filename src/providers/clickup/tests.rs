use jiff::Timestamp;
use serde_json::json;

use super::{task::Task, *};
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
    record::{self, Properties},
};

fn listed(ids: &[&str], last: Option<bool>) -> (u16, Value) {
    let tasks: Vec<Value> = ids.iter().map(|id| json!({"id": id, "name": id})).collect();
    (200, json!({"tasks": tasks, "last_page": last}))
}

async fn vendor(script: impl Fn(&Asked, &str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&ClickUp, move |asked| {
        let path = asked.path.strip_prefix("api.clickup.com/api/v2/").unwrap();
        script(asked, path)
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Since>) -> Result<testing::Pass<Since>> {
    testing::pass(&ClickUp, &vendor.client(), &Feed::new("9", "Team"), cursor).await
}

fn task(value: Value) -> record::Task {
    let task: Task = serde_json::from_value(value).unwrap();
    match task.record(&Ref::new("9", "Team")).properties {
        Properties::Task(task) => *task,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn closed_tasks_and_subtasks_are_asked_for_and_a_short_page_is_not_the_last() {
    let vendor = vendor(|asked, path| match (path, asked.get("page")) {
        ("team/9/task", Some("0")) => listed(&["a"], Some(false)),
        ("team/9/task", Some("1")) => listed(&["b"], None),
        other => panic!("{other:?}"),
    })
    .await;
    let first = pass(&vendor, None).await.unwrap();
    assert_eq!(first.ids(), ["a", "b"]);
    for asked in vendor.asked() {
        let flags = ["include_closed", "subtasks", "reverse", "order_by", "date_updated_gt"];
        let said = flags.map(|flag| asked.get(flag));
        assert_eq!(said, [Some("true"), Some("true"), Some("true"), Some("created"), None]);
    }
}

#[tokio::test]
async fn a_later_pass_asks_for_changes_from_before_the_last_one_began_newest_first() {
    let vendor = vendor(|_, _| listed(&["a"], Some(true))).await;
    let began: Timestamp = "2025-02-01T12:00:00Z".parse().unwrap();
    let pass = pass(&vendor, Some(Since::at(None, began).done())).await.unwrap();
    assert!(matches!(pass.end, Next::Resume(_)));
    let asked = vendor.asked();
    let from = "2025-02-01T11:55:00Z".parse::<Timestamp>().unwrap().as_millisecond() - 1;
    assert_eq!(asked[0].get("date_updated_gt"), Some(from.to_string().as_str()));
    assert_eq!((asked[0].get("order_by"), asked[0].get("reverse")), (Some("updated"), None));
}

#[test]
fn an_odd_task_keeps_its_record_and_chosen_options_get_their_names() {
    let options = json!({"options": [{"id": "o1", "name": "Low", "orderindex": 0},
        {"id": "o2", "label": "Blue"}]});
    let task =
        task(json!({"id": "t", "parent": "p", "status": {"status": "shipped", "type": "new"},
        "date_created": "soon", "assignees": [{"id": 1, "username": null}, "nobody"],
        "priority": null, "custom_fields": [
            {"id": "f1", "name": "Risk", "type": "drop_down", "type_config": options, "value": 0},
            {"id": "f2", "name": "Risk", "type": "labels", "type_config": options, "value": ["o2"]},
            {"id": "f3", "name": "When", "type": "date", "value": "1737365400000"},
            {"id": "f4", "name": "Unset", "type": "text"}]}));
    assert_eq!((task.kind.as_deref(), task.completed), (Some("subtask"), Some(false)));
    assert_eq!((task.created_at, task.assignees.map(|people| people.len())), (None, Some(1)));
    let fields = serde_json::to_value(task.custom_fields).unwrap();
    assert_eq!(fields, json!({"Risk": "Low", "f2": ["Blue"], "When": "2025-01-20T09:30:00Z"}));
}

#[tokio::test]
async fn a_missing_task_is_gone_where_it_is_deleted_archived_or_out_of_reach() {
    let vendor = vendor(|_, path| match path {
        "task/moved" => (200, json!({"id": "moved", "archived": false})),
        "task/archived" => (200, json!({"id": "archived", "archived": true})),
        "task/hidden" => (401, json!({"err": "Team not authorized", "ECODE": "OAUTH_027"})),
        _ => (404, json!({"err": "Task not found, deleted", "ECODE": "ITEM_013"})),
    })
    .await;
    let ids = ["moved", "archived", "hidden", "deleted"].map(str::to_owned).to_vec();
    let gone = ClickUp.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["archived", "hidden", "deleted"]);
}

#[tokio::test]
async fn refusals_tell_the_token_from_the_workspace_and_a_personal_token_goes_bare() {
    let word = |status, code: &str| ClickUp.fault(status, &json!({"err": "", "ECODE": code}));
    assert!(matches!(word(401, "OAUTH_027"), Some(Error::Forbidden(_))));
    assert_eq!(word(401, "OAUTH_025"), None);
    assert_eq!(word(429, "APP_002"), Some(Error::RateLimited(Duration::ZERO)));
    let vendor = vendor(|_, _| (200, json!({"user": {"id": 1, "username": "Jo"}}))).await;
    let token = [("access_token", "pk_1")];
    let client = vendor.client_of(None, &serde_json::Map::new(), &token);
    assert_eq!(ClickUp.account(&client).await.unwrap(), Account::new("1", "Jo"));
    assert_eq!(vendor.asked()[0].header("authorization"), Some("pk_1"));
}
