//! What a connector's settings mean: the account they select, the addresses they fill, the hosts they name.
//!
//! Settings are a connector's `metadata`, as [`LinkInput`](super::LinkInput) has checked them. A value may also come from
//! a vendor (Salesforce names its instance with each token), so whatever goes into an address is checked here again.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;
use url::Url;

use super::spec::{Field, OAuth2, Spec};
use crate::error::{Error, Result};

/// A connector's settings, by name.
pub type Settings = BTreeMap<String, Value>;

impl Field {
    /// Whether one value of this field has the declared form.
    ///
    /// # Errors
    /// `Invalid` with where to find the value; never the value itself, which may be a secret in the wrong place.
    pub fn check(&self, value: &str) -> Result<()> {
        if value.is_empty() {
            return Err(Error::invalid(self.name, "is empty"));
        }
        if self.pattern.is_empty() {
            return Ok(());
        }
        let whole = Regex::new(&format!("^(?:{})$", self.pattern))
            .map_err(|_| Error::unexpected(self.name, "its declared pattern is no expression"))?;
        if whole.is_match(value) {
            return Ok(());
        }
        let mut problem = "does not have the form that is expected".to_owned();
        if !self.example.is_empty() {
            problem = format!("{problem}, as {} has", self.example);
        }
        if !self.help.is_empty() {
            problem = format!("{problem}. {}", self.help);
        }
        Err(Error::invalid(self.name, problem))
    }

    /// The one value of this field in `settings`, else its default. `None` where there is neither, and for a list.
    fn one<'a>(&self, settings: &'a Settings) -> Option<&'a str> {
        let given = settings.get(self.name).and_then(Value::as_str);
        given.or((!self.default.is_empty()).then_some(self.default))
    }

    /// All values of this field in `settings`, in order, or its default.
    fn all<'a>(&self, settings: &'a Settings) -> Vec<&'a str> {
        match settings.get(self.name).and_then(Value::as_array) {
            Some(several) => {
                let mut values: Vec<_> = several.iter().filter_map(Value::as_str).collect();
                values.sort_unstable();
                values
            }
            None => self.one(settings).into_iter().collect(),
        }
    }
}

impl Spec {
    /// What beside the account's id tells two connectors apart: the settings that select a tenant or page, as
    /// `workspace_gid=123`, by name. Empty where none is given; a default that is spelled out counts as not given.
    pub fn account_scope(&self, settings: &Settings) -> String {
        let mut parts: Vec<String> = Vec::new();
        for field in self.fields.iter().filter(|field| field.selects_account) {
            let values = field.all(settings);
            if !values.is_empty() && values != [field.default] {
                parts.push(format!("{}={}", field.name, values.join(",")));
            }
        }
        parts.sort_unstable();
        parts.join(";")
    }

    /// The host-bearing field whose value differs between two states of a connector's settings: its credentials would go
    /// elsewhere than their owner gave them for, so all secrets must be given again.
    pub fn moved_host(&self, stored: &Settings, given: &Settings) -> Option<&'static Field> {
        let mut bearing = self.fields.iter().filter(|field| field.bears_host);
        bearing.find(|field| field.all(stored) != field.all(given))
    }

    /// An address with each `{name}` in it replaced by the setting of that name, or its default.
    ///
    /// # Errors
    /// `Invalid`, naming the setting that is missing or does not have its declared form.
    pub fn fill(&self, template: &str, settings: &Settings) -> Result<String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, name, after)) = placeholder(rest) {
            let field = self.field(name).filter(|field| !field.secret);
            let field = field.ok_or_else(|| Error::unexpected(name, "no setting of that name"))?;
            let value = field
                .one(settings)
                .ok_or_else(|| Error::invalid(field.name, format!("is missing. {}", field.help)))?;
            field.check(value)?;
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The hosts that may be sent the credentials of a connector with these settings: those of [`Spec::hosts`] with the
    /// settings filled in. A filled-in host that lies outside the fixed ones stands alone: what was given for a server
    /// of one's own goes to no other. A placeholder without a value, or with one that is no host, gives nothing.
    pub fn hosts_for(&self, settings: &Settings) -> Vec<String> {
        let (named, fixed): (Vec<&str>, Vec<&str>) =
            self.hosts.iter().partition(|host| host.contains('{'));
        let own: Vec<String> = named
            .into_iter()
            .filter_map(|template| host(&self.fill(template, settings).ok()?))
            .filter(|host| !fixed.iter().any(|known| covers(known, host)))
            .collect();
        if own.is_empty() { fixed.into_iter().map(Into::into).collect() } else { own }
    }
}

impl OAuth2 {
    /// One of this definition's addresses for a connector with these settings: filled in, and at its region's host.
    ///
    /// # Errors
    /// As [`Spec::fill`].
    pub fn address(&self, spec: &Spec, template: &str, settings: &Settings) -> Result<String> {
        let filled = spec.fill(template, settings)?;
        let Ok(mut url) = Url::parse(&filled) else { return Ok(filled) };
        let regional = self
            .regions
            .iter()
            .filter(|region| {
                let value = spec.field(region.setting).and_then(|field| field.one(settings));
                value == Some(region.value)
            })
            .flat_map(|region| region.hosts)
            .find(|(declared, _)| url.host_str() == Some(*declared));
        match regional {
            Some((_, host)) if url.set_host(Some(host)).is_ok() => Ok(url.into()),
            _ => Ok(filled),
        }
    }
}

