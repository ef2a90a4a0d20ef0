//! The engine's law: however a feed is cut into pages, wherever its runs end and however they end, whatever is read twice
//! and in whatever order feeds come, what is stored in the end is what one straight sync stores.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use neotoma_importers::{
    error::Error,
    run::SyncType,
    store::{Connector, Store},
    sync::{Asked, Engine, Live, Started},
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use tokio::{runtime::Runtime, sync::Notify};

use crate::support::{
    Act, Gate, Mode, Rig, SPEC, Vendor, asked,
    fake::{Cursor, edit},
    initial, note,
    rig::{engine, told},
};

/// What happens at the vendor between two runs.
#[derive(Clone, Debug)]
enum Event {
    Put {
        feed: u8,
        item: u8,
        version: u8,
    },
    Delete {
        item: u8,
    },
    Move {
        item: u8,
        to: u8,
    },
    /// Deletes without telling: only a listing finds out.
    Lose {
        item: u8,
    },
    /// Forgets its changes: cursors expire.
    Forget,
}

/// How a run comes to its end.
#[derive(Clone, Debug)]
enum End {
    /// By itself.
    Whole,
    /// It is asked to stop when so many pages were asked for.
    Stop(u8),
    /// Its process is killed when so many pages were asked for.
    Kill(u8),
    /// The vendor fails when so many pages were asked for.
    Fail(u8),
    /// The vendor gives one page twice.
    Repeat(u8),
}

#[derive(Clone, Debug)]
struct Step {
    events: Vec<Event>,
    initial: bool,
    max_pages: Option<u32>,
    limit: Option<u32>,
    end: End,
}

#[derive(Clone, Debug)]
struct Plan {
    relist: bool,
    width: usize,
    page_size: u32,
    /// Items of the first run, by feed.
    items: Vec<u8>,
    steps: Vec<Step>,
}

const FEEDS: u8 = 4;
const ITEMS: u8 = 12;

