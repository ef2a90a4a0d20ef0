//! The catalog entry of Jira.

use std::time::Duration;

use super::super::{ACCESS_TOKEN, API_TOKEN, CLOUD_ID, HOSTS, OAUTH, SITE, SITES, USERNAME, WAYS};
use crate::{
    provider::spec::{Field, OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Jira.
pub static SPEC: Spec = Spec {
    rank: 26,
    id: "jira",
    name: "Jira",
    aliases: &["atlassian jira"],
    kinds: &[Kind::Task],
    capabilities: &["Issues", "sprints"],
    help: "One site a link. By hand: the account's e-mail address, the site, and an API token from \
           id.atlassian.com > Security > API tokens. Jira Cloud only; comments and files are not \
           imported.",
    oauth: Some(OAuth2 {
        resources_url: Some(SITES),
        scopes: &["read:jira-work", "read:jira-user", "offline_access"],
        ..OAUTH
    }),
    fields: &[
        ACCESS_TOKEN,
        Field::REFRESH_TOKEN,
        USERNAME,
        API_TOKEN,
        SITE,
        // The person's id is the same at all their sites.
        Field { selects_account: true, ..CLOUD_ID },
        Field {
            name: "site_url",
            label: "Site address",
            help: "By OAuth: the address of that site, for links to its issues.",
            pattern: r"https://[^\s/@]+/?",
            example: "https://acme.atlassian.net",
            bears_host: true,
            ..Field::BASE
        },
    ],
    ways: WAYS,
    hosts: HOSTS,
    // Bursts are limited by site and call, without published figures.
    rate: Rate::per(30, Duration::from_secs(10)),
    // There is no feed of deletions, and renamed projects, people and sprints change no issue.
    relist: Some(Duration::from_hours(24)),
    recheck: 300,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
