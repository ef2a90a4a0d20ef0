//! What Asana answers, and what becomes of it.

use serde_json::{Map, json};

use super::*;
use crate::providers::testing::{self, Asked, Vendor};

fn ok(data: Value) -> (u16, Value) {
    (200, Value::from_iter([("data", data)]))
}

fn refused(status: u16, message: &str) -> (u16, Value) {
    (status, json!({"errors": [{"message": message}]}))
}

fn too_old(sync: &str) -> (u16, Value) {
    (412, json!({"errors": [{"message": "Sync token invalid or too old."}], "sync": sync}))
}

fn event(action: &str, gid: &str) -> Value {
    json!({"action": action, "resource": {"gid": gid, "resource_type": "task"}, "parent": null})
}

/// A request in short: `tasks project=p1`.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("app.asana.com/api/1.0/").unwrap();
    let named = ["project", "assignee", "resource", "sync", "offset"];
    let said = named.iter().filter_map(|name| Some(format!(" {name}={}", asked.get(name)?)));
    said.fold(path.to_owned(), |line, part| line + &part)
}

/// A vendor that answers what the script knows by its short form, and empty lists.
async fn vendor(script: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Asana, move |asked| script(&short(asked)).unwrap_or_else(|| ok(json!([])))).await
}

fn workspace() -> Feed {
    Feed::new("w", "Acme")
}

/// A cursor between two passes, with these projects and tokens.
fn done(tokens: &[(&str, &str)]) -> Cursor {
    let now: Timestamp = "2025-02-01T12:00:00Z".parse().unwrap();
    Cursor {
        pass: Since::at(None, now).done(),
        since: None,
        projects: tokens
            .iter()
            .map(|(gid, token)| (gid.to_string(), Some(token.to_string())))
            .collect(),
        todo: VecDeque::new(),
        parents: BTreeSet::new(),
        changed: BTreeSet::new(),
    }
}

async fn pass(client: &Client, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Asana, client, &workspace(), cursor).await
}

fn tokens(pass: testing::Pass<Cursor>) -> BTreeMap<String, Option<String>> {
    match pass.end {
        Next::Resume(at) => at.projects,
        next => panic!("{next:?}"),
    }
}

#[tokio::test]
async fn a_listing_takes_tokens_before_tasks_and_walks_each_tasks_subtasks_once() {
    let vendor = vendor(|asked| {
        let home = json!([{"gid": "p1"}, {"gid": "p2"}]);
        let both = json!({"gid": "1", "num_subtasks": 1, "projects": home});
        Some(match asked {
            "projects" => ok(json!([{"gid": "p1"}, {"gid": "p2"}])),
            "events resource=p1" => too_old("s1"),
            "events resource=p2" => too_old("s2"),
            "tasks project=p1" => (200, json!({"data": [both], "next_page": {"offset": "more"}})),
            "tasks project=p1 offset=more" => ok(json!([{"gid": "2"}])),
            "tasks project=p2" => ok(json!([both])),
            "tasks assignee=me" => ok(json!([both, {"gid": "3", "num_subtasks": 1}])),
            "tasks/1/subtasks" => ok(json!([{"gid": "11", "num_subtasks": 1}])),
            "tasks/3/subtasks" => ok(json!([{"gid": "31"}])),
            "tasks/11/subtasks" => ok(json!([{"gid": "111"}])),
            _ => return None,
        })
    })
    .await;
    let pass = pass(&vendor.client(), None).await.unwrap();
    let tasks = BTreeSet::from_iter(pass.ids());
    assert_eq!(tasks, BTreeSet::from(["1", "11", "111", "2", "3", "31"]));
    assert!(pass.covers.iter().all(|covers| *covers == Covers::Everything));
    assert_eq!(tokens(pass), done(&[("p1", "s1"), ("p2", "s2")]).projects);
    let asked: Vec<String> = vendor.asked().iter().map(short).collect();
    let at = |line: &str| asked.iter().position(|own| own == line).unwrap();
    assert!(at("events resource=p1") < at("tasks project=p1"));
    assert_eq!(asked.iter().filter(|line| line.ends_with("subtasks")).count(), 3);
}

