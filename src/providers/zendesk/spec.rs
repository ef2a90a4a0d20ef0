//! The catalog entry of Zendesk.

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Zendesk.
pub static SPEC: Spec = Spec {
    rank: 38,
    id: "zendesk",
    name: "Zendesk",
    kinds: &[Kind::Task],
    capabilities: &["Tickets", "comments"],
    help: "By hand: an agent's e-mail address, the subdomain, and an API token from Admin Center > \
           Apps and integrations > APIs > API tokens. The export of tickets is for administrators \
           only.",
    oauth: Some(OAuth2 {
        app: "zendesk",
        authorization_url: "https://{subdomain}.zendesk.com/oauth/authorizations/new",
        token_url: "https://{subdomain}.zendesk.com/oauth/tokens",
        revoke_url: Some("https://{subdomain}.zendesk.com/api/v2/oauth/tokens/current"),
        revoke: Revoke::Bearer("DELETE"),
        userinfo_url: Some("https://{subdomain}.zendesk.com/api/v2/users/me"),
        scopes: &["read"],
        client_auth: ClientAuth::Json,
        authorize_params: &[("response_type", "code")],
        token_params: &[
            ("scope", "read"),
            ("expires_in", "86400"),
            ("refresh_token_expires_in", "5184000"),
        ],
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(86_400),
            refresh_token_seconds: Some(5_184_000),
            // Lives that are not asked for are short.
            repeats_token_params: true,
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow, with the refresh token. Or give username and api_token.",
            required: false,
            ..Field::ACCESS_TOKEN
        },
        Field::REFRESH_TOKEN,
        Field {
            name: "username",
            label: "E-mail address",
            help: "The agent's e-mail address, with an API token.",
            secret: true,
            ..Field::BASE
        },
        Field {
            name: "api_token",
            label: "API token",
            help: "Admin Center > Apps and integrations > APIs > API tokens.",
            secret: true,
            ..Field::BASE
        },
        Field {
            name: "subdomain",
            label: "Subdomain",
            help: "The first part of the address that one works at, acme of \
                   https://acme.zendesk.com; also under Admin Center > Account > Appearance > \
                   Branding.",
            required: true,
            pattern: "[a-z0-9-]+",
            example: "acme",
            bears_host: true,
            ..Field::BASE
        },
    ],
    ways: &[&["access_token", "subdomain"], &["username", "api_token", "subdomain"]],
    hosts: &["{subdomain}.zendesk.com"],
    // 200 a minute on the smallest plan, of which 10 may be exports; a refusal names the wait.
    rate: Rate::per_second(2),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
