//! The secrets of an account as calls use them: an expiring token is renewed ahead of time, a refused one once, by one
//! exchange across all processes, and a rotated token is stored before anyone uses it.
//!
//! A token that renews itself (there is no refresh token) ends for good when nobody renews it while it lives: that is done
//! once half its life is over. One that is too young is left alone.

use std::sync::{
    Arc, Mutex as StdMutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::Instrument;

use super::{App, Apps, Grant, refresh, variables};
use crate::{
    error::{Error, Result},
    http::{Credentials, Transport},
    ids::{ConnectorId, OwnerId},
    provider::{Settings, Spec, spec::Refresh},
    store::{Connector, LockedSecrets, Store, StoreError},
    vault::{Binding, Purpose, SecretMap, Vault},
};

/// How long before its end a token is renewed.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// What is to be done about a token before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing.
    Nothing,
    /// It is about to end.
    Renewal,
    /// It renews itself, and half its life is over. Should that fail it is used as it is: the vendor says whether it holds.
    OwnRenewal,
    /// Nobody said when it ends, so that a time has to be presumed.
    End,
}

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

    /// How the token renews itself, where it does.
    fn by_itself(&self) -> Option<&'static Refresh> {
        let refresh = &self.spec.oauth.as_ref()?.refresh;
        let own = refresh.params.iter().any(|(_, value)| value.contains("{access_token}"));
        own.then_some(refresh)
    }

    /// New tokens from the vendor, put into the secrets. Answers the settings that came with them.
    async fn renew(&self, secrets: &mut SecretMap) -> Result<(SecretString, Settings)> {
        self.possible(secrets)?;
        self.old_enough(secrets, Timestamp::now())?;
        let grant = Grant {
            access_token: secrets.get("access_token").cloned(),
            refresh_token: secrets.get("refresh_token").cloned(),
        };
        let tokens =
            refresh(&self.transport, self.spec, self.app.as_ref(), &self.settings, &grant).await?;
        let token = tokens.access_token.clone();
        Ok((token, tokens.put_into(secrets)))
    }

    /// Refuses to renew a token that the vendor would not renew yet.
    fn old_enough(&self, secrets: &SecretMap, now: Timestamp) -> Result<()> {
        let age = self.by_itself().and_then(|refresh| age(refresh, end(secrets)?, now));
        let least = self.by_itself().map(least_age);
        if age.zip(least).is_some_and(|(age, least)| age < least) {
            let why = "the token was refused, and it is too young to be renewed";
            return Err(Error::Reconnect(why.into()));
        }
        Ok(())
    }

    /// What is to be done about the token first.
    fn need(&self, secrets: &SecretMap, now: Timestamp) -> Result<Need> {
        let (at, itself) = (end(secrets), self.by_itself());
        let Some(at) = at else { return Ok(itself.map_or(Need::Nothing, |_| Need::End)) };
        let ends = at.duration_since(now) <= AHEAD;
        if let Some(refresh) = itself {
            let due = half(refresh).max(least_age(refresh));
            let over = age(refresh, at, now).is_some_and(|age| age >= due);
            return Ok(if over || ends { Need::OwnRenewal } else { Need::Nothing });
        }
        if !ends {
            return Ok(Need::Nothing);
        }
        match self.possible(secrets) {
            Ok(()) => Ok(Need::Renewal),
            Err(error) if at <= now => Err(error),
            Err(_) => Ok(Need::Nothing), // it still holds for a little
        }
    }

    /// The end that is presumed for a token of which nobody said it: half its life is over as soon as it is surely old
    /// enough, so that one that was pasted after weeks is renewed on the next day.
    fn presumed_end(&self, now: Timestamp) -> Option<Timestamp> {
        let refresh = self.by_itself()?;
        now.checked_add(half(refresh) + least_age(refresh)).ok()
    }
}

/// When the access token ends.
fn end(secrets: &SecretMap) -> Option<Timestamp> {
    secrets.get("expires_at")?.expose_secret().parse().ok()
}

/// The age of a token that ends at `end`, where it is known how long one lives.
fn age(refresh: &Refresh, end: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    let life = SignedDuration::from_secs(i64::from(refresh.access_token_seconds?));
    Some(life - end.duration_since(now))
}

fn half(refresh: &Refresh) -> SignedDuration {
    SignedDuration::from_secs(i64::from(refresh.access_token_seconds.unwrap_or_default() / 2))
}

