//! Pebble: notes, listed by when they changed.
//!
//! Pebble API v2, "List notes", "Errors".

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use neotoma_importers::{
    error::{Error, Result},
    http::Client,
    provider::{
        Account, Feed, Page, Provider, Since,
        spec::{Field, Rate, Spec},
    },
    record::{Kind, Note, Record},
    wire::{Many, time},
};

/// The catalog's entry.
pub static SPEC: Spec = Spec {
    rank: 48,
    id: "pebble",
    name: "Pebble",
    kinds: &[Kind::Note],
    capabilities: &["Notes"],
    help: "A token: Pebble > Settings > Developers.",
    fields: &[Field { help: "Settings > Developers > New token.", ..Field::ACCESS_TOKEN }],
    hosts: &["api.pebble.example"],
    rate: Rate::per_minute(120),
    ..Spec::BASE
};

const API: &str = "https://api.pebble.example/v2";

/// The client of Pebble.
pub struct Pebble;

impl Provider for Pebble {
    type Cursor = Since;

    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me: Me = client.get(format!("{API}/me")).json().await?;
        Ok(Account::new(me.id, me.name).or_known_as(me.email))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Since>) -> Result<Page<Since>> {
        let at = Since::at(cursor, client.now());
        let query = [
            ("changed_since", at.since.or(client.since()).map(|since| since.to_string())),
            ("page", at.page.clone()),
            ("limit", Some(client.page_size(200).to_string())),
        ];
        let listed: Listed = client.get(format!("{API}/notes")).query(&query).json().await?;
        let skipped = listed.notes.skipped;
        let (gone, alive): (Vec<_>, Vec<_>) =
            listed.notes.into_iter().partition(|note| note.deleted);
        let gone = gone.into_iter().map(|note| note.id);
        Ok(Page::new(alive, at.then(listed.next)).removing(gone).skipping(skipped))
    }

    /// A plan without the API is refused as if the token were wrong.
    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let word = body.get("error")?.as_str()?;
        (status == 401 && word == "plan_required")
            .then(|| Error::Forbidden("this needs Pebble's team plan".into()))
    }
}

#[derive(Deserialize)]
struct Me {
    id: String,
    name: String,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    notes: Many<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    deleted: bool,
    title: Option<String>,
    text: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    changed_at: Option<Timestamp>,
}

impl From<Item> for Record {
    fn from(of: Item) -> Self {
        let note = Note {
            title: of.title,
            content: of.text,
            updated_at: of.changed_at,
            ..Note::default()
        };
        Self::new(of.id, note)
    }
}
