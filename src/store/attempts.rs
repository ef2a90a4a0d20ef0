//! Attempts to link an account in a browser.
//!
//! An attempt is looked up by its id or by the state that a vendor brings back (`global.rs`), and from then on by its
//! owner too. What may happen to it once is one statement, so that two processes cannot both do it.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Row, postgres::PgRow};

use super::{Result, Store, StoreError};
use crate::{
    ids::{AttemptId, ConnectorId, OwnerId},
    provider::Settings,
    run::AttemptStatus,
    vault::Envelope,
};

/// How long an attempt is good, in minutes.
pub const ATTEMPT_MINUTES: i32 = 10;
/// How many of one owner's may be open at once; the oldest give way.
const OPEN: i64 = 20;

/// SHA-256 of something random.
pub type Hash = [u8; 32];

/// An attempt as it is stored; its secrets stay sealed.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose it is.
    pub owner: OwnerId,
    /// Its id.
    pub id: AttemptId,
    /// The provider's id.
    pub provider: String,
    /// What the person calls the account; empty for nothing.
    pub account_label: String,
    /// The settings that the connector is to have.
    pub settings: Settings,
    /// The connector that is to be linked again.
    pub relinks: Option<ConnectorId>,
    /// Scheme, host and port at which its pages are.
    pub origin: String,
    /// Where the vendor sends the person back to; absent for a form.
    pub redirect_uri: Option<String>,
    /// Where the person goes in the end.
    pub redirect_to: Option<String>,
    /// The sealed code verifier and app.
    pub secrets: Option<Envelope>,
    /// Whether the state that is on its way has come back.
    pub state_used: bool,
    /// Of the cookie of the browser that opened it.
    pub cookie_hash: Option<Vec<u8>>,
    /// Where it stands, by the database's clock.
    pub status: AttemptStatus,
    /// Why it failed: a word.
    pub reason: Option<String>,
    /// Why it failed: a sentence.
    pub problem: Option<String>,
    /// The connector that it linked.
    pub connector: Option<ConnectorId>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// An attempt to be made.
#[derive(Debug)]
pub struct NewAttempt<'a> {
    /// Its id.
    pub id: &'a AttemptId,
    /// The provider's id.
    pub provider: &'a str,
    /// What the person calls the account; empty for nothing.
    pub account_label: &'a str,
    /// Settings that are known already.
    pub settings: &'a Settings,
    /// The connector that is to be linked again.
    pub relinks: Option<ConnectorId>,
    /// Scheme, host and port at which its pages are.
    pub origin: &'a str,
    /// Where the vendor sends the person back to; absent for a form.
    pub redirect_uri: Option<&'a str>,
    /// Where the person goes in the end.
    pub redirect_to: Option<&'a str>,
    /// What is sealed.
    pub secrets: Option<&'a Envelope>,
}

/// What a browser brings along when it goes on.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Of its cookie.
    pub cookie_hash: &'a Hash,
    /// Of the state that is sent along; absent for a form.
    pub state_hash: Option<&'a Hash>,
    /// What is sealed from now on; absent leaves it as it is.
    pub secrets: Option<&'a Envelope>,
    /// The settings that the connector is to have.
    pub settings: &'a Settings,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// It linked this connector.
    Linked(ConnectorId),
    /// It failed: a word and a sentence.
    Failed(&'a str, &'a str),
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT owner_id, id, provider, account_label, settings, relinks, origin, redirect_uri, redirect_to, \
             secrets_envelope, state_used, cookie_hash, reason, problem, connector_id, expires_at, \
             CASE WHEN status IN ('pending', 'opened') AND expires_at <= now() THEN 'expired' ELSE status END AS status \
             FROM oauth_attempts ",
            $($rest),+
        )
    };
}
pub(super) use select;

/// An owner's attempts that are shown: those of the last hour that linked nothing.
macro_rules! shown {
    () => {
        "owner_id = $1 AND status <> 'linked' AND created_at > now() - interval '1 hour'"
    };
}
pub(super) use shown;

const SHOWN: &str = select!("WHERE ", shown!(), " ORDER BY created_at DESC LIMIT 10");

pub(super) fn read(row: &PgRow) -> Result<Attempt> {
    let bad = |column| StoreError::Inconsistent { table: "oauth_attempts", column };
    let status: String = row.try_get("status")?;
    let settings: Value = row.try_get("settings")?;
    let secrets: Option<Value> = row.try_get("secrets_envelope")?;
    Ok(Attempt {
        owner: row.try_get("owner_id")?,
        id: row.try_get("id")?,
        provider: row.try_get("provider")?,
        account_label: row.try_get("account_label")?,
        settings: match settings {
            Value::Object(settings) => settings.into_iter().collect(),
            _ => return Err(bad("settings")),
        },
        relinks: row.try_get("relinks")?,
        origin: row.try_get("origin")?,
        redirect_uri: row.try_get("redirect_uri")?,
        redirect_to: row.try_get("redirect_to")?,
        secrets: secrets
            .map(|stored| Envelope::try_from(stored).map_err(|_| bad("secrets_envelope")))
            .transpose()?,
        state_used: row.try_get("state_used")?,
        cookie_hash: row.try_get("cookie_hash")?,
        status: serde_json::from_value(Value::String(status)).map_err(|_| bad("status"))?,
        reason: row.try_get("reason")?,
        problem: row.try_get("problem")?,
        connector: row.try_get("connector_id")?,
        expires_at: row.try_get::<jiff_sqlx::Timestamp, _>("expires_at")?.to_jiff(),
    })
}

