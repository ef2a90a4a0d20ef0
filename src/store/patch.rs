//! Changes to records that are named by id alone.

use sqlx::{PgConnection, Row as _};

use super::{
    Position, Result, StoreError,
    batch::Ready,
    rows::{Rows, write_rows},
};
use crate::{
    provider::Patch,
    record::{Kind, Properties, Record},
};

macro_rules! stored {
    ($lock:literal) => {
        concat!(
            "SELECT feed, type, properties, external_place, version FROM records WHERE owner_id = $1 \
             AND connector_id = $2 AND external_source = $3 AND external_id = $4 AND removed_at IS NULL",
            $lock
        )
    };
}

/// Reads, changes and writes one record under its row lock; it stays in its feed. Answers whether it changed.
pub(super) async fn patch_record(
    tx: &mut PgConnection,
    at: Position<'_>,
    id: &str,
    patch: &Patch,
) -> Result<bool> {
    // Which paths are volatile is not stored: they count here, and the record is written once more when it comes again.
    let Some((feed, ready)) = patched(tx, at, id, patch, stored!(" FOR UPDATE")).await? else {
        return Ok(false);
    };
    write_rows(tx, Position { feed: &feed, ..at }, &Rows::of([&ready])?).await?;
    Ok(true)
}

/// Whether a patch would change a stored record.
pub(super) async fn would_change(
    connection: &mut PgConnection,
    at: Position<'_>,
    id: &str,
    patch: &Patch,
) -> Result<bool> {
    Ok(patched(connection, at, id, patch, stored!("")).await?.is_some())
}

/// The record as the patch leaves it, and its feed; nothing where it is unknown or the patch leaves it as it is.
async fn patched(
    connection: &mut PgConnection,
    at: Position<'_>,
    id: &str,
    patch: &Patch,
    sql: &'static str,
) -> Result<Option<(String, Ready)>> {
    let row = sqlx::query(sql)
        .bind(at.owner)
        .bind(at.connector)
        .bind(at.source)
        .bind(id)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let bad = |column| StoreError::Inconsistent { table: "records", column };
    let kind = Kind::parse(row.try_get("type")?).ok_or(bad("type"))?;
    let stored =
        Properties::parse(kind, row.try_get("properties")?).map_err(|_| bad("properties"))?;
    let mut record = Record::new(id, stored.clone());
    patch.apply(&mut record.properties);
    record.place = row.try_get("external_place")?;
    record.version = row
        .try_get::<Option<jiff_sqlx::Timestamp>, _>("version")?
        .map(jiff_sqlx::Timestamp::to_jiff);
    let ready = Ready::of(record).map_err(|cause| StoreError::Refused(cause.to_string()))?;
    if ready.record.properties == stored {
        return Ok(None);
    }
    Ok(Some((row.try_get("feed")?, ready)))
}
