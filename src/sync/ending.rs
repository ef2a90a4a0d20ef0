//! How a run ends: what happened, as a status, a sentence and what becomes of the connector.

use super::Failure;
use crate::{
    error::{Error, Remedy},
    provider::Spec,
    run::{ConnectorStatus, RunError, RunStatus, Stats},
    store::{Ending, StoreError},
};

/// What happened in a run.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What ended it early.
    pub failure: Option<Failure>,
    /// It read a file, and learnt nothing of the connector.
    pub from_file: bool,
    /// Somebody asked it to stop, and something was left unread.
    pub stopped: bool,
    /// Its budget of pages was spent.
    pub spent: bool,
    /// Feeds read.
    pub feeds: u64,
    /// Feeds that could not be read: name and reason.
    pub skipped: Vec<(String, Error)>,
    /// Removals of this run that wait for a yes.
    pub held: u64,
    /// Removals that wait for a yes, earlier ones included.
    pub waiting: u64,
}

/// Most reasons of skipped feeds that are kept with a run.
const REASONS: usize = 50;

/// How the run ends.
pub(super) fn ending(
    outcome: &Outcome,
    stats: Stats,
    spec: &Spec,
    vendor_status: Option<u16>,
) -> Ending {
    let mut ending = Ending {
        status: RunStatus::Success,
        stats,
        error: None,
        feeds: outcome.feeds,
        feeds_skipped: outcome
            .skipped
            .iter()
            .take(REASONS)
            .map(|(name, why)| reason(name, why))
            .collect(),
        more: outcome.spent,
        removals_waiting: outcome.waiting,
        connector: Some(ConnectorStatus::Active),
    };
    let left_out = outcome.skipped.len().saturating_sub(REASONS);
    if left_out > 0 {
        ending.feeds_skipped.push(format!("and {left_out} more"));
    }
    match &outcome.failure {
        Some(Failure::Vendor(error)) => fail(&mut ending, error, spec, vendor_status),
        Some(Failure::File(why)) => {
            let some = ending.stats.pages > 0;
            ending.status = if some { RunStatus::Partial } else { RunStatus::Failed };
            let message =
                format!("the file: {why}; what was read of it is kept, and may be read again");
            ending.error = Some(RunError { class: "file".into(), message, status: None });
        }
        Some(Failure::Store(StoreError::Paused)) => {
            (ending.status, ending.connector) = (RunStatus::Cancelled, None);
        }
        Some(Failure::Store(error)) => {
            (ending.status, ending.connector) = (RunStatus::Failed, None);
            ending.error = Some(store_error(error));
        }
        None if outcome.stopped => (ending.status, ending.connector) = (RunStatus::Cancelled, None),
        None if outcome.feeds == 0 && !outcome.skipped.is_empty() => {
            // Nothing could be read: that is no success.
            if let Some((_, error)) = outcome.skipped.first() {
                fail(&mut ending, error, spec, vendor_status);
            }
        }
        None if outcome.held > 0 => {
            ending.status = RunStatus::Partial;
            ending.error = Some(RunError {
                class: "removals_waiting".into(),
                message: format!(
                    "{} records would be removed, more than half of what is stored; sync again with confirm_removals if \
                     they are really gone at {}",
                    outcome.held, spec.name
                ),
                status: None,
            });
        }
        None => {}
    }
    if outcome.from_file {
        ending.connector = None;
    }
    ending
}

fn fail(ending: &mut Ending, error: &Error, spec: &Spec, vendor_status: Option<u16>) {
    let transient = matches!(error.remedy(), Remedy::TryLater(_));
    ending.status =
        if transient && ending.stats.pages > 0 { RunStatus::Partial } else { RunStatus::Failed };
    ending.connector = Some(match error {
        Error::Reconnect(_) => ConnectorStatus::NeedsReauth,
        _ if ending.status == RunStatus::Partial => ConnectorStatus::Active,
        _ => ConnectorStatus::Error,
    });
    ending.error = Some(RunError {
        class: error.class().into(),
        message: sentence(error, spec),
        // The last answer that became an error may have been another's than this one, but for these.
        status: vendor_status
            .filter(|_| !matches!(error, Error::Unexpected { .. } | Error::Invalid { .. })),
    });
}

