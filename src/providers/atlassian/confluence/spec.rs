//! The catalog entry of Confluence.

use std::time::Duration;

use super::super::{ACCESS_TOKEN, API_TOKEN, CLOUD_ID, HOSTS, OAUTH, SITE, SITES, USERNAME, WAYS};
use crate::{
    provider::spec::{Field, OAuth2, Rate, Spec},
    record::Kind,
};

/// What is constant about Confluence.
pub static SPEC: Spec = Spec {
    rank: 35,
    id: "confluence",
    name: "Confluence",
    aliases: &["atlassian confluence", "atlassian wiki"],
    kinds: &[Kind::Note],
    capabilities: &["Pages", "spaces"],
    help: "One site a link. By hand: the account's e-mail address, the site, and an API token from \
           id.atlassian.com > Security > API tokens. Blog posts and comments are not imported.",
    oauth: Some(OAuth2 {
        userinfo_url: Some(SITES),
        scopes: &[
            "read:page:confluence",
            "read:space:confluence",
            "read:user:confluence",
            "offline_access",
        ],
        ..OAUTH
    }),
    // The site is the account by OAuth, so its id selects nothing beside.
    fields: &[ACCESS_TOKEN, Field::REFRESH_TOKEN, USERNAME, API_TOKEN, SITE, CLOUD_ID],
    ways: WAYS,
    hosts: HOSTS,
    // Bursts are limited, without published figures.
    rate: Rate::per(30, Duration::from_secs(10)),
    // Moves, archiving and what was purged or is shared no more show in a full listing alone.
    relist: Some(Duration::from_hours(7 * 24)),
    ..Spec::BASE
};
