//! The catalog entry of HubSpot.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about HubSpot.
pub static SPEC: Spec = Spec {
    rank: 37,
    id: "hubspot",
    name: "HubSpot",
    kinds: &[Kind::Note, Kind::Task],
    capabilities: &["Deals", "engagements"],
    help: "By hand it takes a private app's token: Settings > Integrations > Private Apps (also \
           Legacy apps) > Create > Auth > Show token; super admins only.",
    oauth: Some(OAuth2 {
        app: "hubspot",
        authorization_url: "https://app.hubspot.com/oauth/authorize",
        token_url: "https://api.hubapi.com/oauth/2026-03/token",
        revoke_url: Some("https://api.hubapi.com/oauth/2026-03/token/revoke"),
        userinfo_url: Some("https://api.hubapi.com/account-info/v3/details"),
        scopes: &[
            "oauth",
            "crm.objects.deals.read",
            "crm.objects.contacts.read",
            "crm.objects.owners.read",
        ],
        refresh: Refresh { access_token_seconds: Some(1800), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Settings > Integrations > Private Apps > the app > Auth > Show token (pat-…), \
                   with the scopes for deals, contacts and owners.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "By OAuth only; a private app's token does not need one.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.hubapi.com"],
    // 100 in ten seconds, but 4 searches in one.
    rate: Rate::per(1, Duration::from_millis(300)),
    // What is archived can be listed for 90 days, and a lost object is told by its absence alone.
    relist: Some(Duration::from_hours(30 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
