//! OAuth 2.0 towards vendors: whose app asks, how a token is renewed, and the secrets of an account as calls use them.

mod answer;
mod apps;
mod credentials;
mod exchange;

pub use apps::{App, Apps, variables};
pub use credentials::{GivenCredentials, StoredCredentials, binding};
pub use exchange::{Grant, RefreshError, Tokens, refresh};
