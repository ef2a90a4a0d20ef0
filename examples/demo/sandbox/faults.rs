//! What goes wrong on purpose: which requests a rule strikes, and what becomes of them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Answer, Vendor,
    exchange::Ask,
    lock,
    spoil::{Spoil, spoilt},
};

/// What becomes of a request that a rule strikes.
#[derive(Clone)]
pub enum Fault {
    /// This answer comes instead of the vendor's.
    Instead(Answer),
    /// The vendor's own 429, with that many seconds of `Retry-After`.
    Throttled(u32),
    /// The connection closes; the vendor never read the request.
    Close,
    /// The vendor does what it was asked, but only so many bytes of its answer are sent, the head included, then the
    /// connection closes.
    CutAfter(u64),
    /// The answer comes, that much later.
    Delay(Duration),
    /// The answer comes when the gate is opened.
    Hold(Gate),
    /// The vendor's answer, with something wrong in it.
    Spoil(Spoil),
    /// The vendor's answer, its JSON changed.
    Edit(Arc<dyn Fn(&mut Value) + Send + Sync>),
    /// The vendor's answer, its text changed.
    Rewrite(Arc<dyn Fn(String) -> String + Send + Sync>),
}

impl Fault {
    /// A status with an empty JSON object.
    pub fn status(status: u16) -> Self {
        Self::Instead(Answer::json(status, &json!({})))
    }

    /// A body of that many bytes: 0, or a JSON object that is not what was asked for.
    pub fn size(bytes: u64) -> Self {
        Self::Instead(Answer::of_size(bytes))
    }

    /// Changes the answer's JSON.
    pub fn edit(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Edit(Arc::new(edit))
    }

    /// Changes the answer's text.
    pub fn rewrite(rewrite: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        Self::Rewrite(Arc::new(rewrite))
    }

    /// Slack's way to say no, with status 200: `missing_scope`, `internal_error`.
    pub fn slack_error(word: &str) -> Self {
        Self::Instead(Answer::ok(&json!({"ok": false, "error": word})))
    }

    /// Gmail's 403 with a reason: `userRateLimitExceeded`, `insufficientPermissions`.
    pub fn gmail_403(reason: &str, message: &str) -> Self {
        let domain = if reason.ends_with("Exceeded") { "usageLimits" } else { "global" };
        Self::Instead(Answer::json(
            403,
            &json!({"error": {
                "code": 403,
                "message": message,
                "errors": [{"message": message, "domain": domain, "reason": reason}],
            }}),
        ))
    }

    /// Sends the caller elsewhere.
    pub fn redirect(location: &str) -> Self {
        Self::Instead(Answer::text(302, "").header("location", location))
    }
}

/// A fault and the requests that it strikes: of all vendors, any path, the next one only, unless it is told otherwise.
pub struct Rule {
    fault: Fault,
    vendor: Option<Vendor>,
    pattern: String,
    after: u64,
    every: u64,
    left: Option<u64>,
    met: u64,
    struck: u64,
}

impl Rule {
    /// Strikes the next request.
    pub fn new(fault: Fault) -> Self {
        let (vendor, pattern) = (None, String::new());
        Self { fault, vendor, pattern, after: 0, every: 1, left: Some(1), met: 0, struck: 0 }
    }

    /// Of this vendor alone.
    pub fn on(mut self, vendor: Vendor) -> Self {
        self.vendor = Some(vendor);
        self
    }

    /// Whose `HOST/PATH?QUERY` has these pieces in it, in this order, `*` between them: `/messages?*pageToken=`.
    /// A last `$` stands for the end: `/messages$`.
    pub fn path(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.pattern);
        self
    }

    /// Lets so many of them pass first.
    pub fn after(mut self, passed: u64) -> Self {
        self.after = passed;
        self
    }

    /// Strikes so many of them.
    pub fn times(mut self, times: u64) -> Self {
        self.left = Some(times);
        self
    }

    /// Strikes until [`super::Sandbox::heal`].
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Strikes each k-th of them.
    pub fn every(mut self, kth: u64) -> Self {
        self.every = kth.max(1);
        self.always()
    }

    fn strikes(&mut self, ask: &Ask, target: &str) -> bool {
        let fits = self.vendor.is_none_or(|vendor| vendor.id() == ask.provider)
            && fits(&self.pattern, target);
        if !fits || self.left == Some(0) {
            return false;
        }
        self.met += 1;
        let counted = self.met.saturating_sub(self.after);
        if counted == 0 || !counted.is_multiple_of(self.every) {
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        self.struck += 1;
        true
    }
}

