//! Newtypes of the ids that travel through every room, so that no two can be exchanged by mistake.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whose data it is. Every row and every query names one; the default of the command line is `local`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct OwnerId(String);

/// Why a text is no owner's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an owner is 1 to 128 letters, digits or any of . _ - @ : +")]
pub struct NotAnOwner;

impl OwnerId {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Checks a name.
    ///
    /// # Errors
    /// [`NotAnOwner`] when it is empty, too long, or has a character outside the allowed ones.
    pub fn new(name: impl Into<String>) -> Result<Self, NotAnOwner> {
        let name = name.into();
        let allowed = |c: char| c.is_alphanumeric() || "._-@:+".contains(c);
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.chars().all(allowed) {
            return Err(NotAnOwner);
        }
        Ok(Self(name))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OwnerId {
    type Error = NotAnOwner;
    fn try_from(name: String) -> Result<Self, NotAnOwner> {
        Self::new(name)
    }
}

impl FromStr for OwnerId {
    type Err = NotAnOwner;
    fn from_str(name: &str) -> Result<Self, NotAnOwner> {
        Self::new(name)
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id; ids made later sort after earlier ones (UUID version 7).
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.trim().parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A linked account.
    ConnectorId
);
uuid_id!(
    /// One run of a sync.
    RunId
);
uuid_id!(
    /// A stored record.
    RecordId
);
uuid_id!(
    /// What a vendor delivered to a connector's webhook address.
    DeliveryId
);
uuid_id!(
    /// A token that clients call the server with over HTTP.
    TokenId
);

/// An attempt to link an account. Whoever knows it can open its page, so that it is as long as a secret: 192 random bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct AttemptId(String);

/// Why a text is no attempt's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an attempt's id is {} letters, digits or any of - _", AttemptId::LEN)]
pub struct NotAnAttempt;

impl AttemptId {
    /// Characters of an id.
    pub const LEN: usize = 32;

    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>()))
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AttemptId {
    type Error = NotAnAttempt;
    fn try_from(text: String) -> Result<Self, NotAnAttempt> {
        text.parse()
    }
}

impl FromStr for AttemptId {
    type Err = NotAnAttempt;
    fn from_str(text: &str) -> Result<Self, NotAnAttempt> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if text.len() != Self::LEN || !text.bytes().all(allowed) {
            return Err(NotAnAttempt);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_name_that_could_break_out_of_a_message_is_refused() {
        assert!(OwnerId::new("zoë@example.com").is_ok());
        for bad in ["", "a b", "a\nb", "a'b", &"x".repeat(129)] {
            assert_eq!(OwnerId::new(bad), Err(NotAnOwner), "{bad:?}");
        }
    }

    #[test]
    fn an_attempts_id_is_new_each_time_and_nothing_else_is_taken_for_one() {
        let (one, other) = (AttemptId::generate(), AttemptId::generate());
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse(), Ok(one.clone()));
        for bad in ["", "../../etc/passwd", &"a".repeat(31), &"a".repeat(33), &"ä".repeat(16)] {
            assert_eq!(bad.parse::<AttemptId>(), Err(NotAnAttempt), "{bad:?}");
        }
    }
}
