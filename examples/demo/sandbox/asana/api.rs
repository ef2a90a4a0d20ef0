//! The Asana API over what a user sees.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::{
    Answer, Vendor,
    exchange::Ask,
    fields::Mask,
    server::{Owner, Service},
};
use super::{
    Asana, Gid, Project, User,
    task::{Task, compact_mask, full_mask, object, put, time},
};

const HOST: &str = "app.asana.com";
const BASE: &str = "https://app.asana.com/api/1.0";
const HELP: &str = "For more information on API status codes and how to handle them, read the docs on errors: https://developers.asana.com/docs/errors";
const STALE: &str = "Sync token invalid or too old. If you are attempting to keep resources in sync, you must fetch the full dataset for this query now and use the new sync token for the next sync.";
const MAX_PAGE: usize = 100;
/// Where lists end that were asked for without a limit.
const UNPAGED: usize = 1000;

impl Service for Asana {
    const VENDOR: Vendor = Vendor::Asana;

    fn answer(&mut self, ask: &Ask) -> Answer {
        if ask.host != HOST || ask.method != "GET" {
            return Answer::no_such_page();
        }
        let segments = ask.segments();
        let found = match segments.as_slice() {
            ["api", "1.0", rest @ ..] => self.resource(rest, ask),
            _ => return Answer::no_such_page(),
        };
        found.unwrap_or_else(|refused| refused)
    }

    fn owner(&self) -> Owner {
        let me = self.users.first();
        Owner {
            id: me.map(|user| user.gid).unwrap_or_default().to_string(),
            name: me.map(|user| user.name.clone()).unwrap_or_default(),
            email: me.map(|user| user.email.clone()).unwrap_or_default(),
            team: (String::new(), String::new()),
        }
    }
}

/// What may be asked for, or the vendor's refusal.
type Found<T> = Result<T, Answer>;

/// A list's items, by the place that an offset names.
type Items<'a> = Box<dyn Iterator<Item = (u64, Value)> + 'a>;

impl Asana {
    fn resource(&self, path: &[&str], ask: &Ask) -> Found<Answer> {
        match path {
            ["users", user] => self.user_shown(user),
            ["workspaces"] => self.list_workspaces(ask),
            ["projects"] => self.list_projects(ask),
            ["tasks"] => self.list_tasks(ask),
            ["tasks", gid] => {
                let mask = ask.param("opt_fields").map_or_else(full_mask, Mask::dotted);
                Ok(Answer::ok(&json!({"data": self.asked(gid)?.shown(self, &mask)})))
            }
            ["tasks", gid, "subtasks"] => self.list_subtasks(gid, ask),
            ["events"] => self.list_events(ask),
            _ => Err(error(404, "No matching route for request")),
        }
    }

    fn user_shown(&self, name: &str) -> Found<Answer> {
        let found = self.user_named(name);
        let user = found.ok_or_else(|| error(404, &format!("user: Unknown object: {name}")))?;
        let workspaces = self.workspaces.iter().map(
            |w| json!({"gid": w.gid.to_string(), "resource_type": "workspace", "name": w.name}),
        );
        Ok(Answer::ok(&json!({"data": {
            "gid": user.gid.to_string(),
            "resource_type": "user",
            "name": user.name,
            "email": user.email,
            "workspaces": workspaces.collect::<Vec<_>>(),
        }})))
    }

    fn list_workspaces(&self, ask: &Ask) -> Found<Answer> {
        let mask = list_mask(ask);
        self.list(ask, |after| {
            let workspaces = self.workspaces.iter().filter(move |w| w.gid > after);
            Box::new(workspaces.map(|w| (w.gid, object(w.gid, "workspace", &w.name, &mask))))
        })
    }

    fn list_projects(&self, ask: &Ask) -> Found<Answer> {
        let mask = list_mask(ask);
        let workspace = ask.param("workspace");
        if workspace.is_some_and(|gid| !self.workspaces.iter().any(|w| w.gid.to_string() == gid)) {
            return Err(error(404, "workspace: Not a recognized ID"));
        }
        let archived = ask.param("archived").map(|word| word == "true");
        let mask = &mask;
        self.list(ask, |after| {
            let wanted = self.projects.iter().filter(move |project| {
                project.gid > after
                    && workspace.is_none_or(|gid| project.workspace.to_string() == gid)
                    && archived.is_none_or(|archived| project.archived == archived)
            });
            Box::new(wanted.map(move |project| (project.gid, project.shown(self, mask))))
        })
    }

