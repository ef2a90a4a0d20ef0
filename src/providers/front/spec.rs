//! The catalog entry of Front.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Pkce, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Front.
pub static SPEC: Spec = Spec {
    rank: 40,
    id: "front",
    name: "Front",
    aliases: &["frontapp"],
    kinds: &[Kind::Message],
    capabilities: &["Shared inbox threads"],
    help: "By hand it takes an API token: Settings > Developers > API tokens. Tokens by OAuth \
           reach shared inboxes alone. Internal comments are not imported.",
    oauth: Some(OAuth2 {
        app: "front",
        authorization_url: "https://app.frontapp.com/oauth/authorize",
        token_url: "https://app.frontapp.com/oauth/token",
        userinfo_url: Some("https://api2.frontapp.com/me"),
        pkce: Pkce::None,
        client_auth: ClientAuth::Basic,
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(3600),
            refresh_token_seconds: Some(15_552_000),
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Front: Settings > Developers > API tokens; it does not end.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "By OAuth only; an API token has none and needs none.",
            ..Field::REFRESH_TOKEN
        },
    ],
    // The links in its answers point to the company's own host, which serves the same.
    hosts: &["api2.frontapp.com", "*.api.frontapp.com"],
    // 50 a minute for a company on the smallest plan.
    rate: Rate::per(10, Duration::from_secs(15)),
    // Messages that were imported, and what is deleted for good, give no event.
    relist: Some(Duration::from_hours(30 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
