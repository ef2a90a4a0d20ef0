//! The catalog entry of Outlook.

use std::time::Duration;

use super::super::{FIELDS, HOSTS, OAUTH};
use crate::{
    provider::spec::{FeedGone, OAuth2, Rate, Spec, Webhooks},
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
           come from the OAuth flow of an app of one's own. Drafts, junk and deleted items are not \
           imported.",
    oauth: Some(OAuth2 { scopes: &["Mail.Read", "User.Read", "offline_access"], ..OAUTH }),
    fields: FIELDS,
    hosts: HOSTS,
    // 10,000 in ten minutes for a mailbox, four at once.
    rate: Rate::per(150, Duration::from_secs(10)),
    width: 2,
    // There are moves that no folder's feed tells of.
    relist: Some(Duration::from_hours(30 * 24)),
    // What a folder that is no more held is gone, or comes with the folder that it was moved to.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
