//! A page or row of Notion as a record.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound::{Excluded, Unbounded},
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Step, blocks};
use crate::{
    record::{self, CustomFields, FieldValue, Moment, Note, Person, Record, Ref},
    wire::time,
};

/// What records are shown with.
pub struct Frame {
    /// The workspace.
    pub workspace: Ref,
    /// Its people by id.
    pub people: HashMap<String, Person>,
    /// The data sources that are shared, by id.
    pub sources: BTreeMap<String, Source>,
}

impl Frame {
    /// The first data source to read.
    pub fn first_rows(&self) -> Step {
        Self::rows(self.sources.keys().next())
    }

    /// The data source to read after this one.
    pub fn rows_after(&self, source: &str) -> Step {
        let rest = self.sources.range::<str, _>((Excluded(source), Unbounded));
        Self::rows(rest.map(|(id, _)| id).next())
    }

    fn rows(source: Option<&String>) -> Step {
        let rows = |source: &String| Step::Rows { source: source.clone(), page: None, from: None };
        source.map_or(Step::Done, rows)
    }

    fn person(&self, user: User) -> Person {
        let known = self.people.get(&user.id).cloned();
        let own = user.person();
        match known {
            Some(known) => Person {
                id: own.id,
                name: own.name.or(known.name),
                email: own.email.or(known.email),
                handle: None,
            },
            None => own,
        }
    }
}

/// A table of rows, with the schema of their properties.
#[derive(Deserialize)]
pub struct Source {
    pub id: String,
    #[serde(default)]
    pub in_trash: bool,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    properties: Map<String, Value>,
}

impl Source {
    /// Whether an option of the status property of that name stands for done.
    fn is_complete(&self, property: &str, option: &str) -> Option<bool> {
        let groups = self.properties.get(property)?.get("status")?.get("groups")?.as_array()?;
        let complete = groups.iter().find(|group| group.get("name") == Some(&"Complete".into()))?;
        let options = complete.get("option_ids")?.as_array()?;
        Some(options.iter().any(|id| id == option))
    }
}

/// Somebody, with name and address where the integration may know them.
#[derive(Deserialize)]
pub struct User {
    pub id: String,
    name: Option<String>,
    pub person: Option<Address>,
}

/// How a person is reached.
#[derive(Deserialize)]
pub struct Address {
    pub email: Option<String>,
}

impl User {
    pub fn person(self) -> Person {
        let email = self.person.and_then(|person| person.email);
        Person { id: Some(self.id), name: self.name, email, handle: None }
    }
}

/// What a search or query found: pages, and in wikis data sources, too.
#[derive(Deserialize)]
pub struct Found {
    pub id: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    in_trash: bool,
    #[serde(default)]
    archived: bool,
    parent: Option<Parent>,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub created_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub last_edited_time: Option<Timestamp>,
    created_by: Option<User>,
    /// Absent where access is lacking.
    pub properties: Option<BTreeMap<String, Property>>,
    url: Option<String>,
}

#[derive(Default, Deserialize)]
struct Parent {
    #[serde(rename = "page_id")]
    page: Option<String>,
    #[serde(rename = "data_source_id")]
    data_source: Option<String>,
    #[serde(rename = "database_id")]
    database: Option<String>,
}

