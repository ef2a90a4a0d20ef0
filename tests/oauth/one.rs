//! The vendor that has OAuth 1.0a: signed requests, temporary credentials, and no state of its own.

use axum::response::{IntoResponse as _, Response};
use neotoma_importers::app::AttemptStatus;
use percent_encoding::percent_decode_str;

use crate::{
    browser::{Browser, Shown},
    vendor::{Seen, raw},
    world::{CLIENT_ID, CLIENT_SECRET, World},
};

const ADDRESS: &str = "www.evernote.com/oauth";

/// A Thrift reply: the fields as they are.
fn reply(method: &str, fields: &[u8]) -> Response {
    let text = |text: &str| {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
    };
    let head = [&[0x80, 1, 0, 2][..], &text(method), &[0, 0, 0, 1]].concat();
    [&head[..], fields, &[0]].concat().into_response()
}

/// A parameter of the `Authorization: OAuth` header.
fn signed(seen: &Seen, name: &str) -> Option<String> {
    let header = seen.header("authorization")?.strip_prefix("OAuth ")?;
    let mut pairs = header.split(',').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(own, _)| *own == name)?;
    Some(percent_decode_str(value.trim_matches('"')).decode_utf8().unwrap().into_owned())
}

fn vendor(seen: &Seen) -> Response {
    match seen.at.as_str() {
        ADDRESS => match (signed(seen, "oauth_token"), signed(seen, "oauth_verifier")) {
            (None, None) => raw(
                200,
                "oauth_token=zoe.1&oauth_token_secret=hush-temporary&oauth_callback_confirmed=true",
            ),
            (Some(token), Some(verifier)) if token == "zoe.1" && verifier == "hush-verifier" => {
                raw(
                    200,
                    "oauth_token=hush-access&oauth_token_secret=&edam_shard=s4&edam_userId=161&edam_expires=4102444800000\
                 &edam_noteStoreUrl=https%3A%2F%2Fwww.evernote.com%2Fshard%2Fs4%2Fnotestore",
                )
            }
            other => raw(401, format!("{other:?}")),
        },
        "www.evernote.com/edam/user" if seen.body.contains("checkVersion") => {
            reply("checkVersion", &[2, 0, 0, 1])
        }
        "www.evernote.com/edam/user" if seen.body.contains("hush-access") => reply(
            "getUser",
            &[&[12, 0, 0, 8, 0, 1, 0, 0, 0, 161, 11, 0, 2, 0, 0, 0, 3][..], b"zoe", &[0]].concat(),
        ),
        other => raw(404, other),
    }
}

/// Goes from our page to the vendor's. Answers the browser, the vendor's page, and where that sends people back to.
async fn sent(world: &World, page: &str) -> (Browser, String, String) {
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(page, &[]).await;
    let asked = world.vendor.seen_at(ADDRESS);
    (browser, vendor.to_string(), signed(asked.last().unwrap(), "oauth_callback").unwrap())
}

async fn back(browser: &Browser, callback: &str, more: &str) -> Shown {
    let shown = browser.get(&format!("{callback}&{more}")).await;
    let Some(location) = &shown.location else { return shown };
    let at = url::Url::parse(callback).unwrap().join(location).unwrap();
    browser.get(at.as_str()).await
}

#[tokio::test]
async fn an_account_is_linked_by_signed_requests_and_its_token_ends_when_the_vendor_says() {
    let world = World::new(vendor).await;
    let attempt = world.start("evernote").await;
    let page = attempt.authorization_url.clone().unwrap();
    let (browser, vendor, callback) = sent(&world, &page).await;
    assert_eq!(vendor, "https://www.evernote.com/OAuth.action?oauth_token=zoe.1");
    assert!(callback.contains("/oauth/evernote/callback?state="), "{callback}");
    let shown = back(&browser, &callback, "oauth_token=zoe.1&oauth_verifier=hush-verifier").await;
    assert!(shown.heading().ends_with("is linked"), "{}", shown.text);

    let now = world.now(&attempt).await;
    let connector = world.app.connector(&world.owner, now.connector_id.unwrap()).await.unwrap();
    assert_eq!(connector.account_identifier, "zoe");
    assert_eq!(connector.secrets_set, ["access_token", "expires_at"]);
    assert_eq!(
        connector.metadata["note_store_url"], "https://www.evernote.com/shard/s4/notestore",
        "the account's own place"
    );
    let asked = world.vendor.seen_at(ADDRESS);
    assert_eq!(asked.len(), 2);
    for request in &asked {
        assert_eq!(signed(request, "oauth_consumer_key").as_deref(), Some(CLIENT_ID));
        assert_eq!(signed(request, "oauth_signature_method").as_deref(), Some("HMAC-SHA1"));
        assert!(!format!("{request:?}").contains(CLIENT_SECRET), "it signs, and is not sent");
    }
    let nonce = |at: usize| signed(&asked[at], "oauth_nonce").unwrap();
    assert_ne!(nonce(0), nonce(1));
}

#[tokio::test]
async fn who_says_no_links_nothing_and_a_state_of_nobodys_neither() {
    let world = World::new(vendor).await;
    let attempt = world.start("evernote").await;
    let page = attempt.authorization_url.clone().unwrap();
    let (browser, _, callback) = sent(&world, &page).await;
    let forged = callback.replace("state=", "state=x");
    let shown = back(&browser, &forged, "oauth_token=zoe.1&oauth_verifier=hush-verifier").await;
    assert_ne!(shown.status, 200, "{}", shown.text);
    back(&browser, &callback, "oauth_token=zoe.1&sandbox_lnb=false").await;
    let now = world.now(&attempt).await;
    assert_eq!((now.status, now.connector_id), (AttemptStatus::Failed, None));
    assert_eq!(world.vendor.seen_at(ADDRESS).len(), 1, "nothing was exchanged");
}

#[tokio::test]
async fn an_app_that_is_not_accepted_is_named_before_anybody_is_sent_away() {
    let world = World::new(|_| raw(401, "oauth_problem=consumer_key_unknown")).await;
    let attempt = world.start("evernote").await;
    let browser = Browser::new();
    let page = browser.get(attempt.authorization_url.as_deref().unwrap()).await;
    let shown = browser.send_form(&page, attempt.authorization_url.as_deref().unwrap(), &[]).await;
    assert!(shown.text.contains("EVERNOTE_OAUTH_CLIENT_ID"), "{}", shown.text);
    assert_eq!(world.now(&attempt).await.connector_id, None);
}
