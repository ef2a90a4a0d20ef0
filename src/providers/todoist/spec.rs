//! The catalog entry of Todoist.

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Todoist.
pub static SPEC: Spec = Spec {
    rank: 47,
    id: "todoist",
    name: "Todoist",
    kinds: &[Kind::Task],
    capabilities: &["Tasks", "sections"],
    help: "By hand it takes the personal token from Settings > Integrations > Developer. Free \
           plans show completed tasks of a limited time. Comments are not imported.",
    oauth: Some(OAuth2 {
        app: "todoist",
        authorization_url: "https://todoist.com/oauth/authorize",
        token_url: "https://todoist.com/oauth/access_token",
        revoke_url: Some("https://api.todoist.com/api/v1/revoke"),
        revoke: Revoke::App(ClientAuth::Basic),
        userinfo_url: Some("https://api.todoist.com/api/v1/user"),
        scopes: &["data:read"],
        scope_separator: ",",
        refresh: Refresh { rotates: true, ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Todoist: Settings > Integrations > Developer > API token; it does not end.",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "By OAuth only, with newer apps.", ..Field::REFRESH_TOKEN },
    ],
    hosts: &["api.todoist.com"],
    // 1,000 changes and 100 full syncs in a quarter of an hour.
    rate: Rate::per_minute(50),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
