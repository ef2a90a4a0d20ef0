//! What an import came to: a table, remarks with their remedies, and how the program ends.

use jiff::Timestamp;

use super::{
    connectors::removals,
    exit::Exit,
    out,
    progress::counted,
    table::{self, Column, Grid, Look, Text, Tone, lasted, number, one_line, toned},
};
use crate::{
    app::{self, ConnectorView, RunError, RunStatus, RunView, Stats, SyncType},
    ids::OwnerId,
};

/// The class of a run whose removals wait for a yes: what was asked is done.
const WAITING: &str = "removals_waiting";

/// What became of one connector.
pub struct Outcome {
    /// The connector.
    pub connector: ConnectorView,
    /// How it ended.
    pub ended: Ended,
}

/// How an import of one connector ended.
pub enum Ended {
    /// With a run, well or not.
    Run(Box<RunView>),
    /// Without one, or without knowing how it ended.
    Refused(app::Error),
    /// It was not begun, since the program was asked to stop.
    NotBegun,
}

/// What an outcome means for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Well,
    Failed,
    Reconnect,
}

impl Outcome {
    fn verdict(&self) -> Verdict {
        match &self.ended {
            Ended::Refused(error) if error.needs_person() => Verdict::Reconnect,
            Ended::Refused(_) | Ended::NotBegun => Verdict::Failed,
            Ended::Run(run) => match (&run.error, run.status) {
                // The class of `error::Error::Reconnect`, which is all that a finished run still says of it.
                (Some(error), _) if error.class == "reconnect" => Verdict::Reconnect,
                (Some(error), _) if error.class == WAITING => Verdict::Well,
                // One that runs was left to another process when this one was asked to stop.
                (Some(_), _)
                | (None, RunStatus::Failed | RunStatus::Cancelled | RunStatus::Running) => {
                    Verdict::Failed
                }
                // A budget of pages that was spent: what was asked is done.
                (None, RunStatus::Success | RunStatus::Partial) => Verdict::Well,
            },
        }
    }

    /// The outcome in a few words, for the end of its progress.
    pub fn words(&self) -> String {
        match &self.ended {
            Ended::NotBegun => "not begun".to_owned(),
            Ended::Refused(_) => "failed".to_owned(),
            Ended::Run(run) if run.completed_at.is_none() => "left to another process".to_owned(),
            Ended::Run(run) => {
                let (status, time) = (run.status.as_str(), time(run));
                format!("{status}, {} in {time}", counted(&run.stats))
            }
        }
    }

    /// The outcome in the shape of a run, so that programs read one shape whatever happened.
    fn as_run(&self, sync_type: SyncType, dry_run: bool, now: Timestamp) -> RunView {
        let (status, error) = match &self.ended {
            Ended::Run(run) => return (**run).clone(),
            Ended::NotBegun => (RunStatus::Cancelled, None),
            Ended::Refused(error) => {
                let message = error.to_string();
                let of = RunError { class: error.class().to_owned(), message, status: None };
                (RunStatus::Failed, Some(of))
            }
        };
        RunView {
            run_id: None,
            connector_id: self.connector.connector_id,
            provider: self.connector.provider.clone(),
            account: self
                .connector
                .account_label
                .clone()
                .unwrap_or_else(|| self.connector.account_identifier.clone()),
            sync_type,
            status,
            stats: Stats::default(),
            more: true,
            already_running: false,
            dry_run,
            feeds: 0,
            feeds_skipped: Vec::new(),
            removals_waiting: 0,
            error,
            started_at: now,
            completed_at: Some(now),
        }
    }
}

/// All outcomes in the shape of runs.
pub fn runs(outcomes: &[Outcome], sync_type: SyncType, dry_run: bool) -> Vec<RunView> {
    let now = Timestamp::now();
    outcomes.iter().map(|outcome| outcome.as_run(sync_type, dry_run, now)).collect()
}

