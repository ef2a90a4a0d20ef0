//! The catalog entry of Linear.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Linear.
pub static SPEC: Spec = Spec {
    rank: 27,
    id: "linear",
    name: "Linear",
    kinds: &[Kind::Task],
    capabilities: &["Issues", "cycles"],
    help: "One workspace a link. By hand it takes a personal API key: Settings > Security & access \
           > Personal API keys.",
    oauth: Some(OAuth2 {
        app: "linear",
        authorization_url: "https://linear.app/oauth/authorize",
        token_url: "https://api.linear.app/oauth/token",
        revoke_url: Some("https://api.linear.app/oauth/revoke"),
        scopes: &["read"],
        scope_separator: ",",
        authorize_params: &[("response_type", "code"), ("prompt", "consent")],
        refresh: Refresh { rotates: true, access_token_seconds: Some(86_399), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow, with the refresh token: it lives a day. Or give api_key.",
            required: false,
            ..Field::ACCESS_TOKEN
        },
        Field::REFRESH_TOKEN,
        Field {
            name: "api_key",
            label: "Personal API key",
            help: "Settings > Security & access > Personal API keys (lin_api_…); it does not end.",
            secret: true,
            ..Field::BASE
        },
    ],
    ways: &[&["access_token"], &["api_key"]],
    hosts: &["api.linear.app"],
    // 5,000 an hour, by older documentation 1,200.
    rate: Rate::per(100, Duration::from_mins(6)),
    // Issues leave the trash after 30 days, and private teams can be left.
    relist: Some(Duration::from_hours(30 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
