//! The fields that a page asks, and what comes back of them.

use std::{collections::BTreeMap, fmt::Write as _};

use secrecy::SecretString;
use serde_json::Value;

use super::html::Text;
use crate::{app::Error, provider::Settings, provider::spec::Field};

/// The name under which a page says which browser it was shown to.
pub(super) const TOKEN: &str = "form_token";
/// What the fields of our own are called apart from the vendor's.
const PREFIX: &str = "field.";
/// Most parts of a form.
const PARTS: usize = 200;

/// What a browser sent. Its secrets are wrapped as they are read.
#[derive(Default)]
pub(super) struct Given {
    /// What the page was shown with.
    pub token: String,
    /// The vendor's secrets, by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// The vendor's settings, by name.
    pub settings: BTreeMap<String, Value>,
}

impl Given {
    /// Reads a form; `None` for what is none. Of fields that are not among these, and of empty ones, nothing is taken.
    pub fn read<'a>(body: &[u8], fields: impl Iterator<Item = &'a Field>) -> Option<Self> {
        let fields: Vec<&Field> = fields.collect();
        let mut given = Self::default();
        for (at, (name, value)) in url::form_urlencoded::parse(body).enumerate() {
            if at >= PARTS {
                return None;
            }
            if name == TOKEN {
                given.token = value.into_owned();
                continue;
            }
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            let Some(field) = fields.iter().find(|field| field.name == name) else { continue };
            if value.trim().is_empty() {
                continue;
            }
            if field.secret {
                given.secrets.insert(name.to_owned(), SecretString::from(value.into_owned()));
            } else {
                given.settings.insert(name.to_owned(), Value::from(value.into_owned()));
            }
        }
        Some(given)
    }
}

/// What was wrong with what a browser sent.
pub(super) struct Wrong {
    /// The field that it is about, where it is about one.
    pub field: Option<String>,
    /// A sentence.
    pub problem: String,
}

impl Wrong {
    /// The problem without the field's help and without what else suffices, which the page says anyway.
    pub fn in_short(&self) -> &str {
        const MISSING: &str = "is missing";
        match self.problem.split_once(". ") {
            _ if self.problem.starts_with(MISSING) => MISSING,
            Some((problem, _)) => problem,
            None => &self.problem,
        }
    }

    /// A use case's error, as the form shows it.
    pub fn of(error: &Error, provider: &str) -> Self {
        use crate::error::Error as Vendor;
        match error {
            Error::Invalid { field, problem }
            | Error::Vendor(Vendor::Invalid { field, problem }) => {
                Self { field: Some(field.clone()), problem: problem.clone() }
            }
            Error::OtherAccount { given, found } => Self {
                field: None,
                problem: format!(
                    "These credentials belong to {found}, and {given} was to be linked again."
                ),
            },
            Error::Vendor(Vendor::Unavailable(_) | Vendor::RateLimited(_)) => Self {
                field: None,
                problem: format!("{provider} could not be asked just now. Try again in a moment."),
            },
            other => Self { field: None, problem: other.to_string() },
        }
    }
}

/// The inputs of these fields. Values that were given are shown again, but for secrets.
pub(super) fn inputs<'a>(
    fields: impl Iterator<Item = &'a Field>,
    values: &Settings,
    wrong: Option<&Wrong>,
) -> String {
    let mut html = String::new();
    for field in fields {
        let error = wrong.filter(|wrong| wrong.field.as_deref() == Some(field.name));
        input(&mut html, field, &shown(field, values), error);
    }
    html
}

