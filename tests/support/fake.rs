//! A vendor in memory: several feeds, each with a listing in pages and a feed of changes, and a script of what goes wrong.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use neotoma_importers::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, Spec, spec::Field},
    record::{Note, Record},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What a test's vendor is unless it says otherwise.
pub const SPEC: Spec =
    Spec { id: "fake", name: "Fake", fields: &[Field::ACCESS_TOKEN], ..Spec::BASE };

/// How the vendor lets its feeds be followed once they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By a feed of changes.
    Changes,
    /// Not at all: every pass lists everything.
    Relist,
    /// By reading again what took place from then on.
    Window(Timestamp),
}

/// Where a feed stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// In a listing: after which id; the changes begin at `token`.
    Listing { after: String, token: usize },
    /// In the changes.
    Changes { from: usize },
    /// In a window that is read again.
    Window { after: Option<String> },
}

/// A call to [`Provider::page`].
#[derive(Clone, Debug)]
pub struct Asked {
    pub feed: String,
    /// Calls for this feed so far, this one included.
    pub nth: usize,
    pub cursor: Option<Cursor>,
    pub since: Option<Timestamp>,
}

/// What a call does.
pub enum Act {
    /// It answers as the world is.
    Serve,
    /// It fails.
    Fail(Error),
    /// It panics.
    Panic,
    /// It waits for a gate, then answers.
    Wait(Arc<Gate>),
    /// It answers, changed.
    Edit(Box<dyn FnOnce(Page<Cursor>) -> Page<Cursor> + Send>),
}

/// Answers with a changed page.
pub fn edit(change: impl FnOnce(Page<Cursor>) -> Page<Cursor> + Send + 'static) -> Act {
    Act::Edit(Box::new(change))
}

/// Holds a call until it is opened.
pub struct Gate {
    reached: watch::Sender<bool>,
    open: watch::Sender<bool>,
}

impl Gate {
    pub fn shut() -> Arc<Self> {
        Arc::new(Self { reached: watch::Sender::new(false), open: watch::Sender::new(false) })
    }

    /// Waits until a call stands before it.
    pub async fn reached(&self) {
        self.reached.subscribe().wait_for(|reached| *reached).await.expect("the gate stands");
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }

    pub async fn pass(&self) {
        self.reached.send_replace(true);
        self.open.subscribe().wait_for(|open| *open).await.expect("the gate stands");
    }
}

type PageHook = Box<dyn FnMut(&Asked) -> Act + Send>;
type FeedsHook = Box<dyn FnMut(Vec<Feed>) -> Result<Vec<Feed>> + Send>;
type ConfirmHook = Box<dyn FnMut(Vec<String>) -> Result<Vec<String>> + Send>;

/// The vendor's side of a test.
pub struct Vendor {
    spec: &'static Spec,
    world: Mutex<World>,
}

/// What is there at the vendor, and how it behaves.
struct World {
    mode: Mode,
    page_size: u32,
    shelves: BTreeMap<String, Shelf>,
    on_page: Option<PageHook>,
    on_feeds: Option<FeedsHook>,
    on_confirm: Option<Arc<Mutex<ConfirmHook>>>,
    pages: Vec<Asked>,
    calls: HashMap<String, usize>,
    confirmed: Vec<Vec<String>>,
}

/// One feed.
#[derive(Default)]
struct Shelf {
    items: BTreeMap<String, Record>,
    changes: Vec<String>,
    /// Changes before this one are forgotten: a cursor that needs them has expired.
    forgotten: usize,
}

/// A note with a text.
pub fn note(id: &str, text: &str) -> Record {
    Record::new(id, Note { content: Some(text.into()), ..Note::default() })
}

/// A note with a text, made at that second.
pub fn note_at(id: &str, text: &str, second: i64) -> Record {
    let created_at = Timestamp::from_second(second).ok();
    Record::new(id, Note { content: Some(text.into()), created_at, ..Note::default() })
}

impl Vendor {
    /// A vendor that lives as long as the tests.
    pub fn new(spec: Spec) -> &'static Self {
        let world = World {
            mode: Mode::Changes,
            page_size: 3,
            shelves: BTreeMap::new(),
            on_page: None,
            on_feeds: None,
            on_confirm: None,
            pages: Vec::new(),
            calls: HashMap::new(),
            confirmed: Vec::new(),
        };
        Box::leak(Box::new(Self { spec: Box::leak(Box::new(spec)), world: Mutex::new(world) }))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn mode(&self, mode: Mode) {
        self.world().mode = mode;
    }