fn least_age(refresh: &Refresh) -> SignedDuration {
    SignedDuration::from_secs(i64::from(refresh.min_age_seconds.unwrap_or_default()))
}

/// The secrets of a linked account, over the store.
pub struct StoredCredentials(Arc<Stored>);

struct Stored {
    store: Store,
    vault: Vault,
    owner: OwnerId,
    connector: ConnectorId,
    renewal: Renewal,
    known: StdMutex<SecretMap>,
    /// It was tried to renew a token that renews itself: once is enough.
    tried: AtomicBool,
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
        Ok(Self(Arc::new(Stored {
            store,
            vault,
            owner: connector.owner.clone(),
            connector: connector.id,
            renewal: Renewal::new(transport, apps, spec, connector.metadata.clone()),
            known: StdMutex::new(known),
            tried: AtomicBool::new(false),
            renewing: Mutex::new(()),
        })))
    }

    /// Renews the token, on a task of its own: a vendor whose refresh tokens are good for one use has taken the old one as
    /// soon as it is asked, and the new one is kept although whoever needed it, a run that is stopped, waits no longer.
    async fn renewed(&self, refused: SecretString) -> Result<SecretString> {
        let stored = Arc::clone(&self.0);
        let renewed = tokio::spawn(async move { stored.renewed(&refused).await }.in_current_span());
        let given_up = |_| Err(Error::Unavailable("the renewal of the token was given up".into()));
        renewed.await.unwrap_or_else(given_up)
    }

    /// The token, renewed by itself; as it is where that fails.
    async fn renewed_by_itself(&self, token: SecretString) -> SecretString {
        if self.0.tried.swap(true, Ordering::Relaxed) {
            return token;
        }
        self.renewed(token.clone()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the token could not be renewed ahead of time; it is used as it is");
            token
        })
    }
}

impl Stored {
    fn known(&self) -> std::sync::MutexGuard<'_, SecretMap> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renewed(&self, refused: &SecretString) -> Result<SecretString> {
        let _one = self.renewing.lock().await;
        if let Some(token) = other_than(refused, &self.known()) {
            return Ok(token);
        }
        let (locked, mut secrets) = self.lock().await?;
        if let Some(token) = other_than(refused, &secrets) {
            // Another process has renewed it meanwhile.
            *self.known() = secrets;
            return Ok(token);
        }
        let (token, settings) = self.renewal.renew(&mut secrets).await?;
        self.keep(locked, secrets, &settings).await?;
        Ok(token)
    }

    /// Notes a presumed end, so that the token will be renewed in time.
    async fn date(&self) -> Result<()> {
        let _one = self.renewing.lock().await;
        let (locked, mut secrets) = self.lock().await?;
        let presumed = self.renewal.presumed_end(Timestamp::now());
        let Some(at) = presumed.filter(|_| end(&secrets).is_none()) else {
            *self.known() = secrets;
            return Ok(());
        };
        secrets.insert("expires_at", SecretString::from(at.to_string()));
        self.keep(locked, secrets, &Settings::new()).await
    }

    /// The secrets as they are stored now, while no other process changes them.
    async fn lock(&self) -> Result<(LockedSecrets, SecretMap)> {
        let locked =
            self.store.lock_secrets(&self.owner, self.connector).await.map_err(database)?;
        let envelope = locked.envelope.as_ref();
        let envelope =
            envelope.ok_or_else(|| Error::Reconnect("its secrets were deleted".into()))?;
        let binding = binding(&self.owner, self.connector, self.renewal.spec);
        let secrets = self.vault.open(&binding, envelope).map_err(sealed)?;
        Ok((locked, secrets))
    }

    async fn keep(
        &self,
        locked: LockedSecrets,
        secrets: SecretMap,
        settings: &Settings,
    ) -> Result<()> {
        let binding = binding(&self.owner, self.connector, self.renewal.spec);
        let names: Vec<String> = secrets.names().map(str::to_owned).collect();
        let sealed = self.vault.seal(&binding, &secrets);
        locked.store(&sealed, &names, settings).await.map_err(database)?;
        *self.known() = secrets;
        Ok(())
    }
}

