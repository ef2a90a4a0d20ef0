//! One step of a feed.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::record::{Properties, Record};

/// What one step of a feed brings. Applied in the order of the fields.
#[derive(Debug)]
pub struct Page<C> {
    /// Places that this page holds whole: what else lay there is removed. Judged by the places as stored, so that what
    /// moves here or away is not lost.
    pub replacing: Vec<String>,
    /// New and changed records.
    pub upserts: Vec<Record>,
    /// Changes to records named by id alone (a reaction, an edit); unknown ids are let go.
    pub patches: Vec<(String, Patch)>,
    /// Reactions to records, where each is told by its person; of deliveries alone.
    pub reacted: Vec<Reacted>,
    /// What the vendor reports as gone.
    pub removed: Vec<Gone>,
    /// Ids that are alive and came without content.
    pub seen: Vec<String>,
    /// The part of the feed that the listing at hand reaches; sweeps stay inside it.
    pub covers: Covers,
    /// Items that did not parse; a listing that skipped any sweeps nothing.
    pub skipped: u32,
    /// How to go on.
    pub next: Next<C>,
}

/// What is gone from the feed at hand. A record that has moved to another feed lives on there, whichever of the two is
/// read first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The record of this id.
    Id(String),
    /// Every record stored at this place (see [`Record::at`]).
    Place(String),
    /// Every record at this place and below it: `a/b` and `a/b/…`.
    Under(String),
}

/// A person's reaction to a record of which more than the count is told: one a person, of which the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reacted {
    /// The record's id.
    pub id: String,
    /// Whose it is.
    pub by: String,
    /// What it is; absent where it is taken back.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A change to a stored record: read, change, write under the record's row lock.
pub struct Patch(Box<dyn Fn(&mut Properties) + Send + Sync>);

impl Patch {
    /// A change by a function.
    pub fn new(change: impl Fn(&mut Properties) + Send + Sync + 'static) -> Self {
        Self(Box::new(change))
    }

    /// Makes the change.
    pub fn apply(&self, properties: &mut Properties) {
        (self.0)(properties);
    }
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patch")
    }
}

/// The part of a feed that a listing reaches, by `occurred_at`; both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// All of it.
    #[default]
    Everything,
    /// What took place between these two; an absent end is open.
    Between {
        /// The earliest moment.
        from: Option<Timestamp>,
        /// The latest moment.
        to: Option<Timestamp>,
    },
    /// No part for certain: the listing sweeps nothing.
    Nothing,
}

impl Covers {
    /// What lies in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Everything, part) | (part, Self::Everything) => part,
            (Self::Between { from, to }, Self::Between { from: from2, to: to2 }) => Self::Between {
                from: from.max(from2), // an absent one is the least
                to: [to, to2].into_iter().flatten().min(),
            },
        }
    }
}

/// How a feed goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<C> {
    /// There is more: ask again at once.
    More(C),
    /// Caught up: the next run goes on from here (delta token, watermark).
    Resume(C),
    /// Caught up, and the vendor has no "since": the next run lists from the start.
    Relist,
}

impl<C> Next<C> {
    /// The same with another form of cursor.
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> Next<D> {
        match self {
            Self::More(cursor) => Next::More(change(cursor)),
            Self::Resume(cursor) => Next::Resume(change(cursor)),
            Self::Relist => Next::Relist,
        }
    }

    /// The cursor, to be changed in place; `Relist` has none.
    pub fn cursor_mut(&mut self) -> Option<&mut C> {
        match self {
            Self::More(cursor) | Self::Resume(cursor) => Some(cursor),
            Self::Relist => None,
        }
    }

    /// Whether the feed is caught up.
    pub fn is_end(&self) -> bool {
        !matches!(self, Self::More(_))
    }
}

impl<C> Page<C> {
    /// A page of records.
    pub fn new(upserts: impl IntoIterator<Item = impl Into<Record>>, next: Next<C>) -> Self {
        Self {
            replacing: Vec::new(),
            upserts: upserts.into_iter().map(Into::into).collect(),
            patches: Vec::new(),
            reacted: Vec::new(),
            removed: Vec::new(),
            seen: Vec::new(),
            covers: Covers::Everything,
            skipped: 0,
            next,
        }
    }

    /// Reports ids as gone.
    #[must_use]
    pub fn removing(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.removed.extend(ids.into_iter().map(|id| Gone::Id(id.into())));
        self
    }

