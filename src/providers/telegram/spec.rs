//! The catalog entry of Telegram.

use crate::{
    provider::spec::{Absence, Category, Field, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Telegram.
pub static SPEC: Spec = Spec {
    rank: 13,
    id: "telegram",
    name: "Telegram",
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Channel updates", "chats"],
    help: "A bot has no history: it sees what is sent after it joined, and Telegram keeps that for \
           24 hours, so sync more often. In groups it sees everything only as administrator or \
           with privacy off (@BotFather, /setprivacy).",
    fields: &[Field {
        name: "bot_token",
        label: "Bot token",
        help: "Telegram > @BotFather > /newbot, or /mybots > the bot > API Token.",
        secret: true,
        required: true,
        pattern: "[0-9]+:[0-9A-Za-z_-]+",
        ..Field::BASE
    }],
    hosts: &["api.telegram.org"],
    // No limit for reading is published.
    rate: Rate::per_second(5),
    width: 1,
    // There is no listing that something could be missing from.
    absence: Absence::Unknown,
    confirms_on_read: true,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
