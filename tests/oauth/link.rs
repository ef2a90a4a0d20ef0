//! The whole way of linking an account: from the page by the vendor to the connector.

use std::{sync::Arc, time::Duration};

use neotoma_importers::{
    app::{AttemptStatus, LinkRequest, StartRequest},
    ids::ConnectorId,
};
use serde_json::json as value;
use tokio::{sync::Notify, time::Instant};

use crate::{
    browser::{Browser, callback, parameter},
    vendor::{Vendor, json, raw},
    world::{CLIENT_SECRET, World, account, usual},
};

#[tokio::test]
async fn an_account_is_linked_by_consent_and_can_be_used() {
    let world = World::new(usual).await;
    for (provider, identifier, token_at) in [
        ("gmail", "ann@example.com", "oauth2.googleapis.com/token"),
        ("slack", "T1:U1", "slack.com/api/oauth.v2.access"),
        ("asana", "12", "app.asana.com/-/oauth_token"),
    ] {
        let attempt = world.start(provider).await;
        assert_eq!(attempt.status, AttemptStatus::Pending);
        let page = attempt.authorization_url.clone().unwrap();
        assert!(page.starts_with(&format!("http://localhost:{}/connect/", world.port)), "{page}");
        assert!(!page.contains("state"), "only our own page is given out");
        let browser = Browser::new();
        let vendor = browser.go_to_vendor(&page, &[]).await;
        assert_eq!(world.now(&attempt).await.status, AttemptStatus::Opened);
        let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
        assert_eq!(shown.status, 200);
        assert!(shown.heading().ends_with("is linked"), "{}", shown.text);

        let now = world.now(&attempt).await;
        assert_eq!(now.status, AttemptStatus::Linked);
        assert_eq!(now.authorization_url, None);
        let connector = world.app.connector(&world.owner, now.connector_id.unwrap()).await.unwrap();
        assert_eq!(connector.account_identifier, identifier);
        assert_eq!(connector.secrets_set, ["access_token", "expires_at", "refresh_token"]);
        let asked = world.vendor.seen_at(token_at);
        assert_eq!(asked.len(), 1, "{provider}");
        assert_eq!(
            asked[0].param("redirect_uri"),
            Some(parameter(&vendor, "redirect_uri").into()),
            "the same address both times"
        );
        assert!(asked[0].param("code_verifier").is_some());
    }
}

