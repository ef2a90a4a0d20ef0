//! A Trello card as a record.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    record::{CustomFields, FieldValue, Moment, Person, Record, Ref, Task},
    wire::{Many, time},
};

/// A board with its lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Board {
    /// 24 hexadecimal digits, unique over all of Trello.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// As in its address.
    short_link: Option<String>,
    #[serde(default)]
    lists: Many<Named>,
}

/// A custom field of a board.
#[derive(Deserialize)]
pub struct Custom {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    options: Many<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    id: String,
    #[serde(default)]
    value: Map<String, Value>,
}

/// A card, open or archived.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// As a board's; begins with the time of its creation.
    pub id: String,
    id_board: Option<String>,
    id_list: Option<String>,
    #[serde(default)]
    name: String,
    desc: Option<String>,
    closed: Option<bool>,
    due_complete: Option<bool>,
    #[serde(default, deserialize_with = "time::read_instant")]
    due: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    start: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    date_last_activity: Option<Timestamp>,
    #[serde(default)]
    labels: Many<Label>,
    #[serde(default)]
    members: Many<Member>,
    #[serde(default)]
    custom_field_items: Many<Item>,
    short_url: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Label {
    name: Option<String>,
    color: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    id: String,
    full_name: Option<String>,
    username: Option<String>,
}

/// The value of a custom field: of a list of choices the id of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id_custom_field: String,
    #[serde(default)]
    value: Value,
    id_value: Option<String>,
}

impl Board {
    /// Whether it is one of these, by id or as in its address.
    pub fn is_one_of(&self, wanted: &[&str]) -> bool {
        let link = self.short_link.as_deref();
        wanted.iter().any(|name| *name == self.id || Some(*name) == link)
    }
}

impl Card {
    /// Whether it lies on that board.
    pub fn is_on(&self, board: &str) -> bool {
        self.id_board.as_deref().is_none_or(|own| own == board)
    }

    /// Its record.
    pub fn into_record(self, board: &Board, fields: &[Custom]) -> Record {
        let list = self.id_list.map(|id| {
            let name = board.lists.iter().find(|list| list.id == id).and_then(|it| it.name.clone());
            Ref { id: Some(id), name, url: None }
        });
        let archived = self.closed.unwrap_or_default();
        let status = if archived {
            Some("archived".to_owned())
        } else {
            list.as_ref().and_then(|list| list.name.clone())
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let labels =
            self.labels.into_iter().filter_map(|of| filled(of.name).or_else(|| filled(of.color)));
        let assignees: Vec<Person> = self.members.into_iter().map(Into::into).collect();
        let task = Task {
            kind: Some("card".into()),
            name: self.name,
            description: filled(self.desc),
            status,
            completed: self.due_complete,
            assignee: assignees.first().cloned(),
            assignees: Some(assignees),
            due_on: self.due.map(Moment::At),
            start_on: self.start.map(Moment::At),
            project: Some(Ref::new(&board.id, &board.name)),
            section: list,
            tags: Some(labels.collect()),
            custom_fields: Some(custom_fields(&self.custom_field_items, fields))
                .filter(|fields| !fields.is_empty()),
            url: self.short_url,
            created_at: created(&self.id),
            updated_at: self.date_last_activity,
            ..Task::default()
        };
        Record::new(self.id, task)
    }
}

impl From<Member> for Person {
    fn from(of: Member) -> Self {
        Self { id: Some(of.id), name: of.full_name, handle: of.username, email: None }
    }
}

/// The time that an id begins with, in seconds.
fn created(id: &str) -> Option<Timestamp> {
    time::epoch_seconds(i64::from_str_radix(id.get(..8)?, 16).ok()?)
}

fn custom_fields(items: &[Item], fields: &[Custom]) -> CustomFields {
    let read = |item: &Item| {
        let field = fields.iter().find(|field| field.id == item.id_custom_field)?;
        let choice = || field.options.iter().find(|of| Some(&of.id) == item.id_value.as_ref());
        let given = item.value.as_object().or_else(|| Some(&choice()?.value))?;
        Some((field.name.clone(), value(given)?))
    };
    items.iter().filter_map(read).collect()
}

/// A value, which Trello writes as a text under the name of its type.
fn value(given: &Map<String, Value>) -> Option<FieldValue> {
    let (kind, text) = given.iter().find_map(|(kind, value)| Some((kind, value.as_str()?)))?;
    let number = || text.parse().ok().map(FieldValue::Number);
    Some(match kind.as_str() {
        "checked" => FieldValue::Bool(text == "true"),
        "number" => number().unwrap_or_else(|| FieldValue::Text(text.to_owned())),
        _ => FieldValue::Text(text.to_owned()),
    })
}
