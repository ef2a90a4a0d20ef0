//! A pass over a channel: what it reads, what it may leave unread, what it reaches.

#[cfg(test)]
mod tests;

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