/// How the program ends: 4 where a person must reconnect any account, 3 where some failed and others did not, 1 where
/// all did.
pub fn exit(outcomes: &[Outcome]) -> Exit {
    let verdicts: Vec<_> = outcomes.iter().map(Outcome::verdict).collect();
    match (verdicts.iter().min(), verdicts.iter().max()) {
        (_, Some(Verdict::Reconnect)) => Exit::Reconnect,
        (Some(Verdict::Well), Some(Verdict::Failed)) => Exit::SomeFailed,
        (_, Some(Verdict::Failed)) => Exit::Failed,
        _ => Exit::Done,
    }
}

/// The table of a finished import.
pub fn draw(look: &Look, runs: &[RunView]) -> String {
    let mut grid = Grid::new(
        look,
        &[
            Column::text("connector"),
            Column::text("status"),
            Column::number("created"),
            Column::number("updated"),
            Column::number("unchanged"),
            Column::number("removed"),
            Column::number("skipped"),
            Column::number("time"),
        ],
    );
    for run in runs {
        let Stats { created, updated, unchanged, removed, skipped, .. } = run.stats;
        let [created, updated, unchanged, removed, skipped] =
            [created, updated, unchanged, removed, skipped].map(|n| Text::from(number(n)));
        grid.row([
            table::account(&run.provider, &run.account).into(),
            toned(run.status.as_str(), tone(run.status)),
            created,
            updated,
            unchanged,
            removed,
            skipped,
            time(run).into(),
        ]);
    }
    grid.draw()
}

/// What a status tells at a glance.
pub const fn tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Success => Tone::Good,
        RunStatus::Failed => Tone::Bad,
        RunStatus::Partial | RunStatus::Cancelled => Tone::Warn,
        RunStatus::Running => Tone::Plain,
    }
}

/// How long a run took; nothing while it goes on.
pub fn time(run: &RunView) -> String {
    run.completed_at.map(|end| lasted(table::between(run.started_at, end))).unwrap_or_default()
}

/// What a run leaves for a person to know or do, a sentence each.
pub fn remarks(owner: &OwnerId, run: &RunView) -> Vec<String> {
    let name = table::account(&run.provider, &run.account);
    let mut remarks = Vec::new();
    // Removals that wait are told of below, with the command that agrees to them.
    let error = run.error.iter().filter(|error| error.class != WAITING);
    remarks.extend(error.map(|error| table::about(&name, &error.message)));
    if !run.feeds_skipped.is_empty() {
        let feeds = run.feeds_skipped.iter().map(|feed| one_line(feed)).collect::<Vec<_>>();
        remarks.push(format!("{name}: left out: {}", feeds.join("; ")));
    }
    if run.stats.skipped > 0 {
        let skipped = number(run.stats.skipped);
        remarks.push(format!(
            "{name}: {skipped} items were not as the service promises and were left out; nothing was taken for removed"
        ));
    }
    if run.removals_waiting > 0 {
        remarks.push(removals(owner, &name, run.connector_id, run.removals_waiting));
    }
    if run.status == RunStatus::Running {
        remarks.push(format!("{name}: another process goes on with it"));
    } else if run.more && run.error.is_none() && !run.dry_run {
        let go_on = out::command(owner, format_args!("import --connector-id {}", run.connector_id));
        remarks.push(format!("{name}: there is more; to go on where it stopped: {go_on}"));
    }
    remarks
}