/// A property: its value stands under the name of its type.
#[derive(Deserialize)]
pub struct Property {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What the properties say. The first one of a type has a place of its own.
#[derive(Default)]
struct Said {
    title: Option<String>,
    /// The name of the property, and the option's id and name where one is chosen.
    status: Option<(String, Option<(String, String)>)>,
    date: Option<(Option<Moment>, Option<Moment>)>,
    people: Option<Vec<Person>>,
    tags: Option<Vec<String>>,
    others: CustomFields,
}

impl Said {
    fn take(&mut self, name: String, property: Property, frame: &Frame, is_task: bool) {
        let Property { kind, mut rest } = property;
        let value = rest.remove(&kind).unwrap_or_default();
        match kind.as_str() {
            "title" => self.title = Some(blocks::plain(&value)),
            "status" if is_task && self.status.is_none() => {
                let text = |key| Some(value.get(key)?.as_str()?.to_owned());
                self.status = Some((name, text("id").zip(text("name"))));
            }
            "date" if is_task && self.date.is_none() => {
                self.date = Some((moment(&value, "start"), moment(&value, "end")));
            }
            "people" if is_task && self.people.is_none() => {
                let users = value.as_array().cloned().unwrap_or_default().into_iter();
                let users = users.filter_map(|user| serde_json::from_value::<User>(user).ok());
                self.people = Some(users.map(|user| frame.person(user)).collect());
            }
            "multi_select" => {
                let chosen = value.as_array().map(Vec::as_slice).unwrap_or_default().iter();
                let names =
                    chosen.filter_map(|option| Some(option.get("name")?.as_str()?.to_owned()));
                self.tags.get_or_insert_default().extend(names);
            }
            kind => {
                let plain = other(kind, value);
                if plain != FieldValue::Null && plain != FieldValue::List(Vec::new()) {
                    self.others.insert(name, plain);
                }
            }
        }
    }
}

fn moment(date: &Value, end: &str) -> Option<Moment> {
    let text = date.get(end)?.as_str()?;
    match text.len() {
        10 => time::day(text).map(Moment::On),
        _ => time::instant(text).map(Moment::At),
    }
}

/// The value of a property without a place of its own. Addresses of files are signed and end: their names are kept.
fn other(kind: &str, value: Value) -> FieldValue {
    match kind {
        "rich_text" => Some(blocks::plain(&value)).filter(|text| !text.is_empty()).into(),
        "date" => {
            let part = |end| Some(value.get(end)?.as_str()?.to_owned());
            let span = match (part("start"), part("end")) {
                (Some(start), Some(end)) => Some(format!("{start}/{end}")),
                (start, _) => start,
            };
            span.into()
        }
        // What they come to stands under the name of its type, as the properties themselves do.
        "formula" | "rollup" => match serde_json::from_value::<Property>(value) {
            Ok(Property { kind, mut rest }) if kind != "array" => {
                other(&kind, rest.remove(&kind).unwrap_or_default())
            }
            _ => FieldValue::Null,
        },
        "unique_id" => {
            let number = value.get("number").and_then(Value::as_i64);
            let prefix = value.get("prefix").and_then(Value::as_str);
            let prefix = prefix.map(|prefix| format!("{prefix}-")).unwrap_or_default();
            number.map(|number| format!("{prefix}{number}")).into()
        }
        "button" | "verification" => FieldValue::Null,
        _ => FieldValue::from(value),
    }
}

impl Found {
    /// Whether it is a page.
    pub fn is_page(&self) -> bool {
        self.object == "page"
    }

    /// Whether it lies in the trash; `archived` is that word's older form.
    pub fn is_trashed(&self) -> bool {
        self.in_trash || self.archived
    }

    /// Whether it is a row of one of these.
    pub fn is_row_of(&self, sources: &BTreeMap<String, Source>) -> bool {
        let source = self.parent.as_ref().and_then(|parent| parent.data_source.as_ref());
        source.is_some_and(|source| sources.contains_key(source))
    }

    /// The page as a record: a task where it is a row with a status, else a note.
    pub fn record(self, frame: &Frame, text: Option<String>) -> Record {
        let parent = self.parent.unwrap_or_default();
        let properties = self.properties.unwrap_or_default();
        let source = parent.data_source;
        let is_task = source.is_some() && properties.values().any(|of| of.kind == "status");
        let mut said = Said::default();
        for (name, property) in properties {
            said.take(name, property, frame, is_task);
        }
        let author = self.created_by.map(|user| frame.person(user));
        let custom_fields = Some(said.others).filter(|fields| !fields.is_empty());
        let workspace = Some(frame.workspace.clone());
        if !is_task {
            let kind = if source.is_some() { "row" } else { "page" };
            let parent = parent.page.or(source).or(parent.database);
            let note = Note {
                kind: Some(kind.into()),
                title: said.title.filter(|title| !title.is_empty()),
                content: text,
                workspace,
                parent: parent.map(|id| Ref { id: Some(id), ..Ref::default() }),
                author,
                tags: said.tags,
                custom_fields,
                url: self.url,
                created_at: self.created_time,
                updated_at: self.last_edited_time,
                ..Note::default()
            };
            return Record::new(self.id, note);
        }
        let known = source.as_ref().and_then(|id| frame.sources.get(id));
        let (property, option) = said.status.unwrap_or_default();
        let completed = option.as_ref().and_then(|(id, _)| known?.is_complete(&property, id));
        let (start, end) = said.date.unwrap_or_default();
        let people = said.people.unwrap_or_default();
        let task = record::Task {
            kind: Some("row".into()),
            name: said.title.unwrap_or_default(),
            description: text,
            status: option.map(|(_, name)| name),
            completed,
            assignee: people.first().cloned(),
            assignees: Some(people),
            reporter: author,
            due_on: end.or(start),
            start_on: start.filter(|_| end.is_some()),
            project: Some(Ref {
                name: known.map(|of| blocks::plain(&of.title)).filter(|name| !name.is_empty()),
                id: source,
                url: None,
            }),
            workspace,
            tags: Some(said.tags.unwrap_or_default()),
            custom_fields,
            url: self.url,
            created_at: self.created_time,
            updated_at: self.last_edited_time,
            ..record::Task::default()
        };
        Record::new(self.id, task)
    }
}
