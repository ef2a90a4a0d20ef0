//! The catalog entry of Slack.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Slack.
pub static SPEC: Spec = Spec {
    rank: 20,
    id: "slack",
    name: "Slack",
    kinds: &[Kind::Message],
    capabilities: &["Workspace channels/DMs"],
    help: "Best with an internal app of one's own workspace: Slack holds distributed apps that are \
           not in its marketplace to one request for history a minute. Free plans hide messages \
           older than 90 days.",
    oauth: Some(OAuth2 {
        app: "slack",
        authorization_url: "https://slack.com/oauth/v2/authorize",
        token_url: "https://slack.com/api/oauth.v2.access",
        revoke_url: Some("https://slack.com/api/auth.revoke"),
        revoke: Revoke::Bearer("POST"),
        userinfo_url: Some("https://slack.com/api/auth.test"),
        scopes: &[
            "channels:history",
            "channels:read",
            "groups:history",
            "groups:read",
            "im:history",
            "im:read",
            "mpim:history",
            "mpim:read",
            "users:read",
            "users:read.email",
            "files:read",
        ],
        scope_separator: ",",
        client_auth: ClientAuth::Basic,
        refresh: Refresh { rotates: true, access_token_seconds: Some(43_200), ..Refresh::BASE },
        scope_parameter: "user_scope",
        token_answer_path: "authed_user",
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "api.slack.com/apps > the app > OAuth & Permissions > Install to Workspace: the \
                   User OAuth Token (xoxp-…).",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "Only where the app has token rotation on.", ..Field::REFRESH_TOKEN },
    ],
    hosts: &["slack.com"],
    // 50 a minute and more for each of history and replies, 20 for the lists.
    rate: Rate::per_minute(100),
    // Edits and deletions further back than the window that is read again.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
