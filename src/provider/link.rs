//! What a person gives to link an account, held against what the vendor declares.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{
    nearest::nearest,
    settings::Settings,
    spec::{Field, Spec},
};
use crate::error::{Error, Result};

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 64 * 1024;
/// The longest setting, in bytes.
pub const MAX_SETTING: usize = 4 * 1024;
/// The most values of one setting.
pub const MAX_VALUES: usize = 1_000;
/// The most secrets, and the most settings, of one account.
const MAX_NAMES: usize = 50;

/// Settings that every provider takes, and what they are.
const COMMON: [(&str, Common); 5] = [
    ("label", Common::Text),
    ("include", Common::Texts),
    ("exclude", Common::Texts),
    ("since", Common::Date),
    ("bodies", Common::Flag),
];

#[derive(Clone, Copy)]
enum Common {
    Text,
    Texts,
    Date,
    Flag,
}

/// Secrets that every vendor with OAuth takes, whether its fields name them or not.
const OAUTH: [&str; 3] = ["access_token", "refresh_token", "expires_at"];

/// Spellings that programs use for some secrets.
const SPELLINGS: [(&str, &str); 3] = [
    ("accessToken", "access_token"),
    ("refreshToken", "refresh_token"),
    ("expiresAt", "expires_at"),
];

/// The secrets and settings of an account, by the declared names and in one form.
#[derive(Clone, Debug, Default)]
pub struct LinkInput {
    /// The secrets. `expires_at`, where given, is a time in RFC 3339, UTC.
    pub secrets: BTreeMap<String, SecretString>,
    /// The settings: a text, or texts where the field is a list. `since` is a date or a time, `bodies` a boolean.
    pub metadata: Settings,
}

impl LinkInput {
    /// Holds what was given against the vendor's declarations: names, places, forms and sizes. Whether it is enough to
    /// link an account is [`LinkInput::suffices`]; to link one again it need not be.
    ///
    /// Blanks around a secret are dropped, settings of `null` or of nothing count as not given, numbers as texts.
    ///
    /// # Errors
    /// `Invalid`, naming the first field that does not do, and never a value.
    pub fn read(
        spec: &Spec,
        secrets: impl IntoIterator<Item = (String, SecretString)>,
        metadata: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Self> {
        let mut read = Self::default();
        for (given, secret) in secrets.into_iter().take(MAX_NAMES + 1) {
            let name = spec.secret_name(&given)?;
            let secret = check_secret(spec, name, &secret)?;
            if read.secrets.insert(name.to_owned(), secret).is_some() {
                return Err(Error::invalid(name, "is given twice"));
            }
        }
        for (name, value) in metadata.into_iter().take(MAX_NAMES + 1) {
            if let Some(value) = setting(spec, &name, value)? {
                read.metadata.insert(name, value);
            }
        }
        for (names, place) in [(read.secrets.len(), "secrets"), (read.metadata.len(), "metadata")] {
            if names > MAX_NAMES {
                return Err(Error::invalid(place, format!("has more than {MAX_NAMES} keys")));
            }
        }
        Ok(read)
    }

    /// Whether this is enough to link an account from nothing.
    ///
    /// # Errors
    /// As [`Spec::check_link`].
    pub fn suffices(&self, spec: &Spec) -> Result<()> {
        spec.check_link(self.secrets.keys().chain(self.metadata.keys()).map(String::as_str))
    }
}

/// Takes secrets out of JSON, at the first moment that they are ours. Numbers become texts.
///
/// # Errors
/// `Invalid`, naming the secret that is neither.
pub fn seal(secrets: Map<String, Value>) -> Result<BTreeMap<String, SecretString>> {
    let texts = secrets.into_iter().map(|(name, value)| {
        let text = match value {
            Value::String(text) => Some(SecretString::from(text)),
            Value::Number(number) => Some(SecretString::from(number.to_string())),
            _ => None,
        };
        (name, text)
    });
    // All are taken before any is refused, so that none is left behind in the JSON.
    let texts: Vec<_> = texts.collect();
    let mut sealed = BTreeMap::new();
    for (name, text) in texts {
        let text = text.ok_or_else(|| Error::invalid(short(&name), "is not a text"))?;
        sealed.insert(name, text);
    }
    Ok(sealed)
}

impl Spec {
    /// The sets of fields that each suffice to link an account; where none is declared, the required fields.
    pub fn ways(&self) -> Vec<Vec<&'static str>> {
        if self.ways.is_empty() {
            let required = self.fields.iter().filter(|field| field.required);
            vec![required.map(|field| field.name).collect()]
        } else {
            self.ways.iter().map(|way| way.to_vec()).collect()
        }
    }

