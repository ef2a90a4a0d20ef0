//! Renewing a token, by the vendor's oddities as its `Spec` has them.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{App, answer, apps::variables};
use crate::{
    error::Error,
    http::{Call, Client, Connection, Credentials, Meter, Policy, Rate, Transport},
    provider::{
        Settings, Spec,
        spec::{ClientAuth, OAuth2},
    },
};

/// What an account has now that can be renewed.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// The current access token: what some vendors renew by itself.
    pub access_token: Option<SecretString>,
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
}

/// What a renewal gives.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The new access token.
    pub access_token: SecretString,
    /// The new refresh token; absent where the old one stays.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends, counted from before the request. Absent where nobody says so: it is used until it is
    /// refused.
    pub expires_at: Option<Timestamp>,
}

/// Why there is no new token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The vendor says that the grant has ended, or there is nothing to renew it with. A person links again.
    #[error("{0}")]
    Reconnect(String),
    /// The vendor does not accept the app's id and secret. The operator corrects them; the grant may well be alive.
    #[error("{variables}: {problem}")]
    App {
        /// The variables that hold them.
        variables: String,
        /// What the vendor says.
        problem: String,
    },
    /// It did not get through, or the answer is none. Whether the vendor renewed the token is then unknown: the old one is
    /// still the one to try.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<RefreshError> for Error {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Reconnect(why) => Self::Reconnect(why),
            RefreshError::App { variables, problem } => Self::invalid(variables, problem),
            RefreshError::Failed(error) => error,
        }
    }
}

/// Renews an account's access token. `app` is the operator's, where it is configured; `settings` are the connector's, for
/// vendors with an address of their own for each customer.
///
/// A vendor whose refresh tokens change with each use is asked once: a second request after a lost answer could end the
/// grant. Only where nothing had left yet (no connection), or the vendor refused to look (429), is it asked again.
///
/// # Errors
/// See [`RefreshError`].
pub async fn refresh(
    transport: &Transport,
    spec: &'static Spec,
    app: Option<&App>,
    settings: &Settings,
    grant: &Grant,
) -> Result<Tokens, RefreshError> {
    let Some(oauth) = &spec.oauth else {
        return Err(RefreshError::Reconnect(format!(
            "{} gives no tokens that can be renewed; link the account again",
            spec.name
        )));
    };
    let template = oauth.refresh.url.unwrap_or(oauth.token_url);
    let address = oauth.address(spec, template, settings)?;
    let address = Url::parse(&address)
        .map_err(|cause| Error::unexpected("token address", cause.to_string()))?;
    let request = Request::new(spec.name, oauth, app, grant)?;
    let client = client(transport, spec, settings, &address);
    let call = request.call(oauth, &client, &address)?;
    let call = if oauth.refresh.rotates { call.unrepeatable() } else { call.idempotent() };
    let asked = client.now();
    let answer = call.accepting_refusals().answer().await?;
    answer::read(spec, oauth, answer.status, &answer.body, asked)
}

/// A client that may call the token's host beside the vendor's, and has a bucket of its own: tokens are renewed by app. The
/// address comes from the catalog, its settings checked against their declared forms.
fn client(
    transport: &Transport,
    spec: &'static Spec,
    settings: &Settings,
    address: &Url,
) -> Client {
    let mut hosts = spec.hosts_for(settings);
    hosts.extend(address.host_str().map(str::to_owned));
    transport.client(Connection {
        policy: Policy {
            provider: spec.id,
            hosts,
            rate: Rate::per_second(5),
            fault: Arc::new(|_, _| None),
        },
        account: "token endpoint".into(),
        credentials: Arc::new(Nobody),
        settings: Settings::new(),
        limit: None,
        since: None,
        meter: Arc::new(Meter::default()),
    })
}

/// The credentials of a call that carries them itself.
struct Nobody;

impl Credentials for Nobody {
    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Error>> {
        Box::pin(async { Ok(None) })
    }

    fn renew(&self, _: &SecretString) -> BoxFuture<'_, Result<SecretString, Error>> {
        Box::pin(async { Err(Error::Reconnect("there is no token to renew".into())) })
    }
}

