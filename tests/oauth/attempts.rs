//! What must not be possible with an attempt: twice, late, by another browser, for another person, to elsewhere.

use neotoma_importers::app::{AttemptStatus, Error, StartRequest};
use serde_json::json as value;

use crate::{
    browser::{Browser, callback, parameter},
    vendor::{Vendor, json},
    world::{World, owner, usual},
};

const TOKEN: &str = "oauth2.googleapis.com/token";

#[tokio::test]
async fn a_state_serves_once() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let browser = Browser::new();
    let page = attempt.authorization_url.as_deref().unwrap();
    let vendor = browser.go_to_vendor(page, &[]).await;
    browser.come_back(&vendor, &[("code", "hush-code")]).await;
    // Reloaded by the same browser it shows what became of it; another code changes nothing.
    for code in ["hush-code", "other"] {
        let again = browser.come_back(&vendor, &[("code", code)]).await;
        assert_eq!(again.heading(), "Gmail is linked");
    }
    assert_eq!(world.vendor.seen_at(TOKEN).len(), 1);
    // And its page goes on no more.
    let over = browser.get(page).await;
    assert_eq!(over.heading(), "Gmail is linked");
}

#[tokio::test]
async fn only_the_browser_that_went_on_can_come_back() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let (own, foreign) = (Browser::new(), Browser::new());
    let page = attempt.authorization_url.as_deref().unwrap();
    let vendor = own.go_to_vendor(page, &[]).await;
    // Without a cookie, and with one of another attempt's.
    let refused = foreign.get(&callback(&vendor, &[("code", "hush-code")])).await;
    assert_eq!(
        (refused.status.as_u16(), &*refused.heading()),
        (403, "This belongs to another browser")
    );
    let other = world.start("gmail").await;
    foreign.go_to_vendor(other.authorization_url.as_deref().unwrap(), &[]).await;
    let refused = foreign.get(&callback(&vendor, &[("code", "hush-code")])).await;
    assert_eq!(refused.status, 403);
    assert!(world.vendor.seen_at(TOKEN).is_empty(), "nothing was exchanged");
    // Nor is it over by that.
    let shown = own.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(shown.heading(), "Gmail is linked");
}

#[tokio::test]
async fn a_page_that_one_browser_went_on_from_is_closed_to_another() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let page = attempt.authorization_url.as_deref().unwrap();
    let (first, second) = (Browser::new(), Browser::new());
    // Looking changes nothing: both are shown the page.
    let (shown_first, shown_second) = (first.get(page).await, second.get(page).await);
    let gone = first.send_form(&shown_first, page, &[]).await;
    assert_eq!(gone.status, 303);
    let late = second.send_form(&shown_second, page, &[]).await;
    assert_eq!((late.status.as_u16(), &*late.heading()), (403, "This belongs to another browser"));
    assert_eq!(second.get(page).await.status, 403);
    // The one that went on may do so once more; then only the last state counts.
    let again = first.go_to_vendor(page, &[]).await;
    let before = reqwest::Url::parse(gone.location.as_deref().unwrap()).unwrap();
    let stale = first.come_back(&before, &[("code", "hush-code")]).await;
    assert_eq!((stale.status.as_u16(), &*stale.heading()), (400, "Nobody waits for this sign-in"));
    let shown = first.come_back(&again, &[("code", "hush-code")]).await;
    assert_eq!(shown.heading(), "Gmail is linked");
    assert_eq!(second.get(page).await.heading(), "This link leads nowhere");
}

#[tokio::test]
async fn a_form_that_did_not_come_from_our_page_goes_nowhere() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let page = attempt.authorization_url.as_deref().unwrap();
    let browser = Browser::new();
    browser.get(page).await;
    let post = |body: &'static str| browser.request(reqwest::Method::POST, page).body(body);
    for request in [
        post(""),
        post("form_token="),
        post("form_token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        post("form_token=x").header("origin", "https://evil.test"),
        post("form_token=x").header("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(browser.send(request).await.status, 400);
    }
    let stranger = Browser::new();
    let request = stranger.request(reqwest::Method::POST, page).body("form_token=x");
    assert_eq!(stranger.send(request).await.status, 400);
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Pending);
}

