//! Calls to vendors over real sockets on loopback: retries, redirects, tokens, limits of size, and what must never leak.
//!
//! Where a test waits, time stands still and jumps (`start_paused`): nothing here depends on the speed of the machine.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may fail")]

mod bodies;
mod guard;
mod log;
mod oauth;
mod redirects;
mod retries;
mod secrets;
mod tokens;
mod vendor;
