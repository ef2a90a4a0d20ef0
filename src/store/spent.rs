//! What serves once.

use super::{Hash, Result, Store};
use crate::ids::OwnerId;

impl Store {
    /// Notes that something was used which serves once, by its hash, and forgets the owner's of more than an hour ago.
    /// Answers whether it was this call that used it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spend(&self, owner: &OwnerId, hash: &Hash) -> Result<bool> {
        sqlx::query(
            "DELETE FROM spent_states WHERE owner_id = $1 AND spent_at < now() - interval '1 hour'",
        )
        .bind(owner)
        .execute(&self.pool)
        .await?;
        let noted = sqlx::query(
            "INSERT INTO spent_states (owner_id, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(owner)
        .bind(hash.as_slice())
        .execute(&self.pool)
        .await?;
        Ok(noted.rows_affected() > 0)
    }
}
