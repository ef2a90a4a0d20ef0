//! A Gmail message as a record.

use std::collections::HashMap;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

use crate::{
    record::{Attachment, Direction, Message, MessageKind, Person, Record},
    wire::{Many, html, mail, time},
};

/// Labels of what is no mail of the mailbox: drafts get a new id at every edit, chats are no mail.
const NOT_IMPORTED: [&str; 4] = ["DRAFT", "CHAT", "TRASH", "SPAM"];

/// base64url, usually padded.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `users.messages`, format `full`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    id: String,
    thread_id: Option<String>,
    /// Absent on archived mail without labels.
    #[serde(default)]
    label_ids: Vec<String>,
    #[serde(default)]
    snippet: String,
    /// Milliseconds since 1970.
    internal_date: Option<String>,
    #[serde(default)]
    payload: Part,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    mime_type: String,
    filename: String,
    headers: Many<Header>,
    body: Body,
    parts: Many<Part>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    size: Option<i64>,
    data: Option<String>,
}

impl Mail {
    /// Whether it is a record, or one no longer.
    pub fn is_imported(&self) -> bool {
        !self.label_ids.iter().any(|label| NOT_IMPORTED.contains(&label.as_str()))
    }

    /// Whether it bears labels of the user's own: the service's are in capitals.
    pub fn has_own_labels(&self) -> bool {
        self.label_ids.iter().any(|label| label.contains(|c: char| c.is_ascii_lowercase()))
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        1024 + self.payload.size()
    }

    /// The record. `names` are those of the user's labels, where they are known.
    pub fn into_record(self, names: Option<&HashMap<String, String>>) -> Record {
        let head = &self.payload;
        let (_, text) = head.text();
        let mut attachments = Vec::new();
        head.attachments(&mut attachments);
        let has = |label: &str| self.label_ids.iter().any(|own| own == label);
        let message = Message {
            subject: head
                .header("Subject")
                .map(|text| mail::words(text).into_owned())
                .filter(|s| !s.is_empty()),
            text,
            snippet: Some(html::unescape(&self.snippet).trim_matches(is_padding).to_owned()),
            from: head.people("From").and_then(|from| from.into_iter().next()),
            to: head.people("To"),
            cc: head.people("Cc"),
            bcc: head.people("Bcc"),
            tags: names.map(|names| {
                self.label_ids.iter().filter_map(|id| names.get(id).cloned()).collect()
            }),
            is_read: Some(!has("UNREAD")),
            direction: Some(if has("SENT") { Direction::Out } else { Direction::In }),
            attachments: Some(attachments),
            sent_at: self.internal_date.as_deref().and_then(time::epoch_millis),
            thread_id: self.thread_id,
            label_ids: Some(self.label_ids),
            ..Message::of(MessageKind::Email)
        };
        Record::new(self.id, message)
    }
}

impl Part {
    /// The first header of that name; names are as the sender wrote them.
    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }

    fn people(&self, name: &str) -> Option<Vec<Person>> {
        self.header(name).map(mail::people)
    }

    /// The best text of this part and those inside: plain text, else HTML. Files, and mails attached as such, are not
    /// searched: theirs is not this mail's text.
    fn text(&self) -> (bool, Option<String>) {
        if !self.filename.is_empty() || self.mime_type.eq_ignore_ascii_case("message/rfc822") {
            return (false, None);
        }
        let plain = self.mime_type.eq_ignore_ascii_case("text/plain");
        if plain || self.mime_type.eq_ignore_ascii_case("text/html") {
            let text = self
                .decoded()
                .map(|text| if plain { mail::tidy(&text) } else { html::to_markdown(&text) });
            return (plain, text.filter(|text| !text.is_empty()));
        }
        let mut best = (false, None);
        for part in self.parts.iter() {
            match part.text() {
                (true, Some(text)) => return (true, Some(text)),
                found if best.1.is_none() => best = found,
                _ => {}
            }
        }
        best
    }

    fn decoded(&self) -> Option<String> {
        let bytes = BASE64.decode(self.body.data.as_deref()?.trim()).ok()?;
        Some(mail::decode(bytes, self.header("Content-Type")))
    }

    /// Without their `attachmentId`, which changes with every request.
    fn attachments(&self, into: &mut Vec<Attachment>) {
        if !self.filename.is_empty() {
            into.push(Attachment {
                file_name: Some(mail::words(&self.filename).into_owned()),
                mime_type: Some(self.mime_type.clone()).filter(|kind| !kind.is_empty()),
                size: self.body.size,
                ..Attachment::default()
            });
        }
        self.parts.iter().for_each(|part| part.attachments(into));
    }

    fn size(&self) -> usize {
        let inside: usize = self.parts.iter().map(Self::size).sum();
        self.body.data.as_ref().map_or(0, String::len) + inside
    }
}

