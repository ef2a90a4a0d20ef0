//! Who may open an attempt: on this machine whoever is here, at a public address whoever has signed in.

use std::sync::{Arc, Mutex};

use axum::{http::StatusCode, response::IntoResponse as _};
use futures::FutureExt as _;
use neotoma_importers::{
    app::{AttemptStatus, Error},
    ids::OwnerId,
    web::connect::{Door, SignIn, router},
};

use crate::{
    browser::Browser,
    database::Database,
    vendor::Vendor,
    world::{World, free_port, owner, usual},
};

/// A program behind a public address, and who has signed in there.
async fn public(database: Arc<Database>) -> (World, Arc<Mutex<Option<OwnerId>>>) {
    let port = free_port();
    let world = World::on(database, Vendor::start(usual).await, |settings| {
        settings.public_url = Some(format!("http://localhost:{port}").parse().unwrap());
    });
    let signed_in: Arc<Mutex<Option<OwnerId>>> = Arc::default();
    let who = Arc::clone(&signed_in);
    let check: SignIn = Arc::new(move |_| {
        let who = who.lock().unwrap().clone();
        async move { who.ok_or_else(|| (StatusCode::UNAUTHORIZED, "sign in first").into_response()) }
            .boxed()
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let router = router(world.app.clone(), Door::SignIn(check));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (world, signed_in)
}

#[tokio::test]
async fn a_link_that_is_sent_on_binds_nobody_elses_account() {
    let (world, signed_in) = public(Arc::new(Database::new().await)).await;
    let attempt = world.start("gmail").await;
    let page = attempt.authorization_url.as_deref().unwrap();
    let browser = Browser::new();
    let nobody = browser.get(page).await;
    assert_eq!((nobody.status.as_u16(), nobody.text.as_str()), (401, "sign in first"));
    *signed_in.lock().unwrap() = Some(owner());
    let other = browser.get(page).await;
    assert_eq!(
        (other.status.as_u16(), &*other.heading()),
        (403, "This link is somebody else&#39;s")
    );
    assert!(!other.text.contains("Gmail"), "not even what for is told");

    *signed_in.lock().unwrap() = Some(world.owner.clone());
    let vendor = browser.go_to_vendor(page, &[]).await;
    // Signed in as somebody else meanwhile: the same browser, and still refused.
    *signed_in.lock().unwrap() = Some(owner());
    let back = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(back.status, 403);
    assert!(world.vendor.seen().is_empty());
    *signed_in.lock().unwrap() = Some(world.owner.clone());
    let back = browser.come_back(&vendor, &[("code", "hush-code")]).await;
    assert_eq!(back.heading(), "Gmail is linked");
    assert_eq!(world.now(&attempt).await.status, AttemptStatus::Linked);
}

#[tokio::test]
async fn an_attempt_is_served_at_its_own_address_alone() {
    let here = World::new(usual).await;
    let (there, _) = public(Arc::clone(&here.database)).await;
    let local = here.start("gmail").await;
    let remote = there.start("gmail").await;
    // The listener on this machine has no sign-in: what was begun for the public address is not opened there.
    let path = |url: &str| url[url.find("/connect/").unwrap()..].to_owned();
    let remote_url = remote.authorization_url.unwrap();
    let asked = format!("http://localhost:{}{}", here.port, path(&remote_url));
    let sent = Browser::new().get(&asked).await;
    assert_eq!((sent.status.as_u16(), sent.location.as_deref()), (303, Some(remote_url.as_str())));
    // By another of this machine's names the browser is sent to the one that the cookie is for.
    let local_url = local.authorization_url.unwrap();
    let asked = local_url.replace("localhost", "127.0.0.1");
    let sent = Browser::new().get(&asked).await;
    assert_eq!((sent.status.as_u16(), sent.location.as_deref()), (303, Some(local_url.as_str())));
}

#[tokio::test]
async fn the_listener_answers_to_this_machines_names_alone() {
    let world = World::new(usual).await;
    let attempt = world.start("gmail").await;
    let url = attempt.authorization_url.unwrap();
    let port = world.port;
    let browser = Browser::new();
    for host in [
        "evil.test".to_owned(),
        format!("evil.test:{port}"),
        "localhost".to_owned(),
        format!("localhost.evil.test:{port}"),
    ] {
        let request = browser.request(reqwest::Method::GET, &url).header("host", &host);
        let shown = browser.send(request).await;
        assert_eq!(shown.status, 421, "{host}");
        assert!(!shown.text.contains("Gmail"));
    }
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let request =
            browser.request(reqwest::Method::GET, &url).header("host", format!("{host}:{port}"));
        assert!(browser.send(request).await.status.as_u16() < 400, "{host}");
    }
    // Nothing else is there.
    for path in ["", "mcp", "oauth/google", "connect"] {
        let response =
            browser.request(reqwest::Method::GET, &format!("http://localhost:{port}/{path}"));
        assert_eq!(response.send().await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_port_that_a_stranger_has_is_said_before_anybody_is_sent_there() {
    let world = World::new(usual).await;
    let stranger = tokio::net::TcpListener::bind(("127.0.0.1", world.port)).await.unwrap();
    tokio::spawn(async move {
        let answer = axum::Router::new().fallback(|| async { "hello" });
        axum::serve(stranger, answer).await.unwrap();
    });
    let request =
        neotoma_importers::app::StartRequest { provider: "gmail".into(), ..Default::default() };
    let refused = world.start_as(request).await.unwrap_err();
    assert!(matches!(refused, Error::NoLanding(_)), "{refused:?}");
    let said = refused.to_string();
    assert!(
        said.contains(&world.port.to_string()) && said.contains("NEOTOMA_CALLBACK_PORT"),
        "{said}"
    );
    let attempts = world.app.attempts(&world.owner).await.unwrap();
    assert_eq!(attempts[0].status, AttemptStatus::Failed);
}
