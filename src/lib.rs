//! Links a person's accounts at 47 services, reads what changed there, and keeps it as uniform records in Postgres.

pub mod error;
pub mod http;
pub mod ids;
pub mod provider;
pub mod providers;
pub mod record;
