//! The catalog entry of X / Twitter.

use std::time::Duration;

use crate::{
    provider::spec::{
        Category, ClientAuth, Field, OAuth2, Pkce, Rate, Refresh, Revoke, Spec, Webhooks,
    },
    record::Kind,
};

/// What is constant about X / Twitter.
pub static SPEC: Spec = Spec {
    rank: 1,
    id: "x",
    name: "X / Twitter",
    aliases: &["twitter"],
    category: Category::Social,
    kinds: &[Kind::Message, Kind::MediaAsset],
    capabilities: &["Tweets", "quoted threads", "media metrics"],
    help: "By hand it takes an OAuth 2.0 user token of an app of one's own. X lists the newest \
           3,200 posts of an account, no older ones, and bills the app for each post read: each \
           sync reads again the newest hundred.",
    oauth: Some(OAuth2 {
        app: "x",
        authorization_url: "https://x.com/i/oauth2/authorize",
        token_url: "https://api.x.com/2/oauth2/token",
        revoke_url: Some("https://api.x.com/2/oauth2/revoke"),
        revoke: Revoke::App(ClientAuth::Basic),
        userinfo_url: Some("https://api.x.com/2/users/me"),
        scopes: &["tweet.read", "users.read", "offline.access"],
        pkce: Pkce::Required,
        client_auth: ClientAuth::Basic,
        refresh: Refresh { rotates: true, access_token_seconds: Some(7200), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "X developer console > the app > Keys and tokens: an OAuth 2.0 user token, not \
                   the app-only bearer token.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "Shown with it; without it the link lasts two hours.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.x.com"],
    // 900 requests a quarter of an hour for the timeline.
    rate: Rate::per(8, Duration::from_secs(10)),
    // Counts, edits and deletions further back than what is asked about in each run. A post that is looked up is billed at
    // half a cent, in the timeline of the app's owner at a fifth of that; once a day (UTC), however often it is read.
    relist: Some(Duration::from_hours(30 * 24)),
    recheck: 100,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
