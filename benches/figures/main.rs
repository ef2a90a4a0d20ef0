//! The figures: what the whole path takes, held against what the machine could do at most, in one run.
//!
//! `cargo bench` prints a table of ratios, each with its target, and ends with 1 where one is missed.

mod backfill;
mod cpu;
mod crash;
mod ground;
mod importer;
mod incremental;
mod latency;
mod limits;
mod relist;
mod stage;
mod table;
mod throttle;
mod tools;
mod trivial;
mod unpaced;
mod vendor;
mod words;
mod worlds;

use std::{process::ExitCode, time::Instant};

use clap::{Parser, ValueEnum};

use self::{stage::Stage, table::Figures};

/// Measures the program against its limits, and prints a table.
#[derive(Parser)]
struct Arguments {
    /// Records of the large runs.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(2_000..=2_000_000))]
    records: u32,
    /// Measures these alone.
    #[arg(long, value_delimiter = ',')]
    only: Vec<What>,
    /// Ends with 0 though a target is missed.
    #[arg(long)]
    lenient: bool,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// First sync and memory, against the limits.
    Backfill,
    /// Everything listed again.
    Relist,
    /// What changed since.
    Incremental,
    /// Killed in the middle.
    Crash,
    /// Refused by the vendor.
    Throttle,
    /// A vendor far away.
    Latency,
    /// The server's answers.
    Tools,
}

fn main() -> ExitCode {
    let done = if let Ok(job) = std::env::var(importer::JOB) {
        importer::main(&job).map(|()| true)
    } else if std::env::var_os(trivial::SERVER).is_some() {
        trivial::main().map(|()| true)
    } else {
        figures(&Arguments::parse())
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn figures(arguments: &Arguments) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = Figures::default();
    runtime.block_on(async {
        let mut stage = Stage::open(arguments.records as usize).await?;
        eprintln!("PostgreSQL {}, {} records", stage.ground.version(), stage.records);
        for what in What::value_variants() {
            if !arguments.only.is_empty() && !arguments.only.contains(what) {
                continue;
            }
            let start = Instant::now();
            eprintln!("{what:?}");
            measure(*what, &mut stage, &mut figures).await?;
            eprintln!("  took {:.1} s", start.elapsed().as_secs_f64());
        }
        stage.close().await
    })?;
    figures.print()?;
    Ok(arguments.lenient || figures.all_met())
}

async fn measure(what: What, stage: &mut Stage, figures: &mut Figures) -> anyhow::Result<()> {
    match what {
        What::Backfill => backfill::measure(stage, figures).await,
        What::Relist => relist::measure(stage, figures).await,
        What::Incremental => incremental::measure(stage, figures).await,
        What::Crash => crash::measure(stage, figures).await,
        What::Throttle => throttle::measure(stage, figures).await,
        What::Latency => latency::measure(stage, figures).await,
        What::Tools => tools::measure(stage, figures).await,
    }
}