#[tokio::test]
async fn nothing_that_is_secret_stands_in_a_page_a_view_or_the_attempts_row() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let page = attempt.authorization_url.clone().unwrap();
    let browser = Browser::new();
    let mut said = vec![browser.get(&page).await.text, format!("{attempt:?}")];
    let vendor = browser.go_to_vendor(&page, &[]).await;
    let stored = async || {
        let row: String = sqlx::query_scalar(
            "SELECT row_to_json(oauth_attempts)::text FROM oauth_attempts WHERE id = $1",
        )
        .bind(&attempt.attempt_id)
        .fetch_one(world.pool())
        .await
        .unwrap();
        row
    };
    said.push(stored().await);
    said.push(browser.come_back(&vendor, &[("code", "hush-code")]).await.text);
    let end = stored().await;
    assert!(end.contains("\"secrets_envelope\":null"), "{end}");
    said.extend([end, format!("{:?}", world.now(&attempt).await)]);
    let verifier = world.vendor.seen_at("oauth2.googleapis.com/token")[0].param("code_verifier");
    let mut secrets = vec![
        "hush".to_owned(),
        CLIENT_SECRET.to_owned(),
        parameter(&vendor, "state"),
        verifier.unwrap().as_str().unwrap().to_owned(),
    ];
    secrets.extend(browser.cookies());
    for text in &said {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn an_account_that_needs_it_is_linked_again_and_no_other_in_its_place() {
    let world = World::new(usual).await;
    let request = LinkRequest {
        provider: "gmail".into(),
        account_identifier: Some("bob@example.com".into()),
        secrets: [("access_token".to_owned(), "hush-old".into())].into(),
        metadata: [("exclude".to_owned(), value!(["x"]))].into(),
        ..Default::default()
    };
    let bob = world.app.link(&world.owner, request).await.unwrap().connector_id;
    let needs = async |id: ConnectorId, account: &str| {
        sqlx::query(
            "UPDATE external_connectors SET status = 'needs_reauth', account_identifier = $2, account_label = $2 \
             WHERE id = $1",
        )
        .bind(id.0)
        .bind(account)
        .execute(world.pool())
        .await
        .unwrap();
    };
    needs(bob, "bob@example.com").await;
    let attempt = world.start("gmail").await;
    let browser = Browser::new();
    let page = browser.get(attempt.authorization_url.as_deref().unwrap()).await;
    assert_eq!(page.heading(), "Link bob@example.com at Gmail again");
    let vendor = browser.go_to_vendor(attempt.authorization_url.as_deref().unwrap(), &[]).await;
    let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(shown.heading(), "This is another account");
    assert!(shown.text.contains("ann@example.com") && shown.text.contains("bob@example.com"));
    let now = world.now(&attempt).await;
    assert_eq!(now.status, AttemptStatus::Failed);
    let problem = now.problem.unwrap();
    assert!(problem.contains("ann@example.com") && problem.contains("bob@example.com"));
    let old = world.app.connector(&world.owner, bob).await.unwrap();
    assert_eq!(old.secrets_set, ["access_token"], "nothing was changed");

    needs(bob, "ann@example.com").await;
    let linked = world.link("gmail").await;
    assert_eq!(linked.connector_id, Some(bob));
    let again = world.app.connector(&world.owner, bob).await.unwrap();
    assert_eq!(again.status.as_str(), "active");
    assert_eq!(again.metadata["exclude"], value!(["x"]), "what was set stays");
}

#[tokio::test]
async fn a_label_of_its_own_links_a_second_account_and_a_known_one_links_that_again() {
    let world = World::new(usual).await;
    let first = world.link("gmail").await.connector_id;
    let labelled = async |label: &str| {
        let request = StartRequest {
            provider: "gmail".into(),
            account_label: Some(label.into()),
            ..Default::default()
        };
        let attempt = world.start_as(request).await.unwrap();
        let browser = Browser::new();
        let shown = browser.get(attempt.authorization_url.as_deref().unwrap()).await;
        shown.heading()
    };
    assert_eq!(labelled("Work").await, "Link Gmail as “Work”");
    assert_eq!(labelled("ANN@example.com").await, "Link ann@example.com at Gmail again");
    assert!(first.is_some());
}

#[tokio::test]
async fn what_a_vendor_answers_instead_of_tokens_fails_the_attempt_in_words_of_ours() {
    const HTML: &str = "<html>hush <script>alert(1)</script></html>";
    for (status, body, word, heading) in [
        (200, "{}".to_owned(), "Gmail", "Gmail was not linked"),
        (200, HTML.to_owned(), "Gmail", "Gmail was not linked"),
        (200, "x".repeat(5 << 20), "Gmail", "Gmail was not linked"),
        (400, r#"{"error":"invalid_grant"}"#.to_owned(), "invalid_grant", "Gmail was not linked"),
        (
            401,
            r#"{"error":"invalid_client","error_description":"hush"}"#.to_owned(),
            "GOOGLE_OAUTH_CLIENT_ID",
            "Gmail was not linked",
        ),
    ] {
        let world = World::new(move |_| raw(status, body.clone())).await;
        let attempt = world.start("gmail").await;
        let browser = Browser::new();
        let page = attempt.authorization_url.as_deref().unwrap();
        let vendor = browser.go_to_vendor(page, &[]).await;
        let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
        assert_eq!(shown.heading(), heading);
        assert!(shown.text.contains(word), "{word}: {}", shown.text);
        assert!(!shown.text.contains("hush") && !shown.text.contains("<script"), "{}", shown.text);
        let now = world.now(&attempt).await;
        assert_eq!(now.status, AttemptStatus::Failed);
        assert!(!now.problem.unwrap().contains("hush"));
        assert_eq!(world.vendor.seen().len(), 1, "a code is sent once");
        assert!(world.app.connectors(&world.owner, true).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_asked_about_is_not_linked() {
    let world = World::new(|seen| match seen.at.as_str() {
        "gmail.googleapis.com/gmail/v1/users/me/profile" => json(
            403,
            &value!({"error": {"code": 403, "message": "hush", "status": "PERMISSION_DENIED",
                     "errors": [{"reason": "insufficientPermissions"}]}}),
        ),
        _ => usual(seen),
    })
    .await;
    let attempt = world.start("gmail").await;
    let browser = Browser::new();
    let page = attempt.authorization_url.as_deref().unwrap();
    let vendor = browser.go_to_vendor(page, &[]).await;
    let shown = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert!(shown.text.contains("gmail.readonly was not granted"), "{}", shown.text);
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Failed);
}

#[tokio::test]
async fn a_browser_that_leaves_while_the_code_is_exchanged_does_not_undo_it() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (noted, waits) = (Arc::clone(&asked), Arc::clone(&go));
    let vendor = Vendor::slow(move |seen| {
        let (noted, waits) = (Arc::clone(&noted), Arc::clone(&waits));
        Box::pin(async move {
            if seen.at == "oauth2.googleapis.com/token" {
                noted.notify_one();
                waits.notified().await;
            }
            usual(&seen)
        })
    });
    let world = World::with(vendor.await, |_| ()).await;
    let attempt = world.start("gmail").await;
    let browser = Browser::new();
    let page = attempt.authorization_url.as_deref().unwrap();
    let vendor = browser.go_to_vendor(page, &[]).await;
    let back = callback(&vendor, &[("code", "hush-code")]);
    tokio::select! {
        shown = browser.get(&back) => panic!("it was answered: {shown:?}"),
        () = asked.notified() => {}
    }
    // Another look finds it on its way, and a second return changes nothing.
    let moment = browser.get(page).await;
    assert_eq!(moment.heading(), "One moment");
    go.notify_one();
    let id = attempt.attempt_id.parse().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let ended = world.app.wait_for_attempt(&world.owner, &id, until).await.unwrap();
    assert_eq!(ended.status, AttemptStatus::Linked);
    assert_eq!(browser.get(page).await.heading(), "Gmail is linked");
}

#[tokio::test]
async fn a_vendor_with_rotation_off_gives_a_token_without_an_end() {
    let world = World::new(|seen| match seen.at.as_str() {
        "slack.com/api/oauth.v2.access" => {
            json(200, &value!({"ok": true, "authed_user": {"access_token": "hush-access"}}))
        }
        _ => account(seen),
    })
    .await;
    let linked = world.link("slack").await;
    let connector = world.app.connector(&world.owner, linked.connector_id.unwrap()).await.unwrap();
    assert_eq!(connector.secrets_set, ["access_token"]);
}
