//! What is stored of sealed secrets, and what it is bound to.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{VaultError, keyring::KID_LEN};
use crate::ids::{AttemptId, ConnectorId, OwnerId};

/// The form of envelope that is written.
const FORM: u8 = 1;

/// Bytes of a nonce.
pub(super) const NONCE_LEN: usize = 12;

/// Bytes that sealing adds.
pub(super) const TAG_LEN: usize = 16;

/// The place that secrets are sealed for; they open nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    /// A linked account's row.
    Connector {
        /// Whose it is.
        owner: &'a OwnerId,
        /// Which one.
        connector: ConnectorId,
        /// The provider's id: `google-drive`.
        provider: &'a str,
        /// What the secrets are for.
        purpose: Purpose,
    },
    /// The row of an attempt to link an account.
    Attempt {
        /// Who makes it.
        owner: &'a OwnerId,
        /// Which one.
        attempt: &'a AttemptId,
        /// What the secrets are for.
        purpose: Purpose,
    },
}

/// What sealed secrets are for: two envelopes of one row cannot be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Calls to the vendor: tokens, keys, passwords.
    Credentials,
    /// What an attempt to link is finished with: the proof that whoever finishes it is who started it (RFC 7636), and the
    /// app's credentials, so that a process without them can finish it too.
    CodeVerifier,
}

impl Purpose {
    /// The word that goes into the seal. Changing one makes all that is sealed for it unreadable.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::CodeVerifier => "code_verifier",
        }
    }
}

impl Binding<'_> {
    /// All of it as bytes, each part after its length, so that no two places have the same.
    pub(super) fn associated_data(&self) -> Vec<u8> {
        match self {
            Self::Connector { owner, connector, provider, purpose } => delimited(&[
                b"connector",
                owner.as_str().as_bytes(),
                connector.0.as_bytes(),
                provider.as_bytes(),
                purpose.as_str().as_bytes(),
            ]),
            Self::Attempt { owner, attempt, purpose } => delimited(&[
                b"attempt",
                owner.as_str().as_bytes(),
                attempt.as_str().as_bytes(),
                purpose.as_str().as_bytes(),
            ]),
        }
    }
}

fn delimited(parts: &[&[u8]]) -> Vec<u8> {
    let mut all = vec![FORM];
    for part in parts {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    }
    all
}

/// Sealed secrets, as they are stored: the JSON object `{v, kid, nonce, ct}`, bytes in unpadded URL-safe base64.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Envelope {
    kid: String,
    nonce: [u8; NONCE_LEN],
    ct: Vec<u8>,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u8,
    kid: String,
    nonce: String,
    ct: String,
}

impl Envelope {
    pub(super) fn new(kid: String, nonce: [u8; NONCE_LEN], ct: Vec<u8>) -> Self {
        Self { kid, nonce, ct }
    }

    /// The id of the key that sealed it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn nonce(&self) -> [u8; NONCE_LEN] {
        self.nonce
    }

    pub(super) fn ciphertext(&self) -> &[u8] {
        &self.ct
    }
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = Stored {
            v: FORM,
            kid: self.kid.clone(),
            nonce: URL_SAFE_NO_PAD.encode(self.nonce),
            ct: URL_SAFE_NO_PAD.encode(&self.ct),
        };
        stored.serialize(serializer)
    }
}

/// Reads the stored form. By way of a [`Value`], since serde's own errors would repeat what they find: a plain secret,
/// perhaps, that never was sealed.
impl TryFrom<Value> for Envelope {
    type Error = VaultError;

    fn try_from(stored: Value) -> Result<Self, VaultError> {
        if let Some(v) = stored.get("v").and_then(Value::as_u64)
            && v > u64::from(FORM)
        {
            return Err(VaultError::Newer { v });
        }
        let stored: Stored = serde_json::from_value(stored)
            .map_err(|_| VaultError::Malformed("not an object of v, kid, nonce and ct"))?;
        if stored.v != FORM {
            return Err(VaultError::Malformed("v is not 1"));
        }
        if stored.kid.len() != KID_LEN || URL_SAFE_NO_PAD.decode(&stored.kid).is_err() {
            return Err(VaultError::Malformed("kid is not the id of a key"));
        }
        let nonce = URL_SAFE_NO_PAD.decode(&stored.nonce).ok().and_then(|n| n.try_into().ok());
        let ct = URL_SAFE_NO_PAD.decode(&stored.ct).ok().filter(|ct| ct.len() >= TAG_LEN);
        Ok(Self {
            kid: stored.kid,
            nonce: nonce.ok_or(VaultError::Malformed("nonce is not 12 bytes in base64"))?,
            ct: ct.ok_or(VaultError::Malformed("ct is not sealed bytes in base64"))?,
        })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ct = format_args!("{} bytes", self.ct.len());
        f.debug_struct("Envelope").field("kid", &self.kid).field("ct", &ct).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn stored() -> Value {
        json!({"v": 1, "kid": "AAAAAAAAAAAA", "nonce": "AAAAAAAAAAAAAAAA", "ct": "A".repeat(40)})
    }

    fn with(field: &str, value: Value) -> Result<Envelope, VaultError> {
        let mut changed = stored();
        changed[field] = value;
        Envelope::try_from(changed)
    }

    #[test]
    fn the_stored_form_is_read_back_as_it_was_written() {
        let envelope = Envelope::try_from(stored()).unwrap();
        assert_eq!(serde_json::to_value(&envelope).unwrap(), stored());
    }

    #[test]
    fn what_is_no_envelope_is_refused_for_what_is_wrong_with_it() {
        for (field, value) in [
            ("v", json!(0)),
            ("v", json!("1")),
            ("kid", json!("short")),
            ("kid", json!("AAAA AAAA\nAA")),
            ("nonce", json!("AAAA")),
            ("nonce", json!("AAAAAAAAAAAAAAA=")),
            ("ct", json!("AAAA")),
            ("ct", json!(null)),
            ("extra", json!(1)),
        ] {
            let refused = with(field, value.clone());
            assert!(matches!(refused, Err(VaultError::Malformed(_))), "{field}: {value}");
        }
        for whole in [json!(null), json!([]), json!("text"), json!({})] {
            assert!(matches!(Envelope::try_from(whole), Err(VaultError::Malformed(_))));
        }
    }

    #[test]
    fn an_envelope_of_a_later_form_asks_for_the_later_version() {
        assert_eq!(with("v", json!(2)), Err(VaultError::Newer { v: 2 }));
    }

    #[test]
    fn parts_that_only_read_alike_when_joined_are_bound_apart() {
        let (ab, a) = (OwnerId::new("ab").unwrap(), OwnerId::new("a").unwrap());
        // Without their lengths, both would be `a`, seventeen times `b`, and `c`.
        let connector = ConnectorId(Uuid::from_bytes([b'b'; 16]));
        let purpose = Purpose::Credentials;
        let of = |owner, provider| {
            Binding::Connector { owner, connector, provider, purpose }.associated_data()
        };
        assert_ne!(of(&ab, "c"), of(&a, "bc"));
        let id = AttemptId::generate();
        let attempt = Binding::Attempt { owner: &a, attempt: &id, purpose };
        assert_ne!(of(&a, ""), attempt.associated_data());
    }
}
