use serde_json::{Value, from_value, json};

use super::*;

const DAY: i64 = 86_400;
/// The day that the tests count from.
const START: i64 = 1_700_000_000;

fn ts(day: i64) -> String {
    format!("{}.000100", START + day * DAY)
}

fn day(day: i64) -> Timestamp {
    Timestamp::from_second(START + day * DAY).unwrap()
}

fn post(on: i64) -> Value {
    json!({"ts": ts(on), "user": "U1"})
}

fn parent(on: i64, replies: &[i64]) -> Value {
    let latest = replies.last().map(|on| ts(*on));
    json!({"ts": ts(on), "thread_ts": ts(on), "reply_count": replies.len(), "latest_reply": latest})
}

fn answer(posts: &[Value]) -> Answer<Post> {
    from_value(json!({"messages": posts})).unwrap()
}

fn thread(on: i64, replies: &[i64]) -> Many<Post> {
    let replies = replies.iter().map(|on| post(*on));
    Many::of(std::iter::once(parent(on, &[])).chain(replies))
}

/// Reads a history to its end, and the threads in it that have to be: the pass, what it found, what it read.
fn pass(
    last: Cursor,
    posts: &[Value],
    threads: &[(i64, &[i64])],
    now: i64,
) -> (Cursor, Found, Vec<String>) {
    let (mut at, mut found) = (Cursor::begin(last, None), Found::default());
    assert!(at.wants_history());
    at.note_history(answer(posts), &mut found, day(now));
    let read = mem::take(&mut at.unread);
    for ts in &read {
        let (on, replies) = threads.iter().find(|(on, _)| self::ts(*on) == *ts).unwrap();
        at.note_thread(ts, thread(*on, replies), &mut found);
    }
    assert!(at.is_done());
    (at, found, read)
}

fn said(found: &Found) -> Vec<&str> {
    found.posts.iter().map(|post| post.ts.as_str()).collect()
}

#[test]
fn the_window_reaches_thirty_days_back_from_the_newest_message_be_it_a_reply() {
    let (at, ..) = pass(Cursor::default(), &[parent(10, &[40])], &[(10, &[40])], 400);
    assert_eq!(at.covers(day(400)), Covers::Everything);
    let next = Cursor::begin(at.done(), None);
    assert_eq!(next.from(), Some(START + 10 * DAY));
    assert_eq!(next.covers(day(400)), Covers::Between { from: Some(day(10)), to: None });
}

#[test]
fn a_bound_of_the_callers_narrows_the_listing_and_the_window() {
    let listing = Cursor::begin(Cursor::default(), Some(day(20)));
    assert_eq!(listing.covers(day(50)), Covers::Between { from: Some(day(20)), to: None });
    let last = || Cursor { newest: START + 40 * DAY, ..Cursor::default() };
    assert_eq!(Cursor::begin(last(), Some(day(20))).from(), Some(START + 20 * DAY));
    assert_eq!(Cursor::begin(last(), Some(day(0))).from(), Some(START + 10 * DAY));
}

#[test]
fn a_thread_is_read_again_if_it_is_new_has_changed_or_is_fresh() {
    let (at, found, read) = pass(Cursor::default(), &[parent(5, &[6, 7])], &[(5, &[6, 7])], 20);
    assert_eq!(read, [ts(5)]);
    assert_eq!(said(&found), [ts(5), ts(6), ts(7)], "its first message comes once");
    let at = at.done();
    for (replies, now, again) in
        [(&[6, 7][..], 20, false), (&[6, 7], 8, true), (&[6], 20, true), (&[7], 20, true)]
    {
        let last = from_value(serde_json::to_value(&at).unwrap()).unwrap();
        let (_, found, read) = pass(last, &[parent(5, replies)], &[(5, replies)], now);
        assert_eq!(read.len(), usize::from(again), "{replies:?} on day {now}");
        assert_eq!(
            found.seen.len(),
            if again { 0 } else { 2 },
            "what is not read is there all the same"
        );
    }
}

#[test]
fn replies_in_the_window_stay_though_their_thread_began_before_it() {
    let (at, ..) = pass(Cursor::default(), &[post(45), parent(5, &[6, 40])], &[(5, &[6, 40])], 100);
    // The window begins on day 15: the history no longer shows the thread of day 5.
    let (at, found, read) = pass(at.done(), &[post(45)], &[], 100);
    assert_eq!((found.seen, read), (vec![ts(6), ts(40)], vec![]));
    // While it is fresh it is read, its first message too.
    let (at, found, read) = pass(at.done(), &[post(45)], &[(5, &[6, 40, 41])], 41);
    assert_eq!((said(&found).len(), read), (5, vec![ts(5)]));
    // Once its last reply is before the window, it is forgotten.
    let (at, ..) = pass(at.done(), &[post(80)], &[], 100);
    assert_eq!(at.done().threads, BTreeMap::new());
}

#[test]
fn a_thread_that_vanished_from_the_window_takes_its_replies_along() {
    let (at, ..) = pass(Cursor::default(), &[post(9), parent(5, &[6])], &[(5, &[6])], 20);
    let (at, found, read) = pass(at.done(), &[post(9)], &[], 20);
    assert_eq!((found.seen, read, at.done().threads), (vec![], vec![], BTreeMap::new()));
}

#[test]
fn a_tombstone_is_gone_and_its_replies_are_not() {
    let mut stone = parent(5, &[6]);
    stone["subtype"] = "tombstone".into();
    let (_, found, _) = pass(Cursor::default(), &[stone], &[(5, &[6])], 20);
    assert_eq!((&found.gone, said(&found)), (&vec![ts(5)], vec![ts(6).as_str()]));
}

#[test]
fn what_a_plan_hides_is_not_taken_for_gone() {
    let mut at = Cursor::begin(Cursor { newest: START, ..Cursor::default() }, None);
    let limited: Answer<Post> = from_value(json!({"messages": [], "is_limited": true})).unwrap();
    at.note_history(limited, &mut Found::default(), day(200));
    assert_eq!(at.covers(day(200)), Covers::Between { from: Some(day(111)), to: None });
}

#[test]
fn an_empty_answer_with_a_place_is_not_the_end_and_one_without_is() {
    let mut at = Cursor::begin(Cursor::default(), None);
    let empty =
        json!({"messages": [], "has_more": true, "response_metadata": {"next_cursor": "2"}});
    at.note_history(from_value(empty).unwrap(), &mut Found::default(), day(1));
    assert!(at.wants_history() && at.page() == Some("2"));
    let stuck = json!({"messages": [], "has_more": true, "response_metadata": {"next_cursor": ""}});
    at.note_history(from_value(stuck).unwrap(), &mut Found::default(), day(1));
    assert!(at.is_done());
}

#[test]
fn a_cursor_forgets_the_youngest_threads_rather_than_grow_without_end() {
    let mut at = Cursor { newest: START + 10 * DAY, ..Cursor::default() };
    for on in 1..=9 {
        let replies = (0..1_000).map(|n| format!("{}.{n:06}", START + on * DAY)).collect();
        at.threads.insert(ts(on), Thread { count: 1_000, latest: ts(on), replies });
    }
    at.forget();
    assert_eq!(at.threads.keys().cloned().collect::<Vec<_>>(), [1, 2, 3, 4, 5].map(ts));
}
