//! A mail as it travels (RFC 5322, MIME), as a message: the same text, people and files that a mail service makes of it.

use std::{borrow::Cow, fmt::Write as _};

use mail_parser::{MessageParser, MessagePart, MimeHeaders as _, PartType};
use sha2::{Digest as _, Sha256};

use super::{html, mail, time};
use crate::record::{Attachment, Message, MessageKind, Person};

/// How deep parts may lie in each other.
const DEEPEST: usize = 50;
/// How many mails may lie in one that are read as mails, in each other or side by side.
const FORWARDED: usize = 20;
/// Most files of one mail.
const FILES: usize = 1_000;

/// A mail that was read.
pub struct Mail<'a>(mail_parser::Message<'a>);

impl<'a> Mail<'a> {
    /// Reads a mail; nothing for what has no headers.
    pub fn read(raw: &'a [u8]) -> Option<Self> {
        let mail = Self(match tamed(raw) {
            Cow::Borrowed(raw) => MessageParser::default().parse(raw)?,
            Cow::Owned(raw) => MessageParser::default().parse(&raw)?.into_owned(),
        });
        let is_mail = mail.0.headers_raw().next().is_some();
        is_mail.then_some(mail)
    }

    /// The first header of that name, in one line.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut all = self.0.headers_raw();
        let (_, value) = all.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value.replace(['\r', '\n'], "").trim().to_owned())
    }

    fn people(&self, name: &str) -> Option<Vec<Person>> {
        self.header(name).map(|header| mail::people(&header))
    }

    /// What it says.
    pub fn message(&self) -> Message {
        let (_, text) = self.text(0, 0);
        let mut attachments = Vec::new();
        attachments_of(&self.0, 0, &mut attachments);
        let subject = self.header("Subject").map(|text| mail::words(&text).into_owned());
        Message {
            subject: subject.filter(|subject| !subject.is_empty()),
            text,
            from: self.people("From").and_then(|from| from.into_iter().next()),
            to: self.people("To"),
            cc: self.people("Cc"),
            bcc: self.people("Bcc"),
            attachments: Some(attachments),
            sent_at: self.header("Date").as_deref().and_then(time::instant),
            ..Message::of(MessageKind::Email)
        }
    }

    /// The best text of a part and those inside: plain text, else HTML. Files, and mails attached as such, are not searched.
    fn text(&self, id: u32, depth: usize) -> (bool, Option<String>) {
        let Some(part) = self.0.part(id) else { return (false, None) };
        if part.attachment_name().is_some() || depth > DEEPEST {
            return (false, None);
        }
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        match &part.body {
            PartType::Text(text) if is_plain(part) => (true, some(mail::tidy(text))),
            PartType::Html(html) => (false, some(html::to_markdown(html))),
            PartType::Multipart(parts) => {
                let mut best = (false, None);
                for part in parts {
                    match self.text(*part, depth + 1) {
                        (true, Some(text)) => return (true, Some(text)),
                        found if best.1.is_none() => best = found,
                        _ => {}
                    }
                }
                best
            }
            _ => (false, None),
        }
    }

    /// What names it where no service has: its Message-ID, else its date, sender, subject and text.
    pub fn hash(&self, message: &Message) -> String {
        let mut hash = Sha256::new();
        let mut add = |name: &str, value: &str| {
            hash.update(format!("{name} {}\n", value.len()));
            hash.update(value);
        };
        let id = self.header("Message-ID").unwrap_or_default();
        let id = id.trim_matches(['<', '>', ' ']);
        if id.is_empty() {
            let from = message.from.as_ref();
            let sender = from.and_then(|from| from.email.as_deref().or(from.name.as_deref()));
            add("date", &message.sent_at.map(|at| at.to_string()).unwrap_or_default());
            add("from", sender.unwrap_or_default());
            add("subject", message.subject.as_deref().unwrap_or_default());
            add("text", message.text.as_deref().unwrap_or_default());
        } else {
            add("message-id", id);
        }
        hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // a text takes everything
            hex
        })
    }
}

/// The mail with no more mails in it than can be read: `mail-parser` goes into each of them without a bound, and into encoded
/// ones, of which nobody sees beforehand what they hold. The others become files.
fn tamed(raw: &[u8]) -> Cow<'_, [u8]> {
    let mut tamed = Cow::Borrowed(raw);
    let (mut forwarded, mut block, mut at) = (0, 0, 0);
    for line in raw.split_inclusive(|c| *c == b'\n') {
        at += line.len();
        if !line.trim_ascii().is_empty() && at < raw.len() {
            continue;
        }
        // The lines between two empty ones, which may be the headers of a part.
        let lines = raw.get(block..at).unwrap_or_default();
        if names(lines, b"content-type:").is_some() {
            let encoded = ["base64", "quoted-printable", "uuencode"];
            let encoded = encoded.iter().any(|way| names(lines, way.as_bytes()).is_some());
            for (word, always) in
                [(&b"rfc822"[..], encoded), (b"global", encoded), (b"digest", true)]
            {
                let mut from = 0;
                while let Some(found) = names(lines.get(from..).unwrap_or_default(), word) {
                    from += found + word.len();
                    forwarded += 1;
                    if (always || forwarded > FORWARDED)
                        && let Some(last) = tamed.to_mut().get_mut(block + from - 1)
                    {
                        *last = b'-';
                    }
                }
            }
        }
        block = at;
    }
    tamed
}

/// Where a word stands in a text, whatever its case.
fn names(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|part| part.eq_ignore_ascii_case(word))
}