/// Splits at the first `{name}`: what comes before it, the name, what follows.
fn placeholder(template: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = template.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The host of an address, or of a bare host name.
fn host(text: &str) -> Option<String> {
    let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    Url::parse(&address).ok()?.host_str().map(str::to_owned)
}

/// Whether a declared host means this one.
fn covers(declared: &str, host: &str) -> bool {
    match declared.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.')),
        None => declared == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::spec::Region;

    static SPEC: Spec = Spec {
        fields: &[
            Field {
                name: "server_url",
                default: "https://dav.example.com",
                bears_host: true,
                ..Field::BASE
            },
            Field {
                name: "subdomain",
                pattern: "[a-z0-9-]+",
                help: "The first part of the address.",
                example: "acme",
                bears_host: true,
                ..Field::BASE
            },
            Field {
                name: "region",
                default: "us",
                pattern: "us|eu",
                bears_host: true,
                ..Field::BASE
            },
            Field { name: "team_id", selects_account: true, ..Field::BASE },
            Field { name: "pages", list: true, selects_account: true, ..Field::BASE },
            Field { name: "site", default: "main", selects_account: true, ..Field::BASE },
        ],
        ..Spec::BASE
    };

    fn settings(json: serde_json::Value) -> Settings {
        serde_json::from_value(json).unwrap()
    }

    fn none() -> Settings {
        Settings::new()
    }

    #[test]
    fn the_account_scope_is_the_same_in_whatever_order_the_settings_are_given() {
        let scope = |json| SPEC.account_scope(&settings(json));
        let given = scope(serde_json::json!({"team_id": "7", "pages": ["b", "a"], "label": "x"}));
        assert_eq!(given, "pages=a,b;team_id=7");
        assert_eq!(given, scope(serde_json::json!({"pages": ["a", "b"], "team_id": "7"})));
        assert_eq!(SPEC.account_scope(&none()), "");
    }

    #[test]
    fn a_default_that_is_spelled_out_selects_no_other_account() {
        let scope = |site| SPEC.account_scope(&settings(serde_json::json!({"site": site})));
        assert_eq!(scope("main"), "");
        assert_eq!(scope("branch"), "site=branch");
    }

    #[test]
    fn a_value_that_could_lead_elsewhere_fills_no_address() {
        let fill = |value| {
            SPEC.fill(
                "https://{subdomain}.example.com/a",
                &settings(serde_json::json!({"subdomain": value})),
            )
        };
        assert_eq!(fill("acme").unwrap(), "https://acme.example.com/a");
        for bad in ["evil.test/", "evil.test#", "a.b", "a@b", "", "acme\n", "ACME"] {
            let refused = fill(bad).unwrap_err();
            assert!(
                matches!(&refused, Error::Invalid { field, .. } if field == "subdomain"),
                "{bad:?}: {refused}"
            );
            assert!(!refused.to_string().contains("evil"));
        }
        let missing = SPEC.fill("https://{subdomain}.example.com", &none()).unwrap_err();
        assert_eq!(missing.to_string(), "subdomain: is missing. The first part of the address.");
        assert!(SPEC.fill("https://{nothing}.example.com", &none()).is_err());
    }

    #[test]
    fn credentials_of_a_server_of_ones_own_go_to_it_alone() {
        let spec =
            Spec { hosts: &["{server_url}", "*.example.com"], fields: SPEC.fields, ..Spec::BASE };
        let hosts = |url| spec.hosts_for(&settings(serde_json::json!({"server_url": url})));
        assert_eq!(spec.hosts_for(&none()), ["*.example.com"]);
        assert_eq!(hosts("https://p01.example.com/dav"), ["*.example.com"]);
        assert_eq!(hosts("https://dav.other.test:8443/user"), ["dav.other.test"]);
        assert_eq!(hosts("https://example.com.other.test"), ["example.com.other.test"]);
        assert_eq!(hosts("https://evilexample.com"), ["evilexample.com"]);
    }

    #[test]
    fn a_tenant_names_its_one_host_and_without_one_there_is_none() {
        let spec = Spec { hosts: &["{subdomain}.example.com"], fields: SPEC.fields, ..Spec::BASE };
        let given = settings(serde_json::json!({"subdomain": "acme"}));
        assert_eq!(spec.hosts_for(&given), ["acme.example.com"]);
        assert!(spec.hosts_for(&none()).is_empty());
        let odd = settings(serde_json::json!({"subdomain": "evil.test/"}));
        assert!(spec.hosts_for(&odd).is_empty());
    }

    #[test]
    fn a_host_moves_by_another_value_not_by_its_default_spelled_out() {
        let moved = |before, after| {
            let field = SPEC.moved_host(&settings(before), &settings(after));
            field.map(|field| field.name)
        };
        let json = |url: &str| serde_json::json!({"server_url": url, "team_id": url});
        assert_eq!(moved(json("https://a.test"), json("https://b.test")), Some("server_url"));
        assert_eq!(moved(serde_json::json!({}), json("https://dav.example.com")), None);
        assert_eq!(moved(json("https://a.test"), serde_json::json!({})), Some("server_url"));
    }

    #[test]
    fn a_region_consents_and_exchanges_at_its_own_hosts() {
        const EU: Region = Region {
            setting: "region",
            value: "eu",
            hosts: &[("app.example.com", "app.eu.example.com")],
        };
        let oauth = OAuth2 { regions: &[EU], ..OAuth2::BASE };
        let at = |json| oauth.address(&SPEC, "https://app.example.com/oauth", &settings(json));
        assert_eq!(at(serde_json::json!({})).unwrap(), "https://app.example.com/oauth");
        assert_eq!(
            at(serde_json::json!({"region": "eu"})).unwrap(),
            "https://app.eu.example.com/oauth"
        );
    }
}
