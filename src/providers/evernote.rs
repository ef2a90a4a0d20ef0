//! Evernote: the notes of an account, by the numbers of their changes; what a chunk of changes names is fetched note by note.
//!
//! Facts: Evernote developer documentation, "OAuth", "Synchronization via EDAM", "Rate limits"; evernote-thrift.

mod edam;
mod note;
mod spec;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::note::Names;
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
    wire::thrift::Fields,
};

/// Objects of one chunk.
const CHUNK: u32 = 100;
/// Notes that one page stores; each can be several megabytes.
const NOTES: usize = 10;
/// Calls at once.
const AT_ONCE: usize = 3;
/// Notes that may wait for the names of their notebook and tags, which a later chunk brings.
const LATE: usize = 5_000;

/// The client of Evernote.
pub struct Evernote;

/// Where the account's changes are read up to. Names come once, so they are kept.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The number of the last change that was read.
    usn: i32,
    /// This pass lists everything.
    listing: bool,
    /// The number to reach in this pass; nothing between two.
    until: Option<i32>,
    /// When this pass began, and when the last whole one did: milliseconds since 1970 by Evernote's clock.
    started: i64,
    synced: i64,
    notebooks: Names,
    tags: Names,
    /// Notes to be fetched now, and once all names are known.
    pending: Vec<String>,
    late: Vec<String>,
}

/// What a chunk says is gone.
#[derive(Default)]
struct Gone {
    notes: Vec<String>,
    notebooks: Vec<String>,
    skipped: u32,
}

impl Provider for Evernote {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = edam::user(client).await?;
        let id = me.email.clone().unwrap_or_else(|| me.username.clone());
        let label = me.name.clone().unwrap_or_else(|| id.clone());
        Ok(Account::new(id, label).or_known_as(me.username.clone()))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let mut at = cursor.unwrap_or_else(|| Cursor { listing: true, ..Cursor::default() });
        let me = edam::user(client).await?;
        if at.until.is_none() && !at.begin(client).await? {
            return Ok(Page::new(Vec::<Record>::new(), Next::Resume(at)));
        }
        let mut gone = Gone::default();
        if at.pending.is_empty() && !at.is_caught_up() {
            let size = i32::try_from(client.page_size(CHUNK)).unwrap_or(i32::MAX);
            let chunk = edam::chunk(client, at.usn, size).await?;
            gone = at.note(&chunk, client);
        }
        if at.pending.is_empty() && at.is_caught_up() {
            at.pending = std::mem::take(&mut at.late);
        }
        let now = at.pending.drain(..at.pending.len().min(NOTES)).collect();
        let mut records = Vec::new();
        for (guid, note) in each(now, AT_ONCE, |guid| fetch(client, guid)).await? {
            match note.filter(note::is_alive) {
                None => gone.notes.push(guid),
                Some(note) => records.extend(note::record(&note, &at.notebooks, &at.tags, &me)),
            }
        }
        let bound = client.since().filter(|_| at.listing);
        let is_end = at.is_caught_up() && at.pending.is_empty() && at.late.is_empty();
        let next = if is_end { Next::Resume(at.done()) } else { Next::More(at) };
        let page = Page::new(records, next).removing(gone.notes).removing_places(gone.notebooks);
        Ok(page.skipping(gone.skipped).covering(match bound {
            None => Covers::Everything,
            from => Covers::Between { from, to: None },
        }))
    }
}

/// A note with its content; `None` where it is gone, or can never be fetched.
async fn fetch(client: &Client, guid: String) -> Result<(String, Option<Fields>)> {
    match edam::note(client, &guid).await {
        Ok(note) => Ok((guid, Some(note))),
        Err(Error::NotFound) => Ok((guid, None)),
        Err(error) => Err(error),
    }
}

impl Cursor {
    /// Begins a pass; `false` where nothing has changed.
    async fn begin(&mut self, client: &Client) -> Result<bool> {
        let state = edam::sync_state(client).await?;
        let is_new = self.usn == 0;
        if !is_new && (state.full_sync_before > self.synced || state.update_count < self.usn) {
            return Err(Error::CursorExpired);
        }
        if state.update_count == self.usn {
            self.synced = state.now;
            return Ok(false);
        }
        (self.started, self.until) = (state.now, Some(state.update_count));
        Ok(true)
    }

    fn is_caught_up(&self) -> bool {
        self.until.is_none_or(|until| self.usn >= until)
    }

    fn done(self) -> Self {
        Self { listing: false, until: None, synced: self.started, ..self }
    }

    /// Takes a chunk in: names, the notes to fetch, and where the next one begins. Answers what is gone.
    fn note(&mut self, chunk: &Fields, client: &Client) -> Gone {
        let names = |id| chunk.parts(id).filter_map(|of| Some((of.text(1)?, of.text(2)?)));
        self.notebooks.extend(names(5));
        self.tags.extend(names(6));
        let mut gone = Gone { notebooks: chunk.texts(10).collect(), ..Gone::default() };
        for guid in &gone.notebooks {
            self.notebooks.remove(guid);
        }
        for guid in chunk.texts(11) {
            self.tags.remove(&guid);
        }
        let (last, until) = (edam::number(chunk, 2), edam::number(chunk, 3));
        // The account may have moved on meanwhile. A chunk that leads nowhere is the last.
        self.until = until.max(self.until);
        self.usn = last.filter(|last| *last > self.usn).or(self.until).unwrap_or(self.usn);
        for note in chunk.parts(4) {
            let Some(guid) = note::guid(note) else {
                gone.skipped += 1;
                continue;
            };
            let is_bounded = client.since() > note::created(note) && client.since().is_some();
            match () {
                () if !note::is_alive(note) => gone.notes.push(guid),
                () if is_bounded => {}
                () if self.is_named(note) || self.late.len() >= LATE => self.pending.push(guid),
                () => self.late.push(guid),
            }
        }
        gone.notes.extend(chunk.texts(9));
        gone
    }

    /// Whether the names of its notebook and tags are known, or no chunk is left to bring them.
    fn is_named(&self, note: &Fields) -> bool {
        let (notebook, tags) = note::places(note);
        self.is_caught_up()
            || notebook.is_none_or(|id| self.notebooks.contains_key(&id))
                && tags.iter().all(|id| self.tags.contains_key(id))
    }
}
