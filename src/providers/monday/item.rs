//! An item or subitem of monday.com as a record.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Number;

use crate::{
    record::{self, CustomFields, FieldValue, Moment, Person, Record, Ref},
    wire::{Many, time},
};

/// What is asked of an item. Its subitems are not: monday.com counts what is asked of them a thousand times.
macro_rules! fields {
    () => {
        "id name state created_at updated_at url group { id title } board { id name workspace { id name } } \
         parent_item { id state board { id name workspace { id name } } } \
         column_values { id type text column { title } ... on StatusValue { is_done } }"
    };
}
pub(super) use fields;

/// A row of a board.
#[derive(Deserialize)]
pub struct Item {
    /// Digits, unique over all of monday.com.
    pub id: String,
    #[serde(default)]
    name: String,
    state: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_at: Option<Timestamp>,
    url: Option<String>,
    group: Option<Group>,
    board: Option<Board>,
    #[serde(rename = "parent_item")]
    parent: Option<Parent>,
    /// In the order of the board's columns, which are its people's own.
    #[serde(default)]
    column_values: Many<Column>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    title: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Board {
    id: String,
    name: Option<String>,
    /// Absent for the main one.
    workspace: Option<Workspace>,
}

#[derive(Clone, Deserialize)]
struct Workspace {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Parent {
    id: String,
    state: Option<String>,
    board: Option<Board>,
}

#[derive(Deserialize)]
struct Column {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Empty or absent where it says nothing.
    text: Option<String>,
    #[serde(rename = "column")]
    title: Option<Title>,
    is_done: Option<bool>,
}

#[derive(Deserialize)]
struct Title {
    title: String,
}

fn is_active(state: Option<&str>) -> bool {
    !matches!(state, Some("archived" | "deleted"))
}

impl Item {
    /// Whether it is neither archived nor deleted, by itself or with its parent.
    pub fn is_alive(&self) -> bool {
        let parent = self.parent.as_ref();
        is_active(self.state.as_deref())
            && parent.is_none_or(|parent| is_active(parent.state.as_deref()))
    }

    /// Whether it lies on this board.
    pub fn is_on(&self, board: &str) -> bool {
        self.board.as_ref().is_some_and(|own| own.id == board)
    }

    /// Whether it has a parent. What lies on a hidden board and has none is no subitem, and no person sees it.
    pub fn is_subitem(&self) -> bool {
        self.parent.is_some()
    }

    /// Whether it was created at that time or later, as far as is known.
    pub fn is_since(&self, since: Option<Timestamp>) -> bool {
        !matches!((self.created_at, since), (Some(created), Some(since)) if created < since)
    }
}

/// What the columns say, by what sort they are: of most sorts the first one has a place of its own.
#[derive(Default)]
struct Columns {
    met: HashSet<String>,
    status: Option<String>,
    is_done: Option<bool>,
    people: Option<Vec<Person>>,
    date: Option<Moment>,
    description: Option<String>,
    tags: Option<Vec<String>>,
    others: CustomFields,
}

impl Columns {
    fn take(&mut self, column: Column) {
        let text = column.text.filter(|text| !text.is_empty());
        let parts = || text.iter().flat_map(|text| text.split(", ")).map(str::to_owned);
        let is_first = self.met.insert(column.kind.clone());
        match (column.kind.as_str(), is_first) {
            ("status", true) => {
                self.is_done = column.is_done.filter(|_| text.is_some());
                self.status = text;
            }
            ("people", true) => {
                self.people =
                    Some(parts().filter_map(|who| Person::named(None, Some(who))).collect());
            }
            ("date", true) => {
                self.date = text.and_then(|text| time::day(&text)).map(Moment::On);
            }
            ("long_text", true) => self.description = text,
            ("tags", _) => self.tags.get_or_insert_default().extend(parts()),
            ("subtasks", _) => {} // the names of the subitems, which are records of their own
            (kind, _) => {
                let Some(text) = text else { return };
                let number = text.parse::<Number>().ok().filter(|_| kind == "numbers");
                let value = number.map_or(FieldValue::Text(text), FieldValue::Number);
                self.put(column.title.map(|of| of.title), column.id, value);
            }
        }
    }

    /// Under the column's title; under its id where another one has the same.
    fn put(&mut self, title: Option<String>, id: String, value: FieldValue) {
        let title = title.filter(|title| !self.others.contains_key(title));
        self.others.insert(title.unwrap_or(id), value);
    }
}

impl From<Item> for Record {
    fn from(of: Item) -> Self {
        let is_subitem = of.is_subitem();
        let mut columns = Columns::default();
        of.column_values.into_iter().for_each(|column| columns.take(column));
        let (parent_id, board) = match of.parent {
            Some(parent) => (Some(parent.id), parent.board.or(of.board)),
            None => (None, of.board),
        };
        let workspace = board.as_ref().and_then(|board| board.workspace.clone());
        // The group of a subitem is one of the hidden board's.
        let group = of.group.filter(|_| !is_subitem);
        let (status, people) = (columns.status, columns.people);
        let task = record::Task {
            kind: Some(if is_subitem { "subitem" } else { "item" }.into()),
            name: of.name,
            status: status.or_else(|| group.as_ref().and_then(|group| group.title.clone())),
            completed: columns.is_done,
            assignee: people.as_ref().and_then(|people| people.first().cloned()),
            assignees: people,
            due_on: columns.date,
            description: columns.description,
            tags: columns.tags,
            custom_fields: Some(columns.others).filter(|fields| !fields.is_empty()),
            project: board.map(|board| Ref { id: Some(board.id), name: board.name, url: None }),
            section: group.map(|group| Ref { id: Some(group.id), name: group.title, url: None }),
            workspace: workspace.and_then(|of| Ref { id: of.id, name: of.name, url: None }.known()),
            parent_id: parent_id.clone(),
            url: of.url,
            created_at: of.created_at,
            updated_at: of.updated_at,
            ..record::Task::default()
        };
        let record = Self::new(of.id, task);
        match parent_id {
            Some(parent) => record.at(parent), // it goes with its parent
            None => record,
        }
    }
}
