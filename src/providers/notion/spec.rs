//! The catalog entry of Notion.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Pkce, Rate, Refresh, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Notion.
pub static SPEC: Spec = Spec {
    rank: 21,
    id: "notion",
    name: "Notion",
    kinds: &[Kind::Note, Kind::Task],
    capabilities: &["Pages", "databases"],
    help: "By hand it takes an internal integration's secret. Add the integration to each page \
           that is to be imported (… > Connections): it sees nothing else. Comments \
           are not imported.",
    oauth: Some(OAuth2 {
        app: "notion",
        authorization_url: "https://api.notion.com/v1/oauth/authorize",
        token_url: "https://api.notion.com/v1/oauth/token",
        revoke_url: Some("https://api.notion.com/v1/oauth/revoke"),
        revoke: Revoke::App(ClientAuth::BasicJson),
        userinfo_url: Some("https://api.notion.com/v1/users/me"),
        pkce: Pkce::None,
        client_auth: ClientAuth::BasicJson,
        authorize_params: &[("response_type", "code"), ("owner", "user")],
        refresh: Refresh { rotates: true, ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "notion.so/profile/integrations > New integration (Read content, Read user \
                   information) > Internal integration secret (ntn_…).",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "By OAuth only; older integrations get none and need none.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.notion.com"],
    // About 3 a second on average.
    rate: Rate::per_second(3),
    // Search lags and is not exhaustive, and pages below a trashed one do not show as changed.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
