//! Linking an account, and linking it again.

use std::sync::Arc;

use super::{App, Error, LinkRequest, LinkedView, Result, addresses, core::Core, entry};
use crate::{
    http::{Connection, Meter},
    ids::{ConnectorId, OwnerId},
    oauth::{GivenCredentials, binding},
    provider::{Account, AnyProvider, LinkInput, Settings, Spec},
    store::{Connector, NewConnector},
    sync::policy,
    vault::SecretMap,
};

/// Longest account identifier and label, in bytes.
const NAME: usize = 512;

impl App {
    /// Links an account, or links it again: the same connector then, with its records and cursors. One request checks the
    /// credentials before anything is stored, unless `verify` is off.
    ///
    /// # Errors
    /// `UnknownProvider`; `Invalid` for what does not do, an identity that contradicts the given one included; `Vendor` when
    /// the vendor refuses the credentials or cannot be asked.
    pub async fn link(&self, owner: &OwnerId, request: LinkRequest) -> Result<LinkedView> {
        self.link_granted(owner, request, None).await
    }

    /// Links an account by tokens that it granted to the app of this id; `None` for what a person has pasted.
    pub(super) async fn link_granted(
        &self,
        owner: &OwnerId,
        request: LinkRequest,
        client_id: Option<&str>,
    ) -> Result<LinkedView> {
        let provider = entry(&request.provider)?;
        let spec = provider.spec();
        let dropped: Vec<String> =
            request.metadata.iter().filter(|(_, v)| v.is_null()).map(|(k, _)| k.clone()).collect();
        let mut input = LinkInput::read(spec, request.secrets, request.metadata)?;
        let given = name("account_identifier", request.account_identifier)?;
        let setting = input.metadata.remove("label").and_then(|l| l.as_str().map(str::to_owned));
        let label = name("account_label", request.account_label.or(setting))?;

        let core = self.core().await?;
        let scope = spec.account_scope(&input.metadata);
        let before = match &given {
            Some(account) => {
                find(core, owner, spec, &Account::new(account, account), &scope).await?
            }
            None => None,
        };
        let new_grant = input.secrets.contains_key("access_token");
        let (secrets, mut settings) = merge(core, spec, input, before.as_ref(), &dropped)?;
        let (account, secrets, verified) = if request.verify {
            let (account, secrets) = self.ask(provider, &settings, secrets).await?;
            (check_identity(account, given.as_deref())?, secrets, true)
        } else {
            (unverified(given)?, secrets, false)
        };
        let before = if before.is_some() {
            before
        } else {
            let found = find(core, owner, spec, &account, &scope).await?;
            keep_settings(spec, found.as_ref(), &dropped, &mut settings);
            found
        };
        let client_id = client_id.or_else(|| {
            // New tokens without an app are pasted ones.
            before.as_ref().filter(|_| !new_grant)?.oauth_client_id.as_deref()
        });
        let before = before.as_ref();
        let settled =
            Settled { spec, account, before, label, scope, secrets, settings, client_id, verified };
        self.keep(core, owner, settled).await
    }

    /// Asks the vendor whose credentials these are. A token that had to be renewed for it comes back new.
    async fn ask(
        &self,
        provider: &'static dyn AnyProvider,
        settings: &Settings,
        secrets: SecretMap,
    ) -> Result<(Account, SecretMap)> {
        let spec = provider.spec();
        let transport = &self.0.transport;
        let credentials = Arc::new(GivenCredentials::new(
            transport.clone(),
            &self.0.apps,
            spec,
            settings.clone(),
            secrets,
        ));
        let client = transport.client(Connection {
            policy: policy(provider, settings),
            account: format!("link-{}", ConnectorId::generate()),
            credentials: Arc::clone(&credentials) as _,
            settings: settings.clone(),
            limit: None,
            since: None,
            meter: Arc::new(Meter::default()),
        });
        let account = provider.account(&client).await.map_err(|error| refused(error, spec))?;
        Ok((account, credentials.secrets().await))
    }

    /// Stores an account, or stores it again. Its name is what is given, else what it was, else the vendor's.
    async fn keep(&self, core: &Core, owner: &OwnerId, of: Settled<'_>) -> Result<LinkedView> {
        let Settled { spec, account, before, secrets, .. } = of;
        let known = before.map(|c| c.account_label.as_str()).filter(|label| !label.is_empty());
        let label = of.label.unwrap_or_else(|| known.unwrap_or(&account.label).to_owned());
        let names: Vec<String> = secrets.names().map(str::to_owned).collect();
        let identifier = before.map_or(&account.id, |c| &c.account_identifier);
        let new = NewConnector {
            id: ConnectorId::generate(),
            provider: spec.id,
            provider_type: spec.category.as_str(),
            account_identifier: identifier,
            account_scope: &of.scope,
            account_label: &label,
            capabilities: spec.capabilities,
            oauth_scopes: spec.oauth.as_ref().map_or(&[], |oauth| oauth.scopes),
            oauth_client_id: of.client_id,
            secret_names: &names,
            metadata: &of.settings,
        };
        let vault = &core.engine.vault;
        let seal = |id| vault.seal(&binding(owner, id, spec), &secrets);
        let (connector_id, relinked) = core.store().link(owner, &new, seal).await?;
        let webhook_url = addresses::webhook(&self.0.settings, spec.id, connector_id);
        Ok(LinkedView {
            note: addresses::webhook_note(spec, webhook_url.as_deref()),
            webhook_url,
            connector_id,
            provider: spec.id.to_owned(),
            account_identifier: identifier.clone(),
            account_label: label,
            verified: of.verified,
            relinked,
            secrets_set: names,
        })
    }
}

