//! The part of Gmail's search language that programs use in `q`.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::mail::Mail;

/// What a message must fulfil.
pub(super) struct Query(Vec<(bool, Term)>);

enum Term {
    After(i64),
    Before(i64),
    From(String),
    Subject(String),
    Label(String),
    HasFile,
    Word(String),
}

impl Query {
    /// Reads words and `name:value` terms, a `-` before one for its opposite. As in Gmail nothing is an error: what is
    /// no known term is a word.
    pub fn parse(text: &str) -> Self {
        Self(text.split_whitespace().map(term).collect())
    }

    /// Whether a message of the trash or the spam folder was asked for by name.
    pub fn asks_for(&self, label: &str) -> bool {
        self.0.iter().any(|(holds, term)| *holds && matches!(term, Term::Label(id) if id == label))
    }

    /// Whether the message fulfils every term.
    pub fn fits(&self, mail: &Mail) -> bool {
        self.0.iter().all(|(holds, term)| term.fits(mail) == *holds)
    }
}

impl Term {
    fn fits(&self, mail: &Mail) -> bool {
        match self {
            Self::After(date) => mail.date >= *date,
            Self::Before(date) => mail.date < *date,
            Self::From(name) => mail.from.to_lowercase().contains(name),
            Self::Subject(words) => mail.subject.to_lowercase().contains(words),
            // An archived message is in no label, hence `is:read` as the opposite of the label.
            Self::Label(id) if id == "READ" => !mail.has("UNREAD"),
            Self::Label(id) => mail.has(id),
            Self::HasFile => mail.has_files(),
            Self::Word(word) => mail.words().any(|text| text.to_lowercase().contains(word)),
        }
    }
}

fn term(text: &str) -> (bool, Term) {
    let (holds, text) = text.strip_prefix('-').map_or((true, text), |rest| (false, rest));
    let known = text.split_once(':').and_then(|(name, value)| {
        Some(match name {
            "after" | "newer" => Term::After(moment(value)?),
            "before" | "older" => Term::Before(moment(value)?),
            "from" => Term::From(value.to_lowercase()),
            "subject" => Term::Subject(value.to_lowercase()),
            "in" | "is" => Term::Label(folder(value)),
            "label" => Term::Label(value.to_owned()),
            "has" if value == "attachment" => Term::HasFile,
            _ => return None,
        })
    });
    (holds, known.unwrap_or_else(|| Term::Word(text.to_lowercase())))
}

fn folder(name: &str) -> String {
    match name {
        "drafts" => "DRAFT".to_owned(),
        "chats" => "CHAT".to_owned(),
        other => other.to_uppercase(),
    }
}

/// Seconds since the epoch, or `2026/03/12` (a day in the account's zone; here UTC). Gives milliseconds.
fn moment(value: &str) -> Option<i64> {
    if let Ok(seconds) = value.parse::<i64>()
        && !value.contains('/')
    {
        return seconds.checked_mul(1000);
    }
    let day: Date = value.replace('/', "-").parse().ok()?;
    let at: Timestamp = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(at.as_millisecond())
}
