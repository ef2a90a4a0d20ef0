//! Keeps secrets sealed at rest, and signs what a caller is to hand back unchanged.
//!
//! What is stored is an [`Envelope`]: AES-256-GCM with a fresh random nonce, under a key derived from
//! `CONNECTOR_SECRET_KEY`. It opens only in the row it was sealed for, which the [`Binding`] names. Nonces are random, so
//! one key is good for 2³² envelopes (NIST SP 800-38D, section 8.3); a rotated key starts anew.

mod envelope;
pub mod key_file;
mod keyring;
mod secret_map;

use std::{fmt, sync::Arc};

use aes_gcm::{AeadInOut as _, aead::Generate as _};
use hkdf::hmac::Mac as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

pub use envelope::{Binding, Envelope, Purpose};
pub use keyring::{KEY_VARIABLE, MIN_KEY_CHARACTERS, PREVIOUS_KEY_VARIABLE, previous_keys};
pub use secret_map::SecretMap;

use envelope::{NONCE_LEN, TAG_LEN};
use keyring::Keyring;

/// Why secrets cannot be sealed or opened. Says what to do, and never what the secrets or keys are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// A key is too short to be one.
    #[error(
        "{variable} has {characters} characters, and a key has {MIN_KEY_CHARACTERS} or more: {}",
        keyring::remedy(variable)
    )]
    WeakKey {
        /// The environment's variable that holds it.
        variable: &'static str,
        /// How many characters it has.
        characters: usize,
    },
    /// None of the keys at hand sealed it.
    #[error(
        "the secrets were sealed with another key ({kid}): set {PREVIOUS_KEY_VARIABLE} to that key, or link the account again"
    )]
    UnknownKey {
        /// The id of the key that did.
        kid: String,
    },
    /// The key is right, but the content was changed or belongs to another row.
    #[error(
        "the sealed secrets were changed, or moved here from another account: link the account again"
    )]
    Damaged,
    /// What is stored is no envelope. The text says what of it is wrong, and repeats nothing of it.
    #[error("the stored secrets are not readable ({0}): link the account again")]
    Malformed(&'static str),
    /// The envelope has a form that this version does not know.
    #[error(
        "the secrets were sealed by a newer version of neotoma (form {v}): run that version, or link the account again"
    )]
    Newer {
        /// The form's number.
        v: u64,
    },
}

/// Seals and opens secrets with the keys it was given. Cheap to clone; its `Debug` shows the ids of the keys alone.
#[derive(Clone)]
pub struct Vault(Arc<Keyring>);

impl Vault {
    /// A vault that seals with `current` and opens what `current` or any of `previous` sealed. White space around a key
    /// does not count, so that a line break read along with it makes no other key.
    ///
    /// # Errors
    /// [`VaultError::WeakKey`] when one of them has fewer than [`MIN_KEY_CHARACTERS`] characters.
    pub fn new(current: &SecretString, previous: &[SecretString]) -> Result<Self, VaultError> {
        Keyring::new(current, previous).map(|keys| Self(Arc::new(keys)))
    }

    /// The id of the key that seals.
    pub fn kid(&self) -> &str {
        self.0.current().kid()
    }

    /// Seals `secrets` for the place that `binding` names.
    ///
    /// # Panics
    /// When the operating system has no random bytes to give: there is no safe way to go on without.
    pub fn seal(&self, binding: &Binding<'_>, secrets: &SecretMap) -> Envelope {
        let nonce = <[u8; NONCE_LEN]>::generate();
        let key = self.0.current();
        let mut buffer = secrets.encode(TAG_LEN);
        #[expect(clippy::expect_used, reason = "fails from 64 GiB on alone, which no map reaches")]
        key.cipher()
            .encrypt_in_place(&nonce.into(), &binding.associated_data(), &mut *buffer)
            .expect("secrets fit a message");
        Envelope::new(key.kid().to_owned(), nonce, std::mem::take(&mut *buffer))
    }

