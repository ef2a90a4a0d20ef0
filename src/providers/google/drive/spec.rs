//! The catalog entry of Google Drive.

use std::time::Duration;

use super::super::{FIELDS, OAUTH};
use crate::{
    provider::spec::{OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about Google Drive.
pub static SPEC: Spec = Spec {
    rank: 30,
    id: "google-drive",
    name: "Google Drive",
    aliases: &["gdrive"],
    kinds: &[Kind::MediaAsset],
    capabilities: &["Files", "revisions"],
    help: "By hand: both tokens from Google's OAuth 2.0 Playground (scope \
           drive.metadata.readonly). Names and properties, no content; of shared drives what the \
           person has opened or been given.",
    oauth: Some(OAuth2 {
        scopes: &["https://www.googleapis.com/auth/drive.metadata.readonly"],
        ..OAUTH
    }),
    fields: FIELDS,
    hosts: &["www.googleapis.com"],
    // 12,000 a minute for a user.
    rate: Rate::per_second(20),
    // A file that is shared no more does not always show among the changes.
    relist: Some(Duration::from_hours(7 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
