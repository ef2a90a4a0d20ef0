//! Derives what seals, names and signs from the text of a key.

use aes_gcm::{Aes256Gcm, KeyInit};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::{Hkdf, hmac::Hmac};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::VaultError;

/// The environment's variable that holds the key.
pub const KEY_VARIABLE: &str = "CONNECTOR_SECRET_KEY";

/// The environment's variable that holds the keys that were in use before; see [`previous_keys`].
pub const PREVIOUS_KEY_VARIABLE: &str = "CONNECTOR_SECRET_KEY_PREVIOUS";

/// A key has at least as many characters.
pub const MIN_KEY_CHARACTERS: usize = 32;

/// Changing it makes all that is sealed unreadable.
const SALT: &[u8] = b"neotoma-importers vault 1";

/// Characters of a key's id: 9 bytes in base64.
pub(super) const KID_LEN: usize = 12;

/// What to do about a variable that holds no proper key.
pub(super) fn remedy(variable: &str) -> &'static str {
    if variable == PREVIOUS_KEY_VARIABLE {
        "set it to the key that was in use before, or unset it (`neotoma keys generate` makes new keys)"
    } else {
        "set it to what `neotoma keys generate` prints"
    }
}

/// The keys in the value of `CONNECTOR_SECRET_KEY_PREVIOUS`: one, or several with commas or white space between. A key
/// may itself contain these: the whole value is always one of the keys, and each part that is long enough is another.
/// An additional key costs nothing, since an envelope names the one that sealed it.
pub fn previous_keys(value: &SecretString) -> Vec<SecretString> {
    let whole = value.expose_secret().trim();
    let parts = whole.split(|c: char| c == ',' || c.is_whitespace());
    let long_enough =
        parts.filter(|part| *part != whole && part.chars().count() >= MIN_KEY_CHARACTERS);
    let all = std::iter::once(whole).chain(long_enough);
    all.filter(|key| !key.is_empty()).map(SecretString::from).collect()
}

/// The key that seals and those that only open.
pub(super) struct Keyring {
    current: Key,
    previous: Vec<Key>,
}

impl Keyring {
    pub(super) fn new(
        current: &SecretString,
        previous: &[SecretString],
    ) -> Result<Self, VaultError> {
        let current = Key::derive(current, KEY_VARIABLE)?;
        let mut others: Vec<Key> = Vec::new();
        for key in previous {
            let key = Key::derive(key, PREVIOUS_KEY_VARIABLE)?;
            if key.kid != current.kid && others.iter().all(|other| other.kid != key.kid) {
                others.push(key);
            }
        }
        Ok(Self { current, previous: others })
    }

    pub(super) fn current(&self) -> &Key {
        &self.current
    }

    pub(super) fn previous(&self) -> impl Iterator<Item = &Key> {
        self.previous.iter()
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.kid == kid)
    }
}

/// What is derived from one key.
pub(super) struct Key {
    kid: String,
    cipher: Aes256Gcm,
    mac_root: Zeroizing<[u8; 32]>,
}

impl Key {
    fn derive(key: &SecretString, variable: &'static str) -> Result<Self, VaultError> {
        let key = key.expose_secret().trim();
        let characters = key.chars().count();
        if characters < MIN_KEY_CHARACTERS {
            return Err(VaultError::WeakKey { variable, characters });
        }
        let hkdf = Hkdf::new(Some(SALT), key.as_bytes());
        let kid: Zeroizing<[u8; KID_LEN / 4 * 3]> = expand(&hkdf, b"kid");
        Ok(Self {
            kid: URL_SAFE_NO_PAD.encode(*kid),
            cipher: Aes256Gcm::new((&*expand::<32>(&hkdf, b"seal")).into()),
            mac_root: expand(&hkdf, b"mac"),
        })
    }

    /// Tells keys apart, and says nothing of them.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn cipher(&self) -> &Aes256Gcm {
        &self.cipher
    }

    /// A signer of that purpose's own.
    pub(super) fn mac(&self, purpose: &str) -> Hmac<Sha256> {
        let hkdf = Hkdf::new(None, &*self.mac_root);
        // As long as the hash's block: the length for which the signer takes the key as it is.
        Hmac::new((&*expand::<64>(&hkdf, purpose.as_bytes())).into())
    }
}

/// HKDF-Expand (RFC 5869, section 2.3): a key of its own for each label.
fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, label: &[u8]) -> Zeroizing<[u8; N]> {
    let mut key = Zeroizing::new([0; N]);
    #[expect(clippy::expect_used, reason = "HKDF gives up to 255 times 32 bytes; we ask for 64")]
    hkdf.expand(label, &mut *key).expect("the length is within what HKDF gives");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "first-key-first-key-first-key-00";
    const B: &str = "other-key-other-key-other-key-00";

    fn parsed(value: &str) -> Vec<String> {
        let keys = previous_keys(&value.into());
        keys.iter().map(|key| key.expose_secret().to_owned()).collect()
    }

    #[test]
    fn several_previous_keys_are_told_apart_by_commas_or_white_space() {
        for between in [",", " ", "\n", ", ", " ,\r\n"] {
            let list = format!(" {A}{between}{B}\n");
            assert_eq!(parsed(&list)[1..], [A, B], "{between:?}");
        }
        assert_eq!(parsed(&format!("{A}\n")), [A]);
    }

    #[test]
    fn a_previous_key_with_spaces_and_commas_is_still_one_key() {
        let phrase = "correct horse, battery staple and more";
        assert_eq!(parsed(phrase), [phrase]);
    }

    #[test]
    fn an_empty_variable_holds_no_previous_key() {
        assert_eq!(parsed(""), Vec::<String>::new());
        assert_eq!(parsed(" \n"), Vec::<String>::new());
    }

    #[test]
    fn the_current_key_given_as_previous_too_is_kept_once() {
        let keys = Keyring::new(&A.into(), &[A.into(), B.into(), B.into()]).unwrap();
        assert_eq!(keys.previous().count(), 1);
    }
}
