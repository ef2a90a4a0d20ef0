//! Answers that break the vendor's promise, one thing at a time.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use serde_json::{Map, Value, json};

use super::{Answer, Vendor};

/// Stands in the parsed answer for what JSON text can hold and a Rust string cannot.
const SURROGATE: char = '\u{f8ff}';

/// What is wrong with an answer. Of a list it is the middle item that is struck, of a single object the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// Every field of the item has a type that it may not have, its id included.
    BrokenItem,
    /// As [`Spoil::BrokenItem`], but the item's id is right.
    BrokenFields,
    /// A NUL character in the item's texts.
    Nul,
    /// Half of a surrogate pair in the item's texts, as `\ud83d`.
    LoneSurrogate,
    /// The item's dates are beyond the year 9999.
    DateOutOfRange,
    /// The item comes twice in the list.
    Twice,
    /// The list's items come in the opposite order.
    Reversed,
    /// The answer is an HTML page with status 200.
    NotJson,
    /// The answer is JSON, but a list of numbers.
    OtherShape,
    /// The answer stops in the middle of its JSON.
    Truncated,
}

/// The answer with that wrong in it.
pub fn spoilt(spoil: Spoil, vendor: Option<Vendor>, answer: Answer) -> Answer {
    match spoil {
        Spoil::NotJson => Answer::text(200, "<html><body>We will be back soon.</body></html>"),
        Spoil::OtherShape => answer.edited(|value| *value = json!([1, 2, 3])),
        Spoil::Truncated => {
            answer.rewritten(|text| text.chars().take(text.chars().count() / 2).collect())
        }
        Spoil::Twice => answer.edited(|value| {
            if let Some(items) = list(vendor, value) {
                items.splice(..0, items.get(items.len() / 2).cloned());
            }
        }),
        Spoil::Reversed => answer.edited(|value| {
            if let Some(items) = list(vendor, value) {
                items.reverse();
            }
        }),
        Spoil::BrokenItem => {
            answer.edited(|value| on_item(vendor, value, |item| distort(item, "")))
        }
        Spoil::BrokenFields => {
            answer.edited(|value| on_item(vendor, value, |item| distort(item, id_of(vendor))))
        }
        Spoil::Nul => answer.edited(|value| on_item(vendor, value, |item| touch(item, '\0'))),
        Spoil::LoneSurrogate => answer
            .edited(|value| on_item(vendor, value, |item| touch(item, SURROGATE)))
            .rewritten(|text| text.replace(SURROGATE, "\\ud83d")),
        Spoil::DateOutOfRange => answer.edited(|value| on_item(vendor, value, far_away)),
    }
}

fn id_of(vendor: Option<Vendor>) -> &'static str {
    match vendor {
        Some(Vendor::Asana) => "gid",
        Some(Vendor::Slack) => "ts",
        Some(Vendor::Gmail) | None => "id",
    }
}

fn list(vendor: Option<Vendor>, answer: &mut Value) -> Option<&mut Vec<Value>> {
    let names: &[&str] = match vendor {
        Some(Vendor::Gmail) => &["messages", "history", "labels"],
        Some(Vendor::Asana) => &["data"],
        Some(Vendor::Slack) => &["messages", "channels", "members"],
        None => &[],
    };
    let fields = answer.as_object_mut()?;
    let name = names.iter().find(|name| fields.get(**name).is_some_and(Value::is_array))?;
    fields.get_mut(*name)?.as_array_mut()
}

fn on_item(
    vendor: Option<Vendor>,
    answer: &mut Value,
    change: impl FnOnce(&mut Map<String, Value>),
) {
    let whole = list(vendor, answer).is_none();
    let item = if whole && answer.get("data").is_some() {
        answer.get_mut("data")
    } else if whole {
        Some(answer)
    } else {
        list(vendor, answer).and_then(|items| {
            let middle = items.len() / 2;
            items.get_mut(middle)
        })
    };
    if let Some(item) = item.and_then(Value::as_object_mut) {
        change(item);
    }
}

fn distort(item: &mut Map<String, Value>, spared: &str) {
    for (name, value) in item {
        if name != spared {
            *value = match value {
                Value::String(_) => json!({"unexpected": true}),
                Value::Array(_) => json!("unexpected"),
                Value::Object(_) => json!(7),
                Value::Number(_) | Value::Bool(_) => json!(["unexpected"]),
                Value::Null => json!([null]),
            };
        }
    }
}

/// Puts the character into the texts that a person wrote.
fn touch(item: &mut Map<String, Value>, with: char) {
    for (name, value) in item {
        match value {
            Value::String(text)
                if ["name", "notes", "text", "snippet", "title", "real_name"]
                    .contains(&name.as_str()) =>
            {
                put_in(text, with);
            }
            Value::String(data) if name == "data" && with == '\0' => {
                if let Ok(mut bytes) = URL_SAFE.decode(&*data) {
                    bytes.insert(bytes.len() / 2, 0);
                    *data = URL_SAFE.encode(bytes);
                }
            }
            Value::Array(headers) if name == "headers" => touch_subject(headers, with),
            Value::Array(parts) => {
                parts
                    .iter_mut()
                    .filter_map(Value::as_object_mut)
                    .for_each(|part| touch(part, with));
            }
            Value::Object(part) => touch(part, with),
            _ => {}
        }
    }
}

fn touch_subject(headers: &mut [Value], with: char) {
    for header in headers {
        if header
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|n| n.eq_ignore_ascii_case("subject"))
            && let Some(Value::String(text)) = header.get_mut("value")
        {
            put_in(text, with);
        }
    }
}

fn put_in(text: &mut String, with: char) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(place, _)| place);
    text.insert(middle, with);
}

fn far_away(item: &mut Map<String, Value>) {
    let dates = [
        ("internalDate", json!("99999999999999999")),
        ("created_at", json!("19999-01-01T00:00:00.000Z")),
        ("modified_at", json!("19999-01-01T00:00:00.000Z")),
        ("due_on", json!("2025-02-31")),
        ("edited", json!({"user": "U0", "ts": "99999999999999.000100"})),
    ];
    for (name, date) in dates {
        if item.contains_key(name) || (name == "edited" && item.contains_key("ts")) {
            item.insert(name.to_owned(), date);
        }
    }
}