    /// Whether the secrets and settings of these names are enough to link an account, and belong to one way of doing so.
    ///
    /// # Errors
    /// `Invalid`, naming a field that is missing, or one that belongs to another way than the rest.
    pub fn check_link<'a>(&self, given: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let given: BTreeSet<&str> = given.into_iter().collect();
        let ways = self.ways();
        let missing = |way: &&Vec<&str>| way.iter().filter(|name| !given.contains(*name)).count();
        let present = |way: &&Vec<&str>| way.len() - missing(way);
        // The way that was meant: a whole one, else the one of which the most is there; the first among equals.
        let meant = ways.iter().rev().max_by_key(|way| (missing(way) == 0, present(way)));
        let Some(meant) = meant else { return Ok(()) };
        if let Some(name) = meant.iter().find(|name| !given.contains(*name)) {
            let help = self.field(name).map_or("", |field| field.help);
            let problem = format!("is missing: {}. {help}", self.linked_with(&ways));
            return Err(Error::invalid(*name, problem.trim_end()));
        }
        let foreign =
            ways.iter().flatten().find(|name| given.contains(*name) && !meant.contains(name));
        if let Some(name) = foreign {
            let problem = format!(
                "belongs to another way of linking than the rest: {}",
                self.linked_with(&ways)
            );
            return Err(Error::invalid(*name, problem));
        }
        Ok(())
    }

    fn linked_with(&self, ways: &[Vec<&str>]) -> String {
        let ways: Vec<String> = ways.iter().map(|way| way.join(" + ")).collect();
        format!("{} is linked with {}", self.name, ways.join(", or with "))
    }

    /// Names of the secrets that this vendor takes.
    fn secret_names(&self) -> impl Iterator<Item = &'static str> {
        let declared = self.fields.iter().filter(|field| field.secret).map(|field| field.name);
        let oauth = OAUTH.into_iter().filter(|_| self.oauth.is_some());
        declared.chain(oauth)
    }

    /// Names of the settings that this vendor takes.
    fn setting_names(&self) -> impl Iterator<Item = &'static str> {
        let declared = self.fields.iter().filter(|field| !field.secret).map(|field| field.name);
        declared.chain(COMMON.into_iter().map(|(name, _)| name))
    }

    /// The declared name of a given secret.
    fn secret_name(&self, given: &str) -> Result<&'static str> {
        let name =
            SPELLINGS.iter().find(|(other, _)| *other == given).map_or(given, |(_, own)| own);
        if let Some(name) = self.secret_names().find(|own| *own == name) {
            return Ok(name);
        }
        if self.setting_names().any(|own| own == given) {
            return Err(Error::invalid(given, "is a setting, not a secret: give it in metadata"));
        }
        Err(self.unknown("secret", given, self.secret_names().collect()))
    }

    fn unknown(&self, what: &str, given: &str, known: Vec<&'static str>) -> Error {
        let likely = nearest(given, known.iter().map(|name| (*name, *name)), 1);
        let hint = if let Some(name) = likely.first() {
            format!("did you mean {name}?")
        } else {
            let known: BTreeSet<_> = known.into_iter().collect();
            format!("it takes {}", known.into_iter().collect::<Vec<_>>().join(", "))
        };
        Error::invalid(short(given), format!("{} takes no {what} of that name; {hint}", self.name))
    }
}

/// A given name, cut where it is too long to be repeated.
fn short(name: &str) -> String {
    if name.chars().count() <= 60 {
        name.to_owned()
    } else {
        name.chars().take(59).chain(['…']).collect()
    }
}

