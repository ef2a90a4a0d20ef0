//! What vendors deliver: written down, then imported by a run; and connectors whose deliveries nobody has read yet.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::{App, Error, Result, SyncRequest, Trigger, core::Core};
use crate::{
    ids::{ConnectorId, OwnerId},
    oauth::binding,
    provider::{AnyProvider, Heard, Incoming},
    providers,
    store::{Connector, Hash, Kept},
    vault::SecretMap,
};

/// A connector at whose webhook address somebody has called.
pub struct Called {
    provider: &'static dyn AnyProvider,
    owner: OwnerId,
    connector: ConnectorId,
    secrets: SecretMap,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The vendor did not send it.
    Refused,
    /// The vendor asked whose the address is, and is told this.
    Answer(String),
    /// It is written down, now or since it came before.
    Kept,
    /// Too much waits to be read already: the vendor may send it again later.
    Full,
    /// The connector was deleted meanwhile.
    Gone,
}

impl App {
    /// The connector that a webhook address names; nothing where there is none, of no such provider, or deleted.
    ///
    /// # Errors
    /// When the database is not available, or no key opens the connector's secrets.
    pub async fn called(&self, provider: &str, connector: &str) -> Result<Option<Called>> {
        let Ok(id) = connector.parse::<ConnectorId>() else { return Ok(None) };
        // In one form alone, so that an address is not many.
        if id.to_string() != connector {
            return Ok(None);
        }
        let Some(known) = providers::find(provider) else { return Ok(None) };
        let core = self.core().await?;
        let Some(found) = core.store().connector_of_anyone(provider, id).await? else {
            return Ok(None);
        };
        let secrets = secrets(core, &found, known)?;
        Ok(Some(Called { provider: known, owner: found.owner, connector: id, secrets }))
    }

    /// Hears a call. A delivery is written down before this answers, and read by a run afterwards.
    ///
    /// # Errors
    /// When the database is not available: nothing is kept then, and the vendor sends it again.
    pub async fn hear(
        &self,
        called: &Called,
        is_post: bool,
        query: &[(String, String)],
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Delivered> {
        let incoming = Incoming { is_post, query, headers, body, secrets: &called.secrets };
        let key = match called.provider.hear(&incoming) {
            Heard::Refused => return Ok(Delivered::Refused),
            Heard::Answer(text) => return Ok(Delivered::Answer(text)),
            Heard::Delivery { key } => key,
        };
        let key: Hash = Sha256::digest(key.as_deref().map_or(body, str::as_bytes)).into();
        let store = self.core().await?.store();
        let kept = store.keep_delivery(&called.owner, called.connector, &key, body).await?;
        Ok(match kept {
            Kept::New => {
                self.read_soon(called.owner.clone(), called.connector);
                Delivered::Kept
            }
            Kept::Known => Delivered::Kept,
            Kept::Full => Delivered::Full,
            Kept::Gone => Delivered::Gone,
        })
    }

    /// Takes up what was delivered to any connector and has not been read: its process may have ended before. `all`: that
    /// too of which the last try is not long ago.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn take_up_deliveries(&self, all: bool) -> Result<()> {
        let store = self.core().await?.store();
        for (owner, connector) in store.connectors_with_deliveries(all).await? {
            self.read_soon(owner, connector);
        }
        Ok(())
    }

    /// Has a run read what is delivered to a connector, once for all that comes while one goes on.
    fn read_soon(&self, owner: OwnerId, connector: ConnectorId) {
        if self.being_read().insert(connector, true).is_some() {
            return; // whoever is at it sees that there is more
        }
        let app = self.clone();
        tokio::spawn(async move {
            while app.has_more(connector) {
                if let Err(error) = app.read_deliveries(&owner, connector).await {
                    tracing::warn!(%connector, %error, "what was delivered is not read yet");
                    app.being_read().remove(&connector);
                    return;
                }
            }
        });
    }

    /// Whether something has come since it was last asked; if not, nobody is at it any more.
    fn has_more(&self, connector: ConnectorId) -> bool {
        let mut all = self.being_read();
        let more = all.get_mut(&connector).is_some_and(std::mem::take);
        if !more {
            all.remove(&connector);
        }
        more
    }

    /// Reads by a run that began after this was called: one that goes on already may be past its deliveries.
    async fn read_deliveries(&self, owner: &OwnerId, connector: ConnectorId) -> Result<()> {
        loop {
            let core = self.core().await?;
            let turn = core.readers.acquire().await;
            let _turn = turn.map_err(|closed| Error::Database(closed.to_string()))?;
            if core.engine.is_closing() {
                return Ok(()); // the next program that is started takes it up
            }
            let run = self.sync(owner, connector, SyncRequest::new(Trigger::Webhook)).await;
            let run = match run {
                // It is read once the connector is resumed.
                Err(Error::Paused(_) | Error::Deleted(_) | Error::UnknownConnector(_)) => {
                    return Ok(());
                }
                run => run?,
            };
            // The connector is free again, or another process has it now: either way this waits no longer than for its end.
            if !run.until_over().await {
                return Ok(());
            }
        }
    }
}

/// The connector's secrets, for a look at who calls.
fn secrets(core: &Core, of: &Connector, provider: &'static dyn AnyProvider) -> Result<SecretMap> {
    let Some(envelope) = &of.secrets else { return Ok(SecretMap::new()) };
    let binding = binding(&of.owner, of.id, provider.spec());
    core.engine.vault.open(&binding, envelope).map_err(|error| Error::Vault(error.to_string()))
}
