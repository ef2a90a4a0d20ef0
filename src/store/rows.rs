//! Records as rows: columns for one statement, bounded by bytes.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result, StoreError, apply::Position, batch::Ready, to_db};
use crate::{
    ids::RecordId,
    record::{Key, search_text},
};

/// Most bytes of properties and search text in one statement.
const BYTES: usize = 4 * 1024 * 1024;
/// Most rows in one statement.
const ROWS: usize = 1000;

/// Columns of one statement.
#[derive(Default)]
pub(super) struct Columns<'a> {
    by_hash: bool,
    bytes: usize,
    ids: Vec<Uuid>,
    types: Vec<&'static str>,
    keys: Vec<&'a str>,
    places: Vec<Option<&'a str>>,
    properties: Vec<&'a str>,
    file_urls: Vec<String>,
    digests: Vec<&'a [u8]>,
    versions: Vec<Option<jiff_sqlx::Timestamp>>,
    occurred: Vec<Option<jiff_sqlx::Timestamp>>,
    search: Vec<String>,
}

/// The rows of a page, cut into statements.
pub(super) struct Rows<'a>(Vec<Columns<'a>>);

impl<'a> Rows<'a> {
    /// The rows of these records.
    ///
    /// # Errors
    /// When properties cannot be written as JSON, which is a defect.
    pub(super) fn of(records: impl IntoIterator<Item = &'a Ready>) -> Result<Self> {
        let (mut by_id, mut by_hash) = (Vec::new(), Vec::new());
        for ready in records {
            let hash = matches!(ready.record.key, Key::Hash(_));
            let statements = if hash { &mut by_hash } else { &mut by_id };
            push(statements, ready, hash)?;
        }
        by_id.append(&mut by_hash);
        Ok(Self(by_id))
    }
}

/// The addresses of a record's files, as JSON.
///
/// # Errors
/// When they cannot be written as that, which is a defect.
pub(super) fn file_urls(ready: &Ready) -> Result<String> {
    serde_json::to_string(&ready.record.properties.file_urls())
        .map_err(|cause| StoreError::Refused(cause.to_string()))
}

fn push<'a>(statements: &mut Vec<Columns<'a>>, ready: &'a Ready, by_hash: bool) -> Result<()> {
    let (record, properties) = (&ready.record, ready.properties.as_str());
    let file_urls = file_urls(ready)?;
    let search = search_text(&record.properties);
    let bytes = properties.len() + search.len();
    let full = |columns: &Columns<'_>| columns.ids.len() >= ROWS || columns.bytes + bytes > BYTES;
    if statements.last().is_none_or(full) {
        statements.push(Columns { by_hash, ..Columns::default() });
    }
    let Some(to) = statements.last_mut() else { return Ok(()) };
    to.bytes += bytes;
    to.ids.push(RecordId::generate().0);
    to.types.push(record.properties.kind().as_str());
    to.keys.push(record.key.as_str());
    to.places.push(record.place.as_deref());
    to.properties.push(properties);
    to.file_urls.push(file_urls);
    to.digests.push(&ready.digest.0);
    to.versions.push(record.version.map(to_db));
    to.occurred.push(record.properties.occurred_at().map(to_db));
    to.search.push(search);
    Ok(())
}

/// The columns of a statement as rows `n`, in the order in which [`Columns::execute`] binds them.
macro_rules! given {
    () => {
        "unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], \
         $12::timestamptz[], $13::timestamptz[], $14::text[]) AS n(id, type, key, place, properties, file_urls, \
         digest, version, occurred_at, search_text)"
    };
}

