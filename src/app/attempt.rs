//! Linking an account in a browser, from the side of the browser: its pages, and what comes back from the vendor.
//!
//! A browser is known by a cookie that it got with the page. Whichever process its requests reach goes on with the
//! attempt: all of it is in the database.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    App, Cookie, Error, LinkRequest, Result, Visit, Way, connect::binding, connectors::stored,
    core::Core, entry, failure::Failure, visit::visit,
};
use crate::{
    ids::{AttemptId, ConnectorId},
    oauth::{self, Code},
    provider::{LinkInput, Settings, Spec},
    store::{Attempt, Ended, Hash, Opening},
    vault::{SecretMap, VaultError},
};

/// Longest code that is taken, in bytes.
const LONGEST_CODE: usize = 8 << 10;

/// What a vendor sends a person back with.
#[derive(Debug)]
pub enum Callback {
    /// A code.
    Code(SecretString),
    /// An error, by its word.
    Error(String),
    /// Neither.
    Nothing,
}

impl App {
    /// The attempt of that id, for whoever opens its page.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn visit(&self, id: &AttemptId) -> Result<Option<Visit>> {
        let core = self.core().await?;
        match core.store().attempt_of_anyone(id).await? {
            Some(attempt) => visit(core, &self.0.settings, attempt).await.map(Some),
            None => Ok(None),
        }
    }

    /// The attempt that a vendor has brought back the state of.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn visit_by_state(&self, state: &SecretString) -> Result<Option<Visit>> {
        let core = self.core().await?;
        match core.store().attempt_by_state(&hash(state)).await? {
            Some(attempt) => visit(core, &self.0.settings, attempt).await.map(Some),
            None => Ok(None),
        }
    }

    /// Goes on to the vendor: answers the address of its page. A browser may do so again; then only the last time counts.
    /// `None` when the attempt is not this browser's to go on with: it has ended, or another one has opened it.
    ///
    /// # Errors
    /// `Invalid` where a setting is missing or does not do.
    pub async fn go_on(
        &self,
        visit: &Visit,
        cookie: &Cookie,
        given: BTreeMap<String, Value>,
    ) -> Result<Option<Url>> {
        let (attempt, spec) = (&visit.attempt, visit.spec);
        let (Some(oauth), Some(redirect_uri), Some(sealed)) =
            (&spec.oauth, &attempt.redirect_uri, &attempt.secrets)
        else {
            return Ok(None);
        };
        let settings = read_settings(visit, Way::Consent, given)?;
        let core = self.core().await?;
        let vault = &core.engine.vault;
        let binding = binding(&attempt.owner, &attempt.id);
        let mut secrets = vault.open(&binding, sealed).map_err(damaged)?;
        let redirect_uri = address(redirect_uri)?;
        let app = app_of(oauth.app, &secrets)?;
        let transport = &self.0.transport;
        let consent = oauth::consent(transport, spec, oauth, &app, &settings, &redirect_uri);
        let authorization = consent.await.map_err(crate::error::Error::from)?;
        match authorization.code_verifier {
            Some(verifier) => secrets.insert("code_verifier", verifier),
            None => secrets.remove("code_verifier"),
        };
        let opening = Opening {
            cookie_hash: &cookie.hash(),
            state_hash: Some(&hash(&authorization.state)),
            secrets: Some(&vault.seal(&binding, &secrets)),
            settings: &settings,
        };
        let opened = core.store().open_attempt(&attempt.owner, &attempt.id, &opening).await?;
        Ok(opened.then_some(authorization.url))
    }

    /// Links the account by what was filled in. The vendor is asked whose it is. `None` when the attempt is not this
    /// browser's to go on with.
    ///
    /// # Errors
    /// As [`App::link`]; the attempt stays open, so that it can be put right.
    pub async fn submit(
        &self,
        visit: &Visit,
        cookie: &Cookie,
        secrets: BTreeMap<String, SecretString>,
        given: BTreeMap<String, Value>,
    ) -> Result<Option<Visit>> {
        let settings = read_settings(visit, Way::Form, given)?;
        let core = self.core().await?;
        let attempt = visit.attempt.clone();
        let opening = Opening {
            cookie_hash: &cookie.hash(),
            state_hash: None,
            secrets: None,
            settings: &settings,
        };
        if !core.store().open_attempt(&attempt.owner, &attempt.id, &opening).await? {
            return Ok(None);
        }
        let (app, id) = (self.clone(), attempt.id.clone());
        // A browser that leaves cuts nothing off.
        let linking = core.finishing.spawn(async move {
            let core = app.core().await?;
            let request = request(core, &attempt, Way::Form, secrets, settings).await?;
            let linked = app.link(&attempt.owner, request).await?;
            core.end_attempt(&attempt.owner, &attempt.id, Ended::Linked(linked.connector_id)).await
        });
        linking.await.map_err(|error| Error::Vault(error.to_string()))??;
        self.visit(&id).await
    }

    /// Takes what a vendor has sent a person back with, and links the account. The state is used up by it, whatever comes
    /// of it. Answers how the attempt stands then; where another request has the state already, how it stands now.
    ///
    /// The caller has made sure that it is the browser that went on.
    ///
    /// # Errors
    /// When the database is not available. What the vendor did not do is the attempt's failure.
    pub async fn finish(
        &self,
        visit: Visit,
        state: &SecretString,
        callback: Callback,
    ) -> Result<Option<Visit>> {
        let core = self.core().await?;
        let (attempt, spec) = (visit.attempt, visit.spec);
        let id = attempt.id.clone();
        if core.store().use_state(&attempt.owner, &id, &hash(state)).await? {
            let app = self.clone();
            // A browser that leaves cuts nothing off: the code has gone out by then.
            let finishing = core.finishing.spawn(async move {
                let core = app.core().await?;
                let (owner, id) = (attempt.owner.clone(), attempt.id.clone());
                match app.grant(attempt, spec, callback).await {
                    Ok(connector) => core.end_attempt(&owner, &id, Ended::Linked(connector)).await,
                    Err(failure) => {
                        let Failure { word, sentence } = failure;
                        tracing::info!(provider = spec.id, word, "an attempt to link failed");
                        core.end_attempt(&owner, &id, Ended::Failed(word, &sentence)).await
                    }
                }
            });
            finishing.await.map_err(|error| Error::Vault(error.to_string()))??;
        }
        self.visit(&id).await
    }

    /// Exchanges the code and links the account that it was given for.
    async fn grant(
        &self,
        attempt: Attempt,
        spec: &'static Spec,
        callback: Callback,
    ) -> Result<ConnectorId, Failure> {
        let given = match callback {
            Callback::Code(code) if code.expose_secret().len() <= LONGEST_CODE => code,
            Callback::Code(_) => return Err(Failure::vendor(spec, "a code that is too long")),
            Callback::Error(word) => return Err(Failure::said(spec, &word)),
            Callback::Nothing => return Err(Failure::vendor(spec, "neither a code nor an error")),
        };
        let failed = |error: Error| Failure::of(spec, &error);
        let core = self.core().await.map_err(failed)?;
        let (Some(oauth), Some(redirect_uri), Some(sealed)) =
            (&spec.oauth, &attempt.redirect_uri, &attempt.secrets)
        else {
            return Err(Failure::vendor(spec, "a code that nobody asked for"));
        };
        let secrets = core
            .engine
            .vault
            .open(&binding(&attempt.owner, &attempt.id), sealed)
            .map_err(|error| failed(damaged(error)))?;
        let app = app_of(oauth.app, &secrets).map_err(failed)?;
        let answer = Code {
            code: &given,
            verifier: secrets.get("code_verifier"),
            redirect_uri: &address(redirect_uri).map_err(failed)?,
        };
        let tokens =
            oauth::exchange(&self.0.transport, spec, &app, &attempt.settings, answer).await;
        let tokens = tokens.map_err(|error| Failure::of_exchange(spec, error))?;
        let mut granted = SecretMap::new();
        let mut settings = attempt.settings.clone();
        settings.extend(tokens.put_into(&mut granted));
        let granted = granted.iter().map(|(name, secret)| (name.to_owned(), secret.clone()));
        let request = request(core, &attempt, Way::Consent, granted.collect(), settings).await;
        let request = request.map_err(failed)?;
        let linked = self.link_granted(&attempt.owner, request, Some(&app.client_id)).await;
        Ok(linked.map_err(failed)?.connector_id)
    }
}