fn is_plain(part: &MessagePart<'_>) -> bool {
    part.content_type().is_none_or(|kind| {
        kind.ctype().eq_ignore_ascii_case("text")
            && kind.subtype().is_none_or(|subtype| subtype.eq_ignore_ascii_case("plain"))
    })
}

fn attachments_of(mail: &mail_parser::Message<'_>, depth: usize, into: &mut Vec<Attachment>) {
    for part in &mail.parts {
        if let Some(name) = part.attachment_name().filter(|name| !name.is_empty()) {
            if into.len() >= FILES {
                return;
            }
            let kind = part.content_type().map(|kind| match kind.subtype() {
                Some(subtype) => format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase(),
                None => kind.ctype().to_ascii_lowercase(),
            });
            into.push(Attachment {
                file_name: Some(mail::words(name).into_owned()),
                mime_type: kind,
                size: i64::try_from(part.len()).ok(),
                ..Attachment::default()
            });
        }
        if let PartType::Message(inner) = &part.body
            && depth < DEEPEST
        {
            attachments_of(inner, depth + 1, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: =?utf-8?q?J=C3=BCrgen?= <j@x.de>\r\nTo: a@x.de, \"Ops, Team\" <ops@x.de>\r\n\
        Subject: =?utf-8?q?Pr=C3=BCfung_?=\r\n =?utf-8?q?l=C3=A4uft?=\r\nDate: Mon, 2 Mar 2026 07:00:00 +0100\r\n\
        Message-ID: <m1@x.de>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: text/html\r\n\r\n<p>Hi <b>you</b></p>\r\n--b\r\n\
        Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        Gr=FC=DFe\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--b--\r\n";

    fn read(raw: &str) -> Message {
        Mail::read(raw.as_bytes()).unwrap().message()
    }

    #[test]
    fn a_mail_says_what_a_service_would_make_of_it() {
        let mail = read(MAIL);
        assert_eq!(mail.subject.as_deref(), Some("Prüfung läuft"));
        assert_eq!(mail.text.as_deref(), Some("Grüße"));
        assert_eq!(mail.from.unwrap().name.as_deref(), Some("Jürgen"));
        assert_eq!(mail.to.unwrap().len(), 2);
        assert_eq!(mail.sent_at.unwrap().to_string(), "2026-03-02T06:00:00Z");
        let file = &mail.attachments.unwrap()[0];
        assert_eq!((file.file_name.as_deref(), file.size), (Some("a.pdf"), Some(4)));
        assert_eq!(file.mime_type.as_deref(), Some("application/pdf"));
    }

    #[test]
    fn html_alone_becomes_text_and_nothing_at_all_is_still_a_mail() {
        let html = read("Subject: x\nContent-Type: text/html\n\n<p>Hi <b>you</b></p>\n");
        assert!(html.text.unwrap().starts_with("Hi "));
        let bare = read("X-Only: 1\n\n");
        assert_eq!((bare.subject, bare.text, bare.from, bare.sent_at), (None, None, None, None));
        assert!(Mail::read(b"").is_none());
    }

    #[test]
    fn a_mail_is_named_by_its_message_id_else_by_what_it_says() {
        let hash = |raw: &str| {
            let mail = Mail::read(raw.as_bytes()).unwrap();
            mail.hash(&mail.message())
        };
        assert_eq!(
            hash("Message-ID: <a@b>\nSubject: 1\n\n"),
            hash("message-id: a@b\nSubject: 2\n\nx")
        );
        let without =
            |subject: &str, text: &str| hash(&format!("From: a@b\nSubject: {subject}\n\n{text}"));
        assert_eq!(without("1", "x"), without("1", "x\r\n"));
        assert_ne!(without("1", "x"), without("2", "x"));
        assert_ne!(without("1", "x"), without("1", "y"));
        assert_ne!(without("1", "2 3"), without("1 2", "3"));
    }

    #[test]
    fn a_forwarded_mail_gives_its_files_and_not_its_text() {
        let inner = "Subject: inner\nContent-Type: application/pdf; name=b.pdf\n\nx\n";
        let mail = read(&format!(
            "Subject: outer\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nours\n--b\n\
             Content-Type: message/rfc822\n\n{inner}--b--\n"
        ));
        assert_eq!((mail.subject.as_deref(), mail.text.as_deref()), (Some("outer"), Some("ours")));
        let names: Vec<_> =
            mail.attachments.unwrap().into_iter().filter_map(|file| file.file_name).collect();
        assert_eq!(names, ["b.pdf"]);
    }

    #[test]
    fn hostile_mails_are_read_in_no_time() {
        let nested = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(20_000);
        let forwarded = "Content-Type: message/rfc822\n\n".repeat(20_000);
        let digests = "Content-Type: multipart/digest; boundary=b\n\n--b\n\n".repeat(20_000);
        let folded = "Content-Type: message/\n RFC822\nX: y\n\n".repeat(20_000);
        let hidden = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &forwarded);
        let way = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n";
        let hidden = format!("{way}{hidden}\n");
        for hostile in [
            nested,
            forwarded,
            digests,
            folded,
            hidden,
            "From: <".repeat(100_000),
            ":".repeat(1 << 20),
        ] {
            let began = std::time::Instant::now();
            if let Some(mail) = Mail::read(hostile.as_bytes()) {
                mail.hash(&mail.message());
            }
            assert!(began.elapsed().as_secs() < 5);
        }
    }
}
