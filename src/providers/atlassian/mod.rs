//! What Atlassian's cloud products share: one OAuth app whose grant reaches several sites, or an API token for one site.
//!
//! Facts: Atlassian developer documentation, "OAuth 2.0 (3LO) apps", "Refresh tokens", "Manage API tokens".

pub mod confluence;
pub mod jira;

use crate::provider::spec::{Field, OAuth2, Pkce, Refresh};

/// One app serves both products; each adds its scopes. There is no address to revoke a grant at.
const OAUTH: OAuth2 = OAuth2 {
    app: "atlassian",
    authorization_url: "https://auth.atlassian.com/authorize",
    token_url: "https://auth.atlassian.com/oauth/token",
    pkce: Pkce::None,
    authorize_params: &[
        ("audience", "api.atlassian.com"),
        ("response_type", "code"),
        ("prompt", "consent"),
    ],
    refresh: Refresh {
        rotates: true,
        access_token_seconds: Some(3_600),
        refresh_token_seconds: Some(7_776_000),
        ..Refresh::BASE
    },
    ..OAuth2::BASE
};

/// Where the sites of a grant are listed.
const SITES: &str = "https://api.atlassian.com/oauth/token/accessible-resources";

/// By OAuth, or with an API token for one site.
const WAYS: &[&[&str]] = &[&["access_token"], &["username", "api_token", "site"]];

/// The gateway that OAuth tokens are taken at; or the site itself, for API tokens.
const HOSTS: &[&str] = &["api.atlassian.com", "{site}.atlassian.net"];

const ACCESS_TOKEN: Field = Field {
    help: "From the OAuth flow, with the refresh token: it lives an hour. Or give username, \
           api_token and site.",
    required: false,
    ..Field::ACCESS_TOKEN
};

const USERNAME: Field = Field {
    name: "username",
    label: "E-mail address",
    help: "The e-mail address of the Atlassian account, with an API token.",
    secret: true,
    ..Field::BASE
};

const API_TOKEN: Field = Field {
    name: "api_token",
    label: "API token",
    help: "id.atlassian.com > Security > Create and manage API tokens.",
    secret: true,
    ..Field::BASE
};

const SITE: Field = Field {
    name: "site",
    label: "Site",
    help: "With an API token: acme of https://acme.atlassian.net.",
    pattern: "[0-9A-Za-z-]+",
    example: "acme",
    selects_account: true,
    bears_host: true,
    ..Field::BASE
};

const CLOUD_ID: Field = Field {
    name: "cloud_id",
    label: "Site id",
    help: "By OAuth: the id of one of the grant's sites. Needed only where the grant reaches \
           several.",
    pattern: "[0-9A-Za-z-]+",
    example: "1324a887-45db-1bf4-1e99-ef0ff456d421",
    ..Field::BASE
};
