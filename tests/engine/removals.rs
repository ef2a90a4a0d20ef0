//! What is marked removed, and above all what is not.

use std::time::Duration;

use jiff::Timestamp;
use neotoma_importers::{
    error::Error,
    provider::{
        Covers, Gone, Spec,
        spec::{Absence, FeedGone},
    },
    record::Record,
    run::RunStatus,
    store::Connector,
    sync::Asked,
};

use crate::support::{
    Act, Gate, Mode, Rig, SPEC, asked,
    fake::{Asked as Call, Cursor, edit},
    initial, note, note_at,
};

fn confirming() -> Asked {
    Asked { confirm_removals: true, ..asked() }
}

fn unavailable() -> Error {
    Error::Unavailable("it is down".into())
}

/// A vendor that lists everything every time, seven records in three pages of which the first one is gone.
async fn one_missing(spec: Spec) -> (Rig, Connector) {
    let rig = Rig::of(spec).await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.lose("a", "a00");
    rig.vendor.asked();
    (rig, account)
}

/// A vendor with a feed of changes that lost 30 of 40 records without telling: a listing holds their removal.
async fn thirty_held() -> (Rig, Connector) {
    let rig = Rig::new().await;
    rig.vendor.page_size(15);
    rig.vendor.fill("a", "a", 40);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    for number in 0..30 {
        rig.vendor.lose("a", &format!("a{number:02}"));
    }
    let end = rig.run(&account, initial()).await;
    assert_eq!((end.status, end.removals_waiting), (RunStatus::Partial, 30));
    (rig, account)
}

fn second_page(call: &Call) -> bool {
    matches!(call.cursor, Some(Cursor::Listing { .. }))
}

async fn removed(rig: &Rig, account: &Connector) -> Vec<String> {
    let rows = rig.rows(account).await.into_iter();
    rows.filter(|(_, row)| row.removed).map(|(id, _)| id).collect()
}

