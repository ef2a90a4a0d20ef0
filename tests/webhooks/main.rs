//! What vendors deliver: who is let in, what is written down before it is answered, and what becomes of it. The real
//! program, real sockets, a real database; the vendors' own interfaces are scripted ones on loopback.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "../support/hosted.rs"]
mod hosted;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "../oauth/vendor.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod vendor;

mod deliveries;
mod doors;
mod order;
mod world;
