//! Links a person's accounts at 47 services, reads what changed there, and keeps it as uniform records in Postgres.

pub mod app;
pub mod cli;
pub mod config;
pub mod error;
pub mod http;
pub mod ids;
pub mod mcp;
pub mod oauth;
pub mod provider;
pub mod providers;
pub mod record;
pub mod run;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod vault;
pub mod web;
pub mod wire;
