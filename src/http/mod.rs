//! HTTP towards vendors: everything that a call needs, said once.
//!
//! A provider gets a [`Client`] and builds [`Call`]s; host rules, waiting one's turn, tokens, retries, `Retry-After`,
//! limits of size and time, and the renewal of a refused token happen behind it. This room knows no provider: it is
//! given a [`Policy`].

mod call;
mod client;
mod policy;

pub use call::{Answer, Call};
pub use client::{Client, Connection, Transport, TransportConfig, each};
pub use policy::{Credentials, Meter, Policy, Rate, Wait};
