//! One task: how it is made, and how Asana shows it.

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value, json};

use super::super::fields::Mask;
use super::{Asana, Gid, Named};

/// A task that is to be added.
#[derive(Clone, Debug, Default)]
pub struct NewTask {
    pub(super) name: String,
    pub(super) notes: String,
    pub(super) kind: Option<String>,
    pub(super) homes: Vec<(String, Option<String>)>,
    pub(super) parent: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) due: Option<Date>,
    pub(super) start: Option<Date>,
    pub(super) tags: Vec<String>,
    pub(super) fields: Vec<(String, String)>,
    pub(super) created: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
}

impl NewTask {
    /// A task that lies nowhere yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Its description.
    pub fn notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = notes.into();
        self
    }

    /// `milestone` or `approval`; else it is a `default_task`.
    pub fn kind(mut self, kind: &str) -> Self {
        self.kind = Some(kind.to_owned());
        self
    }

    /// Puts it into a project too, in the section of that name or in the first.
    pub fn in_project(mut self, project: &str, section: Option<&str>) -> Self {
        self.homes.push((project.to_owned(), section.map(str::to_owned)));
        self
    }

    /// Makes it a subtask.
    pub fn under(mut self, parent: &str) -> Self {
        self.parent = Some(parent.to_owned());
        self
    }

    /// Whose it is, by gid.
    pub fn assignee(mut self, user: &str) -> Self {
        self.assignee = Some(user.to_owned());
        self
    }

    /// The day it is due.
    pub fn due(mut self, day: Date) -> Self {
        self.due = Some(day);
        self
    }

    /// The day it begins.
    pub fn start(mut self, day: Date) -> Self {
        self.start = Some(day);
        self
    }

    /// A tag, by gid.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// A custom field's value as the page shows it, by the field's gid.
    pub fn field(mut self, field: &str, value: impl Into<String>) -> Self {
        self.fields.push((field.to_owned(), value.into()));
        self
    }

    /// When it was made. The default is now.
    pub fn created(mut self, at: Timestamp) -> Self {
        self.created = Some(at);
        self
    }

    /// It is done since then.
    pub fn completed(mut self, at: Timestamp) -> Self {
        self.completed = Some(at);
        self
    }
}

/// A place in a project.
#[derive(Clone)]
pub(super) struct Home {
    pub project: Gid,
    pub section: Option<Gid>,
    /// In the project's order.
    pub place: u64,
}

pub(super) struct Task {
    pub gid: Gid,
    pub name: String,
    pub notes: String,
    pub kind: String,
    pub workspace: Gid,
    pub homes: Vec<Home>,
    pub parent: Option<Gid>,
    pub subtasks: Vec<Gid>,
    pub assignee: Option<Gid>,
    pub due: Option<Date>,
    pub start: Option<Date>,
    pub tags: Vec<Gid>,
    pub fields: Vec<(Gid, String)>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub completed: Option<Timestamp>,
}

/// The fields of a task that a request without `opt_fields` gets, for a single task.
const FULL: &str = "resource_type,name,resource_subtype,notes,completed,completed_at,created_at,modified_at,due_on,due_at,start_on,permalink_url,assignee.name,assignee.resource_type,projects.name,projects.resource_type,memberships.project.name,memberships.project.resource_type,memberships.section.name,memberships.section.resource_type,tags.name,tags.resource_type,parent.name,parent.resource_type,parent.resource_subtype,workspace.name,workspace.resource_type,custom_fields.name,custom_fields.resource_type,custom_fields.type,custom_fields.display_value";

/// The fields of a compact object in a list.
const COMPACT: &str = "resource_type,name,resource_subtype";

/// What a single task shows by itself.
pub(super) fn full_mask() -> Mask {
    Mask::dotted(FULL)
}

/// What an object in a list shows by itself.
pub(super) fn compact_mask() -> Mask {
    Mask::dotted(COMPACT)
}

/// Puts a field where it was asked for.
pub(super) fn put(
    into: &mut Map<String, Value>,
    mask: &Mask,
    name: &str,
    value: impl FnOnce(&Mask) -> Value,
) {
    if let Some(mask) = mask.field(name) {
        into.insert(name.to_owned(), value(mask));
    }
}

/// An object with a name, as it shows inside another.
pub(super) fn object(gid: Gid, kind: &str, name: &str, mask: &Mask) -> Value {
    let mut fields = Map::new();
    fields.insert("gid".to_owned(), gid.to_string().into());
    // An object that is asked for without its fields comes with its type alone.
    if mask.is_bare() {
        fields.insert("resource_type".to_owned(), kind.into());
    }
    put(&mut fields, mask, "resource_type", |_| kind.into());
    put(&mut fields, mask, "name", |_| name.into());
    Value::Object(fields)
}

/// As Asana writes times.
pub(super) fn time(at: Timestamp) -> Value {
    format!("{at:.3}").into()
}

