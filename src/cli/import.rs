//! `neotoma import`: syncs connectors, several side by side.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{ArgGroup, Args, value_parser};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    args,
    exit::{Exit, Usage},
    out::{self, Format},
    progress::{Board, Line, TICK},
    report::{self, Ended, Outcome},
    signals::Signals,
    table::{self, Look},
};
use crate::{
    app::{
        self, App, ConnectorStatus, ConnectorView, RunHandle, RunStatus, RunView, Selector,
        SyncRequest, SyncType, Trigger,
    },
    ids::{ConnectorId, OwnerId},
};

/// How many connectors are synced at once.
const SIDE_BY_SIDE: usize = 8;
/// How long one wait for a run's end lasts before the run is looked at again.
const LOOK_AGAIN: Duration = Duration::from_mins(10);

/// Arguments of `neotoma import`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("which").required(true)),
    after_help = "Examples:
  neotoma import --all
  neotoma import --provider gmail --since 2026-01-01 --dry-run
  neotoma import --provider gmail --file Takeout/Mail/all.mbox

Ctrl-C stops after the current page; the next import goes on from there."
)]
pub struct ImportArgs {
    /// This connector; may be given several times
    #[arg(long, value_name = "ID", group = "which")]
    connector_id: Vec<ConnectorId>,
    /// All connectors of this provider
    #[arg(long, group = "which")]
    provider: Option<String>,
    /// All connectors
    #[arg(long, group = "which", conflicts_with = "file")]
    all: bool,
    /// Read mail from this mbox file (Google Takeout, Thunderbird) into the account instead; gmail and outlook
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "sync_type", "limit", "max_pages", "since", "dry_run", "confirm_removals",
    ])]
    file: Option<PathBuf>,
    /// `incremental` brings what changed; `initial` lists everything again and marks removed what is gone
    #[arg(long, value_parser = args::sync_type(), default_value = "incremental")]
    sync_type: SyncType,
    /// Wished page size, 1 to 1000
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Stop after so many pages, 1 to 10000
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000))]
    max_pages: Option<u32>,
    /// A first import reaches back to here: a date, or a time as in RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = args::when)]
    since: Option<Timestamp>,
    /// Fetch and normalise, write nothing, and tell what would change
    #[arg(long)]
    dry_run: bool,
    /// Mark removed what waits for a yes, this import's removals included
    #[arg(long)]
    confirm_removals: bool,
    #[command(flatten)]
    format: Format,
}

impl ImportArgs {
    fn request(&self) -> SyncRequest {
        SyncRequest {
            sync_type: self.sync_type,
            limit: self.limit,
            max_pages: self.max_pages,
            since: self.since,
            dry_run: self.dry_run,
            confirm_removals: self.confirm_removals,
            ..SyncRequest::new(Trigger::Cli)
        }
    }
}

/// Imports, shows how far it is, and tells what came of it.
///
/// # Errors
/// When the connectors cannot be found; what happens to one of them is part of the report.
pub async fn run(app: &App, owner: &OwnerId, args: &ImportArgs) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let chosen = tokio::select! {
        chosen = choose(app, owner, args) => chosen?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    if args.file.is_some() && chosen.len() != 1 {
        let accounts: Vec<String> = chosen.iter().map(table::connector).collect();
        let problem = format!(
            "--file: mail goes into one account, name it by --connector-id: {}",
            accounts.join(", ")
        );
        return Err(Usage::error(problem));
    }
    let (request, stop) = (args.request(), CancellationToken::new());
    let outcomes = {
        let board = Board::new();
        tokio::select! {
            outcomes = all(app, owner, chosen, (&request, args.file.as_deref()), &stop, &board) => outcomes,
            () = asked_to_stop(&mut signals, &stop, &board) => return Ok(Exit::Aborted),
        }
    };
    let runs = report::runs(&outcomes, args.sync_type, args.dry_run);
    let look = Look::of_stdout();
    args.format.print(runs.as_slice(), |runs| report::draw(&look, runs))?;
    runs.iter().flat_map(|run| report::remarks(owner, run)).for_each(out::say);
    if args.dry_run {
        out::say("this was a dry run: nothing was written");
    }
    Ok(report::exit(&outcomes))
}

