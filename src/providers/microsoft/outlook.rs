//! Outlook: the mails of a mailbox, work, school or personal.
//!
//! Facts: Microsoft Graph, "Get incremental changes to messages", "Immutable identifiers", "Throttling limits".

use std::time::Duration;

use super::{FIELDS, HOSTS, OAUTH};
use crate::{
    provider::spec::{OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Outlook.
pub static SPEC: Spec = Spec {
    rank: 18,
    id: "outlook",
    name: "Outlook",
    aliases: &["exchange", "office 365 mail", "hotmail"],
    kinds: &[Kind::Message],
    capabilities: &["Exchange mail"],
    help: "For work, school and personal accounts. Microsoft shows tokens nowhere: by hand they \
           come from the OAuth flow of an app of one's own.",
    oauth: Some(OAuth2 { scopes: &["Mail.Read", "User.Read", "offline_access"], ..OAUTH }),
    fields: FIELDS,
    hosts: HOSTS,
    // 10,000 in ten minutes for a mailbox, four at once.
    rate: Rate::per(150, Duration::from_secs(10)),
    width: 4,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
