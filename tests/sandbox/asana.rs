//! Tasks, projects and event feeds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    ASANA, Play, each,
    sandbox::{
        Vendor::Asana,
        asana::{Change, NewTask},
        data::Sizes,
    },
    sorted,
};

/// All items of a list.
async fn all(play: &Play, target: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut offset) = (Vec::<Value>::new(), String::new());
    loop {
        let page = play.get(Asana, &format!("{ASANA}/{target}&limit={limit}{offset}")).await;
        assert!(page["data"].as_array().unwrap().len() <= limit);
        for item in page["data"].as_array().unwrap() {
            assert!(!items.contains(item), "{target}, {limit} a page: {item} comes twice");
            items.push(item.clone());
        }
        if page["next_page"].is_null() {
            return items;
        }
        offset = format!("&offset={}", page["next_page"]["offset"].as_str().unwrap());
    }
}

fn gid(item: &Value) -> String {
    item["gid"].as_str().unwrap().to_owned()
}

/// Gids by the walk that a client makes.
async fn walked(play: &Play, limit: usize) -> Vec<String> {
    let workspace = gid(&play.get(Asana, &format!("{ASANA}/workspaces?limit=10")).await["data"][0]);
    let mut lists = vec![format!("tasks?assignee=me&workspace={workspace}")];
    for project in all(play, &format!("projects?workspace={workspace}"), limit).await {
        lists.push(format!("tasks?project={}", gid(&project)));
    }
    let mut found = BTreeSet::new();
    while let Some(list) = lists.pop() {
        for task in all(play, &format!("{list}&opt_fields=num_subtasks"), limit).await {
            if task["num_subtasks"].as_u64().unwrap() > 0 && !found.contains(&gid(&task)) {
                lists.push(format!("tasks/{}/subtasks?", gid(&task)));
            }
            found.insert(gid(&task));
        }
    }
    found.into_iter().collect()
}

/// A token for a project's feed from now on.
async fn token(play: &Play, resource: &str) -> String {
    let (status, answer) = play.answer(Asana, &format!("{ASANA}/events?resource={resource}")).await;
    assert_eq!(status, 412);
    answer["sync"].as_str().unwrap().to_owned()
}

/// The events since a token, as action, type and gid; and the next token.
async fn events(
    play: &Play,
    resource: &str,
    token: &str,
) -> (Vec<(String, String, String)>, String) {
    let (mut found, mut token) = (Vec::new(), token.to_owned());
    loop {
        let target = format!("{ASANA}/events?resource={resource}&sync={token}");
        let answer = play.get(Asana, &target).await;
        let data = answer["data"].as_array().unwrap();
        assert!(data.len() <= 100);
        found.extend(data.iter().map(|event| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let resource = &event["resource"];
            (text(&event["action"]), text(&resource["resource_type"]), gid(resource))
        }));
        token = answer["sync"].as_str().unwrap().to_owned();
        if answer["has_more"] == false {
            return (found, token);
        }
    }
}

#[tokio::test]
async fn a_walk_finds_every_task_for_any_page_size() {
    let play = Play::sized(Sizes { tasks: 64, projects: 2, ..Sizes::default() }).await;
    {
        let mut asana = play.sandbox.asana();
        let me = asana.me();
        asana.add_task(NewTask::new("alone").assignee(&me)).unwrap();
        let [first, second] = &asana.projects()[..] else { panic!() };
        let home = NewTask::new("twice at home").in_project(first, None).in_project(second, None);
        asana.add_task(home).unwrap();
    }
    let wanted = play.sandbox.asana().reachable();
    assert_eq!(wanted.len(), 66);
    for limit in [1, 3, 32, 100] {
        assert_eq!(sorted(walked(&play, limit).await), sorted(wanted.clone()), "pages of {limit}");
    }
}

#[tokio::test]
async fn a_task_that_goes_in_mid_listing_shifts_no_other() {
    let play = Play::sized(Sizes { tasks: 8, projects: 1, ..Sizes::default() }).await;
    let project = play.sandbox.asana().projects()[0].clone();
    let target = format!("{ASANA}/tasks?project={project}&limit=3");
    let before: Vec<_> = all(&play, &format!("tasks?project={project}"), 100).await;
    let page = play.get(Asana, &target).await;
    play.sandbox.asana().delete_task(&gid(&before[0])).unwrap();
    let offset = page["next_page"]["offset"].as_str().unwrap();
    let next = play.get(Asana, &format!("{target}&offset={offset}")).await;
    assert_eq!(gid(&next["data"][0]), gid(&before[3]));
    let uri = page["next_page"]["uri"].as_str().unwrap();
    assert!(uri.starts_with("https://app.asana.com/api/1.0/tasks?project="), "{uri}");
}