    pub fn page_size(&self, size: u32) {
        self.world().page_size = size;
    }

    /// Opens a feed.
    pub fn open(&self, feed: &str) {
        self.world().shelves.entry(feed.to_owned()).or_default();
    }

    /// Closes a feed: it is no longer listed.
    pub fn close(&self, feed: &str) {
        self.world().shelves.remove(feed);
    }

    /// Puts a record into a feed, or another version of it.
    pub fn put(&self, feed: &str, record: Record) {
        let mut world = self.world();
        let at = world.shelves.entry(feed.to_owned()).or_default();
        let id = record.key.as_str().to_owned();
        at.changes.push(id.clone());
        at.items.insert(id, record);
    }

    /// Puts `count` notes `<prefix>00`, `<prefix>01` … into a feed.
    pub fn fill(&self, feed: &str, prefix: &str, count: usize) {
        for number in 0..count {
            let id = format!("{prefix}{number:02}");
            self.put(feed, note(&id, &format!("text of {id}")));
        }
    }

    /// Deletes a record.
    pub fn delete(&self, feed: &str, id: &str) {
        let mut world = self.world();
        let at = world.shelves.get_mut(feed).expect("a feed");
        at.items.remove(id).expect("a record");
        at.changes.push(id.to_owned());
    }

    /// Deletes a record of which no change tells.
    pub fn lose(&self, feed: &str, id: &str) {
        let mut world = self.world();
        world.shelves.get_mut(feed).expect("a feed").items.remove(id).expect("a record");
    }

    /// Forgets the changes so far: every cursor expires.
    pub fn forget(&self) {
        for shelf in self.world().shelves.values_mut() {
            shelf.changes.push(String::new());
            shelf.forgotten = shelf.changes.len();
        }
    }

    /// What each call for a page does.
    pub fn on_page(&self, hook: impl FnMut(&Asked) -> Act + Send + 'static) {
        self.world().on_page = Some(Box::new(hook));
    }

    /// What asking for the feeds does to the true answer.
    pub fn on_feeds(&self, hook: impl FnMut(Vec<Feed>) -> Result<Vec<Feed>> + Send + 'static) {
        self.world().on_feeds = Some(Box::new(hook));
    }

    /// Which of the ids that a listing lacks are gone. Unless told, all.
    pub fn on_confirm(
        &self,
        hook: impl FnMut(Vec<String>) -> Result<Vec<String>> + Send + 'static,
    ) {
        self.world().on_confirm = Some(Arc::new(Mutex::new(Box::new(hook))));
    }

    /// Behaves well again.
    pub fn calm(&self) {
        let mut world = self.world();
        (world.on_page, world.on_feeds, world.on_confirm) = (None, None, None);
    }

    /// The calls for pages since this was last asked.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.world().pages)
    }

    /// The ids that it was asked to confirm, call by call, since this was last asked.
    pub fn confirmed(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.world().confirmed)
    }

    /// All that is there: feed and record by id.
    pub fn all(&self) -> BTreeMap<String, (String, Record)> {
        let world = self.world();
        let shelves = world.shelves.iter();
        shelves
            .flat_map(|(feed, shelf)| {
                shelf.items.iter().map(|(id, record)| (id.clone(), (feed.clone(), record.clone())))
            })
            .collect()
    }

    fn asking(&self, feed: &Feed, cursor: Option<Cursor>, since: Option<Timestamp>) -> Act {
        let mut world = self.world();
        let nth = world.calls.entry(feed.id.clone()).or_default();
        *nth += 1;
        let asked = Asked { feed: feed.id.clone(), nth: *nth, cursor, since };
        world.pages.push(asked.clone());
        world.on_page.as_mut().map_or(Act::Serve, |hook| hook(&asked))
    }

    fn serve(&self, client: &Client, feed: &Feed, cursor: Option<Cursor>) -> Result<Page<Cursor>> {
        let world = self.world();
        let here = world.shelves.get(&feed.id).ok_or(Error::NotFound)?;
        let size = client.page_size(world.page_size) as usize;
        match cursor {
            None => Ok(here.list(world.mode, client, size, None, here.changes.len())),
            Some(Cursor::Listing { after, token }) => {
                Ok(here.list(world.mode, client, size, Some(&after), token))
            }
            Some(Cursor::Changes { from }) if from < here.forgotten => Err(Error::CursorExpired),
            Some(Cursor::Changes { from }) => Ok(here.follow(size, from)),
            Some(Cursor::Window { after }) => {
                let Mode::Window(from) = world.mode else { return Err(Error::CursorExpired) };
                Ok(here.reread(size, from, after.as_deref()))
            }
        }
    }
}

