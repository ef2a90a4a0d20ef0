//! One workspace with one project: a chain of pages, and events that name what changed.

use std::{
    collections::BTreeMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    vendor::{Answer, Query, World, prepared},
    words::Words,
};

/// Tasks of a page, and events of one.
const PAGE: usize = 100;
const API: &str = "app.asana.com/api/1.0/";
const PROJECT: &str = "1200000000000001";
/// The path at which the pages of tasks are.
const TASKS: &str = "app.asana.com/api/1.0/tasks";

/// The workspace.
pub struct Asana {
    tasks: usize,
    pages_asked: AtomicU64,
    changing: RwLock<Changing>,
}

#[derive(Default)]
struct Changing {
    /// How often a task was changed, for those that were.
    versions: BTreeMap<usize, u32>,
    pages: Vec<Answer>,
    /// The tasks that changed since the first token was given, one by one and as events tell of them.
    changed: BTreeMap<String, Answer>,
    events: Vec<Answer>,
}

impl Asana {
    /// A project with so many tasks.
    pub fn of(tasks: usize) -> Self {
        let (pages_asked, changing) = Default::default();
        let world = Self { tasks, pages_asked, changing };
        let pages = (0..world.pages()).map(|page| world.page(page, &BTreeMap::new()));
        let pages = pages.collect();
        world.changing.write().unwrap_or_else(PoisonError::into_inner).pages = pages;
        world
    }

    /// How many pages list the tasks.
    pub const fn pages(&self) -> usize {
        self.tasks.div_ceil(PAGE)
    }

    /// How many pages of tasks were asked for since this was last asked.
    pub fn pages_asked(&self) -> u64 {
        self.pages_asked.swap(0, Ordering::Relaxed)
    }

    /// How many pages of events tell of what changed.
    pub fn event_pages(&self) -> usize {
        self.changing.read().unwrap_or_else(PoisonError::into_inner).events.len()
    }

    /// The addresses of all pages, in order, below `host/`.
    pub fn addresses(&self) -> Vec<String> {
        (0..self.pages()).map(|page| format!("{TASKS}?project={PROJECT}&offset={page}")).collect()
    }

    /// Changes every so many tasks, from this one on. Gives their ids.
    pub fn change(&self, first: usize, every: usize) -> Vec<String> {
        let mut changing = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        let which: Vec<usize> = (first..self.tasks).step_by(every).collect();
        for task in &which {
            *changing.versions.entry(*task).or_default() += 1;
        }
        let mut pages: Vec<usize> = which.iter().map(|task| task / PAGE).collect();
        pages.dedup();
        for page in pages {
            let answer = self.page(page, &changing.versions);
            if let Some(stored) = changing.pages.get_mut(page) {
                *stored = answer;
            }
        }
        let ids: Vec<String> = which.iter().map(|task| gid(*task)).collect();
        for (task, id) in which.iter().zip(&ids) {
            let version = changing.versions.get(task).copied().unwrap_or_default();
            let answer = prepared("200 OK", &json!({"data": task_of(*task, version)}).to_string());
            changing.changed.insert(id.clone(), answer);
        }
        let chunks = ids.chunks(PAGE);
        let last = chunks.len();
        changing.events = chunks
            .enumerate()
            .map(|(at, ids)| {
                let event = |gid: &String| {
                    let resource = json!({"gid": gid, "resource_type": "task"});
                    json!({"action": "changed", "type": "task", "resource": resource, "parent": null})
                };
                let data: Vec<Value> = ids.iter().map(event).collect();
                let sync = format!("s{}", at + 1);
                let body = json!({"data": data, "sync": sync, "has_more": at + 1 < last});
                prepared("200 OK", &body.to_string())
            })
            .collect();
        ids
    }