impl Credentials for StoredCredentials {
    fn secret(&self, name: &str) -> Option<SecretString> {
        self.0.known().get(name).cloned()
    }

    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async {
            let (token, need) = {
                let known = self.0.known();
                let need = self.0.renewal.need(&known, Timestamp::now())?;
                (known.get("access_token").cloned(), need)
            };
            let Some(token) = token else { return Ok(None) };
            Ok(Some(match need {
                Need::Nothing => token,
                Need::Renewal => self.renewed(token).await?,
                Need::OwnRenewal => self.renewed_by_itself(token).await,
                Need::End => {
                    self.0.date().await?;
                    token
                }
            }))
        })
    }

    fn renew(&self, refused: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        let refused = refused.clone();
        Box::pin(async move { self.renewed(refused).await })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::TransportConfig,
        provider::spec::{OAuth2, Refresh},
    };

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    /// A token of 60 days that renews itself once it is a day old.
    static ITSELF: Spec = Spec {
        oauth: Some(OAuth2 {
            refresh: Refresh {
                method: "GET",
                url: Some("https://graph.example.com/renew"),
                params: &[("access_token", "{access_token}")],
                access_token_seconds: Some(60 * 86_400),
                min_age_seconds: Some(86_400),
                ..Refresh::BASE
            },
            ..OAuth2::BASE
        }),
        ..Spec::BASE
    };
    /// One that a refresh token renews.
    static USUAL: Spec = Spec { oauth: Some(OAuth2::BASE), ..Spec::BASE };

    fn renewal(spec: &'static Spec) -> Renewal {
        let egress_override = Some("http://127.0.0.1:9".parse().unwrap());
        let config = TransportConfig { egress_override, ..TransportConfig::default() };
        let transport = Transport::new(config).unwrap();
        Renewal::new(transport, &Apps::default(), spec, Settings::new())
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn ending(in_time: SignedDuration) -> SecretMap {
        let mut secrets = SecretMap::default();
        secrets.insert("access_token", "token");
        secrets.insert("expires_at", (now() + in_time).to_string());
        secrets
    }

    #[test]
    fn a_token_that_renews_itself_is_renewed_at_half_its_life_not_at_its_end() {
        let renewal = renewal(&ITSELF);
        let need = |left| renewal.need(&ending(left), now()).unwrap();
        assert_eq!(need(DAY * 60), Need::Nothing);
        assert_eq!(need(DAY * 31), Need::Nothing);
        assert_eq!(need(DAY * 30), Need::OwnRenewal);
        // Once it has ended the vendor alone says so: the end may be a presumed one.
        assert_eq!(need(-DAY), Need::OwnRenewal);
    }

    #[test]
    fn a_token_without_an_end_is_given_one_that_renews_it_a_day_later_and_no_sooner() {
        let renewal = renewal(&ITSELF);
        let mut pasted = ending(DAY);
        pasted.remove("expires_at");
        assert_eq!(renewal.need(&pasted, now()).unwrap(), Need::End);
        let end = renewal.presumed_end(now()).unwrap();
        pasted.insert("expires_at", end.to_string());
        let need = |later: SignedDuration| renewal.need(&pasted, now() + later).unwrap();
        assert_eq!(need(DAY - SignedDuration::from_secs(1)), Need::Nothing);
        assert_eq!(need(DAY), Need::OwnRenewal);
    }

    #[test]
    fn a_token_that_is_refused_in_its_first_day_is_not_renewed() {
        let renewal = renewal(&ITSELF);
        let old_enough = |left| renewal.old_enough(&ending(left), now());
        assert!(matches!(old_enough(DAY * 60 - DAY / 2), Err(Error::Reconnect(_))));
        assert_eq!(old_enough(DAY * 59), Ok(()));
        let mut undated = ending(DAY);
        undated.remove("expires_at");
        assert_eq!(renewal.old_enough(&undated, now()), Ok(()), "the vendor may know");
    }

    #[test]
    fn it_needs_neither_an_app_nor_a_refresh_token_and_another_does() {
        assert_eq!(renewal(&ITSELF).possible(&ending(DAY)), Ok(()));
        let usual = renewal(&USUAL);
        assert!(matches!(usual.possible(&ending(DAY)), Err(Error::Reconnect(_))));
        assert_eq!(usual.need(&ending(DAY * 20), now()), Ok(Need::Nothing), "half of what?");
        assert_eq!(usual.need(&ending(AHEAD), now()), Ok(Need::Nothing), "it holds for a little");
        assert!(matches!(usual.need(&ending(-AHEAD), now()), Err(Error::Reconnect(_))));
        let mut renewable = ending(AHEAD);
        renewable.insert("refresh_token", "refresh");
        assert!(usual.need(&renewable, now()).is_ok(), "without an app it holds, too");
    }
}
