//! What Asana is asked, and how it answers: its lists and events, one answer at a time.
//!
//! Facts: Asana REST API 1.0, "Get multiple tasks", "Get subtasks", "Get events on a resource", "Pagination".

use std::collections::BTreeSet;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Cursor, List, RESTARTS, Step,
    task::{FIELDS, Task},
};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    provider::Feed,
    wire::Many,
};

const API: &str = "https://app.asana.com/api/1.0";
/// Most items that a list gives.
const LIST: u32 = 100;
/// Pages of the list of projects, which is read in one go: its offsets do not live long.
const PAGES: usize = 200;

/// What a step brought.
pub struct Found {
    /// What was read.
    pub list: List,
    /// The tasks in it.
    pub tasks: Many<Task>,
    /// Tasks that were deleted.
    pub gone: BTreeSet<String>,
    /// Tasks that something happened to.
    pub changed: BTreeSet<String>,
    /// Where the project's events go on.
    pub token: Option<String>,
    /// The project can no longer be read.
    pub lost: bool,
    /// How the list goes on.
    pub then: Option<Step>,
}

impl Found {
    fn nothing(list: List) -> Self {
        let (tasks, gone, changed) = Default::default();
        Self { list, tasks, gone, changed, token: None, lost: false, then: None }
    }
}

/// Reads one answer.
pub async fn read(client: &Client, workspace: &Feed, at: &Cursor, step: Step) -> Result<Found> {
    let mut found = Found::nothing(step.list.clone());
    match step.list.clone() {
        List::Events(project) => events(client, &project, at, &mut found).await?,
        List::Task(gid) => match task(client, &gid).await {
            Ok(task) => found.tasks = task,
            Err(Error::NotFound) => drop(found.gone.insert(gid)),
            Err(Error::Forbidden(_)) => {
                tracing::info!(task = gid, "a changed task may no longer be read");
            }
            Err(cause) => return Err(cause),
        },
        List::Project(project) => {
            if step.offset.is_none() && step.restarts == 0 {
                found.token = fresh_token(client, &project).await?;
            }
            list(client, "tasks", &[("project", project.as_str())], at.since, step, &mut found)
                .await?;
        }
        List::Subtasks(parent) => {
            let path = format!("tasks/{parent}/subtasks");
            list(client, &path, &[], None, step, &mut found).await?;
        }
        List::Mine => {
            let query = [("assignee", "me"), ("workspace", workspace.id.as_str())];
            list(client, "tasks", &query, at.pass.since.or(at.since), step, &mut found).await?;
        }
    }
    Ok(found)
}

/// Reads the next page of a list of tasks.
async fn list(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
    since: Option<Timestamp>,
    mut step: Step,
    found: &mut Found,
) -> Result<()> {
    loop {
        let limit = step.limit.unwrap_or_else(|| client.page_size(LIST));
        let call = client
            .get(format!("{API}/{path}"))
            .query(query)
            .query(&[("opt_fields", Some(FIELDS)), ("offset", step.offset.as_deref())])
            .query(&[
                ("limit", Some(limit.to_string())),
                ("modified_since", since.map(whole_second)),
            ])
            .accepting(StatusCode::BAD_REQUEST);
        let listing: Listing<Task> = match call.json().await {
            // Deleted since its parent's list told of it, and its subtasks with it.
            Err(Error::NotFound) if matches!(step.list, List::Subtasks(_)) => return Ok(()),
            Err(Error::NotFound | Error::Forbidden(_)) if step.list != List::Mine => {
                tracing::warn!(path, "a list may no longer be read");
                found.lost = true;
                found.tasks.skipped += 1;
                return Ok(());
            }
            answer => answer?,
        };
        let Some(problem) = listing.problem() else {
            found.then = listing.next_page.map(|next| Step { offset: Some(next.offset), ..step });
            found.tasks = listing.data.unwrap_or_default();
            return Ok(());
        };
        if problem.contains("too large") && limit > 1 {
            step.limit = Some(limit / 2);
            continue;
        }
        if step.offset.is_none() {
            return Err(Error::unexpected(path, "the request was refused with status 400"));
        }
        if problem.contains("pagination token") && step.restarts < RESTARTS {
            found.then = Some(Step { offset: None, restarts: step.restarts + 1, ..step });
        } else {
            // A set of tens of thousands that Asana cut, say: what came of it is kept, nothing is taken for gone.
            tracing::warn!(path, "the rest of a list was refused");
            found.tasks.skipped += 1;
        }
        return Ok(());
    }
}

