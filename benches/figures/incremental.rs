//! What changed since the last sync: one in five hundred.

use anyhow::Context as _;
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

/// Passes that are measured.
const ROUNDS: usize = 3;

/// The requests, the time and the rows of such passes.
///
/// # Errors
/// When a run fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let asana = stage.asana().await?;
    let (mut times, mut more, mut rows, mut wanted) = (Vec::new(), 0, 0, 0);
    let mut of_one = String::new();
    for round in 0..ROUNDS {
        // The account is caught up before.
        asana.again("asana", SyncType::Initial).await?;
        let changed = asana.world.change(11 + round, CHANGED).len();
        let (done, written) = asana.again("asana", SyncType::Incremental).await?;
        // Asana's events name what changed; the tasks themselves are asked for one by one.
        let least = asana.world.event_pages() + changed;
        more = more.max(done.stats.requests.saturating_sub(least as u64));
        of_one = format!("{} asked, {least} needed for {changed} changes", done.stats.requests);
        times.push(done.seconds * 1e3);
        rows += written.rows;
        wanted += i64::try_from(changed)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let more = more as f64;
    figures.at_most(
        "incremental: requests beyond the feed's minimum",
        more,
        MORE,
        Unit::Count,
        of_one,
    );
    times.sort_by(f64::total_cmp);
    let each: Vec<String> = times.iter().map(|time| format!("{time:.1}")).collect();
    figures.at_most(
        "incremental: time once connected, p50",
        times.get(ROUNDS / 2).copied().context("a time")?,
        TIME,
        Unit::Ms,
        format!("of {}", each.join(", ")),
    );
    figures.exactly("incremental: rows written", rows, wanted, "by their xmin".into());
    Ok(())
}
