//! The catalog entry of Tumblr.

use std::time::Duration;

use crate::{
    provider::spec::{Category, FeedGone, Field, OAuth2, Pkce, Rate, Refresh, Spec},
    record::Kind,
};

/// What is constant about Tumblr.
pub static SPEC: Spec = Spec {
    rank: 10,
    id: "tumblr",
    name: "Tumblr",
    category: Category::Social,
    kinds: &[Kind::Note, Kind::MediaAsset],
    capabilities: &["Blog posts"],
    help: "All blogs of the user are read, drafts and queue are not. Tumblr tells of no edits, so \
           they are found when the posts are read again.",
    oauth: Some(OAuth2 {
        app: "tumblr",
        authorization_url: "https://www.tumblr.com/oauth2/authorize",
        token_url: "https://api.tumblr.com/v2/oauth2/token",
        userinfo_url: Some("https://api.tumblr.com/v2/user/info"),
        scopes: &["basic", "offline_access"],
        pkce: Pkce::None,
        refresh: Refresh { rotates: true, access_token_seconds: Some(2520), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow of an app made at tumblr.com/oauth/apps; lives about 40 \
                   minutes.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "Comes with it where the flow asked for the scope offline_access.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.tumblr.com"],
    // 1,000 an hour and 5,000 a day for all users of an app.
    rate: Rate::per(120, Duration::from_mins(10)),
    // Edits, and posts dated back, show only when all is listed.
    relist: Some(Duration::from_hours(24)),
    // With a blog go its posts.
    feed_gone: FeedGone::Remove,
    ..Spec::BASE
};
