//! Waits for runs on behalf of a call: tells their progress, stops them when the call is cancelled or the server closes,
//! and leaves them going when the time is over.

use std::time::Duration;

use futures::future::join_all;
use rmcp::{
    RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::app::{Progress, Result, RunHandle, RunView, Stats};

/// Between two notifications: at most two a second.
const PACE: Duration = Duration::from_millis(500);

/// How long a client may take to accept a notification before the call goes on without it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a run that was asked to stop is waited for: it ends at its page.
pub(super) const STOPPING: Duration = Duration::from_secs(4);

/// The runs as they stand at `until` or when they have ended, in the order given.
pub(super) async fn follow(
    runs: &[RunHandle],
    until: Instant,
    context: &RequestContext<RoleServer>,
    closing: &CancellationToken,
) -> Vec<Result<RunView>> {
    let time = until.saturating_duration_since(Instant::now());
    let ended = join_all(runs.iter().map(|run| run.wait(time)));
    tokio::pin!(ended);
    let wanted = context.meta.get_progress_token();
    let receivers: Vec<watch::Receiver<Progress>> = runs.iter().map(RunHandle::progress).collect();
    let mut teller = Teller::default();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            views = &mut ended => return views,
            () = context.ct.cancelled() => return stop(runs).await,
            () = closing.cancelled() => return stop(runs).await,
            _ = pace.tick() => if let Some(token) = &wanted {
                // Awaited before the answer can be given: a notification must not come after it.
                let now = together(receivers.iter().map(|receiver| receiver.borrow().clone()));
                teller.tell(&now, token, context).await;
            }
        }
    }
}

/// Asks the runs to stop at their page, and waits for that.
pub(super) async fn stop(runs: &[RunHandle]) -> Vec<Result<RunView>> {
    runs.iter().for_each(RunHandle::stop);
    join_all(runs.iter().map(|run| run.wait(STOPPING))).await
}

/// The progress of several runs as one.
fn together(all: impl Iterator<Item = Progress>) -> Progress {
    all.reduce(|sum, one| Progress {
        stats: Stats {
            created: sum.stats.created + one.stats.created,
            updated: sum.stats.updated + one.stats.updated,
            unchanged: sum.stats.unchanged + one.stats.unchanged,
            removed: sum.stats.removed + one.stats.removed,
            skipped: sum.stats.skipped + one.stats.skipped,
            pages: sum.stats.pages + one.stats.pages,
            requests: sum.stats.requests + one.stats.requests,
            throttled_ms: sum.stats.throttled_ms + one.stats.throttled_ms,
        },
        waiting: sum.waiting.or(one.waiting),
    })
    .unwrap_or_default()
}

/// What was told last: each value must be greater than the one before, and nothing is told twice.
#[derive(Default)]
struct Teller {
    last: Option<(f64, String)>,
}

impl Teller {
    async fn tell(
        &mut self,
        now: &Progress,
        token: &ProgressToken,
        context: &RequestContext<RoleServer>,
    ) {
        let Some((value, message)) = self.next(now) else { return };
        let note = ProgressNotificationParam::new(token.clone(), value).with_message(message);
        match timeout(PATIENCE, context.peer.notify_progress(note)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the client takes no progress"),
            Err(_) => tracing::debug!("the client is slow to take progress"),
        }
    }

    fn next(&mut self, now: &Progress) -> Option<(f64, String)> {
        let message = message(now);
        #[expect(clippy::cast_precision_loss, reason = "a count of records is far below 2^53")]
        let records = records(&now.stats) as f64;
        let value = match &self.last {
            Some((_, said)) if *said == message => return None,
            // A wait begins or ends without a record more.
            Some((value, _)) if records <= *value => value + 0.01,
            _ => records,
        };
        self.last = Some((value, message.clone()));
        Some((value, message))
    }
}

fn records(stats: &Stats) -> u64 {
    stats.created + stats.updated + stats.unchanged + stats.removed + stats.skipped
}

fn message(now: &Progress) -> String {
    if let Some(wait) = &now.waiting {
        return format!("waiting {} s: {}", wait.seconds, wait.why);
    }
    let (records, pages) = (records(&now.stats), now.stats.pages);
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    format!(
        "{} record{}, {} page{}",
        thousands(records),
        plural(records),
        thousands(pages),
        plural(pages)
    )
}

/// A number with its thousands apart.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Wait;

    fn at(created: u64, pages: u64, waiting: Option<Wait>) -> Progress {
        Progress { stats: Stats { created, pages, ..Stats::default() }, waiting }
    }

    #[test]
    fn progress_rises_strictly_and_says_nothing_twice() {
        let wait = Some(Wait { seconds: 30, why: "throttled by the service" });
        let mut teller = Teller::default();
        let told: Vec<_> = [
            at(0, 0, None),
            at(0, 0, None),
            at(1, 1, None),
            at(1_234, 12, None),
            at(1_234, 12, wait.clone()),
            at(1_234, 12, wait),
            at(1_234, 12, None),
            at(1_300, 13, None),
        ]
        .iter()
        .filter_map(|now| teller.next(now))
        .collect();
        let messages: Vec<_> = told.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "0 records, 0 pages",
                "1 record, 1 page",
                "1,234 records, 12 pages",
                "waiting 30 s: throttled by the service",
                "1,234 records, 12 pages",
                "1,300 records, 13 pages",
            ]
        );
        assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "{told:?}");
    }

    #[test]
    fn several_runs_are_told_as_one() {
        let wait = Some(Wait { seconds: 5, why: "throttled by the service" });
        let sum = together([at(1, 1, None), at(2, 1, wait.clone()), at(3, 2, None)].into_iter());
        assert_eq!((sum.stats.created, sum.stats.pages, sum.waiting), (6, 4, wait));
    }

    #[test]
    fn thousands_stand_apart() {
        let said: Vec<_> = [0, 999, 1_000, 1_234_567].map(thousands).into();
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
    }
}