async fn waiting(rig: &Rig, account: &Connector) -> u64 {
    rig.store.removals_waiting(&account.owner, account.id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_whole_listing_lacks_is_removed_from_its_feed_alone() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 7);
    rig.vendor.fill("b", "b", 7);
    let (account, other) = (rig.link("one").await, rig.link("two").await);
    rig.sync(&account).await;
    rig.sync(&other).await;
    rig.vendor.lose("a", "a00");
    rig.vendor.lose("a", "a06");
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.removed), (RunStatus::Success, 2));
    assert_eq!(removed(&rig, &account).await, ["a00", "a06"]);
    assert_eq!(removed(&rig, &other).await, [""; 0]);
    let left = rig.count("SELECT count(*) FROM external_seen").await;
    assert_eq!(left, 0, "what a closed listing saw is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initial_sync_lists_again_keeps_the_records_and_sweeps() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.lose("a", "a03"); // no change tells of it
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
    let end = rig.run(&account, initial()).await;
    assert_eq!((end.stats.unchanged, end.stats.removed), (6, 1));
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_due_is_made_although_there_is_a_cursor() {
    let relist = Some(Duration::from_hours(7 * 24));
    let rig = Rig::of(Spec { relist, ..SPEC }).await;
    rig.vendor.fill("a", "a", 7);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.lose("a", "a03");
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
    rig.sql("UPDATE external_feeds SET listed_at = now() - interval '8 days'").await;
    assert_eq!(rig.sync(&account).await.stats.removed, 1);
    rig.vendor.asked();
    rig.sync(&account).await;
    assert_eq!(rig.vendor.asked().len(), 1, "it is followed by its changes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_cut_short_by_its_budget_sweeps_nothing_until_it_is_whole() {
    let (rig, account) = one_missing(SPEC).await;
    let end = rig.run(&account, Asked { max_pages: Some(1), ..asked() }).await;
    assert_eq!((end.more, end.stats.removed), (true, 0));
    let end = rig.sync(&account).await;
    assert_eq!((end.more, end.stats.removed), (false, 1));
    assert_eq!(rig.vendor.asked().iter().filter(|call| call.cursor.is_none()).count(), 1);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_cut_short_by_an_error_sweeps_nothing_until_it_is_whole() {
    for error in [unavailable(), Error::Forbidden("page two".into()), Error::NotFound] {
        let (rig, account) = one_missing(SPEC).await;
        let why = error.clone();
        rig.vendor.on_page(
            move |call| if second_page(call) { Act::Fail(why.clone()) } else { Act::Serve },
        );
        assert_eq!(rig.sync(&account).await.stats.removed, 0, "{error}");
        assert_eq!(removed(&rig, &account).await, [""; 0]);
        rig.vendor.calm();
        assert_eq!(rig.sync(&account).await.stats.removed, 1);
        rig.assert_in_step(&account).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_cut_short_by_a_stop_sweeps_nothing_until_it_is_whole() {
    let (rig, account) = one_missing(SPEC).await;
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor
        .on_page(move |call| if second_page(call) { Act::Wait(shut.clone()) } else { Act::Serve });
    let live = rig.start(&account, asked()).await;
    gate.reached().await;
    live.stop();
    let end = live.ended().await.unwrap();
    assert_eq!((end.status, end.stats.removed), (RunStatus::Cancelled, 0));
    rig.vendor.calm();
    assert_eq!(rig.sync(&account).await.stats.removed, 1);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_left_out_an_unreadable_item_sweeps_nothing_and_the_next_does() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.on_page(|call| match call.cursor {
        None => edit(|page| page.skipping(1)), // on the first of its pages
        Some(_) => Act::Serve,
    });
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.skipped, end.stats.removed), (RunStatus::Success, 1, 0));
    rig.vendor.calm();
    assert_eq!(rig.sync(&account).await.stats.removed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_whose_reach_is_not_known_sweeps_nothing() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.on_page(|call| {
        if second_page(call) { edit(|page| page.covering(Covers::Nothing)) } else { Act::Serve }
    });
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
    let (rig, account) = one_missing(Spec { absence: Absence::Unknown, ..SPEC }).await;
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
    assert_eq!(rig.run(&account, initial()).await.stats.removed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_content_is_alive() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.on_page(|call| {
        if second_page(call) {
            edit(|mut page| {
                let ids: Vec<String> =
                    page.upserts.drain(..).map(|record| record.key.as_str().to_owned()).collect();
                page.seeing(ids)
            })
        } else {
            Act::Serve
        }
    });
    let before = rig.rows(&account).await;
    assert_eq!(rig.sync(&account).await.stats.removed, 1);
    let mut after = rig.rows(&account).await;
    after.insert("a00".into(), before["a00"].clone());
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_an_id_is_never_swept() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.put("a", note("a", "text"));
    rig.vendor.on_page(|call| match call.nth {
        1 => edit(|mut page| {
            let of = note("x", "nameless").properties;
            page.upserts.push(Record::hashed("a hash", of));
            page
        }),
        _ => Act::Serve,
    });
    let account = rig.link("one").await;
    rig.sync(&account).await;
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
    let alive = rig.count("SELECT count(*) FROM records WHERE removed_at IS NULL");
    assert_eq!(alive.await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendor_is_asked_before_a_sweep_and_its_answer_is_obeyed() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.lose("a", "a01");
    rig.vendor.lose("a", "a02");
    // It also names one that it was not asked about.
    rig.vendor.on_confirm(|_| Ok(vec!["a01".into(), "a04".into()]));
    let end = rig.sync(&account).await;
    assert_eq!(end.stats.removed, 1);
    assert_eq!(removed(&rig, &account).await, ["a01"]);
    assert_eq!(rig.vendor.confirmed(), [["a00", "a01", "a02"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_cannot_say_what_is_gone_keeps_the_last_page_from_being_stored() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.put("a", note("a99", "on the last page"));
    rig.vendor.on_confirm(|_| Err(unavailable()));
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.pages), (RunStatus::Partial, 2));
    assert!(!rig.alive(&account).await.contains_key("a99"));
    rig.vendor.calm();
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.pages, end.stats.removed), (RunStatus::Success, 1, 1));
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_sweep_marks_nothing_and_waits_for_a_yes() {
    let (rig, account) = thirty_held().await;
    assert_eq!(removed(&rig, &account).await, [""; 0]);
    assert_eq!(rig.vendor.confirmed(), [[""; 0]; 0], "the vendor is not asked about it");
    let run = rig.last_run(&account).await;
    let error = run.error.unwrap();
    assert_eq!((run.status, error.class.as_str()), (RunStatus::Partial, "removals_waiting"));
    assert!(error.message.contains("30 records") && error.message.contains("confirm_removals"));
    // A run without the yes changes nothing about it.
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.removals_waiting), (RunStatus::Success, 30));
    let end = rig.run(&account, initial()).await;
    assert_eq!((end.status, end.removals_waiting), (RunStatus::Partial, 30));

    let end = rig.run(&account, confirming()).await;
    assert_eq!((end.status, end.stats.removed), (RunStatus::Success, 30));
    assert_eq!(end.removals_waiting, 0);
    assert_eq!(rig.vendor.confirmed().concat().len(), 30, "now it is");
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_of_twenty_and_one_of_half_do_not_wait() {
    for (there, gone) in [(20, 20), (60, 30u8)] {
        let rig = Rig::new().await;
        rig.vendor.mode(Mode::Relist);
        rig.vendor.fill("a", "a", there);
        let account = rig.link("one").await;
        rig.sync(&account).await;
        for number in 0..gone {
            rig.vendor.lose("a", &format!("a{number:02}"));
        }
        let end = rig.sync(&account).await;
        assert_eq!((end.status, end.stats.removed), (RunStatus::Success, u64::from(gone)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_given_with_the_listing_carries_its_large_sweep_out() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 40);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    for number in 0..30 {
        rig.vendor.lose("a", &format!("a{number:02}"));
    }
    let end = rig.run(&account, confirming()).await;
    assert_eq!((end.status, end.stats.removed), (RunStatus::Success, 30));
    assert_eq!(rig.vendor.confirmed().concat().len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_or_moved_away_while_it_waited_is_not_removed() {
    let (rig, account) = thirty_held().await;
    rig.vendor.put("a", note("a00", "came back"));
    rig.vendor.put("b", note("a01", "moved to another feed"));
    rig.vendor.on_page(|call| match call.feed.as_str() {
        "a" => edit(|page| page.seeing(["a02"]).removing(["a03"])),
        _ => Act::Serve,
    });
    rig.sync(&account).await;
    rig.vendor.calm();
    assert_eq!(waiting(&rig, &account).await, 27, "without what was seen or removed meanwhile");
    let end = rig.run(&account, confirming()).await;
    assert_eq!(end.stats.removed, 26);
    let mut alive: Vec<String> = (30..40).map(|number| format!("a{number}")).collect();
    alive.extend(["a00".into(), "a01".into(), "a02".into()]);
    alive.sort();
    assert_eq!(rig.ids(&account).await, alive);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_whole_listing_replaces_what_waited() {
    let (rig, account) = thirty_held().await;
    for number in 5..30 {
        let id = format!("a{number:02}");
        rig.vendor.put("a", note(&id, &format!("text of {id}")));
    }
    rig.vendor.forget(); // so that only a listing can tell
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.removed), (RunStatus::Success, 5));
    assert_eq!(end.removals_waiting, 0);
    assert_eq!(rig.run(&account, confirming()).await.stats.removed, 0);
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendor_is_asked_about_what_waited_and_a_stop_is_heeded_meanwhile() {
    let (rig, account) = thirty_held().await;
    rig.vendor.on_confirm(|mut ids| {
        ids.retain(|id| id != "a07");
        Ok(ids)
    });
    let end = rig.run(&account, confirming()).await;
    assert_eq!((end.stats.removed, end.removals_waiting), (29, 0));
    assert!(rig.alive(&account).await.contains_key("a07"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_read_again_is_swept_and_nothing_before_it() {
    let rig = Rig::new().await;
    let at = |second| Timestamp::from_second(second).unwrap();
    rig.vendor.mode(Mode::Window(at(500)));
    for second in [100, 200, 300, 500, 600, 700, 800, 900] {
        rig.vendor.put("a", note_at(&format!("m{second}"), "text", second));
    }
    rig.vendor.put("a", note("undated", "text"));
    let account = rig.link("one").await;
    rig.sync(&account).await;
    for id in ["m200", "m500", "m900", "undated"] {
        rig.vendor.lose("a", id);
    }
    rig.vendor.put("a", note_at("m600", "edited", 600));
    let end = rig.sync(&account).await;
    assert_eq!((end.stats.removed, end.stats.updated, end.stats.pages), (2, 1, 1));
    assert_eq!(removed(&rig, &account).await, ["m500", "m900"]);
    // One that is cut short sweeps nothing.
    rig.vendor.page_size(1);
    rig.vendor.lose("a", "m600");
    let end = rig.run(&account, Asked { max_pages: Some(1), ..asked() }).await;
    assert_eq!(end.stats.removed, 0);
    assert_eq!(rig.sync(&account).await.stats.removed, 1);
    // The window goes on being one, however often it is read.
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
    assert_eq!(removed(&rig, &account).await, ["m500", "m600", "m900"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_sweep_of_a_window_waits_too_and_adds_to_what_waits() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Window(Timestamp::from_second(0).unwrap()));
    rig.vendor.page_size(100);
    for number in 0..60 {
        rig.vendor.put("a", note_at(&format!("m{number:02}"), "text", number));
    }
    let account = rig.link("one").await;
    rig.sync(&account).await;
    for number in 0..40 {
        rig.vendor.lose("a", &format!("m{number:02}"));
    }
    assert_eq!(rig.sync(&account).await.removals_waiting, 40);
    rig.vendor.lose("a", "m40");
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.removals_waiting), (RunStatus::Partial, 41));
    assert_eq!(rig.run(&account, confirming()).await.stats.removed, 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_whose_notes_were_lost_is_made_again_and_removes_nothing() {
    let (rig, account) = one_missing(SPEC).await;
    rig.run(&account, Asked { max_pages: Some(1), ..asked() }).await;
    assert_eq!(rig.sql("DELETE FROM external_seen").await, 1);
    let end = rig.sync(&account).await;
    assert_eq!((end.status, end.stats.removed), (RunStatus::Success, 0));
    rig.vendor.asked();
    assert_eq!(rig.sync(&account).await.stats.removed, 1);
    assert_eq!(rig.vendor.asked()[0].cursor, None, "the feed was listed from its start");
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_of_a_vanished_feed_stay_or_go_as_the_vendor_has_it() {
    for (feed_gone, left) in [(FeedGone::Keep, vec!["a00", "b00"]), (FeedGone::Remove, vec!["a00"])]
    {
        let rig = Rig::of(Spec { feed_gone, ..SPEC }).await;
        rig.vendor.fill("a", "a", 1);
        rig.vendor.fill("b", "b", 1);
        let account = rig.link("one").await;
        rig.sync(&account).await;
        rig.vendor.on_feeds(|_| Err(unavailable()));
        rig.sync(&account).await;
        assert_eq!(rig.ids(&account).await.len(), 2, "no list of feeds, nothing vanished");
        rig.vendor.on_feeds(|feeds| Ok(feeds.into_iter().filter(|feed| feed.id != "b").collect()));
        let end = rig.sync(&account).await;
        assert_eq!(end.stats.removed, 2 - left.len() as u64);
        assert_eq!(rig.ids(&account).await, left);
        assert_eq!(rig.sync(&account).await.stats.removed, 0);
        // It comes back.
        rig.vendor.calm();
        rig.sync(&account).await;
        rig.assert_in_step(&account).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_by_its_place_goes_with_all_that_lies_there() {
    let rig = Rig::new().await;
    rig.vendor.page_size(100);
    let places = [
        ("file", "/a/b"),
        ("twin", "/a/b"),
        ("inside", "/a/b/c"),
        ("deep", "/a/b/c/d%_"),
        ("beside", "/a/bc"),
        ("before", "/a/b-"),
        ("wild", "/axb/c"),
        ("upper", "/A/b/c"),
        ("umlaut", "/a/b/ä"),
        ("single", "/s"),
        ("in single", "/s/t"),
    ];
    for (id, place) in places {
        rig.vendor.put("a", note(id, "text").at(place));
        rig.vendor.put("b", note(&format!("{id} elsewhere"), "text").at(place));
    }
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.on_page(|call| match call.feed.as_str() {
        "a" => edit(|page| page.removing_under(["/a/b", "/a_b"]).removing_places(["/s"])),
        _ => Act::Serve,
    });
    let end = rig.sync(&account).await;
    assert_eq!(end.stats.removed, 6);
    let gone = ["deep", "file", "inside", "single", "twin", "umlaut"];
    assert_eq!(removed(&rig, &account).await, gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_holds_everything() {
    let rig = Rig::new().await;
    rig.vendor.put("a", note("one", "text").at("/a"));
    rig.vendor.put("a", note("two", "text").at("/a/b"));
    rig.vendor.put("a", note("nowhere", "text"));
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.on_page(|_| {
        edit(|mut page| {
            page.removed.push(Gone::Under(String::new()));
            page
        })
    });
    assert_eq!(rig.sync(&account).await.stats.removed, 2);
    assert_eq!(rig.ids(&account).await, ["nowhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_holds_a_place_whole_removes_what_else_lay_there_but_not_what_moves() {
    let rig = Rig::new().await;
    rig.vendor.page_size(100);
    for id in ["stays", "goes", "leaves", "is seen"] {
        rig.vendor.put("a", note(id, "text").at("/calendar/1"));
    }
    rig.vendor.put("a", note("comes", "text").at("/calendar/2"));
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.on_page(|_| {
        edit(|mut page| {
            page.upserts = vec![
                note("stays", "text").at("/calendar/1"),
                note("comes", "text").at("/calendar/1"),
                note("leaves", "text").at("/calendar/2"),
            ];
            page.replacing("/calendar/1").seeing(["is seen"])
        })
    });
    let end = rig.sync(&account).await;
    assert_eq!((end.stats.removed, end.stats.updated), (1, 2));
    assert_eq!(removed(&rig, &account).await, ["goes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_moves_to_another_feed_in_mid_sweep_is_kept() {
    let rig = Rig::new().await;
    rig.vendor.mode(Mode::Relist);
    rig.vendor.fill("a", "a", 3);
    rig.vendor.fill("b", "b", 3);
    let account = rig.link("one").await;
    rig.sync(&account).await;
    rig.vendor.lose("a", "a00");
    rig.vendor.put("b", note("a00", "moved"));
    // The sweep of `a` has found what it lacks, and only then `b` brings it.
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |call| match call.feed.as_str() {
        "b" => Act::Wait(shut.clone()),
        _ => Act::Serve,
    });
    let pool = rig.pool.clone();
    rig.vendor.on_confirm(move |ids| {
        gate.open();
        let moved = "SELECT count(*) FROM records WHERE external_id = 'a00' AND feed = 'b'";
        let (pool, runtime) = (pool.clone(), tokio::runtime::Handle::current());
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                while sqlx::query_scalar::<_, i64>(moved).fetch_one(&pool).await.unwrap() == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        });
        Ok(ids)
    });
    rig.sync(&account).await;
    rig.assert_in_step(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_of_what_was_never_stored_is_no_removal() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    rig.vendor.on_page(|_| {
        edit(|page| page.removing(["unknown"]).removing_places(["/x"]).removing_under(["/y"]))
    });
    let account = rig.link("one").await;
    assert_eq!(rig.sync(&account).await.stats.removed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_listing_is_gone_on_with_for_a_day_and_then_begun_again() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.page_size(2);
    rig.run(&account, Asked { max_pages: Some(1), ..initial() }).await;
    rig.vendor.asked();
    rig.run(&account, Asked { max_pages: Some(1), ..initial() }).await;
    assert!(rig.vendor.asked()[0].cursor.is_some());
    rig.sql("UPDATE external_feeds SET listing_began = now() - interval '25 hours'").await;
    let end = rig.run(&account, initial()).await;
    assert_eq!(rig.vendor.asked()[0].cursor, None);
    assert_eq!((end.stats.unchanged, end.stats.removed), (6, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_told_of_after_a_listing_began_is_left_to_the_next_one() {
    let (rig, account) = one_missing(SPEC).await;
    rig.vendor.page_size(2);
    rig.run(&account, Asked { max_pages: Some(1), ..initial() }).await;
    // As a delivery adds it, after the page where it would stand.
    rig.sql(
        "INSERT INTO records (owner_id, id, connector_id, feed, type, external_source, external_id, properties, \
         digest, search_text) SELECT owner_id, gen_random_uuid(), connector_id, feed, type, external_source, 'told', \
         properties, digest, search_text FROM records LIMIT 1",
    )
    .await;
    let end = rig.run(&account, initial()).await;
    assert_eq!(end.stats.removed, 1, "the missing one alone");
    assert!(rig.ids(&account).await.contains(&"told".to_owned()));
    let end = rig.run(&account, initial()).await;
    assert_eq!(end.stats.removed, 1);
    assert!(!rig.ids(&account).await.contains(&"told".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_waits_for_the_record_to_move_to_another_feed_leaves_it_there() {
    let rig = Rig::new().await;
    rig.vendor.fill("a", "a", 2);
    rig.vendor.open("b");
    let account = rig.link("one").await;
    rig.sync(&account).await;
    // A move to `b` has locked the record, and ends no sooner than this lock does.
    rig.sql(
        "CREATE FUNCTION linger() RETURNS trigger AS $$ BEGIN IF NEW.feed = 'b' THEN \
         PERFORM pg_advisory_xact_lock_shared(42); END IF; RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER linger BEFORE UPDATE ON records FOR EACH ROW EXECUTE FUNCTION linger()",
    )
    .await;
    let mut lock = rig.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(42)").execute(&mut *lock).await.unwrap();
    rig.vendor.delete("a", "a00");
    rig.vendor.put("b", note("a00", "moved"));
    let gate = Gate::shut();
    let shut = gate.clone();
    rig.vendor.on_page(move |call| match call.feed.as_str() {
        "a" => Act::Wait(shut.clone()),
        _ => Act::Serve,
    });
    let live = rig.start(&account, asked()).await;
    let waits_for = async |kind: &str| {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = $1 AND NOT granted \
             AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
        while sqlx::query_scalar::<_, i64>(waiting).bind(kind).fetch_one(&rig.pool).await.unwrap()
            == 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    waits_for("advisory").await;
    gate.open();
    waits_for("transactionid").await;
    lock.commit().await.unwrap();
    assert_eq!(live.ended().await.unwrap().status, RunStatus::Success);
    rig.assert_in_step(&account).await;
}
