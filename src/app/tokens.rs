//! Who may call the server over HTTP: tokens for clients, one-time codes for people.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::{App, Error, Result, TokenView};
use crate::{
    ids::{OwnerId, TokenId},
    store::{ApiToken, TokenKind},
};

/// What every token begins with, so that a scanner for leaked secrets knows one.
const PREFIX: &str = "nim_";
/// How long a one-time code is good.
const CODE: SignedDuration = SignedDuration::from_mins(10);
/// Longest life of a token that is given one, in days.
const LONGEST: i64 = 3660;

impl App {
    /// A new token for clients that call over HTTP. It is shown this once: only its hash is kept.
    ///
    /// # Errors
    /// `Invalid` for a life of no days or of more than ten years.
    pub async fn create_token(
        &self,
        owner: &OwnerId,
        days: Option<i64>,
    ) -> Result<(SecretString, TokenView)> {
        let expires_at = match days {
            None => None,
            Some(days @ 1..=LONGEST) => {
                Timestamp::now().checked_add(SignedDuration::from_hours(24 * days)).ok()
            }
            Some(days) => {
                let problem = format!("is {days} days, and must be from 1 to {LONGEST}");
                return Err(Error::invalid("expires", problem));
            }
        };
        let token = random(PREFIX);
        let store = self.core().await?.store();
        let stored = store.add_token(owner, TokenKind::Token, &hash(&token), expires_at).await?;
        Ok((token, stored.into()))
    }

    /// A code by which the owner signs in to a page of this server: once, within ten minutes.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn create_code(&self, owner: &OwnerId) -> Result<SecretString> {
        let code = random("");
        let expires_at = Some(Timestamp::now() + CODE);
        let store = self.core().await?.store();
        store.add_token(owner, TokenKind::Code, &hash(&code), expires_at).await?;
        Ok(code)
    }

    /// The owner's tokens, newest first.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn tokens(&self, owner: &OwnerId) -> Result<Vec<TokenView>> {
        let tokens = self.core().await?.store().tokens(owner).await?;
        Ok(tokens.into_iter().map(Into::into).collect())
    }

    /// Ends a token.
    ///
    /// # Errors
    /// `Invalid` where the owner has none of that id.
    pub async fn revoke_token(&self, owner: &OwnerId, id: TokenId) -> Result<()> {
        if self.core().await?.store().revoke_token(owner, id).await? {
            return Ok(());
        }
        Err(Error::invalid("token", format!("there is none of the id {id}")))
    }

    /// Whose a bearer token is.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn token_owner(&self, token: &SecretString) -> Result<Option<OwnerId>> {
        if !token.expose_secret().starts_with(PREFIX) {
            return Ok(None);
        }
        Ok(self.core().await?.store().token_owner(&hash(token)).await?)
    }

    /// Whose a one-time code is; it is used up by this.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn redeem_code(&self, code: &SecretString) -> Result<Option<OwnerId>> {
        Ok(self.core().await?.store().redeem_code(&hash(code)).await?)
    }

    /// Whether any token could be used now.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn has_tokens(&self) -> Result<bool> {
        Ok(self.core().await?.store().has_tokens().await?)
    }

    /// The key that seals what clients carry between the rounds of a call: the same on every server of one database.
    ///
    /// # Errors
    /// When the database or the key is not available.
    pub async fn state_key(&self) -> Result<[u8; 32]> {
        Ok(self.core().await?.engine.vault.mac("request state", b""))
    }

    /// Whether the database answers, for a load balancer's question.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&self) -> Result<()> {
        self.core().await?.store().server().await?;
        Ok(())
    }
}

impl From<ApiToken> for TokenView {
    fn from(of: ApiToken) -> Self {
        Self {
            token_id: of.id,
            created_at: of.created_at,
            expires_at: of.expires_at,
            last_used_at: of.last_used_at,
            revoked_at: of.revoked_at,
        }
    }
}

fn random(prefix: &str) -> SecretString {
    let bytes = zeroize::Zeroizing::new(rand::random::<[u8; 32]>());
    SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

fn hash(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret().trim().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_are_never_the_same_and_their_hash_does_not_hold_them() {
        let (one, other) = (random(PREFIX), random(PREFIX));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert!(one.expose_secret().len() == 47 && one.expose_secret().starts_with(PREFIX));
        assert_ne!(hash(&one), hash(&other));
    }
}
