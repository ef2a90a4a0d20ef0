//! The listing of a board: all its cards, from the newest to the oldest.

use super::{
    Cursor, Phase,
    calls::{MOST, list_cards},
    records,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Covers, Feed, Next, Page},
};

/// Cards to ask for where Trello finds that many too many.
const FEW: u32 = 100;

/// A page of the listing.
pub async fn listing(
    client: &Client,
    feed: &Feed,
    since: String,
    before: Option<String>,
) -> Result<Page<Cursor>> {
    let from = client.since();
    let cards = async |limit: u32| {
        let found = list_cards(client, feed, limit, from, before.clone()).await?;
        Ok::<_, Error>((limit, found))
    };
    let (limit, found) = match cards(client.page_size(MOST)).await {
        Err(Error::Unexpected { .. }) => cards(client.page_size(FEW)).await?,
        found => found?,
    };
    let (skipped, full) = (found.skipped, found.len() + found.skipped as usize >= limit as usize);
    let oldest = found.iter().map(|card| &card.id).min().cloned();
    let next = match (full, oldest) {
        (false, _) => Next::Resume(Cursor { since, phase: Phase::Done }),
        (true, Some(oldest)) => {
            Next::More(Cursor { since, phase: Phase::Listing { before: Some(oldest) } })
        }
        (true, None) => {
            return Err(Error::unexpected("cards", "none of them is what it should be"));
        }
    };
    let records = records(client, feed, found.items).await?;
    let covers = match from {
        Some(_) => Covers::Between { from, to: None },
        None => Covers::Everything,
    };
    Ok(Page::new(records, next).skipping(skipped).covering(covers))
}
