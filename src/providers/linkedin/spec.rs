//! The catalog entry of LinkedIn.

use std::time::Duration;

use crate::{
    provider::spec::{Category, Field, OAuth2, Pkce, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about LinkedIn.
pub static SPEC: Spec = Spec {
    rank: 4,
    id: "linkedin",
    name: "LinkedIn",
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Company/user posts", "comments"],
    help: "Imports posts and comments of the company pages that one administers; a member's own \
           posts are open to approved partners alone. Where the app is not approved for refresh \
           tokens, link again every 60 days.",
    oauth: Some(OAuth2 {
        app: "linkedin",
        authorization_url: "https://www.linkedin.com/oauth/v2/authorization",
        token_url: "https://www.linkedin.com/oauth/v2/accessToken",
        revoke_url: Some("https://www.linkedin.com/oauth/v2/revoke"),
        userinfo_url: Some("https://api.linkedin.com/v2/userinfo"),
        scopes: &["openid", "profile", "r_organization_social", "rw_organization_admin"],
        pkce: Pkce::None,
        refresh: Refresh {
            access_token_seconds: Some(5_184_000),
            refresh_token_seconds: Some(31_536_000),
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Developer portal > Docs and tools > OAuth token tools of one's own app.",
            ..Field::ACCESS_TOKEN
        },
        Field { help: "Only where LinkedIn approved the app for it.", ..Field::REFRESH_TOKEN },
        Field {
            name: "organization_urn",
            label: "Company page",
            help: "The number in the address of the page's admin view, \
                   linkedin.com/company/NUMBER/admin. Without it: every page that one administers.",
            pattern: "urn:li:organization:[0-9]+",
            example: "urn:li:organization:5515715",
            selects_account: true,
            ..Field::BASE
        },
        Field {
            name: "api_version",
            label: "API version",
            help: "Year and month of a version in LinkedIn's changelog. Each lives about a year; give a newer one \
                   where this one is retired.",
            pattern: "20[0-9]{4}",
            example: "202605",
            default: "202605",
            ..Field::BASE
        },
    ],
    hosts: &["api.linkedin.com"],
    // The quotas are daily and not published.
    rate: Rate::per(20, Duration::from_secs(10)),
    // The walk by last change stops early and sees no deletions.
    relist: Some(Duration::from_hours(24)),
    recheck: 100,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
