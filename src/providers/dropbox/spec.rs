//! The catalog entry of Dropbox.

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Dropbox.
pub static SPEC: Spec = Spec {
    rank: 33,
    id: "dropbox",
    name: "Dropbox",
    kinds: &[Kind::MediaAsset],
    capabilities: &["Files", "revisions"],
    help: "By hand the tokens come from the OAuth flow of an app of one's own. For a try by hand: \
           dropbox.com/developers/apps > the app > Settings > Generated access token, which lasts \
           four hours.",
    oauth: Some(OAuth2 {
        app: "dropbox",
        authorization_url: "https://www.dropbox.com/oauth2/authorize",
        token_url: "https://api.dropboxapi.com/oauth2/token",
        revoke_url: Some("https://api.dropboxapi.com/2/auth/token/revoke"),
        revoke: Revoke::Bearer("POST"),
        scopes: &["account_info.read", "files.metadata.read"],
        client_auth: ClientAuth::Basic,
        authorize_params: &[("response_type", "code"), ("token_access_type", "offline")],
        refresh: Refresh { access_token_seconds: Some(14_400), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow; or dropbox.com/developers/apps > the app > Settings > \
                   Generated access token.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "From the OAuth flow (token_access_type=offline). Without it the link lasts four \
                   hours.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.dropboxapi.com"],
    // No figures are published; listings of one user side by side are refused.
    rate: Rate::per_second(5),
    width: 1,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
