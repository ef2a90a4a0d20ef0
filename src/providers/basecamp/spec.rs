//! The catalog entry of Basecamp.

use std::time::Duration;

use super::calls::USER_AGENT;
use crate::{
    provider::spec::{Field, OAuth2, Pkce, Rate, Refresh, Spec, Webhooks},
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
           one's own. Basecamp 2 and Classic are other products. \
           Comments, chats, cards and documents are not imported.",
    oauth: Some(OAuth2 {
        app: "basecamp",
        authorization_url: "https://launchpad.37signals.com/authorization/new",
        token_url: "https://launchpad.37signals.com/authorization/token",
        userinfo_url: Some("https://launchpad.37signals.com/authorization.json"),
        pkce: Pkce::None,
        user_agent: USER_AGENT,
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
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
