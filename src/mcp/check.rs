//! Holds the arguments of a call against the tool's schema before they are read.
//!
//! Reading them with serde alone would answer in serde's words, which quote what they refuse: a token in the wrong place
//! would come back in the answer. Here a sentence names the argument and what it must be, and never its value. Spellings
//! that models are known to use (`"20"` for 20, a list as JSON text, null for absent) are put right.

use rmcp::model::JsonObject;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

/// Longest text outside of `secrets` and `metadata`, in characters.
const TEXT: usize = 2_000;

/// Most entries of a list or of an object.
const ENTRIES: usize = 100;

/// Largest `metadata`, in bytes of JSON.
const METADATA: usize = 64 * 1024;

/// Most problems that one answer names.
const PROBLEMS: usize = 5;

/// The arguments as the schema has them.
///
/// # Errors
/// Sentences that name the arguments that do not do, and what each must be.
pub(super) fn arguments(schema: &JsonObject, given: JsonObject) -> Result<JsonObject, String> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let (mut problems, mut refused) = (Vec::new(), Vec::new());
    let mut taken = JsonObject::new();
    for (name, value) in given {
        match properties.get(&name) {
            Some(Value::Object(of)) => match fit(of, &name, value) {
                Ok(Value::Null) => {}
                Ok(value) => {
                    taken.insert(name, value);
                }
                Err(problem) => {
                    problems.push(problem);
                    refused.push(name);
                }
            },
            _ => problems.push(unknown(&name, properties)),
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !taken.contains_key(name) && !refused.iter().any(|refused| refused == name) {
            problems.push(format!("{name}: is missing{}", where_from(name)));
        }
    }
    if problems.is_empty() {
        return Ok(taken);
    }
    problems.truncate(PROBLEMS);
    Err(problems.join("; "))
}

fn fit(schema: &JsonObject, name: &str, value: Value) -> Result<Value, String> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => text(schema, name, value),
        Some("integer") => whole_number(schema, name, &value),
        Some("boolean") => match value {
            Value::Bool(_) => Ok(value),
            Value::String(word) if word == "true" => Ok(Value::Bool(true)),
            Value::String(word) if word == "false" => Ok(Value::Bool(false)),
            _ => Err(format!("{name}: must be true or false")),
        },
        Some("array") => list(schema, name, value),
        Some("object") => object(schema, name, value),
        _ => scalar(name, value),
    }
}

/// A value of an object whose schema leaves several types open: a secret.
fn scalar(name: &str, value: Value) -> Result<Value, String> {
    match value {
        Value::String(_) | Value::Number(_) => Ok(value),
        _ => Err(format!("{name}: must be text or a number")),
    }
}

fn text(schema: &JsonObject, name: &str, value: Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return Err(format!("{name}: must be text")),
    };
    if text.chars().count() > TEXT {
        return Err(format!("{name}: is too long, at most {TEXT} characters"));
    }
    if schema.get("format").and_then(Value::as_str) == Some("uuid") {
        let id: Uuid = text
            .trim()
            .parse()
            .map_err(|_| format!("{name}: is not an id (a UUID){}", where_from(name)))?;
        return Ok(Value::String(id.to_string()));
    }
    if let Some(Value::Array(words)) = schema.get("enum") {
        let word = text.trim().to_lowercase();
        let known: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return if known.contains(&word.as_str()) {
            Ok(Value::String(word))
        } else {
            Err(format!("{name}: must be one of {}", known.join(", ")))
        };
    }
    Ok(Value::String(text))
}

fn whole_number(schema: &JsonObject, name: &str, value: &Value) -> Result<Value, String> {
    let bound = |key| schema.get(key).and_then(Value::as_i64);
    let (low, high) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i64::MAX));
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            format!("{number:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if (low..=high).contains(&number) => Ok(Value::Number(Number::from(number))),
        _ => Err(format!("{name}: must be a whole number from {low} to {high}")),
    }
}

