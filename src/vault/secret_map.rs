//! Secrets by name, on their way between a person, the vault and a vendor.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// An account's secrets by name, in the order of the names. `Debug` shows the names alone, and nothing serialises it: its
/// only way out is [`Vault::seal`](super::Vault::seal).
#[derive(Clone, Default)]
pub struct SecretMap(BTreeMap<String, SecretString>);

impl SecretMap {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The secret of that name.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// Sets a secret; gives back the one it replaces.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        secret: impl Into<SecretString>,
    ) -> Option<SecretString> {
        self.0.insert(name.into(), secret.into())
    }

    /// Takes a secret out.
    pub fn remove(&mut self, name: &str) -> Option<SecretString> {
        self.0.remove(name)
    }

    /// The names that are set, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names and secrets, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, secret)| (name.as_str(), secret))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it as bytes, with room for `spare` more. Not JSON, whose writer and reader leave copies of the texts in
    /// buffers that nobody wipes; here every buffer is made in its final size.
    pub(super) fn encode(&self, spare: usize) -> Zeroizing<Vec<u8>> {
        let texts = || {
            self.iter().flat_map(|(name, secret)| [name, secret.expose_secret()]).map(str::as_bytes)
        };
        let size: usize = texts().map(|text| LENGTH + text.len()).sum();
        let mut all = Zeroizing::new(Vec::with_capacity(size + spare));
        for text in texts() {
            all.extend_from_slice(&(text.len() as u64).to_be_bytes());
            all.extend_from_slice(text);
        }
        all
    }

    /// What [`encode`](Self::encode) made; `None` for anything else.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut map = Self::new();
        while !bytes.is_empty() {
            let name = text(&mut bytes)?;
            let secret = text(&mut bytes)?;
            if map.insert(name, secret).is_some() {
                return None;
            }
        }
        Some(map)
    }
}

/// Bytes before each text that say how long it is.
const LENGTH: usize = size_of::<u64>();

/// Cuts the first text off.
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

impl<N: Into<String>, S: Into<SecretString>> FromIterator<(N, S)> for SecretMap {
    fn from_iter<I: IntoIterator<Item = (N, S)>>(secrets: I) -> Self {
        Self(secrets.into_iter().map(|(name, secret)| (name.into(), secret.into())).collect())
    }
}

impl<N: Into<String>, S: Into<SecretString>> Extend<(N, S)> for SecretMap {
    fn extend<I: IntoIterator<Item = (N, S)>>(&mut self, secrets: I) {
        self.0.extend(secrets.into_iter().map(|(name, secret)| (name.into(), secret.into())));
    }
}

impl fmt::Debug for SecretMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|name| (name, format_args!("[redacted]")))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_never_outgrows_its_buffer_and_so_leaves_no_copy_behind() {
        let map: SecretMap =
            [("access_token", "a".repeat(70_000)), ("b", String::new())].into_iter().collect();
        let encoded = map.encode(16);
        assert_eq!(encoded.capacity() - encoded.len(), 16);
    }

    #[test]
    fn bytes_that_are_no_map_are_refused() {
        let map: SecretMap = [("name", "secret")].into_iter().collect();
        let good = map.encode(0);
        assert!(SecretMap::decode(&good).is_some());
        for cut in 1..good.len() {
            assert!(SecretMap::decode(&good[..cut]).is_none(), "cut at {cut}");
        }
        assert!(SecretMap::decode(&[&good[..], &good[..]].concat()).is_none());
        assert!(SecretMap::decode(&[0xff; 64]).is_none());
    }
}
