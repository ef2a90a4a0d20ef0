//! A pass over a channel: what it reads, what it may leave unread, what it reaches.

use std::{collections::BTreeMap, mem};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{calls::Answer, message::Post, message::seconds};
use crate::{
    provider::Covers,
    wire::{Many, time},
};

/// How far back from the newest message a pass reads again: only so are edits, reactions and deletions seen.
const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
/// For how long after its last reply a thread is read again in each pass; later only when the number of its replies or
/// the last of them has changed. An edit of an older reply waits for the next full listing.
const HOT: SignedDuration = SignedDuration::from_hours(2 * 24);
/// What a workspace without a paid plan shows: 90 days, less one for clocks that differ.
const VISIBLE: SignedDuration = SignedDuration::from_hours(89 * 24);
/// Ids of replies that a cursor remembers; threads beyond are read again in each pass.
const REMEMBERED: usize = 5_000;

/// Where a channel stands. A `ts` (`1736500300.000300`) is a text: a moment and a counter, of fixed length, so that they
/// sort as they happened.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// A pass goes on; else the next one begins.
    open: bool,
    /// Second of the newest message that was ever seen.
    newest: i64,
    /// Second that the pass at hand begins with; absent where it reads all.
    from: Option<i64>,
    /// Slack's place in the history.
    page: Option<String>,
    /// The oldest message that this pass has read: where it goes on should Slack forget the place.
    oldest: Option<String>,
    /// The history is read to its end.
    read: bool,
    /// The workspace's plan hides older messages; they are not gone.
    limited: bool,
    /// Threads still to be read.
    pub unread: Vec<String>,
    /// Threads with replies in the next pass's window, as this pass found them.
    threads: BTreeMap<String, Thread>,
    /// The same of the last pass, as far as this one has not come upon them.
    known: BTreeMap<String, Thread>,
}

/// What is known of a thread: the number of its replies, the last of them, and all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Thread {
    count: u32,
    latest: String,
    replies: Vec<String>,
}

/// What one step brought, in the words of a channel: each by its `ts`.
#[derive(Default)]
pub struct Found {
    /// New, changed, or the same again.
    pub posts: Vec<Post>,
    /// There, and not read again.
    pub seen: Vec<String>,
    /// Deleted, and said to be.
    pub gone: Vec<String>,
    /// Odd.
    pub skipped: u32,
}

impl Found {
    fn keep(&mut self, post: Post) {
        if post.is_tombstone() {
            self.gone.push(post.ts);
        } else if post.is_imported() {
            self.posts.push(post);
        }
    }
}

impl Cursor {
    /// A pass from the start, or over the window before what the last one saw.
    pub fn begin(last: Self, since: Option<Timestamp>) -> Self {
        let window = (last.newest > 0).then(|| last.newest - WINDOW.as_secs());
        let from = window.max(since.map(Timestamp::as_second));
        Self { open: true, newest: last.newest, from, known: last.threads, ..Self::default() }
    }

    /// Whether a pass goes on.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The second to read from, for a pass that does not read all.
    pub fn from(&self) -> Option<i64> {
        self.from
    }

    /// Slack's place in the history.
    pub fn page(&self) -> Option<&str> {
        self.page.as_deref()
    }

    /// The oldest message that was read.
    pub fn oldest(&self) -> Option<&str> {
        self.oldest.as_deref()
    }

    /// Whether the next thing to do is to read on in the history.
    pub fn wants_history(&self) -> bool {
        !self.read && self.unread.is_empty()
    }

    /// Whether the pass has read all that it has to.
    pub fn is_done(&self) -> bool {
        self.read && self.unread.is_empty()
    }

    /// What the next pass begins with.
    pub fn done(self) -> Self {
        Self { newest: self.newest, threads: self.threads, ..Self::default() }
    }

    /// The part of the channel that the pass reaches.
    pub fn covers(&self, now: Timestamp) -> Covers {
        let visible = self.limited.then(|| now.as_second() - VISIBLE.as_secs());
        match self.from.max(visible) {
            Some(from) => Covers::Between { from: time::epoch_seconds(from), to: None },
            None => Covers::Everything,
        }
    }

