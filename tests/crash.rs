//! A backfill whose process is killed again and again, between pages and inside them: nothing is lost, nothing comes
//! twice, and each run goes on where the last stored page ended.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "support/postgres.rs"]
mod postgres;
#[path = "../examples/demo/sandbox/mod.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod sandbox;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "support/stage.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod stage;

use std::time::Duration;

use sandbox::{
    Vendor, World,
    asana::NewTask,
    data::{Sizes, SplitMix},
    faults::{Fault, Gate, Rule},
    slack::{NewChannel, Post},
};
use server::{PATIENCE, Running, until};
use stage::{Stage, sorted};
use tokio::time::{sleep, timeout};

/// How often the process is killed in one backfill.
const KILLS: usize = 50;
/// Pages of a backfill: no killed run stores more than two, and a third of them none.
const PAGES: usize = 62;
/// Items that a page lists.
const LIMIT: usize = 2;

/// Where a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// One page stored, the next one not yet come.
    Between,
    /// While a page is on its way from the vendor; the one before it is stored, or just being stored.
    Asking,
    /// While a part of a page is: a mail, a thread, the subtasks of a task.
    Details,
    /// In the transaction of a page, before anything of it is written.
    Writing,
    /// In the transaction of a page: its records are written, its cursor is not.
    Storing,
    /// Soon after it has started, wherever that finds it.
    Early,
}

const BLOWS: [Blow; 6] =
    [Blow::Between, Blow::Storing, Blow::Asking, Blow::Writing, Blow::Details, Blow::Early];

/// What is particular about a vendor's backfill.
struct Case {
    vendor: Vendor,
    /// The request that each page begins with.
    page: &'static str,
    /// The other requests of a page.
    detail: &'static str,
    world: World,
}

#[tokio::test]
async fn a_mailbox_survives_fifty_kills() {
    let sizes = Sizes { mails: PAGES * LIMIT, tasks: 0, projects: 0, messages: 0, channels: 0 };
    fifty_kills(Case {
        vendor: Vendor::Gmail,
        page: "/messages?",
        detail: "/messages/",
        world: World::sized(&sizes),
    })
    .await;
}

#[tokio::test]
async fn a_workspace_of_tasks_survives_fifty_kills() {
    let mut world = World::empty();
    let asana = &mut world.asana[0];
    let project = asana.add_project("Weather station", &["To do"]);
    for number in 0..PAGES * LIMIT {
        let task = NewTask::new(format!("Task {number}")).notes("Read the barometer.");
        let task = asana.add_task(task.in_project(&project, Some("To do"))).unwrap();
        if number % (3 * LIMIT) == 0 {
            asana.add_task(NewTask::new(format!("Part of {number}")).under(&task)).unwrap();
        }
    }
    fifty_kills(Case {
        vendor: Vendor::Asana,
        page: "/tasks?*project=",
        detail: "/subtasks",
        world,
    })
    .await;
}

#[tokio::test]
async fn a_chat_survives_fifty_kills() {
    let mut world = World::empty();
    let slack = &mut world.slack[0];
    let zoe = slack.add_user("zoe", "Zoë Park", None);
    let channel = slack.add_channel(NewChannel::public("rain"));
    for number in 0..PAGES * LIMIT {
        let root = slack.post(&channel, Post::new(&zoe, &format!("Rain {number}"))).unwrap();
        if number % LIMIT == 0 {
            slack.reply(&channel, &root, Post::new(&zoe, "And wind.")).unwrap();
        }
    }
    fifty_kills(Case {
        vendor: Vendor::Slack,
        page: "conversations.history",
        detail: "conversations.replies",
        world,
    })
    .await;
}

async fn fifty_kills(case: Case) {
    let Case { vendor, page, detail, world } = case;
    let stage = Stage::of(world).await;
    let connector = stage.link(vendor).await;
    let limit = LIMIT.to_string();
    let import = ["import", "--json", "--connector-id", &connector, "--limit", &limit];
    let wanted = sorted(stage.ids(vendor));
    let mut rng = SplitMix::new(20_260_131);
    let mut asked = 0;
    for kill in 0..KILLS {
        stage.sandbox.forget_requests();
        let mut running = stage.program.start(&import);
        let blow = BLOWS[kill % BLOWS.len()];
        strike(&stage, &mut running, blow, (vendor, page, detail), &mut rng).await;
        stage.sandbox.heal();
        asked += stage.sandbox.requests_to(vendor, page).len();
        let ended = stage.count("SELECT count(*) FROM external_feeds WHERE caught_up").await;
        assert_eq!(ended, 0, "the backfill came to its end before all blows were dealt");
    }
    let stored = stored_pages(&stage).await;
    stage.sandbox.forget_requests();
    let last = stage.program.done(&import).await.json()[0].clone();
    assert_eq!(last["status"], "success", "{last}");
    let of_last = stage.sandbox.requests_to(vendor, page).len();
    asked += of_last;
    assert_eq!(stage.alive().await, wanted, "lost, or doubled");
    eprintln!(
        "{vendor:?}: {} records, {KILLS} kills; {stored} of {PAGES} pages stored by killed runs; {asked} pages asked for, \
         {of_last} of them by the last run",
        wanted.len(),
    );
    // A kill costs the page that was being stored and the one that was asked for ahead of it, and no more.
    assert!(asked <= PAGES + 2 * KILLS, "{asked} requests for {PAGES} pages");
    assert!(
        stored >= KILLS / BLOWS.len(),
        "only {stored} pages were stored by {KILLS} killed runs"
    );
    let remaining = PAGES - stored;
    assert!(of_last <= remaining + 1, "{of_last} requests for {remaining} remaining pages");
    every_run_is_accounted_for(&stage, wanted.len()).await;
}

