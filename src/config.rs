//! Every setting once: read from the environment at start, checked, secrets wrapped. An empty variable is an unset one.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use crate::{
    error::{Error, Result},
    http::TransportConfig,
    oauth::Apps,
    providers,
    vault::{KEY_VARIABLE, PREVIOUS_KEY_VARIABLE, previous_keys},
};

/// What the operator sets.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `DATABASE_URL`: absent, an embedded database is used.
    pub database_url: Option<SecretString>,
    /// `NEOTOMA_DATA_DIR`: where the embedded database and the generated key lie.
    pub data_dir: Option<PathBuf>,
    /// `NEOTOMA_PG_BIN`: where the embedded database's programs are.
    pub pg_bin: Option<PathBuf>,
    /// `CONNECTOR_SECRET_KEY`.
    pub secret_key: Option<SecretString>,
    /// `CONNECTOR_SECRET_KEY_PREVIOUS`: still opens what it sealed.
    pub previous_keys: Vec<SecretString>,
    /// Calls to vendors.
    pub transport: TransportConfig,
    /// The operator's OAuth apps.
    pub apps: Apps,
    /// `PUBLIC_URL`: scheme, host and port at which a browser reaches the server (`serve --http`). Absent, accounts are
    /// linked at a loopback address.
    pub public_url: Option<Url>,
    /// `NEOTOMA_CALLBACK_PORT`: the loopback port that vendors send people back to; 8765 where none is set.
    pub callback_port: Option<u16>,
    /// `NEOTOMA_ALLOWED_REDIRECTS`: where people may be sent once an account is linked, with commas between. An address
    /// allows itself and what lies below it.
    pub allowed_redirects: Vec<Url>,
}

impl Settings {
    /// Reads the settings from a lookup of variables.
    ///
    /// # Errors
    /// `Invalid` when a variable's value does not do; it names the variable and never the value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let secret = |name: &str| set(name).map(SecretString::from);
        let egress_override = match set("NEOTOMA_EGRESS_OVERRIDE") {
            Some(text) => Some(
                Url::parse(text.trim())
                    .map_err(|_| Error::invalid("NEOTOMA_EGRESS_OVERRIDE", "is not an address"))?,
            ),
            None => None,
        };
        let allow_private_hosts = match set("NEOTOMA_ALLOW_PRIVATE_HOSTS").as_deref().map(str::trim)
        {
            None | Some("0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => {
                return Err(Error::invalid("NEOTOMA_ALLOW_PRIVATE_HOSTS", "is neither 1 nor 0"));
            }
        };
        Ok(Self {
            database_url: secret("DATABASE_URL"),
            data_dir: set("NEOTOMA_DATA_DIR").map(Into::into),
            pg_bin: set("NEOTOMA_PG_BIN").map(Into::into),
            secret_key: secret(KEY_VARIABLE),
            previous_keys: secret(PREVIOUS_KEY_VARIABLE)
                .as_ref()
                .map(previous_keys)
                .unwrap_or_default(),
            transport: TransportConfig { egress_override, allow_private_hosts },
            apps: Apps::read(providers::apps(), set)?,
            public_url: set("PUBLIC_URL").map(|text| public_url(&text)).transpose()?,
            callback_port: set("NEOTOMA_CALLBACK_PORT").map(|text| port(&text)).transpose()?,
            allowed_redirects: match set("NEOTOMA_ALLOWED_REDIRECTS") {
                Some(text) => redirects(&text)?,
                None => Vec::new(),
            },
        })
    }
}

/// An address without a path. Over http only to this machine: codes and cookies travel to it.
fn public_url(text: &str) -> Result<Url> {
    let wrong = |problem: &str| Error::invalid("PUBLIC_URL", problem);
    let url = Url::parse(text.trim()).map_err(|_| wrong("is not an address"))?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    if !plain || !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(
            "must be scheme and host alone, as https://neotoma.example.com has them",
        ));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(wrong("must begin with https, but for an address of this machine"));
    }
    Ok(url)
}

fn port(text: &str) -> Result<u16> {
    let port = text.trim().parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| {
        Error::invalid("NEOTOMA_CALLBACK_PORT", "is not a port: give a number from 1 to 65535")
    })
}

fn redirects(text: &str) -> Result<Vec<Url>> {
    let parts = text.split([',', ' ', '\n']).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let url = Url::parse(part).ok().filter(|url| {
                url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
            });
            let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
            url.ok_or_else(|| {
                let problem = "holds something else than https addresses with commas between";
                Error::invalid("NEOTOMA_ALLOWED_REDIRECTS", problem)
            })
        })
        .collect()
}

/// Whether an address is one of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let settings = Settings::read(|name| match name {
            "NEOTOMA_ALLOW_PRIVATE_HOSTS" => Some(String::new()),
            _ => Some("  ".into()),
        });
        let settings = settings.unwrap();
        assert!(settings.database_url.is_none() && settings.secret_key.is_none());
        assert!(settings.data_dir.is_none() && settings.transport.egress_override.is_none());
    }

    #[test]
    fn a_bad_value_is_refused_by_its_variables_name_without_being_repeated() {
        let error =
            Settings::read(|name| (name == "NEOTOMA_EGRESS_OVERRIDE").then(|| "sk-secret".into()));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("NEOTOMA_EGRESS_OVERRIDE") && !error.contains("sk-secret"),
            "{error}"
        );
    }

    fn read(name: &'static str, value: &'static str) -> Result<Settings> {
        Settings::read(move |asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn a_public_address_has_neither_path_nor_password_and_is_https_beyond_this_machine() {
        for good in ["https://neotoma.example.com", " https://a.example:8443/ ", "http://[::1]:80"]
        {
            assert!(read("PUBLIC_URL", good).is_ok(), "{good}");
        }
        for bad in [
            "neotoma.example.com",
            "http://neotoma.example.com",
            "https://neotoma.example.com/mcp",
            "https://user:hush@neotoma.example.com",
            "https://neotoma.example.com?x",
            "ftp://neotoma.example.com",
        ] {
            let error = read("PUBLIC_URL", bad).unwrap_err().to_string();
            assert!(error.starts_with("PUBLIC_URL: ") && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_port_and_allowed_addresses_are_read_or_refused_by_name() {
        assert_eq!(read("NEOTOMA_CALLBACK_PORT", "9000").unwrap().callback_port, Some(9000));
        for bad in ["0", "http", "65536", "-1"] {
            assert!(read("NEOTOMA_CALLBACK_PORT", bad).is_err(), "{bad}");
        }
        let two = "https://app.example.com/done, http://localhost:3000";
        assert_eq!(read("NEOTOMA_ALLOWED_REDIRECTS", two).unwrap().allowed_redirects.len(), 2);
        for bad in ["*", "http://app.example.com", "javascript:alert(1)", "https://a@b.example"] {
            assert!(read("NEOTOMA_ALLOWED_REDIRECTS", bad).is_err(), "{bad}");
        }
    }
}