fn list(schema: &JsonObject, name: &str, value: Value) -> Result<Value, String> {
    let items = match value {
        Value::Array(items) => items,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Array(items)) => items,
            _ => vec![Value::String(text)],
        },
        _ => return Err(format!("{name}: must be a list")),
    };
    if items.len() > ENTRIES {
        return Err(format!("{name}: has too many entries, at most {ENTRIES}"));
    }
    let none = JsonObject::new();
    let of = schema.get("items").and_then(Value::as_object).unwrap_or(&none);
    let items =
        items.into_iter().enumerate().map(|(at, item)| fit(of, &format!("{name}[{at}]"), item));
    Ok(Value::Array(items.collect::<Result<_, _>>()?))
}

fn object(schema: &JsonObject, name: &str, value: Value) -> Result<Value, String> {
    let given = match value {
        Value::Object(given) => given,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(given)) => given,
            _ => return Err(format!("{name}: must be an object of names and values")),
        },
        _ => return Err(format!("{name}: must be an object of names and values")),
    };
    if given.len() > ENTRIES {
        return Err(format!("{name}: has too many entries, at most {ENTRIES}"));
    }
    let Some(Value::Object(of)) = schema.get("additionalProperties") else {
        return if Value::Object(given.clone()).to_string().len() > METADATA {
            Err(format!("{name}: is too large, at most {} KiB", METADATA / 1024))
        } else {
            Ok(Value::Object(given))
        };
    };
    let fitted = given.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
        let at = if may_be_shown(&key) {
            format!("{name}.{key}")
        } else {
            format!("an entry of {name}")
        };
        fit(of, &at, value).map(|value| (key, value))
    });
    Ok(Value::Object(fitted.collect::<Result<_, _>>()?))
}

fn unknown(name: &str, known: &JsonObject) -> String {
    let takes = || known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !may_be_shown(name) {
        return format!("an argument has an unknown name; the tool takes {}", takes());
    }
    let nearest = known
        .keys()
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, other)) => format!("{name}: no such argument; did you mean {other}?"),
        None => format!("{name}: no such argument; the tool takes {}", takes()),
    }
}