/// Blanks, and the invisible characters with which newsletters fill their previews.
fn is_padding(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::Properties;

    fn text(kind: &str, body: &str) -> Value {
        let data = base64::engine::general_purpose::URL_SAFE.encode(body);
        json!({"mimeType": kind, "filename": "", "body": {"size": body.len(), "data": data}})
    }

    fn file(name: &str, parts: &[Value]) -> Value {
        let body = json!({"attachmentId": "changes", "size": 7});
        json!({"mimeType": "application/x", "filename": name, "body": body, "parts": parts})
    }

    fn multipart(parts: &[Value]) -> Value {
        json!({"mimeType": "multipart/mixed", "filename": "", "body": {"size": 0}, "parts": parts})
    }

    fn read(mail: &Value) -> Message {
        let mail: Mail = serde_json::from_value(mail.clone()).unwrap();
        let names = HashMap::from([("Label_42".to_owned(), "Projekte".to_owned())]);
        match mail.into_record(Some(&names)).properties {
            Properties::Message(message) => *message,
            other => panic!("{other:?}"),
        }
    }

    fn body(payload: Value) -> Option<String> {
        read(&Value::from_iter([("id", "1".into()), ("payload", payload)])).text
    }

    #[test]
    fn a_mail_becomes_a_message_with_people_labels_and_files() {
        let mut payload =
            multipart(&[text("text/plain", "Hallo Zoë\r\n"), file("Prüfbericht.pdf", &[])]);
        payload["headers"] = json!([
            {"name": "SUBJECT", "value": "=?utf-8?q?Pr=C3=BCfung?="},
            {"name": "subject", "value": "a second one"},
            {"name": "from", "value": "Jürgen <j@x.de>, other@x.de"},
            {"name": "To", "value": "undisclosed-recipients:;"},
        ]);
        let mail = read(
            &json!({"id": "1", "threadId": "t", "labelIds": ["SENT", "UNREAD", "Label_42"],
            "snippet": "A &amp; B&#39;s \u{200c} \u{34f}", "internalDate": "1772323199250", "payload": payload}),
        );
        assert_eq!(mail.subject.as_deref(), Some("Prüfung"));
        let from = mail.from.unwrap();
        assert_eq!((from.name.as_deref(), from.email.as_deref()), (Some("Jürgen"), Some("j@x.de")));
        assert_eq!((mail.to, mail.cc), (Some(vec![]), None));
        assert_eq!(
            (mail.text.as_deref(), mail.snippet.as_deref()),
            (Some("Hallo Zoë"), Some("A & B's"))
        );
        assert_eq!((mail.is_read, mail.direction), (Some(false), Some(Direction::Out)));
        assert_eq!(mail.tags, Some(vec!["Projekte".into()]));
        assert_eq!(mail.thread_id.as_deref(), Some("t"));
        assert_eq!(mail.sent_at.unwrap().to_string(), "2026-02-28T23:59:59.25Z");
        let pdf = Attachment {
            file_name: Some("Prüfbericht.pdf".into()),
            mime_type: Some("application/x".into()),
            size: Some(7),
            ..Attachment::default()
        };
        assert_eq!(mail.attachments, Some(vec![pdf]));
    }

    #[test]
    fn a_mail_that_lacks_nearly_everything_is_still_a_record() {
        let mail = read(&json!({"id": "1", "internalDate": "soon"}));
        assert_eq!((mail.subject, mail.text, mail.from, mail.sent_at), (None, None, None, None));
        assert_eq!((mail.label_ids, mail.attachments), (Some(vec![]), Some(vec![])));
        assert_eq!((mail.is_read, mail.direction), (Some(true), Some(Direction::In)));
    }

    #[test]
    fn the_text_is_the_first_plain_one_at_any_depth_else_the_html() {
        let html = text("text/html", "<p>Hi <b>you</b></p>");
        let nested = multipart(&[html.clone(), multipart(&[text("text/plain", "plain")])]);
        assert_eq!(body(nested).as_deref(), Some("plain"));
        assert_eq!(
            body(multipart(&[text("text/plain", " \r\n"), html.clone()])).as_deref(),
            Some("Hi you")
        );
        assert_eq!(body(html).as_deref(), Some("Hi you"));
        assert_eq!(body(text("text/html", "<img src=cid:logo>")), None);
    }

    #[test]
    fn the_text_of_an_attached_file_or_mail_is_not_the_mails() {
        let mut notes = text("text/plain", "notes");
        notes["filename"] = "notes.txt".into();
        let forwarded = json!({"mimeType": "message/rfc822", "filename": "",
            "parts": [text("text/plain", "theirs"), file("inner.png", &[])]});
        let payload = multipart(&[notes, forwarded, text("text/html", "ours")]);
        let mail = read(&json!({"id": "1", "payload": payload}));
        assert_eq!(mail.text.as_deref(), Some("ours"));
        let names: Vec<_> =
            mail.attachments.unwrap().into_iter().filter_map(|file| file.file_name).collect();
        assert_eq!(names, ["notes.txt", "inner.png"]);
    }

    #[test]
    fn an_odd_part_or_header_is_left_out_and_the_mail_kept() {
        let payload = json!({"mimeType": "multipart/mixed", "headers": [7, {"name": "Subject", "value": "kept"}],
            "parts": [{"mimeType": 1}, text("text/plain", "kept"), {"mimeType": "text/plain", "body": {"data": "%%"}}]});
        let mail = read(&json!({"id": "1", "payload": payload}));
        assert_eq!((mail.subject.as_deref(), mail.text.as_deref()), (Some("kept"), Some("kept")));
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for data in ["aGk=", "aGk", "aGl\n"] {
            let payload = json!({"mimeType": "text/plain", "body": {"data": data}});
            assert_eq!(body(payload).as_deref(), Some("hi"), "{data}");
        }
    }
}
