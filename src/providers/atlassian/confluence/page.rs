//! A Confluence page as a record.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::storage;
use crate::{
    record::{Note, Person, Record, Ref},
    wire::time,
};

/// The names that pages refer to by id.
pub struct Names {
    /// Of spaces.
    pub spaces: Arc<HashMap<String, String>>,
    /// Of people.
    pub people: HashMap<String, User>,
}

/// A person.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The same at all of Atlassian's services.
    pub account_id: String,
    /// The name.
    pub display_name: Option<String>,
    /// Empty where the person hides it.
    pub email: Option<String>,
}

/// A page, current, archived or trashed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Digits, unique within the site.
    pub id: String,
    status: Option<String>,
    title: Option<String>,
    space_id: Option<String>,
    /// A page or a folder.
    parent_id: Option<String>,
    author_id: Option<String>,
    owner_id: Option<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "time::read_instant")]
    pub created_at: Option<Timestamp>,
    version: Option<Version>,
    body: Option<Body>,
    #[serde(rename = "_links")]
    links: Option<Links>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    number: Option<i64>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Body {
    storage: Option<Storage>,
}

#[derive(Deserialize)]
struct Storage {
    value: Option<String>,
}

#[derive(Deserialize)]
struct Links {
    webui: Option<String>,
}

impl Content {
    /// When its newest version was made.
    pub fn changed_at(&self) -> Option<Timestamp> {
        self.version.as_ref()?.created_at
    }

    /// The ids of the people that it names.
    pub fn people(&self) -> impl Iterator<Item = &String> {
        [&self.author_id, &self.owner_id].into_iter().flatten()
    }

    /// Its record; `base` is what links to it begin with.
    pub fn into_record(self, names: &Names, base: &str) -> Record {
        let space = self.space_id.map(|id| {
            let name = names.spaces.get(&id).cloned();
            Ref { id: Some(id), name, url: None }
        });
        let body = self.body.and_then(|body| body.storage?.value);
        let webui = self.links.and_then(|links| links.webui);
        let (number, changed) = self
            .version
            .map_or((None, None), |of| (of.number.map(|number| number.to_string()), of.created_at));
        let note = Note {
            kind: Some("page".into()),
            title: self.title,
            content: body.map(|body| storage::to_markdown(&body)).filter(|text| !text.is_empty()),
            workspace: space,
            parent: self.parent_id.map(|id| Ref { id: Some(id), ..Ref::default() }),
            author: self.author_id.map(|id| person(id, names)),
            owner: self.owner_id.map(|id| person(id, names)),
            status: self.status,
            version: number,
            url: webui.map(|path| format!("{base}{path}")),
            created_at: self.created_at,
            updated_at: changed,
            ..Note::default()
        };
        Record::new(self.id, note)
    }
}

fn person(id: String, names: &Names) -> Person {
    let known = names.people.get(&id).cloned();
    let (name, email) = known.map_or((None, None), |user| (user.display_name, user.email));
    Person { id: Some(id), name, email: email.filter(|it| !it.is_empty()), handle: None }
}
