//! Ending a grant at the vendor when its connector is deleted, and saying so when it could not be.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{App, Result, connectors::shown, core::Core, entry};
use crate::{
    oauth::{self, Grant, Revocation, StoredCredentials, binding},
    provider::Spec,
    store::Connector,
};

/// How long a vendor may take: deleting goes on without it.
const PATIENCE: Duration = Duration::from_secs(15);

impl App {
    /// Ends the grant of a connector that is about to be deleted. Answers whether the vendor did, and else what there is
    /// to say about it: nothing where there was no grant any more.
    ///
    /// # Errors
    /// When the database is not available. A vendor that does not do it is no error.
    pub(super) async fn end_grant(
        &self,
        core: &Core,
        of: &Connector,
    ) -> Result<(bool, Option<String>)> {
        let spec = entry(&of.provider)?.spec();
        let name = spec.name;
        let Some(envelope) = &of.secrets else { return Ok((false, None)) };
        let Some(client_id) = &of.oauth_client_id else {
            return Ok((
                false,
                Some(format!(
                    "what was pasted still works at {name}: revoke it there if nothing else uses it"
                )),
            ));
        };
        if let Some(other) = shares_grant(core, of, spec).await? {
            return Ok((
                false,
                Some(format!("the grant was kept: {other} has its access by the same app")),
            ));
        }
        let vault = &core.engine.vault;
        let secrets = match vault.open(&binding(&of.owner, of.id, spec), envelope) {
            Ok(secrets) => secrets,
            Err(error) => return Ok((false, Some(by_hand(name, &error.to_string())))),
        };
        let credentials = StoredCredentials::open(
            core.store().clone(),
            vault.clone(),
            self.0.transport.clone(),
            &self.0.apps,
            spec,
            of,
        )?;
        let app = spec.oauth.as_ref().and_then(|oauth| self.0.apps.find(oauth.app));
        let grant = Grant {
            access_token: secrets.get("access_token").cloned(),
            refresh_token: secrets.get("refresh_token").cloned(),
        };
        let revoking = oauth::revoke(
            &self.0.transport,
            spec,
            app.filter(|app| app.client_id == *client_id),
            &of.metadata,
            &grant,
            Arc::new(credentials),
        );
        let revocation = timeout(PATIENCE, revoking)
            .await
            .unwrap_or_else(|_| Revocation::Failed("it did not answer in time".into()));
        Ok(match revocation {
            Revocation::Done => (true, None),
            Revocation::NotOffered => (
                false,
                Some(format!(
                    "{name} offers no way to end the grant from here: remove the app in the account's settings there"
                )),
            ),
            Revocation::Failed(why) => {
                tracing::warn!(connector = %of.id, provider = spec.id, why, "a grant was not revoked");
                (false, Some(by_hand(name, &why)))
            }
        })
    }
}

fn by_hand(name: &str, why: &str) -> String {
    format!("the grant was not ended ({why}): remove the app in the account's settings at {name}")
}

/// A connector that would lose its access along with this one: a person grants an app access as a whole, whatever of it
/// several providers use (Google), and an account as a whole, whatever part of it a connector reads.
async fn shares_grant(core: &Core, of: &Connector, spec: &Spec) -> Result<Option<String>> {
    let app = |spec: &Spec| spec.oauth.as_ref().map(|oauth| oauth.app);
    for other in core.store().connectors(&of.owner, None, false).await? {
        let Ok(entry) = entry(&other.provider) else { continue };
        let same_grant =
            other.provider != of.provider || other.account_identifier == of.account_identifier;
        if other.id != of.id
            && other.oauth_client_id == of.oauth_client_id
            && app(entry.spec()) == app(spec)
            && same_grant
        {
            return Ok(Some(format!("{} ({})", other.provider, shown(&other))));
        }
    }
    Ok(None)
}