/// Whether the pattern's pieces are in the text, in their order.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, to_the_end) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces: Vec<_> = pattern.split('*').collect();
    let last = if to_the_end { pieces.pop().unwrap_or_default() } else { "" };
    let mut rest = text;
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Names an injected rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleId(u64);

/// The rules in force, and the number of the last one.
#[derive(Default)]
pub struct Faults(Mutex<(u64, Vec<(RuleId, Rule)>)>);

impl Faults {
    /// See [`super::Sandbox::inject`].
    pub fn inject(&self, rule: Rule) -> RuleId {
        let (last, rules) = &mut *lock(&self.0);
        *last += 1;
        rules.push((RuleId(*last), rule));
        RuleId(*last)
    }

    /// See [`super::Sandbox::struck`].
    pub fn struck(&self, wanted: RuleId) -> u64 {
        let (_, rules) = &*lock(&self.0);
        rules.iter().find(|(id, _)| *id == wanted).map_or(0, |(_, rule)| rule.struck)
    }

    /// See [`super::Sandbox::heal`].
    pub fn heal(&self) {
        let (_, rules) = &mut *lock(&self.0);
        for (_, rule) in rules.drain(..) {
            if let Fault::Hold(gate) = rule.fault {
                gate.open();
            }
        }
    }

    /// The faults that this request meets, and that it thereby uses up. A rule whose answer comes instead of the
    /// vendor's keeps those after it for later requests.
    pub fn meet(&self, ask: &Ask) -> Vec<Fault> {
        let target = ask.target();
        let (_, rules) = &mut *lock(&self.0);
        let mut met = Vec::new();
        for (_, rule) in rules.iter_mut() {
            if rule.strikes(ask, &target) {
                met.push(rule.fault.clone());
                if matches!(rule.fault, Fault::Instead(_) | Fault::Throttled(_) | Fault::Close) {
                    break;
                }
            }
        }
        met
    }
}

/// Applies what changes an answer; the other faults are the server's.
pub fn changed(fault: &Fault, ask: &Ask, answer: Answer) -> Answer {
    match fault {
        Fault::Spoil(spoil) => spoilt(*spoil, Vendor::of(&ask.provider), answer),
        Fault::Edit(edit) => answer.edited(|value| edit(value)),
        Fault::Rewrite(rewrite) => answer.rewritten(|text| rewrite(text)),
        _ => answer,
    }
}

/// The vendor's own words for too many requests.
pub fn throttled(vendor: Option<Vendor>, seconds: u32) -> Answer {
    let body = match vendor {
        Some(Vendor::Gmail) => json!({"error": {
            "code": 429,
            "message": "Too many concurrent requests for user.",
            "errors": [{
                "message": "Too many concurrent requests for user.",
                "domain": "global",
                "reason": "rateLimitExceeded",
            }],
            "status": "RESOURCE_EXHAUSTED",
        }}),
        Some(Vendor::Slack) => json!({"ok": false, "error": "ratelimited"}),
        Some(Vendor::Asana) | None => json!({"errors": [{
            "message": "You've made too many requests and hit a rate limit. Please retry after the given amount of time.",
        }]}),
    };
    Answer::json(429, &body).header("retry-after", &seconds.to_string())
}

/// Where requests wait until a test lets them go on.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    waiting: watch::Sender<u64>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self(Arc::new(Inner { waiting: watch::Sender::new(0), open: watch::Sender::new(false) }))
    }

    /// Waits until a request has come to the gate.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Waits until so many requests have come to it.
    pub async fn reached_by(&self, requests: u64) {
        let mut waiting = self.0.waiting.subscribe();
        // Fails only without a sender, and `self` is one.
        let _ = waiting.wait_for(|count| *count >= requests).await;
    }

    /// Lets what waits go on, and whatever comes later pass.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// How many requests have come to it.
    pub fn count(&self) -> u64 {
        *self.0.waiting.borrow()
    }

    pub(super) async fn pass(&self) {
        let mut open = self.0.open.subscribe();
        self.0.waiting.send_modify(|count| *count += 1);
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