/// Says of each paused connector that it is left out, and how to resume it.
pub fn left_out(owner: &OwnerId, paused: &[ConnectorView]) -> Vec<String> {
    let sentence = |of: &ConnectorView| {
        let resume = out::command(owner, format_args!("connectors resume {}", of.connector_id));
        format!("{} is paused and left out; to resume it: {resume}", table::connector(of))
    };
    paused.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples, *};

    fn ended(ended: Ended) -> Outcome {
        Outcome { connector: samples::connector("Anna"), ended }
    }

    fn ran(status: RunStatus, class: Option<&str>) -> Outcome {
        let error = class.map(|class| RunError {
            class: class.into(),
            message: "the service asks to wait 900 s".into(),
            status: Some(429),
        });
        ended(Ended::Run(Box::new(RunView { error, ..samples::run(status) })))
    }

    fn refused(error: app::Error) -> Outcome {
        ended(Ended::Refused(error))
    }

    #[test]
    fn the_program_ends_by_the_worst_that_a_person_must_act_on() {
        let well = || ran(RunStatus::Success, None);
        let failed = || ran(RunStatus::Failed, Some("unavailable"));
        let reconnect = || ran(RunStatus::Failed, Some("reconnect"));
        let why = || "revoked".to_owned();
        let revoked = || refused(app::Error::NeedsReauth { connector: "c".into(), why: why() });
        for (outcomes, code) in [
            (vec![], 0),
            (vec![well(), well()], 0),
            (vec![ran(RunStatus::Partial, None)], 0),
            (vec![ran(RunStatus::Partial, Some("rate_limited"))], 1),
            (vec![ran(RunStatus::Partial, Some("removals_waiting"))], 0),
            (vec![ran(RunStatus::Cancelled, None)], 1),
            (vec![ran(RunStatus::Running, None)], 1),
            (vec![failed()], 1),
            (vec![failed(), refused(app::Error::DiskFull)], 1),
            (vec![well(), failed()], 3),
            (vec![well(), ended(Ended::NotBegun)], 3),
            (vec![reconnect()], 4),
            (vec![well(), failed(), revoked()], 4),
        ] {
            assert_eq!(exit(&outcomes).code(), code);
        }
    }

    #[test]
    fn the_table_has_a_line_for_every_connector() {
        let outcomes = [ran(RunStatus::Success, None), refused(app::Error::DiskFull)];
        let mut runs = runs(&outcomes, SyncType::Incremental, false);
        runs[0].stats.removed = 12_000;
        assert_eq!(
            draw(&samples::look(100), &runs),
            "\
connector     status   created  updated  unchanged  removed  skipped   time
slack · Anna  success    1,200        3         40   12,000        0  1m 3s
slack · Anna  failed         0        0          0        0        0     0s
"
        );
    }

    #[test]
    fn a_connector_that_could_not_begin_has_the_shape_of_a_run() {
        let outcomes = [refused(app::Error::DiskFull), ended(Ended::NotBegun)];
        let json = serde_json::to_value(runs(&outcomes, SyncType::Initial, true)).unwrap();
        assert_eq!(json[0]["status"], "failed");
        assert_eq!(json[0]["error"]["class"], "disk_full");
        assert_eq!(json[0]["sync_type"], "initial");
        assert_eq!(json[0]["dry_run"], true);
        assert_eq!(json[1]["status"], "cancelled");
        assert_eq!(json[1]["account"], "Anna");
    }

    #[test]
    fn whatever_is_left_to_do_is_said_with_its_remedy() {
        let owner = OwnerId::new("local").unwrap();
        let mut run = samples::run(RunStatus::Partial);
        run.more = true;
        run.feeds_skipped = vec!["general (not permitted)".into(), "old\nname (gone)".into()];
        run.stats.skipped = 2;
        run.removals_waiting = 600;
        let said = remarks(&owner, &run).join("\n");
        let id = run.connector_id;
        for part in [
            "slack · Anna: left out: general (not permitted); old name (gone)",
            "2 items were not as the service promises",
            &format!("neotoma import --connector-id {id} --confirm-removals"),
            &format!("to go on where it stopped: neotoma import --connector-id {id}"),
        ] {
            assert!(said.contains(part), "{part:?} is missing in:\n{said}");
        }
        assert!(remarks(&owner, &samples::run(RunStatus::Success)).is_empty());
    }

    #[test]
    fn an_error_is_one_sentence_that_names_the_account() {
        let owner = OwnerId::new("local").unwrap();
        let Ended::Run(run) = ran(RunStatus::Partial, Some("rate_limited")).ended else { panic!() };
        assert_eq!(remarks(&owner, &run), ["slack · Anna: the service asks to wait 900 s"]);
    }

    #[test]
    fn the_last_line_of_progress_says_how_it_ended() {
        assert_eq!(
            ran(RunStatus::Success, None).words(),
            "success, 1,243 records, 13 pages in 1m 3s"
        );
        assert_eq!(ended(Ended::NotBegun).words(), "not begun");
        let going = RunView { completed_at: None, ..samples::run(RunStatus::Running) };
        assert_eq!(ended(Ended::Run(Box::new(going))).words(), "left to another process");
    }
}
