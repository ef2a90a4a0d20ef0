//! A task of Microsoft To Do as a record.

use jiff::Timestamp;
use serde::Deserialize;

use super::{super::Body, event::When, recurrence::Recurrence};
use crate::{
    record::{Record, Ref, Task},
    wire::time,
};

/// todoTask resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToDo {
    id: String,
    #[serde(default)]
    title: String,
    status: Option<String>,
    importance: Option<String>,
    body: Option<Body>,
    due_date_time: Option<When>,
    start_date_time: Option<When>,
    completed_date_time: Option<When>,
    recurrence: Option<Recurrence>,
    categories: Option<Vec<String>>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    last_modified_date_time: Option<Timestamp>,
}

impl ToDo {
    /// Its id within the mailbox.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The task in its list. Days are meant as they are written, in whatever zone.
    pub fn into_record(self, list: &Ref) -> Record {
        let day = |when: &Option<When>| when.as_ref().and_then(|of| of.moment(true));
        let task = Task {
            name: self.title,
            completed: self.status.as_deref().map(|word| word == "completed"),
            status: self.status,
            priority: self.importance,
            description: self.body.and_then(Body::words),
            due_on: day(&self.due_date_time),
            start_on: day(&self.start_date_time),
            completed_at: self.completed_date_time.and_then(|of| of.moment(false)?.instant()),
            recurrence: self.recurrence.and_then(|of| of.rule(true)).map(|rule| vec![rule]),
            project: Some(list.clone()),
            tags: self.categories.filter(|tags| !tags.is_empty()),
            created_at: self.created_date_time,
            updated_at: self.last_modified_date_time,
            ..Task::default()
        };
        Record::new(self.id, task)
    }
}
