//! The catalog entry of Snapchat.

use crate::{
    provider::spec::{Category, Field, OAuth2, Pkce, Rate, Refresh, Spec},
    record::Kind,
};

/// What is constant about Snapchat.
pub static SPEC: Spec = Spec {
    rank: 6,
    id: "snapchat",
    name: "Snapchat",
    aliases: &["snap"],
    category: Category::Social,
    kinds: &[Kind::MediaAsset, Kind::Message],
    capabilities: &["Stories", "Spotlight"],
    help: "Needs a Public Profile, and an app that Snap has put on its list; until then every call \
           is refused. Imports Spotlights; chats and private stories are in no interface of \
           Snap's.",
    oauth: Some(OAuth2 {
        app: "snapchat",
        authorization_url: "https://accounts.snapchat.com/login/oauth2/authorize",
        token_url: "https://accounts.snapchat.com/login/oauth2/access_token",
        userinfo_url: Some("https://businessapi.snapchat.com/v1/public_profiles/my_profile"),
        scopes: &["snapchat-profile-api"],
        pkce: Pkce::None,
        refresh: Refresh { rotates: true, access_token_seconds: Some(3600), ..Refresh::BASE },
        https_redirect: true,
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow of the app that Snap has listed.",
            ..Field::ACCESS_TOKEN
        },
        Field::REFRESH_TOKEN,
        Field {
            name: "profile_id",
            label: "Public Profile",
            help: "The id in the address bar of Profile Manager, a UUID. Without it: the profile \
                   of the token.",
            pattern: "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
            example: "4c6e2f10-8a51-4c0e-b1b7-0f3f9a6d7e21",
            ..Field::BASE
        },
    ],
    hosts: &["businessapi.snapchat.com"],
    // No limit is documented.
    rate: Rate::per_second(2),
    ..Spec::BASE
};
