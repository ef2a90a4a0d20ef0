//! Renewing a token, by the vendor's oddities as its `Spec` has them.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    App,
    answer::{self, Asked},
    apps::variables,
    request::{Request, address, client, method},
};
use crate::{
    error::Error,
    http::Transport,
    provider::{Settings, Spec, spec::OAuth2},
    vault::SecretMap,
};

/// What an account has now that can be renewed.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// The current access token: what some vendors renew by itself.
    pub access_token: Option<SecretString>,
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
}

/// What a renewal gives, or the exchange of a code.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The new access token.
    pub access_token: SecretString,
    /// The new refresh token; absent where the old one stays.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends, counted from before the request. Absent where nobody says so: it is used until it is
    /// refused.
    pub expires_at: Option<Timestamp>,
    /// What the answer says of the connector's settings ([`OAuth2::answer_settings`]).
    pub settings: Settings,
}

impl Tokens {
    /// Puts the tokens into an account's secrets, where a refresh token stays unless another came. Answers the settings.
    pub fn put_into(self, secrets: &mut SecretMap) -> Settings {
        secrets.insert("access_token", self.access_token);
        if let Some(token) = self.refresh_token {
            secrets.insert("refresh_token", token);
        }
        match self.expires_at {
            Some(at) => secrets.insert("expires_at", at.to_string()),
            None => secrets.remove("expires_at"),
        };
        self.settings
    }
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
            "{} gives no tokens that can be renewed",
            spec.name
        )));
    };
    let address = address(spec, oauth, oauth.refresh.url.unwrap_or(oauth.token_url), settings)?;
    let request = request(spec.name, oauth, app, grant)?;
    let client = client(transport, spec, settings, &address, None);
    let call = request.call(oauth, &client, method(oauth.refresh.method)?, &address);
    let call = if oauth.refresh.rotates { call.unrepeatable() } else { call.idempotent() };
    let asked = client.now();
    let answer = call.accepting_refusals().answer().await?;
    answer::read(spec, oauth, Asked::Renewal, answer.status, &answer.body, asked)
}

fn request(
    service: &str,
    oauth: &OAuth2,
    app: Option<&App>,
    grant: &Grant,
) -> Result<Request, RefreshError> {
    let app = || app.ok_or_else(|| no_app(service, oauth.app));
    let held = |token: &Option<SecretString>| match token {
        Some(token) => Ok(token.expose_secret().to_owned()),
        None => {
            Err(RefreshError::Reconnect(format!("there is no token that {service} could renew")))
        }
    };
    let mut request = Request::new(oauth.client_auth);
    if oauth.refresh.params.is_empty() {
        request.param("grant_type", "refresh_token");
        request.param("refresh_token", held(&grant.refresh_token)?);
        request.app(oauth, app()?);
    } else if request.by_header() {
        request.app(oauth, app()?);
    }
    let value = |name: &str| {
        Ok::<_, RefreshError>(match name {
            "access_token" => Some(held(&grant.access_token)?),
            "refresh_token" => Some(held(&grant.refresh_token)?),
            "client_id" => Some(app()?.client_id.clone()),
            "client_secret" => Some(app()?.client_secret.expose_secret().to_owned()),
            _ => None,
        })
    };
    if oauth.refresh.repeats_token_params {
        request.declared(oauth.token_params, value)?;
    }
    request.declared(oauth.refresh.params, value)?;
    Ok(request)
}

fn no_app(service: &str, app: &str) -> RefreshError {
    let [id, secret] = variables(app);
    RefreshError::Reconnect(format!(
        "the access to {service} has ended and cannot be renewed without an app: set {id} and {secret}, or link the \
         account again"
    ))
}
