//! What a sync stores, and what it leaves alone.

use std::time::Duration;

use jiff::Timestamp;
use neotoma_importers::{
    ids::OwnerId,
    provider::{Gone, Next, Patch, spec::FeedGone},
    record::{Note, Properties, Record},
    run::{ConnectorStatus, RunStatus, SyncType},
    store::StoreError,
    sync::Asked,
};
use serde_json::json;

use crate::support::{
    Act, Mode, Rig, SPEC, asked,
    fake::{Cursor, edit},
    initial, note, note_at,
};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_stores_everything_and_its_numbers() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    rig.vendor.fill("b", "b", 2);
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    rig.assert_in_step(&account).await;
    assert_eq!((end.status, end.error, end.more), (RunStatus::Success, None, false));
    assert_eq!((end.stats.created, end.stats.pages, end.feeds), (9, 4, 2));

    let run = rig.last_run(&account).await;
    assert_eq!((run.status, run.stats, run.feeds), (RunStatus::Success, end.stats, 2));
    assert_eq!((run.sync_type, run.account.as_str()), (SyncType::Incremental, "one"));
    assert!(run.completed_at.is_some_and(|at| at >= run.started_at));
    let now = rig.again(&account).await;
    assert_eq!((now.status, now.running), (ConnectorStatus::Active, None));
    assert!(now.last_successful_sync.is_some());
    let summary = rig.count(
        "SELECT count(*) FROM external_connectors WHERE (sync_cursor ->> 'feeds')::int = 2 \
         AND (sync_cursor ->> 'caught_up')::int = 2",
    );
    assert_eq!(summary.await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_wait_for_the_database_are_stored_together_and_none_is_lost() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 60);
    let account = rig.link("one").await;
    let mut lock = rig.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE records IN SHARE MODE").execute(&mut *lock).await.unwrap();
    let live = rig.start(&account, asked()).await;
    // Fetched although nothing can be stored.
    let mut fetched = 0;
    for _ in 0..10_000 {
        fetched += rig.vendor.asked().iter().filter(|asked| asked.feed == "a").count();
        if fetched == 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(fetched, 20);
    assert_eq!(rig.rows(&account).await.len(), 0);
    lock.rollback().await.unwrap();
    let end = live.ended().await.unwrap();
    assert_eq!((end.status, end.stats.created, end.stats.pages), (RunStatus::Success, 60, 20));
    rig.assert_in_step(&account).await;
    rig.assert_counted(&account).await;
    let stored = rig.count("SELECT count(DISTINCT xmin::text) FROM records").await;
    assert!(stored < 8, "twenty pages in {stored} transactions");
    // What a listing saw in them is known page by page as before: nothing is swept, what is lost is.
    rig.vendor.lose("a", "a07");
    let end = rig.run(&account, initial()).await;
    assert_eq!((end.stats.removed, end.stats.unchanged), (1, 59));
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_tables_counts_the_records_that_were_there_before() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.delete("a", "a02");
    rig.sync(&account).await;
    rig.sql(
        "DROP TABLE record_counts; DROP FUNCTION count_added_records CASCADE; \
         DROP FUNCTION count_changed_record CASCADE; DROP FUNCTION count_deleted_records CASCADE",
    )
    .await;
    rig.sql(include_str!("../../migrations/0007_record_counts.sql")).await;
    rig.sql(include_str!("../../migrations/0010_counts_of_changed_records.sql")).await;
    rig.assert_counted(&account).await;
    rig.vendor.put("a", note("a99", "a new one"));
    assert_eq!(rig.sync(&account).await.stats.created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_removed_revived_moved_or_deleted_past_the_program_are_counted() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let (one, two) = (rig.link("one").await, rig.link("two").await);
    rig.sync(&one).await;
    rig.sync(&two).await;
    for statement in [
        "UPDATE records SET removed_at = now() WHERE external_id IN ('a01', 'a02', 'a03')",
        "UPDATE records SET removed_at = NULL WHERE external_id = 'a02'",
        "UPDATE records SET removed_at = removed_at - interval '1 day', updated_at = now()",
        // One that is alive and one that is not, to the other account.
        "UPDATE records SET external_id = 'of ' || external_id, connector_id = (SELECT id FROM external_connectors \
         WHERE id <> connector_id) WHERE external_id IN ('a01', 'a04') \
         AND connector_id = (SELECT id FROM external_connectors ORDER BY id LIMIT 1)",
        "DELETE FROM records WHERE external_id IN ('a03', 'a05')",
    ] {
        assert!(rig.sql(statement).await > 0, "{statement}");
        rig.assert_counted(&one).await;
        rig.assert_counted(&two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_unchanged_is_counted_and_not_written() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let before = rig.rows(&account).await;
    for again in [asked(), initial()] {
        let end = rig.run(&account, again).await;
        assert_eq!((end.stats.unchanged, end.stats.created, end.stats.updated), (7, 0, 0));
        assert_eq!(rig.rows(&account).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_rows_that_changed_are_written() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let before = rig.rows(&account).await;
    rig.vendor.put("a", note("a02", "another text"));
    rig.vendor.put("a", note("a99", "a new one"));
    let end = rig.sync(&account).await;
    assert_eq!((end.stats.created, end.stats.updated, end.stats.unchanged), (1, 1, 6));
    rig.assert_in_step(&account).await;
    let after = rig.rows(&account).await;
    let written: Vec<&String> =
        after.iter().filter(|(id, row)| before.get(*id) != Some(row)).map(|(id, _)| id).collect();
    assert_eq!(written, ["a02", "a99"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_changes_brings_only_what_changed() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.put("a", note("a02", "another text"));
    rig.vendor.delete("a", "a03");
    rig.vendor.asked();
    let end = rig.sync(&account).await;
    assert_eq!((end.stats.updated, end.stats.removed, end.stats.unchanged), (1, 1, 0));
    assert_eq!(rig.vendor.asked().len(), 1, "one page of changes was asked for");
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_seen_again_after_its_removal_lives_again() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 4);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.delete("a", "a01");
    rig.sync(&account).await;
    assert!(rig.rows(&account).await["a01"].removed);
    rig.vendor.put("a", note("a01", "text of a01")); // the very same
    let end = rig.sync(&account).await;
    assert_eq!(end.stats.updated, 1);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_its_removals_and_its_cursor_are_stored_together_or_not_at_all() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let feeds = || rig.store.feeds_of(&account.owner, account.id);
    let (rows, cursor) = (rig.rows(&account).await, feeds().await.unwrap()["a"].cursor.clone());
    rig.sql(
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN IF NEW.external_id = 'b' THEN \
         RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON records FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    rig.vendor.put("a", note("a02", "another text"));
    rig.vendor.put("a", note("b", "refused"));
    rig.vendor.delete("a", "a03");
    let end = rig.sync(&account).await;
    assert_eq!(end.status, RunStatus::Failed);
    assert_eq!(end.error.unwrap().class, "database");
    assert_eq!(end.stats.pages, 0);
    assert_eq!(rig.rows(&account).await, rows);
    assert_eq!(feeds().await.unwrap()["a"].cursor, cursor);

    rig.sql("DROP TRIGGER refuse ON records").await;
    assert_eq!(rig.sync(&account).await.status, RunStatus::Success);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_changes_nothing_that_is_stored() {
    let rig = Rig::new().await;
    rig.vendor.put("a", note("new", "second version").version(second(200)));
    rig.vendor.put("a", note("gone", "second version").version(second(200)));
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.delete("a", "gone");
    rig.sync(&account).await;
    let before = rig.rows(&account).await;
    rig.vendor.put("a", note("new", "first version").version(second(100)));
    rig.vendor.put("a", note("gone", "first version").version(second(100)));
    let end = rig.sync(&account).await;
    assert_eq!((end.stats.unchanged, end.stats.updated), (2, 0));
    assert_eq!(rig.rows(&account).await, before);
    rig.vendor.put("a", note("new", "corrected without a new version").version(second(200)));
    rig.sync(&account).await;
    assert_eq!(rig.alive(&account).await["new"], "corrected without a new version");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_in_two_mailboxes_and_at_two_owners_is_as_many_records() {
    let rig = Rig::new().await;
    rig.vendor.put("a", note("1", "text"));
    let other = OwnerId::new("other").unwrap();
    let accounts = [
        rig.link("one").await,
        rig.link("two").await,
        rig.link_for(&other, "one", json!({})).await,
    ];
    for account in &accounts {
        assert_eq!(rig.sync(account).await.stats.created, 1);
    }
    rig.vendor.delete("a", "1");
    rig.sync(&accounts[0]).await;
    let alive = [
        rig.ids(&accounts[0]).await.len(),
        rig.ids(&accounts[1]).await.len(),
        rig.ids(&accounts[2]).await.len(),
    ];
    assert_eq!(alive, [0, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_comes_twice_in_a_page_is_one_record_as_the_later_says() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    rig.vendor.on_page(|_| {
        edit(|mut page| {
            page.upserts.push(note("a00", "said later"));
            page.upserts.push(Record::hashed("h", Note::default()));
            page.upserts.push(Record::hashed("h", Note::default()));
            page
        })
    });
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.created), (RunStatus::Success, 3));
    assert_eq!(rig.alive(&account).await["a00"], "said later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_moves_to_another_feed_is_kept_whichever_feed_is_read_first() {
    for first in ["a", "b"] {
        let rig = Rig::of(neotoma_importers::provider::Spec { width: 1, ..SPEC }).await;
        rig.vendor.fill("a", "a", 2);
        rig.vendor.fill("b", "b", 2);
        let account = rig.link("one").await;
        rig.sync(&account).await;
        rig.vendor.delete("a", "a01");
        rig.vendor.put("b", note("a01", "text of a01"));
        // The feed that was advanced less recently is read first.
        let then = if first == "a" { "b" } else { "a" };
        sqlx::query(
            "UPDATE external_feeds SET advanced_at = now() + interval '1 hour' WHERE feed = $1",
        )
        .bind(then)
        .execute(&rig.pool)
        .await
        .unwrap();
        rig.vendor.asked();
        rig.sync(&account).await;
        assert_eq!(rig.vendor.asked()[0].feed, first);
        rig.assert_in_step(&account).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_characters_are_lost_and_nothing_else() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    let odd = Note {
        title: Some("ti\0tle".into()),
        content: Some("te\0xt and \\u0000".into()),
        tags: Some(vec!["\0".into()]),
        ..Note::default()
    };
    rig.vendor.put("a", Record::new("i\0d", odd).at("pla\0ce"));
    rig.vendor.put("a", note("b", "another"));
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.created), (RunStatus::Success, 2));
    assert_eq!(rig.alive(&account).await["id"], "text and \\u0000");
    let before = rig.rows(&account).await;
    let again = rig.sync(&account).await;
    assert_eq!((again.stats.unchanged, again.stats.removed), (2, 0));
    assert_eq!(rig.rows(&account).await, before);

    rig.vendor.on_page(|_| {
        edit(|page| {
            page.removing(["i\0d"])
                .removing_places(["no\0where"])
                .removing_under(["no\0where"])
                .replacing("no\0where")
                .seeing(["x\0"])
                .patching("b\0", Patch::new(|of| write(of, "pat\0ched")))
        })
    });
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.removed, end.stats.updated), (RunStatus::Success, 1, 1));
    assert_eq!(rig.alive(&account).await["b"], "patched");
}

fn write(of: &mut Properties, text: &str) {
    if let Properties::Note(note) = of {
        note.content = Some(text.into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_changes_by_itself_writes_no_row() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    let signed = |signature: &str, title: &str| {
        let url = Some(format!("https://files.test/?{signature}"));
        let of = Note { url, title: Some(title.into()), ..Note::default() };
        Record::new("a", of).volatile("url")
    };
    rig.vendor.put("a", signed("1", "title"));
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let before = rig.rows(&account).await;
    rig.vendor.put("a", signed("2", "title"));
    assert_eq!(rig.sync(&account).await.stats.unchanged, 1);
    assert_eq!(rig.rows(&account).await, before);
    rig.vendor.put("a", signed("3", "another title"));
    assert_eq!(rig.sync(&account).await.stats.updated, 1);
    let url = rig.count("SELECT count(*) FROM records WHERE properties ->> 'url' LIKE '%?3'");
    assert_eq!(url.await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_a_known_record_where_it_lies_and_lets_an_unknown_one_go() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    rig.vendor.fill("b", "b", 1);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let patch = |text: &'static str| {
        move |asked: &crate::support::fake::Asked| match asked.feed.as_str() {
            "b" => edit(move |page| {
                page.patching("a01", Patch::new(move |of| write(of, text)))
                    .patching("unknown", Patch::new(move |of| write(of, text)))
            }),
            _ => Act::Serve,
        }
    };
    rig.vendor.on_page(patch("patched"));
    assert_eq!(rig.sync(&account).await.stats.updated, 1);
    let rows = rig.rows(&account).await;
    assert_eq!((rows["a01"].text.as_str(), rows["a01"].feed.as_str()), ("patched", "a"));
    assert_eq!(rows.len(), 3);
    // The same change again changes nothing.
    assert_eq!(rig.sync(&account).await.stats.updated, 0);
    assert_eq!(rig.rows(&account).await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_changes_nothing_writes_no_row_even_with_a_volatile_path() {
    let rig = Rig::new().await;
    let of = Note { url: Some("https://files.test".into()), ..Note::default() };
    rig.vendor.put("a", Record::new("a", of).volatile("url"));
    let account = rig.link("one").await;
    rig.sync(&account).await;
    let before = rig.rows(&account).await;
    rig.vendor.on_page(|_| edit(|page| page.patching("a", Patch::new(|_| ()))));
    assert_eq!(rig.sync(&account).await.stats.updated, 0);
    assert_eq!(rig.rows(&account).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_bodies_keeps_texts_out_of_records_patches_and_the_index() {
    let rig = Rig::new().await;
    rig.vendor.put("a", note("a", "a text"));
    rig.vendor
        .on_page(|_| edit(|page| page.patching("a", Patch::new(|of| write(of, "a patched text")))));
    let account = rig.link_for(&rig.owner, "one", json!({ "bodies": false })).await;
    rig.sync(&account).await;
    assert_eq!(rig.alive(&account).await["a"], "");
    let stored = rig.count(
        "SELECT count(*) FROM records WHERE search_text LIKE '%text%' OR properties::text LIKE '%text%'",
    );
    assert_eq!(stored.await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn include_and_exclude_choose_the_feeds_that_are_read() {
    let rig = Rig::new().await;
    for feed in ["a", "b", "c"] {
        rig.vendor.fill(feed, feed, 1);
    }
    let two = json!({ "include": ["a", "b"] });
    let chosen = rig.link_for(&rig.owner, "one", two).await;
    assert_eq!(rig.sync(&chosen).await.feeds, 2);
    assert_eq!(rig.ids(&chosen).await, ["a00", "b00"]);
    let left_out = rig.link_for(&rig.owner, "two", json!({ "exclude": ["a"] })).await;
    rig.sync(&left_out).await;
    assert_eq!(rig.ids(&left_out).await, ["b00", "c00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn since_bounds_a_listing_and_nothing_outside_the_bound_is_swept() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    for (id, at) in [("old", 100), ("new", 200), ("newer", 300)] {
        rig.vendor.put("a", note_at(id, "text", at));
    }
    let account = rig.link("one").await;
    rig.run(&account, Asked { since: Some(second(150)), ..asked() }).await;
    assert_eq!(rig.ids(&account).await, ["new", "newer"]);
    // The caller's bounds the first listing alone.
    rig.run(&account, Asked { since: Some(second(150)), ..asked() }).await;
    assert_eq!(rig.ids(&account).await, ["new", "newer", "old"]);

    // The setting bounds every one; what lies before it was not looked for, so it is not gone.
    let bounded = json!({ "since": "1970-01-01T00:02:30Z" });
    let account = rig.link_for(&rig.owner, "one", bounded).await;
    rig.vendor.lose("a", "new");
    let end = rig.sync(&account).await;
    assert_eq!(end.stats.removed, 1);
    assert_eq!(rig.ids(&account).await, ["newer", "old"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_pages_ends_the_run_well_and_the_next_goes_on() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    rig.vendor.fill("b", "b", 7);
    let account = rig.link("one").await;
    let two = Asked { max_pages: Some(2), ..asked() };
    let mut runs = 0;
    loop {
        let end = rig.run(&account, two).await;
        assert_eq!((end.status, end.error), (RunStatus::Success, None));
        assert!(end.stats.pages <= 2 && end.feeds <= 2, "{:?}", end.stats);
        runs += 1;
        if !end.more {
            break;
        }
    }
    assert!(runs <= 6, "each run must bring the feeds forward");
    rig.assert_in_step(&account).await;
    let listed: Vec<_> = rig.vendor.asked().into_iter().filter(|a| a.cursor.is_none()).collect();
    assert_eq!(listed.len(), 2, "each feed was listed from its start once: {listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wished_page_size_reaches_the_vendor() {
    let rig = Rig::new().await;
    rig.vendor.page_size(100);
    rig.vendor.fill("a", "a", 6);
    let account = rig.link("one").await;
    let end = rig.run(&account, Asked { limit: Some(2), ..asked() }).await;
    assert_eq!(end.stats.pages, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_budget_starves_no_feed_not_even_behind_one_that_cannot_be_read() {
    let rig = Rig::new().await;
    for feed in ["a", "b", "c"] {
        rig.vendor.fill(feed, feed, 7);
    }
    rig.vendor.on_page(|asked| match asked.feed.as_str() {
        "a" => Act::Fail(neotoma_importers::error::Error::Forbidden("reading it".into())),
        _ => Act::Serve,
    });
    let account = rig.link("one").await;
    for _ in 0..2 {
        let one = Asked { max_pages: Some(1), ..asked() };
        let end = rig.run(&account, one).await;
        assert_eq!((end.stats.pages, end.more), (1, true));
    }
    let advanced: Vec<String> = rig.ids(&account).await;
    assert_eq!(advanced, ["b00", "b01", "b02", "c00", "c01", "c02"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_listed_twice_is_read_once() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 4);
    rig.vendor.on_feeds(|feeds| Ok([feeds.clone(), feeds].concat()));
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.feeds, end.stats.created), (RunStatus::Success, 1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_the_database_cannot_hold_do_not_lose_the_page() {
    let rig = Rig::new().await;
    for (id, at) in [("first", Timestamp::MIN), ("last", Timestamp::MAX)] {
        let of = Note { created_at: Some(at), ..Note::default() };
        rig.vendor.put("a", Record::new(id, of).version(at));
    }
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.created), (RunStatus::Success, 2), "{:?}", end.error);
    assert_eq!(rig.run(&account, initial()).await.stats.unchanged, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_too_long_to_be_indexed_is_left_out_and_its_page_kept() {
    // Not compressible, or the database could hold more than it says.
    let long = |length: usize| -> String {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + u8::try_from((state >> 33) % 94).unwrap())
        };
        (0..length).map(|_| next()).collect()
    };
    let rig = Rig::new().await;
    rig.vendor.page_size(10);
    rig.vendor.put("a", note("short", "text"));
    rig.vendor.put("a", note(&long(1500), "text").at(long(1500)));
    rig.vendor.put("a", note(&long(5000), "text"));
    rig.vendor.put("a", note("elsewhere", "text").at(long(5000)));
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!(end.status, RunStatus::Success, "{:?}", end.error);
    assert_eq!((end.stats.created, end.stats.skipped), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_thousands_and_one_of_megabytes_are_stored_whole() {
    let rig = Rig::new().await;
    rig.vendor.page_size(10_000);
    for number in 0..2_500 {
        rig.vendor.put("a", note(&format!("{number:05}"), "text"));
    }
    for number in 0..3 {
        rig.vendor.put("b", note(&format!("large {number}"), &"text ".repeat(700_000)));
    }
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.pages), (RunStatus::Success, 2), "{:?}", end.error);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_that_write_the_same_records_at_once_do_not_fail_each_other() {
    let rig = Rig::of(neotoma_importers::provider::Spec { width: 8, ..SPEC }).await;
    rig.vendor.page_size(200);
    let feeds = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for (turn, feed) in feeds.into_iter().enumerate() {
        for number in 0..200 {
            rig.vendor.put(feed, note(&format!("{number:03}"), &format!("as {turn} has it")));
        }
    }
    // Each feed brings the same records in an order of its own.
    rig.vendor.on_page(|asked| {
        let turn = asked.feed.len() + usize::from(asked.feed.as_bytes()[0]) * 25;
        edit(move |mut page| {
            let middle = turn % page.upserts.len().max(1);
            page.upserts.rotate_left(middle);
            page
        })
    });
    let account = rig.link("one").await;
    for _ in 0..5 {
        let end = rig.run(&account, initial()).await;
        assert_eq!(end.status, RunStatus::Success, "{:?}", end.error);
    }
    assert_eq!(rig.ids(&account).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_a_first_listing_takes_for_new_and_that_are_known_are_neither_lost_nor_counted_as_new()
 {
    let rig = Rig::of(neotoma_importers::provider::Spec { width: 1, ..SPEC }).await;
    rig.vendor.page_size(20);
    for number in 0..60 {
        let id = format!("{number:02}");
        rig.vendor.put("a", note(&id, "the same"));
        rig.vendor.put("b", note(&id, if number < 30 { "the same" } else { "another text" }));
    }
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!(end.status, RunStatus::Success, "{:?}", end.error);
    // Whichever feed comes second has them all, and takes them over.
    assert_eq!((end.stats.created, end.stats.updated, end.stats.unchanged), (60, 60, 0));
    assert_eq!(rig.ids(&account).await.len(), 60);
    let again = rig.run(&account, initial()).await;
    assert_eq!((again.stats.created, again.stats.updated), (0, 120), "each feed its own again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_change_and_writes_nothing() {
    let spec = neotoma_importers::provider::Spec { feed_gone: FeedGone::Remove, ..SPEC };
    let rig = Rig::of(spec).await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 7);
    rig.vendor.fill("b", "b", 2);
    rig.vendor.put("a", note("p1", "text").at("/p/1"));
    rig.vendor.put("a", note("p2", "text").at("/p/2"));
    rig.vendor.put("a", note("q", "text").at("/q"));
    let account = rig.link("one").await;
    let dry = rig.dry(&account, asked()).await;
    assert_eq!((dry.status, dry.stats.created, dry.feeds), (RunStatus::Success, 12, 2));
    assert_eq!(rig.rows(&account).await.len(), 0);
    rig.sync(&account).await;

    rig.vendor.put("a", note("a00", "another text"));
    rig.vendor.put("a", note("new", "text"));
    rig.vendor.lose("a", "a01"); // the sweep's
    for id in ["p1", "p2", "q"] {
        rig.vendor.lose("a", id); // told of by their places
    }
    rig.vendor.lose("a", "a05"); // told of by a patch
    rig.vendor.close("b");
    rig.vendor.on_page(|asked| match asked.cursor {
        None => edit(|mut page| {
            page.removed.push(Gone::Under("/p".into()));
            page.replacing("/q").patching("a05", Patch::new(|of| write(of, "patched")))
        }),
        Some(_) => Act::Serve,
    });
    let tables = [
        "SELECT count(*) FROM external_sync_runs",
        "SELECT (sum(listing) + sum(listing_pages))::bigint FROM external_feeds",
        "SELECT count(*) FROM external_seen",
    ];
    let mut before = Vec::new();
    for query in &tables {
        before.push(rig.count(query).await);
    }
    let rows = rig.rows(&account).await;
    let dry = rig.dry(&account, asked()).await;
    for (query, before) in tables.iter().zip(before) {
        assert_eq!(rig.count(query).await, before, "{query}");
    }
    assert_eq!(rig.rows(&account).await, rows);
    let end = rig.sync(&account).await;
    assert_eq!(dry.stats, end.stats);
    assert_eq!(
        (end.stats.created, end.stats.updated, end.stats.removed),
        (1, 2, 6),
        "one by the sweep, two with their feed, two under their place, one replaced"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_asking_for_more_confirms_receipt_a_page_is_stored_before_and_a_dry_run_asks_for_none()
 {
    let spec = neotoma_importers::provider::Spec { confirms_on_read: true, ..SPEC };
    let rig = Rig::of(spec).await;
    rig.vendor.fill("a", "a", 12);
    rig.vendor.page_size(5);
    let account = rig.link("one").await;
    let dry = rig.dry(&account, asked()).await;
    assert_eq!((dry.status, dry.stats.created, dry.more), (RunStatus::Success, 5, true));
    assert_eq!(rig.vendor.asked().len(), 1);

    // The store refuses the first page: a second one would be lost, were it asked for.
    rig.sql("ALTER TABLE records RENAME TO records_away").await;
    let failed = rig.start(&account, asked()).await.ended().await.unwrap();
    rig.sql("ALTER TABLE records_away RENAME TO records").await;
    assert_eq!(failed.status, RunStatus::Failed);
    assert_eq!(rig.vendor.asked().len(), 1);
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.created), (RunStatus::Success, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_of_a_sweep_that_would_wait_and_of_one_that_a_yes_carries_out() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 40);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    for number in 0..30 {
        rig.vendor.lose("a", &format!("a{number:02}"));
    }
    let dry = rig.dry(&account, asked()).await;
    assert_eq!((dry.status, dry.stats.removed), (RunStatus::Partial, 0));
    assert_eq!(dry.removals_waiting, 30);
    let yes = rig.dry(&account, Asked { confirm_removals: true, ..asked() }).await;
    assert_eq!((yes.status, yes.stats.removed), (RunStatus::Success, 30));
    assert_eq!(rig.ids(&account).await.len(), 40);

    rig.sync(&account).await; // holds them
    let yes = rig.dry(&account, Asked { confirm_removals: true, ..asked() }).await;
    assert_eq!((yes.stats.removed, yes.removals_waiting), (30, 0));
    assert_eq!(rig.ids(&account).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_what_comes_on_two_pages_once() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 5);
    rig.vendor.on_page(|_| {
        edit(|mut page| {
            page.upserts.push(note("again", "on every page"));
            page
        })
    });
    let account = rig.link("one").await;
    let dry = rig.dry(&account, asked()).await;
    let end = rig.sync(&account).await;
    assert_eq!((dry.stats.created, end.stats.created), (6, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unstorable_cursor_is_the_vendors_fault_not_the_databases() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 5);
    rig.vendor.on_page(|_| {
        edit(|mut page| {
            page.next = match page.next {
                Next::More(Cursor::Listing { after, token }) => {
                    Next::More(Cursor::Listing { after: format!("{after}\0"), token })
                }
                next => next,
            };
            page
        })
    });
    let account = rig.link("one").await;
    let end = rig.sync(&account).await;
    assert_eq!(end.status, RunStatus::Success, "{:?}", end.error);
}

#[tokio::test]
async fn tables_of_a_newer_program_are_refused_with_what_to_do() {
    let rig = Rig::new().await;
    rig.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, '\\x00', 0)",
    )
    .await;
    let refused = neotoma_importers::store::Store::connect(rig.database.options.clone()).await;
    let Err(StoreError::Refused(why)) = refused else { panic!("it was not refused") };
    assert!(why.contains("update neotoma"), "{why}");
}
