//! The catalog entry of Discord.

use std::time::Duration;

use crate::{
    provider::spec::{Category, Field, Rate, Spec},
    record::Kind,
};

/// What is constant about Discord.
pub static SPEC: Spec = Spec {
    rank: 12,
    id: "discord",
    name: "Discord",
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Guild/channel messages"],
    help: "A bot reads the servers that it was added to, with View Channels and Read Message \
           History. Switch on the Message Content intent on its Bot page: without it all texts \
           come empty.",
    fields: &[
        Field {
            name: "bot_token",
            label: "Bot token",
            help: "discord.com/developers/applications > the application > Bot > Reset Token; \
                   shown once.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "guild_ids",
            label: "Servers",
            help: "With Developer Mode on: right click on the server > Copy ID. Without it: every \
                   server of the bot.",
            list: true,
            pattern: "[0-9]+",
            example: "290926798626357999",
            ..Field::BASE
        },
        Field {
            name: "channel_ids",
            label: "Channels",
            help: "With Developer Mode on: right click on the channel > Copy ID. Without it: every \
                   channel.",
            list: true,
            pattern: "[0-9]+",
            example: "290926798999357250",
            ..Field::BASE
        },
    ],
    hosts: &["discord.com"],
    // 50 a second for a bot; each route's own limit stands in the answers' headers.
    rate: Rate::per_second(10),
    // Edits and deletions further back than the window.
    relist: Some(Duration::from_hours(7 * 24)),
    ..Spec::BASE
};
