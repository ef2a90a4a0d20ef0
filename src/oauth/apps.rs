//! The operator's apps at the vendors, as the environment names them.

use std::collections::HashMap;

use secrecy::SecretString;
use url::Url;

use crate::error::{Error, Result};

/// An app that the operator has registered at a vendor. Several providers may share one: `google` serves Gmail, Drive and
/// more.
#[derive(Clone, Debug)]
pub struct App {
    /// `OAuth2::app`: `google`.
    pub id: &'static str,
    /// The public half of its credentials.
    pub client_id: String,
    /// The secret half.
    pub client_secret: SecretString,
    /// Where the vendor sends people back to, where it is not the usual place.
    pub redirect_uri: Option<Url>,
}

/// The variables that an app needs: `GOOGLE_OAUTH_CLIENT_ID`, `GOOGLE_OAUTH_CLIENT_SECRET`.
pub fn variables(app: &str) -> [String; 2] {
    [variable(app, "CLIENT_ID"), variable(app, "CLIENT_SECRET")]
}

fn variable(app: &str, what: &str) -> String {
    format!("{}_OAUTH_{what}", app.to_ascii_uppercase().replace('-', "_"))
}

/// All apps that are configured.
#[derive(Clone, Debug, Default)]
pub struct Apps {
    known: HashMap<&'static str, App>,
    missing: HashMap<&'static str, Vec<String>>,
}

impl Apps {
    /// Reads the apps named by `ids` from `<APP>_OAUTH_CLIENT_ID`, `_CLIENT_SECRET` and `_REDIRECT_URI`. `lookup` gives a
    /// variable's value; an empty one is an unset one.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the variable when a redirect address is none.
    pub fn read(
        ids: impl IntoIterator<Item = &'static str>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut apps = Self::default();
        let given = |name: &str| {
            lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        for id in ids {
            let [id_name, secret_name] = variables(id);
            let redirect_name = variable(id, "REDIRECT_URI");
            let redirect_uri = match given(&redirect_name).map(|address| Url::parse(&address)) {
                None => None,
                Some(Ok(address)) if matches!(address.scheme(), "http" | "https") => Some(address),
                Some(_) => return Err(Error::invalid(redirect_name, "is not an http address")),
            };
            match (given(&id_name), given(&secret_name)) {
                (Some(client_id), Some(secret)) => {
                    let client_secret = SecretString::from(secret);
                    apps.known.insert(id, App { id, client_id, client_secret, redirect_uri });
                }
                (client_id, secret) => {
                    let unset = [(client_id, id_name), (secret, secret_name)]
                        .into_iter()
                        .filter_map(|(value, name)| value.is_none().then_some(name));
                    apps.missing.insert(id, unset.collect());
                }
            }
        }
        Ok(apps)
    }

    /// The app of that id, where it is configured.
    pub fn find(&self, id: &str) -> Option<&App> {
        self.known.get(id)
    }

    /// The variables that are still to be set for the app of that id; none where it is configured.
    pub fn missing(&self, id: &str) -> Vec<String> {
        match (self.known.contains_key(id), self.missing.get(id)) {
            (true, _) => Vec::new(),
            (false, Some(names)) => names.clone(),
            (false, None) => variables(id).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Apps> {
        let given: HashMap<&str, &str> = given.iter().copied().collect();
        Apps::read(["google", "whatsapp-business"], |name| given.get(name).map(|&v| v.to_owned()))
    }

    #[test]
    fn an_app_is_read_from_the_variables_that_its_name_gives() {
        let apps = read(&[
            ("WHATSAPP_BUSINESS_OAUTH_CLIENT_ID", "id"),
            ("WHATSAPP_BUSINESS_OAUTH_CLIENT_SECRET", " hush\n"),
            ("WHATSAPP_BUSINESS_OAUTH_REDIRECT_URI", "http://127.0.0.1:8765/oauth/callback"),
        ]);
        let apps = apps.unwrap();
        let app = apps.find("whatsapp-business").unwrap();
        assert_eq!((app.client_id.as_str(), app.client_secret.expose_secret()), ("id", "hush"));
        assert_eq!(app.redirect_uri.as_ref().unwrap().path(), "/oauth/callback");
        assert!(apps.missing("whatsapp-business").is_empty());
        assert!(!format!("{apps:?}").contains("hush"));
    }

    #[test]
    fn what_is_missing_is_named_and_an_empty_variable_is_an_unset_one() {
        let apps =
            read(&[("GOOGLE_OAUTH_CLIENT_ID", "id"), ("GOOGLE_OAUTH_CLIENT_SECRET", " ")]).unwrap();
        assert!(apps.find("google").is_none());
        assert_eq!(apps.missing("google"), ["GOOGLE_OAUTH_CLIENT_SECRET"]);
        assert_eq!(
            apps.missing("never-read"),
            ["NEVER_READ_OAUTH_CLIENT_ID", "NEVER_READ_OAUTH_CLIENT_SECRET"]
        );
        let bad = read(&[("GOOGLE_OAUTH_REDIRECT_URI", "localhost")]).unwrap_err();
        assert_eq!(bad, Error::invalid("GOOGLE_OAUTH_REDIRECT_URI", "is not an http address"));
    }
}
