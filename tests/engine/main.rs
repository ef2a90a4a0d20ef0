//! The law of the engine and the store, by capability: what is stored, what is removed, how a sync goes on, who may write,
//! what an error does, what a search finds, and whose data it is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by it, its helpers too"
)]

mod errors;
mod leases;
mod owners;
#[path = "../support/postgres.rs"]
mod postgres;
mod removals;
mod resume;
mod search;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod sync;