/// An account whose credentials are to be kept.
struct Settled<'a> {
    spec: &'static Spec,
    account: Account,
    before: Option<&'a Connector>,
    label: Option<String>,
    scope: String,
    secrets: SecretMap,
    settings: Settings,
    client_id: Option<&'a str>,
    verified: bool,
}

/// What the vendor's answer at linking means for a person who has just given these credentials.
fn refused(error: crate::error::Error, spec: &Spec) -> Error {
    use crate::error::Error as Vendor;
    match error {
        Vendor::Reconnect(why) => Error::Vendor(Vendor::Reconnect(format!(
            "{} does not take these credentials ({why}); nothing was stored. {}",
            spec.name, spec.help
        ))),
        other => Error::Vendor(other),
    }
}

/// The secrets and settings that the connector will have: what is given, over what it had.
fn merge(
    core: &Core,
    spec: &'static Spec,
    input: LinkInput,
    before: Option<&Connector>,
    dropped: &[String],
) -> Result<(SecretMap, Settings)> {
    let known = before.and_then(|c| c.secrets.as_ref().map(|envelope| (c, envelope)));
    let Some((connector, envelope)) = known else {
        input.suffices(spec)?;
        return Ok((input.secrets.into_iter().collect(), input.metadata));
    };
    let mut settings = connector.metadata.clone();
    settings.extend(input.metadata.clone());
    settings.retain(|name, _| !dropped.contains(name));
    if input.suffices(spec).is_ok() {
        return Ok((input.secrets.into_iter().collect(), settings));
    }
    if let Some(field) = spec.moved_host(&connector.metadata, &settings) {
        // What was given for one host goes to no other.
        let problem = format!("has changed: give all secrets of {} again", spec.name);
        return Err(Error::invalid(field.name, problem));
    }
    let mut secrets = core
        .engine
        .vault
        .open(&binding(&connector.owner, connector.id, spec), envelope)
        .map_err(|error| Error::Vault(error.to_string()))?;
    if input.secrets.contains_key("access_token") {
        // One grant's tokens belong together.
        for name in ["refresh_token", "expires_at"] {
            secrets.remove(name);
        }
    }
    secrets.extend(input.secrets);
    let names = secrets.names().chain(settings.keys().map(String::as_str)).map(str::to_owned);
    let names: Vec<String> = names.collect();
    spec.check_link(names.iter().map(String::as_str))?;
    Ok((secrets, settings))
}

/// What of a connector's settings stays when its account is linked again without naming it: all that is not given anew, but
/// for what the vendor's address is made of, which the account was just asked at.
fn keep_settings(
    spec: &Spec,
    before: Option<&Connector>,
    dropped: &[String],
    settings: &mut Settings,
) {
    for (name, value) in before.into_iter().flat_map(|connector| &connector.metadata) {
        let bears_host = spec.field(name).is_some_and(|field| field.bears_host);
        if !bears_host && !dropped.contains(name) {
            settings.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// The owner's connector of an account, by any of the names it is known by.
async fn find(
    core: &Core,
    owner: &OwnerId,
    spec: &Spec,
    account: &Account,
    scope: &str,
) -> Result<Option<Connector>> {
    let linked = core.store().connectors(owner, Some(spec.id), true).await?;
    let same = |c: &Connector| c.account_scope == scope;
    // The vendor's own id counts before the other names.
    let exact = linked.iter().position(|c| same(c) && c.account_identifier == account.id);
    let at =
        exact.or_else(|| linked.iter().position(|c| same(c) && account.is(&c.account_identifier)));
    Ok(at.and_then(|at| linked.into_iter().nth(at)))
}

fn check_identity(account: Account, given: Option<&str>) -> Result<Account> {
    match given {
        Some(given) if !account.is(given) => {
            let found = if account.label == account.id {
                account.id
            } else {
                format!("{} ({})", account.label, account.id)
            };
            Err(Error::OtherAccount { given: given.to_owned(), found })
        }
        _ => Ok(account),
    }
}

fn unverified(given: Option<String>) -> Result<Account> {
    let given = given.ok_or_else(|| {
        let why = "is needed where the service is not asked (verify: false)";
        Error::invalid("account_identifier", why)
    })?;
    Ok(Account::new(given.clone(), given))
}

/// An account's identifier or label as it is given: blanks around it dropped, nothing for blanks alone.
pub(super) fn name(field: &str, given: Option<String>) -> Result<Option<String>> {
    let Some(text) = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    if text.len() > NAME || text.chars().any(char::is_control) {
        let problem = format!("is longer than {NAME} bytes or holds a control character");
        return Err(Error::invalid(field, problem));
    }
    Ok(Some(text))
}
