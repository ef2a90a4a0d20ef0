//! What people type, read into what is meant. No error here repeats a value that may be a secret.

use std::collections::BTreeMap;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use secrecy::SecretString;
use serde_json::Value;

use super::exit::Usage;
use crate::{
    app::{FieldView, RunStatus, SyncType},
    provider::spec::Category,
    record::Kind,
};

/// Takes a text as a secret: it is wrapped before anything else sees it, and can never be the subject of an error.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a parser")]
pub fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

/// One of some words, each with what it means.
fn one_of<T: Copy + Send + Sync + 'static>(
    words: Vec<(&'static str, T)>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).try_map(move |given| {
        let meant = words.iter().find(|(word, _)| *word == given);
        meant.map(|(_, of)| *of).ok_or_else(|| Usage("is not one of the words".to_owned()))
    })
}

/// `initial` or `incremental`.
pub fn sync_type() -> impl TypedValueParser<Value = SyncType> {
    one_of([SyncType::Initial, SyncType::Incremental].map(|of| (of.as_str(), of)).to_vec())
}

/// A type of record.
pub fn kind() -> impl TypedValueParser<Value = Kind> {
    one_of(Kind::ALL.map(|of| (of.as_str(), of)).to_vec())
}

/// How a run stands.
pub fn run_status() -> impl TypedValueParser<Value = RunStatus> {
    use RunStatus::{Cancelled, Failed, Partial, Running, Success};
    one_of([Running, Success, Partial, Failed, Cancelled].map(|of| (of.as_str(), of)).to_vec())
}

/// `social` or `productivity`.
pub fn category() -> impl TypedValueParser<Value = Category> {
    one_of([Category::Social, Category::Productivity].map(|of| (of.as_str(), of)).to_vec())
}

/// A date, which begins at midnight here, or a time; one without an offset is a time here.
pub fn when(text: &str) -> Result<Timestamp, String> {
    when_in(text.trim(), TimeZone::system())
}

fn when_in(text: &str, zone: TimeZone) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local = text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(zone).ok());
    local.map(|zoned| zoned.timestamp()).ok_or_else(|| {
        "give a date (2026-03-01) or a time as in RFC 3339 (2026-03-01T09:30:00Z)".to_owned()
    })
}

/// A name and a value.
///
/// # Errors
/// When it has no name or no `=`; the text is not repeated.
pub fn pair(text: &str) -> Result<(&str, &str), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        _ => Err("give name=value"),
    }
}

/// Settings that every provider takes and that are texts or lists of texts.
const TEXTS: [&str; 2] = ["label", "since"];
const LISTS: [&str; 2] = ["include", "exclude"];

/// Reads settings. A value that looks like JSON (`true`, `12`, `["a"]`, `"text"`) is JSON, but for what the provider
/// declares as text; a name that is given again makes a list.
///
/// # Errors
/// When a setting has no name, or begins like a list or a quoted text and is none.
pub fn metadata(given: &[String], fields: &[FieldView]) -> Result<BTreeMap<String, Value>, Usage> {
    let mut settings = BTreeMap::new();
    for text in given {
        let (name, text) = pair(text).map_err(|problem| Usage(format!("--metadata: {problem}")))?;
        let declared = fields.iter().find(|field| field.name == name);
        let is_list = declared.is_some_and(|field| field.list) || LISTS.contains(&name);
        let is_text = declared.is_some() || is_list || TEXTS.contains(&name);
        let value = setting(text, is_text)
            .map_err(|cause| Usage(format!("--metadata {name}: {cause}; quote it as JSON")))?;
        add(&mut settings, name, value, is_list);
    }
    Ok(settings)
}

fn setting(text: &str, is_text: bool) -> Result<Value, serde_json::Error> {
    let trimmed = text.trim();
    if trimmed.starts_with(['[', '"']) {
        return serde_json::from_str(trimmed);
    }
    if !is_text && let Ok(value) = serde_json::from_str::<Value>(trimmed) {
        let plain = match &value {
            Value::Bool(_) => true,
            // One that would not be written the same again (12345678901234567890123, 1e3) is somebody's id.
            Value::Number(number) => number.to_string() == trimmed,
            _ => false,
        };
        if plain {
            return Ok(value);
        }
    }
    Ok(Value::String(text.to_owned()))
}

fn add(settings: &mut BTreeMap<String, Value>, name: &str, value: Value, is_list: bool) {
    let Some(before) = settings.get_mut(name) else {
        let value = if is_list && !value.is_array() { Value::from(vec![value]) } else { value };
        settings.insert(name.to_owned(), value);
        return;
    };
    let mut list = match before.take() {
        Value::Array(list) => list,
        single => vec![single],
    };
    match value {
        Value::Array(more) => list.extend(more),
        single => list.push(single),
    }
    *before = Value::Array(list);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(name: &'static str, list: bool) -> FieldView {
        FieldView { name, label: "", help: "", secret: false, required: false, list }
    }

    fn read(given: &[&str], fields: &[FieldView]) -> Value {
        let given: Vec<_> = given.iter().map(ToString::to_string).collect();
        json!(metadata(&given, fields).unwrap())
    }

    #[test]
    fn a_setting_is_json_where_it_looks_like_it_and_text_else() {
        assert_eq!(
            read(&["bodies=false", "n=12", "x=1.5", "q=\"12\"", "l=[\"a\",2]", "t=a=b", "e="], &[]),
            json!({"bodies": false, "n": 12, "x": 1.5, "q": "12", "l": ["a", 2], "t": "a=b", "e": ""})
        );
    }

    #[test]
    fn an_id_made_of_digits_is_not_rounded() {
        assert_eq!(
            read(&["a=12345678901234567890123", "b=007", "c=1e3", "d=null"], &[]),
            json!({"a": "12345678901234567890123", "b": "007", "c": "1e3", "d": "null"})
        );
    }

    #[test]
    fn a_declared_text_stays_a_text() {
        let fields = [field("workspace", false), field("boards", true)];
        assert_eq!(
            read(&["workspace=1200", "boards=7", "since=2026-01-01", "label=true"], &fields),
            json!({"workspace": "1200", "boards": ["7"], "since": "2026-01-01", "label": "true"})
        );
    }

    #[test]
    fn a_name_given_again_makes_a_list() {
        assert_eq!(
            read(&["include=C1", "include=C2", "x=a", "x=[\"b\",\"c\"]", "include=[\"C3\"]"], &[]),
            json!({"include": ["C1", "C2", "C3"], "x": ["a", "b", "c"]})
        );
    }

    #[test]
    fn a_setting_without_name_or_with_half_a_list_is_refused() {
        for bad in ["novalue", "=x", "l=[1", "q=\"open"] {
            assert!(metadata(&[bad.to_owned()], &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_date_begins_at_midnight_where_the_person_is() {
        let berlin = || TimeZone::get("Europe/Berlin").unwrap();
        let read = |text| when_in(text, berlin()).map(|at| at.to_string());
        assert_eq!(read("2026-03-01").unwrap(), "2026-02-28T23:00:00Z");
        assert_eq!(read("2026-03-01T09:30:00").unwrap(), "2026-03-01T08:30:00Z");
        assert_eq!(read("2026-03-01T09:30:00Z").unwrap(), "2026-03-01T09:30:00Z");
        assert_eq!(read("2026-03-01T09:30:00+02:00").unwrap(), "2026-03-01T07:30:00Z");
        for bad in ["", "yesterday", "2026-13-01", "01.03.2026", "2026"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