    /// Takes note of an answer of the history.
    pub fn note_history(&mut self, posts: Answer<Post>, found: &mut Found, now: Timestamp) {
        let Answer { items, has_more, is_limited, .. } = &posts;
        self.page = posts.next();
        self.read = self.page.is_none() && (items.is_empty() || !has_more);
        self.limited |= is_limited;
        self.oldest = items.last().map(|post| post.ts.clone()).or(self.oldest.take());
        found.skipped += items.skipped;
        for post in posts.items {
            self.newest = self.newest.max(seconds(&post.ts));
            self.note_parent(&post, found, now);
            found.keep(post);
        }
        if self.read {
            self.note_late(found, now);
        }
        self.forget();
    }

    /// Takes note of a thread by its first message: it is read again if it may have changed.
    fn note_parent(&mut self, post: &Post, found: &mut Found, now: Timestamp) {
        let known = self.known.remove(&post.ts);
        if post.reply_count == 0 {
            return;
        }
        let thread = Thread {
            count: post.reply_count,
            latest: post.latest_reply.clone().unwrap_or_default(),
            replies: Vec::new(),
        };
        self.newest = self.newest.max(seconds(&thread.latest));
        match known {
            Some(same)
                if (same.count, &same.latest) == (thread.count, &thread.latest)
                    && !same.is_hot(now) =>
            {
                self.pass_over(post.ts.clone(), same, found);
            }
            _ => {
                self.unread.push(post.ts.clone());
                self.threads.insert(post.ts.clone(), thread);
            }
        }
    }

    /// Threads that began before the window and have replies in it: history does not show them.
    fn note_late(&mut self, found: &mut Found, now: Timestamp) {
        for (ts, thread) in mem::take(&mut self.known) {
            if self.is_early(&ts) && thread.is_hot(now) {
                self.unread.push(ts.clone());
                self.threads.insert(ts, thread);
            } else if self.is_early(&ts) {
                self.pass_over(ts, thread, found);
            }
            // One that began in the window was not in the history: it is gone.
        }
    }

    fn pass_over(&mut self, ts: String, thread: Thread, found: &mut Found) {
        found.seen.extend(thread.replies.iter().cloned());
        self.threads.insert(ts, thread);
    }

    /// Takes note of a thread that was read.
    pub fn note_thread(&mut self, ts: &str, posts: Many<Post>, found: &mut Found) {
        found.skipped += posts.skipped;
        let mut replies = Vec::new();
        for post in posts {
            if post.ts != ts {
                self.newest = self.newest.max(seconds(&post.ts));
                replies.push(post.ts.clone());
                found.keep(post);
            } else if self.is_early(ts) {
                found.keep(post); // else the history gave it
            }
        }
        if let Some(thread) = self.threads.get_mut(ts) {
            thread.latest = replies.last().max(Some(&thread.latest)).cloned().unwrap_or_default();
            thread.replies = replies;
        }
        self.forget();
    }

    fn is_early(&self, ts: &str) -> bool {
        self.from.is_some_and(|from| seconds(ts) < from)
    }

    /// Lets go of threads that will be outside the next window, and of the youngest where there are too many: those will
    /// be in the history, and be read again.
    fn forget(&mut self) {
        let start = self.newest - WINDOW.as_secs();
        self.threads.retain(|_, thread| seconds(&thread.latest) >= start);
        let mut replies: usize = self.threads.values().map(|thread| thread.replies.len()).sum();
        while replies > REMEMBERED {
            let Some(youngest) = self.threads.last_entry().filter(|of| seconds(of.key()) >= start)
            else {
                return;
            };
            replies -= youngest.remove().replies.len();
        }
    }
}

impl Thread {
    fn is_hot(&self, now: Timestamp) -> bool {
        seconds(&self.latest) >= now.as_second() - HOT.as_secs()
    }
}

#[cfg(test)]
mod tests {
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
        let (at, ..) =
            pass(Cursor::default(), &[post(45), parent(5, &[6, 40])], &[(5, &[6, 40])], 100);
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
        let limited: Answer<Post> =
            from_value(json!({"messages": [], "is_limited": true})).unwrap();
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
        let stuck =
            json!({"messages": [], "has_more": true, "response_metadata": {"next_cursor": ""}});
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
}
