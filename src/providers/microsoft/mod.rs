//! What Microsoft's services share: Microsoft Graph, and one registered app.
//!
//! Facts: Microsoft identity platform, "OAuth 2.0 authorization code flow", "Refresh tokens"; Microsoft Graph, "Throttling
//! limits".

pub mod graph;
pub mod onedrive;
pub mod outlook;
pub mod teams;

use crate::provider::spec::{Field, OAuth2, Refresh};

/// One app serves all of Microsoft's services; each adds its scopes. There is no address to revoke a grant at.
const OAUTH: OAuth2 = OAuth2 {
    app: "microsoft",
    authorization_url: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    token_url: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    userinfo_url: Some("https://graph.microsoft.com/v1.0/me"),
    authorize_params: &[("response_mode", "query"), ("prompt", "select_account")],
    refresh: Refresh {
        rotates: true,
        access_token_seconds: Some(3_600),
        refresh_token_seconds: Some(7_776_000),
        ..Refresh::BASE
    },
    ..OAuth2::BASE
};

/// What a person may paste for each of them.
const FIELDS: &[Field] = &[
    Field {
        help: "From the OAuth flow of an app registered at entra.microsoft.com > App \
               registrations; lives about an hour.",
        ..Field::ACCESS_TOKEN
    },
    Field {
        help: "From the same answer, where the flow asked for offline_access.",
        ..Field::REFRESH_TOKEN
    },
];

/// The one host that all calls go to.
const HOSTS: &[&str] = &["graph.microsoft.com"];