    /// Opens an envelope that was sealed for the place that `binding` names.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when none of the keys sealed it, [`VaultError::Damaged`] when it was changed or sealed
    /// for another place.
    pub fn open(
        &self,
        binding: &Binding<'_>,
        envelope: &Envelope,
    ) -> Result<SecretMap, VaultError> {
        let kid = envelope.kid();
        let key = self.0.find(kid).ok_or_else(|| VaultError::UnknownKey { kid: kid.to_owned() })?;
        let mut buffer = Zeroizing::new(envelope.ciphertext().to_vec());
        key.cipher()
            .decrypt_in_place(&envelope.nonce().into(), &binding.associated_data(), &mut *buffer)
            .map_err(|_| VaultError::Damaged)?;
        SecretMap::decode(&buffer).ok_or(VaultError::Damaged)
    }

    /// Whether the envelope should be opened and sealed again: its key is not the current one.
    pub fn needs_reseal(&self, envelope: &Envelope) -> bool {
        envelope.kid() != self.kid()
    }

    /// Signs `data` (HMAC-SHA256) with a key of the purpose's own, so that a signature made for one purpose is worth
    /// nothing for another. Where `data` has several parts, the caller delimits them unambiguously.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.0.current().mac(purpose).chain_update(data).finalize().into_bytes().into()
    }

    /// Whether `tag` is the signature of `data` for `purpose`; takes the same time whatever `tag` is. Signatures are
    /// short-lived: those of a previous key, which may have been given up because it leaked, do not count.
    #[must_use]
    pub fn verify_mac(&self, purpose: &str, data: &[u8], tag: &[u8]) -> bool {
        self.0.current().mac(purpose).chain_update(data).verify_slice(tag).is_ok()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let previous: Vec<_> = self.0.previous().map(keyring::Key::kid).collect();
        f.debug_struct("Vault").field("kid", &self.kid()).field("previous", &previous).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        fmt::{Debug, Display},
        marker::PhantomData,
    };

    use proptest::{collection::btree_map, prelude::*};
    use secrecy::ExposeSecret as _;
    use serde::Serialize;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::ids::{AttemptId, ConnectorId, OwnerId};

    const KEY: &str = "contract-contract-contract-contract-00";
    const OLD: &str = "an older key of more than 32 characters";

    fn vault(current: &str, previous: &[&str]) -> Vault {
        let previous: Vec<_> = previous.iter().copied().map(SecretString::from).collect();
        Vault::new(&current.into(), &previous).unwrap()
    }

    fn plain(secrets: &SecretMap) -> Vec<(String, String)> {
        secrets.iter().map(|(n, s)| (n.to_owned(), s.expose_secret().to_owned())).collect()
    }

    fn token(secret: &str) -> SecretMap {
        [("access_token", secret)].into_iter().collect()
    }

    /// What a binding borrows from.
    #[derive(Clone, Debug, PartialEq)]
    struct Place {
        attempt: bool,
        owner: OwnerId,
        id: AttemptId,
        provider: String,
        purpose: Purpose,
    }

    /// An id that serves as a connector's and as an attempt's.
    fn id(number: u128) -> AttemptId {
        Uuid::from_u128(number).simple().to_string().parse().unwrap()
    }

    impl Place {
        fn new() -> Self {
            Self {
                attempt: false,
                owner: OwnerId::new("local").unwrap(),
                id: id(7),
                provider: "gmail".into(),
                purpose: Purpose::Credentials,
            }
        }

        fn binding(&self) -> Binding<'_> {
            let Self { owner, provider, purpose, .. } = self;
            if self.attempt {
                Binding::Attempt { owner, attempt: &self.id, purpose: *purpose }
            } else {
                let connector = ConnectorId(self.id.as_str().parse().unwrap());
                Binding::Connector { owner, connector, provider, purpose: *purpose }
            }
        }
    }

    fn places() -> impl Strategy<Value = Place> {
        let purpose = prop_oneof![Just(Purpose::Credentials), Just(Purpose::CodeVerifier)];
        // Few values, so that places that differ in one part alone are usual.
        (any::<bool>(), "[ab]{1,3}", 0..3_u128, "[ab]{0,3}", purpose).prop_map(
            |(attempt, owner, id, provider, purpose)| Place {
                attempt,
                owner: OwnerId::new(owner).unwrap(),
                id: self::id(id),
                // An attempt has no provider to differ in.
                provider: if attempt { String::new() } else { provider },
                purpose,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_as_it_was(
            secrets in btree_map("\\PC{0,12}", any::<String>(), 0..6),
            place in places(),
        ) {
            let vault = vault(KEY, &[]);
            let sealed = vault.seal(&place.binding(), &secrets.clone().into_iter().collect());
            let stored = serde_json::to_string(&sealed).unwrap();
            let read: Envelope = serde_json::from_str(&stored).unwrap();
            let opened = vault.open(&place.binding(), &read).unwrap();
            prop_assert_eq!(plain(&opened), secrets.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn an_envelope_opens_at_no_other_place(here in places(), there in places()) {
            let vault = vault(KEY, &[]);
            let sealed = vault.seal(&here.binding(), &token("t"));
            let opened = vault.open(&there.binding(), &sealed);
            if here == there {
                prop_assert!(opened.is_ok());
            } else {
                prop_assert_eq!(opened.unwrap_err(), VaultError::Damaged);
            }
        }

        #[test]
        fn a_signature_is_worth_nothing_for_anything_else(
            purpose in "[ab]{0,3}", data in "[ab]{0,3}",
            other_purpose in "[ab]{0,3}", other_data in "[ab]{0,3}",
        ) {
            let vault = vault(KEY, &[]);
            let tag = vault.mac(&purpose, data.as_bytes());
            let verified = vault.verify_mac(&other_purpose, other_data.as_bytes(), &tag);
            prop_assert_eq!(verified, (purpose, data) == (other_purpose, other_data));
        }
    }

    #[test]
    fn each_part_of_the_place_binds_by_itself() {
        let vault = vault(KEY, &[]);
        let here = Place::new();
        let sealed = vault.seal(&here.binding(), &token("t"));
        let others = [
            Place { attempt: true, ..here.clone() },
            Place { owner: OwnerId::new("other").unwrap(), ..here.clone() },
            Place { id: id(8), ..here.clone() },
            Place { provider: "outlook".into(), ..here.clone() },
            Place { purpose: Purpose::CodeVerifier, ..here.clone() },
        ];
        for there in others {
            let opened = vault.open(&there.binding(), &sealed);
            assert_eq!(opened.unwrap_err(), VaultError::Damaged, "{there:?}");
        }
        assert!(vault.open(&here.binding(), &sealed).is_ok());
    }

    #[test]
    fn no_bit_of_a_stored_envelope_can_be_changed() {
        let vault = vault(KEY, &[OLD]);
        let place = Place::new();
        let stored = serde_json::to_vec(&vault.seal(&place.binding(), &token("t"))).unwrap();
        for bit in 0..stored.len() * 8 {
            let mut changed = stored.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(envelope) = serde_json::from_slice::<Envelope>(&changed) else { continue };
            assert!(vault.open(&place.binding(), &envelope).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn no_bit_of_nonce_or_sealed_bytes_can_be_changed() {
        let vault = vault(KEY, &[]);
        let place = Place::new();
        let sealed = vault.seal(&place.binding(), &token("t"));
        let (nonce, ct) = (sealed.nonce(), sealed.ciphertext());
        for bit in 0..(NONCE_LEN + ct.len()) * 8 {
            let mut all = [&nonce[..], ct].concat();
            all[bit / 8] ^= 1 << (bit % 8);
            let (nonce, ct) = all.split_first_chunk().unwrap();
            let changed = Envelope::new(sealed.kid().to_owned(), *nonce, ct.to_vec());
            let opened = vault.open(&place.binding(), &changed);
            assert_eq!(opened.unwrap_err(), VaultError::Damaged, "bit {bit}");
        }
    }

    #[test]
    fn no_two_seals_share_a_nonce() {
        let vault = vault(KEY, &[]);
        let place = Place::new();
        let seal = |_| vault.seal(&place.binding(), &token("the same")).nonce();
        assert_eq!((0..2_000).map(seal).collect::<HashSet<_>>().len(), 2_000);
    }

    /// Made with other implementations of HKDF, AES-GCM and HMAC: Python's hmac and cryptography.
    #[test]
    fn what_earlier_versions_sealed_and_signed_still_holds() {
        let vault = vault(KEY, &[]);
        let sealed = json!({
            "v": 1,
            "kid": "bDPdotWE6Ky2",
            "nonce": "AAECAwQFBgcICQoL",
            "ct": "qyQo-1xNpA2EggYDrJgvraz_a8_TFCHwvCkH-bb3WnVekTWqOHhcma4RKGYVGMKyN72lg5qwz77WLuXK_PBZg9yPvrBu2lp\
                   Xeb-cv3YQ-_C36Kd7q1DHdPw",
        });
        let sealed = Envelope::try_from(sealed).unwrap();
        assert!(!vault.needs_reseal(&sealed));
        let opened = vault.open(&Place::new().binding(), &sealed).unwrap();
        let expected = [("access_token", "ya29.example"), ("refresh_token", "zoë")];
        assert_eq!(plain(&opened), expected.map(|(n, s)| (n.to_owned(), s.to_owned())));

        let tag = 0x31ec_bf97_07ac_454a_56e1_ff11_b33f_99f5_u128.to_be_bytes();
        assert_eq!(vault.mac("confirm", b"data")[..16], tag);
    }

    #[test]
    fn a_previous_key_still_opens_and_asks_for_a_new_seal() {
        let place = Place::new();
        let sealed = vault(OLD, &[]).seal(&place.binding(), &token("t"));
        let rotated = vault(KEY, &[OLD]);
        assert!(rotated.needs_reseal(&sealed));
        let opened = rotated.open(&place.binding(), &sealed).unwrap();
        let resealed = rotated.seal(&place.binding(), &opened);
        assert!(!rotated.needs_reseal(&resealed));
        let alone = vault(KEY, &[]);
        assert_eq!(plain(&alone.open(&place.binding(), &resealed).unwrap()), plain(&token("t")));
    }

    #[test]
    fn an_unknown_key_is_named_with_what_to_do() {
        let place = Place::new();
        let other = vault(OLD, &[]);
        let refused = vault(KEY, &[])
            .open(&place.binding(), &other.seal(&place.binding(), &token("t")))
            .unwrap_err();
        assert_eq!(refused, VaultError::UnknownKey { kid: other.kid().to_owned() });
        let text = refused.to_string();
        assert!(text.contains(other.kid()) && text.contains(PREVIOUS_KEY_VARIABLE), "{text}");
    }

    #[test]
    fn a_short_key_is_refused_with_its_variable_and_what_to_do() {
        let short = "ä".repeat(31);
        let refused = Vault::new(&short.as_str().into(), &[]).unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with("CONNECTOR_SECRET_KEY has 31 characters"), "{text}");
        assert!(text.contains("`neotoma keys generate`"), "{text}");
        let refused = Vault::new(&KEY.into(), &["".into()]).unwrap_err().to_string();
        assert!(refused.starts_with("CONNECTOR_SECRET_KEY_PREVIOUS has 0 characters"), "{refused}");
        let blanks = format!("{}k", " ".repeat(40));
        assert!(Vault::new(&blanks.as_str().into(), &[]).is_err());
        assert!(Vault::new(&"ä".repeat(32).as_str().into(), &[]).is_ok());
    }

    #[test]
    fn a_line_break_read_with_the_key_makes_no_other_key() {
        assert_eq!(vault(KEY, &[]).kid(), vault(&format!("{KEY}\r\n"), &[]).kid());
        assert_ne!(vault(KEY, &[]).kid(), vault(OLD, &[]).kid());
    }

    #[test]
    fn a_signature_is_refused_when_cut_changed_or_made_with_another_key() {
        let here = vault(KEY, &[OLD]);
        let tag = here.mac("confirm", b"data");
        assert!(here.clone().verify_mac("confirm", b"data", &tag));
        for bit in 0..tag.len() * 8 {
            let mut changed = tag;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!here.verify_mac("confirm", b"data", &changed), "bit {bit}");
        }
        for cut in 0..tag.len() {
            assert!(!here.verify_mac("confirm", b"data", &tag[..cut]), "cut at {cut}");
        }
        let old = vault(OLD, &[]).mac("confirm", b"data");
        assert!(!here.verify_mac("confirm", b"data", &old));
    }

    /// Whether a type has a trait, asked of the compiler: the inherent constant exists, and wins, where it has.
    struct Has<T>(PhantomData<T>);

    trait HasNot {
        const SERIALIZE: bool = false;
        const DISPLAY: bool = false;
    }

    impl<T> HasNot for Has<T> {}

    impl<T: Serialize> Has<T> {
        const SERIALIZE: bool = true;
    }

    impl<T: Display> Has<T> {
        const DISPLAY: bool = true;
    }

    fn debug(value: &dyn Debug) -> Vec<String> {
        vec![format!("{value:?}"), format!("{value:#?}")]
    }

    #[test]
    fn secrets_and_keys_show_nowhere() {
        const SECRET: &str = "PLANTED-secret-PLANTED-secret-000000";
        const SHORT: &str = "PLANTED-short-key";
        let vault = vault(SECRET, &[&format!("{SECRET}-old")]);
        let secrets = token(SECRET);
        let place = Place::new();
        let elsewhere = Place { attempt: true, ..place.clone() };
        let sealed = vault.seal(&place.binding(), &secrets);
        let mut shown = [
            debug(&vault),
            debug(&secrets),
            debug(&sealed),
            debug(&secrets.get("access_token")),
            debug(&previous_keys(&format!("{SECRET} {SHORT}").as_str().into())),
        ]
        .concat();

        for error in [
            Vault::new(&SHORT.into(), &[]).unwrap_err(),
            Vault::new(&SECRET.into(), &[SHORT.into()]).unwrap_err(),
            super::tests::vault(KEY, &[]).open(&place.binding(), &sealed).unwrap_err(),
            vault.open(&elsewhere.binding(), &sealed).unwrap_err(),
            Envelope::try_from(json!(SECRET)).unwrap_err(),
            Envelope::try_from(json!({"v": 1, "access_token": SECRET})).unwrap_err(),
            Envelope::try_from(json!({"v": 9, "access_token": SECRET})).unwrap_err(),
        ] {
            shown.extend(debug(&error));
            shown.push(error.to_string());
        }
        for unsealed in [json!(SECRET), json!({"v": SECRET}), json!({"v": 1, SECRET: SECRET})] {
            let text = unsealed.to_string();
            shown.push(serde_json::from_str::<Envelope>(&text).unwrap_err().to_string());
            shown.push(serde_json::from_value::<Envelope>(unsealed).unwrap_err().to_string());
        }
        let stored = serde_json::to_value(&sealed).unwrap();
        shown.push(stored.to_string());
        assert!(shown.iter().any(|text| text.contains("access_token")), "names are shown");
        for text in shown {
            assert!(!text.contains("PLANTED"), "{text}");
        }

        // Nor in what is stored, once its base64 is undone.
        let Value::String(ct) = &stored["ct"] else { panic!("{stored}") };
        let ct = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, ct).unwrap();
        assert!(!ct.windows(7).any(|window| window == b"PLANTED"));
    }

    #[test]
    fn neither_secrets_nor_keys_can_be_serialised_or_printed() {
        let probed = [<Has<Envelope>>::SERIALIZE, <Has<VaultError>>::DISPLAY];
        assert_eq!(probed, [true; 2], "the probe works");
        assert_eq!([<Has<SecretMap>>::SERIALIZE, <Has<SecretMap>>::DISPLAY], [false; 2]);
        assert_eq!([<Has<Vault>>::SERIALIZE, <Has<Vault>>::DISPLAY], [false; 2]);
    }
}
