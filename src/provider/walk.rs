//! Lists that come newest first and tell of no changes.
//!
//! The first pass reads a list to its end. The next ones read its newest items again, at least so far that they come
//! behind what the last pass saw: edits, counts and deletions among them are seen, and what is new. The rest waits for the
//! next full pass ([`Spec::relist`](super::Spec::relist)).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Covers, Next};

/// How far such a list is read again, and how far the vendor lets it be read.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Items that are read again in each pass, at least.
    pub items: u32,
    /// How far behind the newest known item a pass reads: an item may appear late, with the time at which it was made.
    pub overlap: SignedDuration,
    /// The vendor gives no more items than about this: what is older is not judged by its absence.
    pub reach: Option<u32>,
}

impl Window {
    /// The newest so many items, and a day behind the newest known one.
    pub const fn of(items: u32) -> Self {
        Self { items, overlap: SignedDuration::from_hours(24), reach: None }
    }
}

/// Where a list stands between two pages; `P` is a place in it, as the vendor names its next page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walk<P> {
    /// The newest item of the passes that are over.
    newest: Option<Timestamp>,
    /// The pass that goes on.
    pass: Option<Pass<P>>,
}

/// A pass over a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pass<P> {
    /// It ends behind what is known.
    window: bool,
    /// The next page; none for the first.
    place: Option<P>,
    newest: Option<Timestamp>,
    /// The last item that was read.
    last: Option<Timestamp>,
    items: u32,
}

/// A pass whose next page is being read.
#[derive(Debug)]
pub struct Reading<P> {
    known: Option<Timestamp>,
    pass: Pass<P>,
}

impl<P> Walk<P> {
    /// Between two passes, of which the last met this item as the newest.
    pub const fn over(newest: Option<Timestamp>) -> Self {
        Self { newest, pass: None }
    }

    /// Goes on with a pass, or begins one: over the whole list without a cursor, else over its newest items.
    pub fn read(cursor: Option<Self>) -> Reading<P> {
        let window = cursor.is_some();
        let Self { newest: known, pass } = cursor.unwrap_or(Self::over(None));
        let begun = Pass { window, place: None, newest: None, last: None, items: 0 };
        Reading { known, pass: pass.unwrap_or(begun) }
    }
}

impl<P> Reading<P> {
    /// The page to ask for; none for the first.
    pub const fn place(&self) -> Option<&P> {
        self.pass.place.as_ref()
    }

    /// The time of the last item that was read.
    pub const fn last(&self) -> Option<Timestamp> {
        self.pass.last
    }

    /// What the pass reaches with a page, and how it goes on: `dates` are those of the page's items in its order, `next` the
    /// place of the page after it, `since` where the listing may end.
    pub fn then(
        self,
        window: &Window,
        dates: impl IntoIterator<Item = Option<Timestamp>>,
        next: Option<P>,
        since: Option<Timestamp>,
    ) -> (Covers, Next<Walk<P>>) {
        let Self { known, mut pass } = self;
        for at in dates {
            pass.items = pass.items.saturating_add(1);
            pass.newest = pass.newest.max(at);
            pass.last = at.or(pass.last);
        }
        let last = pass.last;
        let behind = |bound| last.zip(bound).is_some_and(|(last, bound)| last < bound);
        let known_from = known.and_then(|newest| newest.checked_sub(window.overlap).ok());
        let enough = pass.window && pass.items >= window.items && behind(known_from);
        // The part that the pass reached: where it was cut short, by us or by the vendor, that ends with the last item.
        let cut_short = match &next {
            None => window.reach.is_some_and(|reach| pass.items >= reach),
            Some(_) => enough,
        };
        let covers = match since.max(last.filter(|_| cut_short)) {
            None if !pass.window => Covers::Everything,
            from => Covers::Between { from, to: None },
        };
        let next = match next {
            Some(place) if !enough && !behind(since) => {
                let pass = Some(Pass { place: Some(place), ..pass });
                Next::More(Walk { newest: known, pass })
            }
            _ => Next::Resume(Walk::over(known.max(pass.newest))),
        };
        (covers, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Reads pages of items, by their seconds; how many pages it took, what the last one reached, and where it stands.
    fn pass(
        window: Window,
        cursor: Option<Walk<usize>>,
        since: Option<i64>,
        pages: &[&[i64]],
    ) -> (usize, Covers, Walk<usize>) {
        let mut cursor = cursor;
        loop {
            let walk = Walk::read(cursor);
            let here = walk.place().copied().unwrap_or(0);
            let next = (here + 1 < pages.len()).then_some(here + 1);
            let dates = pages[here].iter().map(|second| Some(at(*second)));
            match walk.then(&window, dates, next, since.map(at)) {
                (_, Next::More(walk)) => cursor = Some(walk),
                (covers, Next::Resume(walk)) => return (here + 1, covers, walk),
                (_, Next::Relist) => panic!("a list is gone on with"),
            }
        }
    }

    const LIST: &[&[i64]] = &[&[9, 8], &[7, 6], &[], &[5, 4], &[3]];
    const NO_OVERLAP: Window = Window { items: 2, overlap: SignedDuration::ZERO, reach: None };

    fn from(second: i64) -> Covers {
        Covers::Between { from: Some(at(second)), to: None }
    }

    #[test]
    fn the_first_pass_reads_all_and_the_next_ones_end_behind_what_is_known() {
        let (pages, covers, walk) = pass(NO_OVERLAP, None, None, LIST);
        assert_eq!((pages, covers), (5, Covers::Everything));
        let (pages, covers, walk) = pass(NO_OVERLAP, Some(walk), None, LIST);
        assert_eq!((pages, covers), (1, from(8)));
        assert_eq!(walk, Walk::over(Some(at(9))));
        let (pages, ..) = pass(NO_OVERLAP, Some(Walk::over(Some(at(7)))), None, LIST);
        assert_eq!(pages, 2, "until behind the newest known one");
        let wide = Window { items: 5, ..NO_OVERLAP };
        assert_eq!(pass(wide, Some(Walk::over(Some(at(20)))), None, LIST).0, 4);
        let late = Window { overlap: SignedDuration::from_secs(4), ..NO_OVERLAP };
        assert_eq!(pass(late, Some(Walk::over(Some(at(9)))), None, LIST).0, 4);
    }

    #[test]
    fn what_the_vendor_or_a_bound_cuts_off_is_not_judged() {
        let reach = Window { reach: Some(7), ..NO_OVERLAP };
        assert_eq!(pass(reach, None, None, LIST).1, from(3));
        let (pages, covers, _) = pass(NO_OVERLAP, None, Some(7), LIST);
        assert_eq!((pages, covers), (2, from(7)));
    }
}