/// Whether a name is surely a name: a secret given where a name belongs must not come back either.
fn may_be_shown(name: &str) -> bool {
    name.len() <= 30 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        || name.len() <= 16 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn where_from(name: &str) -> &'static str {
    match name {
        "connector_id" => "; list_connectors shows yours",
        "run_id" => "; list_sync_runs shows yours",
        "record_id" => "; search_records finds it",
        "provider" => "; list_providers shows their ids",
        "secrets" => "; list_providers with this provider shows its fields",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::Importers;

    fn checked(tool: &str, given: Value) -> Result<Value, String> {
        let tools = Importers::tools();
        let schema = &tools.get(tool).expect("a tool").input_schema;
        let Value::Object(given) = given else { panic!("not an object") };
        arguments(schema, given).map(Value::Object)
    }

    const ID: &str = "0198c1de-0000-7000-8000-000000000001";

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        for (tool, given, said) in [
            ("search_records", json!({"limit": 0}), "limit: must be a whole number from 1 to 100"),
            (
                "search_records",
                json!({"limit": 101}),
                "limit: must be a whole number from 1 to 100",
            ),
            ("list_sync_runs", json!({"limit": -1}), "limit: must be a whole number from 1 to 100"),
            (
                "search_records",
                json!({"limit": 2.5}),
                "limit: must be a whole number from 1 to 100",
            ),
            (
                "search_records",
                json!({"limit": 1e300}),
                "limit: must be a whole number from 1 to 100",
            ),
            (
                "sync_external_connector",
                json!({"connector_id": ID, "wait_seconds": 26}),
                "wait_seconds: must be a whole number from 0 to 25",
            ),
            (
                "sync_external_connector",
                json!({"connector_id": ID, "limit": 1001, "max_pages": 10001}),
                "limit: must be a whole number from 1 to 1000; max_pages: must be a whole number from 1 to 10000",
            ),
        ] {
            assert_eq!(checked(tool, given).unwrap_err(), said);
        }
    }

    #[test]
    fn a_malformed_id_is_refused_and_says_where_the_right_one_is() {
        for (tool, given, said) in [
            (
                "sync_external_connector",
                json!({"connector_id": "gmail"}),
                "list_connectors shows yours",
            ),
            (
                "delete_connector",
                json!({"connector_id": ID.replace('0', "g")}),
                "list_connectors shows yours",
            ),
            ("get_record", json!({"record_id": "1"}), "search_records finds it"),
            ("list_sync_runs", json!({"run_id": ""}), "list_sync_runs shows yours"),
            ("get_record", json!({}), "record_id: is missing; search_records finds it"),
            ("get_record", json!({"record_id": null}), "record_id: is missing"),
        ] {
            let error = checked(tool, given).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn an_argument_that_is_wrong_is_not_also_missing() {
        let given = json!({"provider": "gmail", "secrets": {"access_token": [1]}});
        let error = checked("link_connector", given).unwrap_err();
        assert_eq!(error, "secrets.access_token: must be text or a number");
    }

    #[test]
    fn an_unknown_argument_is_refused_with_the_nearest_name() {
        let error = checked("sync_external_connector", json!({"connector_id": ID, "max_page": 1}))
            .unwrap_err();
        assert_eq!(error, "max_page: no such argument; did you mean max_pages?");
        let error = checked("get_record", json!({"record_id": ID, "verbose": true})).unwrap_err();
        assert_eq!(error, "verbose: no such argument; the tool takes fields, record_id");
    }

    #[test]
    fn what_models_are_known_to_write_is_put_right() {
        let given = json!({
            "types": "message", "providers": "[\"gmail\",\"slack\"]", "limit": "20", "cursor": null, "query": 42,
        });
        assert_eq!(
            checked("search_records", given).unwrap(),
            json!({"types": ["message"], "providers": ["gmail", "slack"], "limit": 20, "query": "42"})
        );
        let given = json!({
            "provider": "gmail", "secrets": "{\"access_token\":\"a\",\"expires_at\":1}", "verify": "false",
            "metadata": {"include": ["INBOX"], "bodies": false},
        });
        assert_eq!(
            checked("link_connector", given).unwrap(),
            json!({
                "provider": "gmail", "secrets": {"access_token": "a", "expires_at": 1}, "verify": false,
                "metadata": {"include": ["INBOX"], "bodies": false},
            })
        );
        let given =
            json!({"connector_id": ID.to_uppercase(), "sync_type": "Initial", "limit": 20.0});
        assert_eq!(
            checked("sync_external_connector", given).unwrap(),
            json!({"connector_id": ID, "sync_type": "initial", "limit": 20})
        );
    }

    #[test]
    fn texts_lists_and_settings_are_bounded() {
        let long = "x".repeat(TEXT + 1);
        assert!(
            checked("search_records", json!({"query": long})).unwrap_err().contains("too long")
        );
        let many = vec!["gmail"; ENTRIES + 1];
        assert!(
            checked("search_records", json!({"providers": many})).unwrap_err().contains("too many")
        );
        let large = json!({"provider": "gmail", "secrets": {}, "metadata": {"label": "x".repeat(METADATA)}});
        assert!(checked("link_connector", large).unwrap_err().contains("metadata: is too large"));
    }

    /// Values of every JSON type that carry a canary.
    fn canaries() -> Vec<Value> {
        let token = "sk-canary-5f2a9c";
        vec![
            json!(token),
            json!(7_777_777_777_i64),
            json!([token, [token]]),
            json!({"access_token": [token], "b": {"c": token}}),
            json!({token: token, "sk_canary_token_with_a_long_name": {}}),
            json!(format!("{{\"access_token\": {{\"x\": \"{token}\"}}}}")),
        ]
    }

    #[test]
    fn no_refusal_of_any_tool_repeats_a_value_wherever_it_was_put() {
        let tools = Importers::tools();
        for tool in tools.list_all() {
            let properties = tool.input_schema["properties"].as_object().unwrap();
            for name in properties.keys().map(String::as_str).chain(["sk-canary-5f2a9c", "unknown"])
            {
                for value in canaries() {
                    let given = JsonObject::from_iter([(name.to_owned(), value)]);
                    let Err(error) = arguments(&tool.input_schema, given) else { continue };
                    assert!(!error.contains("canary"), "{}.{name}: {error}", tool.name);
                    assert!(!error.contains("7777777777"), "{}.{name}: {error}", tool.name);
                }
            }
        }
    }
}
