//! Three vendors on loopback: a mailbox, a workspace of tasks and a chat, as Gmail, Asana and Slack answer over HTTP.
//!
//! They keep state: what a mutator changes is in the next page, history record, event feed or thread, as the vendor
//! would show it. `https://HOST/PATH` of provider `ID` is served at `<url>/ID/HOST/PATH`, which is where
//! `NEOTOMA_EGRESS_OVERRIDE` sends it.
//!
//! The server runs on a runtime and threads of its own: a test may block its own, or pause its clock.
//! Each of its users needs a part of it, so they declare it with `#[expect(dead_code)]`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::oneshot;
use url::Url;

pub mod asana;
pub mod auth;
pub mod data;
pub mod exchange;
pub mod faults;
mod fields;
pub mod gmail;
pub mod log;
mod server;
pub mod slack;
pub mod spoil;

use asana::{Asana, NewTask};
use auth::Grant;
use data::{Amounts, Sizes};
use exchange::Answer;
use faults::{Fault, Gate, Rule, RuleId};
use gmail::{Gmail, NewMail};
use log::Seen;
use slack::{NewChannel, Post, Slack};

/// A service that the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vendor {
    /// Mail.
    Gmail,
    /// Tasks.
    Asana,
    /// Chat.
    Slack,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gmail, Self::Asana, Self::Slack];

    /// The provider's id, first in the sandbox's paths.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Gmail => "gmail",
            Self::Asana => "asana",
            Self::Slack => "slack",
        }
    }

    fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.id() == id)
    }
}

/// What a mutator was asked to change is not there: a wrong id in a test, or something deleted before.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox has no {what} {id}")]
pub struct NoSuch {
    what: &'static str,
    id: String,
}

impl NoSuch {
    fn new(what: &'static str, id: &str) -> Self {
        Self { what, id: id.to_owned() }
    }
}

/// What the vendors hold when they start: the accounts of each, the first of which is the usual one.
pub struct World {
    /// Mailboxes.
    pub gmail: Vec<Gmail>,
    /// Asana users, each with what they see.
    pub asana: Vec<Asana>,
    /// Slack workspaces as one member sees them.
    pub slack: Vec<Slack>,
}

impl World {
    /// One account each, with nothing in it.
    pub fn empty() -> Self {
        Self {
            gmail: vec![Gmail::new("Maya Okafor <maya@kestrel.example>")],
            asana: vec![Asana::new("Maya Okafor", "maya@kestrel.example", "Kestrel Instruments")],
            slack: vec![Slack::new("Kestrel Instruments", "kestrel", "maya", "Maya Okafor")],
        }
    }

    /// The life and work of one person, a few thousand records that end today. The same seed gives the same story.
    pub fn demo(seed: u64) -> Self {
        data::demo(&Amounts::WHOLE, seed, now())
    }

    /// The same in short, for a test of the demonstration.
    pub fn short_demo(seed: u64) -> Self {
        data::demo(&Amounts::SHORT, seed, now())
    }

    /// The same, with another last day: equal in every byte for equal arguments.
    pub fn demo_until(seed: u64, today: Timestamp) -> Self {
        data::demo(&Amounts::WHOLE, seed, today)
    }

    /// As many records as asked for, of plain content, for tests and measurements.
    pub fn sized(sizes: &Sizes) -> Self {
        data::sized(sizes, now())
    }
}

/// An account: what it holds, and who may read it.
struct Seat<T> {
    data: Mutex<T>,
    grant: Mutex<Grant>,
}

struct Shared {
    gmail: Vec<Seat<Gmail>>,
    asana: Vec<Seat<Asana>>,
    slack: Vec<Seat<Slack>>,
    clients: Mutex<Vec<(Vendor, String, String)>>,
    faults: faults::Faults,
    log: Arc<log::Log>,
}

/// The running vendors. Dropping it ends them.
pub struct Sandbox {
    url: Url,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

impl Sandbox {
    /// Serves the world on a free loopback port.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub async fn start(world: World) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            gmail: seats(Vendor::Gmail, world.gmail),
            asana: seats(Vendor::Asana, world.asana),
            slack: seats(Vendor::Slack, world.slack),
            clients: Mutex::default(),
            faults: faults::Faults::default(),
            log: Arc::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let address = server::start(Arc::clone(&shared), stopped).await?;
        let url = Url::parse(&format!("http://{address}")).map_err(std::io::Error::other)?;
        Ok(Self { url, shared, _stop: stop })
    }

