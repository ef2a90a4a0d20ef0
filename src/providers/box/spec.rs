//! The catalog entry of Box.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Pkce, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Box.
pub static SPEC: Spec = Spec {
    rank: 32,
    id: "box",
    name: "Box",
    kinds: &[Kind::MediaAsset],
    capabilities: &["Files", "comments"],
    help: "By hand the tokens come from the OAuth flow of an app of one's own. For a try by hand: \
           app.box.com/developers/console > the app > Configuration > Developer Token, which lasts \
           60 minutes.",
    oauth: Some(OAuth2 {
        app: "box",
        authorization_url: "https://account.box.com/api/oauth2/authorize",
        token_url: "https://api.box.com/oauth2/token",
        revoke_url: Some("https://api.box.com/oauth2/revoke"),
        scopes: &["root_readonly"],
        pkce: Pkce::None,
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
            help: "From the OAuth flow; or Developer Console > the app > Configuration > Developer \
                   Token.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "From the OAuth flow; each renewal brings a new one. Without it the link lasts \
                   an hour.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.box.com"],
    // 1,000 a minute for a user.
    rate: Rate::per(120, Duration::from_secs(10)),
    // Events are kept for two weeks and do not tell of all that leaves the trash.
    relist: Some(Duration::from_hours(10 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
