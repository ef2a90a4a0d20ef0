//! A person's mailbox: conversations out of scenes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::super::{Gmail, NewMail};
use super::{
    after,
    mail_life::{JUNK, LIFE},
    mail_work::WORK,
    some_day,
    text::Teller,
    words::{TEAM, teammate},
};

/// How a conversation goes.
pub struct Scene {
    with: With,
    label: &'static str,
    weight: usize,
    subject: &'static str,
    /// In order; those of the mailbox's owner begin with `me: `.
    mails: &'static [&'static str],
    file: &'static str,
    html: bool,
}

enum With {
    Anyone,
    Handle(&'static str),
    Address(&'static str),
}

impl Scene {
    /// With somebody of the company.
    pub const fn team(subject: &'static str, mails: &'static [&'static str]) -> Self {
        Self { with: With::Anyone, label: "", weight: 1, subject, mails, file: "", html: false }
    }

    /// With this member of the company.
    pub const fn with(
        handle: &'static str,
        subject: &'static str,
        mails: &'static [&'static str],
    ) -> Self {
        let scene = Self::team(subject, mails);
        Self { with: With::Handle(handle), ..scene }
    }

    /// With somebody outside.
    pub const fn address(
        address: &'static str,
        subject: &'static str,
        mails: &'static [&'static str],
    ) -> Self {
        let scene = Self::team(subject, mails);
        Self { with: With::Address(address), ..scene }
    }

    /// The user's label that a filter puts on it, or one of Gmail's categories.
    pub const fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    /// A file with the first mail.
    pub const fn file(mut self, name: &'static str) -> Self {
        self.file = name;
        self
    }

    /// Written in HTML too.
    pub const fn html(mut self) -> Self {
        self.html = true;
        self
    }

    /// How often it comes, next to the others.
    pub const fn weight(mut self, weight: usize) -> Self {
        self.weight = weight;
        self
    }
}

/// How far back the mailbox reaches.
const DAYS: usize = 500;

/// Fills the mailbox with about so many messages.
pub fn fill(gmail: &mut Gmail, count: usize, seed: u64, today: Timestamp) {
    let mut teller = Teller::new(seed);
    let scenes: Vec<&Scene> = WORK.iter().chain(LIFE).collect();
    let lots: Vec<&Scene> =
        scenes.iter().flat_map(|scene| std::iter::repeat_n(*scene, scene.weight)).collect();
    let mut labels = BTreeMap::new();
    for scene in &scenes {
        if !scene.label.is_empty() && !scene.label.starts_with("CATEGORY") {
            labels.entry(scene.label).or_insert_with(|| gmail.add_label(scene.label));
        }
    }
    let mut written = 0;
    let junk = count / 60;
    // Each at least once, however few there are to be.
    for scene in &scenes {
        written += conversation(gmail, scene, labels.get(scene.label), &mut teller, today).len();
    }
    while written + junk < count {
        let Some(scene) = teller.rng.pick(&lots).copied() else { return };
        written += conversation(gmail, scene, labels.get(scene.label), &mut teller, today).len();
    }
    for _ in 0..junk {
        let Some(scene) = teller.rng.pick(JUNK) else { return };
        for id in conversation(gmail, scene, None, &mut teller, today) {
            let _ = gmail.mark_spam(&id);
        }
    }
    let ids = gmail.ids();
    for id in ids.iter().step_by(97) {
        let _ = gmail.trash(id);
    }
    gmail.deliver(
        NewMail::draft()
            .to("chidi.okafor@post.example")
            .subject("Ada's birthday, secret")
            .text("Cake: yes. Balloon: weather balloon? Ask Zoë.")
            .at(today),
    );
    gmail.forget_history();
}

/// One conversation, as far as it has come until today. Gives the ids of its mails.
fn conversation(
    gmail: &mut Gmail,
    scene: &Scene,
    label: Option<&String>,
    teller: &mut Teller,
    today: Timestamp,
) -> Vec<String> {
    teller.forget();
    let (first, address) = counterpart(scene, teller);
    let mut at = some_day(today, DAYS, &mut teller.rng);
    dated(teller, at);
    let subject = teller.tell(scene.subject);
    let mut written: Vec<String> = Vec::new();
    for template in scene.mails {
        if at > today {
            break;
        }
        let mine = template.strip_prefix("me: ");
        teller.set("to", if mine.is_some() { &first } else { "Maya" });
        teller.set("from", if mine.is_some() { "Maya" } else { &first });
        let text = teller.tell(mine.unwrap_or(template));
        let mut mail = if mine.is_some() {
            NewMail::sent().to(&address)
        } else {
            let mail = NewMail::from(&address).to("Maya Okafor <maya@kestrel.example>");
            put_aside(mail, scene, label, today.duration_since(at), teller)
        };
        let again = if written.is_empty() { "" } else { "Re: " };
        mail = mail.subject(format!("{again}{subject}")).at(at);
        mail = match (scene.html, mine) {
            (true, None) if teller.rng.chance(30) => mail.html(html(&text)),
            (true, None) => mail.html(html(&text)).text(text),
            _ => mail.text(text),
        };
        if written.is_empty() && !scene.file.is_empty() && teller.rng.chance(70) {
            let name = teller.tell(scene.file);
            let size = u32::try_from(9_000 + teller.rng.below(900_000)).unwrap_or_default();
            mail = mail.file(name, kind_of(scene.file), size);
        }
        if let Some(last) = written.last() {
            mail = mail.answers(last);
        }
        written.push(gmail.deliver(mail));
        at = after(at, 20 + teller.rng.below(1900));
    }
    written
}

/// The story speaks of its own month and quarter.
fn dated(teller: &mut Teller, at: Timestamp) {
    let day = at.to_zoned(TimeZone::UTC).date();
    teller.set("month", &day.strftime("%B").to_string());
    teller.set("date", &day.day().to_string());
    teller.set("quarter", &format!("Q{}", (day.month() - 1) / 3 + 1));
}

/// First name and address of who writes.
fn counterpart(scene: &Scene, teller: &mut Teller) -> (String, String) {
    let person = match scene.with {
        With::Address(address) => {
            let address = teller.tell(address);
            let name = address.split([' ', '<']).next().unwrap_or_default();
            return (name.to_owned(), address);
        }
        With::Handle(handle) => teammate(handle),
        With::Anyone => {
            let [_, others @ ..] = &TEAM;
            teller.rng.pick(others).unwrap_or_else(|| teammate("zoe"))
        }
    };
    (person.first.to_owned(), person.address())
}

/// Read or not, in the inbox or archived, by what it is and how old.
fn put_aside(
    mut mail: NewMail,
    scene: &Scene,
    label: Option<&String>,
    age: SignedDuration,
    teller: &mut Teller,
) -> NewMail {
    let days = age.as_hours() / 24;
    mail = match (scene.label, label) {
        (_, Some(id)) => mail.label(id.clone()),
        ("", None) => mail.label("CATEGORY_PERSONAL"),
        (category, None) => mail.label(category),
    };
    if days > 9 || teller.rng.chance(55) {
        mail = mail.without("UNREAD");
    }
    if days > 40 && teller.rng.chance(80) {
        mail = mail.without("INBOX");
    }
    if teller.rng.chance(6) {
        mail = mail.label("STARRED");
    }
    if teller.rng.chance(15) {
        mail = mail.label("IMPORTANT");
    }
    mail
}

fn kind_of(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("png") => "image/png",
        Some("jpg") => "image/jpeg",
        _ => "application/pdf",
    }
}

/// The text as a mail program writes it.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let paragraphs = escaped.split("\n\n").map(|paragraph| {
        if paragraph.lines().all(|line| line.starts_with("- ")) {
            let items =
                paragraph.lines().map(|line| format!("<li>{}</li>", line.trim_start_matches("- ")));
            return format!("<ul>{}</ul>", items.collect::<String>());
        }
        let lines: Vec<_> = paragraph.lines().map(linked).collect();
        format!("<p>{}</p>", lines.join("<br>"))
    });
    let body: String = paragraphs.collect();
    format!(
        "<html><body style=\"font-family:sans-serif\">{body}<img src=\"https://pixel.example/open.gif\" width=\"1\" height=\"1\"></body></html>"
    )
}

fn linked(line: &str) -> String {
    match line.split_once("https://") {
        Some((before, address)) => format!("{before}<a href=\"https://{address}\">open</a>"),
        None => line.to_owned(),
    }
}