macro_rules! upsert {
    ($key:literal, $conflict:literal) => {
        concat!(
            "INSERT INTO records (owner_id, connector_id, feed, external_source, id, type, ",
            $key,
            ", external_place, properties, file_urls, digest, version, occurred_at, search_text) \
             SELECT $1, $2, $3, $4, n.id, n.type, n.key, n.place, n.properties::jsonb, n.file_urls::jsonb, \
             n.digest, n.version, n.occurred_at, n.search_text FROM ",
            given!(),
            " ON CONFLICT ",
            $conflict,
            " DO UPDATE SET feed = excluded.feed, type = excluded.type, external_place = excluded.external_place, \
             properties = excluded.properties, file_urls = excluded.file_urls, digest = excluded.digest, \
             version = excluded.version, occurred_at = excluded.occurred_at, search_text = excluded.search_text, \
             removed_at = NULL, updated_at = now() \
             WHERE (records.digest <> excluded.digest OR records.removed_at IS NOT NULL \
             OR records.feed <> excluded.feed) AND (records.version IS NULL OR excluded.version IS NULL \
             OR excluded.version >= records.version)"
        )
    };
}

macro_rules! update {
    ($key:literal) => {
        concat!(
            "UPDATE records SET feed = $3, type = n.type, external_place = n.place, properties = n.properties::jsonb, \
             file_urls = n.file_urls::jsonb, digest = n.digest, version = n.version, occurred_at = n.occurred_at, \
             search_text = n.search_text, removed_at = NULL, updated_at = now() FROM ",
            given!(),
            " WHERE records.owner_id = $1 AND records.connector_id = $2 AND records.external_source = $4 \
             AND records.",
            $key,
            " = n.key AND (records.digest <> n.digest OR records.removed_at IS NOT NULL OR records.feed <> $3) \
             AND (records.version IS NULL OR n.version IS NULL OR n.version >= records.version)"
        )
    };
}

const UPSERT_BY_ID: &str =
    upsert!("external_id", "(owner_id, connector_id, external_source, external_id)");
const UPSERT_BY_HASH: &str = upsert!(
    "external_hash",
    "(owner_id, connector_id, external_source, external_hash) WHERE external_hash IS NOT NULL"
);
const UPDATE_BY_ID: &str = update!("external_id");
const UPDATE_BY_HASH: &str = update!("external_hash");

/// Writes rows that are new or changed.
///
/// # Errors
/// When the database fails.
pub(super) async fn write_rows(
    tx: &mut PgConnection,
    at: Position<'_>,
    rows: &Rows<'_>,
) -> Result<()> {
    for columns in &rows.0 {
        columns.upsert(tx, at).await?;
    }
    Ok(())
}

/// Writes rows that were stored when they were last looked at, and have changed. An upsert would make each of them twice, once
/// to find that it is there.
///
/// # Errors
/// When the database fails.
pub(super) async fn change_rows(
    tx: &mut PgConnection,
    at: Position<'_>,
    rows: &Rows<'_>,
) -> Result<()> {
    for columns in &rows.0 {
        let sql = if columns.by_hash { UPDATE_BY_HASH } else { UPDATE_BY_ID };
        let changed = columns.execute(sql, tx, at).await?;
        if changed < columns.ids.len() as u64 {
            // Some are gone by now, or somebody has written them: the upsert tells which.
            columns.upsert(tx, at).await?;
        }
    }
    Ok(())
}

impl Columns<'_> {
    async fn upsert(&self, tx: &mut PgConnection, at: Position<'_>) -> Result<u64> {
        self.execute(if self.by_hash { UPSERT_BY_HASH } else { UPSERT_BY_ID }, tx, at).await
    }

    /// Has a statement write the rows; how many it wrote.
    async fn execute(
        &self,
        sql: &'static str,
        tx: &mut PgConnection,
        at: Position<'_>,
    ) -> Result<u64> {
        let done = sqlx::query(sql)
            .bind(at.owner)
            .bind(at.connector)
            .bind(at.feed)
            .bind(at.source)
            .bind(&self.ids)
            .bind(&self.types)
            .bind(&self.keys)
            .bind(&self.places)
            .bind(&self.properties)
            .bind(&self.file_urls)
            .bind(&self.digests)
            .bind(&self.versions)
            .bind(&self.occurred)
            .bind(&self.search)
            .execute(tx)
            .await?;
        Ok(done.rows_affected())
    }
}
