//! The catalog entry of Gmail.

use std::time::Duration;

use super::super::{FIELDS, OAUTH};
use crate::{
    provider::spec::{OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Gmail.
pub static SPEC: Spec = Spec {
    rank: 17,
    id: "gmail",
    name: "Gmail",
    aliases: &["google mail"],
    kinds: &[Kind::Message],
    capabilities: &["Emails", "labels", "snippet"],
    help: "By hand: both tokens from Google's OAuth 2.0 Playground (scope gmail.readonly). Drafts, \
           chats, spam and trash are not imported. A Google app left in Testing loses its grant \
           after 7 days.",
    oauth: Some(OAuth2 { scopes: &["https://www.googleapis.com/auth/gmail.readonly"], ..OAUTH }),
    fields: FIELDS,
    hosts: &["gmail.googleapis.com"],
    // 6,000 units a minute for a user of a new project, of which a mail costs 5: 1,200 a minute, a full bucket included.
    rate: Rate::per(57, Duration::from_secs(3)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
