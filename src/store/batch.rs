//! A page made ready to be stored: cleaned, duplicates merged, digests known.

use std::collections::HashMap;

use serde_json::Value;
use tracing::warn;

use super::sweep::hash_id;
use crate::{
    provider::{Gone, Page},
    record::{Digest, Key, Properties, Record},
};

/// The longest id and the longest place that are stored, in bytes: an entry of an index holds 2704.
const MAX_KEY: usize = 2048;

/// A page made ready to be stored.
#[derive(Debug)]
pub struct Batch {
    /// The page; its upserts are moved out.
    pub page: Page<Value>,
    /// Its records, each id once.
    pub records: Vec<(Record, Digest)>,
}

impl Batch {
    /// Merges what came twice (the later one wins) and makes the digests. Texts lose their NUL characters, which Postgres
    /// does not keep; a record whose id or place is too long for an index is skipped.
    pub fn of(mut page: Page<Value>) -> Self {
        clean_page(&mut page);
        let mut records: Vec<Record> = Vec::with_capacity(page.upserts.len());
        let mut at: HashMap<Key, usize> = HashMap::with_capacity(page.upserts.len());
        for mut record in page.upserts.drain(..) {
            clean(&mut record);
            if is_too_long(&record) {
                warn!("a record is left out: its id or its place has more than {MAX_KEY} bytes");
                page.skipped += 1;
                continue;
            }
            let known = at.get(&record.key).and_then(|index| records.get_mut(*index));
            if let Some(earlier) = known {
                *earlier = record;
            } else {
                at.insert(record.key.clone(), records.len());
                records.push(record);
            }
        }
        let digested = records.into_iter().map(|record| {
            let digest = record.digest();
            (record, digest)
        });
        Self { records: digested.collect(), page }
    }

    /// What it saw alive, as hashes.
    pub fn hashes(&self) -> Vec<i64> {
        let records = self.records.iter().filter_map(|(record, _)| match &record.key {
            Key::Id(id) => Some(id.as_str()),
            Key::Hash(_) => None,
        });
        let seen = self.page.seen.iter().map(String::as_str);
        let patched = self.page.patches.iter().map(|(id, _)| id.as_str());
        records.chain(seen).chain(patched).map(hash_id).collect()
    }
}

fn is_too_long(record: &Record) -> bool {
    record.key.as_str().len() > MAX_KEY
        || record.place.as_ref().is_some_and(|place| place.len() > MAX_KEY)
}

/// Takes the NUL characters out of everything but the records.
fn clean_page(page: &mut Page<Value>) {
    page.replacing.iter_mut().for_each(clean_text);
    page.seen.iter_mut().for_each(clean_text);
    page.patches.iter_mut().for_each(|(id, _)| clean_text(id));
    for one in &mut page.reacted {
        clean_text(&mut one.id);
        clean_text(&mut one.by);
        one.name.as_mut().map(clean_text);
    }
    page.reacted.retain(|one| one.id.len() + one.by.len() <= MAX_KEY);
    for gone in &mut page.removed {
        match gone {
            Gone::Id(text) | Gone::Place(text) | Gone::Under(text) => clean_text(text),
        }
    }
    if let Some(cursor) = page.next.cursor_mut() {
        clean_json(cursor);
    }
}

/// Takes the NUL characters out of a record.
pub(super) fn clean(record: &mut Record) {
    match &mut record.key {
        Key::Id(text) | Key::Hash(text) => clean_text(text),
    }
    if let Some(place) = &mut record.place {
        clean_text(place);
    }
    // Looked for in the text, since nearly no record has one; a backslash that is itself escaped makes six ordinary
    // characters look the same, so what goes is decided on the parsed value.
    let suspect = serde_json::to_string(&record.properties)
        .is_ok_and(|properties| properties.contains("\\u0000"));
    if !suspect {
        return;
    }
    let cleaned = serde_json::to_value(&record.properties).and_then(|mut properties| {
        clean_json(&mut properties);
        Properties::parse(record.properties.kind(), properties)
    });
    if let Ok(cleaned) = cleaned {
        record.properties = cleaned;
    }
}

pub(super) fn clean_text(text: &mut String) {
    if text.contains('\0') {
        text.retain(|c| c != '\0');
    }
}

fn clean_json(value: &mut Value) {
    match value {
        Value::String(text) => clean_text(text),
        Value::Array(items) => items.iter_mut().for_each(clean_json),
        Value::Object(fields) => {
            fields.values_mut().for_each(clean_json);
            if fields.keys().any(|key| key.contains('\0')) {
                let old = std::mem::take(fields);
                fields.extend(old.into_iter().map(|(mut key, value)| {
                    clean_text(&mut key);
                    (key, value)
                }));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{provider::Next, record::Note};

    fn note(text: &str) -> Note {
        Note { content: Some(text.into()), ..Note::default() }
    }

    #[test]
    fn a_nul_goes_and_a_text_that_only_looks_like_one_stays() {
        let records = [Record::new("i\0d", note("x\0y")), Record::new("other", note("\\u0000"))];
        let batch = Batch::of(Page::new(records, Next::More(json!({ "a\0": ["\0b"] }))));
        assert_eq!(batch.records[0].0.key.as_str(), "id");
        assert_eq!(batch.records[0].0.properties.body(), Some("xy"));
        assert_eq!(batch.records[1].0.properties.body(), Some("\\u0000"));
        assert_eq!(batch.page.next, Next::More(json!({ "a": ["b"] })));
    }

    #[test]
    fn what_differs_in_nul_characters_alone_has_one_digest_and_one_id() {
        let digest = |text| Batch::of(Page::new([Record::new("1", note(text))], Next::Relist));
        assert_eq!(digest("xy").records[0].1, digest("x\0y").records[0].1);
        let twice = [Record::new("1", note("x")), Record::new("1\0", note("y"))];
        let batch = Batch::of(Page::new(twice, Next::Relist));
        assert_eq!(batch.records.len(), 1);
        assert_eq!(batch.records[0].0.properties.body(), Some("y"));
    }
}
