//! The catalog entry of Google Meet.

use std::time::Duration;

use super::super::{FIELDS, OAUTH};
use crate::{
    provider::spec::{Absence, OAuth2, Rate, Spec},
    record::Kind,
};

/// What is constant about Google Meet.
pub static SPEC: Spec = Spec {
    rank: 45,
    id: "google-meet",
    name: "Google Meet",
    kinds: &[Kind::Event, Kind::MediaAsset],
    capabilities: &["Meetings", "recordings"],
    help: "By hand: both tokens from Google's OAuth 2.0 Playground (scopes userinfo.email and \
           meetings.space.readonly). Google keeps calls for 30 days; planned meetings are in \
           Google Calendar.",
    oauth: Some(OAuth2 {
        userinfo_url: Some("https://www.googleapis.com/oauth2/v2/userinfo"),
        scopes: &[
            "openid",
            "https://www.googleapis.com/auth/userinfo.email",
            "https://www.googleapis.com/auth/meetings.space.readonly",
        ],
        ..OAUTH
    }),
    fields: FIELDS,
    hosts: &["meet.googleapis.com", "www.googleapis.com"],
    // 600 a minute for a user.
    rate: Rate::per(80, Duration::from_secs(10)),
    // A call that is listed no more has merely passed its 30 days.
    absence: Absence::Unknown,
    ..Spec::BASE
};
