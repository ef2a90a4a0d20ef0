//! Tokens by which a person's yes is brought back: bound to owner, action and target, good for ten minutes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};

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
        let mac = self.core().await?.engine.vault.mac(PURPOSE, &said(owner, action, target, until));
        Ok(format!("{until}.{}", URL_SAFE_NO_PAD.encode(mac)))
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
        let parts = token.split_once('.').and_then(|(until, mac)| {
            Some((until.parse::<i64>().ok()?, URL_SAFE_NO_PAD.decode(mac).ok()?))
        });
        let Some((until, mac)) = parts.filter(|(until, _)| *until >= Timestamp::now().as_second())
        else {
            return Ok(false);
        };
        let vault = &self.core().await?.engine.vault;
        Ok(vault.verify_mac(PURPOSE, &said(owner, action, target, until), &mac))
    }
}

fn said(owner: &OwnerId, action: &str, target: &str, until: i64) -> Vec<u8> {
    serde_json::json!([owner.as_str(), action, target, until]).to_string().into_bytes()
}