/// The connectors that the arguments mean.
async fn choose(
    app: &App,
    owner: &OwnerId,
    args: &ImportArgs,
) -> anyhow::Result<Vec<ConnectorView>> {
    if !args.connector_id.is_empty() {
        let mut chosen = Vec::new();
        for id in args.connector_id.iter().collect::<BTreeSet<_>>() {
            chosen.push(app.connector(owner, *id).await?);
        }
        return Ok(chosen);
    }
    let mut chosen = app.connectors(owner, false).await?;
    if let Some(provider) = &args.provider {
        chosen.retain(|of| of.provider == *provider);
        if chosen.is_empty() {
            // Answers which of the two it is: no such provider, or no account there.
            chosen.push(app.resolve(owner, &Selector::Provider(provider.clone())).await?);
        }
    } else if chosen.is_empty() {
        let link = out::command(owner, "link <PROVIDER>");
        out::say(format_args!(
            "no account is linked yet, so nothing is imported; link one: {link}"
        ));
    }
    let (paused, awake): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|of| of.status == ConnectorStatus::Paused);
    if awake.is_empty() && !args.all {
        // Asked for by name: each then answers that it is paused, and the import fails.
        return Ok(paused);
    }
    report::left_out(owner, &paused).iter().for_each(out::say);
    Ok(awake)
}

/// Stops the runs at the first request; ends at the second.
async fn asked_to_stop(signals: &mut Signals, stop: &CancellationToken, board: &Board) {
    signals.next().await;
    board.say("stopping after the current page, press again to abort");
    stop.cancel();
    signals.next().await;
}

async fn all(
    app: &App,
    owner: &OwnerId,
    chosen: Vec<ConnectorView>,
    what: (&SyncRequest, Option<&Path>),
    stop: &CancellationToken,
    board: &Board,
) -> Vec<Outcome> {
    let outcomes =
        stream::iter(chosen).map(|connector| one(app, owner, connector, what, stop, board));
    outcomes.buffered(SIDE_BY_SIDE).collect().await
}

async fn one(
    app: &App,
    owner: &OwnerId,
    connector: ConnectorView,
    (request, file): (&SyncRequest, Option<&Path>),
    stop: &CancellationToken,
    board: &Board,
) -> Outcome {
    if stop.is_cancelled() {
        return Outcome { connector, ended: Ended::NotBegun };
    }
    let mut line = board.begin(&table::connector(&connector), Instant::now());
    let ended = async {
        let id = connector.connector_id;
        let handle = match file {
            Some(file) => app.import_mail(owner, id, file, request.trigger).await?,
            None => app.sync(owner, id, request.clone()).await?,
        };
        follow(&handle, stop, &mut line).await
    };
    let ended = match ended.await {
        Ok(run) => Ended::Run(Box::new(run)),
        Err(error) => Ended::Refused(error),
    };
    let outcome = Outcome { connector, ended };
    line.end(&outcome.words());
    outcome
}

/// Shows a run until it ends. Once it was asked to stop, a run of another process, which goes on, is left to it.
async fn follow(
    handle: &RunHandle,
    stop: &CancellationToken,
    line: &mut Line,
) -> app::Result<RunView> {
    let progress = handle.progress();
    let mut ticks = tokio::time::interval(TICK);
    let end = async {
        loop {
            let run = handle.wait(LOOK_AGAIN).await?;
            if run.status != RunStatus::Running {
                return Ok(run);
            }
        }
    };
    tokio::pin!(end);
    let mut stopped = false;
    loop {
        tokio::select! {
            run = &mut end => return run,
            () = stop.cancelled(), if !stopped => {
                stopped = true;
                handle.stop();
                let run = handle.view().await?;
                if run.already_running {
                    return Ok(run);
                }
            }
            _ = ticks.tick() => {
                let now = progress.borrow().clone();
                line.show(&now, Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ImportArgs,
    }

    fn request(line: &str) -> SyncRequest {
        Line::try_parse_from(line.split(' ')).unwrap().args.request()
    }

    #[test]
    fn an_import_asks_for_what_was_typed_and_else_for_what_is_new() {
        let plain = request("import --all");
        assert_eq!(plain.sync_type, SyncType::Incremental);
        assert_eq!(plain.trigger, Trigger::Cli);
        assert_eq!((plain.limit, plain.max_pages, plain.since), (None, None, None));
        assert!(!plain.dry_run && !plain.confirm_removals);

        let full = request(
            "import --provider gmail --sync-type initial --limit 50 --max-pages 3 \
             --since 2026-01-01T00:00:00Z --dry-run --confirm-removals",
        );
        assert_eq!(full.sync_type, SyncType::Initial);
        assert_eq!((full.limit, full.max_pages), (Some(50), Some(3)));
        assert_eq!(full.since.unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert!(full.dry_run && full.confirm_removals);
    }
}
