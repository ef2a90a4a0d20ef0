//! The steps through the cloud's recordings: spans of days, back to the oldest, and then the trash.

use jiff::{Span, civil::Date, tz::TimeZone};

use super::{
    Cursor,
    calls::{deleted, me, next, recorded},
    recording::Recorded,
};
use crate::{
    error::Result,
    http::Client,
    provider::{Covers, Next, Page},
    record::Record,
};

/// Days of recordings that are asked for at once: Zoom cuts more than a month in silence.
const DAYS: i64 = 30;
/// How far back recordings are looked for where Zoom does not say since when there is an account.
const YEARS: i64 = 10;

/// A page of the recordings of some days up to `to`.
pub async fn recordings(
    client: &Client,
    to: Date,
    oldest: Date,
    page: Option<String>,
) -> Result<Page<Cursor>> {
    let from = before(to).max(oldest);
    let found = recorded(client, from, to, page).await?;
    let next = match next(found.next_page_token) {
        page @ Some(_) => Cursor::Recordings { to, oldest, page },
        None if from > oldest => Cursor::Recordings { to: from, oldest, page: None },
        None => Cursor::Trash { files: false, page: None },
    };
    let (folders, mut skipped) = (found.meetings.items, found.meetings.skipped);
    skipped += folders.iter().map(|folder| folder.files.skipped).sum::<u32>();
    let records = folders.into_iter().flat_map(Recorded::into_records);
    let page = Page::new(records, Next::More(next)).skipping(skipped);
    Ok(match client.since() {
        since @ Some(_) => page.covering(Covers::Between { from: since, to: None }),
        None => page,
    })
}

/// A page of the trash.
pub async fn trash(client: &Client, files: bool, page: Option<String>) -> Result<Page<Cursor>> {
    let found = deleted(client, files, page).await?;
    let gone: Vec<String> = found.meetings.into_iter().flat_map(Recorded::ids).collect();
    let next = match (next(found.next_page_token), files) {
        (page @ Some(_), files) => Next::More(Cursor::Trash { files, page }),
        (None, false) => Next::More(Cursor::Trash { files: true, page: None }),
        (None, true) => Next::Resume(Cursor::Done),
    };
    Ok(Page::new(Vec::<Record>::new(), next).removing(gone))
}

/// The first of the days that are asked for with this one.
pub fn before(day: Date) -> Date {
    day.saturating_sub(Span::new().days(DAYS))
}

/// The day from which on there can be recordings.
pub async fn beginning(client: &Client, today: Date) -> Result<Date> {
    let created = me(client).await?.created_at.map(|at| at.to_zoned(TimeZone::UTC).date());
    Ok(created.unwrap_or_else(|| today.saturating_sub(Span::new().years(YEARS))))
}