impl Task {
    /// Whether it is in that project.
    pub fn lies_in(&self, project: Gid) -> bool {
        self.homes.iter().any(|home| home.project == project)
    }

    /// With what was asked for, and its gid.
    pub fn shown(&self, of: &Asana, mask: &Mask) -> Value {
        let mut task = Map::new();
        let into = &mut task;
        into.insert("gid".to_owned(), self.gid.to_string().into());
        put(into, mask, "resource_type", |_| "task".into());
        put(into, mask, "name", |_| self.name.as_str().into());
        put(into, mask, "resource_subtype", |_| self.kind.as_str().into());
        put(into, mask, "notes", |_| self.notes.as_str().into());
        put(into, mask, "html_notes", |_| format!("<body>{}</body>", self.notes).into());
        put(into, mask, "completed", |_| self.completed.is_some().into());
        put(into, mask, "completed_at", |_| self.completed.map_or(Value::Null, time));
        put(into, mask, "created_at", |_| time(self.created));
        put(into, mask, "modified_at", |_| time(self.modified));
        put(into, mask, "due_on", |_| self.due.map_or(Value::Null, |day| day.to_string().into()));
        put(into, mask, "due_at", |_| Value::Null);
        put(into, mask, "start_on", |_| {
            self.start.map_or(Value::Null, |day| day.to_string().into())
        });
        put(into, mask, "num_subtasks", |_| self.subtasks.len().into());
        put(into, mask, "is_rendered_as_separator", |_| false.into());
        put(into, mask, "permalink_url", |_| {
            format!("https://app.asana.com/1/{}/task/{}", self.workspace, self.gid).into()
        });
        self.show_links(into, of, mask);
        task.into()
    }

    fn show_links(&self, into: &mut Map<String, Value>, of: &Asana, mask: &Mask) {
        put(into, mask, "assignee", |mask| {
            let user = self.assignee.and_then(|gid| of.user(gid));
            user.map_or(Value::Null, |user| object(user.gid, "user", &user.name, mask))
        });
        put(into, mask, "workspace", |mask| {
            named(&of.workspaces, self.workspace, "workspace", mask).unwrap_or_default()
        });
        put(into, mask, "parent", |mask| {
            let parent = self.parent.and_then(|gid| of.tasks.get(&gid));
            parent.map_or(Value::Null, |parent| {
                let mut shown = object(parent.gid, "task", &parent.name, mask);
                if let Some(fields) = shown.as_object_mut() {
                    put(fields, mask, "resource_subtype", |_| parent.kind.as_str().into());
                }
                shown
            })
        });
        put(into, mask, "projects", |mask| {
            let projects = self.homes.iter().filter_map(|home| of.project(home.project));
            projects.map(|p| object(p.gid, "project", &p.name, mask)).collect()
        });
        put(into, mask, "memberships", |mask| {
            let whole = Mask::dotted("project.name,section.name");
            let mask = if mask.is_bare() { &whole } else { mask };
            self.homes.iter().filter_map(|home| home.shown(of, mask)).collect()
        });
        put(into, mask, "tags", |mask| {
            self.tags.iter().filter_map(|gid| named(&of.tags, *gid, "tag", mask)).collect()
        });
        put(into, mask, "custom_fields", |mask| self.show_fields(of, mask));
    }

    fn show_fields(&self, of: &Asana, mask: &Mask) -> Value {
        if self.homes.is_empty() {
            return json!([]);
        }
        let whole = Mask::dotted("name,resource_type,type,display_value");
        let mask = if mask.is_bare() { &whole } else { mask };
        let shown = of.fields.iter().map(|field| {
            let mut shown = object(field.gid, "custom_field", &field.name, mask);
            if let Some(into) = shown.as_object_mut() {
                let value = self.fields.iter().find(|(gid, _)| *gid == field.gid);
                put(into, mask, "type", |_| field.kind.as_str().into());
                put(into, mask, "display_value", |_| {
                    value.map_or(Value::Null, |(_, text)| text.as_str().into())
                });
            }
            shown
        });
        shown.collect()
    }
}

impl Home {
    fn shown(&self, of: &Asana, mask: &Mask) -> Option<Value> {
        let project = of.project(self.project)?;
        let mut shown = Map::new();
        put(&mut shown, mask, "project", |mask| {
            object(project.gid, "project", &project.name, mask)
        });
        put(&mut shown, mask, "section", |mask| {
            let section =
                self.section.and_then(|gid| named(&project.sections, gid, "section", mask));
            section.unwrap_or_default()
        });
        Some(shown.into())
    }
}

fn named(all: &[Named], gid: Gid, kind: &str, mask: &Mask) -> Option<Value> {
    let found = all.iter().find(|named| named.gid == gid)?;
    Some(object(found.gid, kind, &found.name, mask))
}
