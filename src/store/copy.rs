//! New records by COPY in its binary form: the shortest way into a table. It knows no conflicts: whoever is told of one tries
//! again by an upsert.
//!
//! PostgreSQL, "COPY", Binary Format; the binary forms of the types are those of their `recv` functions.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::{Position, Result, StoreError, batch::Ready, rows::file_urls};
use crate::{
    ids::RecordId,
    record::{Key, search_text},
};

const COPY: &str = "COPY records (owner_id, connector_id, feed, external_source, id, type, external_id, external_hash, \
    external_place, properties, file_urls, digest, version, occurred_at, search_text) FROM STDIN (FORMAT binary)";
/// Columns of a row.
const COLUMNS: i16 = 15;
/// Signature, no flags, no header extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// In place of a row's number of columns: the end.
const END: i16 = -1;
/// How much is sent at once.
const CHUNK: usize = 64 << 10;
/// Microseconds from 1970 to 2000, where Postgres counts from.
const EPOCH: i64 = 946_684_800_000_000;
/// The first moment that Postgres has, a little later: see [`super::to_db`].
const FIRST: i64 = -210_484_915_200_000_000;

/// Adds records that are not stored yet.
///
/// # Errors
/// `Contended` when one of them is stored by now: nothing is added then, and the transaction is over. Otherwise when the
/// database fails.
pub(super) async fn copy_rows(
    tx: &mut PgConnection,
    at: Position<'_>,
    rows: &[&Ready],
) -> Result<()> {
    let mut copy = tx.copy_in_raw(COPY).await?;
    let mut row = Row(HEAD.to_vec());
    for ready in rows {
        row.push(at, ready)?;
        if row.0.len() >= CHUNK {
            copy.send(row.0.as_slice()).await?;
            row.0.clear();
        }
    }
    row.0.extend(END.to_be_bytes());
    copy.send(row.0).await?;
    match copy.finish().await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => {
            Err(StoreError::Contended(cause.message().to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Rows in their binary form.
struct Row(Vec<u8>);

impl Row {
    fn push(&mut self, at: Position<'_>, ready: &Ready) -> Result<()> {
        let record = &ready.record;
        let (id, hash) = match &record.key {
            Key::Id(id) => (Some(id.as_bytes()), None),
            Key::Hash(hash) => (None, Some(hash.as_bytes())),
        };
        self.0.extend(COLUMNS.to_be_bytes());
        self.field(at.owner.as_str().as_bytes())?;
        self.field(at.connector.0.as_bytes())?;
        self.field(at.feed.as_bytes())?;
        self.field(at.source.as_bytes())?;
        self.field(RecordId::generate().0.as_bytes())?;
        self.field(record.properties.kind().as_str().as_bytes())?;
        self.nullable(id)?;
        self.nullable(hash)?;
        self.nullable(record.place.as_deref().map(str::as_bytes))?;
        self.json(&ready.properties)?;
        self.json(&file_urls(ready)?)?;
        self.field(&ready.digest.0)?;
        self.time(record.version)?;
        self.time(record.properties.occurred_at())?;
        self.field(search_text(&record.properties).as_bytes())
    }

    fn field(&mut self, value: &[u8]) -> Result<()> {
        self.length(value.len())?;
        self.0.extend_from_slice(value);
        Ok(())
    }

    fn nullable(&mut self, value: Option<&[u8]>) -> Result<()> {
        if let Some(value) = value {
            return self.field(value);
        }
        self.0.extend((-1_i32).to_be_bytes());
        Ok(())
    }

    /// A `jsonb`: the version of its form, then the text.
    fn json(&mut self, text: &str) -> Result<()> {
        self.length(text.len() + 1)?;
        self.0.push(1);
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn time(&mut self, at: Option<Timestamp>) -> Result<()> {
        let micros = at.map(|at| (at.as_microsecond().max(FIRST) - EPOCH).to_be_bytes());
        self.nullable(micros.as_ref().map(<[u8; 8]>::as_slice))
    }

    fn length(&mut self, bytes: usize) -> Result<()> {
        let bytes = i32::try_from(bytes)
            .map_err(|_| StoreError::Refused("a value of more than 2 GiB".into()))?;
        self.0.extend(bytes.to_be_bytes());
        Ok(())
    }
}
