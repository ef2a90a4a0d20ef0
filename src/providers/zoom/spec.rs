//! The catalog entry of Zoom.

use std::time::Duration;

use crate::{
    provider::spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Revoke, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Zoom.
pub static SPEC: Spec = Spec {
    rank: 44,
    id: "zoom",
    name: "Zoom",
    kinds: &[Kind::Event, Kind::MediaAsset],
    capabilities: &["Meetings", "recordings"],
    help: "Zoom has no personal tokens: by hand both come from the OAuth flow of an app of one's \
           own (App Marketplace > Develop > Build App > General app). Past meetings drop out of \
           Zoom's list and are kept; cloud recordings need a paid plan of Zoom.",
    oauth: Some(OAuth2 {
        app: "zoom",
        authorization_url: "https://zoom.us/oauth/authorize",
        token_url: "https://zoom.us/oauth/token",
        revoke_url: Some("https://zoom.us/oauth/revoke"),
        revoke: Revoke::App(ClientAuth::Basic),
        userinfo_url: Some("https://api.zoom.us/v2/users/me"),
        client_auth: ClientAuth::Basic,
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(3599),
            refresh_token_seconds: Some(7_776_000),
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From that flow; lives an hour. Scopes of the app: user:read:user, \
                   meeting:read:list_meetings, meeting:read:meeting, \
                   cloud_recording:read:list_user_recordings.",
            ..Field::ACCESS_TOKEN
        },
        Field {
            help: "From the same answer; each renewal brings a new one.",
            ..Field::REFRESH_TOKEN
        },
    ],
    hosts: &["api.zoom.us"],
    // 2 a second for listings on the free plan, shared by all apps of the account.
    rate: Rate::per(1, Duration::from_millis(600)),
    // Recordings that leave the trash, or come back from it, show in a full listing alone.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
