//! The secrets of an account as calls use them: an expiring token is renewed ahead of time, a refused one once, by one
//! exchange across all processes, and a rotated token is stored before anyone uses it.

use std::sync::{Mutex as StdMutex, PoisonError};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::{App, Apps, Grant, refresh, variables};
use crate::{
    error::{Error, Result},
    http::{Credentials, Transport},
    ids::{ConnectorId, OwnerId},
    provider::{Settings, Spec},
    store::{Connector, Store, StoreError},
    vault::{Binding, Purpose, SecretMap, Vault},
};

/// How long before its end a token is renewed.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// What renewing an account's token needs beside its secrets.
struct Renewal {
    spec: &'static Spec,
    settings: Settings,
    app: Option<App>,
    transport: Transport,
}

impl Renewal {
    fn new(transport: Transport, apps: &Apps, spec: &'static Spec, settings: Settings) -> Self {
        let app = spec.oauth.as_ref().and_then(|oauth| apps.find(oauth.app).cloned());
        Self { spec, settings, app, transport }
    }

    /// Why a token of these secrets cannot be renewed, if it cannot.
    fn possible(&self, secrets: &SecretMap) -> Result<()> {
        const ENDED: &str = "the token was refused or has expired";
        let Some(oauth) = &self.spec.oauth else { return Err(Error::Reconnect(ENDED.into())) };
        if secrets.get("refresh_token").is_none() && oauth.refresh.url.is_none() {
            let why = format!("{ENDED}, and there is no refresh token to renew it with");
            return Err(Error::Reconnect(why));
        }
        let needs_app = oauth.refresh.params.is_empty()
            || oauth.refresh.params.iter().any(|(_, value)| value.contains("{client_"));
        if needs_app && self.app.is_none() {
            let [id, secret] = variables(oauth.app);
            let why =
                format!("{ENDED} and cannot be renewed without an app: set {id} and {secret}");
            return Err(Error::Reconnect(why));
        }
        Ok(())
    }

    /// New tokens from the vendor, put into the secrets. Answers the settings that came with them.
    async fn renew(&self, secrets: &mut SecretMap) -> Result<(SecretString, Settings)> {
        self.possible(secrets)?;
        let grant = Grant {
            access_token: secrets.get("access_token").cloned(),
            refresh_token: secrets.get("refresh_token").cloned(),
        };
        let tokens =
            refresh(&self.transport, self.spec, self.app.as_ref(), &self.settings, &grant).await?;
        let token = tokens.access_token.clone();
        Ok((token, tokens.put_into(secrets)))
    }

    /// Whether a token is about to end and can be renewed before it does.
    fn is_due(&self, secrets: &SecretMap, now: Timestamp) -> Result<bool> {
        let at =
            secrets.get("expires_at").and_then(|at| at.expose_secret().parse::<Timestamp>().ok());
        let Some(at) = at else { return Ok(false) };
        if at.duration_since(now) > AHEAD {
            return Ok(false);
        }
        match self.possible(secrets) {
            Ok(()) => Ok(true),
            Err(error) if at <= now => Err(error),
            Err(_) => Ok(false), // it still holds for a little
        }
    }
}

/// The secrets of a linked account, over the store.
pub struct StoredCredentials {
    store: Store,
    vault: Vault,
    owner: OwnerId,
    connector: ConnectorId,
    renewal: Renewal,
    known: StdMutex<SecretMap>,
    /// One call of this process renews, the others wait for what it brings.
    renewing: Mutex<()>,
}

