//! One message: how it comes in, and how Gmail shows it.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use jiff::{Timestamp, fmt::rfc2822};
use serde::Serialize;

use super::{LabelId, show_id};

/// Gmail cuts snippets about here.
const SNIPPET: usize = 180;

/// A message that is to be delivered.
#[derive(Clone, Debug, Default)]
pub struct NewMail {
    /// Empty: the mailbox's owner.
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) cc: Vec<String>,
    pub(super) bcc: Vec<String>,
    pub(super) subject: String,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) files: Vec<Attachment>,
    pub(super) labels: Vec<LabelId>,
    pub(super) answers: Option<String>,
    pub(super) at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(super) struct Attachment {
    pub name: String,
    pub kind: String,
    pub size: u32,
}

impl NewMail {
    /// A message from outside, in the inbox and unread. Addresses are as a header has them: `Zoë Park <zoe@k.example>`.
    pub fn from(sender: &str) -> Self {
        let labels = vec!["INBOX".into(), "UNREAD".into()];
        Self { from: sender.to_owned(), labels, ..Self::default() }
    }

    /// A message that the mailbox's owner sends.
    pub fn sent() -> Self {
        Self { labels: vec!["SENT".into()], ..Self::default() }
    }

    /// A message that the mailbox's owner has not sent yet.
    pub fn draft() -> Self {
        Self { labels: vec!["DRAFT".into()], ..Self::default() }
    }

    /// A recipient. Without any, a message from outside is to the mailbox's owner.
    pub fn to(mut self, address: &str) -> Self {
        self.to.push(address.to_owned());
        self
    }

    /// A recipient of a copy.
    pub fn cc(mut self, address: &str) -> Self {
        self.cc.push(address.to_owned());
        self
    }

    /// A recipient that the others do not see.
    pub fn bcc(mut self, address: &str) -> Self {
        self.bcc.push(address.to_owned());
        self
    }

    /// The subject.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// A plain text part.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// An HTML part.
    pub fn html(mut self, html: impl Into<String>) -> Self {
        self.html = Some(html.into());
        self
    }

    /// An attached file of that many bytes.
    pub fn file(mut self, name: impl Into<String>, kind: &str, size: u32) -> Self {
        self.files.push(Attachment { name: name.into(), kind: kind.to_owned(), size });
        self
    }

    /// A further label, by id.
    pub fn label(mut self, label: impl Into<LabelId>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Not this label: `UNREAD` for one that was read at once, `INBOX` for one that a filter archived.
    pub fn without(mut self, label: &str) -> Self {
        self.labels.retain(|id| id != label);
        self
    }

    /// It answers the message with that id, and so is in its thread.
    pub fn answers(mut self, id: &str) -> Self {
        self.answers = Some(id.to_owned());
        self
    }

    /// When it comes in. The default is now.
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }
}

/// A message in the mailbox.
pub(super) struct Mail {
    pub id: u64,
    pub thread: u64,
    /// Milliseconds since the epoch.
    pub date: i64,
    pub history_id: u64,
    pub labels: Vec<LabelId>,
    pub from: String,
    pub subject: String,
    pub snippet: String,
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    message_id: String,
    in_reply_to: Option<String>,
    text: Option<String>,
    html: Option<String>,
    files: Vec<Attachment>,
}

impl Mail {
    /// The message as it lies in the mailbox. `date` is in milliseconds.
    pub fn new(id: u64, date: i64, new: NewMail, owner: &str, answered: Option<&Self>) -> Self {
        let mut to = new.to;
        if to.is_empty() && !new.from.is_empty() {
            to.push(owner.to_owned());
        }
        let from = if new.from.is_empty() { owner.to_owned() } else { new.from };
        let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>').to_owned();
        let plain =
            new.text.clone().unwrap_or_else(|| bare(new.html.as_deref().unwrap_or_default()));
        Self {
            id,
            thread: answered.map_or(id, |mail| mail.thread),
            date,
            history_id: 0,
            labels: new.labels,
            from,
            subject: new.subject,
            snippet: snippet(&plain),
            to,
            cc: new.cc,
            bcc: new.bcc,
            message_id: format!("<{id:x}@{domain}>"),
            in_reply_to: answered.map(|mail| mail.message_id.clone()),
            text: new.text,
            html: new.html,
            files: new.files,
        }
    }

