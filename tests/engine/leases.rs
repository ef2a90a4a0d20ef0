//! Who may write for a connector: one run at a time, and only as long as it holds the lease.

use std::{sync::Arc, time::Duration};

use crate::support::{
    Act, Gate, Rig, SPEC, asked,
    fake::{Cursor, edit},
    initial, note,
    rig::told,
};
use neotoma_importers::{
    provider::{Next, Spec},
    run::{ConnectorStatus, RunStatus},
    store::{Connector, Run},
    sync::{Live, Started},
};

/// A run that has stored its first page of three and stands before its second.
async fn gated() -> (Rig, Connector, Arc<Live>, Arc<Gate>) {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |call| match call.nth {
        2 => Act::Wait(shut.clone()),
        _ => Act::Serve,
    });
    let live = rig.start(&account, asked()).await;
    gate.reached().await;
    until(async || rig.ids(&account).await.len() == 3).await;
    (rig, account, live, gate)
}

/// Waits until something is so.
async fn until(so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it never came about");
}

async fn runs(rig: &Rig) -> i64 {
    rig.count("SELECT count(*) FROM external_sync_runs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_syncs_asked_for_at_once_in_two_processes_one_runs_and_the_others_join_it() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |_| Act::Wait(shut.clone()));
    let other = rig.another().await;
    let starts = (0..12).map(|number| {
        let engine = if number % 2 == 0 { &rig.engine } else { &other };
        engine.start(&account, rig.provider, asked())
    });
    let (mut begun, mut joined) = (Vec::new(), Vec::new());
    for started in futures::future::join_all(starts).await {
        match started.unwrap() {
            Started::Here { live, already: false } => begun.push(live),
            Started::Here { live, already: true } => joined.push(live.run.unwrap()),
            Started::Elsewhere(run) => joined.push(run),
            other => panic!("{}", told(&other)),
        }
    }
    assert_eq!((begun.len(), joined.len(), runs(&rig).await), (1, 11, 1));
    let run = begun[0].run.unwrap();
    assert!(joined.iter().all(|other| *other == run));
    assert_eq!(rig.again(&account).await.running, Some(run));
    gate.open();
    assert_eq!(begun[0].ended().await.unwrap().status, RunStatus::Success);
    rig.assert_in_step(&account).await;
    let listed = rig.vendor.asked().into_iter().filter(|call| call.cursor.is_none()).count();
    assert_eq!(listed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_that_are_asked_for_while_one_ends_run_or_join_and_none_is_lost() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    let account = rig.link("one").await;
    let other = rig.another().await;
    for turn in 0..40 {
        let engine = if turn % 2 == 0 { &rig.engine } else { &other };
        match engine.start(&account, rig.provider, asked()).await.unwrap() {
            Started::Here { live, .. } => {
                if turn % 3 == 0 {
                    live.ended().await.unwrap();
                }
            }
            Started::Elsewhere(run) => {
                until(async || rig.run_row(run).await.status != RunStatus::Running).await;
            }
            other => panic!("{}", told(&other)),
        }
    }
    until(async || rig.again(&account).await.running.is_none()).await;
    let odd = rig.count("SELECT count(*) FROM external_sync_runs WHERE status <> 'success'").await;
    assert_eq!(odd, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_gives_the_connector_back_at_once() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    let account = rig.link("one").await;
    let first = rig.sync(&account).await;
    assert_eq!(first.status, RunStatus::Success);
    let held = "SELECT count(*) FROM external_connectors WHERE \
         num_nonnulls(lease_run, lease_holder, lease_until) > 0";
    assert_eq!(rig.count(held).await, 0);
    assert!(rig.engine.live(account.id).is_none());
    let other = rig.another().await;
    let started = other.start(&account, rig.provider, asked()).await.unwrap();
    let Started::Here { live, already: false } = started else { panic!("{}", told(&started)) };
    live.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_less_joins_one_of_more_and_one_of_more_is_told_to_wait() {
    let (rig, account, live, gate) = gated().await;
    let run = live.run.unwrap();
    let other = rig.another().await;
    for engine in [&rig.engine, &other] {
        let wider = engine.start(&account, rig.provider, initial()).await.unwrap();
        assert!(matches!(wider, Started::Busy(busy) if busy == run), "{}", told(&wider));
    }
    gate.open();
    live.ended().await.unwrap();

    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |_| Act::Wait(shut.clone()));
    let live = rig.start(&account, initial()).await;
    for less in [asked(), initial()] {
        let joined = other.start(&account, rig.provider, less).await.unwrap();
        assert!(matches!(joined, Started::Elsewhere(run) if Some(run) == live.run));
    }
    gate.open();
    live.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_lost_its_lease_stores_nothing_more() {
    let (rig, account, live, gate) = gated().await;
    let before = rig.rows(&account).await;
    let feeds = || rig.store.feeds_of(&account.owner, account.id);
    let cursor = feeds().await.unwrap()["a"].cursor.clone();
    rig.sql("UPDATE external_connectors SET lease_run = gen_random_uuid()").await;
    gate.open();
    let end = live.ended().await;
    assert!(end.is_err(), "it does not know how it ended: {end:?}");
    assert_eq!(rig.rows(&account).await, before);
    assert_eq!(feeds().await.unwrap()["a"].cursor, cursor);
    assert!(rig.again(&account).await.running.is_some(), "the other's lease stands");
}

/// Takes a run over that another engine drives, as soon as `make_stale` has made its lease look so.
async fn take_over(rig: &Rig, account: &Connector, make_stale: &'static str) -> Arc<Live> {
    let other = rig.another().await;
    loop {
        rig.sql(make_stale).await;
        match other.start(account, rig.provider, asked()).await.unwrap() {
            Started::Here { live, already: false } => return live,
            Started::Elsewhere(_) => {} // it has just renewed its lease
            other => panic!("{}", told(&other)),
        }
    }
}

fn assert_interrupted(run: &Run) {
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.error.as_ref().unwrap().class, "interrupted");
    assert_eq!((run.stats.created, run.stats.pages), (3, 1), "its numbers are kept");
    assert!(run.completed_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_holder_is_taken_over_and_its_run_closed_with_its_numbers() {
    let (rig, account, live, gate) = gated().await;
    rig.vendor.calm(); // for the one that takes over
    let silent = "UPDATE external_connectors SET lease_until = now() - interval '1 second'";
    let taker = take_over(&rig, &account, silent).await;
    assert_eq!(taker.ended().await.unwrap().status, RunStatus::Success);
    assert_interrupted(&rig.run_row(live.run.unwrap()).await);
    rig.assert_in_step(&account).await;
    // It wakes up, stores nothing, and tells how it ended in the eyes of the one that took over.
    let rows = rig.rows(&account).await;
    gate.open();
    let end = live.ended().await.unwrap();
    assert_eq!((end.status, end.error.unwrap().class.as_str()), (RunStatus::Failed, "interrupted"));
    assert_eq!(rig.rows(&account).await, rows);
    assert_interrupted(&rig.run_row(live.run.unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_holder_on_this_host_is_taken_over_at_once() {
    let (rig, account, live, gate) = gated().await;
    rig.vendor.calm();
    // A process of the same number that began at another time is not the one that held the lease.
    let dead = "UPDATE external_connectors SET lease_holder = lease_holder || '{\"began\": 1}', \
         lease_until = now() + interval '1 hour'";
    let taker = take_over(&rig, &account, dead).await;
    assert_eq!(taker.ended().await.unwrap().status, RunStatus::Success);
    assert_interrupted(&rig.run_row(live.run.unwrap()).await);
    gate.open();
    live.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_on_another_host_is_not_taken_for_dead() {
    let (rig, account, live, gate) = gated().await;
    rig.sql(
        "UPDATE external_connectors SET lease_holder = \
         lease_holder || '{\"began\": 1, \"host\": \"elsewhere\"}'",
    )
    .await;
    let other = rig.another().await;
    let started = other.start(&account, rig.provider, asked()).await.unwrap();
    assert!(matches!(started, Started::Elsewhere(_)), "{}", told(&started));
    gate.open();
    assert_eq!(live.ended().await.unwrap().status, RunStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_in_mid_run_stops_it_at_its_page_whichever_process_asked() {
    let (rig, account, live, gate) = gated().await;
    let before = rig.rows(&account).await;
    let other = rig.another().await;
    assert!(other.store.set_paused(&account.owner, account.id, true).await.unwrap());
    gate.open();
    let end = live.ended().await.unwrap();
    assert_eq!((end.status, end.error), (RunStatus::Cancelled, None));
    assert_eq!(rig.rows(&account).await, before);
    let now = rig.again(&account).await;
    assert_eq!((now.status, now.running), (ConnectorStatus::Paused, None));
    let refused = rig.engine.start(&account, rig.provider, asked()).await.unwrap();
    assert!(matches!(refused, Started::Refused(Some(ConnectorStatus::Paused))));

    assert!(rig.store.set_paused(&account.owner, account.id, false).await.unwrap());
    assert_eq!(rig.sync(&account).await.status, RunStatus::Success);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_mid_run_stops_it_and_leaves_nothing_behind_it() {
    let (rig, account, live, gate) = gated().await;
    let gone = rig.store.delete_connector(&account.owner, account.id, true).await.unwrap();
    assert_eq!(gone, (3, 0));
    gate.open();
    let end = live.ended().await.unwrap();
    assert_eq!(end.status, RunStatus::Cancelled);
    assert_eq!(rig.rows(&account).await.len(), 0);
    let now = rig.again(&account).await;
    assert_eq!((now.status, now.running), (ConnectorStatus::Deleted, None));
    assert!(now.secrets.is_none() && now.secret_names.is_empty());
    let left = rig.count(
        "SELECT (SELECT count(*) FROM external_feeds) + (SELECT count(*) FROM external_seen)",
    );
    assert_eq!(left.await, 0);
    let refused = rig.engine.start(&account, rig.provider, asked()).await.unwrap();
    assert!(matches!(refused, Started::Refused(Some(ConnectorStatus::Deleted))));
    assert!(rig.engine.start(&now, rig.provider, asked()).await.is_err(), "it has no secrets");

    // Linked again it is the same connector, read from its start.
    let again = rig.link("one").await;
    assert_eq!((again.id, again.status), (account.id, ConnectorStatus::Active));
    assert_eq!(rig.sync(&again).await.stats.created, 7);
}

/// A run whose only page is being stored for as long as the lock is held.
async fn lingering() -> (Rig, Connector, Arc<Live>, sqlx::Transaction<'static, sqlx::Postgres>) {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    let account = rig.link("one").await;
    rig.sql(
        "CREATE FUNCTION linger() RETURNS trigger AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); \
         RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER linger BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION linger()",
    )
    .await;
    let mut lock = rig.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(42)").execute(&mut *lock).await.unwrap();
    let live = rig.start(&account, asked()).await;
    until(async || rig.count(WAITING).await == 1).await;
    (rig, account, live, lock)
}

/// How many wait for an advisory lock in this database.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_waits_for_the_page_that_is_being_stored_and_takes_it_along() {
    let (rig, account, live, lock) = lingering().await;
    let (store, owner, id) = (rig.store.clone(), account.owner.clone(), account.id);
    let deletion =
        tokio::spawn(async move { store.delete_connector(&owner, id, true).await.unwrap() });
    until(async || rig.count(WAITING).await == 2).await;
    // It keeps nobody waiting who only looks, or joins.
    assert!(rig.again(&account).await.running.is_some());
    let joined = rig.engine.start(&account, rig.provider, asked()).await.unwrap();
    assert!(matches!(joined, Started::Here { already: true, .. }));
    lock.commit().await.unwrap();
    assert_eq!(deletion.await.unwrap(), (2, 0));
    // Its page was its last: it may have ended before the deletion's turn came.
    let ended = live.ended().await.unwrap().status;
    assert!(matches!(ended, RunStatus::Cancelled | RunStatus::Success), "{ended:?}");
    assert_eq!(rig.rows(&account).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_feeds_keep_neither_a_pause_nor_the_renewal_of_their_lease_waiting() {
    let rig = Rig::of(Spec { width: 8, ..SPEC }).await;
    for feed in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        rig.vendor.open(feed);
    }
    rig.vendor.on_page(|call| {
        let (feed, nth) = (call.feed.clone(), call.nth);
        edit(move |mut page| {
            page.upserts = vec![note(&feed, &format!("version {nth}"))];
            page.next = Next::More(Cursor::Listing { after: String::new(), token: nth });
            page
        })
    });
    let account = rig.link("one").await;
    let live = rig.start(&account, asked()).await;
    until(async || rig.run_row(live.run.unwrap()).await.stats.pages > 100).await; // it was renewed
    let pause = rig.store.set_paused(&account.owner, account.id, true);
    tokio::time::timeout(Duration::from_secs(10), pause).await.expect("a pause waited").unwrap();
    let end = live.ended().await.unwrap();
    assert_eq!(end.status, RunStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_run_at_its_page_and_the_next_goes_on_from_there() {
    let (rig, account, live, _gate) = gated().await;
    live.stop();
    let end = live.ended().await.unwrap();
    assert_eq!((end.status, end.stats.created), (RunStatus::Cancelled, 3));
    assert_eq!(rig.run_row(live.run.unwrap()).await.status, RunStatus::Cancelled);
    assert_eq!(rig.again(&account).await.status, ConnectorStatus::Active);
    rig.vendor.asked();
    assert_eq!(rig.sync(&account).await.stats.created, 4);
    assert!(rig.vendor.asked()[0].cursor.is_some());
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_comes_while_the_last_page_is_stored_leaves_the_run_whole() {
    let (rig, account, live, lock) = lingering().await;
    live.stop();
    lock.commit().await.unwrap();
    assert_eq!(live.ended().await.unwrap().status, RunStatus::Success);
    assert_eq!(rig.run_row(live.run.unwrap()).await.status, RunStatus::Success);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_engine_stops_its_runs_at_their_page_and_waits_for_them() {
    let (rig, account, live, _gate) = gated().await;
    rig.engine.close().await;
    assert_eq!(live.has_ended().unwrap().unwrap().status, RunStatus::Cancelled);
    assert_eq!(rig.again(&account).await.running, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_its_caller_gives_up_is_driven_all_the_same() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    let account = rig.link("one").await;
    let mut lock = rig.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE external_sync_runs IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let start = rig.engine.start(&account, rig.provider, asked());
    let given_up = tokio::time::timeout(Duration::from_millis(50), start).await;
    assert!(given_up.is_err());
    lock.commit().await.unwrap();
    let done = "SELECT count(*) FROM external_sync_runs WHERE status = 'success'";
    until(async || rig.count(done).await == 1).await;
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connectors_sync_side_by_side() {
    let (rig, _account, live, gate) = gated().await;
    rig.vendor.calm();
    let second = rig.link("two").await;
    assert_eq!(rig.sync(&second).await.stats.created, 7);
    gate.open();
    assert_eq!(live.ended().await.unwrap().status, RunStatus::Success);
}
