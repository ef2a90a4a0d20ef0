//! The authorization code flow: where a person consents, and what the code that comes back is exchanged for.
//!
//! RFC 6749, RFC 7636, and what vendors make of them; the oddities are data in the catalog.

use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, basic::BasicClient};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::{
    App, RefreshError, Tokens,
    answer::{self, Asked},
    one,
    request::{Request, address, client, method},
};
use crate::{
    error::Error,
    http::Transport,
    provider::{
        Settings, Spec,
        spec::{Exchange, OAuth2, Pkce},
    },
};

/// Random bytes of a state: 256 bits.
const STATE: u32 = 32;

/// Where a person is sent to consent, and what must be known when they come back. Its `Debug` shows none of it.
pub struct Authorization {
    /// The vendor's page.
    pub url: Url,
    /// What the vendor brings back.
    pub state: SecretString,
    /// What the code is exchanged with: the vendor's proof key, or with OAuth 1.0a the temporary credentials.
    pub code_verifier: Option<SecretString>,
}

/// A code that a vendor has sent a person back with.
pub struct Code<'a> {
    /// The code.
    pub code: &'a SecretString,
    /// What its challenge was made of.
    pub verifier: Option<&'a SecretString>,
    /// Where it was sent to.
    pub redirect_uri: &'a Url,
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorization([redacted])")
    }
}

/// Where a person consents, by whichever version of OAuth the vendor has.
///
/// # Errors
/// `Invalid` where a setting that the vendor's address needs is missing or does not have its form; with OAuth 1.0a, which
/// asks the vendor first, as [`exchange`].
pub async fn consent(
    transport: &Transport,
    spec: &'static Spec,
    oauth: &OAuth2,
    app: &App,
    settings: &Settings,
    redirect_uri: &Url,
) -> Result<Authorization, RefreshError> {
    match oauth.temporary_url {
        Some(url) => one::consent(transport, spec, oauth, app, settings, url, redirect_uri).await,
        None => Ok(authorize(spec, oauth, app, settings, redirect_uri)?),
    }
}

/// Where a person consents: the vendor's page with the app's id, the scopes, a new state and a new challenge.
///
/// # Errors
/// `Invalid` where a setting that the vendor's address needs is missing or does not have its form.
pub fn authorize(
    spec: &Spec,
    oauth: &OAuth2,
    app: &App,
    settings: &Settings,
    redirect_uri: &Url,
) -> Result<Authorization, Error> {
    let page = address(spec, oauth, oauth.authorization_url, settings)?;
    let client = BasicClient::new(ClientId::new(app.client_id.clone()))
        .set_auth_uri(AuthUrl::from_url(page))
        .set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()));
    let mut request = client.authorize_url(|| CsrfToken::new_random_len(STATE));
    let mut code_verifier = None;
    if oauth.pkce != Pkce::None {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        request = request.set_pkce_challenge(challenge);
        code_verifier = Some(SecretString::from(verifier.into_secret()));
    }
    let (mut url, state) = request.url();
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, _) in &mut pairs {
        if name == "client_id" {
            oauth.client_id_parameter.clone_into(name);
        }
    }
    if !oauth.scopes.is_empty() {
        set(&mut pairs, oauth.scope_parameter, &oauth.scopes.join(oauth.scope_separator));
    }
    for &(name, value) in oauth.authorize_params {
        set(&mut pairs, name, value);
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    // Every reader of queries takes `%20` for a space, not every one takes `+`.
    url.set_query(Some(&query.replace('+', "%20")));
    Ok(Authorization { url, state: state.into_secret().into(), code_verifier })
}

fn set(pairs: &mut Vec<(String, String)>, name: &str, value: &str) {
    pairs.retain(|(known, _)| known != name);
    pairs.push((name.to_owned(), value.to_owned()));
}

/// Exchanges a code for tokens, and those for lasting ones where the vendor has it so. The code is sent once, whatever
/// happens: it serves once.
///
/// # Errors
/// [`RefreshError::Reconnect`] where the vendor refuses the code, [`RefreshError::App`] where it refuses the app, and
/// [`RefreshError::Failed`] where it did not answer, or nothing of use.
pub async fn exchange(
    transport: &Transport,
    spec: &'static Spec,
    app: &App,
    settings: &Settings,
    code: Code<'_>,
) -> Result<Tokens, RefreshError> {
    let Some(oauth) = &spec.oauth else {
        return Err(Error::unexpected(spec.name, "has no OAuth").into());
    };
    if oauth.temporary_url.is_some() {
        return one::exchange(transport, spec, oauth, app, settings, code).await;
    }
    let mut request = Request::new(oauth.client_auth);
    request.param("grant_type", "authorization_code");
    request.param("code", code.code.expose_secret());
    request.param("redirect_uri", code.redirect_uri.as_str());
    if let Some(verifier) = code.verifier {
        request.param("code_verifier", verifier.expose_secret());
    }
    request.app(oauth, app);
    request.declared(oauth.token_params, |name| Ok::<_, Error>(of_app(app, name)))?;
    let address = address(spec, oauth, oauth.token_url, settings)?;
    let client = client(transport, spec, settings, &address, None);
    let call = request.call(oauth, &client, reqwest::Method::POST, &address).unrepeatable();
    let at = client.now();
    let answer = call.accepting_refusals().answer().await?;
    let tokens = answer::read(spec, oauth, Asked::Tokens, answer.status, &answer.body, at)?;
    match &oauth.exchange {
        Some(second) => lasting(transport, spec, oauth, app, settings, second, tokens).await,
        None => Ok(tokens),
    }
}

/// The lasting tokens that short ones stand for.
async fn lasting(
    transport: &Transport,
    spec: &'static Spec,
    oauth: &OAuth2,
    app: &App,
    settings: &Settings,
    exchange: &Exchange,
    short: Tokens,
) -> Result<Tokens, RefreshError> {
    let mut request = Request::new(oauth.client_auth);
    request.declared(exchange.params, |name| {
        Ok::<_, Error>(match name {
            "access_token" => Some(short.access_token.expose_secret().to_owned()),
            name => of_app(app, name),
        })
    })?;
    let address = address(spec, oauth, exchange.url, settings)?;
    let client = client(transport, spec, settings, &address, None);
    let call = request.call(oauth, &client, method(exchange.method)?, &address);
    let at = client.now();
    let answer = call.accepting_refusals().answer().await?;
    let tokens = answer::read(spec, oauth, Asked::Tokens, answer.status, &answer.body, at)?;
    Ok(Tokens { settings: short.settings.into_iter().chain(tokens.settings).collect(), ..tokens })
}

fn of_app(app: &App, name: &str) -> Option<String> {
    match name {
        "client_id" => Some(app.client_id.clone()),
        "client_secret" => Some(app.client_secret.expose_secret().to_owned()),
        _ => None,
    }
}
