//! A Salesforce lead or task as a record.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    record::{self, Moment, Note, Person, Record, Ref},
    wire::time,
};

/// A type of object that is imported.
pub trait Row: DeserializeOwned + Send {
    /// Its name at Salesforce.
    const OBJECT: &'static str;
    /// What is asked of an object.
    const FIELDS: &'static [&'static str];

    /// What every object has.
    fn system(&self) -> &Common;

    /// As a record; `base` is the address of the org.
    fn record(self, base: &str) -> Record;

    /// When the system last changed it.
    fn stamp(&self) -> Option<Timestamp> {
        self.system().system_modstamp
    }

    /// Whether it lies in the recycle bin, or was merged into another.
    fn is_deleted(&self) -> bool {
        self.system().is_deleted
    }

    /// Its id of 18 characters, unique in its org.
    fn into_id(self) -> String {
        self.system().id.clone()
    }
}

/// What every object has.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Common {
    id: String,
    #[serde(default)]
    is_deleted: bool,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    last_modified_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    system_modstamp: Option<Timestamp>,
    owner_id: Option<String>,
    owner: Option<Named>,
}

/// What an object points to; a user, a queue, an account, and so on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: Option<String>,
}

impl Common {
    fn owner(&mut self) -> Option<Person> {
        Person::named(self.owner_id.take(), self.owner.take().and_then(|owner| owner.name))
    }

    fn url(&self, base: &str) -> String {
        format!("{base}/{}", self.id)
    }
}

/// Somebody who may become a customer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lead {
    #[serde(flatten)]
    system: Common,
    name: Option<String>,
    company: Option<String>,
    title: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    status: Option<String>,
    #[serde(rename = "LeadSource")]
    source: Option<String>,
    description: Option<String>,
}

impl Row for Lead {
    const OBJECT: &'static str = "Lead";
    const FIELDS: &'static [&'static str] = &[
        "Id",
        "Name",
        "Company",
        "Title",
        "Email",
        "Phone",
        "Status",
        "LeadSource",
        "Description",
        "OwnerId",
        "Owner.Name",
        "CreatedDate",
        "LastModifiedDate",
        "SystemModstamp",
        "IsDeleted",
    ];

    fn system(&self) -> &Common {
        &self.system
    }

    fn record(mut self, base: &str) -> Record {
        let fields = [
            ("Company", self.company),
            ("Title", self.title),
            ("Email", self.email),
            ("Phone", self.phone),
            ("LeadSource", self.source),
        ];
        let lines = fields.iter().map(|(_, value)| value).chain([&self.description]);
        let lines: Vec<String> = lines.flatten().map(|line| lines_of(line)).collect();
        let note = Note {
            kind: Some("lead".into()),
            title: self.name,
            content: Some(lines.join("\n")).filter(|text| !text.is_empty()),
            status: self.status,
            owner: self.system.owner(),
            url: Some(self.system.url(base)),
            created_at: self.system.created_date,
            updated_at: self.system.last_modified_date,
            custom_fields: Some(
                fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            ),
            ..Note::default()
        };
        Record::new(self.system.id, note)
    }
}

/// A to-do, or a call or mail that was noted.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    #[serde(flatten)]
    system: Common,
    subject: Option<String>,
    description: Option<String>,
    status: Option<String>,
    is_closed: Option<bool>,
    priority: Option<String>,
    #[serde(default, deserialize_with = "time::read_day")]
    activity_date: Option<Date>,
    #[serde(default, deserialize_with = "time::read_instant")]
    completed_date_time: Option<Timestamp>,
    what_id: Option<String>,
    what: Option<Named>,
    who_id: Option<String>,
    who: Option<Named>,
}

impl Row for Task {
    const OBJECT: &'static str = "Task";
    const FIELDS: &'static [&'static str] = &[
        "Id",
        "Subject",
        "Description",
        "Status",
        "IsClosed",
        "Priority",
        "ActivityDate",
        "CompletedDateTime",
        "OwnerId",
        "Owner.Name",
        "WhatId",
        "What.Name",
        "WhoId",
        "Who.Name",
        "CreatedDate",
        "LastModifiedDate",
        "SystemModstamp",
        "IsDeleted",
    ];

    fn system(&self) -> &Common {
        &self.system
    }

    fn record(mut self, base: &str) -> Record {
        let who = Person::named(self.who_id, self.who.and_then(|who| who.name));
        let what = Ref { id: self.what_id, name: self.what.and_then(|what| what.name), url: None };
        let task = record::Task {
            kind: Some("task".into()),
            name: self.subject.unwrap_or_default(),
            description: self.description.map(|text| lines_of(&text)),
            status: self.status,
            completed: self.is_closed,
            priority: self.priority,
            assignee: self.system.owner(),
            due_on: self.activity_date.map(Moment::On),
            project: what.known(),
            participants: who.map(|who| vec![who]),
            url: Some(self.system.url(base)),
            created_at: self.system.created_date,
            updated_at: self.system.last_modified_date,
            completed_at: self.completed_date_time,
            ..record::Task::default()
        };
        Record::new(self.system.id, task)
    }
}

/// A text with the line ends of ours.
fn lines_of(text: &str) -> String {
    text.replace("\r\n", "\n")
}
