//! What the machine can do at most: A, write the same rows by the shortest way that the server has; B, take the same answers
//! and do nothing with them.

use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::ground::{Database, Written};

/// What is copied: everything but the columns that the server makes itself.
macro_rules! columns {
    () => {
        "owner_id, id, connector_id, feed, type, external_source, external_id, external_hash, external_place, \
         properties, file_urls, digest, version, occurred_at, search_text, removed_at, created_at, updated_at"
    };
}

/// A table with the columns, keys, indexes and checks of `records`.
const TABLE: &str = "CREATE TABLE limit_a (LIKE records INCLUDING ALL, \
    FOREIGN KEY (owner_id, connector_id) REFERENCES external_connectors (owner_id, id))";
const FIRST_HALF: &str = concat!(
    "COPY (SELECT ",
    columns!(),
    " FROM records ORDER BY id LIMIT (SELECT count(*) / 2 FROM records)) TO STDOUT (FORMAT binary)"
);
const SECOND_HALF: &str = concat!(
    "COPY (SELECT ",
    columns!(),
    " FROM records ORDER BY id OFFSET (SELECT count(*) / 2 FROM records)) TO STDOUT (FORMAT binary)"
);
const WRITE: &str = concat!("COPY limit_a (", columns!(), ") FROM STDIN (FORMAT binary)");
/// How much goes to the server at once.
const CHUNK: usize = 64 << 10;

/// Limit A: rows a second by COPY over two connections. The rows are those of `records`, read into memory before the clock
/// starts, in the order in which they were written.
///
/// # Errors
/// When the database fails.
pub async fn copy(database: &Database) -> anyhow::Result<(f64, Written)> {
    let mut connection = database.pool.acquire().await?;
    let mut halves = Vec::new();
    for sql in [FIRST_HALF, SECOND_HALF] {
        let rows = connection.copy_out_raw(sql).await?;
        halves.push(
            rows.try_fold(Vec::new(), async |mut all, part| {
                all.extend_from_slice(&part);
                Ok(all)
            })
            .await?,
        );
    }
    drop(connection);
    // In a transaction of its own: rows of a table that is made in the same one are not logged.
    sqlx::raw_sql(TABLE).execute(&database.pool).await?;
    database.settle().await?;
    let mut writers = Vec::new();
    for half in halves {
        writers.push((database.connect().await?, half));
    }
    let mark = database.mark().await?;
    let start = Instant::now();
    let writing = writers.into_iter().map(|(mut connection, half)| async move {
        let mut copy = connection.copy_in_raw(WRITE).await?;
        for chunk in half.chunks(CHUNK) {
            copy.send(chunk).await?;
        }
        copy.finish().await
    });
    let rows: Vec<u64> = futures::future::try_join_all(writing).await?;
    let seconds = start.elapsed().as_secs_f64();
    let written = database.since(&mark).await?;
    sqlx::raw_sql("DROP TABLE limit_a").execute(&database.pool).await?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    Ok((rows.iter().sum::<u64>() as f64 / seconds, written))
}

/// Limit B: how many seconds it takes to fetch what lies at these addresses and to let go of it. Each list is read one
/// address after another, so many lists at once.
///
/// # Errors
/// When an answer is none.
pub async fn drain(lists: Vec<Vec<String>>, width: usize) -> anyhow::Result<f64> {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let start = Instant::now();
    let reading = stream::iter(lists).map(|list| {
        let http = http.clone();
        async move {
            for address in list {
                http.get(address).send().await?.error_for_status()?.bytes().await?;
            }
            anyhow::Ok(())
        }
    });
    reading.buffer_unordered(width).try_collect::<()>().await?;
    Ok(start.elapsed().as_secs_f64())
}