/// The parameters of a renewal, and the app's credentials where they stand in the header.
struct Request {
    params: Vec<(&'static str, String)>,
    basic: Option<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request([redacted])")
    }
}

impl Request {
    fn new(
        service: &str,
        oauth: &OAuth2,
        app: Option<&App>,
        grant: &Grant,
    ) -> Result<Self, RefreshError> {
        let app = || app.ok_or_else(|| no_app(service, oauth.app));
        let held = |token: &Option<SecretString>| match token {
            Some(token) => Ok(token.expose_secret().to_owned()),
            None => Err(RefreshError::Reconnect(format!(
                "there is no token that {service} could renew; link the account again"
            ))),
        };
        let basic = matches!(oauth.client_auth, ClientAuth::Basic | ClientAuth::BasicJson);
        let mut params = Vec::new();
        if oauth.refresh.params.is_empty() {
            params.push(("grant_type", "refresh_token".to_owned()));
            params.push(("refresh_token", held(&grant.refresh_token)?));
            if !basic {
                params.push((oauth.client_id_parameter, app()?.client_id.clone()));
                params.push(("client_secret", app()?.client_secret.expose_secret().to_owned()));
            }
        }
        if oauth.refresh.repeats_token_params {
            params.extend(oauth.token_params.iter().map(|&(name, value)| (name, value.to_owned())));
        }
        for &(name, template) in oauth.refresh.params {
            let mut value = template.to_owned();
            let mut fill = |name: &str, secret: &dyn Fn() -> Result<String, RefreshError>| {
                if template.contains(name) {
                    value = value.replace(name, &secret()?);
                }
                Ok::<(), RefreshError>(())
            };
            fill("{access_token}", &|| held(&grant.access_token))?;
            fill("{refresh_token}", &|| held(&grant.refresh_token))?;
            fill("{client_id}", &|| Ok(app()?.client_id.clone()))?;
            fill("{client_secret}", &|| Ok(app()?.client_secret.expose_secret().to_owned()))?;
            params.push((name, value));
        }
        Ok(Self { params, basic: if basic { Some(basic_auth(app()?)) } else { None } })
    }

    fn call(&self, oauth: &OAuth2, client: &Client, address: &Url) -> Result<Call, Error> {
        let method = Method::from_bytes(oauth.refresh.method.as_bytes())
            .map_err(|_| Error::unexpected("refresh method", "is no method"))?;
        let by_query = method == Method::GET;
        let mut call = client.call(method, address.as_str()).anonymous();
        call = match oauth.client_auth {
            _ if by_query => call.query(&self.params),
            ClientAuth::Basic | ClientAuth::Post => call.body_form(&self.params),
            ClientAuth::Json | ClientAuth::BasicJson => {
                let pairs = self.params.iter().map(|(name, value)| (*name, json_value(value)));
                call.body_json(&pairs.collect::<std::collections::BTreeMap<_, _>>())
            }
        };
        if let Some(basic) = &self.basic {
            call = call.header("authorization", basic);
        }
        Ok(call.header("accept", "application/json"))
    }
}

/// A value of digits alone goes as a number, as `OAuth2::token_params` says.
fn json_value(text: &str) -> Value {
    let number =
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u64>());
    number.and_then(Result::ok).map_or_else(|| Value::from(text), Value::from)
}

fn no_app(service: &str, app: &str) -> RefreshError {
    let [id, secret] = variables(app);
    RefreshError::Reconnect(format!(
        "the access to {service} has ended and cannot be renewed without an app: set {id} and {secret}, or link the \
         account again"
    ))
}

/// Id and secret are form-encoded first (RFC 6749, 2.3.1).
fn basic_auth(app: &App) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair =
        format!("{}:{}", encoded(&app.client_id), encoded(app.client_secret.expose_secret()));
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_proves_itself_as_rfc_6749_has_it() {
        let app = App {
            id: "x",
            client_id: "id one".into(),
            client_secret: "a:b+c/d=".into(),
            redirect_uri: None,
        };
        let header = basic_auth(&app);
        let decoded = BASE64_STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), "id+one:a%3Ab%2Bc%2Fd%3D");
    }
}
