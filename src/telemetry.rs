//! What the program says about itself while it works: log lines on stderr, and never on stdout, which belongs to data
//! and to the protocol.
//!
//! `RUST_LOG` chooses what is said (default `warn`), `NEOTOMA_LOG_FORMAT=json` says it for machines.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{Mutex, PoisonError},
};

use indicatif::MultiProgress;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::mcp;

const DEFAULT: &str = "warn";

/// The progress bars on the terminal, which a log line must not be written across.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Starts logging. Called once, first of all; a second call changes nothing.
pub fn start() {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let wished = set("RUST_LOG").unwrap_or_else(|| DEFAULT.to_owned());
    let (filter, refused) = match EnvFilter::try_new(&wished) {
        Ok(filter) => (filter, None),
        Err(cause) => (EnvFilter::new(DEFAULT), Some(cause)),
    };
    let colors = io::stderr().is_terminal() && set("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_writer(|| AroundBars).with_ansi(colors);
    let allowed = filter_fn(mcp::may_be_logged);
    let to = tracing_subscriber::registry().with(filter);
    let begun = if set("NEOTOMA_LOG_FORMAT").is_some_and(|format| format == "json") {
        to.with(lines.json().with_filter(allowed)).try_init()
    } else {
        to.with(lines.with_filter(allowed)).try_init()
    };
    if let (Ok(()), Some(cause)) = (begun, refused) {
        tracing::warn!(%cause, "RUST_LOG cannot be read: {DEFAULT} is used instead");
    }
}

/// Makes log lines go around these bars; `None` when they are gone.
pub fn go_around(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// Stderr, with the progress bars lifted out of the way while a line is written.
struct AroundBars;

impl Write for AroundBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bars = BARS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match bars {
            Some(bars) => bars.suspend(|| io::stderr().lock().write(line)),
            None => io::stderr().lock().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