/// The settings that the connector is to have: what was filled in for those that the page asks, and the rest as it was.
fn read_settings(visit: &Visit, way: Way, given: BTreeMap<String, Value>) -> Result<Settings> {
    let read = LinkInput::read(visit.spec, [], given)?.metadata;
    let mut settings = visit.attempt.settings.clone();
    for field in visit.asked_settings(way) {
        settings.remove(field.name);
        if field.required && !read.contains_key(field.name) {
            return Err(Error::invalid(field.name, "is missing"));
        }
    }
    settings.extend(read);
    Ok(settings)
}

/// What links the account of an attempt. One that is linked again has to be the one it was.
async fn request(
    core: &Core,
    attempt: &Attempt,
    way: Way,
    secrets: BTreeMap<String, SecretString>,
    mut settings: Settings,
) -> Result<LinkRequest> {
    let spec = entry(&attempt.provider)?.spec();
    let answered = match (way, &spec.oauth) {
        (Way::Consent, Some(oauth)) => oauth.answer_settings,
        _ => &[],
    };
    for field in spec.fields.iter().filter(|field| !field.secret) {
        if !answered.contains(&field.name) {
            // What was left empty is to be so, also where it was not before.
            settings.entry(field.name.to_owned()).or_insert(Value::Null);
        }
    }
    let again = match attempt.relinks {
        Some(id) => Some(stored(core, &attempt.owner, id).await?),
        None => None,
    };
    Ok(LinkRequest {
        provider: attempt.provider.clone(),
        account_identifier: again.map(|connector| connector.account_identifier),
        account_label: Some(attempt.account_label.clone()).filter(|label| !label.is_empty()),
        secrets,
        metadata: settings,
        verify: true,
    })
}

fn hash(state: &SecretString) -> Hash {
    Sha256::digest(state.expose_secret()).into()
}

fn app_of(id: &'static str, secrets: &SecretMap) -> Result<oauth::App> {
    match (secrets.get("client_id"), secrets.get("client_secret")) {
        (Some(client_id), Some(client_secret)) => Ok(oauth::App {
            id,
            client_id: client_id.expose_secret().to_owned(),
            client_secret: client_secret.clone(),
            redirect_uri: None,
        }),
        _ => Err(Error::Vault("the attempt lacks the app that it was begun with".into())),
    }
}

fn address(stored: &str) -> Result<Url> {
    Url::parse(stored).map_err(|cause| Error::invalid("redirect_uri", cause.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn damaged(error: VaultError) -> Error {
    Error::Vault(error.to_string())
}
