//! The catalog entry of Microsoft Teams.

use std::time::Duration;

use super::super::{FIELDS, HOSTS, OAUTH};
use crate::{
    provider::spec::{Absence, OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Microsoft Teams.
pub static SPEC: Spec = Spec {
    rank: 19,
    id: "microsoft-teams",
    name: "Microsoft Teams",
    aliases: &["teams", "ms teams"],
    kinds: &[Kind::Message],
    capabilities: &["Channel chats"],
    help: "For work and school accounts; an administrator must consent to ChannelMessage.Read.All. \
           Changes in channels reach back eight months.",
    oauth: Some(OAuth2 {
        scopes: &[
            "Team.ReadBasic.All",
            "Channel.ReadBasic.All",
            "ChannelMessage.Read.All",
            "Chat.Read",
            "User.Read",
            "offline_access",
        ],
        ..OAUTH
    }),
    fields: FIELDS,
    hosts: HOSTS,
    // The published figures differ; one a second for a directory is safe.
    rate: Rate::per(5, Duration::from_secs(5)),
    width: 2,
    // Deleted messages are listed as such, and what is older than eight months is not listed.
    absence: Absence::Unknown,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
