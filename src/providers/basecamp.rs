//! Basecamp (4 and 3): the to-dos and message boards of an account's projects.
//!
//! Facts: Basecamp API documentation (bc3-api), "Authentication", "Recordings", "To-dos", "Messages", "Webhooks".

use std::time::Duration;

use crate::{
    provider::spec::{FeedGone, Field, OAuth2, Pkce, Rate, Refresh, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Basecamp.
pub static SPEC: Spec = Spec {
    rank: 28,
    id: "basecamp",
    name: "Basecamp",
    kinds: &[Kind::Task, Kind::Message],
    capabilities: &["To-dos", "message boards"],
    help: "Basecamp has no personal tokens: by hand both come from the OAuth flow of an app of \
           one's own. Basecamp 2 and Classic are other products.",
    oauth: Some(OAuth2 {
        app: "basecamp",
        authorization_url: "https://launchpad.37signals.com/authorization/new",
        token_url: "https://launchpad.37signals.com/authorization/token",
        userinfo_url: Some("https://launchpad.37signals.com/authorization.json"),
        pkce: Pkce::None,
        authorize_params: &[("response_type", "code")],
        refresh: Refresh { access_token_seconds: Some(1_209_600), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow of an app of one's own; lives two weeks.",
            ..Field::ACCESS_TOKEN
        },
        Field::REFRESH_TOKEN,
        Field {
            name: "account_id",
            label: "Account",
            help: "The number after 3.basecamp.com/ in the browser.",
            required: true,
            pattern: "[0-9]+",
            example: "195539477",
            selects_account: true,
            ..Field::BASE
        },
    ],
    hosts: &["3.basecampapi.com", "launchpad.37signals.com"],
    // 50 in ten seconds for an address is the first limit that is met.
    rate: Rate::per(25, Duration::from_secs(10)),
    // The trash is emptied, and what goes with its list or project does not show by itself.
    relist: Some(Duration::from_hours(7 * 24)),
    // A project that is listed no more was trashed or left.
    feed_gone: FeedGone::Remove,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
