//! Tokens by which a person's yes is brought back: bound to owner, action and target, good for ten minutes. What is to
//! serve once is spent by whoever acts on it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::{App, Result};
use crate::ids::OwnerId;

/// How long a token is good.
const GOOD: SignedDuration = SignedDuration::from_mins(10);
/// What the tokens' key is derived for.
const PURPOSE: &str = "confirm";

impl App {
    /// A token that says what `action` on `target` needs a yes for (10 minutes, this owner's alone).
    ///
    /// # Errors
    /// When the database or the key is not available.
    pub async fn confirm_token(
        &self,
        owner: &OwnerId,
        action: &str,
        target: &str,
    ) -> Result<String> {
        let until = (Timestamp::now() + GOOD).as_second();
        // Two that are given in the same second are two.
        let nonce = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>());
        let said = said(owner, action, target, until, &nonce);
        let mac = self.core().await?.engine.vault.mac(PURPOSE, &said);
        Ok(format!("{until}.{nonce}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Whether a token was given for just this and still holds.
    ///
    /// # Errors
    /// When the database or the key is not available.
    pub async fn confirmed(
        &self,
        owner: &OwnerId,
        action: &str,
        target: &str,
        token: &str,
    ) -> Result<bool> {
        let parts = token.split_once('.').and_then(|(until, rest)| {
            let (nonce, mac) = rest.split_once('.')?;
            Some((until.parse::<i64>().ok()?, nonce, URL_SAFE_NO_PAD.decode(mac).ok()?))
        });
        let now = Timestamp::now().as_second();
        let Some((until, nonce, mac)) = parts.filter(|(until, ..)| *until >= now) else {
            return Ok(false);
        };
        let vault = &self.core().await?.engine.vault;
        Ok(vault.verify_mac(PURPOSE, &said(owner, action, target, until, nonce), &mac))
    }

    /// Uses up a token, or a state, that is to serve once. Answers whether it was this call that did: then no other, in any
    /// process, is told so.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn spend(&self, owner: &OwnerId, token: &str) -> Result<bool> {
        let hash = Sha256::digest(token).into();
        Ok(self.core().await?.store().spend(owner, &hash).await?)
    }
}

fn said(owner: &OwnerId, action: &str, target: &str, until: i64, nonce: &str) -> Vec<u8> {
    serde_json::json!([owner.as_str(), action, target, until, nonce]).to_string().into_bytes()
}