fn shown(field: &Field, values: &Settings) -> String {
    match values.get(field.name).filter(|_| !field.secret) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

fn input(html: &mut String, field: &Field, value: &str, error: Option<&Wrong>) {
    let name = field.name;
    // A name is sealed as well, but whoever types it wants to see it.
    let hidden = field.secret && name != "username";
    let kind = if hidden { "password" } else { "text" };
    let optional = if field.required { "" } else { " <span>(optional)</span>" };
    let several = if field.list { " Several with commas between." } else { "" };
    let usual = if field.default.is_empty() {
        String::new()
    } else {
        format!(" Left empty: {}.", Text(field.default))
    };
    let mut described = format!("{name}-help");
    if error.is_some() {
        let _ = write!(described, " {name}-error");
    }
    let _ = write!(
        html,
        "<div class=\"field\"><label for=\"{name}\">{label}{optional}</label>\
         <p class=\"help\" id=\"{name}-help\">{help}{several}{usual}</p>\
         <input id=\"{name}\" name=\"{PREFIX}{name}\" type=\"{kind}\" aria-describedby=\"{described}\" \
         autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\"",
        label = Text(field.label),
        help = Text(field.help),
    );
    if field.required {
        html.push_str(" required");
    }
    if !hidden && !field.example.is_empty() {
        let _ = write!(html, " placeholder=\"{}\"", Text(field.example));
    }
    if !field.list && !field.pattern.is_empty() {
        let _ = write!(html, " pattern=\"{}\"", Text(as_browsers_have_it(field.pattern)));
    }
    if !value.is_empty() {
        let _ = write!(html, " value=\"{}\"", Text(value));
    }
    if error.is_some() {
        html.push_str(" aria-invalid=\"true\" autofocus");
    }
    html.push('>');
    if let Some(wrong) = error {
        let problem = Text(wrong.in_short());
        let _ = write!(html, "<p class=\"error\" id=\"{name}-error\">It {problem}.</p>");
    }
    html.push_str("</div>\n");
}

/// An expression as the attribute `pattern` takes it: browsers read it with the flag `v`, by which some signs in a class
/// are to be escaped.
fn as_browsers_have_it(pattern: &str) -> String {
    let mut browsers = String::with_capacity(pattern.len() + 8);
    let (mut in_class, mut escaped) = (false, false);
    let signs: Vec<char> = pattern.chars().collect();
    for (at, &sign) in signs.iter().enumerate() {
        let last_in_class = signs.get(at + 1) == Some(&']');
        match sign {
            _ if escaped => {}
            '[' if !in_class => in_class = true,
            ']' => in_class = false,
            '-' if in_class && last_in_class => browsers.push('\\'),
            '/' | '(' | ')' | '{' | '}' | '|' if in_class => browsers.push('\\'),
            _ => {}
        }
        escaped = sign == '\\' && !escaped;
        browsers.push(sign);
    }
    browsers
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::providers;

    const FIELDS: &[Field] = &[
        Field {
            name: "api_token",
            label: "A <token>",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field { name: "site", label: "Site", help: "As \"acme\".", ..Field::BASE },
    ];

    #[test]
    fn only_declared_fields_are_taken_and_secrets_are_wrapped() {
        let body = b"form_token=t&field.api_token=hush&field.site=acme&field.other=x&site=y&field.api_token2=z";
        let given = Given::read(body, FIELDS.iter()).unwrap();
        assert_eq!(given.token, "t");
        assert_eq!(given.secrets["api_token"].expose_secret(), "hush");
        assert_eq!(given.settings, [("site".to_owned(), Value::from("acme"))].into());
        let empty = Given::read(b"field.api_token=++&field.site=", FIELDS.iter()).unwrap();
        assert!(empty.secrets.is_empty() && empty.settings.is_empty());
        assert!(Given::read("a=1&".repeat(PARTS + 1).as_bytes(), FIELDS.iter()).is_none());
    }

    #[test]
    fn an_input_is_labelled_described_and_never_shows_a_secret_again() {
        let values: Settings =
            [("api_token".to_owned(), "hush".into()), ("site".to_owned(), "a\"b".into())].into();
        let wrong = Wrong { field: Some("site".into()), problem: "is <odd>".into() };
        let html = inputs(FIELDS.iter(), &values, Some(&wrong));
        assert!(!html.contains("hush"));
        assert!(html.contains("value=\"a&quot;b\"") && html.contains("As &quot;acme&quot;."));
        assert!(html.contains("aria-describedby=\"site-help site-error\""), "{html}");
        assert!(html.contains("It is &lt;odd&gt;") && html.contains("A &lt;token&gt;"));
        assert!(html.contains("type=\"password\"") && html.contains("type=\"text\""));
    }

    #[test]
    fn what_is_wrong_is_said_without_what_the_page_says_anyway() {
        let short =
            |problem: &str| Wrong { field: None, problem: problem.into() }.in_short().to_owned();
        assert_eq!(
            short("is missing: Gmail is linked with access_token. In the settings."),
            "is missing"
        );
        assert_eq!(short("is too long. In the settings."), "is too long");
        assert_eq!(short("is odd"), "is odd");
    }

    #[test]
    fn every_pattern_of_the_catalog_is_one_that_browsers_read() {
        for field in providers::ALL.iter().flat_map(|entry| entry.spec().fields) {
            let browsers = as_browsers_have_it(field.pattern);
            // Within a class nothing that has a meaning of its own there stands bare.
            for class in browsers.split('[').skip(1) {
                let class = class.replace("\\]", "").replace("\\-", "").replace("\\/", "");
                let class = class.split(']').next().unwrap().to_owned();
                assert!(!class.ends_with('-') && !class.contains(['/', '(', '|']), "{browsers}");
            }
        }
        assert_eq!(as_browsers_have_it(r"[a-z0-9-]+\.x/[^\s/@]"), r"[a-z0-9\-]+\.x/[^\s\/@]");
    }
}