/// Kills a run at the point that is meant.
async fn strike(
    stage: &Stage,
    running: &mut Running,
    blow: Blow,
    (vendor, page, detail): (Vendor, &str, &str),
    rng: &mut SplitMix,
) {
    let sandbox = &stage.sandbox;
    let hold = |pattern: &str, passed: usize| {
        let gate = Gate::new();
        let rule = Rule::new(Fault::Hold(gate.clone())).on(vendor).path(pattern);
        sandbox.inject(rule.after(passed as u64));
        gate
    };
    let before = stored_pages(stage).await;
    // However late the blow comes, no run gets further than two pages.
    let passed = if blow == Blow::Between { 1 } else { 1 + rng.below(2) };
    let next_page = hold(page, passed);
    match blow {
        Blow::Asking => reached(&next_page).await,
        Blow::Between => {
            reached(&next_page).await;
            until("the page is stored", async || stored_pages(stage).await == before + 1).await;
        }
        Blow::Details => {
            let part = hold(detail, rng.below(2 * LIMIT));
            tokio::select! {
                () = reached(&part) => {}
                () = reached(&next_page) => {}
            }
        }
        Blow::Writing | Blow::Storing => {
            let table = if blow == Blow::Writing { "records" } else { "external_seen" };
            strike_in_transaction(stage, running, table).await;
        }
        Blow::Early => sleep(Duration::from_millis(rng.below(200) as u64)).await,
    }
    running.kill().await;
}

/// Kills a run while its page waits for a lock that we have on a table.
async fn strike_in_transaction(stage: &Stage, running: &mut Running, table: &'static str) {
    let mut lock = stage.database.begin().await.unwrap();
    let sql = format!("LOCK TABLE {table} IN SHARE MODE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *lock).await.unwrap();
    until("the page waits for the table", async || {
        let ended = running.child.try_wait().unwrap();
        assert!(ended.is_none(), "it has ended instead: {}", running.said().await);
        let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass";
        let waits: i64 =
            sqlx::query_scalar(sql).bind(table).fetch_one(&stage.database).await.unwrap();
        waits > 0
    })
    .await;
    running.kill().await;
    lock.rollback().await.unwrap();
}

async fn reached(gate: &Gate) {
    timeout(PATIENCE, gate.reached()).await.expect("the run gets to its next page");
}

async fn stored_pages(stage: &Stage) -> usize {
    let pages = stage.count("SELECT coalesce(sum(listing_pages), 0)::bigint FROM external_feeds");
    usize::try_from(pages.await).unwrap()
}

/// Killed runs are closed as interrupted, and what all runs count together is what is there.
async fn every_run_is_accounted_for(stage: &Stage, records: usize) {
    let runs = stage.count("SELECT count(*) FROM external_sync_runs").await;
    let interrupted = stage.count(
        "SELECT count(*) FROM external_sync_runs WHERE status = 'failed' AND error ->> 'class' = 'interrupted' \
         AND completed_at IS NOT NULL",
    );
    assert_eq!(interrupted.await, runs - 1, "all but the last");
    // One that was killed soon after its start may not have begun a run.
    let early = KILLS / BLOWS.len() + 1;
    assert!(runs > i64::try_from(KILLS - early).unwrap(), "{runs} runs");
    let held = stage.count("SELECT count(*) FROM external_connectors WHERE lease_run IS NOT NULL");
    assert_eq!(held.await, 0);
    for (what, counted) in [("created", records), ("updated", 0), ("unchanged", 0), ("removed", 0)]
    {
        let sql = "SELECT coalesce(sum((stats ->> $1)::bigint), 0)::bigint FROM external_sync_runs";
        let sum: i64 = sqlx::query_scalar(sql).bind(what).fetch_one(&stage.database).await.unwrap();
        assert_eq!(sum, i64::try_from(counted).unwrap(), "{what} in all runs");
    }
}
