//! A Linear issue as a record.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Number;

use crate::{
    record::{self, FieldValue, Moment, Person, Record, Ref},
    wire::{Many, time},
};

/// What is asked of an issue. Every list has its size, since Linear counts 50 where none is given; the ten labels stand in
/// for all, since `labelIds`, which costs nothing, tells how many there are.
macro_rules! fields {
    () => {
        "id identifier title description url priority priorityLabel estimate dueDate createdAt updatedAt \
         completedAt trashed labelIds state { name type } team { id name } project { id name } \
         assignee { id name displayName email } creator { id name displayName email } \
         cycle { id number name } parent { id } labels(first: 10, includeArchived: true) { nodes { name } }"
    };
}
pub(super) use fields;

/// A page of a list (Relay).
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned", rename_all = "camelCase")]
pub struct Connection<T> {
    /// The items.
    #[serde(default)]
    pub nodes: Many<T>,
    page_info: Option<PageInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl<T> Connection<T> {
    /// Where the list goes on.
    pub fn after(&self) -> Option<String> {
        self.page_info.as_ref().filter(|info| info.has_next_page)?.end_cursor.clone()
    }
}

/// An issue.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// A UUID, unique over all of Linear.
    pub id: String,
    /// Deleted, for a month still to be had.
    pub trashed: Option<bool>,
    /// Its labels, at first ten at most.
    #[serde(default)]
    pub labels: Connection<Label>,
    #[serde(default)]
    label_ids: Many<String>,
    identifier: Option<String>,
    #[serde(default)]
    title: String,
    description: Option<String>,
    url: Option<String>,
    #[serde(default)]
    priority: f64,
    priority_label: Option<String>,
    estimate: Option<Number>,
    #[serde(default, deserialize_with = "time::read_day")]
    due_date: Option<Date>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    completed_at: Option<Timestamp>,
    state: Option<State>,
    team: Option<Named>,
    project: Option<Named>,
    assignee: Option<User>,
    creator: Option<User>,
    cycle: Option<Cycle>,
    parent: Option<Parent>,
}

/// A label.
#[derive(Deserialize)]
pub struct Label {
    name: String,
}

#[derive(Deserialize)]
struct State {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Parent {
    id: String,
}

#[derive(Deserialize)]
struct Cycle {
    id: String,
    name: Option<String>,
    number: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    name: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
}

impl<T> Default for Connection<T> {
    fn default() -> Self {
        Self { nodes: Many::default(), page_info: None }
    }
}

impl Issue {
    /// Whether it has more labels than came with it.
    pub fn lacks_labels(&self) -> bool {
        self.label_ids.len() > self.labels.nodes.len()
    }
}

impl From<Named> for Ref {
    fn from(of: Named) -> Self {
        Self { id: Some(of.id), name: of.name, url: None }
    }
}

impl From<Cycle> for Ref {
    /// Cycles that nobody named are called by their number.
    fn from(of: Cycle) -> Self {
        let name = of.name.or_else(|| Some(format!("Cycle {}", of.number?)));
        Self { id: Some(of.id), name, url: None }
    }
}

impl From<User> for Person {
    fn from(of: User) -> Self {
        Self { id: Some(of.id), name: of.name, handle: of.display_name, email: of.email }
    }
}

impl From<Issue> for Record {
    fn from(of: Issue) -> Self {
        let (status, kind) = of.state.map_or((None, None), |state| (state.name, state.kind));
        let estimate = of.estimate.map(FieldValue::Number);
        let task = record::Task {
            kind: Some("issue".into()),
            name: of.title,
            key: of.identifier,
            description: of.description.filter(|text| !text.is_empty()),
            status,
            completed: kind.map(|kind| kind == "completed"),
            priority: of.priority_label.filter(|_| of.priority > 0.0),
            assignee: of.assignee.map(Into::into),
            reporter: of.creator.map(Into::into),
            due_on: of.due_date.map(Moment::On),
            project: of.project.map(Into::into),
            sprint: of.cycle.map(Into::into),
            workspace: of.team.map(Into::into),
            parent_id: of.parent.map(|parent| parent.id),
            tags: Some(of.labels.nodes.into_iter().map(|label| label.name).collect()),
            custom_fields: estimate.map(|it| [("Estimate".to_owned(), it)].into()),
            url: of.url,
            created_at: of.created_at,
            updated_at: of.updated_at,
            completed_at: of.completed_at,
            ..record::Task::default()
        };
        Self::new(of.id, task)
    }
}
