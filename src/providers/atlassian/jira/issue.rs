//! A Jira issue as a record.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::adf;
use crate::{
    record::{Moment, Person, Record, Ref, Task},
    wire::{Many, time},
};

/// What is asked of an issue, beside its sprints: a search gives ids alone otherwise.
pub const FIELDS: [&str; 14] = [
    "summary",
    "status",
    "assignee",
    "reporter",
    "duedate",
    "project",
    "labels",
    "description",
    "created",
    "updated",
    "resolutiondate",
    "issuetype",
    "priority",
    "parent",
];

/// An issue, whatever its type.
#[derive(Deserialize)]
pub struct Issue {
    /// Digits, unique within the site; the key changes with the project.
    pub id: String,
    key: Option<String>,
    #[serde(default)]
    fields: Fields,
}

#[derive(Default, Deserialize)]
struct Fields {
    summary: Option<String>,
    status: Option<Status>,
    assignee: Option<User>,
    reporter: Option<User>,
    #[serde(default, deserialize_with = "time::read_day")]
    duedate: Option<Date>,
    project: Option<Named>,
    #[serde(default)]
    labels: Many<String>,
    #[serde(default)]
    description: Value,
    #[serde(default, deserialize_with = "time::read_instant")]
    created: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    resolutiondate: Option<Timestamp>,
    issuetype: Option<Named>,
    priority: Option<Named>,
    parent: Option<Named>,
    /// The sprints, under the names that the site has for them.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    name: Option<String>,
    status_category: Option<Category>,
}

#[derive(Deserialize)]
struct Category {
    key: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    account_id: Option<String>,
    display_name: Option<String>,
    email_address: Option<String>,
}

impl From<User> for Person {
    fn from(of: User) -> Self {
        Self { id: of.account_id, name: of.display_name, email: of.email_address, handle: None }
    }
}

impl Issue {
    /// Its record; `site` is the address that links to it begin with.
    pub fn into_record(self, site: &str, sprints: &[String]) -> Record {
        let Self { id, key, fields: of } = self;
        let (status, category) =
            of.status.map_or((None, None), |status| (status.name, status.status_category));
        let done = category.and_then(|category| Some(category.key? == "done"));
        let task = Task {
            kind: of.issuetype.and_then(|kind| kind.name),
            name: of.summary.unwrap_or_default(),
            url: key.as_ref().map(|key| format!("{site}/browse/{key}")),
            key,
            description: adf::to_markdown(&of.description),
            status,
            completed: done,
            priority: of.priority.and_then(|priority| priority.name),
            assignee: of.assignee.and_then(|user| Person::from(user).known()),
            reporter: of.reporter.and_then(|user| Person::from(user).known()),
            due_on: of.duedate.map(Moment::On),
            project: of.project.and_then(|it| Ref { id: it.id, name: it.name, url: None }.known()),
            sprint: sprints.iter().find_map(|field| sprint(of.others.get(field)?)),
            parent_id: of.parent.and_then(|parent| parent.id),
            tags: Some(of.labels.items),
            created_at: of.created,
            updated_at: of.updated,
            completed_at: of.resolutiondate,
            ..Task::default()
        };
        Record::new(id, task)
    }
}

/// Of the sprints that an issue was in, the one that is on, else the last.
fn sprint(field: &Value) -> Option<Ref> {
    let all = field.as_array()?;
    let text = |sprint: &Value, key: &str| Some(sprint.get(key)?.as_str()?.to_owned());
    let active = all.iter().find(|it| text(it, "state").is_some_and(|state| state == "active"));
    let it = active.or(all.last())?;
    let id = it.get("id").and_then(Value::as_u64).map(|id| id.to_string());
    Ref { id: id.or_else(|| text(it, "id")), name: text(it, "name"), url: None }.known()
}
