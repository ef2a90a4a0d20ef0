//! The catalog entry of Line.

use crate::{
    provider::spec::{Absence, Category, Field, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Line.
pub static SPEC: Spec = Spec {
    rank: 16,
    id: "line",
    name: "Line",
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Channel conversations"],
    help: "Line has no history: messages come by webhook, from the day it is set up, so this server \
           needs a public address. In the console, Messaging API > Webhook settings: enter the \
           webhook's address, switch on \"Use webhook\" and \"Webhook redelivery\". What the account \
           itself sends is never given.",
    fields: &[
        Field {
            name: "channel_access_token",
            label: "Channel access token",
            help: "developers.line.biz/console > provider > channel > Messaging API > Channel \
                   access token (long-lived) > Issue.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "channel_secret",
            label: "Channel secret",
            help: "developers.line.biz/console > provider > channel > Basic settings > Channel \
                   secret.",
            secret: true,
            required: true,
            pattern: "[0-9A-Fa-f]{32}",
            ..Field::BASE
        },
    ],
    hosts: &["api.line.me", "api-data.line.me"],
    // 2,000 a second for the calls that are made here.
    rate: Rate::per_second(20),
    absence: Absence::Unknown,
    webhooks: Webhooks::Required,
    ..Spec::BASE
};
