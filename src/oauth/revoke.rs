//! Ending a grant at the vendor.

use std::sync::Arc;

use reqwest::Method;
use secrecy::ExposeSecret;

use super::{
    App, Grant,
    answer::read_revocation,
    request::{Request, address, client, method},
};
use crate::{
    http::{Credentials, Transport},
    provider::{Settings, Spec, spec::Revoke},
};

/// What became of a grant that was to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The vendor has ended it.
    Done,
    /// The vendor offers no way to end it from here.
    NotOffered,
    /// It could not be ended: why, as part of a sentence.
    Failed(String),
}

/// Asks the vendor to end a grant. `app` is the one that it was given to, where it is configured still; `credentials` are
/// the account's, for vendors that want its token as bearer and may have to renew it first.
pub async fn revoke(
    transport: &Transport,
    spec: &'static Spec,
    app: Option<&App>,
    settings: &Settings,
    grant: &Grant,
    credentials: Arc<dyn Credentials>,
) -> Revocation {
    let Some((oauth, url)) = spec.oauth.as_ref().and_then(|oauth| Some((oauth, oauth.revoke_url?)))
    else {
        return Revocation::NotOffered;
    };
    let Some(token) = grant.refresh_token.as_ref().or(grant.access_token.as_ref()) else {
        return Revocation::Failed("there is no token to revoke".into());
    };
    let address = match address(spec, oauth, url, settings) {
        Ok(address) => address,
        Err(error) => return Revocation::Failed(error.to_string()),
    };
    let (call, auth) = match oauth.revoke {
        Revoke::Bearer(name) => {
            let client = client(transport, spec, settings, &address, Some(credentials));
            let Ok(method) = method(name) else { return Revocation::NotOffered };
            let call = client.call(method, address.as_str()).header("accept", "application/json");
            // A token that is refused is renewed first, by which the call must be able to fail.
            (call, oauth.client_auth)
        }
        Revoke::App(auth) => {
            let Some(app) = app else {
                return Revocation::Failed("the app that it was given to is not configured".into());
            };
            let mut request = Request::new(auth);
            request.param("token", token.expose_secret());
            request.app(oauth, app);
            let client = client(transport, spec, settings, &address, None);
            (request.call(oauth, &client, Method::POST, &address).accepting_refusals(), auth)
        }
        Revoke::Token => {
            let mut request = Request::new(oauth.client_auth);
            request.param("token", token.expose_secret());
            let client = client(transport, spec, settings, &address, None);
            let call = request.call(oauth, &client, Method::POST, &address).accepting_refusals();
            (call, oauth.client_auth)
        }
    };
    // Ending what has ended is no harm.
    let answer = match call.idempotent().answer().await {
        Ok(answer) => answer,
        Err(error) => return Revocation::Failed(error.to_string()),
    };
    match read_revocation(auth, answer.status, &answer.body) {
        Ok(()) => Revocation::Done,
        Err(word) => Revocation::Failed(format!("{} refused it ({word})", spec.name)),
    }
}