#[tokio::test]
async fn an_attempt_that_is_too_old_goes_no_further_wherever_it_stands() {
    let world = World::new(usual).await;
    let fresh = world.start("gmail").await;
    world.expire(&fresh).await;
    let page = Browser::new().get(fresh.authorization_url.as_deref().unwrap()).await;
    assert_eq!((page.status.as_u16(), &*page.heading()), (410, "This link is too old"));
    assert_eq!(world.now(&fresh).await.status, AttemptStatus::Expired);

    let shown = world.start("gmail").await;
    let browser = Browser::new();
    let page = browser.get(shown.authorization_url.as_deref().unwrap()).await;
    world.expire(&shown).await;
    let late = browser.send_form(&page, shown.authorization_url.as_deref().unwrap(), &[]).await;
    assert_eq!(late.heading(), "This link is too old");

    let opened = world.start("gmail").await;
    let vendor = browser.go_to_vendor(opened.authorization_url.as_deref().unwrap(), &[]).await;
    world.expire(&opened).await;
    let late = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(late.heading(), "This link is too old");
    assert!(world.vendor.seen().is_empty(), "nothing was exchanged");
}

#[tokio::test]
async fn what_the_vendor_refuses_is_told_and_its_texts_are_not() {
    let world = World::new(usual).await;
    for (error, heading, problem) in [
        ("access_denied", "Gmail was not linked", "was not given the permission"),
        ("invalid_scope", "Gmail was not linked", "permissions"),
        ("unauthorized_client", "Gmail was not linked", "does not accept the app"),
        ("some_new_error", "Gmail was not linked", "some_new_error"),
        ("<script>alert(1)</script>", "Gmail was not linked", "an error"),
    ] {
        let attempt = world.start("gmail").await;
        let browser = Browser::new();
        let page = attempt.authorization_url.as_deref().unwrap();
        let vendor = browser.go_to_vendor(page, &[]).await;
        let answer = [("error", error), ("error_description", "<b>Call 555-0100</b>")];
        let shown = browser.come_back(&vendor, &answer).await;
        assert_eq!(shown.heading(), heading);
        assert!(!shown.text.contains("555-0100") && !shown.text.contains("<script"));
        let now = world.now(&attempt).await;
        assert_eq!(now.status, AttemptStatus::Failed);
        assert!(now.problem.as_deref().unwrap().contains(problem), "{now:?}");
    }
    let attempt = world.start("gmail").await;
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(attempt.authorization_url.as_deref().unwrap(), &[]).await;
    let empty = browser.come_back(&vendor, &[]).await;
    assert!(empty.text.contains("neither a code nor an error"), "{}", empty.text);
    assert!(world.vendor.seen().is_empty());
}

#[tokio::test]
async fn a_state_that_nobody_gave_out_or_that_is_anothers_is_of_no_use() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(attempt.authorization_url.as_deref().unwrap(), &[]).await;
    let state = parameter(&vendor, "state");
    let at = format!("http://localhost:{}", world.port);
    for path in [
        "/oauth/google/callback?code=c&state=AAAA".to_owned(),
        "/oauth/google/callback?code=c".to_owned(),
        format!("/oauth/slack/callback?code=c&state={state}"),
        format!("/oauth/nobody/callback?code=c&state={state}"),
        format!("/oauth/google/callback?code=c&state={}", "s".repeat(40 << 10)),
    ] {
        let shown = browser.get(&format!("{at}{path}")).await;
        assert_eq!(
            (shown.status.as_u16(), &*shown.heading()),
            (400, "Nobody waits for this sign-in")
        );
    }
    let unknown = browser.get(&format!("{at}/connect/{}", "a".repeat(32))).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(browser.get(&format!("{at}/connect/..%2f..%2fetc")).await.status, 404);
    assert!(world.vendor.seen().is_empty());
}

#[tokio::test]
async fn an_attempt_is_its_owners_alone() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let id = attempt.attempt_id.parse().unwrap();
    let stranger = owner();
    let unknown = world.app.attempt(&stranger, &id).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownAttempt(_)));
    world.app.cancel_attempt(&stranger, &id).await.unwrap();
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Pending);
    assert!(world.app.attempts(&stranger).await.unwrap().is_empty());
    assert_eq!(world.app.attempts(&world.owner).await.unwrap().len(), 1);
    world.app.cancel_attempt(&world.owner, &id).await.unwrap();
    let over = Browser::new().get(attempt.authorization_url.as_deref().unwrap()).await;
    assert!(over.text.contains("called off"), "{}", over.text);
}

