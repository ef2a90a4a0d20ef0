//! The configuration of an MCP client: adding a server to its text. Order, comments and formatting of everything else stay
//! as they are.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstRootNode},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// Shown instead of the value of an environment variable.
const HIDDEN: &str = "…";
const BYTE_ORDER_MARK: char = '\u{feff}';

/// How a client launches the server.
#[derive(Debug)]
pub struct Entry {
    /// The program's absolute path.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it is given; may be secrets.
    pub env: BTreeMap<String, SecretString>,
    /// Whether the client wants `"type": "stdio"`.
    pub typed: bool,
}

impl Entry {
    /// What the entry sets, in the order that people write it.
    fn fields(&self) -> Vec<(&'static str, CstInputValue)> {
        let text = |text: &str| CstInputValue::String(text.to_owned());
        let mut fields = Vec::new();
        if self.typed {
            fields.push(("type", text("stdio")));
        }
        fields.push(("command", text(&self.command)));
        let args = self.args.iter().map(|arg| text(arg)).collect();
        fields.push(("args", CstInputValue::Array(args)));
        fields
    }

    /// The entry as JSON, for people to paste or to give to a client's own command.
    pub fn to_json(&self) -> Value {
        let mut entry = serde_json::Map::new();
        if self.typed {
            entry.insert("type".to_owned(), "stdio".into());
        }
        entry.insert("command".to_owned(), self.command.clone().into());
        entry.insert("args".to_owned(), self.args.clone().into());
        if !self.env.is_empty() {
            let env = self.env.iter().map(|(k, v)| (k.clone(), v.expose_secret().into()));
            entry.insert("env".to_owned(), Value::Object(env.collect()));
        }
        Value::Object(entry)
    }
}

/// Adds the server `name` under the key `servers`, or brings an entry of that name up to date: what the entry sets is
/// set, what it does not name (other variables, switches of the client's) stays.
///
/// # Errors
/// When the text is not the JSON object that it should be.
pub fn merge(old: &str, servers: &str, name: &str, entry: &Entry) -> anyhow::Result<String> {
    let (mark, root) = parse(old)?;
    let top = match root.value() {
        None => root.object_value_or_set(),
        Some(value) => value.as_object().context("it holds no JSON object")?,
    };
    let servers = object(&top, servers)?;
    let server = object(&servers, name)?;
    for (field, value) in entry.fields() {
        set(&server, field, value);
    }
    if !entry.env.is_empty() {
        let env = object(&server, "env")?;
        for (variable, value) in &entry.env {
            set(&env, variable, CstInputValue::String(value.expose_secret().to_owned()));
        }
    }
    let mut new = format!("{mark}{root}");
    if !new.ends_with('\n') && !old.ends_with('}') {
        new.push('\n');
    }
    Ok(new)
}

/// Reads JSON as clients write it: with comments and trailing commas, and nothing stranger.
fn parse(text: &str) -> anyhow::Result<(&'static str, CstRootNode)> {
    let (mark, text) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    CstRootNode::parse(text, &options)
        .map(|root| (mark, root))
        .map_err(|cause| anyhow::anyhow!("it is not valid JSON: {cause}"))
}

fn object(of: &CstObject, name: &str) -> anyhow::Result<CstObject> {
    of.object_value_or_create(name).with_context(|| format!("{name:?} in it is no JSON object"))
}

/// Sets a property, unless it says the same already: then its formatting stays as well.
fn set(of: &CstObject, name: &str, value: CstInputValue) {
    match of.get(name) {
        None => {
            of.append(name, value);
        }
        Some(property) => {
            let stands = property.value().and_then(|node| node.to_serde_value());
            if stands != Some(json(&value)) {
                property.set_value(value);
            }
        }
    }
}

fn json(value: &CstInputValue) -> Value {
    match value {
        CstInputValue::String(text) => Value::String(text.clone()),
        CstInputValue::Array(items) => items.iter().map(json).collect(),
        CstInputValue::Bool(yes) => Value::Bool(*yes),
        CstInputValue::Null => Value::Null,
        CstInputValue::Number(text) => serde_json::from_str(text).unwrap_or_default(),
        CstInputValue::Object(of) => of.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
    }
}

/// The lines that differ, with `-` for what goes and `+` for what comes. Values of environment variables, of any server,
/// are hidden; so two texts may differ and nothing is shown.
///
/// # Errors
/// When one of the texts is not JSON.
pub fn changes(old: &str, new: &str, servers: &str) -> anyhow::Result<Vec<(char, String)>> {
    let (old, new) = (hide(old, servers)?, hide(new, servers)?);
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let before = same(&mut old.iter().zip(&new));
    let rest = old.len().min(new.len()).saturating_sub(before);
    let after = same(&mut old.iter().rev().zip(new.iter().rev()).take(rest));
    let middle = |lines: &[&str], sign| {
        let of = lines.get(before..lines.len().saturating_sub(after)).unwrap_or_default();
        of.iter().map(|line| (sign, (*line).to_owned())).collect::<Vec<_>>()
    };
    Ok([middle(&old, '-'), middle(&new, '+')].concat())
}

