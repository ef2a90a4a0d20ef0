//! The catalog entry of TikTok.

use std::time::Duration;

use crate::{
    provider::spec::{Category, Field, OAuth2, Pkce, Rate, Refresh, Spec},
    record::Kind,
};

/// What is constant about TikTok.
pub static SPEC: Spec = Spec {
    rank: 5,
    id: "tiktok",
    name: "TikTok",
    category: Category::Social,
    kinds: &[Kind::MediaAsset],
    capabilities: &["Videos", "likes", "shares"],
    help: "TikTok shows tokens nowhere: by hand they come from the token endpoint of an app of \
           one's own. Only public videos are given.",
    oauth: Some(OAuth2 {
        app: "tiktok",
        authorization_url: "https://www.tiktok.com/v2/auth/authorize/",
        token_url: "https://open.tiktokapis.com/v2/oauth/token/",
        revoke_url: Some("https://open.tiktokapis.com/v2/oauth/revoke/"),
        userinfo_url: Some("https://open.tiktokapis.com/v2/user/info/?fields=open_id,display_name"),
        scopes: &["user.info.basic", "video.list"],
        scope_separator: ",",
        pkce: Pkce::None,
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(7200),
            refresh_token_seconds: Some(15_552_000),
            ..Refresh::BASE
        },
        client_id_parameter: "client_key",
        https_redirect: true,
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the answer of the token endpoint; lives two hours.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "From the same answer; each renewal brings a new one.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["open.tiktokapis.com"],
    // 600 a minute for each of its calls.
    rate: Rate::per(80, Duration::from_secs(10)),
    // Counts, deletions and privacy show in a full walk alone.
    relist: Some(Duration::from_hours(24)),
    ..Spec::BASE
};
