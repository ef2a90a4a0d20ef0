//! What changed since the last sync: one in five hundred.

use neotoma_importers::run::SyncType;

use crate::{
    stage::Stage,
    table::{Figures, Unit},
};

/// One in so many changes.
const CHANGED: usize = 500;
/// Requests beyond the feed's minimum.
const MORE: f64 = 5.0;
/// Milliseconds from the connected database to the end of the run.
const TIME: f64 = 100.0;

/// It.
///
/// # Errors
/// When the run fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let asana = stage.asana().await?;
    // The account is caught up before.
    asana.again("asana", SyncType::Initial).await?;
    let changed = asana.world.change(11, CHANGED).len();
    let (done, written) = asana.again("asana", SyncType::Incremental).await?;
    // Asana's events name what changed; the tasks themselves are asked for one by one.
    let least = asana.world.event_pages() + changed;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let more = done.stats.requests as f64 - least as f64;
    figures.at_most(
        "incremental: requests beyond the feed's minimum",
        more,
        MORE,
        Unit::Count,
        format!("{} asked, {least} needed for {changed} changes", done.stats.requests),
    );
    figures.at_most(
        "incremental: time once connected",
        done.seconds * 1e3,
        TIME,
        Unit::Ms,
        format!("{} updated", done.stats.updated),
    );
    let wanted = i64::try_from(changed)?;
    figures.exactly("incremental: rows written", written.rows, wanted, "by their xmin".into());
    Ok(())
}
