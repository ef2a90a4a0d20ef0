//! Linked accounts: shown, paused, deleted; their keys rotated.

use super::{
    App, AttemptView, ConnectorStatus, ConnectorView, DeletedView, Error, Result, RotatedView,
    Selector, addresses, core::Core, entry,
};
use crate::{
    ids::{ConnectorId, OwnerId},
    oauth::binding,
    provider::Settings,
    store::{Account, Connector},
};

impl App {
    /// The owner's connectors, oldest first; deleted ones only where asked for.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn connectors(&self, owner: &OwnerId, deleted: bool) -> Result<Vec<ConnectorView>> {
        let found = self.core().await?.store().accounts(owner, None, deleted).await?;
        Ok(found.accounts.into_iter().map(|account| self.view(account)).collect())
    }

    /// The owner's connectors, and their attempts to link of the last hour that linked nothing, newest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn connectors_and_attempts(
        &self,
        owner: &OwnerId,
    ) -> Result<(Vec<ConnectorView>, Vec<AttemptView>)> {
        let core = self.core().await?;
        let found = core.store().accounts(owner, None, false).await?;
        let attempts = if found.attempts { self.attempts(owner).await? } else { Vec::new() };
        Ok((found.accounts.into_iter().map(|account| self.view(account)).collect(), attempts))
    }

    /// One connector.
    ///
    /// # Errors
    /// `UnknownConnector`, for another owner's too.
    pub async fn connector(&self, owner: &OwnerId, id: ConnectorId) -> Result<ConnectorView> {
        let account = self.core().await?.store().account(owner, id).await?;
        Ok(self.view(account.ok_or_else(|| Error::UnknownConnector(id.to_string()))?))
    }

    /// The connector that a selector means.
    ///
    /// # Errors
    /// `UnknownConnector`, `NothingLinked`, or `Ambiguous` where several could be meant.
    pub async fn resolve(&self, owner: &OwnerId, selector: &Selector) -> Result<ConnectorView> {
        let provider = match selector {
            Selector::Connector(id) => return self.connector(owner, *id).await,
            Selector::Provider(provider) => entry(provider)?.spec().id,
        };
        let found = self.core().await?.store().accounts(owner, Some(provider), false).await?;
        let mut linked = found.accounts;
        match (linked.pop(), linked.is_empty()) {
            (None, _) => Err(Error::NothingLinked(provider.to_owned())),
            (Some(only), true) => Ok(self.view(only)),
            (Some(last), false) => {
                linked.push(last);
                let linked = linked.iter().map(|account| &account.connector);
                let accounts = linked.map(|c| format!("{} ({})", shown(c), c.id));
                Err(Error::Ambiguous {
                    provider: provider.to_owned(),
                    accounts: accounts.collect(),
                })
            }
        }
    }

    /// Pauses a connector: it syncs no more until it is resumed. A run that goes on ends at its page.
    ///
    /// # Errors
    /// `UnknownConnector`, or `Deleted`.
    pub async fn pause(&self, owner: &OwnerId, id: ConnectorId) -> Result<ConnectorView> {
        self.set_paused(owner, id, true).await
    }

    /// Resumes a paused connector.
    ///
    /// # Errors
    /// `UnknownConnector`, or `Deleted`.
    pub async fn resume(&self, owner: &OwnerId, id: ConnectorId) -> Result<ConnectorView> {
        self.set_paused(owner, id, false).await
    }

    async fn set_paused(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        paused: bool,
    ) -> Result<ConnectorView> {
        let core = self.core().await?;
        if stored(core, owner, id).await?.status == ConnectorStatus::Deleted {
            return Err(Error::Deleted(id.to_string()));
        }
        core.store().set_paused(owner, id, paused).await?;
        if paused && let Some(live) = core.engine.live(id) {
            live.stop();
        }
        self.connector(owner, id).await
    }

    /// Deletes a connector: its grant is ended at the vendor where that can be done, its secrets are erased, its records
    /// only if asked for.
    ///
    /// # Errors
    /// `UnknownConnector`.
    pub async fn delete(
        &self,
        owner: &OwnerId,
        id: ConnectorId,
        records: bool,
    ) -> Result<DeletedView> {
        let core = self.core().await?;
        let connector = stored(core, owner, id).await?;
        if let Some(live) = core.engine.live(id) {
            live.stop();
        }
        let (revoked, note) = self.end_grant(core, &connector).await?;
        let (gone, kept) = core.store().delete_connector(owner, id, records).await?;
        Ok(DeletedView {
            connector_id: id,
            provider: connector.provider,
            account_identifier: connector.account_identifier,
            records_deleted: gone,
            records_kept: kept,
            revoked,
            note,
        })
    }

    /// Seals all secrets with the current key, of every owner, while the program runs.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn rotate_keys(&self) -> Result<RotatedView> {
        let core = self.core().await?;
        let vault = &core.engine.vault;
        let mut done = RotatedView { resealed: 0, current: 0, unopened: 0 };
        for (owner, id) in core.store().sealed_connectors().await? {
            let Some(connector) = core.store().connector(&owner, id).await? else { continue };
            let Ok(entry) = entry(&connector.provider) else {
                done.unopened += 1;
                continue;
            };
            let locked = core.store().lock_secrets(&owner, id).await?;
            let Some(envelope) = &locked.envelope else { continue };
            if !vault.needs_reseal(envelope) {
                done.current += 1;
                continue;
            }
            let binding = binding(&owner, id, entry.spec());
            match vault.open(&binding, envelope) {
                Ok(secrets) => {
                    let names: Vec<String> = secrets.names().map(str::to_owned).collect();
                    let sealed = vault.seal(&binding, &secrets);
                    locked.store(&sealed, &names, &Settings::new()).await?;
                    done.resealed += 1;
                }
                Err(error) => {
                    tracing::warn!(connector = %id, %error, "the secrets could not be sealed again");
                    done.unopened += 1;
                }
            }
        }
        Ok(done)
    }

    fn view(&self, account: Account) -> ConnectorView {
        let Account { connector: of, records, removals_waiting } = account;
        let alive = of.status != ConnectorStatus::Deleted;
        ConnectorView {
            records,
            removals_waiting: Some(removals_waiting).filter(|waiting| *waiting > 0),
            webhook_url: addresses::webhook(&self.0.settings, &of.provider, of.id)
                .filter(|_| alive),
            connector_id: of.id,
            provider: of.provider,
            account_identifier: of.account_identifier,
            account_scope: Some(of.account_scope).filter(|scope| !scope.is_empty()),
            account_label: Some(of.account_label).filter(|label| !label.is_empty()),
            status: of.status,
            secrets_set: of.secret_names,
            metadata: of.metadata,
            last_successful_sync: of.last_successful_sync,
            last_error: of.last_error.map(|error| error.message),
            running: of.running,
            created_at: of.created_at,
        }
    }
}

/// What a person calls the account.
pub(super) fn shown(connector: &Connector) -> &str {
    if connector.account_label.is_empty() {
        &connector.account_identifier
    } else {
        &connector.account_label
    }
}

/// The stored connector; another owner's is as unknown as one that never was.
pub(super) async fn stored(core: &Core, owner: &OwnerId, id: ConnectorId) -> Result<Connector> {
    let connector = core.store().connector(owner, id).await?;
    connector.ok_or_else(|| Error::UnknownConnector(id.to_string()))
}
