//! The catalog entry of OneDrive.

use std::time::Duration;

use super::super::{FIELDS, HOSTS, OAUTH};
use crate::{
    provider::spec::{OAuth2, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about OneDrive.
pub static SPEC: Spec = Spec {
    rank: 31,
    id: "onedrive",
    name: "OneDrive",
    kinds: &[Kind::MediaAsset],
    capabilities: &["Files", "sharing metadata"],
    help: "For work, school and personal accounts; by hand with tokens from the OAuth flow of an \
           app of one's own. Items that others shared lie in their drives and are passed over.",
    oauth: Some(OAuth2 { scopes: &["Files.Read", "User.Read", "offline_access"], ..OAUTH }),
    fields: FIELDS,
    hosts: HOSTS,
    // Counted in units that are not published; a refusal names the wait.
    rate: Rate::per_second(5),
    // What lay deep in a deleted folder need not show among the changes.
    relist: Some(Duration::from_hours(30 * 24)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
