//! A note as a record; its content from ENML, Evernote's dialect of XHTML.
//!
//! Facts: Types.thrift; Evernote developer documentation, "Understanding the Evernote Markup Language".

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use jiff::Timestamp;

use super::edam::User;
use crate::{
    record::{Attachment, FieldValue, Note, Person, Record, Ref},
    wire::{html, thrift::Fields},
};

/// Names by id, of notebooks or of tags.
pub type Names = BTreeMap<String, String>;

/// The note's id.
pub(super) fn guid(note: &Fields) -> Option<String> {
    note.text(1).filter(|guid| !guid.is_empty())
}

/// Whether it is not in the trash.
pub(super) fn is_alive(note: &Fields) -> bool {
    note.flag(9) != Some(false)
}

/// When it was written.
pub(super) fn created(note: &Fields) -> Option<Timestamp> {
    moment(note, 6)
}

/// The ids of its notebook and its tags.
pub(super) fn places(note: &Fields) -> (Option<String>, Vec<String>) {
    (note.text(11), note.texts(12).collect())
}

/// The record; `None` for what has no id.
pub(super) fn record(note: &Fields, notebooks: &Names, tags: &Names, me: &User) -> Option<Record> {
    let id = guid(note)?;
    let attributes = note.part(14).cloned().unwrap_or_default();
    let (notebook, tag_ids) = places(note);
    let mut fields = BTreeMap::new();
    if let Some(url) = attributes.text(15) {
        fields.insert("source_url".to_owned(), FieldValue::Text(url));
    }
    if let Some(at) = moment(&attributes, 20) {
        fields.insert("reminder_at".to_owned(), FieldValue::Text(at.to_string()));
    }
    let tags: Vec<String> = tag_ids.iter().filter_map(|id| tags.get(id)).cloned().collect();
    let attachments: Vec<Attachment> = note.parts(13).map(attachment).collect();
    let url = format!("https://www.evernote.com/shard/{}/nl/{}/{id}/", me.shard, me.id);
    let properties = Note {
        kind: Some("note".into()),
        title: note.text(2),
        content: note.text(3).map(|enml| to_markdown(&enml, &file_names(note))),
        workspace: notebook.as_ref().map(|id| Ref {
            id: Some(id.clone()),
            name: notebooks.get(id).cloned(),
            ..Ref::default()
        }),
        author: Person::named(None, attributes.text(13)),
        tags: Some(tags).filter(|tags| !tags.is_empty()),
        attachments: Some(attachments).filter(|files| !files.is_empty()),
        custom_fields: Some(fields).filter(|fields| !fields.is_empty()),
        url: Some(url).filter(|_| !me.shard.is_empty()),
        created_at: created(note),
        updated_at: moment(note, 7),
        ..Note::default()
    };
    let record = Record::new(id, properties);
    Some(match notebook {
        Some(notebook) => record.at(notebook),
        None => record,
    })
}

fn moment(of: &Fields, id: i16) -> Option<Timestamp> {
    of.int(id).filter(|ms| *ms > 0).and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

fn attachment(resource: &Fields) -> Attachment {
    Attachment {
        id: resource.text(1),
        file_name: resource.part(11).and_then(|attributes| attributes.text(10)),
        mime_type: resource.text(4),
        size: resource.part(3).and_then(|data| data.int(2)),
        ..Attachment::default()
    }
}

/// The names of the note's files by the hash that its content refers to them with.
fn file_names(note: &Fields) -> HashMap<String, String> {
    let named = note.parts(13).filter_map(|resource| {
        let name = resource.part(11)?.text(10)?;
        let hash = resource.part(3)?.bytes(1)?.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // to a text: cannot fail
            hex
        });
        Some((hash, name))
    });
    named.collect()
}

/// ENML as Markdown: boxes to tick as `[ ]` and `[x]`, files by name, encrypted passages left out.
fn to_markdown(enml: &str, files: &HashMap<String, String>) -> String {
    let mut page = String::with_capacity(enml.len());
    let mut rest = enml;
    while let Some((before, tag)) = rest.split_once("<en-") {
        page.push_str(before);
        let (tag, after) = tag.split_once('>').unwrap_or((tag, ""));
        rest = after;
        if tag.starts_with("todo") {
            let ticked = attribute(tag, "checked") == Some("true");
            page.push_str(if ticked { "[x] " } else { "[ ] " });
        } else if tag.starts_with("media") {
            let name = attribute(tag, "hash").and_then(|hash| files.get(&hash.to_lowercase()));
            let name = name.map(|name| name.replace('&', "&amp;").replace('<', "&lt;"));
            page.push_str(&name.unwrap_or_default());
        } else if tag.starts_with("crypt") && !tag.ends_with('/') {
            rest = after.split_once("</en-crypt>").map_or("", |(_, behind)| behind);
        }
    }
    page.push_str(rest);
    html::to_markdown(&page)
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}="))?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_reads_as_markdown_with_boxes_and_files_and_without_secrets() {
        let files = HashMap::from([("0aff".to_owned(), "a <b> & c.png".to_owned())]);
        let enml = r#"<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE en-note SYSTEM "x.dtd">
            <en-note bgcolor="white"><h1>Cake</h1><div><en-todo checked="true"/>250&nbsp;g flour</div>
            <div><en-todo/>2 eggs &lt;fresh&gt;</div><div><en-media type="image/png" hash="0AFF"/></div>
            <en-media hash="unknown"/><en-crypt hint="x" cipher="RC2">c2VjcmV0</en-crypt><p>End</p></en-note>"#;
        assert_eq!(
            to_markdown(enml, &files),
            "# Cake\n\n[x] 250 g flour\n[ ] 2 eggs <fresh>\na <b> & c.png\n\nEnd"
        );
        assert_eq!(to_markdown("<en-note/>", &files), "");
        assert_eq!(to_markdown("cut <en-crypt hint", &files), "cut");
    }
}