fn event() -> impl Strategy<Value = Event> {
    let item = 0..ITEMS;
    prop_oneof![
        4 => (0..FEEDS, item.clone(), any::<u8>())
            .prop_map(|(feed, item, version)| Event::Put { feed, item, version }),
        2 => item.clone().prop_map(|item| Event::Delete { item }),
        2 => (item.clone(), 0..FEEDS).prop_map(|(item, to)| Event::Move { item, to }),
        1 => item.prop_map(|item| Event::Lose { item }),
        1 => Just(Event::Forget),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        1 => Just(End::Whole),
        2 => (1..8u8).prop_map(End::Stop),
        3 => (1..8u8).prop_map(End::Kill),
        2 => (1..8u8).prop_map(End::Fail),
        1 => (1..8u8).prop_map(End::Repeat),
    ];
    let events = vec(event(), 0..6);
    let initial = prop::bool::weighted(0.25);
    (events, initial, option::of(1..5u32), option::of(1..6u32), end).prop_map(
        |(events, initial, max_pages, limit, end)| Step { events, initial, max_pages, limit, end },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    let items = vec(0..FEEDS, 0..ITEMS as usize);
    (any::<bool>(), 1..5usize, 1..6u32, items, vec(step(), 1..7)).prop_map(
        |(relist, width, page_size, items, steps)| Plan { relist, width, page_size, items, steps },
    )
}

/// A process with an engine, which can be killed.
struct Process {
    runtime: Runtime,
    engine: Arc<Engine>,
}

impl Process {
    fn new(rig: &Rig) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let options = rig.database.options.clone();
        let engine = runtime.block_on(async {
            engine(&Store::connect(options).await.expect("a store"), &rig.vault)
        });
        Self { runtime, engine }
    }

    fn start(&self, rig: &Rig, of: &Connector, asked: Asked) -> Arc<Live> {
        let started = self.runtime.block_on(self.engine.start(of, rig.provider, asked)).unwrap();
        match started {
            Started::Here { live, already: false } => live,
            other => panic!("{}", told(&other)),
        }
    }

    /// All that it does ends where it is.
    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

fn feed(number: u8) -> String {
    format!("feed {number}")
}

fn id(item: u8) -> String {
    format!("item {item:02}")
}

/// Where an item lies, if it does.
fn place(vendor: &Vendor, item: u8) -> Option<String> {
    vendor.all().get(&id(item)).map(|(feed, _)| feed.clone())
}

fn happen(vendor: &Vendor, event: &Event) {
    match event {
        Event::Put { feed: to, item, version } => {
            // It stays where it is, if it is anywhere: only a move moves it.
            let to = place(vendor, *item).unwrap_or_else(|| feed(*to));
            vendor.put(&to, note(&id(*item), &format!("version {version}")));
        }
        Event::Delete { item } => {
            if let Some(from) = place(vendor, *item) {
                vendor.delete(&from, &id(*item));
            }
        }
        Event::Move { item, to } => {
            if let Some((from, record)) = vendor.all().get(&id(*item)).cloned() {
                vendor.delete(&from, &id(*item));
                vendor.put(&feed(*to), record);
            }
        }
        Event::Lose { item } => {
            if let Some(from) = place(vendor, *item) {
                vendor.lose(&from, &id(*item));
            }
        }
        Event::Forget => vendor.forget(),
    }
}

/// Makes the vendor behave as a run's end needs it. Answers what to wait for before somebody ends the run.
fn set(vendor: &Vendor, end: &End) -> Arc<Notify> {
    let tell = Arc::new(Notify::new());
    let told = tell.clone();
    let (mut calls, end) = (0, end.clone());
    let never = Gate::shut();
    vendor.on_page(move |call| {
        calls += 1;
        match end {
            End::Stop(at) if calls == at => {
                told.notify_one();
                Act::Serve
            }
            End::Kill(at) if calls == at => {
                told.notify_one();
                // The page before this one may be on its way into the database.
                if at % 2 == 0 { Act::Wait(never.clone()) } else { Act::Serve }
            }
            End::Fail(at) if calls == at => match at % 3 {
                0 => Act::Fail(Error::Unavailable("it is down".into())),
                1 => Act::Fail(Error::Forbidden("for a moment".into())),
                _ => Act::Fail(Error::CursorExpired),
            },
            End::Repeat(at) if calls == at => {
                let cursor: Option<Cursor> = call.cursor.clone();
                edit(move |mut page| {
                    if let Some(cursor) = cursor {
                        page.next = neotoma_importers::provider::Next::More(cursor);
                    }
                    page
                })
            }
            _ => Act::Serve,
        }
    });
    tell
}

fn go(main: &Runtime, rig: &Rig, account: &Connector, step: &Step) {
    for event in &step.events {
        happen(rig.vendor, event);
    }
    let ending = set(rig.vendor, &step.end);
    let sync_type = if step.initial { SyncType::Initial } else { SyncType::Incremental };
    let process = Process::new(rig);
    let wish = Asked { sync_type, max_pages: step.max_pages, limit: step.limit, ..asked() };
    let live = process.start(rig, account, wish);
    let ended = main.block_on(async {
        tokio::select! {
            end = live.ended() => Some(end),
            () = ending.notified() => None,
        }
    });
    match (ended, &step.end) {
        (Some(end), _) => assert!(end.is_ok(), "{end:?}"),
        (None, End::Stop(_)) => {
            live.stop();
            let end = main.block_on(live.ended()).expect("an end");
            assert_ne!(end.status, neotoma_importers::run::RunStatus::Failed, "{end:?}");
        }
        (None, _) => {
            process.kill();
            // Another process may take over once the lease has run out.
            main.block_on(rig.sql("UPDATE external_connectors SET lease_until = now()"));
            return;
        }
    }
    process.kill();
}

/// What is stored for a connector, but for ids and times of our own: as lines, in order.
async fn stored(rig: &Rig, account: &Connector) -> Vec<String> {
    let rows = "SELECT concat_ws(' | ', external_source, external_id, feed, type, encode(digest, 'hex'), \
         properties::text, file_urls::text, search_text, occurred_at, external_place, version) FROM records \
         WHERE owner_id = $1 AND connector_id = $2 AND removed_at IS NULL ORDER BY external_id";
    sqlx::query_scalar(rows)
        .bind(&account.owner)
        .bind(account.id)
        .fetch_all(&rig.pool)
        .await
        .unwrap()
}

fn check(main: &Runtime, rig: &mut Rig, number: usize, plan: &Plan) {
    let spec = neotoma_importers::provider::Spec { width: plan.width, ..SPEC };
    rig.vendor = Vendor::new(spec);
    rig.provider = Box::leak(Box::new(rig.vendor));
    rig.spec = rig.provider.spec();
    rig.vendor.page_size(plan.page_size);
    rig.vendor.mode(if plan.relist { Mode::Relist } else { Mode::Changes });
    for number in 0..FEEDS {
        rig.vendor.open(&feed(number));
    }
    for (item, to) in (0..ITEMS).zip(&plan.items) {
        rig.vendor.put(&feed(*to), note(&id(item), "version 0"));
    }
    let link = |name: &str| {
        let name = format!("{name} of case {number}");
        main.block_on(rig.link_for(&rig.owner, &name, json!({})))
    };
    let account = link("the account");
    for step in &plan.steps {
        go(main, rig, &account, step);
    }
    rig.vendor.calm();
    main.block_on(async {
        // The first ends what was cut short, the second brings what happened meanwhile.
        for _ in 0..2 {
            let end = rig.sync(&account).await;
            assert_eq!((end.more, end.error), (false, None));
        }
        let lost = |event: &Event| matches!(event, Event::Lose { .. });
        if plan.relist || !plan.steps.iter().flat_map(|step| &step.events).any(lost) {
            rig.assert_in_step(&account).await;
        }
        rig.run(&account, initial()).await;
        rig.assert_in_step(&account).await;
    });
    let straight = link("a straight one");
    main.block_on(async {
        rig.sync(&straight).await;
        assert_eq!(stored(rig, &account).await, stored(rig, &straight).await);
        let left = "SELECT (SELECT count(*) FROM external_sync_runs WHERE status = 'running') \
             + (SELECT count(*) FROM external_seen)";
        assert_eq!(
            rig.count(left).await,
            0,
            "runs that nobody drives, or notes of closed listings"
        );
    });
}

#[test]
fn however_runs_end_what_is_stored_in_the_end_is_what_one_straight_sync_stores() {
    let main = Runtime::new().unwrap();
    let mut rig = main.block_on(Rig::new());
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(16),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    };
    let (cases, shared) = (Cell::new(0), RefCell::new(&mut rig));
    let outcome = TestRunner::new(config).run(&plan(), |plan| {
        cases.set(cases.get() + 1);
        check(&main, &mut shared.borrow_mut(), cases.get(), &plan);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("after {} cases: {failure}", cases.get()));
    let _inside = main.enter(); // pools are closed where they were opened
    drop(rig);
}
