//! A ClickUp task as a record.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{
    record::{self, CustomFields, FieldValue, Moment, Person, Record, Ref},
    wire::{Many, time},
};

/// A task or subtask. Times are milliseconds since 1970 in a text.
#[derive(Deserialize)]
pub struct Task {
    /// Unique over all of ClickUp.
    pub id: String,
    /// Put away: full listings leave it out.
    #[serde(default)]
    pub archived: bool,
    #[serde(default)]
    name: String,
    custom_id: Option<String>,
    markdown_description: Option<String>,
    text_content: Option<String>,
    description: Option<String>,
    status: Option<Status>,
    date_created: Option<String>,
    date_updated: Option<String>,
    date_closed: Option<String>,
    date_done: Option<String>,
    due_date: Option<String>,
    start_date: Option<String>,
    creator: Option<User>,
    #[serde(default)]
    assignees: Many<User>,
    #[serde(default)]
    watchers: Many<User>,
    #[serde(default)]
    tags: Many<Named>,
    parent: Option<String>,
    priority: Option<Priority>,
    list: Option<List>,
    #[serde(default)]
    custom_fields: Many<Field>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    status: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: Option<Number>,
    username: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Priority {
    priority: Option<String>,
}

#[derive(Deserialize)]
struct List {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Field {
    id: String,
    name: Option<String>,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    type_config: Value,
    value: Option<Value>,
}

impl Field {
    /// Its value in words: lists to choose from name places or ids.
    fn plain(&self) -> Option<FieldValue> {
        let value = self.value.clone()?;
        Some(match (self.kind.as_str(), value) {
            ("drop_down", value) => self.option(&value).unwrap_or(FieldValue::from(value)),
            ("labels", Value::Array(chosen)) => {
                let name = |id: Value| self.option(&id).unwrap_or(FieldValue::from(id));
                FieldValue::List(chosen.into_iter().map(name).collect())
            }
            ("date", Value::String(millis)) => {
                FieldValue::from(time::epoch_millis(&millis).map(|at| at.to_string()))
            }
            (_, value) => FieldValue::from(value),
        })
    }

    fn option(&self, chosen: &Value) -> Option<FieldValue> {
        let options = self.type_config.get("options")?.as_array()?;
        let is_it = |option: &&Value| {
            ["id", "orderindex"].iter().any(|key| option.get(*key) == Some(chosen))
        };
        let option = options.iter().find(is_it)?;
        let name = option.get("name").or_else(|| option.get("label"))?.as_str()?;
        Some(FieldValue::Text(name.to_owned()))
    }
}

/// The fields that are set: under their names, of several with one name all but the first under their ids.
fn custom_fields(fields: Many<Field>) -> Option<CustomFields> {
    let mut named = CustomFields::new();
    for field in fields {
        let Some(value) = field.plain() else { continue };
        let name = field.name.filter(|name| !named.contains_key(name));
        named.insert(name.unwrap_or(field.id), value);
    }
    Some(named).filter(|named| !named.is_empty())
}

fn people(users: Many<User>) -> Vec<Person> {
    users.into_iter().filter_map(User::person).collect()
}

impl User {
    fn person(self) -> Option<Person> {
        let id = self.id.map(|id| id.to_string());
        Person { id, name: self.username, email: self.email, handle: None }.known()
    }
}

impl Task {
    /// The task as a record.
    pub fn record(self, workspace: &Ref) -> Record {
        let at = |millis: Option<String>| -> Option<Timestamp> { time::epoch_millis(&millis?) };
        let text = |text: Option<String>| {
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let (status, kind) = self.status.map_or((None, None), |of| (of.status, of.kind));
        let description = text(self.markdown_description).or_else(|| text(self.text_content));
        let assignees = people(self.assignees);
        let list = self.list.and_then(|of| Ref { id: of.id, name: of.name, url: None }.known());
        let task = record::Task {
            kind: Some(if self.parent.is_some() { "subtask" } else { "task" }.into()),
            name: self.name,
            key: self.custom_id,
            description: description.or_else(|| text(self.description)),
            status,
            completed: kind.map(|kind| kind == "done" || kind == "closed"),
            priority: self.priority.and_then(|of| of.priority),
            assignee: assignees.first().cloned(),
            assignees: Some(assignees),
            reporter: self.creator.and_then(User::person),
            participants: Some(people(self.watchers)).filter(|people| !people.is_empty()),
            due_on: at(self.due_date).map(Moment::At),
            start_on: at(self.start_date).map(Moment::At),
            project: list,
            workspace: Some(workspace.clone()),
            parent_id: self.parent,
            tags: Some(self.tags.into_iter().map(|tag| tag.name).collect()),
            custom_fields: custom_fields(self.custom_fields),
            url: self.url,
            created_at: at(self.date_created),
            updated_at: at(self.date_updated),
            completed_at: at(self.date_closed).or_else(|| at(self.date_done)),
            ..record::Task::default()
        };
        Record::new(self.id, task)
    }
}
