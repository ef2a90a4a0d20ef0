//! Listening to the log. A subscriber that comes and goes misses what another test's thread met first without one, so one
//! is there for all, from the first client on, and each test's thread hears its own.

use std::{cell::RefCell, io, sync::Once};

thread_local! {
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Puts the subscriber in place. Called by whatever makes a client.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let everything = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        let plain = everything.with_ansi(false).without_time();
        tracing::subscriber::set_global_default(plain.with_writer(|| Ear).finish()).unwrap();
    });
}

/// Begins to listen on this thread.
pub fn listen() {
    install();
    HEARD.set(Some(Vec::new()));
}

/// What was logged on this thread.
pub fn heard() -> String {
    String::from_utf8(HEARD.take().unwrap()).unwrap()
}

struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.as_mut().map(|heard| heard.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
