//! The catalog entry of Reddit.

use std::time::Duration;

use super::USER_AGENT;
use crate::{
    provider::spec::{Category, ClientAuth, Field, OAuth2, Pkce, Rate, Refresh, Revoke, Spec},
    record::Kind,
};

/// What is constant about Reddit.
pub static SPEC: Spec = Spec {
    rank: 9,
    id: "reddit",
    name: "Reddit",
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Posts", "comments"],
    help: "By hand the tokens come from the OAuth flow of an app of one's own. Reddit lists about \
           the newest 1,000 posts and the newest 1,000 comments of a user; older ones cannot be \
           had.",
    oauth: Some(OAuth2 {
        app: "reddit",
        authorization_url: "https://www.reddit.com/api/v1/authorize",
        token_url: "https://www.reddit.com/api/v1/access_token",
        revoke_url: Some("https://www.reddit.com/api/v1/revoke_token"),
        revoke: Revoke::App(ClientAuth::Basic),
        userinfo_url: Some("https://oauth.reddit.com/api/v1/me"),
        scopes: &["identity", "history", "read"],
        pkce: Pkce::None,
        client_auth: ClientAuth::Basic,
        authorize_params: &[("duration", "permanent")],
        refresh: Refresh { access_token_seconds: Some(86_400), ..Refresh::BASE },
        user_agent: USER_AGENT,
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow of an app made at reddit.com/prefs/apps (type web app).",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "Comes with it where the flow asked for duration=permanent.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["oauth.reddit.com"],
    // 100 a minute for all users of an app, measured over ten minutes.
    rate: Rate::per(15, Duration::from_secs(10)),
    // What a moderator lets through late takes its old place in the list.
    relist: Some(Duration::from_hours(7 * 24)),
    recheck: 500,
    ..Spec::BASE
};
