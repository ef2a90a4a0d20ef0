//! The catalog entry of Instagram.

use std::time::Duration;

use super::super::{OAUTH, RENEWS_ITSELF};
use crate::{
    provider::spec::{Category, Exchange, Field, OAuth2, Rate, Refresh, Spec},
    record::Kind,
};

/// What is constant about Instagram.
pub static SPEC: Spec = Spec {
    rank: 3,
    id: "instagram",
    name: "Instagram",
    aliases: &["ig", "insta"],
    category: Category::Social,
    kinds: &[Kind::MediaAsset],
    capabilities: &["Photos", "reels", "captions", "engagement"],
    help: "For professional accounts (Business or Creator) only; for personal ones Instagram \
           offers nothing. The newest 10,000 posts are listed, stories are not.",
    oauth: Some(OAuth2 {
        app: "instagram",
        authorization_url: "https://www.instagram.com/oauth/authorize",
        token_url: "https://api.instagram.com/oauth/access_token",
        userinfo_url: Some("https://graph.instagram.com/v25.0/me?fields=user_id,username"),
        scopes: &["instagram_business_basic"],
        refresh: Refresh {
            url: Some("https://graph.instagram.com/refresh_access_token"),
            params: &[("grant_type", "ig_refresh_token"), ("access_token", "{access_token}")],
            ..RENEWS_ITSELF
        },
        exchange: Some(Exchange {
            method: "GET",
            url: "https://graph.instagram.com/access_token",
            params: &[
                ("grant_type", "ig_exchange_token"),
                ("client_secret", "{client_secret}"),
                ("access_token", "{access_token}"),
            ],
        }),
        ..OAUTH
    }),
    fields: &[Field {
        help: "App dashboard > Instagram > API setup with Instagram login > Generate token. Lives \
               60 days and is renewed by itself.",
        ..Field::ACCESS_TOKEN
    }],
    hosts: &["graph.instagram.com"],
    // 4,800 a day for each impression that the account has: of one this is sure.
    rate: Rate::per(90, Duration::from_mins(30)),
    // Captions, counts and deletions show in a full walk alone.
    relist: Some(Duration::from_hours(24)),
    ..Spec::BASE
};