#[tokio::test]
async fn a_list_is_compact_until_fields_are_asked_for() {
    let play = Play::empty().await;
    let (project, task) = {
        let mut asana = play.sandbox.asana();
        let (me, tag) = (asana.me(), asana.add_tag("urgent"));
        let priority = asana.add_field("Priority", "enum");
        asana.add_field("Cost", "number");
        let project = asana.add_project("Événements", &["To do"]);
        let task = NewTask::new("Buy catnip ✅")
            .notes("two\nlines")
            .in_project(&project, Some("To do"))
            .assignee(&me)
            .tag(&tag)
            .field(&priority, "High");
        (project, asana.add_task(task).unwrap())
    };
    let list = format!("tasks?project={project}");
    let compact = all(&play, &list, 10).await.remove(0);
    let wanted = json!({
        "gid": task, "resource_type": "task", "name": "Buy catnip ✅",
        "resource_subtype": "default_task",
    });
    assert_eq!(compact, wanted);
    let fields = "name,assignee.name,projects,memberships.section.name,tags.name,due_on,custom_fields.name,custom_fields.display_value,num_subtasks";
    let shown = all(&play, &format!("{list}&opt_fields={fields}"), 10).await.remove(0);
    assert_eq!(shown["assignee"]["name"], "Maya Okafor");
    assert_eq!(shown["projects"], json!([{"gid": project, "resource_type": "project"}]));
    assert_eq!(shown["memberships"][0]["section"]["name"], "To do");
    assert_eq!(shown["tags"][0]["name"], "urgent");
    assert!(shown["due_on"].is_null() && shown.get("notes").is_none());
    assert_eq!(each(&shown["custom_fields"], "display_value"), ["High"], "unset is null");
    let single = play.get(Asana, &format!("{ASANA}/tasks/{task}")).await;
    assert_eq!(single["data"]["notes"], "two\nlines");
    assert!(single["data"].get("num_subtasks").is_none(), "opt-in");
}

#[tokio::test]
async fn every_change_is_in_the_projects_events() {
    let play = Play::empty().await;
    let (first, second) = {
        let mut asana = play.sandbox.asana();
        (asana.add_project("one", &[]), asana.add_project("two", &[]))
    };
    let (start, other) = (token(&play, &first).await, token(&play, &second).await);
    assert_eq!(events(&play, &first, &start).await, (vec![], start.clone()));
    let (task, step) = {
        let mut asana = play.sandbox.asana();
        let task = asana.add_task(NewTask::new("a").in_project(&first, None)).unwrap();
        asana.edit_task(&task, Change::Name("b".into())).unwrap();
        asana.complete_task(&task).unwrap();
        asana.comment(&task, "well done").unwrap();
        let step = asana.add_task(NewTask::new("step").under(&task)).unwrap();
        asana.move_task(&task, Some(&first), Some((&second, None))).unwrap();
        asana.delete_task(&task).unwrap();
        asana.undelete_task(&task).unwrap();
        (task, step)
    };
    let told = |found: &[(String, String, String)], task: &str| {
        let of_it = found.iter().filter(|(_, kind, gid)| kind == "task" && gid == task);
        of_it.map(|(action, ..)| action.clone()).collect::<Vec<_>>()
    };
    let (in_first, next) = events(&play, &first, &start).await;
    assert_eq!(told(&in_first, &task), ["added", "changed", "changed", "removed"]);
    assert_eq!(told(&in_first, &step), ["added"]);
    assert_eq!(in_first.iter().filter(|(_, kind, _)| kind == "story").count(), 2);
    let (in_second, _) = events(&play, &second, &other).await;
    assert_eq!(told(&in_second, &task), ["added", "removed", "deleted", "undeleted"]);
    assert_eq!(told(&in_second, &step), ["deleted"]);
    assert!(events(&play, &first, &next).await.0.is_empty());
}

#[tokio::test]
async fn subtasks_can_be_made_silent() {
    let play = Play::empty().await;
    let (project, task) = {
        let mut asana = play.sandbox.asana();
        asana.subtask_events = false;
        let project = asana.add_project("one", &[]);
        let task = asana.add_task(NewTask::new("a").in_project(&project, None)).unwrap();
        (project, task)
    };
    let (of_project, of_task) = (token(&play, &project).await, token(&play, &task).await);
    play.sandbox.asana().add_task(NewTask::new("step").under(&task)).unwrap();
    assert!(events(&play, &project, &of_project).await.0.is_empty());
    assert_eq!(events(&play, &task, &of_task).await.0.len(), 1);
}

#[tokio::test]
async fn a_token_gives_a_hundred_events_and_the_next_token_the_rest() {
    let play = Play::empty().await;
    let project = play.sandbox.asana().add_project("busy", &[]);
    let start = token(&play, &project).await;
    for number in 0..230 {
        let task = NewTask::new(format!("{number}")).in_project(&project, None);
        play.sandbox.asana().add_task(task).unwrap();
    }
    let target = format!("{ASANA}/events?resource={project}&sync={start}");
    let page = play.get(Asana, &target).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (100, &json!(true)));
    assert_eq!(play.get(Asana, &target).await, page, "a token can be used again");
    assert_eq!(events(&play, &project, &start).await.0.len(), 230);
}

