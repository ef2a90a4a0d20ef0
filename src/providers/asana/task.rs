//! An Asana task as a record.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;

use crate::{
    record::{self, FieldValue, Moment, Person, Record, Ref},
    wire::{Many, time},
};

/// What is asked of a task: lists give little else than names otherwise.
pub const FIELDS: &str = "name,resource_subtype,notes,completed,completed_at,created_at,modified_at,due_on,due_at,\
    start_on,permalink_url,assignee.name,projects.name,memberships.section.name,tags.name,parent.name,num_subtasks,\
    workspace.name,custom_fields.name,custom_fields.type,custom_fields.display_value";

/// A task or subtask, with [`FIELDS`].
#[derive(Deserialize)]
pub struct Task {
    /// Digits, unique over all of Asana.
    pub gid: String,
    #[serde(default)]
    name: String,
    resource_subtype: Option<String>,
    notes: Option<String>,
    completed: Option<bool>,
    #[serde(default, deserialize_with = "time::read_instant")]
    completed_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    modified_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_day")]
    due_on: Option<Date>,
    #[serde(default, deserialize_with = "time::read_day")]
    start_on: Option<Date>,
    permalink_url: Option<String>,
    assignee: Option<Named>,
    /// In the vendor's order; a task's first is its project.
    #[serde(default)]
    pub projects: Many<Named>,
    #[serde(default)]
    memberships: Many<Membership>,
    #[serde(default)]
    tags: Many<Named>,
    parent: Option<Named>,
    /// Its subtasks are in no other list than its own.
    #[serde(default)]
    pub num_subtasks: u32,
    workspace: Option<Named>,
    #[serde(default)]
    custom_fields: Many<Custom>,
}

/// A workspace, project, section, tag or person.
#[derive(Clone, Deserialize)]
pub struct Named {
    /// Its id.
    pub gid: String,
    /// Its name, where it may be seen.
    #[serde(default)]
    pub name: Option<String>,
}

/// Absent, or without a section, where the token was not granted `project_sections:read`.
#[derive(Deserialize)]
struct Membership {
    section: Option<Named>,
}

#[derive(Deserialize)]
struct Custom {
    name: String,
    /// A text whatever the field's type; `null` where it is not set.
    display_value: Option<String>,
}

impl From<Named> for Ref {
    fn from(of: Named) -> Self {
        Self { id: Some(of.gid), name: of.name, url: None }
    }
}

impl From<Task> for Record {
    fn from(of: Task) -> Self {
        let section = of.memberships.into_iter().find_map(|membership| membership.section);
        let fields = of.custom_fields.into_iter();
        let task = record::Task {
            kind: of.resource_subtype,
            name: of.name,
            description: of.notes.filter(|notes| !notes.is_empty()),
            status: of.completed.map(|done| if done { "completed" } else { "open" }.to_owned()),
            completed: of.completed,
            assignee: of.assignee.and_then(|who| Person::named(Some(who.gid), who.name)),
            due_on: of.due_on.map(Moment::On),
            start_on: of.start_on.map(Moment::On),
            project: of.projects.into_iter().next().map(Into::into),
            section: section.map(Into::into),
            workspace: of.workspace.map(Into::into),
            parent_id: of.parent.map(|parent| parent.gid),
            tags: Some(of.tags.into_iter().filter_map(|tag| tag.name).collect()),
            custom_fields: Some(
                fields.map(|field| (field.name, FieldValue::from(field.display_value))).collect(),
            ),
            url: of.permalink_url,
            created_at: of.created_at,
            updated_at: of.modified_at,
            completed_at: of.completed_at,
            ..record::Task::default()
        };
        Self::new(of.gid, task)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::Properties;

    fn read(task: Value) -> record::Task {
        let record = Record::from(serde_json::from_value::<Task>(task).unwrap());
        match record.properties {
            Properties::Task(task) => *task,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_task_keeps_its_unset_custom_fields_as_unset() {
        let task = read(
            json!({"gid": "1", "name": "Buy catnip", "resource_subtype": "approval", "notes": "",
            "completed": true, "completed_at": "2025-02-01T12:00:00.000Z", "due_on": "2025-03-01",
            "due_at": "2025-03-01T17:00:00.000Z", "start_on": null, "assignee": {"gid": "7", "name": "Greg"},
            "projects": [{"gid": "p1", "name": "First"}, {"gid": "p2", "name": "Second"}],
            "memberships": [{"section": {"gid": "s", "name": "To do"}}], "tags": [{"gid": "t", "name": "A"}],
            "custom_fields": [{"name": "Priority", "display_value": "High"}, {"name": "Cost", "display_value": null}]}),
        );
        assert_eq!(
            (task.kind.as_deref(), task.status.as_deref()),
            (Some("approval"), Some("completed"))
        );
        assert_eq!(task.description, None);
        assert_eq!(task.due_on, Some(Moment::On(jiff::civil::date(2025, 3, 1))));
        assert_eq!(task.project, Some(Ref::new("p1", "First")));
        assert_eq!(task.section, Some(Ref::new("s", "To do")));
        let fields = serde_json::to_value(task.custom_fields).unwrap();
        assert_eq!(fields, json!({"Priority": "High", "Cost": null}));
    }

    #[test]
    fn a_task_that_lacks_nearly_everything_or_has_odd_parts_is_still_a_record() {
        let task = read(json!({"gid": "1"}));
        assert_eq!((task.name.as_str(), task.status, task.completed), ("", None, None));
        let task = read(
            json!({"gid": "1", "name": "x", "due_on": "someday", "created_at": 7, "assignee": null,
            "modified_at": "0000-01-01T00:00:00Z", "memberships": [{"section": null}, {}, 7], "projects": [{}],
            "tags": [{"gid": "t"}], "custom_fields": [{"display_value": "nameless"}], "parent": {"gid": "0"}}),
        );
        assert_eq!((task.due_on, task.created_at, task.updated_at), (None, None, None));
        assert_eq!((task.section, task.project), (None, None));
        assert_eq!((task.tags, task.parent_id.as_deref()), (Some(vec![]), Some("0")));
    }
}
