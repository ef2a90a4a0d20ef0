//! The HTTP face: `/mcp` for clients that call over the network, the addresses that vendors deliver to, the pages on which a person links an account and where
//! vendors send them back to, and health.
//!
//! [`connect::router`] is mounted by whoever has a listener: the loopback one of this room, which desktop use needs, or the
//! server that others reach, which says who has signed in.

mod auth;
mod body;
mod callback;
pub mod connect;
mod form;
mod html;
pub mod loopback;
mod pages;
mod server;
mod sign_in;
mod webhook;

pub use server::{HttpSettings, serve_handler, serve_http};
