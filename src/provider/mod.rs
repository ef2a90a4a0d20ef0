//! The contract of a provider: what a vendor's file provides, and what it is given.
//!
//! A provider is a pure step. It holds no state, loops over no pages and knows no database: it answers "the next page of
//! this feed from this cursor". Loops, retries, tokens, limits, storage and removals are the engine's.

mod any;
pub mod link;
mod nearest;
mod page;
mod settings;
pub mod spec;
mod walk;
mod webhook;

pub use any::AnyProvider;
pub use link::LinkInput;
pub use nearest::nearest;
pub use page::{Covers, Gone, Next, Page, Patch, Reacted, Since, relist};
pub use settings::Settings;
pub use spec::Spec;
pub use walk::{Reading, Walk, Window};
pub use webhook::{Heard, Incoming, from_hex};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    http::Client,
    record::Record,
};

/// One service that accounts can be linked at.
///
/// The engine stores a page's records, removals and cursor in one transaction, pages of one feed one after another, feeds
/// at once; it asks for a page while the last is being stored.
pub trait Provider: Send + Sync + 'static {
    /// Where a feed stands between two pages. Stored as JSON; one that no longer parses counts as `CursorExpired`.
    type Cursor: Serialize + DeserializeOwned + Send;

    /// What the catalog, the HTTP client and the engine know of the vendor.
    fn spec(&self) -> &'static Spec;

    /// Whose credentials these are. Asked when an account is linked.
    fn account(&self, client: &Client) -> impl Future<Output = Result<Account>> + Send;

    /// The account's feeds as of now; asked once a run. Default: one feed for the whole account.
    fn feeds(&self, client: &Client) -> impl Future<Output = Result<Vec<Feed>>> + Send {
        let _ = client;
        async { Ok(vec![Feed::account()]) }
    }

    /// The feed's next page. `cursor` is `None` when the feed is listed from its start: the first time, after
    /// [`Error::CursorExpired`], after [`Next::Relist`], when `Spec::relist` is due, and for `sync_type: initial`.
    ///
    /// # Errors
    /// `CursorExpired` lists the feed afresh; `Forbidden` and `NotFound` skip this feed in this run; every other error
    /// ends the run, with the pages so far kept.
    fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Self::Cursor>,
    ) -> impl Future<Output = Result<Page<Self::Cursor>>> + Send;

    /// Reads the vendor's own error words where the status alone misleads (a 403 that is a rate limit, a 200 that is an
    /// error: [`Call::errors_in_ok`](crate::http::Call::errors_in_ok)). `None` leaves it to the status.
    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let _ = (status, body);
        None
    }

    /// Which of these ids, missing from a whole listing, are really gone. Asked before every sweep; for vendors whose
    /// lists may lack what is alive. Default: all of them.
    fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> impl Future<Output = Result<Vec<String>>> + Send {
        let _ = (client, feed);
        async { Ok(ids) }
    }

    /// How these known records stand now, for vendors that tell of no changes but can be asked by id. Asked for the newest
    /// records of a feed once it is caught up, 100 at a time, newest first, until a page comes back empty or
    /// [`Spec::recheck`] records were asked about. The answer's `next` and `covers` mean nothing. Default: empty.
    fn recheck(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> impl Future<Output = Result<Page<()>>> + Send {
        let _ = (client, feed, ids);
        async { Ok(Page::loose(Vec::<Record>::new())) }
    }

    /// Who sent a request to a connector's webhook address, and what is to be done with it. Asked before it is answered:
    /// no call to the vendor can be made here. Default: nobody whom this provider knows.
    fn hear(&self, incoming: &Incoming<'_>) -> Heard {
        let _ = incoming;
        Heard::Refused
    }

    /// What a delivery brings that [`hear`](Self::hear) has taken, read in a run of the connector before its feeds. What is
    /// patched or removed before it has come waits for it; a record that is known is changed by a newer
    /// [`Record::version`] alone, so that what is delivered twice or late undoes nothing. All of it belongs to the
    /// account's only feed; the page's `seen`, `replacing`, `next` and `covers` mean nothing. Default: nothing, for vendors that only say that there is news.
    ///
    /// # Errors
    /// `Unexpected` for what cannot be read: it is tried again in later runs, and left aside after a few. Every other error
    /// ends the run, and the delivery waits.
    fn delivered(
        &self,
        client: &Client,
        body: &[u8],
    ) -> impl Future<Output = Result<Page<()>>> + Send {
        let _ = (client, body);
        async { Ok(Page::loose(Vec::<Record>::new())) }
    }
}

/// Who was linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The vendor's id: `account_identifier`.
    pub id: String,
    /// What a person recognises.
    pub label: String,
    /// Other names that may be given for it: e-mail address, handle.
    pub also: Vec<String>,
}

impl Account {
    /// An account by id and label.
    pub fn new(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self { id: id.into(), label: label.into(), also: Vec::new() }
    }

    /// Notes another name that a person may give for it; an absent one is passed over.
    #[must_use]
    pub fn or_known_as(mut self, name: impl Into<Option<String>>) -> Self {
        self.also.extend(name.into());
        self
    }

    /// Whether `name` means this account; case does not count.
    pub fn is(&self, name: &str) -> bool {
        let mut names = [&self.id, &self.label].into_iter().chain(&self.also);
        names.any(|own| own.to_lowercase() == name.trim().to_lowercase())
    }
}

/// One independently resumable listing of an account: a channel, a calendar, a workspace, or the whole account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feed {
    /// Stable within the account; empty for its only feed.
    pub id: String,
    /// Its shown name.
    pub name: String,
}

impl Feed {
    /// A feed by id and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }

    /// The account's only feed.
    pub fn account() -> Self {
        Self::new("", "")
    }
}
