//! The catalog entry of Trello.

use std::time::Duration;

use crate::{
    provider::spec::{FeedGone, Field, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Trello.
pub static SPEC: Spec = Spec {
    rank: 23,
    id: "trello",
    name: "Trello",
    kinds: &[Kind::Task],
    capabilities: &["Cards", "boards"],
    help: "Both are found at trello.com/power-ups/admin > the Power-Up > API key: the key itself, \
           and the token behind the link \"Token\" beside it (reading is enough; choose that it \
           never expires).",
    fields: &[
        Field {
            name: "api_key",
            label: "API key",
            help: "trello.com/power-ups/admin > the Power-Up > API key.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "token",
            label: "Token",
            help: "The link \"Token\" beside the API key; it begins with ATTA.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "board_ids",
            label: "Boards",
            help: "The boards to import, as in their address: dQHqCohZ of trello.com/b/dQHqCohZ. \
                   Without it: every board of the member.",
            example: "dQHqCohZ",
            list: true,
            ..Field::BASE
        },
    ],
    hosts: &["api.trello.com"],
    // 100 in ten seconds for a token.
    rate: Rate::per(40, Duration::from_secs(10)),
    // Not every edit makes an action.
    relist: Some(Duration::from_hours(7 * 24)),
    // A board that was deleted or left takes its cards along.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
