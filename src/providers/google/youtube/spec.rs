//! The catalog entry of YouTube.

use std::time::Duration;

use super::super::{FIELDS, OAUTH};
use crate::{
    provider::spec::{Category, OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about YouTube.
pub static SPEC: Spec = Spec {
    rank: 7,
    id: "youtube",
    name: "YouTube",
    aliases: &["yt"],
    category: Category::Social,
    kinds: &[Kind::MediaAsset],
    capabilities: &["Videos", "playlists", "stats"],
    help: "By hand: both tokens from Google's OAuth 2.0 Playground (scope youtube.readonly), where \
           one picks the channel at consent. About the newest 20,000 uploads are listed.",
    oauth: Some(OAuth2 {
        userinfo_url: Some(
            "https://www.googleapis.com/youtube/v3/channels?part=id,snippet,contentDetails&mine=true",
        ),
        scopes: &["https://www.googleapis.com/auth/youtube.readonly"],
        ..OAUTH
    }),
    fields: FIELDS,
    hosts: &["www.googleapis.com", "youtube.googleapis.com"],
    // 10,000 units a day for all users of a project, of which a call costs one.
    rate: Rate::per_second(5),
    // There is no feed of changes. All is walked once a day, for two units 50 videos; between, the newest are asked about.
    relist: Some(Duration::from_hours(24)),
    recheck: 200,
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
