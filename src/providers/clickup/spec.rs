//! The catalog entry of ClickUp.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Pkce, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about ClickUp.
pub static SPEC: Spec = Spec {
    rank: 25,
    id: "clickup",
    name: "ClickUp",
    kinds: &[Kind::Task],
    capabilities: &["Tasks", "docs"],
    help: "By hand it takes the personal token from avatar > Settings > Apps > API Token. Docs, \
           comments and archived tasks are not imported.",
    oauth: Some(OAuth2 {
        app: "clickup",
        authorization_url: "https://app.clickup.com/api",
        token_url: "https://api.clickup.com/api/v2/oauth/token",
        userinfo_url: Some("https://api.clickup.com/api/v2/user"),
        pkce: Pkce::None,
        client_auth: ClientAuth::Json,
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "ClickUp: avatar > Settings > Apps > API Token (pk_…); it does not end.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            name: "team_id",
            label: "Workspace",
            help: "The number after app.clickup.com/ in the browser. Without it: every Workspace.",
            pattern: "[0-9]+",
            example: "9013000001",
            selects_account: true,
            ..Field::BASE
        },
    ],
    hosts: &["api.clickup.com"],
    // 100 a minute on the smaller plans.
    rate: Rate::per(30, Duration::from_secs(30)),
    // Deleted tasks show in a full listing alone.
    relist: Some(Duration::from_hours(24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
