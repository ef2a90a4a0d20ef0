//! Records, found and read.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::{Row, postgres::PgRow};

use super::{Lease, Result, Store, StoreError, to_db};
use crate::{
    ids::{ConnectorId, OwnerId, RecordId},
    record::Kind,
};

/// A stored record.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: RecordId,
    /// The connector.
    pub connector: ConnectorId,
    /// The account, as a person knows it.
    pub account: String,
    /// Its type.
    pub kind: Kind,
    /// `external_source`: the provider's id.
    pub source: String,
    /// The vendor's id of it.
    pub external_id: Option<String>,
    /// The hash that names it, where the vendor gives no id.
    pub external_hash: Option<String>,
    /// What it says.
    pub properties: Map<String, Value>,
    /// Addresses of its files.
    pub file_urls: Vec<String>,
    /// When it took place.
    pub occurred_at: Option<Timestamp>,
    /// When it was found gone.
    pub removed_at: Option<Timestamp>,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When it last changed here.
    pub updated_at: Timestamp,
}

/// A place in search results, to go on after: how well the last one fitted, when it took place, its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1 where the title alone answers the query, else 0.
    pub rank: i32,
    /// When it took place; absent ones come last.
    pub occurred_at: Option<Timestamp>,
    /// Its id.
    pub id: RecordId,
}

/// A record among search results.
#[derive(Clone, Debug)]
pub struct Found {
    /// The record.
    pub record: Stored,
    /// Where it stands among the results.
    pub place: Place,
}

/// What is searched for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Folded words for `websearch_to_tsquery`; absent: everything.
    pub words: Option<String>,
    /// Of these types; empty: all.
    pub kinds: Vec<Kind>,
    /// Of these providers; empty: all.
    pub sources: Vec<String>,
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// That took place at or after.
    pub since: Option<Timestamp>,
    /// That took place before.
    pub until: Option<Timestamp>,
    /// After this place.
    pub after: Option<Place>,
    /// How many.
    pub limit: i64,
}

fn read(row: &PgRow) -> Result<Stored> {
    let bad = |column| StoreError::Inconsistent { table: "records", column };
    let time = |column: &'static str| -> Result<Option<Timestamp>> {
        Ok(row
            .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?
            .map(jiff_sqlx::Timestamp::to_jiff))
    };
    Ok(Stored {
        id: row.try_get("id")?,
        connector: row.try_get("connector_id")?,
        account: row.try_get("account")?,
        kind: Kind::parse(row.try_get("type")?).ok_or(bad("type"))?,
        source: row.try_get("external_source")?,
        external_id: row.try_get("external_id")?,
        external_hash: row.try_get("external_hash")?,
        properties: match row.try_get("properties")? {
            Value::Object(fields) => fields,
            _ => return Err(bad("properties")),
        },
        file_urls: serde_json::from_value(row.try_get("file_urls")?)
            .map_err(|_| bad("file_urls"))?,
        occurred_at: time("occurred_at")?,
        removed_at: time("removed_at")?,
        created_at: time("created_at")?.ok_or(bad("created_at"))?,
        updated_at: time("updated_at")?.ok_or(bad("updated_at"))?,
    })
}

/// The columns that `read` takes, from `records r` and `external_connectors c`.
macro_rules! columns {
    () => {
        "r.id, r.connector_id, r.type, r.external_source, r.external_id, r.external_hash, r.properties, \
         r.file_urls, r.occurred_at, r.removed_at, r.created_at, r.updated_at, \
         coalesce(nullif(c.account_label, ''), c.account_identifier) AS account"
    };
}

/// The newest of an owner's living records that pass, from a place on, in the order of `records_newest`; `words` is a further
/// condition, on $10. The words stand in it as a constant to the planner: by how common they are it goes by their index, or
/// along the newest until enough are found.
macro_rules! newest {
    ($words:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM records r JOIN external_connectors c ON c.owner_id = r.owner_id AND c.id = r.connector_id \
             WHERE r.owner_id = $1 AND r.removed_at IS NULL \
             AND (cardinality($2::text[]) = 0 OR r.type = ANY($2)) \
             AND (cardinality($3::text[]) = 0 OR r.external_source = ANY($3)) \
             AND ($4::uuid IS NULL OR r.connector_id = $4) \
             AND ($5::timestamptz IS NULL OR coalesce(r.occurred_at, '-infinity'::timestamptz) >= $5) \
             AND ($6::timestamptz IS NULL OR (coalesce(r.occurred_at, '-infinity'::timestamptz) < $6 \
                AND r.occurred_at IS NOT NULL)) \
             AND ($7::uuid IS NULL OR (coalesce(r.occurred_at, '-infinity'::timestamptz), r.id) \
                < (coalesce($8::timestamptz, '-infinity'::timestamptz), $7)) ",
            $words,
            " ORDER BY coalesce(r.occurred_at, '-infinity'::timestamptz) DESC, r.id DESC LIMIT $9"
        )
    };
}

