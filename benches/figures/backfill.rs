//! The first sync, whole path: fetch, parse, normalise, digest, commit with the cursor; and the memory that it takes.

use std::sync::Arc;

use anyhow::Context as _;

use crate::{
    ground::Written,
    importer::Done,
    limits,
    stage::{Imported, Stage},
    table::{Figures, Unit, per_second},
    vendor::World,
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

/// First syncs of each shape, each held against limit A at once: the machine's own pace changes from minute to minute.
const ROUNDS: usize = 3;

/// Both shapes.
///
/// # Errors
/// When an import fails.
pub async fn measure(stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let records = stage.records;
    let few = records / 10;
    let small = stage.import("asana", "asana", Arc::new(Asana::of(few)), few).await?;
    small.database.close().await;
    let first = Round::of(stage.asana().await?).await?;
    let stage = &*stage;
    let asana = stage.known()?;
    let measured = rounds(stage, "asana", first, asana).await?;
    let lists: Vec<String> = asana.world.addresses();
    let lists = vec![lists.iter().map(|page| asana.vendor.address(page)).collect()];
    shape(figures, "asana", asana, lists, measured).await?;
    memory(figures, "asana", (few, small.first), (records, asana.first));

    let small = stage.import("slack", "slack", Arc::new(Slack::of(few)), few).await?;
    small.database.close().await;
    let slack = stage.slack().await?;
    let measured = rounds(stage, "slack", Round::of(&slack).await?, &slack).await?;
    let address = |page: &String| slack.vendor.address(page);
    let lists = slack.world.addresses();
    let lists = lists.iter().map(|list| list.iter().map(address).collect()).collect();
    shape(figures, "slack", &slack, lists, measured).await?;
    memory(figures, "slack", (few, small.first), (records, slack.first));
    slack.database.close().await;
    Ok(())
}

/// A first sync, and what the machine could do at most at that time.
struct Round {
    first: Done,
    written: Written,
    copied: f64,
    shortest: Written,
}

impl Round {
    async fn of<W>(of: &Imported<W>) -> anyhow::Result<Self> {
        let (copied, shortest) = limits::copy(&of.database).await?;
        Ok(Self { first: of.first, written: of.written, copied, shortest })
    }

    fn share(&self) -> f64 {
        self.first.rate() / self.copied
    }
}

/// All rounds of a shape, by their share of limit A.
async fn rounds<W: World>(
    stage: &Stage,
    provider: &'static str,
    first: Round,
    of: &Imported<W>,
) -> anyhow::Result<Vec<Round>> {
    let mut rounds = vec![first];
    while rounds.len() < ROUNDS {
        let again = stage.import(provider, "again", Arc::clone(&of.world), stage.records).await?;
        rounds.push(Round::of(&again).await?);
        again.database.close().await;
    }
    rounds.sort_by(|one, other| one.share().total_cmp(&other.share()));
    Ok(rounds)
}

async fn shape<W>(
    figures: &mut Figures,
    name: &str,
    of: &Imported<W>,
    lists: Vec<Vec<String>>,
    rounds: Vec<Round>,
) -> anyhow::Result<()> {
    let told = of.vendor.told();
    of.vendor.behave(crate::vendor::Manner::default());
    let seconds = limits::drain(lists, WIDTH).await?;
    let shares: Vec<String> = rounds.iter().map(|of| format!("{:.2}", of.share())).collect();
    let middle = rounds.get(rounds.len() / 2).context("a round")?;
    let (first, copied) = (&middle.first, middle.copied);
    let records = first.stats.created;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let drained = records as f64 / seconds;
    let mib = told.bytes >> 20;
    figures.tell(
        &format!("{name}: answers drained, limit B, of limit A"),
        drained / copied,
        Unit::Times,
        format!("{}, {mib} MiB in {} requests", per_second(drained), told.requests),
    );
    figures.at_least(
        &format!("{name}: first sync, of limit A, p50"),
        middle.share(),
        SHARE,
        Unit::Times,
        format!(
            "of {}; {records} records in {:.1} s: {} of {}; processor: {:.1} s and {:.1} s of the server's, of {:.1} s",
            shares.join(", "),
            first.seconds,
            per_second(first.rate()),
            per_second(copied),
            first.cpu,
            middle.written.cpu,
            middle.shortest.cpu
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
