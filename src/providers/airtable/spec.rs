//! The catalog entry of Airtable.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, FeedGone, Field, OAuth2, Pkce, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Airtable.
pub static SPEC: Spec = Spec {
    rank: 29,
    id: "airtable",
    name: "Airtable",
    kinds: &[Kind::Note],
    capabilities: &["Rows/records"],
    help: "By hand it takes a personal access token from airtable.com/create/tokens with the \
           scopes data.records:read, schema.bases:read and webhook:manage and the bases ticked.",
    oauth: Some(OAuth2 {
        app: "airtable",
        authorization_url: "https://airtable.com/oauth2/v1/authorize",
        token_url: "https://airtable.com/oauth2/v1/token",
        userinfo_url: Some("https://api.airtable.com/v0/meta/whoami"),
        scopes: &["data.records:read", "schema.bases:read", "webhook:manage"],
        pkce: Pkce::Required,
        client_auth: ClientAuth::Basic,
        authorize_params: &[("response_type", "code")],
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(3600),
            refresh_token_seconds: Some(5_184_000),
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "airtable.com/create/tokens: a personal access token (pat…) does not end.",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "By OAuth only; each renewal brings a new one.", ..Field::REFRESH_TOKEN },
        Field {
            name: "base_ids",
            label: "Bases",
            help: "The app… part of a base's address in the browser. Without it: every base of the \
                   token.",
            list: true,
            pattern: "app[0-9A-Za-z]+",
            example: "appBeIpEI3hxUKRMo",
            ..Field::BASE
        },
    ],
    hosts: &["api.airtable.com"],
    // 5 a second for a base; past it nothing goes for 30 s.
    rate: Rate::per(1, Duration::from_millis(250)),
    // Changes of formulas and roll-ups do not all show among the changes.
    relist: Some(Duration::from_hours(7 * 24)),
    // A base that is listed no more was deleted or is shared no more.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
