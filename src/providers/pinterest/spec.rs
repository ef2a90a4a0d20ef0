//! The catalog entry of Pinterest.

use crate::{
    provider::spec::{Category, ClientAuth, Field, OAuth2, Pkce, Rate, Refresh, Spec},
    record::Kind,
};

/// What is constant about Pinterest.
pub static SPEC: Spec = Spec {
    rank: 8,
    id: "pinterest",
    name: "Pinterest",
    category: Category::Social,
    kinds: &[Kind::MediaAsset],
    capabilities: &["Pins", "boards"],
    help: "For a try by hand: developers.pinterest.com > My apps > the app > Generate access \
           token, which cannot be renewed. Secret boards are read where their scopes were granted.",
    oauth: Some(OAuth2 {
        app: "pinterest",
        authorization_url: "https://www.pinterest.com/oauth/",
        token_url: "https://api.pinterest.com/v5/oauth/token",
        userinfo_url: Some("https://api.pinterest.com/v5/user_account"),
        scopes: &[
            "boards:read",
            "boards:read_secret",
            "pins:read",
            "pins:read_secret",
            "user_accounts:read",
        ],
        scope_separator: ",",
        pkce: Pkce::None,
        client_auth: ClientAuth::Basic,
        token_params: &[("continuous_refresh", "true")],
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(2_592_000),
            refresh_token_seconds: Some(5_184_000),
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "developers.pinterest.com > My apps > the app > Generate access token.",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "From the OAuth flow; a generated token has none.", ..Field::REFRESH_TOKEN },
    ],
    hosts: &["api.pinterest.com"],
    // 1,000 a minute; an app on trial has 1,000 a day.
    rate: Rate::per_second(5),
    ..Spec::BASE
};
