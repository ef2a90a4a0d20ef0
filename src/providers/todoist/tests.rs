use serde_json::{Map, json};

use super::{item::Project, *};
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{self, Properties, Record, Ref},
    wire::Many,
};

fn answer(full: bool, token: &str, more: &Value) -> (u16, Value) {
    let mut answer = json!({"full_sync": full, "sync_token": token});
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (200, answer)
}

fn item(id: &str) -> Value {
    json!({"id": id, "content": id, "project_id": "p", "section_id": "s",
        "added_at": "2025-01-10T08:00:00.000000Z"})
}

fn token(asked: &Asked) -> Option<String> {
    let form: Vec<(String, String)> = serde_urlencoded::from_str(&asked.body).unwrap();
    form.into_iter().find(|(name, _)| name == "sync_token").map(|(_, token)| token)
}

/// A vendor by the sync token that is sent, and the bounds of what is completed.
async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Todoist, move |asked| {
        let path = asked.path.strip_prefix("api.todoist.com/api/v1/").unwrap();
        match (path, token(asked)) {
            ("sync", Some(token)) => script(&token, asked),
            (path, _) => script(path, asked),
        }
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Todoist, &vendor.client(), &Feed::account(), cursor).await
}

fn done(token: &str) -> Cursor {
    let mut names = Names::default();
    let projects: Many<Project> = Many::of([json!({"id": "p", "name": "Home"})]);
    let sections: Many<Section> =
        Many::of([json!({"id": "s", "project_id": "p", "name": "Attic"})]);
    names.learn(&projects, &sections, &[]);
    Cursor { token: token.into(), names, completed: None }
}

fn task(record: &Record) -> &record::Task {
    match &record.properties {
        Properties::Task(task) => task,
        other => panic!("{other:?}"),
    }
}

const COMPLETED_PATH: &str = "tasks/completed/by_completion_date";

#[tokio::test]
async fn completed_tasks_are_read_back_to_the_accounts_first_day_and_then_what_changed_meanwhile() {
    let joined = Timestamp::now().checked_sub(WINDOW + WINDOW / 2).unwrap();
    let vendor = vendor(move |word, asked| match (word, asked.get("cursor")) {
        ("*", _) => {
            let mut daily = item("daily");
            daily["due"] =
                json!({"date": "2025-02-01", "string": "every day", "is_recurring": true});
            answer(
                true,
                "t1",
                &json!({"items": [daily, 7], "user": {"id": "1", "joined_at": joined.to_string()},
                "projects": [{"id": "p", "name": "Home"}]}),
            )
        }
        (COMPLETED_PATH, None) => (200, json!({"items": [item("daily")], "next_cursor": "c"})),
        (COMPLETED_PATH, Some("c")) => (200, json!({"items": [item("old")], "next_cursor": null})),
        ("t1", _) => answer(false, "t2", &json!({"items": [item("late")]})),
        other => panic!("{other:?}"),
    })
    .await;
    let first = pass(&vendor, None).await.unwrap();
    assert_eq!(first.ids(), ["daily", "old", "old", "late"]);
    assert_eq!(first.skipped, 1);
    assert_eq!(task(&first.records[1]).project, Some(Ref::new("p", "Home")));
    let Next::Resume(end) = first.end else { panic!("{:?}", first.end) };
    assert_eq!((end.token.as_str(), end.completed), ("t2", None));
    let asked = vendor.asked();
    let bound = |at: usize, name: &str| asked[at].get(name).unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(bound(1, "until").duration_since(bound(1, "since")), WINDOW);
    assert_eq!((bound(3, "until"), bound(3, "since")), (bound(1, "since"), joined));
}

#[tokio::test]
async fn changes_remove_what_was_deleted_by_itself_or_with_its_section_or_project() {
    let vendor = vendor(|_, _| {
        answer(
            false,
            "t2",
            &json!({"items": [item("a"), {"id": "b", "is_deleted": true}],
            "projects": [{"id": "q", "is_deleted": true}, {"id": "p", "name": "Home"}],
            "sections": [{"id": "s", "project_id": "p", "is_deleted": true}]}),
        )
    })
    .await;
    let pass = pass(&vendor, Some(done("t1"))).await.unwrap();
    assert_eq!((pass.ids(), pass.records[0].place.as_deref()), (vec!["a"], Some("p/s")));
    assert_eq!(pass.gone, ["b", "under q", "at p/s"]);
}

#[tokio::test]
async fn a_token_that_is_too_old_and_a_new_name_list_everything_afresh() {
    let full = vendor(|_, _| answer(true, "t2", &json!({"items": []}))).await;
    assert_eq!(pass(&full, Some(done("t1"))).await.unwrap_err(), Error::CursorExpired);
    let renamed = vendor(|_, _| {
        answer(false, "t2", &json!({"sections": [{"id": "s", "project_id": "p", "name": "Loft"}]}))
    })
    .await;
    assert_eq!(pass(&renamed, Some(done("t1"))).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn a_time_without_a_zone_is_a_day_and_the_listings_bound_leaves_out_what_is_older() {
    let vendor = vendor(|word, _| {
        let mut floating = item("floating");
        floating["due"] = json!({"date": "2025-02-01T23:30:00", "string": "Feb 1"});
        floating["priority"] = 2.into();
        let mut older = item("older");
        older["added_at"] = "2024-01-01T00:00:00Z".into();
        match word {
            "*" => answer(true, "t1", &json!({"items": [floating, older]})),
            "t1" => answer(false, "t1", &json!({})),
            _ => (200, json!({"items": [], "next_cursor": null})),
        }
    })
    .await;
    let since = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * 500)).unwrap();
    let since = since.min("2025-01-01T00:00:00Z".parse().unwrap());
    let client = vendor.client_since(Some(since), &Map::new());
    let pass = testing::pass(&Todoist, &client, &Feed::account(), None).await.unwrap();
    assert_eq!(pass.ids(), ["floating"]);
    let task = task(&pass.records[0]);
    assert_eq!(task.due_on, time::day("2025-02-01").map(record::Moment::On));
    assert_eq!((task.priority.as_deref(), &task.recurrence), (Some("p3"), &None));
}

#[tokio::test]
async fn a_missing_task_is_asked_for_and_throttling_names_its_pause() {
    let vendor = vendor(|word, _| match word {
        "tasks/archived" => (200, json!({"id": "archived", "is_deleted": false})),
        "tasks/binned" => (200, json!({"id": "binned", "is_deleted": true})),
        _ => (404, json!({"error": "Task not found", "error_tag": "NOT_FOUND"})),
    })
    .await;
    let ids = ["archived", "binned", "deleted"].map(str::to_owned).to_vec();
    let gone = Todoist.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["binned", "deleted"]);
    let slow = json!({"error_tag": "LIMITS_REACHED", "error_extra": {"retry_after": 299}});
    assert_eq!(Todoist.fault(429, &slow), Some(Error::RateLimited(Duration::from_secs(299))));
    let refused = Todoist.fault(403, &json!({"error_tag": "UNAUTHORIZED"}));
    assert!(matches!(refused, Some(Error::Reconnect(_))));
}
