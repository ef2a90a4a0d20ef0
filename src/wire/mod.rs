//! What vendors' answers have in common: lists, times, HTML, mail, calendars, WebDAV, GraphQL.
//!
//! Vendor data is not to be trusted: everything here takes any input in time linear in its length, and gives up a part
//! of it rather than the whole.

pub mod dav;
pub mod graphql;
pub mod html;
pub mod ics;
pub mod mail;
pub mod many;
pub mod mbox;
pub mod rfc822;
pub mod thrift;
pub mod time;

pub use many::Many;
