//! The catalog entry of WhatsApp Business.

use crate::{
    provider::spec::{Absence, Category, Field, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about WhatsApp Business.
pub static SPEC: Spec = Spec {
    rank: 14,
    id: "whatsapp-business",
    name: "WhatsApp Business",
    aliases: &["whatsapp", "wa"],
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Conversations"],
    help: "WhatsApp lists no messages: they come by webhook from the day it is set up, the history \
           once, for a number in the phone's app. developers.facebook.com > the app > WhatsApp > \
           Configuration: this server's public address, the verify token; subscribe to messages, \
           smb_message_echoes, history.",
    fields: &[
        Field {
            help: "business.facebook.com > Settings > Users > System users > Generate token, with \
                   whatsapp_business_management and whatsapp_business_messaging.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            name: "app_secret",
            label: "App secret",
            help: "developers.facebook.com > the app > App settings > Basic; it signs the \
                   webhooks.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "verify_token",
            label: "Verify token",
            help: "A word of your own choosing, entered again where the webhook is set up.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "waba_id",
            label: "WhatsApp Business account",
            help: "business.facebook.com > Settings > WhatsApp accounts: its id.",
            required: true,
            example: "419561257915477",
            ..Field::BASE
        },
        Field {
            name: "phone_number_ids",
            label: "Numbers",
            help: "developers.facebook.com > the app > WhatsApp > API setup: Phone number ID. \
                   Without it: every number.",
            list: true,
            example: "106540352242922",
            ..Field::BASE
        },
    ],
    hosts: &["graph.facebook.com"],
    // Few calls are made: whose account it is, and its numbers.
    rate: Rate::per_second(2),
    absence: Absence::Unknown,
    webhooks: Webhooks::Required,
    ..Spec::BASE
};
