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
    /// `PUBLIC_URL`: the address that people and clients use, where it is not the one that the server listens at.
    pub public_url: Option<Url>,
    /// Calls to vendors.
    pub transport: TransportConfig,
    /// The operator's OAuth apps.
    pub apps: Apps,
}

impl Settings {
    /// Reads the settings from a lookup of variables.
    ///
    /// # Errors
    /// `Invalid` when a variable's value does not do; it names the variable and never the value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let secret = |name: &str| set(name).map(SecretString::from);
        let address = |name: &str| match set(name) {
            Some(text) => Url::parse(text.trim())
                .map(Some)
                .map_err(|_| Error::invalid(name, "is not an address")),
            None => Ok(None),
        };
        let egress_override = address("NEOTOMA_EGRESS_OVERRIDE")?;
        let public_url = address("PUBLIC_URL")?;
        if public_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(Error::invalid("PUBLIC_URL", "is not an http address"));
        }
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
            public_url,
            transport: TransportConfig { egress_override, allow_private_hosts },
            apps: Apps::read(providers::apps(), set)?,
        })
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
}