#[tokio::test]
async fn a_token_that_is_too_old_or_of_another_project_is_refused_with_a_new_one() {
    let play = Play::empty().await;
    let (first, second) = {
        let mut asana = play.sandbox.asana();
        (asana.add_project("one", &[]), asana.add_project("two", &[]))
    };
    let old = token(&play, &first).await;
    for (resource, wrong) in [(&second, old.as_str()), (&first, "nonsense"), (&first, "ü")] {
        let target = format!("{ASANA}/events?resource={resource}&sync={wrong}");
        assert_eq!(play.answer(Asana, &target).await.0, 412);
    }
    play.sandbox.asana().expire_sync_tokens();
    let target = format!("{ASANA}/events?resource={first}&sync={old}");
    let (status, answer) = play.answer(Asana, &target).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(status == 412 && message.starts_with("Sync token invalid or too old."), "{answer}");
    assert!(events(&play, &first, answer["sync"].as_str().unwrap()).await.0.is_empty());
}

#[tokio::test]
async fn a_request_that_breaks_the_rules_is_refused() {
    let play = Play::sized(Sizes { tasks: 5, projects: 1, ..Sizes::default() }).await;
    let (project, task, workspace) = {
        let asana = play.sandbox.asana();
        (asana.projects()[0].clone(), asana.tasks()[0].clone(), asana.workspace())
    };
    for (target, wanted) in [
        (format!("tasks?project={project}&limit=0"), 400),
        (format!("tasks?project={project}&limit=101"), 400),
        (format!("tasks?project={project}&limit=2&offset=made.up"), 400),
        (format!("tasks?workspace={workspace}&limit=5"), 400),
        ("tasks?assignee=me&limit=5".to_owned(), 400),
        ("tasks?limit=5".to_owned(), 400),
        ("tasks/1".to_owned(), 404),
        ("events?resource=1".to_owned(), 403),
        ("nothing".to_owned(), 404),
    ] {
        let (status, answer) = play.answer(Asana, &format!("{ASANA}/{target}")).await;
        assert_eq!(status, wanted, "{target}");
        assert!(answer["errors"][0]["message"].is_string());
    }
    let target = format!("{ASANA}/tasks?project={project}&limit=2");
    let page = play.get(Asana, &target).await;
    let next = format!("{target}&offset={}", page["next_page"]["offset"].as_str().unwrap());
    assert_eq!(play.answer(Asana, &next).await.0, 200);
    play.sandbox.asana().expire_offsets();
    assert_eq!(play.answer(Asana, &next).await.0, 400);
    play.sandbox.asana().delete_task(&task).unwrap();
    let (status, answer) = play.answer(Asana, &format!("{ASANA}/tasks/{task}")).await;
    assert_eq!(status, 404);
    assert_eq!(answer["errors"][0]["message"], format!("task: Unknown object: {task}"));
}

#[tokio::test]
async fn a_project_that_is_no_longer_shared_takes_its_tasks_along() {
    let play = Play::sized(Sizes { tasks: 22, projects: 2, ..Sizes::default() }).await;
    let projects = play.sandbox.asana().projects();
    let before = play.sandbox.asana().reachable().len();
    let start = token(&play, &projects[0]).await;
    play.sandbox.asana().unshare_project(&projects[0]).unwrap();
    let target = format!("{ASANA}/events?resource={}&sync={start}", projects[0]);
    assert_eq!(play.answer(Asana, &target).await.0, 403);
    let left = play.sandbox.asana().reachable();
    assert!(left.len() < before);
    assert_eq!(sorted(walked(&play, 10).await), sorted(left));
}

#[tokio::test]
async fn modified_since_shows_what_changed_and_no_more() {
    let play = Play::sized(Sizes { tasks: 20, projects: 1, ..Sizes::default() }).await;
    let (project, task) = {
        let asana = play.sandbox.asana();
        (asana.projects()[0].clone(), asana.tasks()[3].clone())
    };
    play.sandbox.asana().edit_task(&task, Change::Notes("new".into())).unwrap();
    let changed = play.get(Asana, &format!("{ASANA}/tasks/{task}?opt_fields=modified_at")).await;
    let since = changed["data"]["modified_at"].as_str().unwrap();
    let found = all(&play, &format!("tasks?project={project}&modified_since={since}"), 5).await;
    assert_eq!(found.iter().map(gid).collect::<Vec<_>>(), [task]);
    {
        let mut asana = play.sandbox.asana();
        asana.set_clock(Some("2026-01-01T08:00:00Z".parse().unwrap()));
        asana.complete_task(&gid(&found[0])).unwrap();
    }
    let open =
        all(&play, &format!("tasks?project={project}&completed_since=2026-01-02T00:00:00Z"), 100)
            .await;
    assert!(!open.iter().any(|task| gid(task) == gid(&found[0])));
}