    fn page(&self, page: usize, versions: &BTreeMap<usize, u32>) -> Answer {
        let tasks = page * PAGE..self.tasks.min((page + 1) * PAGE);
        let version = |task: &usize| versions.get(task).copied().unwrap_or_default();
        let data: Vec<Value> = tasks.map(|task| task_of(task, version(&task))).collect();
        let next = (page + 1 < self.pages()).then(|| json!({"offset": (page + 1).to_string()}));
        prepared("200 OK", &json!({"data": data, "next_page": next}).to_string())
    }
}

impl World for Asana {
    fn answer(&self, path: &str, query: &Query<'_>) -> Option<Answer> {
        let changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        let ok = |body: Value| Some(prepared("200 OK", &body.to_string()));
        let empty = || ok(json!({"data": [], "next_page": null}));
        match path.strip_prefix(API)? {
            "tasks" if query.get("project").is_some() => {
                let page = query.get("offset").unwrap_or("0").parse::<usize>().ok()?;
                self.pages_asked.fetch_add(1, Ordering::Relaxed);
                changing.pages.get(page).cloned()
            }
            "tasks" => empty(), // nothing is assigned to me
            "workspaces" => ok(json!({"data": [{"gid": "1100000000000001", "name": "Acme"}]})),
            "projects" => ok(json!({"data": [{"gid": PROJECT, "name": "Harbour"}]})),
            "events" => match query.get("sync") {
                None => {
                    let fresh =
                        json!({"sync": "s0", "errors": [{"message": "Sync token invalid."}]});
                    Some(prepared("412 Precondition Failed", &fresh.to_string()))
                }
                Some(token) => {
                    let page = token.strip_prefix('s')?.parse::<usize>().ok()?;
                    changing
                        .events
                        .get(page)
                        .cloned()
                        .or_else(|| ok(json!({"data": [], "sync": token, "has_more": false})))
                }
            },
            task => changing.changed.get(task.strip_prefix("tasks/")?).cloned(),
        }
    }
}

fn gid(task: usize) -> String {
    format!("{}", 1_210_000_000_000_000 + task)
}

/// A task as its list gives it: a line of title, some lines of notes, and what surrounds them.
fn task_of(task: usize, version: u32) -> Value {
    let mut words = Words::of(task as u64);
    let name = words.text(6);
    let name = if version == 0 { name } else { format!("{name} v{version}") };
    let second = |of: u64| {
        let at = jiff::Timestamp::from_second(1_700_000_000 + i64::try_from(of).unwrap_or(0));
        at.map(|at| format!("{}.123Z", at.to_string().trim_end_matches('Z'))).unwrap_or_default()
    };
    let created = second(task as u64 * 240);
    let modified = second(task as u64 * 240 + 86_400 + u64::from(version));
    let done = words.below(2) == 1;
    let person = words.below(40);
    json!({
        "gid": gid(task),
        "name": name,
        "resource_subtype": "default_task",
        "notes": words.text(36),
        "completed": done,
        "completed_at": done.then(|| modified.clone()),
        "created_at": created,
        "modified_at": modified,
        "due_on": "2026-03-01",
        "due_at": null,
        "start_on": null,
        "permalink_url": format!("https://app.asana.com/0/{PROJECT}/{}", gid(task)),
        "assignee": {"gid": format!("13000000000000{person:02}"), "name": Words::of(person + 7).text(2)},
        "projects": [{"gid": PROJECT, "name": "Harbour"}],
        "memberships": [{"section": {"gid": format!("140000000000000{}", words.below(5)), "name": "To do"}}],
        "tags": [{"gid": "1500000000000001", "name": Words::of(words.below(30)).text(1)}],
        "parent": null,
        "num_subtasks": 0,
        "workspace": {"gid": "1100000000000001", "name": "Acme"},
        "custom_fields": [
            {"gid": "1600000000000001", "name": "Priority", "type": "enum", "display_value": "High"},
            {"gid": "1600000000000002", "name": "Estimate", "type": "number", "display_value": words.below(40).to_string()},
        ],
    })
}
