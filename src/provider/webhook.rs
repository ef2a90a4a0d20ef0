//! What a vendor sends to a connector's webhook address, before anybody has vouched for it.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::vault::SecretMap;

/// A request to a connector's webhook address.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// It is a POST; else a GET, which has no body.
    pub is_post: bool,
    /// The address's parameters, decoded.
    pub query: &'a [(String, String)],
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The body's bytes as they came: a signature is over these and no others.
    pub body: &'a [u8],
    /// The connector's secrets.
    pub secrets: &'a SecretMap,
}

/// What a provider makes of an [`Incoming`] request.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The vendor did not send it: nothing is kept.
    Refused,
    /// The vendor asks whether this address is ours: it is told this at once, and nothing is kept.
    Answer(String),
    /// The vendor sent it: it is written down, answered, and then read by
    /// [`Provider::delivered`](super::Provider::delivered). Deliveries with the same key are one; without a key those of the same bytes are.
    Delivery {
        /// What the vendor knows the delivery by, if it would send the same in other bytes.
        key: Option<String>,
    },
}

impl Incoming<'_> {
    /// The text of a header; the case of its name does not count.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the address.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether `tag` is the HMAC-SHA256 of the body by the secret of that name. Takes the same time for every wrong tag.
    pub fn is_signed(&self, secret: &str, tag: &[u8]) -> bool {
        let mac = self.secrets.get(secret).and_then(keyed);
        mac.is_some_and(|mac| mac.chain_update(self.body).verify_slice(tag).is_ok())
    }

    /// Whether a text is the secret of that name. Takes the same time for every wrong text.
    pub fn is_secret(&self, secret: &str, text: &str) -> bool {
        // The tags are compared, which have one length.
        let Some(known) = self.secrets.get(secret) else { return false };
        let tag = |text: &str| Some(keyed(known)?.chain_update(text).finalize().into_bytes());
        let known_tag = tag(known.expose_secret());
        let mac = keyed(known).map(|mac| mac.chain_update(text));
        mac.zip(known_tag).is_some_and(|(mac, tag)| mac.verify_slice(&tag).is_ok())
    }
}

/// A tag that is written in hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.trim().chars().map(|c| c.to_digit(16)).collect();
    let digits = digits?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    bytes.collect()
}

fn keyed(secret: &SecretString) -> Option<Hmac<Sha256>> {
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return None; // what anybody could sign by vouches for nobody
    }
    Hmac::new_from_slice(secret.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming<'a>(
        secrets: &'a SecretMap,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Incoming<'a> {
        Incoming { is_post: true, query: &[], headers, body, secrets }
    }

    #[test]
    fn only_the_exact_bytes_by_the_exact_secret_are_signed() {
        // RFC 4231, test case 2.
        let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let tag = from_hex(tag).unwrap();
        let secrets: SecretMap =
            [("key", "Jefe"), ("other", "Jefd"), ("none", "")].into_iter().collect();
        let headers = HeaderMap::new();
        let signed = |body: &[u8], secret: &str, tag: &[u8]| {
            incoming(&secrets, &headers, body).is_signed(secret, tag)
        };
        let body = b"what do ya want for nothing?";
        assert!(signed(body, "key", &tag));
        assert!(!signed(b"what do ya want for nothing? ", "key", &tag));
        assert!(!signed(body, "other", &tag) && !signed(body, "missing", &tag));
        assert!(!signed(body, "key", &tag[..31]) && !signed(body, "key", &[]));
        let empty = Hmac::<Sha256>::new_from_slice(b"").unwrap().chain_update(body).finalize();
        assert!(!signed(body, "none", &empty.into_bytes()));
    }

    #[test]
    fn what_is_no_hexadecimal_number_of_whole_bytes_is_no_tag() {
        assert_eq!(from_hex("00fFA1"), Some(vec![0, 255, 161]));
        for bad in ["0", "0g", "+1", "\u{ff11}\u{ff11}", "0x11"] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_known_by_its_whole_text() {
        let secrets: SecretMap = [("word", "chosen-by-us"), ("none", "")].into_iter().collect();
        let headers = HeaderMap::new();
        let known =
            |name: &str, text: &str| incoming(&secrets, &headers, b"").is_secret(name, text);
        assert!(known("word", "chosen-by-us"));
        for bad in ["", "chosen-by-u", "chosen-by-us ", "Chosen-by-us"] {
            assert!(!known("word", bad), "{bad}");
        }
        assert!(!known("none", "") && !known("missing", ""));
    }
}