    fn list_tasks(&self, ask: &Ask) -> Found<Answer> {
        let mask = &list_mask(ask);
        let moment = |name| match ask.param(name) {
            None => Ok(None),
            Some("now") => Ok(Some(self.now())),
            Some(text) => text
                .parse::<Timestamp>()
                .map(Some)
                .map_err(|_| error(400, &format!("{name}: Not a valid date time: {text}"))),
        };
        let (modified, done) = (moment("modified_since")?, moment("completed_since")?);
        let wanted = move |task: &Task| {
            modified.is_none_or(|since| task.modified >= since)
                && done.is_none_or(|since| task.completed.is_none_or(|at| at >= since))
        };
        let show = move |(place, task): (u64, &Task)| (place, task.shown(self, mask));
        if let Some(project) = ask.param("project") {
            let project = self.asked_project(project)?;
            return self.list(ask, |after| {
                let found = project.order.range(after.saturating_add(1)..);
                let tasks = found.filter_map(|(place, gid)| Some((*place, self.tasks.get(gid)?)));
                Box::new(tasks.filter(move |(_, task)| wanted(task)).map(show))
            });
        }
        if let Some(section) = ask.param("section") {
            let section: Gid = section.parse().unwrap_or_default();
            let project =
                self.projects.iter().find(|p| p.sections.iter().any(|s| s.gid == section));
            let project = project.ok_or_else(|| error(404, "section: Unknown object"))?;
            return self.list(ask, |after| {
                let found = project.order.range(after.saturating_add(1)..);
                let tasks = found.filter_map(|(place, gid)| Some((*place, self.tasks.get(gid)?)));
                let tasks = tasks.filter(move |(_, task)| {
                    task.homes.iter().any(|home| home.section == Some(section)) && wanted(task)
                });
                Box::new(tasks.map(show))
            });
        }
        let (user, workspace) = self.assignee(ask)?;
        self.list(ask, |after| {
            let found = self.assigned.range((user, after.saturating_add(1))..=(user, Gid::MAX));
            let tasks = found.filter_map(|(_, gid)| Some((*gid, self.tasks.get(gid)?)));
            let of_it = tasks.filter(move |(_, task)| task.workspace == workspace && wanted(task));
            Box::new(of_it.map(show))
        })
    }

    /// The user and the workspace whose list of assigned tasks is asked for.
    fn assignee(&self, ask: &Ask) -> Found<(Gid, Gid)> {
        let (name, workspace) = match (ask.param("assignee"), ask.param("workspace")) {
            (Some(name), Some(workspace)) => (name, workspace),
            (Some(_), None) => return Err(error(400, "workspace: Missing input")),
            (None, Some(_)) => return Err(error(400, "assignee: Missing input")),
            (None, None) => {
                let message = "You should specify one of workspace, project, tag, section";
                return Err(error(400, message));
            }
        };
        let user =
            self.user_named(name).ok_or_else(|| error(404, "assignee: Not a recognized ID"))?;
        Ok((user.gid, workspace.parse().unwrap_or_default()))
    }

    /// By gid, address, or `me`.
    fn user_named(&self, name: &str) -> Option<&User> {
        if name == "me" {
            return self.users.first();
        }
        self.users.iter().find(|user| user.gid.to_string() == name || user.email == name)
    }

    fn list_subtasks(&self, gid: &str, ask: &Ask) -> Found<Answer> {
        let (task, mask) = (self.asked(gid)?, list_mask(ask));
        let mask = &mask;
        self.list(ask, |after| {
            let later = task.subtasks.iter().filter(move |gid| **gid > after);
            let tasks = later.filter_map(|gid| self.tasks.get(gid));
            Box::new(tasks.map(move |task| (task.gid, task.shown(self, mask))))
        })
    }