fn stored(envelope: Option<&Envelope>) -> Result<Option<Value>> {
    let bad = |_| StoreError::Inconsistent { table: "oauth_attempts", column: "secrets_envelope" };
    envelope.map(|envelope| serde_json::to_value(envelope).map_err(bad)).transpose()
}

fn object(settings: &Settings) -> Value {
    Value::Object(settings.clone().into_iter().collect())
}

impl Store {
    /// Makes an attempt, which is good for ten minutes. Of an owner's open ones the oldest give way to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_attempt(&self, owner: &OwnerId, new: &NewAttempt<'_>) -> Result<Timestamp> {
        self.sweep_attempts().await?;
        sqlx::query(
            "UPDATE oauth_attempts SET status = 'expired', secrets_envelope = NULL \
             WHERE owner_id = $1 AND id IN (SELECT id FROM oauth_attempts WHERE owner_id = $1 \
             AND status IN ('pending', 'opened') ORDER BY created_at DESC OFFSET $2)",
        )
        .bind(owner)
        .bind(OPEN - 1)
        .execute(&self.pool)
        .await?;
        let expires_at: jiff_sqlx::Timestamp = sqlx::query_scalar(
            "INSERT INTO oauth_attempts (owner_id, id, provider, account_label, settings, relinks, origin, \
             redirect_uri, redirect_to, secrets_envelope, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + make_interval(mins => $11)) RETURNING expires_at",
        )
        .bind(owner)
        .bind(new.id)
        .bind(new.provider)
        .bind(new.account_label)
        .bind(object(new.settings))
        .bind(new.relinks)
        .bind(new.origin)
        .bind(new.redirect_uri)
        .bind(new.redirect_to)
        .bind(stored(new.secrets)?)
        .bind(ATTEMPT_MINUTES)
        .fetch_one(&self.pool)
        .await?;
        Ok(expires_at.to_jiff())
    }

    /// One attempt of this owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempt(&self, owner: &OwnerId, id: &AttemptId) -> Result<Option<Attempt>> {
        let row = sqlx::query(select!("WHERE owner_id = $1 AND id = $2"))
            .bind(owner)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The owner's attempts of the last hour that linked nothing, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_attempts(&self, owner: &OwnerId) -> Result<Vec<Attempt>> {
        let rows = sqlx::query(SHOWN).bind(owner).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Opens an attempt for a browser, which may go on more than once: the last state counts. Answers whether it did:
    /// not once the attempt has ended, a state of it is being exchanged, or another browser has opened it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_attempt(
        &self,
        owner: &OwnerId,
        id: &AttemptId,
        opening: &Opening<'_>,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE oauth_attempts SET status = 'opened', cookie_hash = $3, state_hash = $4, settings = $5, \
             secrets_envelope = COALESCE($6, secrets_envelope) \
             WHERE owner_id = $1 AND id = $2 AND expires_at > now() AND NOT state_used \
             AND (status = 'pending' OR (status = 'opened' AND cookie_hash = $3))",
        )
        .bind(owner)
        .bind(id)
        .bind(opening.cookie_hash.as_slice())
        .bind(opening.state_hash.map(Hash::as_slice))
        .bind(object(opening.settings))
        .bind(stored(opening.secrets)?)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses up the state of an attempt. Answers whether it was this call that did: a state serves once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_state(&self, owner: &OwnerId, id: &AttemptId, state: &Hash) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE oauth_attempts SET state_used = true WHERE owner_id = $1 AND id = $2 AND state_hash = $3 \
             AND status = 'opened' AND NOT state_used AND expires_at > now()",
        )
        .bind(owner)
        .bind(id)
        .bind(state.as_slice())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends an attempt and forgets its secrets. Answers whether it was this call that did. One whose time ran out while
    /// the vendor was asked can still end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_attempt(
        &self,
        owner: &OwnerId,
        id: &AttemptId,
        ended: Ended<'_>,
    ) -> Result<bool> {
        let (status, reason, problem, connector) = match ended {
            Ended::Linked(connector) => (AttemptStatus::Linked, None, None, Some(connector)),
            Ended::Failed(word, sentence) => {
                (AttemptStatus::Failed, Some(word), Some(sentence), None)
            }
        };
        let done = sqlx::query(
            "UPDATE oauth_attempts SET status = $3, reason = $4, problem = $5, connector_id = $6, \
             secrets_envelope = NULL WHERE owner_id = $1 AND id = $2 AND status NOT IN ('linked', 'failed')",
        )
        .bind(owner)
        .bind(id)
        .bind(status)
        .bind(reason)
        .bind(problem)
        .bind(connector)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