#[tokio::test]
async fn a_pass_fetches_what_the_events_name_once_and_reads_new_projects() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "projects" => ok(json!([{"gid": "p1"}, {"gid": "p2"}, {"gid": "new"}])),
            "events resource=p1 sync=a" => {
                (200, json!({"data": [event("changed", "1"), event("changed", "1")], "sync": "b", "has_more": true}))
            }
            "events resource=p1 sync=b" => {
                let left = event("removed", "4");
                let gone = [event("removed", "2"), event("deleted", "2"), event("deleted", "3"), left];
                (200, json!({"data": gone, "sync": "c", "has_more": false}))
            }
            "events resource=p2 sync=x" => {
                let story = json!({"gid": "s", "resource_type": "story"});
                let parent = json!({"gid": "5", "resource_type": "task"});
                let said = json!({"action": "added", "resource": story, "parent": parent});
                let section = json!({"action": "added", "resource": {"gid": "9", "resource_type": "section"}});
                let back = [event("deleted", "6"), event("undeleted", "6"), event("changed", "3")];
                let data = [&[said, section, json!({})], &back[..]].concat();
                (200, json!({"data": data, "sync": "y"}))
            }
            "events resource=new" => too_old("n"),
            "tasks project=new" => ok(json!([{"gid": "7"}])),
            "tasks/1" | "tasks/4" | "tasks/5" | "tasks/6" => ok(json!({"gid": asked.get(6..).unwrap()})),
            "tasks/3" => refused(404, "task: Unknown object: 3"),
            _ => return None,
        })
    })
    .await;
    let pass = pass(&vendor.client(), Some(done(&[("p1", "a"), ("p2", "x"), ("left", "z")])))
        .await
        .unwrap();
    let mut tasks = pass.ids();
    tasks.sort_unstable();
    assert_eq!(tasks, ["1", "4", "5", "6", "7"]);
    assert_eq!(pass.gone, ["2", "3"]);
    assert_eq!(pass.skipped, 1);
    assert_eq!(tokens(pass), done(&[("p1", "c"), ("p2", "y"), ("new", "n")]).projects);
    let asked = vendor.asked();
    assert!(!asked.iter().any(|asked| short(asked) == "tasks/2"), "it is known to be gone");
    let mine = asked.iter().find(|asked| asked.get("assignee").is_some()).unwrap();
    assert_eq!(mine.get("modified_since"), Some("2025-02-01T11:59:00Z"), "a minute of overlap");
}

#[tokio::test]
async fn an_event_token_that_is_too_old_lists_all_afresh_since_deletions_may_have_been_missed() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "projects" => ok(json!([{"gid": "p1"}])),
            "events resource=p1 sync=a" => too_old("b"),
            _ => return None,
        })
    })
    .await;
    let cause = pass(&vendor.client(), Some(done(&[("p1", "a")]))).await.unwrap_err();
    assert_eq!(cause, Error::CursorExpired);
}

#[tokio::test]
async fn an_offset_that_expired_begins_its_list_again_and_not_for_ever() {
    let answers = |expires: bool| {
        move |asked: &str| {
            Some(match asked {
                "projects" => ok(json!([{"gid": "p1"}])),
                "events resource=p1" => too_old("s"),
                "tasks project=p1" => {
                    let next = expires.then(|| json!({"offset": "old"}));
                    (200, json!({"data": [{"gid": "1"}], "next_page": next}))
                }
                "tasks project=p1 offset=old" => {
                    refused(400, "offset: Your pagination token has expired.")
                }
                _ => return None,
            })
        }
    };
    let expiring = vendor(answers(true)).await;
    let found = pass(&expiring.client(), None).await.unwrap();
    assert_eq!(found.skipped, 1, "a list that never ends well sweeps nothing");
    assert_eq!(found.records.len(), usize::from(RESTARTS) + 1);
    let mut once = done(&[]);
    once.projects.insert("p1".into(), Some("s".into()));
    once.todo
        .push_back(Step { offset: Some("old".into()), ..Step::new(List::Project("p1".into())) });
    let healed = vendor(move |asked| answers(false)(asked)).await;
    let found = pass(&healed.client(), Some(once)).await.unwrap();
    assert_eq!((found.records.len(), found.skipped), (1, 0));
}

#[tokio::test]
async fn a_result_that_is_too_large_is_asked_for_in_halves() {
    let vendor = Vendor::new(&Asana, |asked| {
        let limit: u32 = asked.get("limit").unwrap_or("0").parse().unwrap();
        match short(asked).as_str() {
            "tasks assignee=me" if limit > 30 => refused(400, "The result is too large."),
            "tasks assignee=me" => (200, json!({"data": [], "next_page": {"offset": "2"}})),
            "tasks assignee=me offset=2" => {
                assert_eq!(limit, 25, "the rest of the list too");
                ok(json!([{"gid": "1"}]))
            }
            _ => ok(json!([])),
        }
    })
    .await;
    assert_eq!(pass(&vendor.client(), None).await.unwrap().ids(), ["1"]);
}

