//! Ending grants: at every vendor in its manner, and by deleting a connector.

use std::sync::Arc;

use axum::response::Response;
use futures::future::BoxFuture;
use neotoma_importers::{
    app::DeletedView,
    error::{Error, Result},
    http::Credentials,
    ids::ConnectorId,
    oauth::{Grant, Revocation, revoke},
    provider::spec::{ClientAuth, Revoke},
};
use secrecy::SecretString;
use serde_json::json as value;

use crate::{
    catalog::{app, oauth_vendors, place, settings},
    vendor::{Seen, Vendor, json, raw},
    world::{CLIENT_ID, CLIENT_SECRET, World, usual},
};

/// An account with one token.
struct Token;

impl Credentials for Token {
    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }
    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async { Ok(Some("hush-access".into())) })
    }
    fn renew(&self, _: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        Box::pin(async { Err(Error::Reconnect("there is no other".into())) })
    }
}

fn grant() -> Grant {
    Grant { access_token: Some("hush-access".into()), refresh_token: Some("hush-refresh".into()) }
}

#[tokio::test]
async fn every_vendors_grant_is_ended_in_its_manner_or_not_at_all() {
    let mut ended = 0;
    for (spec, oauth) in oauth_vendors() {
        let name = spec.id;
        let vendor = Vendor::start(|_| json(200, &value!({"ok": true, "success": true}))).await;
        let (app, settings) = (app(oauth), settings(spec));
        let done =
            revoke(&vendor.transport(), spec, Some(&app), &settings, &grant(), Arc::new(Token))
                .await;
        let Some(url) = oauth.revoke_url else {
            assert_eq!((done, vendor.seen().len()), (Revocation::NotOffered, 0), "{name}");
            continue;
        };
        assert_eq!(done, Revocation::Done, "{name}");
        let seen = vendor.seen();
        assert_eq!(seen.len(), 1, "{name}");
        assert_eq!(seen[0].at, place(spec, oauth, url), "{name}");
        match oauth.revoke {
            Revoke::Bearer(method) => {
                assert_eq!(seen[0].method.as_str(), method, "{name}");
                assert_eq!(seen[0].bearer(), Some("hush-access"), "{name}");
                assert_eq!(seen[0].body, "", "{name}");
            }
            Revoke::Token => {
                assert_eq!(seen[0].body, "token=hush-refresh", "{name}");
                assert_eq!(seen[0].header("authorization"), None, "{name}");
            }
            Revoke::App(auth) => {
                assert_eq!(seen[0].method, "POST", "{name}");
                assert_eq!(seen[0].param("token"), Some("hush-refresh".into()), "{name}");
                let basic = matches!(auth, ClientAuth::Basic | ClientAuth::BasicJson);
                let own = (CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned());
                assert_eq!(seen[0].basic(), basic.then_some(own), "{name}");
                let secret = seen[0].param("client_secret").is_some();
                assert_eq!(secret, !basic, "{name}");
            }
        }
        ended += 1;
    }
    assert!(ended >= 20, "{ended} vendors end grants");
}

async fn delete(world: &World, connector: ConnectorId) -> DeletedView {
    world.app.delete(&world.owner, connector, false).await.unwrap()
}

/// A vendor as usual whose revocation answers so.
fn ending(status: u16, body: &'static str) -> impl Fn(&Seen) -> Response + Send + Sync {
    move |seen| match seen.at.as_str() {
        "oauth2.googleapis.com/revoke"
        | "app.asana.com/-/oauth_revoke"
        | "slack.com/api/auth.revoke" => raw(status, body),
        _ => usual(seen),
    }
}

#[tokio::test]
async fn deleting_a_connector_ends_the_grant_that_it_was_given() {
    let world = World::new(ending(200, r#"{"ok": true, "revoked": true}"#)).await;
    for (provider, at, token) in [
        ("gmail", "oauth2.googleapis.com/revoke", "token=hush-refresh"),
        (
            "asana",
            "app.asana.com/-/oauth_revoke",
            "token=hush-refresh&client_id=client-id-1&client_secret=hush-client-secret",
        ),
        ("slack", "slack.com/api/auth.revoke", ""),
    ] {
        let linked = world.link(provider).await;
        let deleted = delete(&world, linked.connector_id.unwrap()).await;
        assert!(deleted.revoked && deleted.note.is_none(), "{deleted:?}");
        let seen = world.vendor.seen_at(at);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].body, token);
        // A second deletion has nothing left to end.
        let again = delete(&world, linked.connector_id.unwrap()).await;
        assert!(!again.revoked && again.note.is_none());
        assert_eq!(world.vendor.seen_at(at).len(), 1);
    }
    assert_eq!(world.vendor.seen_at("slack.com/api/auth.revoke")[0].bearer(), Some("hush-access"));
}

#[tokio::test]
async fn a_grant_that_the_vendor_does_not_end_is_said_to_stand_and_the_connector_is_gone_still() {
    let world = World::new(ending(400, r#"{"error": "odd", "error_description": "hush"}"#)).await;
    let linked = world.link("gmail").await;
    let deleted = delete(&world, linked.connector_id.unwrap()).await;
    assert!(!deleted.revoked);
    let note = deleted.note.unwrap();
    assert!(note.contains("was not ended") && note.contains("at Gmail"), "{note}");
    assert!(!note.contains("hush"), "{note}");
    assert!(world.app.connectors(&world.owner, false).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_grant_that_has_ended_already_is_no_failure() {
    let world = World::new(ending(400, r#"{"error": "invalid_token"}"#)).await;
    let linked = world.link("gmail").await;
    assert!(delete(&world, linked.connector_id.unwrap()).await.revoked);
}

#[tokio::test]
async fn what_was_pasted_is_its_owners_to_revoke() {
    let world = World::new(usual).await;
    let request = neotoma_importers::app::LinkRequest {
        provider: "gmail".into(),
        secrets: [("access_token".to_owned(), "hush-access".into())].into(),
        verify: true,
        ..Default::default()
    };
    let linked = world.app.link(&world.owner, request).await.unwrap();
    let deleted = delete(&world, linked.connector_id).await;
    assert!(!deleted.revoked && deleted.note.unwrap().contains("pasted"));
    assert!(world.vendor.seen_at("oauth2.googleapis.com/revoke").is_empty());
}

#[tokio::test]
async fn a_grant_that_another_connector_lives_by_is_kept_until_that_goes_too() {
    let world = World::new(ending(200, "{}")).await;
    let mail = world.link("gmail").await.connector_id.unwrap();
    // The calendar of the same person, by the same app.
    sqlx::query(
        "INSERT INTO external_connectors (owner_id, id, provider, provider_type, account_identifier, secrets_envelope, \
         oauth_client_id) SELECT owner_id, $2, 'google-calendar', provider_type, 'ann', secrets_envelope, $3 \
         FROM external_connectors WHERE owner_id = $1",
    )
    .bind(world.owner.as_str())
    .bind(ConnectorId::generate().0)
    .bind(CLIENT_ID)
    .execute(world.pool())
    .await
    .unwrap();
    let deleted = delete(&world, mail).await;
    assert!(!deleted.revoked && deleted.note.unwrap().contains("google-calendar (ann)"));
    assert!(world.vendor.seen_at("oauth2.googleapis.com/revoke").is_empty());
}
