//! What goes in wrongly, from whichever side: the caller's arguments, the state of an account, the vendor's answers, the
//! ground that the program stands on. Each gets an answer that says what to do next, and none costs what was stored.
#![cfg(unix)]

#[path = "../support/cluster.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod cluster;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../../examples/demo/sandbox/mod.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod sandbox;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "../support/stage.rs"]
mod stage;

mod accounts;
mod answers;
mod arguments;
mod ground;
