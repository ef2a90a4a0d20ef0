//! The catalog entry of Facebook.

use std::time::Duration;

use super::super::OAUTH;
use crate::{
    provider::spec::{Category, Exchange, Field, OAuth2, Rate, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Facebook.
pub static SPEC: Spec = Spec {
    rank: 2,
    id: "facebook",
    name: "Facebook",
    aliases: &["fb", "facebook pages"],
    category: Category::Social,
    kinds: &[Kind::Message, Kind::MediaAsset],
    capabilities: &["Page/user feed posts", "stories", "attachments"],
    help: "By hand it takes a token from the Graph API Explorer: a user's ends after 60 days at \
           most, a page's does not. Of a page about 600 posts a year are given; other people's \
           profiles cannot be read.",
    oauth: Some(OAuth2 {
        app: "meta",
        authorization_url: "https://www.facebook.com/v25.0/dialog/oauth",
        token_url: "https://graph.facebook.com/v25.0/oauth/access_token",
        revoke_url: Some("https://graph.facebook.com/v25.0/me/permissions"),
        revoke: Revoke::Bearer("DELETE"),
        userinfo_url: Some("https://graph.facebook.com/v25.0/me"),
        scopes: &[
            "pages_show_list",
            "pages_read_engagement",
            "pages_read_user_content",
            "user_posts",
        ],
        exchange: Some(Exchange {
            method: "GET",
            url: "https://graph.facebook.com/v25.0/oauth/access_token",
            params: &[
                ("grant_type", "fb_exchange_token"),
                ("client_id", "{client_id}"),
                ("client_secret", "{client_secret}"),
                ("fb_exchange_token", "{access_token}"),
            ],
        }),
        ..OAUTH
    }),
    fields: &[
        Field {
            help: "Graph API Explorer: a user token with pages_show_list, pages_read_engagement \
                   and pages_read_user_content; a page token will do, too.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            name: "page_id",
            label: "Page",
            help: "The page > About > Page transparency. Without it: every page that one manages, \
                   and one's own posts where user_posts was granted.",
            pattern: "[0-9]+",
            example: "104872915550321",
            selects_account: true,
            ..Field::BASE
        },
        Field {
            name: "app_secret",
            label: "App secret",
            help: "Only where the app that made the token has Require app secret on: App settings \
                   > Basic.",
            secret: true,
            ..Field::BASE
        },
    ],
    hosts: &["graph.facebook.com"],
    // 200 an hour for a user's token.
    rate: Rate::per(60, Duration::from_mins(30)),
    // Edits and counts of old posts show in a full walk alone.
    relist: Some(Duration::from_hours(24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