/// The place from which a project's events will be told.
async fn fresh_token(client: &Client, project: &str) -> Result<Option<String>> {
    let call = client.get(format!("{API}/events")).query(&[("resource", project)]);
    match call.accepting(StatusCode::PRECONDITION_FAILED).json::<Events>().await {
        Err(Error::NotFound | Error::Forbidden(_)) => Ok(None),
        answer => answer?.sync.map(Some).ok_or_else(|| Error::unexpected("sync", "missing")),
    }
}

/// Reads what happened in a project.
async fn events(client: &Client, project: &str, at: &Cursor, found: &mut Found) -> Result<()> {
    let token = at.projects.get(project).cloned().flatten();
    let query = [("resource", Some(project)), ("sync", token.as_deref())];
    let call = client.get(format!("{API}/events")).query(&query);
    let events: Events = match call.accepting(StatusCode::PRECONDITION_FAILED).json().await {
        Err(Error::NotFound | Error::Forbidden(_)) => {
            found.then = Some(Step::new(List::Project(project.to_owned())));
            return Ok(());
        }
        answer => answer?,
    };
    // Reading the one project anew would not tell which of its tasks were deleted: only a whole listing can.
    let data = events.data.ok_or(Error::CursorExpired)?;
    found.tasks.skipped += data.skipped;
    for event in data {
        let is_task = event.resource.is_task();
        let Some(task) =
            [Some(event.resource), event.parent].into_iter().flatten().find(Resource::is_task)
        else {
            continue;
        };
        if is_task && event.action == "deleted" {
            found.changed.remove(&task.gid);
            found.gone.insert(task.gid);
        } else {
            found.gone.remove(&task.gid);
            found.changed.insert(task.gid);
        }
    }
    found.token = Some(events.sync.ok_or_else(|| Error::unexpected("sync", "missing"))?);
    found.then = events.has_more.then(|| Step::new(List::Events(project.to_owned())));
    Ok(())
}

/// A task as it is now; one that is odd counts as left out.
pub async fn task(client: &Client, gid: &str) -> Result<Many<Task>> {
    let answer: Data<Value> =
        client.get(format!("{API}/tasks/{gid}")).query(&[("opt_fields", FIELDS)]).json().await?;
    Ok(Many::of([answer.data]))
}

/// All items of a list that is read in one go.
pub async fn all<T: DeserializeOwned + Send>(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Many<T>> {
    let pages = whole_list(PAGES, "next_page", |offset: Option<String>| async move {
        let paging = [("limit", Some(LIST.to_string())), ("offset", offset)];
        let listing: Listing<T> =
            client.get(format!("{API}/{path}")).query(query).query(&paging).json().await?;
        let data = listing.data.ok_or_else(|| Error::unexpected("data", "missing"))?;
        Ok((data, listing.next_page.map(|next| next.offset)))
    });
    let mut all = Many::default();
    for page in pages.await? {
        all.skipped += page.skipped;
        all.items.extend(page);
    }
    Ok(all)
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    let me: Data<Me> = client.get(format!("{API}/users/me")).json().await?;
    Ok(me.data)
}

fn whole_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

/// Whose token it is.
#[derive(Deserialize)]
pub struct Me {
    pub gid: String,
    #[serde(default)]
    pub name: String,
    pub email: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listing<T> {
    data: Option<Many<T>>,
    next_page: Option<NextPage>,
    #[serde(default)]
    errors: Many<Problem>,
}

impl<T> Listing<T> {
    /// The words of an answer that is none, in lower case.
    fn problem(&self) -> Option<String> {
        let words = || {
            self.errors.first().map(|problem| problem.message.to_lowercase()).unwrap_or_default()
        };
        self.data.is_none().then(words)
    }
}

#[derive(Deserialize)]
struct NextPage {
    offset: String,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

/// Without `data`: the token was too old (status 412).
#[derive(Deserialize)]
struct Events {
    data: Option<Many<Event>>,
    sync: Option<String>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Event {
    action: String,
    resource: Resource,
    parent: Option<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    gid: String,
    #[serde(default)]
    resource_type: String,
}

impl Resource {
    fn is_task(&self) -> bool {
        self.resource_type == "task"
    }
}
