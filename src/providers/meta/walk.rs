//! Meta's lists: newest first, with no word of changes, paged by cursor or by time.
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
    provider::{self, Covers, Next, Page, Reading, Window},
    record::Record,
    wire::Many,
};

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
pub type Walk = provider::Walk<Place>;

/// Where a list goes on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The query parameters of the next page.
    query: Vec<(String, String)>,
    /// When the vendor gave them.
    given: Timestamp,
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
    let pass = Walk::read(cursor);
    let asked = pass.place().map(|place| place.query.clone());
    let (Answer { data, paging }, limit) = ask::<T>(client, list, &pass).await?;
    let got = data.len() + usize::try_from(data.skipped).unwrap_or(usize::MAX);
    let query = paging.query(got, list.names_next)?;
    if query.is_some() && query == asked {
        return Err(Error::unexpected("paging", "the list does not move on"));
    }
    let next = query.map(|query| Place { query, given: client.now(), limit });
    let window = Window { reach: list.reach, ..Window::of(list.window) };
    let odd = (0..data.skipped).map(|_| None);
    let dates: Vec<_> = data.iter().map(Dated::at).chain(odd).collect();
    let (covers, next) = pass.then(&window, dates, next, client.since());
    Ok(Step { items: data, covers, next })
}

/// Asks for the next page; for a smaller one where the vendor finds it too much.
async fn ask<T: DeserializeOwned>(
    client: &Client,
    list: &List<'_>,
    pass: &Reading<Place>,
) -> Result<(Answer<T>, Option<u32>)> {
    let since = client.since().map(|since| since.as_second().max(list.earliest));
    let query = query(pass, client.now());
    let mut smaller = pass.place().and_then(|place| place.limit);
    loop {
        let limit = smaller.unwrap_or_else(|| client.page_size(list.limit));
        let call = client
            .get(&list.url)
            .query(&[("fields", list.fields)])
            .query(&[("limit", Some(i64::from(limit))), ("since", since)])
            .query(&query);
        match signed(client, call, list.token).json().await {
            Err(error) if is_too_much(&error) && limit > 1 => smaller = Some(limit / 2),
            answer => return Ok((answer?, smaller)),
        }
    }
}

/// The parameters of the next page.
fn query(pass: &Reading<Place>, now: Timestamp) -> Vec<(String, String)> {
    let Some(place) = pass.place() else { return Vec::new() };
    let stale = now.duration_since(place.given) > FRESH;
    match pass.last().filter(|_| stale) {
        // Of the last item's second there may be more.
        Some(last) => vec![("until".into(), (last.as_second() + 1).to_string())],
        None => place.query.clone(),
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
    fn query(self, got: usize, names_next: bool) -> Result<Option<Vec<(String, String)>>> {
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
