//! OAuth towards vendors: whose app asks, how a person's grant is come by, renewed and ended, and the secrets of an
//! account as calls use them.

mod answer;
mod apps;
mod credentials;
mod exchange;
mod flow;
mod one;
mod request;
mod revoke;

pub use apps::{App, Apps, variables};
pub use credentials::{GivenCredentials, StoredCredentials, binding};
pub use exchange::{Grant, RefreshError, Tokens, refresh};
pub use flow::{Authorization, Code, authorize, consent, exchange};
pub use revoke::{Revocation, revoke};
