//! A vendor far away, and a request for each message.

use std::{sync::Arc, time::Duration};

use neotoma_importers::run::SyncType;

use crate::{
    importer::Job,
    stage::Stage,
    table::{Figures, Unit, per_second},
    unpaced,
    vendor::{Manner, Vendor, World},
    worlds::Gmail,
};

/// Milliseconds that an answer takes, how many messages there are, and how many a second came one at a time.
const CASES: [(u64, usize, f64); 2] = [(20, 4_000, 45.0), (100, 2_000, 10.0)];
/// Requests at once.
const AT_ONCE: f64 = 40.0;

/// Both.
///
/// # Errors
/// When a run fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let database = stage.ground.database("latency").await?;
    for (ms, mails, alone) in CASES {
        let world: Arc<dyn World> = Arc::new(Gmail::of(mails));
        let vendor = Vendor::open("gmail", world)?;
        let connector = database.link(unpaced::find("gmail")?, &format!("{ms} ms away")).await?;
        let job = Job::of("gmail", connector, SyncType::Incremental, &database, &vendor)?;
        vendor.behave(Manner { latency: Duration::from_millis(ms), ..Manner::default() });
        let done = job.run().await?;
        anyhow::ensure!(done.stats.created == mails as u64, "{:?}", done.stats);
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let most = vendor.told().most_open as f64;
        let faster = done.rate() / alone;
        figures.at_least(
            &format!("gmail, {ms} ms away: details at once"),
            most,
            AT_ONCE,
            Unit::Count,
            format!("{}: {faster:.0} times one at a time", per_second(done.rate())),
        );
    }
    database.close().await;
    Ok(())
}
