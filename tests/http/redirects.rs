//! Answers that point elsewhere.

use std::sync::atomic::Ordering;

use neotoma_importers::error::Error;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::vendor::{API, Seen, Vendor, json, with_header};

/// A vendor whose `/from` points to `location`.
async fn pointing(status: u16, location: &'static str) -> Vendor {
    Vendor::start(move |_, seen: &Seen| {
        if seen.target.ends_with("/from") {
            with_header(status, "location", location)
        } else {
            json(200, "17")
        }
    })
    .await
}

fn targets(vendor: &Vendor) -> Vec<String> {
    vendor.seen().into_iter().map(|seen| seen.target).collect()
}

#[tokio::test]
async fn at_the_same_host_the_credentials_go_along() {
    for (status, location) in [
        (301, "/to?a=b"),
        (302, "https://api.example.com/to?a=b"),
        (303, "to?a=b"),
        (308, "//api.example.com/to?a=b#c"),
    ] {
        let vendor = pointing(status, location).await;
        let call = vendor.client().get(format!("{API}/from")).header("x-api-key", "hush");
        assert_eq!(call.json::<u8>().await, Ok(17));
        assert_eq!(targets(&vendor)[1], "/example/api.example.com/to?a=b");
        let to = &vendor.seen()[1];
        assert_eq!(to.header("authorization"), Some("Bearer token-1"));
        assert_eq!(to.header("x-api-key"), Some("hush"));
    }
}

#[tokio::test]
async fn to_another_host_or_port_no_credential_goes_along() {
    for location in ["https://files.example.com/to", "https://api.example.com:8443/to"] {
        let vendor = pointing(302, location).await;
        let call = vendor.client().get(format!("{API}/from"));
        let call = call
            .header("x-api-key", "hush")
            .header("cookie", "hush")
            .header("accept-language", "de");
        assert_eq!(call.json::<u8>().await, Ok(17));
        let to = &vendor.seen()[1];
        assert!(to.header("authorization").is_none(), "{to:?}");
        assert!(!format!("{to:?}").contains("hush"), "{to:?}");
        assert_eq!(to.header("accept"), Some("application/json"));
        assert_eq!(to.header("accept-language"), Some("de"));
    }
}

#[tokio::test]
async fn a_refusal_at_another_host_does_not_end_the_grant() {
    let vendor = Vendor::start(|n, _| match n {
        0 => with_header(302, "location", "https://files.example.com/to"),
        _ => json(401, "{}"),
    });
    let vendor = vendor.await;
    let account = vendor.account();
    let done = account.client.get(format!("{API}/from")).json::<Value>().await;
    assert!(matches!(done, Err(Error::Unexpected { .. })), "{done:?}");
    assert_eq!(account.tokens.renewals.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_redirect_off_the_vendors_hosts_is_refused() {
    for location in [
        "https://evil.example/to",
        "https://api.example.com.evil.example/to",
        "https://hush:hush@api.example.com/to",
        "http://api.example.com/to",
        "https://127.0.0.1/to",
        "ftp://api.example.com/to",
        "https://",
    ] {
        let vendor = pointing(302, location).await;
        let error = vendor.client().get(format!("{API}/from")).json::<u8>().await.unwrap_err();
        assert!(matches!(error, Error::Unexpected { .. }), "{location}: {error}");
        assert!(!error.to_string().contains("hush"), "{error}");
        assert_eq!(vendor.seen().len(), 1, "{location}");
    }
}

#[tokio::test]
async fn redirects_end_after_five() {
    let vendor = Vendor::start(|n, _| with_header(302, "location", &format!("/{n}"))).await;
    let account = vendor.account();
    let error = account.client.get(format!("{API}/from")).json::<u8>().await.unwrap_err();
    assert_eq!(
        error,
        Error::unexpected("GET api.example.com/from", "redirected more than 5 times")
    );
    assert_eq!((vendor.seen().len(), account.meter.requests()), (6, 6));
}

#[tokio::test]
async fn what_writes_is_not_redirected_and_what_may_be_repeated_keeps_method_and_body() {
    let vendor = pointing(307, "/to").await;
    let post = |vendor: &Vendor| vendor.client().post(format!("{API}/from")).body_json(&["x"]);
    assert!(matches!(post(&vendor).json::<u8>().await, Err(Error::Unexpected { .. })));
    assert_eq!(vendor.seen().len(), 1);
    assert_eq!(post(&vendor).idempotent().json::<u8>().await, Ok(17));
    let to = vendor.seen().pop().unwrap();
    assert_eq!((to.method, to.body.as_str()), (Method::POST, r#"["x"]"#));

    let found = pointing(302, "/to").await;
    assert!(matches!(post(&found).idempotent().json::<u8>().await, Err(Error::Unexpected { .. })));
    let away = pointing(307, "https://files.example.com/to").await;
    assert!(matches!(post(&away).idempotent().json::<u8>().await, Err(Error::Unexpected { .. })));
    assert_eq!(away.seen().len(), 1, "the body does not leave for another host");

    let dav = pointing(301, "/to").await;
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    let call = dav.client().call(propfind.clone(), format!("{API}/from")).body("text/xml", "<x/>");
    assert_eq!(call.text().await.unwrap(), "17");
    let to = dav.seen().pop().unwrap();
    assert_eq!((to.method, to.body.as_str()), (propfind, "<x/>"));
}

#[tokio::test]
async fn a_redirect_that_is_asked_for_is_an_answer() {
    let vendor = pointing(302, "https://elsewhere.example/file").await;
    let answer =
        vendor.client().get(format!("{API}/from")).accepting(StatusCode::FOUND).answer().await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers["location"], "https://elsewhere.example/file");
}
