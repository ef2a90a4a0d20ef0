//! Linking an account in a browser, from the side of whoever asked for it: beginning, waiting, giving up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{
    App, AttemptView, Error, Result, StartRequest, addresses, connectors::shown, core::Core, entry,
    link::name,
};
use crate::{
    ids::{AttemptId, OwnerId},
    provider::{Settings, Spec},
    providers,
    run::{AttemptStatus, ConnectorStatus},
    store::{Attempt, Connector, Ended, NewAttempt},
    vault::{Binding, Purpose, SecretMap},
};

/// How often an attempt that another process may finish is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Serves the pages of attempts at the loopback address, for a program that has no other. Implemented above.
pub trait Landing: Send + Sync + 'static {
    /// Sees to it that they are served until then, by this process or by another one of the same database.
    ///
    /// # Errors
    /// One sentence, where a stranger is in the way.
    fn serve(&self, app: App, until: Timestamp) -> BoxFuture<'_, Result<(), String>>;
}

impl App {
    /// Names who serves the pages of attempts at the loopback address. Only the first counts.
    pub fn land_at(&self, landing: Arc<dyn Landing>) {
        if self.0.landing.set(landing).is_err() {
            tracing::warn!("two listeners for the pages of attempts; the first one serves");
        }
    }

    /// The loopback port that vendors send people back to.
    pub fn callback_port(&self) -> u16 {
        addresses::port(&self.0.settings)
    }

    /// Scheme, host and port of the pages that the server at the public address serves.
    pub fn public_origin(&self) -> String {
        addresses::origin(&self.0.settings)
    }

    /// What shows another process of this database, and nobody else, that this is one: a signature of what it made up.
    ///
    /// # Errors
    /// When the database or the key is not available.
    pub async fn landing_proof(&self, made_up: &AttemptId) -> Result<String> {
        let vault = &self.core().await?.engine.vault;
        Ok(URL_SAFE_NO_PAD.encode(vault.mac("landing", made_up.as_str().as_bytes())))
    }

    /// Where vendors send people back to instead of the usual `/oauth/{app}/callback`: the paths, and whose apps have them.
    pub fn callback_paths(&self) -> BTreeMap<String, Vec<&'static str>> {
        let mut paths: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for app in providers::apps().into_iter().filter_map(|id| self.0.apps.find(id)) {
            let own = app.redirect_uri.as_ref().map(|url| url.path().to_owned());
            let usual = format!("/oauth/{}/callback", app.id);
            if let Some(path) = own.filter(|path| *path != usual && addresses::is_free(path)) {
                paths.entry(path).or_default().push(app.id);
            }
        }
        paths
    }

    /// Begins to link an account in a browser: at the vendor's, or on a page of ours where it has no OAuth. When it
    /// answers, the address can be opened; it serves once, for ten minutes.
    ///
    /// An attempt links an account again where only one of the provider needs it, or where the label names one: then no
    /// other account will do.
    ///
    /// # Errors
    /// `UnknownProvider`, `NoApp`; `Invalid` where an address does not do; `NoLanding` where the loopback port
    /// is a stranger's.
    pub async fn start_oauth(&self, owner: &OwnerId, request: StartRequest) -> Result<AttemptView> {
        let spec = entry(&request.provider)?.spec();
        let settings = &self.0.settings;
        let label = name("account_label", request.account_label)?;
        let redirect_to = addresses::redirect_to(settings, request.redirect_to.as_deref())?;
        let way = if request.paste { None } else { self.way(spec)? };
        let origin = match &way {
            Some((_, redirect_uri)) => redirect_uri.origin().ascii_serialization(),
            None => addresses::origin(settings),
        };
        let core = self.core().await?;
        let again = linked_before(core, owner, spec, label.as_deref()).await?;
        let id = AttemptId::generate();
        let sealed = way.as_ref().map(|(app, _)| core.engine.vault.seal(&binding(owner, &id), app));
        let none = Settings::new();
        let new = NewAttempt {
            id: &id,
            provider: spec.id,
            account_label: label.as_deref().unwrap_or_default(),
            settings: again.as_ref().map_or(&none, |connector| &connector.metadata),
            relinks: again.as_ref().map(|connector| connector.id),
            origin: &origin,
            redirect_uri: way.as_ref().map(|(_, redirect_uri)| redirect_uri.as_str()),
            redirect_to: redirect_to.as_ref().map(Url::as_str),
            secrets: sealed.as_ref(),
        };
        let expires_at = core.store().start_attempt(owner, &new).await?;
        if addresses::is_ours(settings, &origin)
            && let Some(landing) = self.0.landing.get()
            && let Err(problem) = landing.serve(self.clone(), expires_at).await
        {
            core.end_attempt(owner, &id, Ended::Failed("no_landing", &problem)).await?;
            return Err(Error::NoLanding(problem));
        }
        tracing::info!(provider = spec.id, by_oauth = way.is_some(), "an attempt to link began");
        self.attempt(owner, &id).await
    }

    /// The app that a person grants access to, and where they come back; `None` for a provider without OAuth.
    fn way(&self, spec: &'static Spec) -> Result<Option<(SecretMap, Url)>> {
        let Some(oauth) = &spec.oauth else { return Ok(None) };
        let Some(app) = self.0.apps.find(oauth.app) else {
            return Err(Error::NoApp {
                provider: spec.name.to_owned(),
                variables: self.0.apps.missing(oauth.app).join(" and "),
                redirect_uri: addresses::usual(&self.0.settings, oauth.app),
            });
        };
        let redirect_uri = addresses::redirect_uri(&self.0.settings, spec, app)?;
        // They go along, so that a process that is not configured can finish what this one began.
        let secrets = [("client_id", app.client_id.as_str())]
            .into_iter()
            .chain([("client_secret", app.client_secret.expose_secret())]);
        Ok(Some((secrets.collect(), redirect_uri)))
    }

    /// How an attempt stands.
    ///
    /// # Errors
    /// `UnknownAttempt`, for another owner's too.
    pub async fn attempt(&self, owner: &OwnerId, id: &AttemptId) -> Result<AttemptView> {
        let core = self.core().await?;
        let attempt = core.store().attempt(owner, id).await?;
        view(core, attempt.ok_or_else(|| Error::UnknownAttempt(id.to_string()))?).await
    }

    /// The owner's attempts of the last hour that linked nothing, newest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn attempts(&self, owner: &OwnerId) -> Result<Vec<AttemptView>> {
        let core = self.core().await?;
        let mut views = Vec::new();
        for attempt in core.store().open_attempts(owner).await? {
            views.push(view(core, attempt).await?);
        }
        Ok(views)
    }

    /// Waits until an attempt has ended, whichever process ends it, but no longer than until then. Answers how it stands.
    ///
    /// # Errors
    /// `UnknownAttempt`.
    pub async fn wait_for_attempt(
        &self,
        owner: &OwnerId,
        id: &AttemptId,
        until: Instant,
    ) -> Result<AttemptView> {
        let core = self.core().await?;
        loop {
            let ended = core.attempt_ended.notified();
            let now = self.attempt(owner, id).await?;
            let left = until.saturating_duration_since(Instant::now());
            if !now.status.is_open() || left.is_zero() {
                return Ok(now);
            }
            // Whether it was ours or not, and whether here or elsewhere: the database knows.
            let _ = timeout(LOOK.min(left), ended).await;
        }
    }

    /// Gives an attempt up, unless it has ended.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn cancel_attempt(&self, owner: &OwnerId, id: &AttemptId) -> Result<()> {
        let ended = Ended::Failed("cancelled", "it was called off");
        self.core().await?.end_attempt(owner, id, ended).await?;
        Ok(())
    }
}

