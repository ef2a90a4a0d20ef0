//! What can go wrong at a vendor, named after what is to be done next.
//!
//! No layer above compares statuses or texts: it asks [`Error::remedy`]. Texts inside are ours or taken from the
//! vendor's short error words; they never hold a secret and never a whole answer.

use std::time::Duration;

/// Shorthand for results of everything that talks to a vendor.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a vendor's side, by what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The vendor or the network failed, and the retries are used up.
    #[error("the service could not be reached: {0}")]
    Unavailable(String),
    /// The vendor asks for a pause that is longer than a run may wait.
    #[error("the service asks to wait {} s", .0.as_secs())]
    RateLimited(Duration),
    /// The grant is gone: revoked, expired without a way to renew it, or refused.
    #[error("{0}")]
    Reconnect(String),
    /// A scope, a plan or a membership is missing.
    #[error("not permitted: {0}")]
    Forbidden(String),
    /// The thing asked for is not there.
    #[error("not found")]
    NotFound,
    /// The vendor no longer knows the place to go on from: the feed is listed afresh.
    #[error("the vendor no longer knows where the feed stood")]
    CursorExpired,
    /// The answer is not what the vendor promises. `at` is a path in the answer or the address; never its text.
    #[error("unexpected answer at {at}: {cause}")]
    Unexpected {
        /// Where: a path in the answer, or the request's path.
        at: String,
        /// What is wrong with it.
        cause: String,
    },
    /// What the caller gave, or a setting of the connector, does not do.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field's name.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a caller does about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Try again after this long.
    TryLater(Duration),
    /// A person must act: link again, or correct what was given.
    AskPerson,
    /// Leave this feed out of this run.
    SkipFeed,
    /// List the feed from its start.
    Relist,
    /// A defect, ours or the vendor's: tell whoever maintains this.
    Report,
}

impl Error {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable(_) => Remedy::TryLater(Duration::from_mins(5)),
            Self::RateLimited(pause) => Remedy::TryLater(*pause),
            Self::Reconnect(_) | Self::Invalid { .. } => Remedy::AskPerson,
            Self::Forbidden(_) | Self::NotFound => Remedy::SkipFeed,
            Self::CursorExpired => Remedy::Relist,
            Self::Unexpected { .. } => Remedy::Report,
        }
    }

    /// A stable word for the run's history and for programs.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::RateLimited(_) => "rate_limited",
            Self::Reconnect(_) => "reconnect",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::CursorExpired => "cursor_expired",
            Self::Unexpected { .. } => "unexpected",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// An answer that lacks what the vendor promises at `at`.
    pub fn unexpected(at: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::Unexpected { at: at.into(), cause: cause.into() }
    }

    /// A field of the caller's that does not do.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }
}