fn hide(text: &str, servers: &str) -> anyhow::Result<String> {
    let (_, root) = parse(text)?;
    let servers = root.object_value().and_then(|top| top.object_value(servers));
    for server in servers.iter().flat_map(CstObject::properties) {
        let env = server.object_value().and_then(|server| server.object_value("env"));
        for variable in env.iter().flat_map(CstObject::properties) {
            variable.set_value(CstInputValue::String(HIDDEN.to_owned()));
        }
    }
    Ok(root.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(env: &[(&str, &str)]) -> Entry {
        Entry {
            command: "/opt/neotoma".into(),
            args: vec!["serve".into()],
            env: env.iter().map(|(k, v)| ((*k).to_owned(), SecretString::from(*v))).collect(),
            typed: false,
        }
    }

    fn merged(old: &str, env: &[(&str, &str)]) -> String {
        merge(old, "mcpServers", "neotoma", &entry(env)).unwrap()
    }

    const OTHERS: &str = r#"{
  // chosen by hand
  "zebra": 1,
  "mcpServers": {
    "files": { "command": "npx", "env": { "TOKEN": "theirs" } } // keep
  },
  "alpha": {"b": [1,2], "a": null}
}
"#;

    #[test]
    fn a_server_is_added_and_everything_else_stays_to_the_letter() {
        assert_eq!(
            merged(OTHERS, &[("DATABASE_URL", "postgres://x")]),
            r#"{
  // chosen by hand
  "zebra": 1,
  "mcpServers": {
    "files": { "command": "npx", "env": { "TOKEN": "theirs" } }, // keep
    "neotoma": {
      "command": "/opt/neotoma",
      "args": ["serve"],
      "env": {
        "DATABASE_URL": "postgres://x"
      }
    }
  },
  "alpha": {"b": [1,2], "a": null}
}
"#
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_begun() {
        let new = merged("", &[]);
        assert_eq!(
            new,
            "{\n  \"mcpServers\": {\n    \"neotoma\": {\n      \"command\": \"/opt/neotoma\",\n      \"args\": [\"serve\"]\n    }\n  }\n}\n"
        );
        assert_eq!(merged("{}", &[]).trim_end(), new.trim_end());
    }

    #[test]
    fn doing_it_again_changes_nothing() {
        let once = merged(OTHERS, &[("A", "1")]);
        assert_eq!(merged(&once, &[("A", "1")]), once);
        assert_eq!(merged(&once, &[]), once, "variables that are not named again stay");
        let by_hand =
            r#"{"mcpServers":{"neotoma":{"args":[ "serve" ],"command":"\/opt/neotoma"}}}"#;
        assert_eq!(merged(by_hand, &[]), by_hand, "another spelling of the same is the same");
    }

    #[test]
    fn an_older_entry_is_brought_up_to_date_and_keeps_what_others_set() {
        let old = r#"{"mcpServers": {"neotoma": {"command": "/old", "args": ["serve", "--x"], "disabled": false, "env": {"A": "1", "B": "2"}}}}"#;
        let new: Value = serde_json::from_str(&merged(old, &[("B", "3")])).unwrap();
        assert_eq!(
            new["mcpServers"]["neotoma"],
            serde_json::json!({"command": "/opt/neotoma", "args": ["serve"], "disabled": false, "env": {"A": "1", "B": "3"}})
        );
    }

    #[test]
    fn paths_and_values_are_escaped_as_json_wants_it() {
        let odd = Entry {
            command: r#"C:\Program Files\n"x.exe"#.into(),
            ..entry(&[("A", "line\nü\u{1}")])
        };
        let text = merge("", "servers", "neotoma", &odd).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["servers"]["neotoma"], odd.to_json());
    }

    #[test]
    fn a_client_that_wants_the_type_gets_it() {
        let typed = Entry { typed: true, ..entry(&[]) };
        let back: Value =
            serde_json::from_str(&merge("", "servers", "n", &typed).unwrap()).unwrap();
        assert_eq!(back["servers"]["n"], typed.to_json());
        assert_eq!(back["servers"]["n"]["type"], "stdio");
    }

    #[test]
    fn a_file_that_is_broken_is_refused_and_the_place_is_named() {
        for (broken, why) in [
            ("{\n  \"a\": \n}", "line 3"),
            ("{\"a\": 1 \"b\": 2}", "not valid JSON"),
            ("{'a': 1}", "not valid JSON"),
            ("{\"a\": 1}}", "not valid JSON"),
            ("[]", "no JSON object"),
            ("{\"mcpServers\": []}", "\"mcpServers\" in it is no JSON object"),
            ("{\"mcpServers\": {\"neotoma\": 1}}", "\"neotoma\" in it is no JSON object"),
        ] {
            let error = merge(broken, "mcpServers", "neotoma", &entry(&[])).unwrap_err();
            assert!(error.to_string().contains(why), "{broken}: {error}");
        }
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_stay() {
        let new = merged("\u{feff}{\r\n  \"a\": 1\r\n}\r\n", &[]);
        assert!(new.starts_with("\u{feff}{\r\n  \"a\": 1,\r\n"), "{new:?}");
        assert!(!new.replace("\r\n", "").contains('\n'), "{new:?}");
    }

    #[test]
    fn the_change_is_shown_without_anybodys_secrets() {
        let new = merged(OTHERS, &[("KEY", "ours")]);
        let shown = changes(OTHERS, &new, "mcpServers").unwrap();
        let text = shown
            .iter()
            .fold(String::new(), |text, (sign, line)| text + &format!("{sign}{line}\n"));
        assert_eq!(
            text,
            r#"-    "files": { "command": "npx", "env": { "TOKEN": "…" } } // keep
+    "files": { "command": "npx", "env": { "TOKEN": "…" } }, // keep
+    "neotoma": {
+      "command": "/opt/neotoma",
+      "args": ["serve"],
+      "env": {
+        "KEY": "…"
+      }
+    }
"#
        );
        let other = merged(&new, &[("KEY", "new")]);
        assert!(other != new && changes(&new, &other, "mcpServers").unwrap().is_empty());
    }

    #[test]
    fn a_secret_is_not_in_the_debug_output_of_an_entry() {
        assert!(!format!("{:?}", entry(&[("KEY", "hush")])).contains("hush"));
    }
}
