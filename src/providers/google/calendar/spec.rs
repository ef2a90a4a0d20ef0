//! The catalog entry of Google Calendar.

use std::time::Duration;

use super::super::{FIELDS, OAUTH};
use crate::{
    provider::spec::{FeedGone, OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Google Calendar.
pub static SPEC: Spec = Spec {
    rank: 42,
    id: "google-calendar",
    name: "Google Calendar",
    aliases: &["gcal"],
    kinds: &[Kind::Event],
    capabilities: &["Calendars", "attendees"],
    help: "By hand: both tokens from Google's OAuth 2.0 Playground (scope calendar.readonly). \
           Calendars that show free and busy alone are passed over.",
    oauth: Some(OAuth2 { scopes: &["https://www.googleapis.com/auth/calendar.readonly"], ..OAUTH }),
    fields: FIELDS,
    hosts: &["www.googleapis.com"],
    // 600 a minute for a user.
    rate: Rate::per(80, Duration::from_secs(10)),
    // A calendar that left the list is gone with its events.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
