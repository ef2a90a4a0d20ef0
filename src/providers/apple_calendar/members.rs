//! A calendar's members: their addresses, fetched in chunks, and their events as records.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
};

use jiff::{Timestamp, tz::TimeZone};
use quick_xml::escape::escape;
use serde::{Deserialize, Serialize};

use super::{
    Cursor, Pass,
    discovery::{Calendar, call, last_segment},
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Next, Page},
    record::{Moment, Record, Ref},
    wire::{
        dav::{self, Depth},
        ics,
    },
};

/// Members that one request asks for.
const CHUNK: usize = 100;
/// Members that one page stores.
const PAGE: u32 = 500;
/// Text that one page holds, in bytes: a page that reaches it ends there.
const PAGE_BYTES: usize = 4 << 20;
/// Members of a page that may each spoil an answer before that counts as the server's fault, not theirs.
const ODD: u32 = 10;

/// Addresses of members, as the server wrote them: some take no other spelling. What they begin with stands once.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Members {
    base: String,
    /// Without the base; one that does not begin with it stands whole, and has a slash.
    names: VecDeque<String>,
}

impl Members {
    /// Of whole addresses.
    pub fn of(hrefs: Vec<String>) -> Self {
        let base = hrefs.first().and_then(|first| first.rsplit_once('/'));
        let base = base.map_or_else(String::new, |(base, _)| format!("{base}/"));
        let name = |href: String| match href.strip_prefix(&base) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => href,
        };
        Self { names: hrefs.into_iter().map(name).collect(), base }
    }

    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The first ones' addresses.
    fn first(&self, count: usize) -> Vec<String> {
        let whole = |name: &String| {
            if name.contains('/') { name.clone() } else { format!("{}{name}", self.base) }
        };
        self.names.iter().take(count).map(whole).collect()
    }
}

/// What fetching members brought.
#[derive(Default)]
pub struct Fetched {
    records: Vec<Record>,
    /// Places whose records all came.
    whole: Vec<String>,
    /// Ids of what is there and was left out.
    seen: Vec<String>,
    /// File names of what was listed and is not there.
    pub missing: Vec<String>,
    skipped: u32,
    bytes: usize,
}

impl Fetched {
    /// The page of it.
    pub fn page(self, next: Next<Cursor>) -> Page<Cursor> {
        let mut page = Page::new(self.records, next).seeing(self.seen).skipping(self.skipped);
        page.replacing = self.whole;
        page
    }
}

/// Fetches the first members of a pass, as many as a page holds, and takes them from it. An answer that is too large or
/// cannot be read is asked for in smaller chunks; a member that spoils one by itself is skipped.
pub async fn fetch(client: &Client, calendar: &Calendar, pass: &mut Pass) -> Result<Fetched> {
    let mut fetched = Fetched::default();
    let mut room = usize::try_from(client.page_size(PAGE)).unwrap_or(CHUNK);
    let (mut chunk, mut odd) = (CHUNK, 0);
    while room > 0 && fetched.bytes < PAGE_BYTES && !pass.members.is_empty() {
        let hrefs = pass.members.first(chunk.min(room));
        let taken = hrefs.len();
        match multiget(client, calendar, &hrefs).await {
            Ok(found) => {
                for href in &hrefs {
                    fetched.take(calendar, pass.since, href, &found);
                }
            }
            Err(Error::Unexpected { .. }) if taken > 1 => {
                chunk = taken.div_ceil(4);
                continue;
            }
            Err(Error::Unexpected { at, cause }) if odd < ODD => {
                tracing::warn!(at, cause, "left out a member that cannot be fetched");
                odd += 1;
                fetched.skipped += 1;
            }
            Err(cause) => return Err(cause),
        }
        pass.members.names.drain(..taken);
        room -= taken;
    }
    Ok(fetched)
}

/// The calendars' texts by file name; `None` for what is not there.
type Found = BTreeMap<String, Option<String>>;

async fn multiget(client: &Client, calendar: &Calendar, hrefs: &[String]) -> Result<Found> {
    let mut body = r#"<?xml version="1.0" encoding="utf-8"?><C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/></D:prop>"#.to_owned();
    for href in hrefs {
        // Writing to a text cannot fail.
        let _ = write!(body, "<D:href>{}</D:href>", escape(href.as_str()));
    }
    body.push_str("</C:calendar-multiget>");
    let answer = dav::ask(call(client, "REPORT", &calendar.url)?, Depth::One, body).await?;
    let gone = |status| matches!(status, Some(404 | 410));
    let told = answer
        .responses
        .into_iter()
        .filter(|of| gone(of.status) || of.props.calendar_data.is_some());
    Ok(told.map(|of| (last_segment(&of.href), of.props.calendar_data)).collect())
}

impl Fetched {
    /// Takes what was found at an address.
    fn take(&mut self, calendar: &Calendar, since: Option<Timestamp>, href: &str, found: &Found) {
        let name = last_segment(href);
        let text = match found.get(&name) {
            Some(Some(text)) if text.contains("BEGIN:VCALENDAR") => text,
            Some(None) => return self.missing.push(name),
            _ => return self.skipped += 1,
        };
        self.bytes += text.len();
        let place = calendar.place(&name);
        let read = ics::read(text, &calendar.zone);
        for event in read.events {
            let lasts = since.is_none_or(|since| event.event.lasts_until(since));
            let record = record(calendar, &name, event).at(&place);
            if lasts {
                self.records.push(record);
            } else {
                self.seen.push(record.key.as_str().to_owned());
            }
        }
        self.skipped += read.unreadable;
        if read.unreadable == 0 {
            self.whole.push(place);
        }
    }
}

/// A UID is given once a calendar, and shared by the instances that differ from their series.
fn record(calendar: &Calendar, file: &str, of: ics::VEvent) -> Record {
    let ics::VEvent { uid, instance, mut event } = of;
    let uid = uid.unwrap_or_else(|| file.strip_suffix(".ics").unwrap_or(file).to_owned());
    let mut id = format!("{}/{uid}", calendar.id);
    event.calendar = Some(Ref::new(&calendar.id, &calendar.bearing.name));
    if let Some(instance) = instance {
        let rule = match instance {
            Moment::On(day) => day.strftime("%Y%m%d").to_string(),
            Moment::At(at) => TimeZone::UTC.to_datetime(at).strftime("%Y%m%dT%H%M%SZ").to_string(),
        };
        event.recurring_event_id = Some(id.clone());
        id = format!("{id}#{rule}");
    }
    Record::new(id, event)
}
