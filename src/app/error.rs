//! What a use case answers when it cannot do what was asked: one sentence with the remedy, for a person or a model.

use crate::error::{Error as VendorError, Remedy};

/// Shorthand for results of use cases.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No provider of that id.
    #[error("there is no provider {given:?}{}", nearest_of(.nearest))]
    UnknownProvider {
        /// What was asked for.
        given: String,
        /// The ids that look most like it.
        nearest: Vec<String>,
    },
    /// No such connector of this owner; another owner's is answered the same.
    #[error("there is no connector {0}; list_connectors shows yours")]
    UnknownConnector(String),
    /// No such run of this owner.
    #[error("there is no run {0}; list_sync_runs shows yours")]
    UnknownRun(String),
    /// No such record of this owner.
    #[error("there is no record {0}; search_records finds yours")]
    UnknownRecord(String),
    /// Nothing is linked at that provider.
    #[error("no account is linked at {0}; link one with start_oauth")]
    NothingLinked(String),
    /// Several accounts and none named.
    #[error("{} accounts are linked at {provider}, name one by its connector_id: {}", .accounts.len(), .accounts.join(", "))]
    Ambiguous {
        /// The provider.
        provider: String,
        /// Each as `label (connector_id)`.
        accounts: Vec<String>,
    },
    /// The connector is paused.
    #[error("the connector {0} is paused; resume it first (neotoma connectors resume {0})")]
    Paused(String),
    /// The connector was deleted.
    #[error("the connector {0} was deleted; link the account again with start_oauth to go on")]
    Deleted(String),
    /// The connector needs its person.
    #[error("the connector {connector} needs to be linked again: {why}; use start_oauth")]
    NeedsReauth {
        /// The connector.
        connector: String,
        /// What the vendor said, in our words.
        why: String,
    },
    /// A run is going on that asked for less than this one.
    #[error(
        "a sync of this connector is running (run {run}) and asked for less: wait for it, then ask again"
    )]
    Busy {
        /// The run.
        run: String,
    },
    /// An argument that does not do.
    #[error("{field}: {problem}")]
    Invalid {
        /// The argument's name.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The credentials are another account's than the one that was meant.
    #[error(
        "account_identifier: is {given:?}, and these credentials belong to {found}: give the credentials of {given}, or \
         leave account_identifier out"
    )]
    OtherAccount {
        /// The account that was meant.
        given: String,
        /// The one that the vendor names.
        found: String,
    },
    /// Accounts of this provider are linked in a browser, and no app of the operator's is configured.
    #[error(
        "{variables}: not set, and without an app {provider} lets nobody sign in; register one there with the redirect \
         address {redirect_uri}, or call start_oauth with paste: true for a page that takes a token"
    )]
    NoApp {
        /// The provider's shown name.
        provider: String,
        /// The variables that are missing.
        variables: String,
        /// What is registered with the app.
        redirect_uri: String,
    },
    /// No such attempt of this owner.
    #[error("there is no attempt {0}; start_oauth begins one")]
    UnknownAttempt(String),
    /// An attempt to link an account did not.
    #[error(
        "{problem}; nothing was linked; call start_oauth with provider={provider} to try again"
    )]
    NotLinked {
        /// The provider.
        provider: String,
        /// What went wrong.
        problem: String,
    },
    /// Nobody could serve the pages of an attempt.
    #[error("{0}")]
    NoLanding(String),
    /// The vendor's side.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// The secrets cannot be sealed or opened.
    #[error("{0}")]
    Vault(String),
    /// The database cannot be reached or refuses.
    #[error("the database is not available: {0}")]
    Database(String),
    /// The disk of the database is full.
    #[error(
        "the database's disk is full: free some space, then sync again; what was stored is kept"
    )]
    DiskFull,
}

impl Error {
    /// An argument that does not do.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// A stable word for programs.
    pub fn class(&self) -> &'static str {
        match self {
            Self::UnknownProvider { .. } => "unknown_provider",
            Self::UnknownConnector(_) => "unknown_connector",
            Self::UnknownRun(_) => "unknown_run",
            Self::UnknownRecord(_) => "unknown_record",
            Self::NothingLinked(_) => "nothing_linked",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Paused(_) => "paused",
            Self::Deleted(_) => "deleted",
            Self::NeedsReauth { .. } => "needs_reauth",
            Self::Busy { .. } => "busy",
            Self::Invalid { .. } => "invalid",
            Self::OtherAccount { .. } => "other_account",
            Self::NoApp { .. } => "no_app",
            Self::UnknownAttempt(_) => "unknown_attempt",
            Self::NotLinked { .. } => "not_linked",
            Self::NoLanding(_) => "no_landing",
            Self::Vendor(error) => error.class(),
            Self::Vault(_) => "vault",
            Self::Database(_) => "database",
            Self::DiskFull => "disk_full",
        }
    }

    /// Whether a person must reconnect the account.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::NeedsReauth { .. } => true,
            Self::Vendor(error) => {
                matches!(error, VendorError::Reconnect(_)) && error.remedy() == Remedy::AskPerson
            }
            _ => false,
        }
    }

    /// Whether what was asked was wrong, rather than what was done.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::UnknownProvider { .. }
                | Self::UnknownConnector(_)
                | Self::UnknownRun(_)
                | Self::UnknownRecord(_)
                | Self::NothingLinked(_)
                | Self::Ambiguous { .. }
                | Self::Invalid { .. }
                | Self::OtherAccount { .. }
                | Self::NoApp { .. }
                | Self::UnknownAttempt(_)
                // What was given to link an account, or a setting of the operator's.
                | Self::Vendor(VendorError::Invalid { .. })
        )
    }
}

fn nearest_of(ids: &[String]) -> String {
    match ids {
        [] => "; list_providers shows all".to_owned(),
        ids => format!("; did you mean {}?", ids.join(" or ")),
    }
}