impl StoredCredentials {
    /// Opens a connector's secrets.
    ///
    /// # Errors
    /// [`Error::Reconnect`] when it has none any more, [`Error::Invalid`] when no configured key opens them.
    pub fn open(
        store: Store,
        vault: Vault,
        transport: Transport,
        apps: &Apps,
        spec: &'static Spec,
        connector: &Connector,
    ) -> Result<Self> {
        let envelope = connector
            .secrets
            .as_ref()
            .ok_or_else(|| Error::Reconnect("its secrets were deleted".into()))?;
        let known =
            vault.open(&binding(&connector.owner, connector.id, spec), envelope).map_err(sealed)?;
        Ok(Self {
            store,
            vault,
            owner: connector.owner.clone(),
            connector: connector.id,
            renewal: Renewal::new(transport, apps, spec, connector.metadata.clone()),
            known: StdMutex::new(known),
            renewing: Mutex::new(()),
        })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, SecretMap> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renewed(&self, refused: &SecretString) -> Result<SecretString> {
        let _one = self.renewing.lock().await;
        if let Some(token) = other_than(refused, &self.known()) {
            return Ok(token);
        }
        let locked =
            self.store.lock_secrets(&self.owner, self.connector).await.map_err(database)?;
        let envelope = locked.envelope.as_ref();
        let envelope =
            envelope.ok_or_else(|| Error::Reconnect("its secrets were deleted".into()))?;
        let binding = binding(&self.owner, self.connector, self.renewal.spec);
        let mut secrets = self.vault.open(&binding, envelope).map_err(sealed)?;
        if let Some(token) = other_than(refused, &secrets) {
            // Another process has renewed it meanwhile.
            *self.known() = secrets;
            return Ok(token);
        }
        let (token, settings) = self.renewal.renew(&mut secrets).await?;
        let names: Vec<String> = secrets.names().map(str::to_owned).collect();
        let sealed = self.vault.seal(&binding, &secrets);
        locked.store(&sealed, &names, &settings).await.map_err(database)?;
        *self.known() = secrets;
        Ok(token)
    }
}

impl Credentials for StoredCredentials {
    fn secret(&self, name: &str) -> Option<SecretString> {
        self.known().get(name).cloned()
    }

    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async {
            let (token, due) = {
                let known = self.known();
                (known.get("access_token").cloned(), self.renewal.is_due(&known, Timestamp::now())?)
            };
            match token {
                Some(token) if due => self.renewed(&token).await.map(Some),
                token => Ok(token),
            }
        })
    }

    fn renew(&self, refused: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        let refused = refused.clone();
        Box::pin(async move { self.renewed(&refused).await })
    }
}

/// The secrets of an account that is being linked: nothing is stored yet.
pub struct GivenCredentials {
    renewal: Renewal,
    secrets: Mutex<SecretMap>,
    shown: StdMutex<SecretMap>,
}

impl GivenCredentials {
    /// What a person gave.
    pub fn new(
        transport: Transport,
        apps: &Apps,
        spec: &'static Spec,
        settings: Settings,
        secrets: SecretMap,
    ) -> Self {
        Self {
            renewal: Renewal::new(transport, apps, spec, settings),
            shown: StdMutex::new(secrets.clone()),
            secrets: Mutex::new(secrets),
        }
    }

    /// The secrets as they are now: a token that had to be renewed is the new one.
    pub async fn secrets(&self) -> SecretMap {
        self.secrets.lock().await.clone()
    }
}

impl Credentials for GivenCredentials {
    fn secret(&self, name: &str) -> Option<SecretString> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async { Ok(self.secrets.lock().await.get("access_token").cloned()) })
    }

    fn renew(&self, refused: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        let refused = refused.clone();
        Box::pin(async move {
            let mut secrets = self.secrets.lock().await;
            if let Some(token) = other_than(&refused, &secrets) {
                return Ok(token);
            }
            let (token, _) = self.renewal.renew(&mut secrets).await?;
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = secrets.clone();
            Ok(token)
        })
    }
}

/// The access token, if it is not the refused one.
fn other_than(refused: &SecretString, secrets: &SecretMap) -> Option<SecretString> {
    let token = secrets.get("access_token")?;
    (token.expose_secret() != refused.expose_secret()).then(|| token.clone())
}

/// What a connector's secrets are sealed for.
pub fn binding<'a>(owner: &'a OwnerId, connector: ConnectorId, spec: &'static Spec) -> Binding<'a> {
    Binding::Connector { owner, connector, provider: spec.id, purpose: Purpose::Credentials }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn sealed(error: crate::vault::VaultError) -> Error {
    Error::invalid("secrets", error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn database(error: StoreError) -> Error {
    Error::Unavailable(format!("the database failed while the token was renewed: {error}"))
}