const NEWEST: &str = newest!("");
// The rest of the record may hold a word that is asked not to be there.
const BY_TITLE: &str = newest!(
    "AND r.title @@ websearch_to_tsquery('simple'::regconfig, $10) \
     AND r.search @@ websearch_to_tsquery('simple'::regconfig, $10)"
);
const BY_THE_REST: &str = newest!(
    "AND r.search @@ websearch_to_tsquery('simple'::regconfig, $10) \
     AND NOT r.title @@ websearch_to_tsquery('simple'::regconfig, $10)"
);

/// A record that a vendor can be asked about by its id.
#[derive(Clone, Debug)]
pub struct KnownRecord {
    /// The vendor's id of it.
    pub external_id: String,
    /// Where it stands among the newest; its rank is 0.
    pub place: Place,
}

impl Store {
    /// The newest records of a feed that are alive, after a place among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_known(
        &self,
        lease: &Lease,
        feed: &str,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<KnownRecord>> {
        let rows = sqlx::query(
            "SELECT id, occurred_at, external_id FROM records WHERE owner_id = $1 AND connector_id = $2 \
             AND feed = $3 AND removed_at IS NULL AND external_id IS NOT NULL \
             AND ($4::uuid IS NULL OR (coalesce(occurred_at, '-infinity'::timestamptz), id) \
               < (coalesce($5::timestamptz, '-infinity'::timestamptz), $4)) \
             ORDER BY coalesce(occurred_at, '-infinity'::timestamptz) DESC, id DESC LIMIT $6",
        )
        .bind(&lease.owner)
        .bind(lease.connector)
        .bind(feed)
        .bind(after.map(|place| place.id))
        .bind(after.and_then(|place| place.occurred_at).map(to_db))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let at: Option<jiff_sqlx::Timestamp> = row.try_get("occurred_at")?;
                let occurred_at = at.map(jiff_sqlx::Timestamp::to_jiff);
                let place = Place { rank: 0, occurred_at, id: row.try_get("id")? };
                Ok(KnownRecord { external_id: row.try_get("external_id")?, place })
            })
            .collect()
    }

    /// Records that answer a query: those whose title does first, newest first among equals.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(&self, owner: &OwnerId, query: &Query) -> Result<Vec<Found>> {
        let Some(words) = query.words.as_deref() else {
            return self.newest(owner, query, NEWEST, None, (0, query.limit)).await;
        };
        let mut found = Vec::new();
        if query.after.is_none_or(|place| place.rank > 0) {
            found = self.newest(owner, query, BY_TITLE, Some(words), (1, query.limit)).await?;
        }
        let left = query.limit.saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        if left > 0 {
            found.extend(self.newest(owner, query, BY_THE_REST, Some(words), (0, left)).await?);
        }
        Ok(found)
    }

    /// At most `limit` records that a statement finds, all of one rank; after the query's place where it has this rank.
    async fn newest(
        &self,
        owner: &OwnerId,
        query: &Query,
        sql: &'static str,
        words: Option<&str>,
        (rank, limit): (i32, i64),
    ) -> Result<Vec<Found>> {
        let kinds: Vec<&str> = query.kinds.iter().map(|kind| kind.as_str()).collect();
        let after = query.after.filter(|place| place.rank == rank);
        let mut statement = sqlx::query(sql)
            .persistent(false) // planned for these very words
            .bind(owner)
            .bind(kinds)
            .bind(&query.sources)
            .bind(query.connector)
            .bind(query.since.map(to_db))
            .bind(query.until.map(to_db))
            .bind(after.map(|place| place.id))
            .bind(after.and_then(|place| place.occurred_at).map(to_db))
            .bind(limit);
        if let Some(words) = words {
            statement = statement.bind(words);
        }
        let rows = statement.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let record = read(row)?;
                let place = Place { rank, occurred_at: record.occurred_at, id: record.id };
                Ok(Found { record, place })
            })
            .collect()
    }

    /// One record, removed ones included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, owner: &OwnerId, id: RecordId) -> Result<Option<Stored>> {
        let row = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM records r JOIN external_connectors c ON c.owner_id = r.owner_id AND c.id = r.connector_id \
             WHERE r.owner_id = $1 AND r.id = $2"
        ))
            .bind(owner)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }
}