    /// Reports what lies at these places as gone.
    #[must_use]
    pub fn removing_places(mut self, places: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.removed.extend(places.into_iter().map(|place| Gone::Place(place.into())));
        self
    }

    /// Reports what lies at these places and below them as gone.
    #[must_use]
    pub fn removing_under(mut self, places: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.removed.extend(places.into_iter().map(|place| Gone::Under(place.into())));
        self
    }

    /// Says that this page holds a place whole.
    #[must_use]
    pub fn replacing(mut self, place: impl Into<String>) -> Self {
        self.replacing.push(place.into());
        self
    }

    /// Changes a stored record.
    #[must_use]
    pub fn patching(mut self, id: impl Into<String>, patch: Patch) -> Self {
        self.patches.push((id.into(), patch));
        self
    }

    /// Says that these ids are alive.
    #[must_use]
    pub fn seeing(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seen.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Says what part of the feed the listing reaches.
    #[must_use]
    pub fn covering(mut self, covers: Covers) -> Self {
        self.covers = covers;
        self
    }

    /// Counts items that did not parse.
    #[must_use]
    pub fn skipping(mut self, items: u32) -> Self {
        self.skipped += items;
        self
    }

    /// The same with another form of cursor.
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> Page<D> {
        Page {
            replacing: self.replacing,
            upserts: self.upserts,
            patches: self.patches,
            reacted: self.reacted,
            removed: self.removed,
            seen: self.seen,
            covers: self.covers,
            skipped: self.skipped,
            next: self.next.map(change),
        }
    }
}

impl Page<()> {
    /// A page that belongs to no listing, for [`recheck`](super::Provider::recheck).
    pub fn loose(upserts: impl IntoIterator<Item = impl Into<Record>>) -> Self {
        Self::new(upserts, Next::Relist)
    }
}

/// Ready cursor for "changed since" with page tokens, which about twenty of the vendors have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// The watermark of this pass; absent while all is being listed.
    pub since: Option<Timestamp>,
    /// The page to ask for; absent on a pass's first page.
    pub page: Option<String>,
    started: Timestamp,
}

impl Since {
    /// How far clocks may differ: the next pass asks from this much before the last one began.
    const SLACK: SignedDuration = SignedDuration::from_mins(1);

    /// Goes on with a pass, or begins one.
    pub fn at(cursor: Option<Self>, now: Timestamp) -> Self {
        match cursor {
            Some(at) if at.page.is_some() => at,
            Some(done) => Self { started: now, ..done },
            None => Self { since: None, page: None, started: now },
        }
    }

    /// Its next page, or the next pass.
    pub fn then(self, page: Option<String>) -> Next<Self> {
        match page {
            Some(page) => Next::More(Self { page: Some(page), ..self }),
            None => Next::Resume(self.done()),
        }
    }

    /// The next pass.
    #[must_use]
    pub fn done(self) -> Self {
        let since = self.started.checked_sub(Self::SLACK).unwrap_or(self.started);
        Self { since: Some(since), page: None, started: self.started }
    }
}

/// For a vendor that lists everything every time: the page token is the cursor.
pub fn relist(page: Option<String>) -> Next<String> {
    page.map_or(Next::Relist, Next::More)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_listing_reaches_what_all_its_pages_reach() {
        let between = |from: Option<i64>, to: Option<i64>| Covers::Between {
            from: from.map(at),
            to: to.map(at),
        };
        let both =
            between(Some(1), None).and(between(Some(2), Some(9))).and(between(None, Some(8)));
        assert_eq!(both, between(Some(2), Some(8)));
        assert_eq!(both.and(Covers::Everything), both);
        assert_eq!(Covers::Everything.and(both), both);
        assert_eq!(both.and(Covers::Nothing), Covers::Nothing);
    }

    #[test]
    fn a_pass_asks_from_before_the_last_one_began_not_from_where_it_ended() {
        let first = Since::at(None, at(1_000));
        assert_eq!(first.since, None);
        let Next::More(second) = first.then(Some("p2".into())) else { panic!("a page follows") };
        let second = Since::at(Some(second), at(2_000)); // the clock moved on while pages were read
        let Next::Resume(done) = second.then(None) else { panic!("the pass ended") };
        assert_eq!(done.since, Some(at(940)));
        assert_eq!(Since::at(Some(done), at(3_000)).done().since, Some(at(2_940)));
    }
}
