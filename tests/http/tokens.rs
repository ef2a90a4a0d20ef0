//! Tokens that are refused.

use std::sync::atomic::Ordering;

use neotoma_importers::error::Error;
use serde_json::Value;

use crate::vendor::{API, Account, Seen, Vendor, json};

fn sent(vendor: &Vendor) -> Vec<Option<String>> {
    let tokens = vendor.seen().into_iter();
    tokens.map(|seen| seen.header("authorization").map(str::to_owned)).collect()
}

fn renewals(account: &Account) -> usize {
    account.tokens.renewals.load(Ordering::Relaxed)
}

fn both() -> [Option<String>; 2] {
    ["Bearer token-1", "Bearer token-2"].map(|sent| Some(sent.to_owned()))
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_repeated_whatever_its_method() {
    for refusal in [json(401, "{}"), json(403, r#"{"error":"dead_token"}"#)].map(|r| r.status()) {
        let vendor = Vendor::start(move |_, seen: &Seen| {
            let fresh = seen.header("authorization") == Some("Bearer token-2");
            json(if fresh { 200 } else { refusal.as_u16() }, r#"{"error":"dead_token"}"#)
        });
        let vendor = vendor.await;
        let account = vendor.account();
        account.client.post(format!("{API}/a")).json::<Value>().await.unwrap();
        assert_eq!(sent(&vendor), both());
        assert_eq!(renewals(&account), 1);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_twice_needs_a_person() {
    let vendor = Vendor::start(|_, _| json(401, "{}")).await;
    let account = vendor.account();
    let done = account.client.get(format!("{API}/a")).json::<Value>().await;
    assert!(matches!(done, Err(Error::Reconnect(_))), "{done:?}");
    assert_eq!((vendor.seen().len(), renewals(&account)), (2, 1));
}

#[tokio::test]
async fn a_renewal_that_does_not_get_through_does_not_end_the_grant() {
    let vendor = Vendor::start(|_, _| json(401, "{}")).await;
    let account = vendor.account();
    let failure = Error::Unavailable("the network".into());
    *account.tokens.fails.lock().unwrap() = Some(failure.clone());
    let done = account.client.get(format!("{API}/a")).json::<Value>().await;
    assert_eq!(done, Err(failure));
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test]
async fn only_the_accounts_own_token_is_renewed() {
    let vendor = Vendor::start(|_, _| json(401, "{}")).await;
    let account = vendor.account();
    let call = || account.client.get(format!("{API}/a"));
    for call in [
        call().bearer("page".into()),
        call().anonymous(),
        call().header("authorization", "Bot x"),
        call().basic(&"Aladdin".into(), &"open sesame".into()),
    ] {
        assert!(matches!(call.json::<Value>().await, Err(Error::Reconnect(_))));
    }
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="; // the example of RFC 7617
    let own = [Some("Bearer page".into()), None, Some("Bot x".into()), Some(basic.into())];
    assert_eq!(sent(&vendor), own);
    assert_eq!(renewals(&account), 0);
}

#[tokio::test]
async fn a_token_that_is_refused_with_status_200_is_renewed_too() {
    let vendor = Vendor::start(|n, _| {
        json(200, if n == 0 { r#"{"ok":false,"error":"token_expired"}"# } else { r#"{"ok":true}"# })
    });
    let vendor = vendor.await;
    let account = vendor.account();
    let call = account.client.post(format!("{API}/a")).errors_in_ok();
    assert_eq!(call.json::<Value>().await.unwrap()["ok"], true);
    assert_eq!(sent(&vendor), both());
}

#[tokio::test]
async fn a_status_that_is_asked_for_is_an_answer() {
    let vendor = Vendor::start(|_, _| json(404, "17")).await;
    let call = vendor.client().get(format!("{API}/a")).accepting(reqwest::StatusCode::NOT_FOUND);
    assert_eq!(call.json::<u8>().await, Ok(17));
}
