//! Lists that come newest first and tell of no changes, as all of Meta's do.
//!
//! The first pass reads a list to its end. The next ones read its newest items again, at least so far that they come
//! behind what the last pass saw: edits, counts and deletions among them are seen, and what is new. The rest waits for the
//! next full pass (`Spec::relist`).
//!
//! Facts: Meta for Developers, "Graph API: Paginated results".

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use super::{is_too_much, signed};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Covers, Next, Page},
    record::Record,
    wire::Many,
};

/// How far behind the newest known item a pass reads: an item may appear late, with the time at which it was made.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// How long a place in a list is good for. Meta wants none to be kept: one that is older, as after a stop, is found again by
/// the time of the last item that was read.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The longest place that is kept, in bytes.
const LONGEST_PLACE: usize = 4 << 10;

/// A list to read.
pub struct List<'a> {
    /// Its address.
    pub url: String,
    /// What is asked of an item.
    pub fields: &'a str,
    /// Items of one answer.
    pub limit: u32,
    /// Items that are read again in each pass.
    pub window: u32,
    /// The vendor gives no more items than this.
    pub reach: Option<u32>,
    /// The earliest second that the vendor takes for a bound.
    pub earliest: i64,
    /// The last answer is the one without `paging.next`; else the one without items.
    pub names_next: bool,
    /// Another token than the account's.
    pub token: Option<&'a SecretString>,
}

impl List<'_> {
    /// A list as most are, with the account's token.
    pub fn of(url: String, fields: &str) -> List<'_> {
        List {
            url,
            fields,
            limit: 100,
            window: 100,
            reach: None,
            earliest: 0,
            names_next: true,
            token: None,
        }
    }
}

/// An item of such a list.
pub trait Dated {
    /// When it was published: what the list is ordered by.
    fn at(&self) -> Option<Timestamp>;
}

/// Where a list stands.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    /// The newest item of the passes that are over.
    newest: Option<Timestamp>,
    /// The pass that goes on.
    pass: Option<Pass>,
}

/// A pass over a list.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pass {
    /// It ends behind what is known.
    window: bool,
    /// The query parameters of the next page; none for the first.
    place: Vec<(String, String)>,
    /// When the vendor gave them.
    given: Timestamp,
    newest: Option<Timestamp>,
    /// The last item that was read.
    last: Option<Timestamp>,
    items: u32,
    /// A smaller page than usual, where the vendor found that too much.
    limit: Option<u32>,
}

/// One page of a list.
pub struct Step<T> {
    /// Its items.
    pub items: Many<T>,
    covers: Covers,
    next: Next<Walk>,
}

impl<T> Step<T> {
    /// The page as the engine takes it.
    pub fn into_page<R: IntoIterator<Item = Record>>(
        self,
        records: impl FnMut(T) -> R,
    ) -> Page<Walk> {
        let skipped = self.items.skipped;
        let page = Page::new(self.items.into_iter().flat_map(records), self.next);
        page.covering(self.covers).skipping(skipped)
    }

    /// The same step with other items.
    pub fn with<R>(self, items: Vec<R>) -> Step<R> {
        let items = Many { items, skipped: self.items.skipped };
        Step { items, covers: self.covers, next: self.next }
    }
}

/// Reads the next page of a list.
///
/// # Errors
/// What the vendor says; `Unexpected` for a list that does not move on.
pub async fn read<T: DeserializeOwned + Dated>(
    client: &Client,
    list: &List<'_>,
    cursor: Option<Walk>,
) -> Result<Step<T>> {
    let window = cursor.is_some();
    let Walk { newest, pass } = cursor.unwrap_or_default();
    let mut pass = pass.unwrap_or_else(|| Pass::begin(window, client.now()));
    let Answer { data, paging } = pass.ask(client, list).await?;
    let got = data.len() + usize::try_from(data.skipped).unwrap_or(usize::MAX);
    pass.note(&data, got);
    let place = paging.place(got, list.names_next)?;
    if place.as_ref() == Some(&pass.place) {
        return Err(Error::unexpected("paging", "the list does not move on"));
    }
    let since = client.since();
    let behind = |bound| pass.last.zip(bound).is_some_and(|(last, bound)| last < bound);
    let known = newest.and_then(|newest| newest.checked_sub(OVERLAP).ok());
    let enough = pass.window && pass.items >= list.window && behind(known);
    // The part that the pass reached: where it was cut short, by us or by the vendor, that ends with the last item.
    let cut = match &place {
        None => pass.last.filter(|_| list.reach.is_some_and(|reach| pass.items >= reach)),
        Some(_) => pass.last.filter(|_| enough),
    };
    let covers = match since.max(cut) {
        None if !pass.window => Covers::Everything,
        from => Covers::Between { from, to: None },
    };
    let next = match place {
        Some(place) if !enough && !behind(since) => {
            let pass = Pass { place, given: client.now(), ..pass };
            Next::More(Walk { newest, pass: Some(pass) })
        }
        _ => Next::Resume(Walk { newest: newest.max(pass.newest), pass: None }),
    };
    Ok(Step { items: data, covers, next })
}

