//! A row of Airtable as a record.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    provider::Feed,
    record::{Attachment, CustomFields, FieldValue, Note, Record, Ref},
    wire::{Many, time},
};

/// A table and its fields, in the order that people gave them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    pub id: String,
    #[serde(default)]
    name: String,
    primary_field_id: Option<String>,
    #[serde(default)]
    fields: Many<Field>,
}

#[derive(Deserialize)]
struct Field {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// A row; its cells by the fields' ids, empty ones left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Unique in its base.
    id: String,
    #[serde(default, deserialize_with = "time::read_instant")]
    pub created_time: Option<Timestamp>,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct File {
    id: Option<String>,
    filename: Option<String>,
    #[serde(rename = "type")]
    mime_type: Option<String>,
    size: Option<i64>,
}

/// What rows bear of their base and its tables, in short: it changes when a name does.
pub fn fingerprint(base: &Feed, tables: &[Table]) -> String {
    let mut hasher = Sha256::new();
    let mut take = |text: &str| {
        hasher.update(text);
        hasher.update([0]);
    };
    take(&base.name);
    for table in tables {
        take(&table.id);
        take(&table.name);
        take(table.primary_field_id.as_deref().unwrap_or_default());
        table.fields.iter().flat_map(|of| [&of.id, &of.name, &of.kind]).for_each(|text| take(text));
    }
    STANDARD.encode(hasher.finalize())
}

/// A row's name: a duplicated base may have the same ids.
pub fn key(base: &Feed, row: &str) -> String {
    format!("{}:{row}", base.id)
}

/// A plain value in a line of text.
fn line(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => String::new(),
        FieldValue::Bool(bool) => bool.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Text(text) => text.clone(),
        FieldValue::List(values) => values.iter().map(line).collect::<Vec<_>>().join(", "),
    }
}

impl Row {
    /// The row as a record.
    pub fn record(mut self, base: &Feed, table: &Table) -> Record {
        let (mut title, mut lines, mut updated_at) = (None, Vec::new(), None);
        let (mut named, mut attachments) = (CustomFields::new(), None::<Vec<Attachment>>);
        for field in table.fields.iter() {
            let Some(value) = self.fields.remove(&field.id) else { continue };
            match field.kind.as_str() {
                "lastModifiedTime" => {
                    updated_at = updated_at.or(value.as_str().and_then(time::instant));
                }
                "multipleAttachments" => {
                    let files = value.as_array().cloned().unwrap_or_default();
                    let files = Many::<File>::of(files).into_iter();
                    attachments.get_or_insert_default().extend(files.map(Attachment::from));
                }
                _ => {}
            }
            // Formulas that failed give an object that says so.
            let plain = FieldValue::from(value);
            let text = line(&plain);
            if text.is_empty() {
                continue;
            }
            if table.primary_field_id.as_ref() == Some(&field.id) {
                title = Some(text);
                continue;
            }
            lines.push(format!("{}: {text}", field.name));
            named.insert(field.name.clone(), plain);
        }
        let url = format!("https://airtable.com/{}/{}/{}", base.id, table.id, self.id);
        let note = Note {
            kind: Some("row".into()),
            title,
            content: Some(lines.join("\n")).filter(|text| !text.is_empty()),
            workspace: Some(Ref::new(&*base.id, &*base.name)),
            parent: Some(Ref::new(&*table.id, &*table.name)),
            attachments,
            custom_fields: Some(named).filter(|named| !named.is_empty()),
            url: Some(url),
            created_at: self.created_time,
            updated_at,
            ..Note::default()
        };
        Record::new(key(base, &self.id), note).at(&*table.id)
    }
}

impl From<File> for Attachment {
    /// Without its address, which ends after some hours.
    fn from(of: File) -> Self {
        let File { id, filename, mime_type, size } = of;
        Self { id, file_name: filename, mime_type, size, url: None }
    }
}
