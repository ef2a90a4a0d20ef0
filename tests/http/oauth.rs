//! Renewing tokens at vendors with manners of their own.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use neotoma_importers::{
    error::{Error, Remedy},
    oauth::{App, Grant, RefreshError, Tokens, refresh},
    provider::{
        Spec,
        spec::{ClientAuth, Field, OAuth2, Refresh},
    },
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json as value};

use crate::{
    log,
    vendor::{Seen, Vendor, json, with_header},
};

const BASE: Spec = Spec { id: "example", name: "Example", hosts: &["*.example.net"], ..Spec::BASE };
const TOKEN_URL: &str = "https://login.example.com/token";

/// Client credentials in the form, refresh tokens that stay.
static POST: Spec =
    Spec { oauth: Some(OAuth2 { app: "exa-mple", token_url: TOKEN_URL, ..OAuth2::BASE }), ..BASE };

/// Client credentials in the header, refresh tokens that change with each use.
static BASIC: Spec = Spec {
    oauth: Some(OAuth2 {
        app: "exa-mple",
        token_url: TOKEN_URL,
        client_auth: ClientAuth::Basic,
        refresh: Refresh { rotates: true, access_token_seconds: Some(7_200), ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    ..BASE
};

fn app() -> App {
    App {
        id: "exa-mple",
        client_id: "app-id".into(),
        client_secret: "hush-app".into(),
        redirect_uri: None,
    }
}

fn grant() -> Grant {
    Grant { access_token: Some("hush-old".into()), refresh_token: Some("hush-refresh".into()) }
}

async fn renew(vendor: &Vendor, spec: &'static Spec) -> Result<Tokens, RefreshError> {
    refresh(&vendor.transport(), spec, Some(&app()), &BTreeMap::new(), &grant()).await
}

async fn refused(spec: &'static Spec, status: u16, body: &'static str) -> (RefreshError, usize) {
    let vendor = Vendor::start(move |_, _| json(status, body)).await;
    (renew(&vendor, spec).await.unwrap_err(), vendor.seen().len())
}

fn text(token: Option<&secrecy::SecretString>) -> Option<&str> {
    token.map(ExposeSecret::expose_secret)
}

#[tokio::test]
async fn credentials_in_the_form_are_sent_as_rfc_6749_has_it() {
    let vendor =
        Vendor::start(|_, _| json(200, r#"{"access_token":"new","expires_in":3600}"#)).await;
    let before = Timestamp::now();
    let tokens = renew(&vendor, &POST).await.unwrap();
    assert_eq!(text(Some(&tokens.access_token)), Some("new"));
    assert_eq!(text(tokens.refresh_token.as_ref()), None, "the old one stays");
    let life = tokens.expires_at.unwrap().duration_since(before);
    assert!(
        life >= SignedDuration::from_secs(3_600) && life < SignedDuration::from_secs(3_660),
        "{life:?}"
    );

    let seen = vendor.seen().pop().unwrap();
    assert_eq!(
        (seen.method, seen.target.as_str()),
        (Method::POST, "/example/login.example.com/token")
    );
    assert_eq!(seen.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(
        seen.body,
        "grant_type=refresh_token&refresh_token=hush-refresh&client_id=app-id&client_secret=hush-app"
    );
    assert!(seen.headers.get("authorization").is_none());
}

#[tokio::test]
async fn credentials_in_the_header_stand_in_the_header_alone() {
    let answer = r#"{"access_token":"new","refresh_token":"newer"}"#;
    let vendor = Vendor::start(move |_, _| json(200, answer)).await;
    let before = Timestamp::now();
    let tokens = renew(&vendor, &BASIC).await.unwrap();
    assert_eq!(text(tokens.refresh_token.as_ref()), Some("newer"));
    let life = tokens.expires_at.unwrap().duration_since(before);
    assert!(
        life >= SignedDuration::from_secs(7_200),
        "where the answer is silent, the vendor's usual life"
    );
    let seen = vendor.seen().pop().unwrap();
    assert_eq!(seen.header("authorization"), Some("Basic YXBwLWlkOmh1c2gtYXBw"));
    assert_eq!(seen.body, "grant_type=refresh_token&refresh_token=hush-refresh");
}

#[tokio::test]
async fn bodies_of_json_another_name_of_the_id_and_renewal_by_get_are_as_the_vendor_wants_them() {
    static JSON: Spec = Spec {
        oauth: Some(OAuth2 {
            token_url: TOKEN_URL,
            client_auth: ClientAuth::Json,
            client_id_parameter: "client_key",
            ..OAuth2::BASE
        }),
        ..BASE
    };
    static BASIC_JSON: Spec = Spec {
        oauth: Some(OAuth2 {
            token_url: TOKEN_URL,
            client_auth: ClientAuth::BasicJson,
            ..OAuth2::BASE
        }),
        ..BASE
    };
    static BY_GET: Spec = Spec {
        oauth: Some(OAuth2 {
            token_url: TOKEN_URL,
            refresh: Refresh {
                method: "GET",
                url: Some("https://graph.example.com/renew"),
                params: &[("grant_type", "ig_refresh_token"), ("access_token", "{access_token}")],
                ..Refresh::BASE
            },
            ..OAuth2::BASE
        }),
        ..BASE
    };
    let vendor = Vendor::start(|_, _| json(200, r#"{"access_token":"new"}"#)).await;
    let body = async |spec| {
        renew(&vendor, spec).await.unwrap();
        let seen = vendor.seen().pop().unwrap();
        assert_eq!(seen.headers["content-type"], "application/json");
        (serde_json::from_str::<Value>(&seen.body).unwrap(), seen.header("authorization").is_some())
    };
    let mut pairs = value!({"grant_type": "refresh_token", "refresh_token": "hush-refresh"});
    assert_eq!(body(&BASIC_JSON).await, (pairs.clone(), true));
    pairs["client_key"] = "app-id".into();
    pairs["client_secret"] = "hush-app".into();
    assert_eq!(body(&JSON).await, (pairs, false));

    // It needs no app: the token renews itself.
    let transport = vendor.transport();
    refresh(&transport, &BY_GET, None, &BTreeMap::new(), &grant()).await.unwrap();
    let seen = vendor.seen().pop().unwrap();
    let target =
        "/example/graph.example.com/renew?grant_type=ig_refresh_token&access_token=hush-old";
    assert_eq!((seen.method, seen.target.as_str(), seen.body.as_str()), (Method::GET, target, ""));
}

#[tokio::test]
async fn a_refusal_of_the_grant_asks_for_a_new_link() {
    for (spec, status, body) in [
        (&POST, 400, r#"{"error":"invalid_grant","error_description":"hush"}"#),
        (&BASIC, 401, r#"{"error":"invalid_grant"}"#),
        (&BASIC, 200, r#"{"ok":false,"error":"invalid_refresh_token"}"#),
        (&BASIC, 200, r#"{"error":"invalid_grant"}"#),
        (&BASIC, 400, r#"{"message":"Bad Request","error":400}"#),
    ] {
        let (error, requests) = refused(spec, status, body).await;
        let RefreshError::Reconnect(why) = &error else { panic!("{body}: {error:?}") };
        assert!(why.contains("Example no longer renews the access"), "{why}");
        assert!(!why.contains("hush"), "{why}");
        assert_eq!(requests, 1);
        assert!(matches!(Error::from(error), Error::Reconnect(_)));
    }
}

#[tokio::test]
async fn a_refusal_of_the_app_names_the_variables_and_leaves_the_grant_alone() {
    for (spec, status, body) in [
        (&POST, 401, r#"{"error":"invalid_client"}"#),
        (&BASIC, 200, r#"{"ok":false,"error":"bad_client_secret"}"#),
        (&BASIC, 401, r#"{"message":"Unauthorized","error":401}"#),
    ] {
        let (error, _) = refused(spec, status, body).await;
        let names = "EXA_MPLE_OAUTH_CLIENT_ID and EXA_MPLE_OAUTH_CLIENT_SECRET";
        assert!(error.to_string().starts_with(names), "{error}");
        assert!(matches!(Error::from(error), Error::Invalid { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_on_the_way_never_ends_the_grant() {
    for (status, body) in [
        (500, r#"{"error":"invalid_grant"}"#),
        (503, "down"),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (200, "<html>log in to this network</html>"),
        (403, "<html>blocked</html>"),
        (400, r#"{"error":"invalid_scope"}"#),
        (404, "{}"),
    ] {
        let (error, _) = refused(&POST, status, body).await;
        let remedy = Error::from(error.clone()).remedy();
        assert!(
            matches!(remedy, Remedy::TryLater(_) | Remedy::Report),
            "{status} {body}: {error:?}"
        );
    }
    let broken = Vendor::raw(|_| Vec::new()).await;
    let error = renew(&broken, &BASIC).await.unwrap_err();
    assert!(matches!(error, RefreshError::Failed(Error::Unavailable(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_changes_is_not_used_a_second_time_after_a_lost_answer() {
    let lost = |n| match n {
        0 => b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"access_".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{\"access_token\":\"new\"}".to_vec(),
    };
    let vendor = Vendor::raw(lost).await;
    let error = renew(&vendor, &BASIC).await.unwrap_err();
    assert!(matches!(error, RefreshError::Failed(Error::Unavailable(_))), "{error:?}");
    assert_eq!(vendor.seen().len(), 1);
    assert_eq!(refused(&BASIC, 503, "{}").await.1, 1);

    // One that stays may be used again.
    let vendor = Vendor::raw(lost).await;
    renew(&vendor, &POST).await.unwrap();
    assert_eq!(vendor.seen().len(), 2);

    // A vendor that refused to look changed nothing.
    let vendor = Vendor::start(|n, _| match n {
        0 => with_header(429, "retry-after", "2"),
        _ => json(200, r#"{"access_token":"new"}"#),
    });
    renew(&vendor.await, &BASIC).await.unwrap();
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_sent() {
    let vendor = Vendor::start(|_, _| "{}").await;
    let transport = vendor.transport();
    let empty = Grant::default();
    let no_token =
        refresh(&transport, &POST, Some(&app()), &BTreeMap::new(), &empty).await.unwrap_err();
    let no_app = refresh(&transport, &BASIC, None, &BTreeMap::new(), &grant()).await.unwrap_err();
    let no_oauth = refresh(&transport, &BASE_ONLY, Some(&app()), &BTreeMap::new(), &grant())
        .await
        .unwrap_err();
    for (error, word) in [
        (no_token, "no token that Example could renew"),
        (no_app, "EXA_MPLE_OAUTH_CLIENT_SECRET"),
        (no_oauth, "Example"),
    ] {
        assert!(matches!(&error, RefreshError::Reconnect(why) if why.contains(word)), "{error:?}");
    }
    assert!(vendor.seen().is_empty());
}

static BASE_ONLY: Spec = BASE;

#[tokio::test]
async fn a_customers_own_address_must_have_its_declared_form() {
    static TENANT: Spec = Spec {
        oauth: Some(OAuth2 { token_url: "https://{tenant}.example.net/token", ..OAuth2::BASE }),
        fields: &[Field { name: "tenant", pattern: "[a-z0-9-]+", ..Field::BASE }],
        ..BASE
    };
    let vendor = Vendor::start(|_, _| json(200, r#"{"access_token":"new"}"#)).await;
    let renew = async |tenant: &str| {
        let settings = BTreeMap::from([("tenant".to_owned(), value!(tenant))]);
        refresh(&vendor.transport(), &TENANT, Some(&app()), &settings, &grant()).await
    };
    renew("acme").await.unwrap();
    assert_eq!(vendor.seen()[0].target, "/example/acme.example.net/token");
    for bad in ["evil.example/?", "a@b", "a:1", "a?b", "a#b", "a b", "a%2f", "ä", ""] {
        assert!(renew(bad).await.is_err(), "{bad}");
    }
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_secret_of_a_renewal_shows_anywhere() {
    log::listen();
    let mut said = Vec::new();
    for status in [200, 400, 401, 403, 503] {
        let vendor = Vendor::start(move |_, seen: &Seen| {
            json(status, &value!({"error": "odd", "error_description": seen.body}).to_string())
        });
        let error = renew(&vendor.await, &POST).await.unwrap_err();
        said.push(format!("{error} {error:?} {}", Error::from(error.clone())));
    }
    let vendor = Vendor::start(|_, _| {
        json(200, r#"{"access_token":"hush-new","refresh_token":"hush-newer"}"#)
    });
    said.push(format!("{:?} {:?} {:?}", renew(&vendor.await, &POST).await, app(), grant()));
    let log = log::heard();
    assert!(log.contains("login.example.com"), "the log was listened to");
    assert_eq!(said.iter().find(|said| said.contains("hush")), None);
    assert_eq!(log.lines().find(|line| line.contains("hush")), None);
}
