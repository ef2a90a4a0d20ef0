//! A vendor that refuses every fiftieth request for a second.

use std::sync::Arc;

use neotoma_importers::run::SyncType;

use crate::{
    importer::Job,
    stage::Stage,
    table::{Figures, Unit},
    unpaced,
    vendor::{Manner, Vendor, World},
    worlds::Asana,
};

/// Records, and with them the number of pauses.
const RECORDS: usize = 20_000;
/// Every so many requests.
const EVERY: u64 = 50;
/// Seconds that are asked for.
const PAUSE: u64 = 1;
/// Of the time that was asked for, at most.
const LONGEST: f64 = 1.1;

/// It.
///
/// # Errors
/// When a run fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let world: Arc<dyn World> = Arc::new(Asana::of(RECORDS.min(stage.records)));
    let vendor = Vendor::open("asana", world)?;
    let database = stage.ground.database("throttle").await?;
    let mut seconds = Vec::new();
    for (account, throttle) in [("free", None), ("throttled", Some((EVERY, PAUSE)))] {
        let connector = database.link(unpaced::find("asana")?, account).await?;
        let job = Job::of("asana", connector, SyncType::Incremental, &database, &vendor)?;
        vendor.behave(Manner { throttle, ..Manner::default() });
        seconds.push(job.run().await?.seconds);
    }
    let pauses = vendor.told().pauses;
    anyhow::ensure!(!pauses.is_empty(), "nothing was refused");
    let asked: f64 = pauses.iter().map(|pause| pause.asked.as_secs_f64()).sum();
    let kept: f64 = pauses.iter().map(|pause| pause.kept.as_secs_f64()).sum();
    let shares = pauses.iter().map(|pause| pause.kept.div_duration_f64(pause.asked));
    let added = seconds.last().unwrap_or(&0.0) - seconds.first().unwrap_or(&0.0);
    figures.at_most(
        "throttled: time kept, of what was asked",
        kept / asked,
        LONGEST,
        Unit::Times,
        format!("{} pauses of {PAUSE} s; the run took {added:.2} s more", pauses.len()),
    );
    figures.at_least(
        "throttled: earliest request, of what was asked",
        shares.fold(f64::INFINITY, f64::min),
        1.0,
        Unit::Times,
        "never earlier".into(),
    );
    database.close().await;
    Ok(())
}
