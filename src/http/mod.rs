//! HTTP towards vendors: everything that a call needs, said once.
//!
//! A provider gets a [`Client`] and builds [`Call`]s; host rules, waiting one's turn, tokens, retries, `Retry-After`,
//! limits of size and time, and the renewal of a refused token happen behind it. This room knows no provider: it is
//! given a [`Policy`].
//!
//! A call goes, in this order, through the guard (where may it go), the gate (is it its turn), the token, the sending, and
//! the reading of the fault; then it is repeated, or not.

mod body;
mod call;
mod client;
mod each;
mod fault;
mod gate;
mod guard;
pub(crate) mod json;
mod policy;
pub(crate) mod redact;
mod retry;
mod send;

pub use call::{Answer, Call};
pub use client::{Client, Connection, Transport, TransportConfig};
pub use each::{each, each_batch, gone_of, whole_list};
pub use policy::{Credentials, Meter, Policy, Rate, Wait};
