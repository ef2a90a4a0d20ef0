//! Linking accounts in a browser: every vendor's consent and exchange, the pages, the listener, the tool, and what must not
//! be possible. The vendors are scripted ones on loopback, the database is a private one, the browser keeps cookies.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod attempts;
mod browser;
mod catalog;
mod database;
mod doors;
mod forms;
mod link;
mod mock;
mod one;
#[path = "../support/postgres.rs"]
mod postgres;
mod processes;
mod program;
mod renewals;
mod revoke;
mod tool;
mod vendor;
mod world;
