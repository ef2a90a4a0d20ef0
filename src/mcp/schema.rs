//! Makes the schemas of the tools plain: some clients refuse what schemars writes, and every character costs tokens.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Map, Value, json};

/// Which side of a tool a schema describes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// What a caller gives: described in full.
    Input,
    /// What comes back: names and types say it, so that all tools fit the clients' limits.
    Output,
}

/// The tool with plain schemas: no `$schema`, titles, number formats, nulls or alternatives of constants; inputs
/// described, outputs bare.
pub(super) fn slim(mut tool: Tool) -> Tool {
    tool.input_schema = plain(&tool.input_schema, Side::Input);
    tool.output_schema = tool.output_schema.as_deref().map(|schema| plain(schema, Side::Output));
    tool
}

fn plain(schema: &JsonObject, side: Side) -> Arc<JsonObject> {
    let mut schema = schema.clone();
    walk(&mut schema, side);
    Arc::new(schema)
}

fn walk(schema: &mut Map<String, Value>, side: Side) {
    constants_to_enum(schema);
    schema.retain(|key, value| match key.as_str() {
        "$schema" | "title" => false,
        "format" => {
            side == Side::Input && value.as_str().is_some_and(|f| f == "uuid" || f == "date-time")
        }
        "description" | "default" | "required" | "minimum" | "maximum" => {
            side == Side::Input && !value.is_null()
        }
        "additionalProperties" => *value != true,
        _ => true,
    });
    if let Some(Value::String(text)) = schema.get_mut("description") {
        // Line breaks of the source are not meant.
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let required: Vec<String> = schema
        .get("required")
        .and_then(|names| serde_json::from_value(names.clone()).ok())
        .unwrap_or_default();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties.iter_mut() {
            if let Value::Object(property) = property {
                if !required.contains(name) {
                    drop_null(property);
                }
                walk(property, side);
            }
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(Value::Object(inner)) = schema.get_mut(key) {
            walk(inner, side);
            inner.remove("description");
        }
    }
    for inner in schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(inner) = inner {
            walk(inner, side);
        }
    }
}

/// `oneOf` constants, which is how described variants are written, become one `enum`.
fn constants_to_enum(schema: &mut Map<String, Value>) {
    for key in ["oneOf", "anyOf"] {
        let Some(Value::Array(options)) = schema.get(key) else { continue };
        let mut words = Vec::new();
        for option in options {
            match (option.get("const"), option.get("enum"), option.get("oneOf"), option.get("type"))
            {
                (Some(word), ..) => words.push(word.clone()),
                (_, Some(Value::Array(some)), ..) => words.extend(some.iter().cloned()),
                // The variants of an optional enum, one level down.
                (_, _, Some(Value::Array(some)), _) => {
                    words.extend(some.iter().filter_map(|one| one.get("const").cloned()));
                }
                (.., Some(Value::String(kind))) if kind == "null" => {}
                _ => return,
            }
        }
        schema.remove(key);
        schema.insert("type".into(), json!("string"));
        schema.insert("enum".into(), Value::Array(words));
    }
}