    /// The address to set as `NEOTOMA_EGRESS_OVERRIDE`.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The first mailbox. Let go of it before waiting for an answer, which cannot come meanwhile: not
    /// `for id in sandbox.gmail().ids() { … .await }`, but the ids first.
    pub fn gmail(&self) -> MutexGuard<'_, Gmail> {
        self.gmail_at(0)
    }

    /// A mailbox by its place in the world.
    pub fn gmail_at(&self, place: usize) -> MutexGuard<'_, Gmail> {
        lock(&seat(&self.shared.gmail, place).data)
    }

    /// The first Asana account.
    pub fn asana(&self) -> MutexGuard<'_, Asana> {
        self.asana_at(0)
    }

    /// An Asana account by its place in the world.
    pub fn asana_at(&self, place: usize) -> MutexGuard<'_, Asana> {
        lock(&seat(&self.shared.asana, place).data)
    }

    /// The first Slack workspace.
    pub fn slack(&self) -> MutexGuard<'_, Slack> {
        self.slack_at(0)
    }

    /// A Slack workspace by its place in the world.
    pub fn slack_at(&self, place: usize) -> MutexGuard<'_, Slack> {
        lock(&seat(&self.shared.slack, place).data)
    }

    /// The tokens of a vendor's first account.
    pub fn grant(&self, vendor: Vendor) -> MutexGuard<'_, Grant> {
        self.grant_at(vendor, 0)
    }

    /// The tokens of an account by its place in the world.
    pub fn grant_at(&self, vendor: Vendor, place: usize) -> MutexGuard<'_, Grant> {
        lock(match vendor {
            Vendor::Gmail => &seat(&self.shared.gmail, place).grant,
            Vendor::Asana => &seat(&self.shared.asana, place).grant,
            Vendor::Slack => &seat(&self.shared.slack, place).grant,
        })
    }

    /// From now on the vendor's token endpoint takes this OAuth client alone; before, it takes any that names itself.
    pub fn require_client(&self, vendor: Vendor, id: &str, secret: &str) {
        let mut clients = lock(&self.shared.clients);
        clients.retain(|(of, ..)| *of != vendor);
        clients.push((vendor, id.to_owned(), secret.to_owned()));
    }

    /// Puts a fault in the way of coming requests. Rules are looked at in the order of their injection.
    pub fn inject(&self, rule: Rule) -> RuleId {
        self.shared.faults.inject(rule)
    }

    /// How many requests a rule has struck; 0 for one that is gone.
    pub fn struck(&self, rule: RuleId) -> u64 {
        self.shared.faults.struck(rule)
    }

    /// Takes every fault away; what a [`Gate`] holds goes on.
    pub fn heal(&self) {
        self.shared.faults.heal();
    }

    /// Each request of the vendor takes at least so long, until [`Sandbox::heal`].
    pub fn slow_down(&self, vendor: Vendor, latency: Duration) -> RuleId {
        self.inject(Rule::new(Fault::Delay(latency)).on(vendor).always())
    }

    /// The next request that fits the pattern (see [`Rule::path`]) waits at the gate.
    pub fn hold(&self, vendor: Vendor, pattern: &str) -> Gate {
        let gate = Gate::new();
        self.inject(Rule::new(Fault::Hold(gate.clone())).on(vendor).path(pattern));
        gate
    }

    /// Every request since the start or [`Sandbox::forget_requests`], in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.log.all()
    }

    /// Those of one vendor that fit a pattern (see [`Rule::path`]).
    pub fn requests_to(&self, vendor: Vendor, pattern: &str) -> Vec<Seen> {
        self.shared
            .log
            .all()
            .into_iter()
            .filter(|seen| seen.provider == vendor.id() && faults::fits(pattern, &seen.target()))
            .collect()
    }

    /// Forgets the requests and the greatest number in flight.
    pub fn forget_requests(&self) {
        self.shared.log.forget();
    }

    /// The greatest number of a vendor's requests that were in the sandbox at one time.
    pub fn max_in_flight(&self, vendor: Vendor) -> usize {
        self.shared.log.most(vendor.id())
    }
}

fn seats<T>(vendor: Vendor, accounts: Vec<T>) -> Vec<Seat<T>> {
    let seat = |(place, data)| Seat {
        data: Mutex::new(data),
        grant: Mutex::new(Grant::new(vendor, place)),
    };
    accounts.into_iter().enumerate().map(seat).collect()
}

fn seat<T>(seats: &[Seat<T>], place: usize) -> &Seat<T> {
    let Some(seat) = seats.get(place) else { unreachable!("the world has no account {place}") };
    seat
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time, in the vendors' millisecond.
fn now() -> Timestamp {
    let time = Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