#[tokio::test]
async fn the_oldest_of_too_many_attempts_give_way() {
    let world = World::new(usual).await;
    let first = world.start("gmail").await;
    for _ in 0..20 {
        world.start("gmail").await;
    }
    assert_eq!(world.now(&first).await.status, AttemptStatus::Expired);
}

#[tokio::test]
async fn a_person_is_sent_on_only_to_where_it_is_allowed_and_told_how_it_went() {
    let vendor = Vendor::start(usual).await;
    let world = World::with(vendor, |settings| {
        settings.allowed_redirects = vec!["https://app.example.com/done".parse().unwrap()];
    })
    .await;
    let start = async |to: &str| {
        let request = StartRequest {
            provider: "gmail".into(),
            redirect_to: Some(to.into()),
            ..Default::default()
        };
        world.start_as(request).await
    };
    for bad in ["https://evil.test/", "https://app.example.com/", "javascript:alert(1)"] {
        let refused = start(bad).await.unwrap_err().to_string();
        assert!(refused.contains("NEOTOMA_ALLOWED_REDIRECTS") || refused.contains("redirect_to"));
        assert!(!refused.contains("evil"), "{refused}");
    }
    let to = "https://app.example.com/done?tab=mail";
    let mut ends = Vec::new();
    for answer in [("code", "hush-code"), ("error", "access_denied")] {
        let attempt = start(to).await.unwrap();
        let browser = Browser::new();
        let page = attempt.authorization_url.as_deref().unwrap();
        let vendor = browser.go_to_vendor(page, &[]).await;
        ends.push(browser.come_back(&vendor, &[answer]).await.location.unwrap());
    }
    let late = start(to).await.unwrap();
    world.expire(&late).await;
    let expired = Browser::new().get(late.authorization_url.as_deref().unwrap()).await;
    ends.push(expired.location.unwrap());
    assert_eq!(
        ends,
        [
            format!("{to}&oauth=success&provider=gmail"),
            format!("{to}&oauth=error&provider=gmail&reason=access_denied"),
            format!("{to}&oauth=error&provider=gmail&reason=expired"),
        ]
    );
}

#[tokio::test]
async fn an_app_that_sends_people_back_elsewhere_is_awaited_there() {
    let port = crate::world::free_port();
    let vendor = Vendor::start(usual).await;
    let world = World::with(vendor, |settings| {
        settings.callback_port = Some(port);
        settings.apps = neotoma_importers::oauth::Apps::read(["google"], |name| match name {
            "GOOGLE_OAUTH_REDIRECT_URI" => Some(format!("http://127.0.0.1:{port}/my/callback")),
            _ => Some("x".into()),
        })
        .unwrap();
    })
    .await;
    let attempt = world.start("gmail").await;
    let page = attempt.authorization_url.as_deref().unwrap();
    assert!(page.starts_with(&format!("http://127.0.0.1:{port}/connect/")), "{page}");
    let browser = Browser::new();
    let vendor = browser.go_to_vendor(page, &[]).await;
    assert!(parameter(&vendor, "redirect_uri").ends_with("/my/callback"));
    let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(shown.heading(), "Gmail is linked");
}

#[tokio::test]
async fn what_stands_in_the_way_of_beginning_is_said_with_what_to_do() {
    let vendor = Vendor::start(|_| json(500, &value!({}))).await;
    let world = World::with(vendor, |settings| {
        settings.apps = neotoma_importers::oauth::Apps::default();
    })
    .await;
    let refused = async |provider: &str| {
        let request = StartRequest { provider: provider.into(), ..Default::default() };
        world.start_as(request).await.unwrap_err()
    };
    let said = refused("gmail").await.to_string();
    assert!(said.contains("GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET"), "{said}");
    assert!(said.contains(&format!("http://localhost:{}/oauth/google/callback", world.port)));
    assert!(matches!(refused("gmial").await, Error::UnknownProvider { .. }));
}