impl Pass {
    fn begin(window: bool, now: Timestamp) -> Self {
        let (place, newest, last, limit) = Default::default();
        Self { window, place, given: now, newest, last, items: 0, limit }
    }

    /// Asks for the next page; for a smaller one where the vendor finds it too much.
    async fn ask<T: DeserializeOwned>(
        &mut self,
        client: &Client,
        list: &List<'_>,
    ) -> Result<Answer<T>> {
        let since = client.since().map(|since| since.as_second().max(list.earliest));
        let place = self.place(client.now());
        loop {
            let limit = self.limit.unwrap_or_else(|| client.page_size(list.limit));
            let call = client
                .get(&list.url)
                .query(&[("fields", list.fields)])
                .query(&[("limit", Some(i64::from(limit))), ("since", since)])
                .query(&place);
            match signed(client, call, list.token).json().await {
                Err(error) if is_too_much(&error) && limit > 1 => self.limit = Some(limit / 2),
                answer => return answer,
            }
        }
    }

    fn place(&self, now: Timestamp) -> Vec<(String, String)> {
        let stale = now.duration_since(self.given) > FRESH;
        match self.last.filter(|_| stale) {
            // Of the last item's second there may be more.
            Some(last) => vec![("until".into(), (last.as_second() + 1).to_string())],
            None => self.place.clone(),
        }
    }

    fn note(&mut self, items: &[impl Dated], got: usize) {
        self.items = self.items.saturating_add(u32::try_from(got).unwrap_or(u32::MAX));
        self.newest = items.iter().filter_map(Dated::at).max().max(self.newest);
        self.last = items.iter().rev().find_map(Dated::at).or(self.last);
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Answer<T> {
    data: Many<T>,
    #[serde(default)]
    paging: Paging,
}

#[derive(Default, Deserialize)]
struct Paging {
    #[serde(default)]
    cursors: Cursors,
    next: Option<String>,
}

#[derive(Default, Deserialize)]
struct Cursors {
    after: Option<String>,
}

impl Paging {
    /// The query parameters of the next page. The address of one holds the token, so it is not kept; lists that page by
    /// time have nothing else, and go on until one comes without items.
    fn place(self, got: usize, names_next: bool) -> Result<Option<Vec<(String, String)>>> {
        let after = self.cursors.after.filter(|after| !after.is_empty());
        let place = match (after, self.next) {
            (Some(after), next) if next.is_some() || (!names_next && got > 0) => {
                vec![("after".to_owned(), after)]
            }
            (None, Some(next)) if got > 0 => parameters(&next)?,
            _ => return Ok(None),
        };
        if place.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LONGEST_PLACE
        {
            return Err(Error::unexpected("paging", "the place of the next page is too long"));
        }
        Ok(Some(place))
    }
}

/// The parameters of a next page's address, without those that each call sets itself.
fn parameters(next: &str) -> Result<Vec<(String, String)>> {
    const OURS: [&str; 5] = ["access_token", "appsecret_proof", "fields", "limit", "since"];
    let next = Url::parse(next).map_err(|_| Error::unexpected("paging.next", "is no address"))?;
    let pairs = next.query_pairs().filter(|(name, _)| !OURS.contains(&name.as_ref()));
    Ok(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

#[cfg(test)]
mod tests;
