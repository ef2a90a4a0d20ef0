//! The catalog entry of Threads.

use std::time::Duration;

use super::super::{OAUTH, RENEWS_ITSELF};
use crate::{
    provider::spec::{Category, Exchange, Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Threads.
pub static SPEC: Spec = Spec {
    rank: 11,
    id: "threads",
    name: "Threads",
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Threads posts/replies"],
    help: "By hand it takes a token that the app generates for its testers. Client id and secret \
           are those of the app's Threads use case, not of the Meta app.",
    oauth: Some(OAuth2 {
        app: "threads",
        authorization_url: "https://threads.net/oauth/authorize",
        token_url: "https://graph.threads.net/oauth/access_token",
        userinfo_url: Some("https://graph.threads.net/v1.0/me?fields=id,username"),
        scopes: &["threads_basic", "threads_read_replies", "threads_manage_insights"],
        refresh: Refresh {
            url: Some("https://graph.threads.net/refresh_access_token"),
            params: &[("grant_type", "th_refresh_token"), ("access_token", "{access_token}")],
            ..RENEWS_ITSELF
        },
        exchange: Some(Exchange {
            method: "GET",
            url: "https://graph.threads.net/access_token",
            params: &[
                ("grant_type", "th_exchange_token"),
                ("client_secret", "{client_secret}"),
                ("access_token", "{access_token}"),
            ],
        }),
        ..OAUTH
    }),
    fields: &[Field {
        help: "App dashboard > Use cases > Access the Threads API > Settings > User token \
               generator. Lives 60 days and is renewed by itself.",
        ..Field::ACCESS_TOKEN
    }],
    hosts: &["graph.threads.net"],
    // 4,800 a day for each impression, of which at least ten are counted.
    rate: Rate::per(300, Duration::from_mins(10)),
    // Edits and deletions show in a full walk alone.
    relist: Some(Duration::from_hours(24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
