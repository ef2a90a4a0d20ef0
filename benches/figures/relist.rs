//! Everything listed again: nothing changed, and one in a hundred.

use neotoma_importers::run::SyncType;

use crate::{
    stage::Stage,
    table::{Figures, Unit, per_second},
};

/// Of the first sync's rate, at least.
const FASTER: f64 = 2.0;
/// Of the first sync's log, at most.
const LOGGED: f64 = 1.0 / 20.0;
/// One in so many changes.
const CHANGED: usize = 100;

/// Both.
///
/// # Errors
/// When a run fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let records = stage.records;
    let asana = stage.asana().await?;
    let (unchanged, written) = asana.again("asana", SyncType::Initial).await?;
    let came = unchanged.stats.unchanged == records as u64;
    anyhow::ensure!(came, "of {records} records {} came unchanged", unchanged.stats.unchanged);
    let first = asana.first.rate();
    figures.at_least(
        "listed again, of the first sync's rate",
        unchanged.rate() / first,
        FASTER,
        Unit::Times,
        format!("{} to {}", per_second(unchanged.rate()), per_second(first)),
    );
    figures.exactly("listed again: rows written", written.rows, 0, "by their xmin".into());
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let logged = written.wal as f64 / asana.written.wal as f64;
    figures.at_most(
        "listed again: log, of the first sync's",
        logged,
        LOGGED,
        Unit::Times,
        format!("{} KiB to {} MiB", written.wal >> 10, asana.written.wal >> 20),
    );

    let changed = asana.world.change(7, CHANGED);
    let (some, written) = asana.again("asana", SyncType::Initial).await?;
    let wanted = i64::try_from(changed.len())?;
    figures.exactly(
        "one in a hundred changed: rows written",
        written.rows,
        wanted,
        format!("{}, {} updated", per_second(some.rate()), some.stats.updated),
    );
    let sql = "SELECT count(*) FROM records WHERE external_id = ANY($1) AND properties ->> 'name' LIKE '% v1'";
    let right: i64 = sqlx::query_scalar(sql).bind(&changed).fetch_one(&asana.database.pool).await?;
    anyhow::ensure!(right == wanted, "{right} of {wanted} changes are there");
    Ok(())
}