fn check_secret(spec: &Spec, name: &'static str, secret: &SecretString) -> Result<SecretString> {
    let text = secret.expose_secret();
    if text.len() > MAX_SECRET {
        return Err(Error::invalid(name, format!("is longer than {} KiB", MAX_SECRET / 1024)));
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(name, "is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(name, "holds a line break or another control character"));
    }
    if name == "expires_at" {
        return moment(text).map(|at| SecretString::from(at.to_string()));
    }
    if let Some(field) = spec.field(name) {
        field.check(text)?;
    }
    Ok(SecretString::from(text))
}

/// A time as token answers and programs write it: RFC 3339, or seconds or milliseconds since the epoch.
fn moment(text: &str) -> Result<Timestamp> {
    /// As seconds the year 5138, as milliseconds March 1973: no token's end is on the wrong side of it.
    const MILLISECONDS: i64 = 100_000_000_000;
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let time = match whole.parse::<i64>() {
        Ok(number) if number.abs() >= MILLISECONDS => Timestamp::from_millisecond(number).ok(),
        Ok(number) => Timestamp::from_second(number).ok(),
        Err(_) => text.parse().ok(),
    };
    time.ok_or_else(|| {
        Error::invalid("expires_at", "is not a time: give RFC 3339, or seconds since the epoch")
    })
}

/// A setting in its one form; `None` where it counts as not given.
fn setting(spec: &Spec, name: &str, value: Value) -> Result<Option<Value>> {
    if let Some((_, common)) = COMMON.iter().find(|(own, _)| *own == name) {
        return common_setting(name, *common, value);
    }
    let field = spec.fields.iter().find(|field| field.name == name && !field.secret);
    let Some(field) = field else {
        let secret =
            SPELLINGS.iter().find(|(other, _)| *other == name).map_or(name, |(_, own)| own);
        if spec.secret_names().any(|own| own == secret) {
            return Err(Error::invalid(
                name,
                "is a secret: give it in secrets, which are kept sealed",
            ));
        }
        return Err(spec.unknown("setting", name, spec.setting_names().collect()));
    };
    if field.list {
        texts(field.name, value, |each| field.check(each))
    } else {
        checked_text(field, value)
    }
}

fn checked_text(field: &Field, value: Value) -> Result<Option<Value>> {
    let Some(text) = text(field.name, value)? else { return Ok(None) };
    field.check(&text)?;
    Ok(Some(Value::String(text)))
}

fn common_setting(name: &str, common: Common, value: Value) -> Result<Option<Value>> {
    match common {
        Common::Texts => texts(name, value, |_| Ok(())),
        Common::Text => Ok(text(name, value)?.map(Value::String)),
        Common::Date => match text(name, value)? {
            Some(date) if date.parse::<Date>().is_ok() || date.parse::<Timestamp>().is_ok() => {
                Ok(Some(Value::String(date)))
            }
            Some(_) => Err(Error::invalid(name, "is not a date, as 2025-01-31 is one")),
            None => Ok(None),
        },
        Common::Flag => match value {
            Value::Null => Ok(None),
            Value::Bool(_) => Ok(Some(value)),
            Value::String(word) if word == "true" || word == "false" => {
                Ok(Some(Value::Bool(word == "true")))
            }
            _ => Err(Error::invalid(name, "is neither true nor false")),
        },
    }
}

/// A text, trimmed; a whole number counts as one. `None` for null and for nothing.
fn text(name: &str, value: Value) -> Result<Option<String>> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return Err(Error::invalid(name, "is not a text")),
    };
    if text.len() > MAX_SETTING {
        return Err(Error::invalid(name, format!("is longer than {MAX_SETTING} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(name, "holds a line break or another control character"));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// Several texts: a list of them, or one text with commas between. Each once, in the order given.
fn texts(name: &str, value: Value, check: impl Fn(&str) -> Result<()>) -> Result<Option<Value>> {
    let values: Vec<Value> = match value {
        Value::Array(values) => values,
        Value::String(joined) => joined.split(',').map(Value::from).collect(),
        other => vec![other],
    };
    if values.len() > MAX_VALUES {
        return Err(Error::invalid(name, format!("has more than {MAX_VALUES} values")));
    }
    let mut seen = BTreeSet::new();
    let mut texts = Vec::new();
    for value in values {
        let Some(text) = text(name, value)? else { continue };
        check(&text)?;
        if seen.insert(text.clone()) {
            texts.push(Value::String(text));
        }
    }
    Ok((!texts.is_empty()).then_some(Value::Array(texts)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::spec::OAuth2;

    static DESK: Spec = Spec {
        name: "Desk",
        oauth: Some(OAuth2::BASE),
        fields: &[
            Field {
                name: "api_token",
                secret: true,
                pattern: "[a-z]+",
                help: "Under Settings.",
                ..Field::BASE
            },
            Field { name: "username", secret: true, ..Field::BASE },
            Field { name: "subdomain", pattern: "[a-z0-9-]+", example: "acme", ..Field::BASE },
            Field { name: "pages", list: true, pattern: "[0-9]+", ..Field::BASE },
        ],
        ways: &[&["access_token", "subdomain"], &["username", "api_token", "subdomain"]],
        ..Spec::BASE
    };
    static KEY: Spec = Spec {
        name: "Key",
        fields: &[
            Field { name: "api_key", secret: true, required: true, ..Field::BASE },
            Field {
                name: "team",
                required: true,
                help: "The number in the address.",
                ..Field::BASE
            },
        ],
        ..Spec::BASE
    };

    fn read(spec: &Spec, secrets: Value, metadata: Value) -> Result<LinkInput> {
        let map = |value| serde_json::from_value::<Map<String, Value>>(value).unwrap();
        LinkInput::read(spec, seal(map(secrets))?, map(metadata))
    }

    /// The error of giving this, as a person reads it.
    fn refused(spec: &Spec, secrets: Value, metadata: Value) -> String {
        let read = read(spec, secrets, metadata);
        let error = read.and_then(|read| read.suffices(spec)).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
        error.to_string()
    }

    #[test]
    fn the_two_ways_of_linking_suffice_each_by_itself() {
        for secrets in [json!({"access_token": "t"}), json!({"username": "u", "api_token": "x"})] {
            read(&DESK, secrets, json!({"subdomain": "acme"})).unwrap().suffices(&DESK).unwrap();
        }
    }

    #[test]
    fn a_missing_field_is_named_with_where_to_find_it() {
        assert_eq!(
            refused(&DESK, json!({"username": "u"}), json!({"subdomain": "acme"})),
            "api_token: is missing: Desk is linked with access_token + subdomain, or with username + api_token + \
             subdomain. Under Settings."
        );
        assert_eq!(
            refused(&KEY, json!({"api_key": "k"}), json!({})),
            "team: is missing: Key is linked with api_key + team. The number in the address."
        );
        assert!(refused(&DESK, json!({}), json!({})).starts_with("access_token: is missing"));
    }

    #[test]
    fn fields_of_two_ways_at_once_are_refused_rather_than_guessed_between() {
        let secrets = json!({"access_token": "t", "username": "u"});
        let problem = refused(&DESK, secrets, json!({"subdomain": "acme"}));
        assert!(problem.starts_with("username: belongs to another way"), "{problem}");
    }

    #[test]
    fn an_unknown_secret_is_refused_with_the_nearest_name_or_all() {
        let problem = refused(&DESK, json!({"apiToken": "t"}), json!({}));
        assert_eq!(problem, "apiToken: Desk takes no secret of that name; did you mean api_token?");
        let problem = refused(&KEY, json!({"password": "t"}), json!({}));
        assert_eq!(problem, "password: Key takes no secret of that name; it takes api_key");
    }

    #[test]
    fn an_unknown_setting_is_refused_and_the_common_ones_are_not() {
        let problem = refused(&DESK, json!({}), json!({"sub_domain": "acme"}));
        assert_eq!(
            problem,
            "sub_domain: Desk takes no setting of that name; did you mean subdomain?"
        );
        let common = json!({
            "label": " Work ", "include": "c1, c2,c1", "exclude": ["a,b"], "since": "2025-01-31", "bodies": "false",
        });
        let read = read(&KEY, json!({}), common).unwrap();
        assert_eq!(
            serde_json::to_value(&read.metadata).unwrap(),
            json!({
                "label": "Work", "include": ["c1", "c2"], "exclude": ["a,b"], "since": "2025-01-31", "bodies": false,
            })
        );
    }

    #[test]
    fn a_date_that_is_none_and_a_flag_that_is_none_are_refused() {
        for date in ["31.1.2025", "2025-02-30", "yesterday"] {
            assert!(
                refused(&KEY, json!({}), json!({"since": date}))
                    .starts_with("since: is not a date")
            );
        }
        read(&KEY, json!({}), json!({"since": "2025-01-31T12:00:00+01:00"})).unwrap();
        let problem = refused(&KEY, json!({}), json!({"bodies": "no"}));
        assert_eq!(problem, "bodies: is neither true nor false");
    }

    #[test]
    fn a_secret_among_the_settings_is_refused_and_not_repeated() {
        for name in ["api_token", "access_token", "accessToken", "expires_at"] {
            let problem = refused(&DESK, json!({}), json!({name: "hunter2"}));
            assert_eq!(
                problem,
                format!("{name}: is a secret: give it in secrets, which are kept sealed")
            );
        }
    }

    #[test]
    fn a_setting_among_the_secrets_is_refused() {
        for name in ["subdomain", "label"] {
            let problem = refused(&DESK, json!({name: "acme"}), json!({}));
            assert_eq!(problem, format!("{name}: is a setting, not a secret: give it in metadata"));
        }
    }

    #[test]
    fn a_vendor_with_oauth_takes_its_tokens_under_either_spelling_and_another_does_not() {
        let tokens = json!({"accessToken": "a", "refreshToken": "r", "expiresAt": 1_767_225_600});
        let read_tokens = read(&DESK, tokens.clone(), json!({})).unwrap();
        let names: Vec<_> = read_tokens.secrets.keys().map(String::as_str).collect();
        assert_eq!(names, ["access_token", "expires_at", "refresh_token"]);
        assert!(refused(&KEY, tokens, json!({})).contains("takes no secret of that name"));
        let twice = refused(&DESK, json!({"accessToken": "a", "access_token": "b"}), json!({}));
        assert_eq!(twice, "access_token: is given twice");
    }

    #[test]
    fn the_end_of_a_token_is_kept_in_one_form_however_it_is_written() {
        let ends = [
            json!(1_767_225_600),
            json!(1_767_225_600_000_i64),
            json!("1767225600.5"),
            json!("2026-01-01T01:00:00+01:00"),
        ];
        for end in ends {
            let read = read(&DESK, json!({"expires_at": end}), json!({})).unwrap();
            assert_eq!(read.secrets["expires_at"].expose_secret(), "2026-01-01T00:00:00Z", "{end}");
        }
        for odd in [json!("tomorrow"), json!("99999999999999999999"), json!("2026-01-01")] {
            assert!(
                refused(&DESK, json!({"expires_at": odd}), json!({}))
                    .starts_with("expires_at: is not a time")
            );
        }
    }

    #[test]
    fn a_secret_may_have_64_kib_and_not_a_byte_more() {
        let link = |bytes| read(&KEY, json!({"api_key": "x".repeat(bytes)}), json!({}));
        assert!(link(MAX_SECRET).is_ok());
        assert_eq!(link(MAX_SECRET + 1).unwrap_err().to_string(), "api_key: is longer than 64 KiB");
    }

    #[test]
    fn a_secret_loses_the_blanks_around_it_and_must_then_be_a_line() {
        let read_key = |key: &str| read(&KEY, json!({"api_key": key}), json!({}));
        let read = read_key(" k e y\n").unwrap();
        assert_eq!(read.secrets["api_key"].expose_secret(), "k e y");
        assert!(read_key(" \n").unwrap_err().to_string().contains("is empty"));
        for odd in ["a\nb", "a\0b"] {
            assert!(read_key(odd).unwrap_err().to_string().contains("control character"));
        }
    }

    #[test]
    fn a_value_of_another_form_is_refused_whole_and_never_repeated() {
        let problem = refused(&DESK, json!({"api_token": "SECRET9"}), json!({}));
        assert_eq!(problem, "api_token: does not have the form that is expected. Under Settings.");
        let problem = refused(&DESK, json!({}), json!({"subdomain": "acme.evil.test"}));
        assert_eq!(problem, "subdomain: does not have the form that is expected, as acme has");
    }

    #[test]
    fn a_list_takes_texts_numbers_and_commas_and_checks_each() {
        let pages = |given| {
            read(&DESK, json!({}), json!({"pages": given})).map(|mut r| r.metadata.remove("pages"))
        };
        for given in [json!(["1", 22, "1"]), json!("1, 22"), json!(["1", "22", null, ""])] {
            assert_eq!(pages(given).unwrap(), Some(json!(["1", "22"])));
        }
        assert_eq!(pages(json!(7)).unwrap(), Some(json!(["7"])));
        assert_eq!(pages(json!([])).unwrap(), None);
        assert!(pages(json!(["1", "two"])).is_err());
        assert!(pages(json!([["1"]])).is_err());
        assert!(pages(json!(vec![1; MAX_VALUES + 1])).is_err());
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        assert_eq!(refused(&KEY, json!({"api_key": ["k"]}), json!({})), "api_key: is not a text");
        assert_eq!(refused(&KEY, json!({"api_key": null}), json!({})), "api_key: is not a text");
        assert_eq!(refused(&KEY, json!({}), json!({"team": {"id": 1}})), "team: is not a text");
        assert_eq!(refused(&KEY, json!({}), json!({"team": 1.5})), "team: is not a text");
        let long = refused(&KEY, json!({}), json!({"team": "x".repeat(MAX_SETTING + 1)}));
        assert_eq!(long, "team: is longer than 4096 bytes");
    }

    #[test]
    fn a_setting_of_null_or_nothing_counts_as_not_given() {
        let read =
            read(&KEY, json!({}), json!({"team": null, "label": " ", "bodies": null})).unwrap();
        assert!(read.metadata.is_empty());
    }

    #[test]
    fn more_names_than_any_account_has_are_refused() {
        let many = (0..=MAX_NAMES).map(|n| (format!("k{n}"), json!("v")));
        assert!(read(&KEY, json!({}), Value::Object(many.collect())).is_err());
        let long = "k".repeat(100_000);
        assert!(refused(&KEY, json!({long: "v"}), json!({})).len() < 200);
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let read = read(&KEY, json!({"api_key": "hunter2"}), json!({"team": "7"})).unwrap();
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
