//! The catalog entry of Monday.com.

use std::time::Duration;

use crate::{
    provider::spec::{FeedGone, Field, OAuth2, Pkce, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Monday.com.
pub static SPEC: Spec = Spec {
    rank: 24,
    id: "monday",
    name: "Monday.com",
    aliases: &["monday.com"],
    kinds: &[Kind::Task],
    capabilities: &["Items", "boards"],
    help: "By hand it takes the personal token from avatar menu > Developers > API token. Small \
           plans have 200 to 1,000 calls a day.",
    oauth: Some(OAuth2 {
        app: "monday",
        authorization_url: "https://auth.monday.com/oauth2/authorize",
        token_url: "https://auth.monday.com/oauth2/token",
        scopes: &["boards:read", "me:read"],
        pkce: Pkce::None,
        authorize_params: &[("force_install_if_needed", "true")],
        ..OAuth2::BASE
    }),
    fields: &[Field {
        help: "Avatar menu > Developers > API token; viewers' tokens are refused.",
        ..Field::ACCESS_TOKEN
    }],
    hosts: &["api.monday.com"],
    // Limits are by complexity and by day.
    rate: Rate::per(20, Duration::from_secs(10)),
    // The activity logs have gaps.
    relist: Some(Duration::from_hours(7 * 24)),
    // A board that is shared no more takes its items along.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