impl Shelf {
    /// Items after an id that pass, one page of them, and the last id where there are more.
    fn cut(
        &self,
        size: usize,
        after: Option<&str>,
        passes: impl Fn(&Record) -> bool,
    ) -> (Vec<Record>, Option<String>) {
        let mut rest = self
            .items
            .iter()
            .filter(|(id, record)| after.is_none_or(|after| id.as_str() > after) && passes(record));
        let page: Vec<Record> =
            rest.by_ref().take(size).map(|(_, record)| record.clone()).collect();
        let last = page.last().map(|record| record.key.as_str().to_owned());
        (page, last.filter(|_| rest.next().is_some()))
    }

    fn list(
        &self,
        mode: Mode,
        client: &Client,
        size: usize,
        after: Option<&str>,
        token: usize,
    ) -> Page<Cursor> {
        let since = client.since();
        let passes = |record: &Record| {
            since.is_none_or(|since| record.properties.occurred_at().is_none_or(|at| at >= since))
        };
        let (page, rest) = self.cut(size, after, passes);
        let next = match (rest, mode) {
            (Some(after), _) => Next::More(Cursor::Listing { after, token }),
            (None, Mode::Changes) => Next::Resume(Cursor::Changes { from: token }),
            (None, Mode::Relist) => Next::Relist,
            (None, Mode::Window(_)) => Next::Resume(Cursor::Window { after: None }),
        };
        Page::new(page, next)
    }

    fn follow(&self, size: usize, from: usize) -> Page<Cursor> {
        let to = self.changes.len().min(from + size);
        let (mut upserts, mut gone) = (Vec::new(), Vec::new());
        for id in &self.changes[from..to] {
            match self.items.get(id) {
                Some(record) => upserts.push(record.clone()),
                None => gone.push(id.clone()),
            }
        }
        let cursor = Cursor::Changes { from: to };
        let end = to == self.changes.len();
        let next = if end { Next::Resume(cursor) } else { Next::More(cursor) };
        Page::new(upserts, next).removing(gone)
    }

    fn reread(&self, size: usize, from: Timestamp, after: Option<&str>) -> Page<Cursor> {
        let passes = |record: &Record| record.properties.occurred_at().is_some_and(|at| at >= from);
        let (page, more) = self.cut(size, after, passes);
        let next = match more {
            Some(after) => Next::More(Cursor::Window { after: Some(after) }),
            None => Next::Resume(Cursor::Window { after: None }),
        };
        Page::new(page, next).covering(Covers::Between { from: Some(from), to: None })
    }
}

impl Provider for &'static Vendor {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        self.spec
    }

    async fn account(&self, _client: &Client) -> Result<Account> {
        Ok(Account::new("account", "Account"))
    }

    async fn feeds(&self, _client: &Client) -> Result<Vec<Feed>> {
        let mut world = self.world();
        let feeds = world.shelves.keys().map(|id| Feed::new(id, id.to_uppercase())).collect();
        match &mut world.on_feeds {
            Some(hook) => hook(feeds),
            None => Ok(feeds),
        }
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        match self.asking(feed, cursor.clone(), client.since()) {
            Act::Serve => self.serve(client, feed, cursor),
            Act::Fail(error) => Err(error),
            Act::Panic => panic!("the vendor's file has a defect"),
            Act::Wait(gate) => {
                gate.pass().await;
                self.serve(client, feed, cursor)
            }
            Act::Edit(change) => self.serve(client, feed, cursor).map(change),
        }
    }

    async fn confirm_gone(
        &self,
        _client: &Client,
        _feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let mut sorted = ids.clone();
        sorted.sort();
        self.world().confirmed.push(sorted);
        // Without the world: it may wait for what else happens there.
        let hook = self.world().on_confirm.clone();
        let Some(hook) = hook else { return Ok(ids) };
        let mut hook = hook.lock().unwrap_or_else(PoisonError::into_inner);
        hook(ids)
    }
}
