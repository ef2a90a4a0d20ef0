//! The HTTP face: `/mcp` for clients that call over the network, the pages by which accounts are linked, and health.

mod auth;
mod server;

pub use server::{HttpSettings, serve_http};
