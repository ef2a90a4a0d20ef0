//! What becomes of a run, its connector and its records when something fails.

use std::time::Duration;

use neotoma_importers::{
    error::Error,
    run::{ConnectorStatus, RunStatus},
    store::{Connector, Ending, Store},
    sync::{Asked, Started},
};

use crate::support::{
    Act, Gate, Mode, Rig, asked,
    fake::{Asked as Call, Cursor, edit},
    initial, note,
    proxy::Proxy,
    rig::{engine, told},
};

/// A run in which each call for a page after so many fails so.
async fn failing(rig: &Rig, account: &Connector, after: usize, error: &Error) -> Ending {
    let (error, mut served) = (error.clone(), 0);
    rig.vendor.on_page(move |_| {
        served += 1;
        if served > after { Act::Fail(error.clone()) } else { Act::Serve }
    });
    rig.sync(account).await
}

fn limited() -> Error {
    Error::RateLimited(Duration::from_hours(2))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_ends_the_run_with_its_class_a_remedy_and_the_connectors_status() {
    use ConnectorStatus::{Active, Error as Failed, NeedsReauth};
    let unavailable = || Error::Unavailable("timed out".into());
    let reconnect = || Error::Reconnect("the grant was revoked".into());
    let unexpected = || Error::unexpected("items[3].id", "is missing");
    let invalid = || Error::invalid("subdomain", "has no such site");
    // After so many pages: how the run ends, where the connector stands, what its class is and what the sentence says.
    let table = [
        (unavailable(), 0, RunStatus::Failed, Failed, "unavailable", "try again in a few minutes"),
        (unavailable(), 1, RunStatus::Partial, Active, "unavailable", "try again"),
        (limited(), 0, RunStatus::Failed, Failed, "rate_limited", "120 minutes|2 hours"),
        (limited(), 1, RunStatus::Partial, Active, "rate_limited", "goes on where it stopped"),
        (reconnect(), 0, RunStatus::Failed, NeedsReauth, "reconnect", "start_oauth, provider=fake"),
        (reconnect(), 1, RunStatus::Failed, NeedsReauth, "reconnect", "the grant was revoked"),
        (unexpected(), 1, RunStatus::Failed, Failed, "unexpected", "items[3].id"),
        (invalid(), 1, RunStatus::Failed, Failed, "invalid", "subdomain: has no such site"),
        (Error::NotFound, 0, RunStatus::Failed, Failed, "not_found", "may have been deleted"),
        (Error::CursorExpired, 0, RunStatus::Failed, Failed, "unexpected", "cursor"),
    ];
    for (error, pages, status, stands, class, says) in table {
        let rig = Rig::new().await;
        rig.vendor.fill("a", "a", 7);
        let account = rig.link("one").await;
        let end = failing(&rig, &account, pages, &error).await;
        let told = end.error.clone().unwrap();
        assert_eq!((end.status, told.class.as_str()), (status, class), "{error:?} after {pages}");
        assert!(says.split('|').any(|says| told.message.contains(says)), "{}", told.message);
        assert_eq!(end.stats.pages, pages as u64);
        let now = rig.again(&account).await;
        assert_eq!((now.status, now.last_error), (stands, Some(told.clone())), "{error:?}");
        assert_eq!(rig.last_run(&account).await.error, Some(told));
        assert_eq!(rig.ids(&account).await.len(), pages * 3, "the pages before it are kept");
        // The next run goes on, and clears it away.
        rig.vendor.calm();
        rig.vendor.asked();
        assert_eq!(rig.sync(&account).await.status, RunStatus::Success);
        assert_eq!(rig.vendor.asked()[0].cursor.is_some(), pages > 0);
        rig.assert_in_step(&account).await;
        let now = rig.again(&account).await;
        assert_eq!((now.status, now.last_error), (ConnectorStatus::Active, None));
    }
}

fn forbidding(feed: &'static str) -> impl FnMut(&Call) -> Act + Send {
    move |call| {
        if call.feed == feed {
            Act::Fail(Error::Forbidden("reading it needs the scope history".into()))
        } else {
            Act::Serve
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_may_not_be_read_is_left_out_and_named_and_the_others_go_on() {
    let rig = Rig::new().await;
    for feed in ["a", "b", "c"] {
        rig.vendor.fill(feed, feed, 4);
    }
    let account = rig.link("one").await;
    rig.vendor.on_page(forbidding("b"));
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.feeds, end.error), (RunStatus::Success, 2, None));
    assert_eq!(end.feeds_skipped.len(), 1);
    assert!(end.feeds_skipped[0].starts_with("B: ") && end.feeds_skipped[0].contains("scope"));
    assert_eq!(rig.last_run(&account).await.feeds_skipped, end.feeds_skipped);
    assert_eq!(rig.ids(&account).await.len(), 8);
    rig.vendor.calm();
    rig.sync(&account).await;
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_may_read_no_feed_is_no_success() {
    let rig = Rig::new().await;
    rig.vendor.fill("b", "b", 4);
    let account = rig.link("one").await;
    rig.vendor.on_page(forbidding("b"));
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.error.unwrap().class.as_str()), (RunStatus::Failed, "forbidden"));
    assert_eq!(rig.again(&account).await.status, ConnectorStatus::Error);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_feed_is_a_success_that_read_nothing() {
    let rig = Rig::new().await;
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.feeds, end.stats.pages), (RunStatus::Success, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_feeds_that_cannot_be_had_ends_the_run_as_the_error_says() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 4);
    let account = rig.link("one").await;
    rig.vendor.on_feeds(|_| Err(Error::Reconnect("the token was refused".into())));
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.error.unwrap().class.as_str()), (RunStatus::Failed, "reconnect"));
    assert_eq!(rig.again(&account).await.status, ConnectorStatus::NeedsReauth);
    rig.vendor.on_feeds(|_| Err(Error::Forbidden("the list of channels".into())));
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.error.unwrap().class.as_str()), (RunStatus::Failed, "forbidden"));
    rig.vendor.calm();
    assert_eq!(rig.sync(&account).await.status, RunStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_feeds_failure_stops_the_others_at_their_page_and_loses_nothing() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    rig.vendor.fill("b", "b", 7);
    let account = rig.link("one").await;
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |call| match (call.feed.as_str(), call.nth) {
        ("a", 1) => Act::Wait(shut.clone()),
        ("b", 2) => Act::Fail(Error::unexpected("x", "y")),
        _ => Act::Serve,
    });
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.pages), (RunStatus::Failed, 1));
    rig.vendor.calm();
    assert_eq!(rig.sync(&account).await.status, RunStatus::Success);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_lists_the_feed_again_and_neither_doubles_nor_revives_a_record() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.delete("a", "a01");
    rig.sync(&account).await;
    rig.vendor.delete("a", "a02");
    rig.vendor.put("a", note("a03", "changed meanwhile"));
    rig.vendor.put("a", note("a10", "new meanwhile"));
    rig.vendor.forget();
    let before = rig.rows(&account).await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.error), (RunStatus::Success, None));
    let done = end.stats;
    assert_eq!((done.created, done.updated, done.unchanged, done.removed), (1, 1, 4, 1));
    rig.assert_in_step(&account).await;
    let after = rig.rows(&account).await;
    assert_eq!(after["a01"], before["a01"], "what was gone before is left as it was");
    rig.vendor.asked();
    rig.sync(&account).await;
    assert!(matches!(rig.vendor.asked()[0].cursor, Some(Cursor::Changes { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_expires_twice_in_a_run_fails_it() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.asked();
    rig.vendor.on_page(|_| Act::Fail(Error::CursorExpired));
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.error.unwrap().class.as_str()), (RunStatus::Failed, "unexpected"));
    assert_eq!(rig.vendor.asked().len(), 2);
    assert_eq!(rig.ids(&account).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_cursor_that_no_longer_parses_counts_as_expired() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.sql("UPDATE external_feeds SET cursor = '{\"of\": \"an older program\"}'").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.unchanged), (RunStatus::Success, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_in_mid_listing_begins_the_listing_again_and_forgets_what_it_saw() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let end = failing(&rig, &account, 1, &Error::CursorExpired).await;
    assert_eq!(end.status, RunStatus::Failed, "it expired twice");
    // What the listing saw of `a00` no longer counts.
    rig.vendor.lose("a", "a00");
    rig.vendor.calm();
    let mut once = true;
    rig.vendor.on_page(move |call| {
        if call.cursor.is_some() && std::mem::take(&mut once) {
            Act::Fail(Error::CursorExpired)
        } else {
            Act::Serve
        }
    });
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.removed), (RunStatus::Success, 1));
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_costs_no_page_of_the_budget() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.forget();
    let end = rig.run(&account, Asked { max_pages: Some(1), ..asked() }).await;
    assert_eq!((end.more, end.stats.pages, end.stats.unchanged), (false, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_providers_code_fails_the_run_and_not_the_process() {
    type Break = fn(&Rig);
    let breaks: [(&str, Break); 4] = [
        ("the first page", |rig| rig.vendor.on_page(|_| Act::Panic)),
        ("the second page", |rig| {
            rig.vendor.on_page(|call| if call.cursor.is_some() { Act::Panic } else { Act::Serve });
        }),
        ("the list of feeds", |rig| rig.vendor.on_feeds(|_| panic!("a defect"))),
        ("what is gone", |rig| rig.vendor.on_confirm(|_| panic!("a defect"))),
    ];
    for (what, break_it) in breaks {
        let rig = Rig::new().await;
        rig.vendor.mode(Mode::Relist);
        rig.vendor.fill("a", "a", 4);
        let account = rig.link("one").await;
        if what == "what is gone" {
            rig.sync(&account).await;
            rig.vendor.lose("a", "a00");
        }
        break_it(&rig);
        let live = rig.start(&account, asked()).await;
        let end = tokio::time::timeout(Duration::from_secs(30), live.ended()).await;
        let end = end.expect(what).unwrap();
        assert_eq!(end.status, RunStatus::Failed, "{what}");
        let told = end.error.unwrap();
        assert!(told.message.contains("panicked") && told.message.contains("report"), "{told:?}");
        assert_eq!(rig.again(&account).await.running, None);
        let dry = rig.dry(&account, asked()).await;
        assert_eq!(dry.error.map(|error| error.class), Some("unexpected".into()), "{what}");
        rig.vendor.calm();
        assert_eq!(rig.sync(&account).await.status, RunStatus::Success, "{what}");
        rig.assert_in_step(&account).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_panics_fails_the_run_and_not_the_process() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 4);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.on_page(|_| {
        edit(|page| {
            let patch = neotoma_importers::provider::Patch::new(|_| panic!("a defect"));
            page.patching("a00", patch)
        })
    });
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.error.unwrap().class.as_str()), (RunStatus::Failed, "unexpected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_in_mid_run_ends_it_and_the_next_run_goes_on_at_once() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    let proxy = Proxy::to(&rig.database.options).await;
    let store = Store::connect(proxy.options.clone()).await.unwrap();
    let far = engine(&store, &rig.vault);
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |call| match call.nth {
        2 => Act::Wait(shut.clone()),
        _ => Act::Serve,
    });
    let started = far.start(&account, rig.provider, asked()).await.unwrap();
    let Started::Here { live, .. } = started else { panic!("{}", told(&started)) };
    gate.reached().await;
    while rig.ids(&account).await.len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.cut();
    gate.open();
    let end = tokio::time::timeout(Duration::from_mins(1), live.ended()).await.unwrap();
    assert!(end.is_err(), "its end could not be stored: {end:?}");
    assert!(far.live(account.id).is_none());
    let stored = rig.run_row(live.run.unwrap()).await;
    assert_eq!(stored.status, RunStatus::Running);

    proxy.mend();
    rig.vendor.asked();
    let started = far.start(&account, rig.provider, asked()).await.unwrap();
    let Started::Here { live: next, already: false } = started else {
        panic!("{}", told(&started))
    };
    assert_eq!(next.ended().await.unwrap().stats.created, 4);
    assert!(rig.vendor.asked()[0].cursor.is_some());
    rig.assert_in_step(&account).await;
    let closed = rig.run_row(live.run.unwrap()).await;
    assert_eq!(
        (closed.status, closed.error.unwrap().class),
        (RunStatus::Failed, "interrupted".into())
    );
    assert_eq!(closed.stats.created, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_breaks_off_every_connection_again_and_again_loses_and_doubles_nothing() {
    let rig = Rig::new().await;
    rig.vendor.page_size(5);
    rig.vendor.fill("a", "a", 100);
    rig.vendor.fill("b", "b", 100);
    let account = rig.link("one").await;
    let options = rig.database.options.clone().application_name("breaker");
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let breaker = tokio::spawn(async move {
        use sqlx::{ConnectOptions as _, Connection as _};
        let mut connection = options.connect().await.unwrap();
        while !*stopped.borrow_and_update() {
            let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'neotoma'";
            sqlx::query(kill).execute(&mut connection).await.unwrap();
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        connection.close().await.unwrap();
    });
    let mut failed = 0;
    for _ in 0..30 {
        match rig.engine.start(&account, rig.provider, asked()).await {
            Ok(Started::Here { live, .. }) => {
                let end = live.ended().await;
                failed += usize::from(!end.is_ok_and(|end| end.status == RunStatus::Success));
            }
            Ok(_) | Err(_) => failed += 1,
        }
    }
    stop.send_replace(true);
    breaker.await.unwrap();
    println!("{failed} of 30 runs were broken off");
    // A lease that was granted but never told of runs out.
    rig.sql("UPDATE external_connectors SET lease_until = now()").await;
    assert_eq!(rig.sync(&account).await.status, RunStatus::Success);
    rig.assert_in_step(&account).await;
    assert_eq!(rig.rows(&account).await.len(), 200);
    let running = "SELECT count(*) FROM external_sync_runs WHERE status = 'running'";
    assert_eq!(rig.count(running).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_with_what_to_do_and_what_was_stored_is_kept() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN IF NEW.external_id = 'a05' THEN \
         RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$ \
         LANGUAGE plpgsql; \
         CREATE TRIGGER full_disk BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION full_disk()",
    )
    .await;
    let end = rig.sync(&account).await;
    let told = end.error.unwrap();
    assert_eq!((end.status, told.class.as_str()), (RunStatus::Failed, "disk_full"));
    assert!(told.message.contains("free some space"), "{}", told.message);
    // The page before it, unless the two waited together.
    assert!([0, 3].contains(&rig.ids(&account).await.len()));
    assert_eq!(rig.again(&account).await.status, ConnectorStatus::Active, "it is not to blame");
    rig.sql("DROP TRIGGER full_disk ON records").await;
    rig.run(&account, initial()).await;
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_for_the_secrets_is_said_before_a_run_begins() {
    let rig = Rig::new().await;
    let account = rig.link("one").await;
    let key = secrecy::SecretString::from("another key of more than thirty-two characters");
    let vault = neotoma_importers::vault::Vault::new(&key, &[]).unwrap();
    let stranger = engine(&rig.store, &vault);
    let refused = stranger.start(&account, rig.provider, asked()).await;
    assert!(refused.is_err());
    assert_eq!(rig.count("SELECT count(*) FROM external_sync_runs").await, 0);
}
