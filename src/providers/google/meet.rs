//! Google Meet: calls that took place, who was there, their recordings and transcripts.
//!
//! Google Meet REST API v2: conferenceRecords, participants, recordings, transcripts, spaces; "Work with conferences",
//! "Usage limits".

mod call;
mod spec;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::call::{Asset, Call, Participant, Space};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::{MediaAssetKind, Record},
    wire::Many,
};

const API: &str = "https://meet.googleapis.com/v2";
/// Most calls, recordings or transcripts that a page gives.
const CALLS: u32 = 100;
/// Most participants that a page gives.
const PARTICIPANTS: u32 = 250;
/// Pages of one call's participants that are read: 100,000 people.
const PAGES: usize = 400;
/// Calls whose details are read at once.
const AT_ONCE: usize = 8;
/// How long after a call its recordings and transcripts may still show up.
const LATE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The client of Google Meet.
pub struct GoogleMeet;

/// A pass over the calls, newest first. There is no feed of changes: what began before the oldest unfinished call, and three
/// days more, is not read again. Reckoned by the calls' own times.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// Where it begins; absent where all is read.
    from: Option<Timestamp>,
    page: Option<String>,
    /// When the newest call began, of all so far.
    newest: Option<Timestamp>,
    /// When the oldest call of this pass began that goes on, or whose files are not there yet.
    open: Option<Timestamp>,
}

impl Provider for GoogleMeet {
    type Cursor = Pass;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let call = client.get("https://www.googleapis.com/oauth2/v2/userinfo");
        let user: User = call.query(&[("fields", "id,email")]).json().await?;
        Ok(Account::new(user.email.clone(), user.email).or_known_as(user.id))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Pass>) -> Result<Page<Pass>> {
        let mut at = cursor.unwrap_or(Pass { from: client.since(), ..Pass::default() });
        let query = [
            ("pageSize", Some(client.page_size(CALLS).to_string())),
            ("filter", at.from.map(|from| format!("start_time>=\"{from}\""))),
            ("pageToken", at.page.take()),
        ];
        let list = client.get(format!("{API}/conferenceRecords")).query(&query);
        let found: Listed<Call> = list.json().await?;
        let mut skipped = found.items.skipped;
        let calls = each(found.items.items, AT_ONCE, |call| whole(client, call)).await?;
        let mut records = Vec::new();
        for call in calls {
            at.newest = at.newest.max(Some(call.began));
            if call.open {
                at.open = at.open.into_iter().chain([call.began]).min();
            }
            skipped += call.skipped;
            records.extend(call.records);
        }
        let from = at.open.into_iter().chain(at.newest).min();
        let from = from.and_then(|from| from.checked_sub(LATE).ok());
        let next = match found.next_page_token {
            page @ Some(_) => Next::More(Pass { page, ..at }),
            None => Next::Resume(Pass { from, newest: at.newest, ..Pass::default() }),
        };
        Ok(Page::new(records, next).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let scope = "meetings.space.readonly";
        super::fault("Google Meet REST", scope, status, body, Timestamp::now())
    }
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    email: String,
}

/// A page of any of the lists; an empty one is `{}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: DeserializeOwned")]
struct Listed<T> {
    #[serde(
        default,
        alias = "conferenceRecords",
        alias = "participants",
        alias = "recordings",
        alias = "transcripts"
    )]
    items: Many<T>,
    next_page_token: Option<String>,
}

/// A call with all that hangs on it.
struct Whole {
    began: Timestamp,
    /// More of it is to come.
    open: bool,
    records: Vec<Record>,
    skipped: u32,
}

/// Reads what a list does not tell of a call.
async fn whole(client: &Client, call: Call) -> Result<Whole> {
    let (participants, recordings, transcripts, space) = futures::try_join!(
        all::<Participant>(client, format!("{API}/{}/participants", call.name), PARTICIPANTS),
        all::<Asset>(client, format!("{API}/{}/recordings", call.name), CALLS),
        all::<Asset>(client, format!("{API}/{}/transcripts", call.name), CALLS),
        space(client, call.space.clone()),
    )?;
    let skipped = participants.skipped + recordings.skipped + transcripts.skipped;
    let kinds =
        [(MediaAssetKind::Recording, recordings), (MediaAssetKind::Transcript, transcripts)];
    let mut files = Vec::new();
    let mut open = call.end_time.is_none();
    for (kind, assets) in kinds {
        for asset in assets {
            match asset.into_record(kind, &call.name) {
                Some(file) => files.push(file),
                None => open = true, // it is still being made
            }
        }
    }
    let began = call.start_time;
    let mut records = vec![call.into_record(participants.items, space)];
    records.append(&mut files);
    Ok(Whole { began, open, records, skipped })
}

/// All pages of a list of one call. What is no longer visible, or not to everybody who took part, has none.
async fn all<T: DeserializeOwned>(client: &Client, url: String, most: u32) -> Result<Many<T>> {
    let (mut all, mut page) = (Many::default(), None);
    for _ in 0..PAGES {
        let query = [("pageSize", Some(most.to_string())), ("pageToken", page)];
        let found: Listed<T> = match client.get(url.clone()).query(&query).json().await {
            Err(Error::NotFound | Error::Forbidden(_)) => return Ok(all),
            found => found?,
        };
        all.items.extend(found.items.items);
        all.skipped += found.items.skipped;
        page = found.next_page_token;
        if page.is_none() {
            break;
        }
    }
    Ok(all)
}

/// The room of a call, looked up once a run; none where it is not the person's to see.
async fn space(client: &Client, name: Option<String>) -> Result<Space> {
    let Some(name) = name else { return Ok(Space::default()) };
    let lookup = || async {
        let call = client.get(format!("{API}/{name}"));
        match call.query(&[("fields", "meetingUri,meetingCode")]).json().await {
            Err(Error::NotFound | Error::Forbidden(_)) => Ok(Space::default()),
            space => space,
        }
    };
    Ok(client.once(&name, lookup).await?.as_ref().clone())
}
