//! The catalog entry of Intercom.

use std::time::Duration;

use crate::{
    provider::spec::{Field, OAuth2, Pkce, Rate, Region, Spec, Webhooks},
    record::Kind,
};

const EU: Region = Region {
    setting: "region",
    value: "eu",
    hosts: &[
        ("app.intercom.com", "app.eu.intercom.com"),
        ("api.intercom.io", "api.eu.intercom.io"),
    ],
};

const AU: Region = Region {
    setting: "region",
    value: "au",
    hosts: &[
        ("app.intercom.com", "app.au.intercom.com"),
        ("api.intercom.io", "api.au.intercom.io"),
    ],
};

/// What is constant about Intercom.
pub static SPEC: Spec = Spec {
    rank: 39,
    id: "intercom",
    name: "Intercom",
    kinds: &[Kind::Message, Kind::Task],
    capabilities: &["Conversations", "tickets"],
    help: "By hand it takes a private app's token: Developer Hub > the app > Configure > \
           Authentication > Access token. Of one conversation the newest 500 parts are given.",
    oauth: Some(OAuth2 {
        app: "intercom",
        authorization_url: "https://app.intercom.com/oauth",
        token_url: "https://api.intercom.io/auth/eagle/token",
        pkce: Pkce::None,
        regions: &[EU, AU],
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "Developer Hub > the app > Configure > Authentication > Access token; it does \
                   not end.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            name: "region",
            label: "Data region",
            help: "Settings > General: us, eu or au.",
            pattern: "us|eu|au",
            example: "eu",
            default: "us",
            bears_host: true,
            ..Field::BASE
        },
    ],
    hosts: &["api.intercom.io", "api.eu.intercom.io", "api.au.intercom.io"],
    // 10,000 a minute for an app, spread over spans of ten seconds.
    rate: Rate::per_second(20),
    // Of deleted tickets there is no list.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
