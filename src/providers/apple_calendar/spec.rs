//! The catalog entry of Apple Calendar.

use std::time::Duration;

use crate::{
    provider::spec::{FeedGone, Field, Rate, Spec},
    record::Kind,
};

/// What is constant about Apple Calendar.
pub static SPEC: Spec = Spec {
    rank: 43,
    id: "apple-calendar",
    name: "Apple Calendar",
    aliases: &["icloud calendar", "caldav", "ical"],
    kinds: &[Kind::Event],
    capabilities: &["CalDAV events"],
    help: "Takes the Apple Account's e-mail address and an app-specific password \
           (account.apple.com > Sign-In and Security > App-Specific Passwords), never the \
           account's own. Any other CalDAV server works, too.",
    fields: &[
        Field {
            name: "username",
            label: "E-mail address",
            help: "The Apple Account's e-mail address; at another server the name that one signs \
                   in with.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "password",
            label: "App-specific password",
            help: "account.apple.com > Sign-In and Security > App-Specific Passwords \
                   (xxxx-xxxx-xxxx-xxxx).",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "server_url",
            label: "Server",
            help: "For another server than iCloud's: the CalDAV address that its help names.",
            pattern: r"https?://[^\s/@]+(/\S*)?",
            example: "https://caldav.icloud.com",
            default: "https://caldav.icloud.com",
            bears_host: true,
            ..Field::BASE
        },
        Field {
            name: "time_zone",
            label: "Time zone",
            help: "For events without a zone of their own: its IANA name. Without it: the \
                   calendar's, else UTC.",
            example: "Europe/Berlin",
            ..Field::BASE
        },
    ],
    // iCloud sends each account on to a partition of its own, as p01-caldav.icloud.com.
    hosts: &["{server_url}", "*.icloud.com"],
    // No limit is documented; one call at a time is what it takes well.
    rate: Rate::per_second(3),
    width: 1,
    // iCloud tells of what is new before it can give it, at times: then a look at everything finds it.
    relist: Some(Duration::from_hours(7 * 24)),
    // A calendar that is listed no more takes its events along.
    feed_gone: FeedGone::Remove,
    ..Spec::BASE
};