    /// Whether it bears the label.
    pub fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|id| id == label)
    }

    /// Whether something is attached.
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The texts that a search looks at.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        [Some(&self.subject), Some(&self.from), self.text.as_ref(), self.html.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// As `messages.get` shows it.
    pub fn shown(&self, format: Format, wanted_headers: &[&str], request: u64) -> Shown<'_> {
        let payload = match format {
            Format::Minimal => None,
            Format::Metadata => {
                let mut part = self.part("");
                part.headers = self.headers(part.mime_type);
                if !wanted_headers.is_empty() {
                    part.headers
                        .retain(|h| wanted_headers.iter().any(|w| w.eq_ignore_ascii_case(h.name)));
                }
                Some(Part { id: None, filename: None, body: None, parts: Vec::new(), ..part })
            }
            Format::Full => {
                let mut part = self.body(request);
                part.headers = self.headers(part.mime_type);
                Some(part)
            }
        };
        Shown {
            id: show_id(self.id),
            thread_id: show_id(self.thread),
            label_ids: &self.labels,
            snippet: &self.snippet,
            payload,
            size_estimate: self.size(),
            history_id: self.history_id.to_string(),
            internal_date: self.date.to_string(),
        }
    }

    fn size(&self) -> u64 {
        let texts = self.text.iter().chain(&self.html).map(|text| text.len() as u64).sum::<u64>();
        let files = self.files.iter().map(|file| u64::from(file.size)).sum::<u64>();
        700 + texts + files * 4 / 3
    }

    /// The root part, without headers.
    fn body(&self, request: u64) -> Part<'_> {
        if self.files.is_empty() {
            return self.part("");
        }
        let mut mixed = container("", "multipart/mixed");
        mixed.parts.push(self.part("0"));
        if let Some(part) = mixed.parts.first_mut() {
            part.headers = vec![Header::content_type(part.mime_type)];
        }
        for (place, file) in self.files.iter().enumerate() {
            let place = place + 1;
            let disposition = format!("attachment; filename=\"{}\"", file.name);
            mixed.parts.push(Part {
                id: Some(place.to_string()),
                mime_type: &file.kind,
                filename: Some(&file.name),
                headers: vec![
                    Header::content_type(&file.kind),
                    Header { name: "Content-Disposition", value: disposition },
                    Header { name: "Content-Transfer-Encoding", value: "base64".to_owned() },
                ],
                body: Some(PartBody {
                    // Gmail's attachment ids are others at each request.
                    attachment_id: Some(format!("ANGjdJ8{:x}-{request:x}-{place}", self.id)),
                    size: u64::from(file.size),
                    data: None,
                }),
                parts: Vec::new(),
            });
        }
        mixed
    }

    /// The texts.
    fn part(&self, id: &str) -> Part<'_> {
        match (&self.text, &self.html) {
            (Some(text), Some(html)) => {
                let mut both = container(id, "multipart/alternative");
                let dot = if id.is_empty() { "" } else { "." };
                for (place, kind, words) in [(0, "text/plain", text), (1, "text/html", html)] {
                    let mut part = leaf(&format!("{id}{dot}{place}"), kind, words);
                    part.headers = vec![Header::content_type(kind)];
                    both.parts.push(part);
                }
                both
            }
            (None, Some(html)) => leaf(id, "text/html", html),
            (text, None) => leaf(id, "text/plain", text.as_deref().unwrap_or_default()),
        }
    }

    fn headers(&self, kind: &str) -> Vec<Header<'_>> {
        let date = Timestamp::from_millisecond(self.date).unwrap_or_default();
        let date = rfc2822::to_string(&date.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
        // Programs often write their headers in small letters.
        let small = ["noreply", "no-reply", "news@"].iter().any(|word| self.from.contains(word));
        let name =
            |usual: &'static str, small_one: &'static str| if small { small_one } else { usual };
        let mut headers = vec![
            Header { name: "Delivered-To", value: self.to.first().cloned().unwrap_or_default() },
            Header { name: "MIME-Version", value: "1.0".to_owned() },
            Header { name: name("Date", "date"), value: date },
            Header { name: name("Message-ID", "message-id"), value: self.message_id.clone() },
            Header { name: name("Subject", "subject"), value: self.subject.clone() },
            Header { name: name("From", "from"), value: self.from.clone() },
        ];
        let lists =
            [(name("To", "to"), &self.to), (name("Cc", "cc"), &self.cc), ("Bcc", &self.bcc)];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            headers.push(Header { name, value: list.join(", ") });
        }
        if let Some(answered) = &self.in_reply_to {
            headers.push(Header { name: "In-Reply-To", value: answered.clone() });
            headers.push(Header { name: "References", value: answered.clone() });
        }
        headers.push(Header::content_type(kind));
        headers
    }
}

/// How much of a message is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Full,
    Metadata,
    Minimal,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    id: String,
    thread_id: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    label_ids: &'a [LabelId],
    snippet: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Part<'a>>,
    size_estimate: u64,
    history_id: String,
    internal_date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(rename = "partId", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    headers: Vec<Header<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<PartBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Header<'a> {
    name: &'a str,
    value: String,
}

impl Header<'_> {
    fn content_type(kind: &str) -> Self {
        let value = match kind.split_once('/') {
            Some(("text", _)) => format!("{kind}; charset=\"UTF-8\""),
            Some(("multipart", _)) => format!("{kind}; boundary=\"0000000000006f1c\""),
            _ => kind.to_owned(),
        };
        Self { name: "Content-Type", value }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment_id: Option<String>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

fn leaf<'a>(id: &str, kind: &'a str, words: &str) -> Part<'a> {
    let words = words.replace('\n', "\r\n");
    let body = PartBody {
        attachment_id: None,
        size: words.len() as u64,
        data: Some(URL_SAFE.encode(words)),
    };
    Part {
        id: Some(id.to_owned()),
        mime_type: kind,
        filename: Some(""),
        headers: Vec::new(),
        body: Some(body),
        parts: Vec::new(),
    }
}

fn container<'a>(id: &str, kind: &'a str) -> Part<'a> {
    let body = PartBody { attachment_id: None, size: 0, data: None };
    Part { body: Some(body), ..leaf(id, kind, "") }
}

/// HTML without its tags and entities.
fn bare(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                text.push(' ');
            }
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The text's beginning on one line, with entities as Gmail has them.
fn snippet(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(SNIPPET).collect();
    line.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
