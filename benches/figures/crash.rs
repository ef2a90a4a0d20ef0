//! An importer that is killed in the middle of its first sync.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use neotoma_importers::run::SyncType;

use crate::{
    importer::Job,
    stage::Stage,
    table::{Figures, Unit},
    unpaced,
    vendor::{Manner, Vendor, World},
    worlds::Asana,
};

/// How long the first half may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// It.
///
/// # Errors
/// When the second run fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let world = Arc::new(Asana::of(stage.records / 4));
    let pages = world.pages();
    let vendor = Vendor::open("asana", Arc::clone(&world) as Arc<dyn World>)?;
    let database = stage.ground.database("crash").await?;
    let connector = database.link(unpaced::find("asana")?, "killed").await?;
    let job = Job::of("asana", connector, SyncType::Incremental, &database, &vendor)?;

    let mut importer = job.launch()?;
    let stored = "SELECT coalesce(max(listing_pages), 0) FROM external_feeds";
    let half = async {
        while database.count(stored).await? < i64::try_from(pages / 2)? {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, half).await.context("half of the pages")??;
    importer.kill().await?;
    // What the server had been told before may still be on its way into the table.
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND pid <> pg_backend_pid() AND state <> 'idle'";
    while database.count(busy).await? > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let kept = usize::try_from(database.count(stored).await?)?;
    anyhow::ensure!(kept < pages, "it was done before it was killed");

    vendor.behave(Manner::default());
    world.pages_asked();
    job.run().await?;
    let asked = world.pages_asked();
    let records = database.count("SELECT count(*) FROM records WHERE removed_at IS NULL").await?;
    anyhow::ensure!(records == i64::try_from(stage.records / 4)?, "{records} records are there");
    let left = pages - kept;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let more = asked as f64 - left as f64;
    figures.at_most(
        "killed: pages that the next run asks for beyond the rest",
        more,
        1.0,
        Unit::Count,
        format!("{kept} of {pages} pages were stored, {asked} asked for then"),
    );
    database.close().await;
    Ok(())
}