#[tokio::test]
async fn a_project_that_may_no_longer_be_read_is_skipped_and_nothing_is_swept() {
    for status in [403, 404] {
        let vendor = vendor(move |asked| {
            Some(match asked {
                "projects" => ok(json!([{"gid": "p1"}, {"gid": "p2"}])),
                "events resource=p1" | "tasks project=p1" => refused(status, "Forbidden"),
                "events resource=p2" => too_old("s2"),
                "tasks project=p2" => ok(json!([{"gid": "1"}])),
                _ => return None,
            })
        })
        .await;
        let pass = pass(&vendor.client(), None).await.unwrap();
        assert_eq!((pass.ids(), pass.skipped), (vec!["1"], 1));
        assert_eq!(tokens(pass), done(&[("p2", "s2")]).projects);
    }
}

#[tokio::test]
async fn a_project_without_events_is_read_whole_in_each_pass() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "projects" => ok(json!([{"gid": "p1"}])),
            "events resource=p1" | "events resource=p1 sync=a" => refused(403, "Forbidden"),
            "tasks project=p1" => ok(json!([{"gid": "1"}])),
            _ => return None,
        })
    })
    .await;
    for cursor in [None, Some(done(&[("p1", "a")]))] {
        let pass = pass(&vendor.client(), cursor).await.unwrap();
        assert_eq!((pass.ids(), pass.skipped), (vec!["1"], 0));
    }
}

#[tokio::test]
async fn a_bounded_listing_narrows_by_the_time_of_change_and_sweeps_nothing() {
    let vendor = vendor(|asked| (asked == "projects").then(|| ok(json!([{"gid": "p1"}])))).await;
    let script = |asked: &str| match asked {
        "projects" => Some(ok(json!([{"gid": "p1"}]))),
        "events resource=p1" => Some(too_old("s")),
        _ => None,
    };
    drop(vendor);
    let vendor = self::vendor(script).await;
    let since = "2025-01-15T10:00:00.5Z".parse().unwrap();
    let client = vendor.client_since(Some(since), &Map::new());
    let pass = pass(&client, None).await.unwrap();
    assert!(pass.covers.iter().all(|covers| *covers == Covers::Nothing));
    let lists = vendor.asked().into_iter().filter(|asked| asked.path.ends_with("/tasks"));
    let bounds: Vec<_> =
        lists.map(|asked| asked.get("modified_since").map(str::to_owned)).collect();
    assert_eq!(bounds, vec![Some("2025-01-15T10:00:00Z".to_owned()); 2]);
}

#[tokio::test]
async fn a_task_that_is_in_no_list_is_gone_only_if_it_cannot_be_read() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "tasks/1" => ok(json!({"gid": "1"})),
            "tasks/2" => refused(404, "task: Unknown object: 2"),
            _ => refused(403, "Forbidden"),
        })
    })
    .await;
    let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
    let gone = Asana.confirm_gone(&vendor.client(), &workspace(), ids).await.unwrap();
    assert_eq!(gone, ["2", "3"]);
}

#[tokio::test]
async fn a_workspace_that_was_chosen_is_the_only_feed_and_must_be_there() {
    let vendor = vendor(|asked| {
        let all = json!([{"gid": "1", "name": "Acme"}, {"gid": "2", "name": "Home"}]);
        Some(match asked {
            "workspaces" => ok(all),
            _ => ok(json!({"gid": "7", "name": "Greg", "email": "greg@x.de"})),
        })
    })
    .await;
    let chosen =
        |gid: &str| vendor.client_since(None, json!({"workspace_gid": gid}).as_object().unwrap());
    assert_eq!(Asana.feeds(&vendor.client()).await.unwrap().len(), 2);
    assert_eq!(Asana.feeds(&chosen("2")).await.unwrap(), [Feed::new("2", "Home")]);
    let cause = Asana.feeds(&chosen("3")).await.unwrap_err();
    assert!(matches!(&cause, Error::Invalid { field, .. } if field == "workspace_gid"), "{cause}");
    let account = Asana.account(&vendor.client()).await.unwrap();
    assert!(account.id == "7" && account.is("GREG@x.de"));
}
