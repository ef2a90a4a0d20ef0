//! Who may call the server over HTTP.

use jiff::Timestamp;
use sqlx::{Row, postgres::PgRow};

use super::{Result, Store, StoreError, to_db};
use crate::ids::{OwnerId, TokenId};

/// What a stored secret is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Calls, until it is revoked or ends.
    Token,
    /// One sign-in of a person.
    Code,
}

impl TokenKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Code => "code",
        }
    }
}

/// A stored token, without its secret.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; absent: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

fn read(row: &PgRow) -> Result<ApiToken> {
    let time = |column: &'static str| -> Result<Option<Timestamp>> {
        let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?;
        Ok(at.map(jiff_sqlx::Timestamp::to_jiff))
    };
    let bad = StoreError::Inconsistent { table: "api_tokens", column: "created_at" };
    Ok(ApiToken {
        id: row.try_get("id")?,
        created_at: time("created_at")?.ok_or(bad)?,
        expires_at: time("expires_at")?,
        last_used_at: time("last_used_at")?,
        revoked_at: time("revoked_at")?,
    })
}

impl Store {
    /// Keeps a new token or code by its hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_token(
        &self,
        owner: &OwnerId,
        kind: TokenKind,
        hash: &[u8],
        expires_at: Option<Timestamp>,
    ) -> Result<ApiToken> {
        let row = sqlx::query(
            "INSERT INTO api_tokens (owner_id, id, kind, hash, expires_at) VALUES ($1, $2, $3, $4, $5) \
             RETURNING id, created_at, expires_at, last_used_at, revoked_at",
        )
        .bind(owner)
        .bind(TokenId::generate())
        .bind(kind.as_str())
        .bind(hash)
        .bind(expires_at.map(to_db))
        .fetch_one(&self.pool)
        .await?;
        read(&row)
    }

    /// The owner's tokens, newest first; revoked and ended ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self, owner: &OwnerId) -> Result<Vec<ApiToken>> {
        let rows = sqlx::query(
            "SELECT id, created_at, expires_at, last_used_at, revoked_at FROM api_tokens \
             WHERE owner_id = $1 AND kind = 'token' ORDER BY id DESC LIMIT 1000",
        )
        .bind(owner)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Ends a token. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token(&self, owner: &OwnerId, id: TokenId) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE owner_id = $1 AND id = $2",
        )
        .bind(owner)
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
