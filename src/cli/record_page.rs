//! One record, as a person reads it: its title, the facts a line each, its text.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::table::{self, Look, clean, one_line};
use crate::app::RecordView;

/// Properties that are the record's title, the first that is there.
const TITLES: [&str; 4] = ["subject", "title", "name", "file_name"];
/// Properties that are its text, the first that is there.
const TEXTS: [&str; 5] = ["text", "content", "description", "caption", "snippet"];

/// Draws the record.
pub fn draw(look: &Look, record: &RecordView) -> String {
    let of = &record.properties;
    let title = TITLES.into_iter().find(|name| text(of, name).is_some());
    let body = TEXTS.into_iter().find(|name| text(of, name).is_some());
    let mut page = String::new();
    if let Some(title) = title.and_then(|name| text(of, name)) {
        let _ = writeln!(page, "{}", look.bold(&one_line(title)));
    }
    let when = record.occurred_at.map(|at| format!(" · {}", look.time(at))).unwrap_or_default();
    let source = table::account(&record.provider, &record.account);
    let _ = writeln!(page, "{} · {source}{when}", record.kind.as_str());
    if let Some(at) = record.removed_at {
        let _ = writeln!(page, "removed at the service, as was seen on {}", look.time(at));
    }
    page.push('\n');
    let shown = |name: &str| {
        // A snippet repeats the beginning of the text.
        Some(name) != title && Some(name) != body && name != "snippet"
    };
    let facts = facts(look, of, shown).chain(record_facts(look, record)).collect::<Vec<_>>();
    let wide = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, value) in facts {
        let _ = writeln!(page, "{name:<wide$}  {value}");
    }
    if let Some(body) = body.and_then(|name| text(of, name)) {
        let _ = write!(page, "\n{}\n", clean(body).trim_end());
    }
    page
}

fn text<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    of.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn facts<'a>(
    look: &'a Look,
    of: &'a Map<String, Value>,
    shown: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (String, String)> + 'a {
    of.iter()
        .filter(move |(name, _)| shown(name))
        .map(|(name, value)| (one_line(&name.replace('_', " ")), plain(look, value)))
        .filter(|(_, value)| !value.is_empty())
}

fn record_facts(look: &Look, record: &RecordView) -> impl Iterator<Item = (String, String)> {
    let id = record.external_id.as_ref().or(record.external_hash.as_ref());
    let ids = [
        ("record", Some(record.record_id.to_string())),
        ("connector", Some(record.connector_id.to_string())),
        ("id at the service", id.map(|id| one_line(id))),
        ("stored", Some(look.time(record.created_at))),
        ("changed here", Some(look.time(record.updated_at))),
    ];
    let files = record.file_urls.iter().map(|url| ("file", Some(one_line(url))));
    let facts: Vec<_> = files.chain(ids).collect();
    facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

/// A value on one line: people and places by their names, times in the person's zone.
fn plain(look: &Look, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            text.parse::<Timestamp>().map_or_else(|_| one_line(text), |at| look.time(at))
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| plain(look, item)).filter(|item| !item.is_empty());
            items.collect::<Vec<_>>().join(", ")
        }
        Value::Object(of) => named(of).unwrap_or_else(|| {
            let pairs = facts(look, of, |_| true).map(|(name, value)| format!("{name} {value}"));
            pairs.collect::<Vec<_>>().join(", ")
        }),
    }
}

/// A person or a place: the name, with the address where there is one. `None` for anything that says more than that.
fn named(of: &Map<String, Value>) -> Option<String> {
    const KNOWN: [&str; 5] = ["id", "name", "email", "handle", "url"];
    if of.keys().any(|key| !KNOWN.contains(&key.as_str())) {
        return None;
    }
    let word = |key| text(of, key).map(one_line);
    let handle = || word("handle").map(|handle| format!("@{handle}"));
    match (word("name"), word("email")) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (name, email) => {
            name.or(email).or_else(handle).or_else(|| word("id")).or_else(|| word("url"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::table::samples, *};
    use crate::{ids::RecordId, record::Kind};

    fn record(properties: Value) -> RecordView {
        let Value::Object(properties) = properties else { panic!("an object") };
        RecordView {
            record_id: RecordId(uuid::Uuid::from_u128(1)),
            kind: Kind::Message,
            provider: "gmail".into(),
            external_id: Some("18c".into()),
            external_hash: None,
            connector_id: samples::connector("").connector_id,
            account: "anna@example.com".into(),
            properties,
            file_urls: vec!["https://example.com/report.pdf".into()],
            occurred_at: Some(samples::at("10:22:00")),
            removed_at: None,
            created_at: samples::at("11:00:00"),
            updated_at: samples::at("11:00:00"),
            truncated: false,
        }
    }

    #[test]
    fn a_record_reads_as_title_facts_and_text() {
        let of = record(json!({
            "kind": "email",
            "subject": "Quarterly report",
            "snippet": "Dear Anna",
            "text": "Dear Anna,\n\nit is in.\u{1b}[2J\n",
            "from": {"name": "Zoë Park", "email": "zoe@example.com"},
            "to": [{"email": "anna@example.com"}, {"handle": "bo"}],
            "channel": {"id": "C1", "name": "general"},
            "sent_at": "2026-03-01T10:22:00Z",
            "is_read": true,
            "tags": [],
            "engagement_stats": {"likes": 3, "views": 10},
        }));
        assert_eq!(
            draw(&samples::look(80), &of),
            "\
Quarterly report
message · gmail · anna@example.com · 2026-03-01 10:22

channel            general
engagement stats   likes 3, views 10
from               Zoë Park <zoe@example.com>
is read            yes
kind               email
sent at            2026-03-01 10:22
to                 anna@example.com, @bo
file               https://example.com/report.pdf
record             00000000-0000-0000-0000-000000000001
connector          0197f0c0-7a5e-7cc3-98c4-dc0c0c07398f
id at the service  18c
stored             2026-03-01 11:00
changed here       2026-03-01 11:00

Dear Anna,

it is in.[2J
"
        );
    }

    #[test]
    fn a_record_that_is_gone_at_the_service_says_so() {
        let gone = RecordView { removed_at: Some(samples::at("12:00:00")), ..record(json!({})) };
        let page = draw(&samples::look(80), &gone);
        assert!(page.contains("removed at the service, as was seen on 2026-03-01 12:00"), "{page}");
    }
}