/// One sentence with the remedy.
pub(crate) fn sentence(error: &Error, spec: &Spec) -> String {
    let (id, name) = (spec.id, spec.name);
    match error {
        Error::Unavailable(cause) => {
            format!("{name} could not be reached ({cause}); try again in a few minutes")
        }
        Error::RateLimited(pause) => {
            format!(
                "{name} asks to wait {}; sync again then, it goes on where it stopped",
                span(pause.as_secs())
            )
        }
        Error::Reconnect(why) => {
            format!("{name}: {why}; link the account again with start_oauth, provider={id}")
        }
        Error::Forbidden(what) => {
            format!(
                "{name} does not permit it: {what}; where a permission is missing, link the account again and grant it"
            )
        }
        Error::NotFound => {
            format!("{name} has nothing there: the account or workspace may have been deleted")
        }
        Error::CursorExpired => {
            format!("{name} no longer knows where the last sync ended; sync again")
        }
        Error::Unexpected { at, cause } => {
            format!(
                "{name} answered something unexpected at {at} ({cause}); this is a defect, please report it"
            )
        }
        Error::Invalid { field, problem } => {
            format!("{field}: {problem}; correct it by linking the account again")
        }
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

fn reason(feed: &str, error: &Error) -> String {
    let feed = if feed.is_empty() { "the account" } else { feed };
    match error {
        Error::NotFound => format!("{feed}: no longer there"),
        error => format!("{feed}: {error}"),
    }
}

fn store_error(error: &StoreError) -> RunError {
    let (class, message) = match error {
        StoreError::DiskFull => {
            ("disk_full", "the database's disk is full; free some space, then sync again: what was stored is kept".into())
        }
        StoreError::LeaseLost => ("interrupted", "another run took the connector over".into()),
        other => ("database", format!("the database failed ({other}); what was stored is kept, sync again")),
    };
    RunError { class: class.into(), message, status: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    static SPEC: Spec = Spec { id: "gmail", name: "Gmail", ..Spec::BASE };

    fn end(outcome: &Outcome, pages: u64) -> Ending {
        ending(outcome, Stats { pages, ..Stats::default() }, &SPEC, Some(503))
    }

    fn failing(error: Error) -> Outcome {
        Outcome { failure: Some(Failure::Vendor(error)), ..Outcome::default() }
    }

    #[test]
    fn a_vendor_that_fails_after_a_page_leaves_a_partial_run_and_an_active_connector() {
        let outcome = failing(Error::RateLimited(Duration::from_hours(1)));
        assert_eq!(end(&outcome, 0).status, RunStatus::Failed);
        let partial = end(&outcome, 3);
        assert_eq!(
            (partial.status, partial.connector),
            (RunStatus::Partial, Some(ConnectorStatus::Active))
        );
        assert!(partial.error.unwrap().message.contains("60 minutes"));
    }

    #[test]
    fn only_the_vendors_refusal_asks_for_a_new_link() {
        let refused = end(&failing(Error::Reconnect("the grant was revoked".into())), 9);
        assert_eq!(
            (refused.status, refused.connector),
            (RunStatus::Failed, Some(ConnectorStatus::NeedsReauth))
        );
        let network = end(&failing(Error::Unavailable("timed out".into())), 0);
        assert_eq!(network.connector, Some(ConnectorStatus::Error));
    }

    #[test]
    fn a_run_that_could_read_no_feed_is_no_success() {
        let skipped = vec![(String::new(), Error::Forbidden("the scope mail.read".into()))];
        let nothing = end(&Outcome { skipped, ..Outcome::default() }, 0);
        assert_eq!(nothing.status, RunStatus::Failed);
        assert_eq!(nothing.error.unwrap().class, "forbidden");
    }

    #[test]
    fn one_unreadable_feed_among_others_leaves_the_run_whole() {
        let skipped = vec![("random".to_owned(), Error::NotFound)];
        let whole = end(&Outcome { feeds: 2, skipped, ..Outcome::default() }, 2);
        assert_eq!(whole.status, RunStatus::Success);
        assert_eq!(whole.feeds_skipped, ["random: no longer there"]);
    }
}