/// An optional property is left out, not null.
fn drop_null(property: &mut Map<String, Value>) {
    if let Some(Value::Array(words)) = property.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(kinds)) = property.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [one] = kinds.as_slice() {
            let one = one.clone();
            property.insert("type".into(), one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::Importers;

    fn tools() -> Vec<Tool> {
        Importers::tools().list_all()
    }

    /// Calls `see` with every schema within, and where it stands.
    fn visit(at: &str, schema: &Value, see: &mut impl FnMut(&str, &Map<String, Value>)) {
        let Value::Object(object) = schema else { return };
        see(at, object);
        for (name, property) in
            object.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            visit(&format!("{at}.{name}"), property, see);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = object.get(key) {
                visit(&format!("{at}[]"), inner, see);
            }
        }
    }

    #[test]
    fn the_ten_tools_have_names_titles_descriptions_and_all_hints() {
        let names: Vec<_> = tools().iter().map(|tool| tool.name.to_string()).collect();
        assert_eq!(
            names,
            [
                "delete_connector",
                "get_record",
                "link_connector",
                "list_connectors",
                "list_providers",
                "list_sync_runs",
                "search_records",
                "start_oauth",
                "sync_external_connector",
                "sync_provider_imports",
            ]
        );
        for tool in tools() {
            let name = &tool.name;
            assert!(
                name.len() <= 64 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            assert!(tool.title.is_some_and(|title| !title.is_empty()), "{name}");
            assert!(
                tool.description.is_some_and(|text| (80..=400).contains(&text.len())),
                "{name}"
            );
            let hints = tool.annotations.expect("annotations");
            assert!(hints.title.is_some(), "{name}");
            let reads = name.starts_with("list_")
                || name.starts_with("search_")
                || name.starts_with("get_");
            assert_eq!(hints.read_only_hint, Some(reads), "{name}");
            assert_eq!(hints.destructive_hint, Some(name == "delete_connector"), "{name}");
            let links = name == "link_connector" || name == "start_oauth";
            assert_eq!(hints.idempotent_hint, Some(!links), "{name}");
            let vendors = links || name == "delete_connector" || name.starts_with("sync_");
            assert_eq!(hints.open_world_hint, Some(vendors), "{name}");
        }
    }

    #[test]
    fn every_argument_is_described_and_none_but_these_is_taken() {
        for tool in tools() {
            let schema = Value::Object(tool.input_schema.as_ref().clone());
            assert_eq!(schema["type"], "object", "{}", tool.name);
            assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
            for (name, property) in schema["properties"].as_object().expect("properties") {
                let described =
                    property["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{}.{name}", tool.name);
                assert!(property["type"].is_string(), "{}.{name} has one type", tool.name);
            }
        }
    }

    #[test]
    fn no_schema_has_what_some_client_refuses() {
        for tool in tools() {
            let sides = [Some(&tool.input_schema), tool.output_schema.as_ref()];
            for (side, schema) in ["in", "out"].into_iter().zip(sides) {
                let schema = Value::Object(schema.expect("both schemas").as_ref().clone());
                assert_eq!(schema["type"], "object", "{} {side}", tool.name);
                visit(&format!("{} {side}", tool.name), &schema, &mut |at, schema| {
                    for word in
                        ["$ref", "$defs", "$schema", "title", "oneOf", "allOf", "prefixItems"]
                    {
                        assert!(!schema.contains_key(word), "{at} has {word}");
                    }
                    // Only a secret's value may be of either type, and each way has one.
                    assert_eq!(
                        schema.contains_key("anyOf"),
                        at == "link_connector in.secrets[]",
                        "{at}"
                    );
                    assert_ne!(schema.get("default"), Some(&Value::Null), "{at}");
                    let format = schema.get("format").and_then(Value::as_str);
                    assert!(matches!(format, None | Some("uuid")), "{at}: {format:?}");
                    assert!(
                        !matches!(schema.get("type"), Some(Value::Array(_))),
                        "{at} has several types"
                    );
                });
            }
        }
    }

    #[test]
    fn enums_keep_all_their_words() {
        let of = |tool: &str, property: &str| {
            let tools = Importers::tools();
            tools.get(tool).expect("a tool").input_schema["properties"][property].clone()
        };
        assert_eq!(
            of("sync_external_connector", "sync_type")["enum"],
            json!(["initial", "incremental"])
        );
        assert_eq!(of("list_providers", "category")["enum"], json!(["social", "productivity"]));
        assert_eq!(
            of("search_records", "types")["items"]["enum"],
            json!(["message", "media_asset", "note", "task", "event"])
        );
        assert_eq!(
            of("list_sync_runs", "status")["enum"],
            json!(["running", "success", "partial", "failed", "cancelled"])
        );
        assert_eq!(
            of("link_connector", "secrets")["additionalProperties"],
            json!({"anyOf": [{"type": "string"}, {"type": "number"}]})
        );
    }

    #[test]
    fn all_tools_together_cost_at_most_4000_tokens() {
        let characters =
            serde_json::to_string(&crate::mcp::listed(tools())).expect("json").chars().count();
        assert!(characters.div_ceil(4) <= 4_000, "{} tokens", characters.div_ceil(4));
    }
}
