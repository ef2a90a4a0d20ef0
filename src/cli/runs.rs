//! `neotoma runs`: the history of imports.

use clap::{Args, value_parser};

use super::{
    args,
    exit::Exit,
    out::{self, Format},
    report,
    table::{self, Column, Grid, Look, number, toned},
};
use crate::{
    app::{App, RunStatus, RunView, RunsRequest},
    ids::{ConnectorId, OwnerId, RunId},
};

/// Arguments of `neotoma runs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma runs --status failed --limit 5
  neotoma runs --run-id 0197f0c0-8b6f-7dd4-a9d5-ed1d1d184a90 --json")]
pub struct RunsArgs {
    /// Of this connector
    #[arg(long, value_name = "ID")]
    connector_id: Option<ConnectorId>,
    /// That stand so
    #[arg(long, value_parser = args::run_status())]
    status: Option<RunStatus>,
    /// This one alone
    #[arg(long, value_name = "ID")]
    run_id: Option<RunId>,
    /// How many, 1 to 100
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100))]
    limit: Option<u32>,
    /// Go on after an earlier page
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// Prints the history, newest first.
///
/// # Errors
/// When there is no such run or connector.
pub async fn run(app: &App, owner: &OwnerId, args: RunsArgs) -> anyhow::Result<Exit> {
    let one = args.run_id.is_some();
    let request = RunsRequest {
        run_id: args.run_id,
        connector_id: args.connector_id,
        status: args.status,
        limit: args.limit,
        cursor: args.cursor,
    };
    let found = app.runs(owner, request).await?;
    let look = Look::of_stdout();
    args.format.print(&found, |found| draw(&look, &found.runs))?;
    if found.runs.is_empty() {
        out::say("no run is like that");
    }
    for run in &found.runs {
        if one {
            report::remarks(owner, run).iter().for_each(out::say);
        } else {
            let name = table::account(&run.provider, &run.account);
            run.error.iter().for_each(|error| out::say(table::about(&name, &error.message)));
        }
    }
    if let Some(cursor) = &found.next_cursor {
        out::say(format_args!("for older ones: --cursor {cursor}"));
    }
    Ok(Exit::Done)
}

fn draw(look: &Look, runs: &[RunView]) -> String {
    let mut grid = Grid::new(
        look,
        &[
            Column::text("run").whole(),
            Column::text("status"),
            Column::text("started"),
            Column::text("changes"),
        ],
    );
    for run in runs {
        let name = table::account(&run.provider, &run.account);
        let id = run.run_id.map(|id| id.to_string()).unwrap_or_default();
        let began = format!("{}\n{}", look.time(run.started_at), run.sync_type.as_str());
        grid.row([
            format!("{name}\n{id}").into(),
            toned(
                format!("{}\n{}", run.status.as_str(), report::time(run)),
                report::tone(run.status),
            ),
            began.into(),
            changes(run).into(),
        ]);
    }
    grid.draw()
}

fn changes(run: &RunView) -> String {
    let of = &run.stats;
    let counts = [
        (of.created, "created"),
        (of.updated, "updated"),
        (of.unchanged, "unchanged"),
        (of.removed, "removed"),
        (of.skipped, "skipped"),
    ];
    let some = counts.into_iter().filter(|(n, _)| *n > 0);
    let lines: Vec<_> = some.map(|(n, word)| format!("{} {word}", number(n))).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples, *};

    #[test]
    fn the_history_fits_a_narrow_terminal_with_its_ids_whole() {
        let mut going = samples::run(RunStatus::Running);
        going.completed_at = None;
        going.stats = crate::app::Stats::default();
        assert_eq!(
            draw(&samples::look(80), &[going, samples::run(RunStatus::Success)]),
            "\
run                                   status   started           changes
slack · Anna                          running  2026-03-01 10:22  none
0197f0c0-8b6f-7dd4-a9d5-ed1d1d184a90           incremental
slack · Anna                          success  2026-03-01 10:22  1,200 created
0197f0c0-8b6f-7dd4-a9d5-ed1d1d184a90  1m 3s    incremental       3 updated
                                                                 40 unchanged
"
        );
    }
}
