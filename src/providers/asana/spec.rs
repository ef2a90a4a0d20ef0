//! The catalog entry of Asana.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Asana.
pub static SPEC: Spec = Spec {
    rank: 22,
    id: "asana",
    name: "Asana",
    kinds: &[Kind::Task],
    capabilities: &["Tasks", "projects"],
    help: "By hand it takes a personal access token, alone: profile picture > Settings > Apps > \
           View developer console > Personal access tokens.",
    oauth: Some(OAuth2 {
        app: "asana",
        authorization_url: "https://app.asana.com/-/oauth_authorize",
        token_url: "https://app.asana.com/-/oauth_token",
        revoke_url: Some("https://app.asana.com/-/oauth_revoke"),
        userinfo_url: Some("https://app.asana.com/api/1.0/users/me"),
        scopes: &[
            "tasks:read",
            "projects:read",
            "users:read",
            "workspaces:read",
            "tags:read",
            "custom_fields:read",
        ],
        authorize_params: &[("response_type", "code")],
        refresh: Refresh { access_token_seconds: Some(3600), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Asana: profile picture > Settings > Apps > View developer console > Personal \
                   access tokens.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "By OAuth only; a personal access token does not end.",
            ..Field::REFRESH_TOKEN
        },
        Field {
            name: "workspace_gid",
            label: "Workspace",
            help: "The number after /1/ in the address of any task. Without it: every workspace.",
            pattern: "[0-9]+",
            example: "1201112223334",
            selects_account: true,
            ..Field::BASE
        },
    ],
    hosts: &["app.asana.com"],
    // 150 a minute on the free plan; refused ones count.
    rate: Rate::per(50, Duration::from_secs(30)),
    // Events are delivered once at most; Asana advises to list everything now and then.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
