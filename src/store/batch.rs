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
    pub records: Vec<Ready>,
    /// Storing it waits for the disk. A page that the vendor gives again need not: should the machine fail, the last pages are
    /// lost together with their cursors, and the end of the run waits for all of them.
    pub awaited: bool,
    /// How many pages of the vendor's it is.
    pub pages: u32,
    /// Bytes of its records' properties.
    bytes: usize,
}

/// Most records, and most bytes of their properties, of pages that are stored together.
const TOGETHER: (usize, usize) = (1_000, 4 << 20);

/// A record made ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// The record, without NUL characters.
    pub record: Record,
    /// The digest of its content.
    pub digest: Digest,
    /// Its properties as JSON.
    pub(super) properties: String,
}

impl Ready {
    /// Takes the NUL characters out of a record, which Postgres does not keep, and makes its digest.
    ///
    /// # Errors
    /// When its properties cannot be written as JSON, which is a defect.
    pub(super) fn of(mut record: Record) -> serde_json::Result<Self> {
        match &mut record.key {
            Key::Id(text) | Key::Hash(text) => clean_text(text),
        }
        if let Some(place) = &mut record.place {
            clean_text(place);
        }
        let mut properties = serde_json::to_string(&record.properties)?;
        // Looked for in the text, since nearly no record has one; a backslash that is itself escaped makes six ordinary
        // characters look the same, so what goes is decided on the parsed value.
        if properties.contains("\\u0000") {
            let mut value = serde_json::to_value(&record.properties)?;
            clean_json(&mut value);
            record.properties = Properties::parse(record.properties.kind(), value)?;
            properties = serde_json::to_string(&record.properties)?;
        }
        Ok(Self { digest: Digest::of(&record, &properties), record, properties })
    }
}

impl Batch {
    /// Merges what came twice (the later one wins) and makes the digests. Texts lose their NUL characters, which Postgres
    /// does not keep; a record whose id or place is too long for an index is skipped.
    pub fn of(mut page: Page<Value>) -> Self {
        clean_page(&mut page);
        let mut records: Vec<Ready> = Vec::with_capacity(page.upserts.len());
        let mut at: HashMap<Key, usize> = HashMap::with_capacity(page.upserts.len());
        for record in page.upserts.drain(..) {
            let ready = match Ready::of(record) {
                Ok(ready) if !is_too_long(&ready.record) => ready,
                Ok(_) => {
                    warn!(
                        "a record is left out: its id or its place has more than {MAX_KEY} bytes"
                    );
                    page.skipped += 1;
                    continue;
                }
                Err(error) => {
                    warn!(%error, "a record is left out: it cannot be written as JSON");
                    page.skipped += 1;
                    continue;
                }
            };
            let known = at.get(&ready.record.key).and_then(|index| records.get_mut(*index));
            if let Some(earlier) = known {
                *earlier = ready;
            } else {
                at.insert(ready.record.key.clone(), records.len());
                records.push(ready);
            }
        }
        let bytes = records.iter().map(|ready| ready.properties.len()).sum();
        Self { page, records, awaited: true, pages: 1, bytes }
    }

    /// Takes the plain page that follows it along, to be stored as one: what both bring, and where the later one goes on.
    /// They name different records. Gives it back where the two are too much at once, or do not cover the same.
    #[must_use]
    pub fn join(&mut self, next: Self) -> Option<Self> {
        let fits = self.records.len() + next.records.len() <= TOGETHER.0
            && self.bytes + next.bytes <= TOGETHER.1
            && self.page.covers == next.page.covers
            && self.awaited == next.awaited;
        if !fits {
            return Some(next);
        }
        self.page.next = next.page.next;
        self.page.seen.extend(next.page.seen);
        self.page.skipped += next.page.skipped;
        self.records.extend(next.records);
        self.pages += next.pages;
        self.bytes += next.bytes;
        None
    }

    /// Whether it does nothing but bring records and say what is alive: then it stands for itself beside others that name
    /// other records.
    pub fn is_plain(&self) -> bool {
        let page = &self.page;
        page.replacing.is_empty() && page.patches.is_empty() && page.removed.is_empty()
    }

    /// What it saw alive, as hashes.
    pub fn hashes(&self) -> Vec<i64> {
        let records = self.records.iter().filter_map(|ready| match &ready.record.key {
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

fn clean_text(text: &mut String) {
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
        assert_eq!(batch.records[0].record.key.as_str(), "id");
        assert_eq!(batch.records[0].record.properties.body(), Some("xy"));
        assert_eq!(batch.records[1].record.properties.body(), Some("\\u0000"));
        assert_eq!(batch.page.next, Next::More(json!({ "a": ["b"] })));
    }

    #[test]
    fn pages_that_are_joined_bring_what_each_brought_and_go_on_after_the_last() {
        let page = |id: &str, next: i64| {
            let mut page = Page::new([Record::new(id, note(id))], Next::More(json!(next)));
            page.skipped = 1;
            Batch::of(page.seeing([format!("seen {id}")]))
        };
        let (mut all, mut hashes) = (page("0", 0), page("0", 0).hashes());
        for number in 1..5 {
            let next = page(&number.to_string(), number);
            hashes.extend(next.hashes());
            assert!(all.join(next).is_none());
        }
        let mut joined = all.hashes();
        joined.sort_unstable();
        hashes.sort_unstable();
        assert_eq!(joined, hashes);
        assert_eq!((all.records.len(), all.pages, all.page.skipped), (5, 5, 5));
        assert_eq!(all.page.next, Next::More(json!(4)));
        let bounded = Page::new([Record::new("5", note("5"))], Next::More(json!(5)));
        let other = Batch::of(bounded.covering(crate::provider::Covers::Nothing));
        assert!(all.join(other).is_some(), "it covers something else");
        let many = (0..TOGETHER.0).map(|id| Record::new(format!("n{id}"), note("x")));
        assert!(all.join(Batch::of(Page::new(many, Next::More(json!(6))))).is_some());
        assert_eq!(all.records.len(), 5);
    }

    #[test]
    fn what_differs_in_nul_characters_alone_has_one_digest_and_one_id() {
        let digest = |text| Batch::of(Page::new([Record::new("1", note(text))], Next::Relist));
        assert_eq!(digest("xy").records[0].digest, digest("x\0y").records[0].digest);
        let twice = [Record::new("1", note("x")), Record::new("1\0", note("y"))];
        let batch = Batch::of(Page::new(twice, Next::Relist));
        assert_eq!(batch.records.len(), 1);
        assert_eq!(batch.records[0].record.properties.body(), Some("y"));
    }
}
