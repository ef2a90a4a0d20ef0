//! What the vendors have: the shapes of Asana (100 a page, a chain of cursors), Slack (200 a page, 16 channels) and Gmail (a
//! list of ids, a request a message).

mod asana;
mod gmail;
mod slack;

pub use asana::Asana;
pub use gmail::Gmail;
pub use slack::Slack;
