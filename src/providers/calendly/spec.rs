//! The catalog entry of Calendly.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Calendly.
pub static SPEC: Spec = Spec {
    rank: 41,
    id: "calendly",
    name: "Calendly",
    kinds: &[Kind::Event],
    capabilities: &["Scheduling webhooks"],
    help: "By hand it takes a personal access token: Integrations & apps > API and webhooks > \
           Personal access tokens, with the scopes users:read and scheduled_events:read. Meetings of other people of the organization are \
           not imported.",
    oauth: Some(OAuth2 {
        app: "calendly",
        authorization_url: "https://auth.calendly.com/oauth/authorize",
        token_url: "https://auth.calendly.com/oauth/token",
        revoke_url: Some("https://auth.calendly.com/oauth/revoke"),
        userinfo_url: Some("https://api.calendly.com/users/me"),
        scopes: &["users:read", "scheduled_events:read"],
        client_auth: ClientAuth::Basic,
        refresh: Refresh { rotates: true, access_token_seconds: Some(7200), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Integrations & apps > API and webhooks > Personal access tokens, with the \
                   scopes users:read and scheduled_events:read.",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "By OAuth only; each renewal brings a new one.", ..Field::REFRESH_TOKEN },
    ],
    hosts: &["api.calendly.com"],
    // 50 a minute on the free plan.
    rate: Rate::per(12, Duration::from_secs(20)),
    // A run reads the window around now; older meetings change seldom.
    relist: Some(Duration::from_hours(30 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
