//! Reactions that are told one by one, each by its person; records show how many there are of each sort.

use std::collections::BTreeSet;

use sqlx::{PgConnection, Row};

use super::{Position, Result, patch::patch_record, to_db};
use crate::{
    provider::{Patch, Reacted},
    record::{Properties, Reaction},
};

/// Notes reactions, the last of each person, and counts them anew at their records. Answers how many records changed.
pub(super) async fn react(
    tx: &mut PgConnection,
    at: Position<'_>,
    reacted: &[Reacted],
) -> Result<u64> {
    for one in reacted {
        sqlx::query(
            "INSERT INTO record_reactions (owner_id, connector_id, external_id, person, name, reacted_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner_id, connector_id, external_id, person) \
             DO UPDATE SET name = excluded.name, reacted_at = excluded.reacted_at \
             WHERE excluded.reacted_at >= record_reactions.reacted_at",
        )
        .bind(at.owner)
        .bind(at.connector)
        .bind(&one.id)
        .bind(&one.by)
        .bind(&one.name)
        .bind(to_db(one.at))
        .execute(&mut *tx)
        .await?;
    }
    let mut changed = 0;
    for id in reacted.iter().map(|one| one.id.as_str()).collect::<BTreeSet<_>>() {
        let counted = count(tx, at, id).await?;
        changed += u64::from(patch_record(tx, at, id, &counted).await?);
    }
    Ok(changed)
}

async fn count(tx: &mut PgConnection, at: Position<'_>, id: &str) -> Result<Patch> {
    let rows = sqlx::query(
        "SELECT name, count(*) AS count FROM record_reactions \
         WHERE owner_id = $1 AND connector_id = $2 AND external_id = $3 AND name IS NOT NULL \
         GROUP BY name ORDER BY min(reacted_at), name",
    )
    .bind(at.owner)
    .bind(at.connector)
    .bind(id)
    .fetch_all(tx)
    .await?;
    let mut reactions = Vec::with_capacity(rows.len());
    for row in rows {
        let count: i64 = row.try_get("count")?;
        reactions.push(Reaction { name: row.try_get("name")?, count: Some(count) });
    }
    Ok(Patch::new(move |properties| {
        if let Properties::Message(message) = properties {
            message.reactions = Some(reactions.clone());
        }
    }))
}
