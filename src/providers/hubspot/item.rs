//! A HubSpot object as a record.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    record::{Attachment, FieldValue, Moment, Note, Person, Record, Ref, Task},
    wire::{html, time},
};

/// A type of object.
pub struct Type {
    /// In addresses, and before the ids: those are unique for one type only.
    pub name: &'static str,
    /// HubSpot's number of it, which shown addresses bear.
    number: &'static str,
    /// What is asked of an object.
    pub properties: &'static [&'static str],
}

/// What is imported.
pub static TYPES: [Type; 3] = [
    Type {
        name: "deals",
        number: "0-3",
        properties: &[
            "dealname",
            "dealstage",
            "pipeline",
            "closedate",
            "amount",
            "hubspot_owner_id",
            "description",
            "hs_is_closed",
            "hs_merged_object_ids",
            "hs_lastmodifieddate",
        ],
    },
    Type {
        name: "tasks",
        number: "0-27",
        properties: &[
            "hs_task_subject",
            "hs_task_status",
            "hs_timestamp",
            "hubspot_owner_id",
            "hs_task_body",
            "hs_task_priority",
            "hs_task_completion_date",
            "hs_lastmodifieddate",
        ],
    },
    Type {
        name: "notes",
        number: "0-46",
        properties: &[
            "hs_note_body",
            "hubspot_owner_id",
            "hs_attachment_ids",
            "hs_lastmodifieddate",
        ],
    },
];

impl Type {
    /// The id of a record.
    pub fn id(&self, id: &str) -> String {
        format!("{}:{id}", self.name)
    }

    /// Whether its objects move through the stages of a pipeline.
    pub fn has_pipelines(&self) -> bool {
        self.name == "deals"
    }
}

/// A deal, task or note.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Unique for its type in its portal.
    pub id: String,
    /// Texts, numbers and truths too, or null.
    #[serde(default)]
    properties: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_at: Option<Timestamp>,
}

/// What objects point to.
pub struct Around {
    /// The pipelines by id.
    pub pipelines: BTreeMap<String, Pipeline>,
    /// The people by id, and the portal.
    pub shared: Arc<(BTreeMap<String, Owner>, Portal)>,
}

/// The account.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Portal {
    /// Its number.
    pub portal_id: u64,
    /// The host that people work at.
    #[serde(default)]
    ui_domain: Option<String>,
}

/// Somebody whom objects may belong to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Its id, which is not the user's.
    pub id: String,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
}

/// A pipeline of deals.
#[derive(Deserialize)]
pub struct Pipeline {
    /// Its id.
    pub id: String,
    label: Option<String>,
    #[serde(default)]
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    id: String,
    label: Option<String>,
}

impl Object {
    /// When it was modified, in milliseconds since 1970, as searches count.
    pub fn modified(&self) -> Option<i64> {
        time::instant(self.text("hs_lastmodifieddate")?).map(Timestamp::as_millisecond)
    }

    /// Ids of objects that were merged into it.
    pub fn merged(&self) -> impl Iterator<Item = &str> {
        let ids = self.text("hs_merged_object_ids").unwrap_or_default().split(';');
        ids.map(str::trim).filter(|id| !id.is_empty() && *id != self.id)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(Into::into)
    }

    fn moment(&self, name: &str) -> Option<Timestamp> {
        time::instant(self.text(name)?)
    }

    fn markdown(&self, name: &str) -> Option<String> {
        self.text(name).map(html::from_field).filter(|text| !text.is_empty())
    }

    /// As a record.
    pub fn record(self, of: &Type, around: &Around) -> Record {
        let (owners, portal) = &*around.shared;
        let owner = self.text("hubspot_owner_id").and_then(|id| {
            let known = owners.get(id).map(Person::from);
            known.or_else(|| Person::named(Some(id.into()), None))
        });
        let host = portal.ui_domain.as_deref().unwrap_or("app.hubspot.com");
        let number = of.number;
        let url =
            format!("https://{host}/contacts/{}/record/{number}/{}", portal.portal_id, self.id);
        let id = of.id(&self.id);
        if of.name == "notes" {
            return Record::new(id, self.note(owner, url));
        }
        let task = Task {
            assignee: owner,
            url: Some(url),
            created_at: self.created_at,
            updated_at: self.updated_at,
            ..if of.has_pipelines() { self.deal(around) } else { self.task() }
        };
        Record::new(id, task)
    }

    fn note(&self, owner: Option<Person>, url: String) -> Note {
        let files = self.text("hs_attachment_ids").map(|ids| {
            let ids = ids.split(';').map(str::trim).filter(|id| !id.is_empty());
            ids.map(|id| Attachment { id: Some(id.into()), ..Attachment::default() }).collect()
        });
        Note {
            kind: Some("note".into()),
            content: self.markdown("hs_note_body"),
            owner,
            attachments: files,
            url: Some(url),
            created_at: self.created_at,
            updated_at: self.updated_at,
            ..Note::default()
        }
    }

    fn deal(&self, around: &Around) -> Task {
        let pipeline = self.text("pipeline");
        let known = pipeline.and_then(|id| around.pipelines.get(id));
        let stage = self.text("dealstage");
        let label = stage.and_then(|id| {
            let stage = known?.stages.iter().find(|stage| stage.id == id)?;
            stage.label.clone()
        });
        Task {
            kind: Some("deal".into()),
            name: self.owned("dealname").unwrap_or_default(),
            description: self.owned("description"),
            status: label.or_else(|| stage.map(Into::into)),
            completed: self.text("hs_is_closed").map(|word| word == "true"),
            due_on: self.moment("closedate").map(Moment::At),
            project: pipeline.map(|id| Ref {
                id: Some(id.into()),
                name: known.and_then(|pipeline| pipeline.label.clone()),
                url: None,
            }),
            custom_fields: self
                .owned("amount")
                .map(|amount| [("amount".to_owned(), FieldValue::Text(amount))].into()),
            ..Task::default()
        }
    }

    fn task(&self) -> Task {
        let status = self.owned("hs_task_status");
        Task {
            kind: Some("task".into()),
            name: self.owned("hs_task_subject").unwrap_or_default(),
            description: self.markdown("hs_task_body"),
            completed: status.as_ref().map(|status| status == "COMPLETED"),
            status,
            priority: self.owned("hs_task_priority"),
            due_on: self.moment("hs_timestamp").map(Moment::At),
            completed_at: self.moment("hs_task_completion_date"),
            ..Task::default()
        }
    }
}

impl From<&Owner> for Person {
    fn from(of: &Owner) -> Self {
        let names = [&of.first_name, &of.last_name].map(|name| name.as_deref().unwrap_or_default());
        let name = names.join(" ").trim().to_owned();
        Self {
            id: Some(of.id.clone()),
            name: Some(name).filter(|name| !name.is_empty()),
            email: of.email.clone().filter(|email| !email.is_empty()),
            handle: None,
        }
    }
}
