//! The first sync, whole path: fetch, parse, normalise, digest, commit with the cursor; and the memory that it takes.

use crate::{
    importer::Done,
    limits,
    stage::{Imported, Stage},
    table::{Figures, Unit, per_second},
    worlds::{Asana, Slack},
};

/// Of limit A, at least.
const SHARE: f64 = 0.75;
/// MiB beyond what it takes to do nothing.
const MEMORY: f64 = 64.0;
/// MiB that a run of many records may take more than one of a tenth of them: what an allocator does with the same work. To
/// keep as little as an id and a digest of each record would take more.
const SAME: f64 = 8.0;
/// Feeds that are read at once.
const WIDTH: usize = 4;

/// Both shapes.
///
/// # Errors
/// When an import fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let records = stage.records;
    let few = records / 10;
    let small = stage.import("asana", std::sync::Arc::new(Asana::of(few)), few).await?;
    let asana = stage.asana().await?;
    let lists: Vec<String> = asana.world.addresses();
    let lists = vec![lists.iter().map(|page| asana.vendor.address(page)).collect()];
    shape(figures, "asana", asana, lists, records).await?;
    memory(figures, "asana", (few, small.first), (records, asana.first));
    small.database.close().await;

    let small = stage.import("slack", std::sync::Arc::new(Slack::of(few)), few).await?;
    small.database.close().await;
    let slack = stage.slack().await?;
    let address = |page: &String| slack.vendor.address(page);
    let lists = slack.world.addresses();
    let lists = lists.iter().map(|list| list.iter().map(address).collect()).collect();
    shape(figures, "slack", &slack, lists, records).await?;
    memory(figures, "slack", (few, small.first), (records, slack.first));
    slack.database.close().await;
    Ok(())
}

async fn shape<W>(
    figures: &mut Figures,
    name: &str,
    of: &Imported<W>,
    lists: Vec<Vec<String>>,
    records: usize,
) -> anyhow::Result<()> {
    let told = of.vendor.told();
    of.vendor.behave(crate::vendor::Manner::default());
    let seconds = limits::drain(lists, WIDTH).await?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let drained = records as f64 / seconds;
    let (copied, shortest) = limits::copy(&of.database).await?;
    let rate = of.first.rate();
    let mib = told.bytes >> 20;
    figures.tell(
        &format!("{name}: answers drained, limit B, of limit A"),
        drained / copied,
        Unit::Times,
        format!("{}, {mib} MiB in {} requests", per_second(drained), told.requests),
    );
    figures.at_least(
        &format!("{name}: first sync, of limit A"),
        rate / copied,
        SHARE,
        Unit::Times,
        format!(
            "{} records in {:.1} s: {} of {}; processor: {:.1} s and {:.1} s of the server's, of {:.1} s",
            records,
            of.first.seconds,
            per_second(rate),
            per_second(copied),
            of.first.cpu,
            of.written.cpu,
            shortest.cpu
        ),
    );
    Ok(())
}

fn memory(figures: &mut Figures, name: &str, few: (usize, Done), many: (usize, Done)) {
    for (records, done) in [few, many] {
        figures.at_most(
            &format!("{name}: memory above idle, {records} records"),
            done.grown_mib(),
            MEMORY,
            Unit::Mib,
            format!("{} MiB at most, {} MiB idle", done.peak_kib >> 10, done.idle_kib >> 10),
        );
    }
    figures.at_most(
        &format!("{name}: memory at {} beyond that at {} records", many.0, few.0),
        many.1.grown_mib() - few.1.grown_mib(),
        SAME,
        Unit::Mib,
        "the same whatever the number of records".into(),
    );
}
