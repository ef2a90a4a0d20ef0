//! OAuth 1.0a (RFC 5849), for the vendor that has nothing newer: temporary credentials first, then the person's consent, then
//! the token that both stand for. All requests are signed with the app's secret, by HMAC-SHA1.

use std::borrow::Cow;

use oauth1_request::{Builder, Credentials, HMAC_SHA1};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::{
    App, Authorization, Code, RefreshError, Tokens,
    answer::{self, Asked},
    apps::variables,
    request::{address, client},
};
use crate::{
    error::Error,
    http::{Answer, Client, Transport},
    provider::{Settings, Spec, spec::OAuth2},
};

/// Letters and digits of a state: more than 256 random bits.
const STATE: usize = 43;
/// The longest temporary credential that is taken, in bytes.
const LONGEST: usize = 4 << 10;

type Signature<'a> = Builder<'a, oauth1_request::HmacSha1, &'a str, Cow<'a, str>>;

/// Fetches temporary credentials and answers where the person consents. There is no state in OAuth 1.0a: ours goes into the
/// address that the person is sent back to, which is the app's to choose.
pub(super) async fn consent(
    transport: &Transport,
    spec: &'static Spec,
    oauth: &OAuth2,
    app: &App,
    settings: &Settings,
    temporary_url: &str,
    redirect_uri: &Url,
) -> Result<Authorization, RefreshError> {
    let state = SecretString::from(Alphanumeric.sample_string(&mut rand::rng(), STATE));
    let mut callback = redirect_uri.clone();
    callback.query_pairs_mut().append_pair("state", state.expose_secret());
    let at = address(spec, oauth, temporary_url, settings)?;
    let client = client(transport, spec, settings, &at, None);
    let mut signed = signature(app);
    signed.callback(callback.as_str());
    let answer = send(&client, &at, &signed).await?;
    let mut pair = (None, None);
    for (name, value) in form_urlencoded::parse(&answer.body) {
        match &*name {
            "oauth_token" => pair.0 = Some(value.into_owned()),
            "oauth_token_secret" => pair.1 = Some(value.into_owned()),
            _ => {}
        }
    }
    let fits = |text: &String| !text.is_empty() && text.len() <= LONGEST;
    let (Some(token), Some(secret)) = (pair.0.filter(fits), pair.1) else {
        return Err(refused(spec, oauth, &answer));
    };
    let mut url = address(spec, oauth, oauth.authorization_url, settings)?;
    url.query_pairs_mut().append_pair("oauth_token", &token);
    let mut kept = form_urlencoded::Serializer::new(String::new());
    kept.append_pair("token", &token).append_pair("secret", &secret);
    Ok(Authorization { url, state, code_verifier: Some(kept.finish().into()) })
}

/// Exchanges a verifier, with the temporary credentials that it was given for, for the token.
pub(super) async fn exchange(
    transport: &Transport,
    spec: &'static Spec,
    oauth: &OAuth2,
    app: &App,
    settings: &Settings,
    code: Code<'_>,
) -> Result<Tokens, RefreshError> {
    let kept = code.verifier.map(ExposeSecret::expose_secret).unwrap_or_default();
    let kept = |name: &str| {
        let mut pairs = form_urlencoded::parse(kept.as_bytes());
        pairs.find_map(|(own, value)| (own == name).then_some(value))
    };
    let (Some(token), Some(secret)) = (kept("token"), kept("secret")) else {
        return Err(Error::unexpected(spec.name, "there are no temporary credentials").into());
    };
    let at = address(spec, oauth, oauth.token_url, settings)?;
    let client = client(transport, spec, settings, &at, None);
    let mut signed = signature(app);
    signed.token(Credentials::new(token, secret)).verifier(code.code.expose_secret());
    let asked = client.now();
    let answer = send(&client, &at, &signed).await?;
    answer::read(spec, oauth, Asked::Tokens, answer.status, &answer.body, asked)
}

fn signature(app: &App) -> Signature<'_> {
    let own = Credentials::new(app.client_id.as_str(), app.client_secret.expose_secret());
    Builder::new(own, HMAC_SHA1)
}

/// Sent once: a nonce and a verifier serve once.
async fn send(client: &Client, at: &Url, signed: &Signature<'_>) -> Result<Answer, Error> {
    let header = signed.post(at.as_str(), &());
    let call = client.post(at.as_str()).anonymous().header("authorization", &header);
    call.unrepeatable().accepting_refusals().answer().await
}

/// Why there are no temporary credentials: with the person not asked yet, it is the app that is refused, or an outage.
fn refused(spec: &Spec, oauth: &OAuth2, answer: &Answer) -> RefreshError {
    if answer.status.is_client_error() {
        return RefreshError::App {
            variables: variables(oauth.app).join(" and "),
            problem: format!("{} does not accept the app ({})", spec.name, answer.status.as_u16()),
        };
    }
    let status = answer.status.as_u16();
    Error::Unavailable(format!("{} gave no temporary credentials ({status})", spec.name)).into()
}