impl Core {
    /// Ends an attempt, and tells those of this process who wait for one.
    pub(super) async fn end_attempt(
        &self,
        owner: &OwnerId,
        id: &AttemptId,
        ended: Ended<'_>,
    ) -> Result<bool> {
        let done = self.store().end_attempt(owner, id, ended).await?;
        self.attempt_ended.notify_waiters();
        Ok(done)
    }
}

/// What the secrets of an attempt are sealed for.
pub(super) fn binding<'a>(owner: &'a OwnerId, attempt: &'a AttemptId) -> Binding<'a> {
    Binding::Attempt { owner, attempt, purpose: Purpose::CodeVerifier }
}

/// The connector that is meant to be linked again: the one that the label names, else the only one that needs it.
async fn linked_before(
    core: &Core,
    owner: &OwnerId,
    spec: &Spec,
    label: Option<&str>,
) -> Result<Option<Connector>> {
    let linked = core.store().connectors(owner, Some(spec.id), false).await?;
    let named = |of: &Connector, label: &str| {
        [&of.account_label, &of.account_identifier]
            .iter()
            .any(|own| own.to_lowercase() == label.to_lowercase())
    };
    let mut meant = linked.into_iter().filter(|of| match label {
        Some(label) => named(of, label),
        None => of.status == ConnectorStatus::NeedsReauth,
    });
    let first = meant.next();
    Ok(if meant.next().is_some() { None } else { first })
}

async fn view(core: &Core, of: Attempt) -> Result<AttemptView> {
    let account = match of.connector {
        Some(id) => core.store().connector(&of.owner, id).await?,
        None => None,
    };
    let open = of.status.is_open();
    let problem = match of.status {
        AttemptStatus::Expired => Some("its ten minutes were over".to_owned()),
        _ => of.problem,
    };
    Ok(AttemptView {
        authorization_url: open.then(|| format!("{}/connect/{}", of.origin, of.id)),
        attempt_id: of.id.to_string(),
        provider: of.provider,
        status: of.status,
        expires_at: of.expires_at,
        connector_id: of.connector,
        account: account.as_ref().map(|connector| shown(connector).to_owned()),
        problem,
    })
}
