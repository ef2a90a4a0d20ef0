//! The catalog entry of Microsoft Graph.

use std::time::Duration;

use super::super::{FIELDS, HOSTS, OAUTH};
use crate::{
    provider::spec::{FeedGone, OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Microsoft Graph.
pub static SPEC: Spec = Spec {
    rank: 46,
    id: "microsoft-graph",
    name: "Microsoft Graph",
    aliases: &["outlook calendar", "microsoft to do", "office 365 calendar"],
    kinds: &[Kind::Event, Kind::Task],
    capabilities: &["Outlook calendar/tasks"],
    help: "For work, school and personal accounts; by hand with tokens from the OAuth flow of an \
           app of one's own. Events come from three years back to two years ahead.",
    oauth: Some(OAuth2 {
        scopes: &["Calendars.Read", "Tasks.Read", "User.Read", "offline_access"],
        ..OAUTH
    }),
    fields: FIELDS,
    hosts: HOSTS,
    // 10,000 in ten minutes for a mailbox, four at once.
    rate: Rate::per(150, Duration::from_secs(10)),
    width: 2,
    // The window of events is frozen in the token and must be opened anew.
    relist: Some(Duration::from_hours(30 * 24)),
    // A calendar or list that is listed no more is gone with what it held.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
