//! The form for what a person can paste.

use neotoma_importers::app::{AttemptStatus, AttemptView, StartRequest};

use crate::{
    browser::{Browser, Shown},
    world::{World, usual},
};

async fn paste(world: &World) -> AttemptView {
    let request = StartRequest { provider: "asana".into(), paste: true, ..Default::default() };
    world.start_as(request).await.unwrap()
}

async fn fill(browser: &Browser, attempt: &AttemptView, fields: &[(&str, &str)]) -> Shown {
    let page = attempt.authorization_url.as_deref().unwrap();
    let shown = browser.get(page).await;
    browser.send_form(&shown, &format!("{page}/form"), fields).await
}

#[tokio::test]
async fn a_form_asks_for_the_declared_fields_and_links_by_them() {
    let world = World::new(usual).await;
    let attempt = paste(&world).await;
    let browser = Browser::new();
    let page = browser.get(attempt.authorization_url.as_deref().unwrap()).await;
    for part in [
        "name=\"field.access_token\" type=\"password\"",
        "name=\"field.workspace_gid\" type=\"text\"",
        "Personal access tokens",
        "role=\"alert\"",
    ] {
        assert_eq!(page.text.contains(part), part != "role=\"alert\"", "{part}");
    }
    assert!(page.policy.contains("form-action 'self';"), "{}", page.policy);
    let done =
        fill(&browser, &attempt, &[("access_token", "hush-access"), ("workspace_gid", "77")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let end = browser.get(attempt.authorization_url.as_deref().unwrap()).await;
    assert_eq!(end.heading(), "Asana is linked");
    let now = world.now(&attempt).await;
    assert_eq!(now.status, AttemptStatus::Linked);
    let connector = world.app.connector(&world.owner, now.connector_id.unwrap()).await.unwrap();
    assert_eq!(connector.account_scope.as_deref(), Some("workspace_gid=77"));
    assert_eq!(connector.secrets_set, ["access_token"]);
    // It serves once.
    let again = browser.get(&format!("{}/form", attempt.authorization_url.unwrap())).await;
    assert_eq!(again.heading(), "Asana is linked");
}

#[tokio::test]
async fn what_does_not_do_is_said_at_its_field_and_can_be_put_right() {
    let world = World::new(usual).await;
    let attempt = paste(&world).await;
    let browser = Browser::new();
    let long = "x".repeat(65 << 10);
    for (fields, says) in [
        (vec![("workspace_gid", "77")], "is missing"),
        (
            vec![("access_token", "hush-secret"), ("workspace_gid", "x\"><b>")],
            "does not have the form",
        ),
        (vec![("access_token", long.as_str())], "is longer than 64 KiB"),
        (vec![("access_token", "hush-wrong")], "does not take these credentials"),
    ] {
        let shown = fill(&browser, &attempt, &fields).await;
        assert_eq!(shown.status, 422, "{says}: {}", shown.text);
        assert!(
            shown.text.contains("role=\"alert\"") && shown.text.contains(says),
            "{}",
            shown.text
        );
        assert!(!shown.text.contains("hush") && !shown.text.contains("<b>"), "{}", shown.text);
        assert!(!shown.text.contains(&long));
        assert!(world.now(&attempt).await.status.is_open());
    }
    let done = fill(&browser, &attempt, &[("access_token", "hush-access")]).await;
    assert_eq!(done.status, 303);
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Linked);
}

#[tokio::test]
async fn a_body_that_no_form_has_is_refused_unread() {
    let world = World::new(usual).await;
    let attempt = paste(&world).await;
    let browser = Browser::new();
    let page = attempt.authorization_url.as_deref().unwrap();
    browser.get(page).await;
    let to = format!("{page}/form");
    let large = browser.request(reqwest::Method::POST, &to).body("x=".repeat(5 << 20));
    // It may be cut off before it is answered; answered, it is 413.
    if let Ok(response) = large.send().await {
        assert!([400, 413].contains(&response.status().as_u16()), "{}", response.status());
    }
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Pending);
}

#[tokio::test]
async fn who_would_rather_paste_than_consent_can() {
    let world = World::new(usual).await;
    let attempt = world.start("asana").await;
    let browser = Browser::new();
    let page = attempt.authorization_url.clone().unwrap();
    let consent = browser.get(&page).await;
    assert!(consent.text.contains("Continue to Asana") && consent.text.contains("/form\""));
    let form = browser.get(&format!("{page}/form")).await;
    assert!(form.text.contains("Sign in at Asana instead"));
    let done =
        browser.send_form(&form, &format!("{page}/form"), &[("access_token", "hush-access")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Linked);
    // What was pasted is not the app's.
    let client: Option<String> =
        sqlx::query_scalar("SELECT oauth_client_id FROM external_connectors WHERE owner_id = $1")
            .bind(world.owner.as_str())
            .fetch_one(world.pool())
            .await
            .unwrap();
    assert_eq!(client, None);
}
