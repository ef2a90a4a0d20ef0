//! The use cases: what tools and commands call. Each names its owner; each answers a view or one error with its remedy.

mod addresses;
mod attempt;
mod confirm;
mod connect;
mod connectors;
mod core;
mod doctor;
mod error;
mod failure;
mod link;
mod records;
mod requests;
mod revoke;
mod runs;
mod tokens;
mod views;
mod visit;
mod webhooks;

pub use attempt::Callback;
pub use connect::Landing;
pub use error::{Error, Result};
pub use requests::*;
pub use runs::{ANSWERING, RunHandle};
pub use views::*;
pub use visit::{Browser, Cookie, Visit, Way};
pub use webhooks::{Called, Delivered};

pub use crate::{
    run::{AttemptStatus, ConnectorStatus, RunError, RunStatus, Stats, SyncType, Trigger},
    sync::Progress,
};

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::sync::OnceCell;

use self::core::Core;
use crate::{
    config::Settings, http::Transport, ids::ConnectorId, oauth::Apps, provider::AnyProvider,
    providers,
};

/// The program's core over one database. The database is started and connected when first needed. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    settings: Settings,
    transport: Transport,
    apps: Apps,
    core: OnceCell<Core>,
    landing: OnceLock<Arc<dyn Landing>>,
    /// Connectors whose deliveries are being read, and whether more has come since a run for them was begun.
    being_read: Mutex<HashMap<ConnectorId, bool>>,
}

impl App {
    /// Puts the core together; opens nothing yet. `apps` are the operator's OAuth apps.
    ///
    /// # Errors
    /// When a setting does not do (an egress override that is not loopback).
    pub fn new(settings: Settings) -> Result<Self> {
        let transport = Transport::new(settings.transport.clone())?;
        let apps = settings.apps.clone();
        Ok(Self(Arc::new(Inner {
            settings,
            transport,
            apps,
            core: OnceCell::new(),
            landing: OnceLock::new(),
            being_read: Mutex::default(),
        })))
    }

    /// The catalog, in order of rank. Needs no database.
    pub fn providers(&self) -> Vec<ProviderView> {
        providers::ALL.iter().map(|provider| ProviderView::of(*provider)).collect()
    }

    /// One service of the catalog. Needs no database.
    ///
    /// # Errors
    /// `UnknownProvider` with the ids that look most like it.
    pub fn provider(&self, id: &str) -> Result<ProviderView> {
        entry(id).map(ProviderView::of)
    }

    /// The address that people and clients use, where it is set.
    pub fn public_url(&self) -> Option<&url::Url> {
        self.0.settings.public_url.as_ref()
    }

    /// Starts and connects the database now, for commands that would rather fail early.
    ///
    /// # Errors
    /// When the database or the key does not do.
    pub async fn open(&self) -> Result<()> {
        self.core().await.map(|_| ())
    }

    /// Stops runs at their page, waits for them, closes the database; the last process stops the embedded server.
    pub async fn close(&self) {
        if let Some(core) = self.0.core.get() {
            core.close().await;
        }
    }

    fn being_read(&self) -> MutexGuard<'_, HashMap<ConnectorId, bool>> {
        self.0.being_read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn core(&self) -> Result<&Core> {
        self.0
            .core
            .get_or_try_init(|| Core::open(&self.0.settings, &self.0.transport, &self.0.apps))
            .await
    }
}

/// The service of that id.
fn entry(provider: &str) -> Result<&'static dyn AnyProvider> {
    let wanted = provider.trim().to_lowercase();
    providers::find(&wanted).ok_or_else(|| Error::UnknownProvider {
        given: provider.chars().take(60).collect(),
        nearest: providers::nearest(provider).into_iter().map(str::to_owned).collect(),
    })
}

impl ProviderView {
    fn of(provider: &dyn AnyProvider) -> Self {
        let spec = provider.spec();
        let by_hand = spec.fields.iter().any(|field| field.secret);
        let auth = [(spec.oauth.is_some(), "oauth"), (by_hand, "token")];
        Self {
            rank: spec.rank,
            id: spec.id,
            name: spec.name,
            provider_type: spec.category,
            record_types: spec.kinds,
            capabilities: spec.capabilities,
            auth: auth.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect(),
            status: Readiness::Ready,
            help: spec.help,
            fields: spec
                .fields
                .iter()
                .map(|field| FieldView {
                    name: field.name,
                    label: field.label,
                    help: field.help,
                    secret: field.secret,
                    required: field.required,
                    list: field.list,
                })
                .collect(),
            webhooks: spec.webhooks,
        }
    }
}