    fn list_events(&self, ask: &Ask) -> Found<Answer> {
        let resource =
            ask.param("resource").ok_or_else(|| error(400, "resource: Missing input"))?;
        let gid: Gid = resource.parse().unwrap_or_default();
        if self.project(gid).is_none() && !self.tasks.contains_key(&gid) {
            return Err(error(403, "Forbidden"));
        }
        let batch = ask.param("sync").and_then(|token| self.events.since(gid, token));
        let Some(batch) = batch else {
            let token = self.events.token(gid);
            return Err(Answer::json(412, &json!({"errors": [{"message": STALE}], "sync": token})));
        };
        let data: Vec<_> = batch.events.iter().map(|event| event.shown(self)).collect();
        Ok(Answer::ok(&json!({"data": data, "sync": batch.token, "has_more": batch.more})))
    }

    /// One page of a list, and where the next begins.
    fn list<'a>(&self, ask: &Ask, items: impl FnOnce(u64) -> Items<'a>) -> Found<Answer> {
        let limit = match ask.param("limit").map(str::parse::<usize>) {
            None => None,
            Some(Ok(limit @ 1..=MAX_PAGE)) => Some(limit),
            Some(_) => return Err(error(400, "limit: Must be between 1 and 100")),
        };
        let after = match ask.param("offset") {
            None => 0,
            Some(token) => self.offset(token)?,
        };
        let size = limit.unwrap_or(UNPAGED);
        let mut found: Vec<_> = items(after).take(size + 1).collect();
        let more = found.len() > size && limit.is_some();
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|(place, _)| self.next_page(ask, *place));
        let data: Vec<_> = found.into_iter().map(|(_, item)| item).collect();
        Ok(Answer::ok(&json!({"data": data, "next_page": next})))
    }

    fn next_page(&self, ask: &Ask, place: u64) -> Value {
        let offset = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{:x}.{place:x}", self.offsets);
        let path = ask.path.trim_start_matches("/api/1.0");
        let kept = ask.query.split('&').filter(|part| !part.starts_with("offset="));
        let query = kept.collect::<Vec<_>>().join("&");
        let path = format!("{path}?{query}&offset={offset}");
        json!({"offset": offset, "uri": format!("{BASE}{path}"), "path": path})
    }

    fn offset(&self, token: &str) -> Found<u64> {
        let mut parts = token.split('.').skip(1).map(|part| u64::from_str_radix(part, 16));
        match (parts.next(), parts.next()) {
            (Some(Ok(era)), Some(Ok(place))) if era == self.offsets => Ok(place),
            (Some(Ok(_)), Some(Ok(_))) => {
                Err(error(400, "offset: Your pagination token has expired."))
            }
            _ => Err(error(400, "offset: Your pagination token is invalid.")),
        }
    }

    fn asked(&self, gid: &str) -> Found<&Task> {
        let found = gid.parse().ok().and_then(|number: Gid| self.tasks.get(&number));
        found.ok_or_else(|| error(404, &format!("task: Unknown object: {gid}")))
    }

    fn asked_project(&self, gid: &str) -> Found<&Project> {
        let found = gid.parse().ok().and_then(|number| self.project(number));
        found.ok_or_else(|| error(404, &format!("project: Unknown object: {gid}")))
    }
}

impl Project {
    fn shown(&self, of: &Asana, mask: &Mask) -> Value {
        let mut shown = Map::new();
        let into = &mut shown;
        into.insert("gid".to_owned(), self.gid.to_string().into());
        put(into, mask, "resource_type", |_| "project".into());
        put(into, mask, "name", |_| self.name.as_str().into());
        put(into, mask, "archived", |_| self.archived.into());
        put(into, mask, "created_at", |_| time(self.created));
        put(into, mask, "modified_at", |_| time(self.modified));
        put(into, mask, "permalink_url", |_| {
            format!("https://app.asana.com/1/{}/project/{}/list", self.workspace, self.gid).into()
        });
        put(into, mask, "workspace", |mask| {
            let found = of.workspaces.iter().find(|workspace| workspace.gid == self.workspace);
            found.map_or(Value::Null, |w| object(w.gid, "workspace", &w.name, mask))
        });
        shown.into()
    }
}

fn list_mask(ask: &Ask) -> Mask {
    ask.param("opt_fields").map_or_else(compact_mask, Mask::dotted)
}

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"errors": [{"message": message, "help": HELP}]}))
}
