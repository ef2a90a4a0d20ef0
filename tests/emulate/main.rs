//! Gmail and Google Calendar from the consent to the end of the grant, against another's emulation of Google: the npm
//! package `emulate`, which checks PKCE, codes, redirect addresses and refresh tokens by itself.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "../oauth/browser.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod browser;
mod face;
mod google;
#[path = "../support/http.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod http;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "it has more than these tests need")]
mod server;
#[path = "../support/tools.rs"]
mod tools;

use serde_json::{Value, json};

use self::{
    browser::{Browser, parameter},
    face::Face,
    google::{ANN, Google},
};

/// Two mails, an event, and what none of them is: somebody else's, a draft, spam.
fn world() -> Value {
    let mail = |id: &str, of: &str, subject: &str, labels: &[&str]| {
        json!({
            "id": id, "user_email": of, "from": "cleo@example.com", "to": of, "subject": subject,
            "body_text": "Glaze firing on Thursday.", "label_ids": labels,
        })
    };
    json!({
        "messages": [
            mail("m1", ANN, "Kiln schedule", &["INBOX", "UNREAD"]),
            mail("m2", ANN, "Clay delivery", &["INBOX"]),
            mail("m3", ANN, "Half a thought", &["DRAFT"]),
            mail("m4", ANN, "You have won", &["SPAM"]),
            mail("m5", "bob@example.com", "Not for Ann", &["INBOX"]),
        ],
        "calendars": [
            {"id": ANN, "user_email": ANN, "summary": "Ann", "primary": true, "time_zone": "Europe/Berlin"},
        ],
        "calendar_events": [{
            "id": "e1", "user_email": ANN, "calendar_id": ANN, "summary": "Open kiln",
            "start_date_time": "2026-01-10T09:00:00Z", "end_date_time": "2026-01-10T09:30:00Z",
        }],
    })
}

/// One of Google's services, and what a person does there.
struct Service {
    provider: &'static str,
    scope: &'static str,
    heading: &'static str,
    /// How many records there are at first.
    first: u64,
    /// Words of one that is there from the first, and of one that comes later.
    finds: &'static str,
    finds_later: &'static str,
    /// What the incremental import did: created, updated, removed.
    changed: (u64, u64, u64),
}

const GMAIL: Service = Service {
    provider: "gmail",
    scope: "https://www.googleapis.com/auth/gmail.readonly",
    heading: "Gmail is linked",
    first: 2,
    finds: "kiln schedule",
    finds_later: "wheel repaired",
    changed: (1, 1, 1),
};

const CALENDAR: Service = Service {
    provider: "google-calendar",
    scope: "https://www.googleapis.com/auth/calendar.readonly",
    heading: "Google Calendar is linked",
    first: 1,
    finds: "open kiln",
    finds_later: "pottery fair",
    changed: (1, 0, 1),
};

/// What Ann does at Google between two imports: one comes, one changes where that can be, one goes.
async fn live_on(google: &Google, service: &Service) {
    if service.provider == "gmail" {
        let raw = "RnJvbTogY2xlb0BleGFtcGxlLmNvbQ0KVG86IGFubkBleGFtcGxlLmNvbQ0KU3ViamVjdDogV2hlZWwgcmVwYWlyZWQNCg0KSXQgdHVybnMgYWdhaW4u";
        google
            .ann("POST", "/gmail/v1/users/me/messages", &json!({"raw": raw, "labelIds": ["INBOX"]}))
            .await;
        google
            .ann(
                "POST",
                "/gmail/v1/users/me/messages/m1/modify",
                &json!({"addLabelIds": ["STARRED"]}),
            )
            .await;
        google.ann("DELETE", "/gmail/v1/users/me/messages/m2", &Value::Null).await;
    } else {
        let event = json!({
            "summary": "Pottery fair",
            "start": {"dateTime": "2026-05-01T10:00:00Z"}, "end": {"dateTime": "2026-05-01T12:00:00Z"},
        });
        google.ann("POST", "/calendar/v3/calendars/primary/events", &event).await;
        google.ann("DELETE", "/calendar/v3/calendars/primary/events/e1", &Value::Null).await;
    }
}

/// Links Ann's account as she would: from the tool's address by our page and Google's to the one that says how it went.
async fn link(google: &Google, face: &mut Face, service: &Service) {
    let begun = face.does("start_oauth", json!({"provider": service.provider})).await;
    let page = begun["authorization_url"].as_str().unwrap().to_owned();
    assert!(page.contains("/connect/") && !page.contains("state="), "{page}");
    let browser = Browser::new();
    face.sign_in(&browser, &page).await;
    let vendor = browser.go_to_vendor(&page, &[]).await;
    assert_eq!(vendor.host_str(), Some("accounts.google.com"));
    assert_eq!(parameter(&vendor, "code_challenge_method"), "S256");
    assert_eq!(parameter(&vendor, "access_type"), "offline");
    assert_eq!(parameter(&vendor, "scope"), service.scope);
    let back = google.consent(&vendor, ANN).await;
    let arrived = browser.get(&back).await;
    assert_eq!(arrived.status, 303, "{}", arrived.text);
    let origin = url::Url::parse(&back).unwrap();
    let shown = browser.get(origin.join(&arrived.location.unwrap()).unwrap().as_str()).await;
    assert_eq!(shown.heading(), service.heading);
    assert!(shown.text.contains(ANN), "{}", shown.text);
    // What was used once leads nowhere, and undoes nothing.
    assert!(browser.get(&back).await.status.as_u16() < 400);
}

/// The account as the tools tell of it.
async fn connector(face: &mut Face, service: &Service) -> Value {
    let listed = face.does("list_connectors", json!({"provider": service.provider})).await;
    listed["connectors"][0].clone()
}

async fn sync(face: &mut Face, service: &Service) -> Result<Value, String> {
    let id = connector(face, service).await["connector_id"].clone();
    face.call("sync_external_connector", json!({"connector_id": id, "wait_seconds": 25})).await
}

fn counts(run: &Value) -> (u64, u64, u64) {
    let of = |name: &str| run["stats"][name].as_u64().unwrap_or_else(|| panic!("{name}: {run}"));
    (of("created"), of("updated"), of("removed"))
}

async fn found(face: &mut Face, words: &str) -> u64 {
    let found = face.does("search_records", json!({"query": words})).await;
    found["records"].as_array().unwrap().len().try_into().unwrap()
}

/// The whole way with one service, up to a grant that was taken back and given anew.
async fn lives(google: &Google, face: &mut Face, service: &Service) {
    link(google, face, service).await;
    let linked = connector(face, service).await;
    assert_eq!(
        (&linked["account_identifier"], &linked["status"]),
        (&json!(ANN), &json!("active")),
        "{linked}"
    );

    let first = face.does("sync_provider_imports", json!({"provider": service.provider})).await;
    assert_eq!(first["runs"][0]["status"], "success", "{first}");
    assert_eq!(counts(&first["runs"][0]), (service.first, 0, 0));
    assert_eq!(found(face, service.finds).await, 1);
    assert_eq!(found(face, "won").await + found(face, "\"not for ann\"").await, 0);

    live_on(google, service).await;
    google.forget();
    assert_eq!(counts(&sync(face, service).await.unwrap()), service.changed);
    assert_eq!(found(face, service.finds_later).await, 1);
    assert_eq!(google.asked("/messages?"), 0, "what changed is asked for, not everything again");

    // The access token ends, as it does each hour; the refresh token gives another.
    google.forget();
    google.expire();
    assert_eq!(counts(&sync(face, service).await.unwrap()), (0, 0, 0));
    assert_eq!(google.asked("grant_type=refresh_token"), 1);

    // Ann takes the grant back at Google.
    google.take_back().await;
    let said = sync(face, service).await.unwrap_err();
    assert!(said.contains("start_oauth"), "{said}");
    let lost = connector(face, service).await;
    assert_eq!(lost["status"], "needs_reauth", "{lost}");

    // And gives it again: the same connector goes on where it was.
    link(google, face, service).await;
    let again = connector(face, service).await;
    assert_eq!(
        (&again["status"], &again["connector_id"]),
        (&json!("active"), &linked["connector_id"])
    );
    assert_eq!(counts(&sync(face, service).await.unwrap()), (0, 0, 0));
}

/// Deletes the account with its records, after the question.
async fn delete(face: &mut Face, service: &Service) -> Value {
    let id = connector(face, service).await["connector_id"].clone();
    let mut arguments = json!({"connector_id": id, "delete_records": true});
    let asked = face.does("delete_connector", arguments.clone()).await;
    assert!(asked["question"].is_string(), "{asked}");
    arguments["confirm"] = asked["confirm"].clone();
    let deleted = face.does("delete_connector", arguments).await;
    assert_eq!(found(face, service.finds_later).await, 0);
    deleted
}

async fn from_consent_to_revocation(google: &Google, mut face: Face) {
    lives(google, &mut face, &GMAIL).await;
    lives(google, &mut face, &CALENDAR).await;
    // One grant is behind both: it is kept while the other needs it.
    let kept = delete(&mut face, &GMAIL).await;
    assert_eq!(kept["revoked"], false, "{kept}");
    assert!(kept.to_string().contains("the grant was kept"), "{kept}");
    let token = google.newest_refresh_token();
    assert!(google.takes(&token).await, "the grant of the calendar still works");
    let ended = delete(&mut face, &CALENDAR).await;
    assert_eq!(ended["revoked"], true, "{ended}");
    assert!(!google.takes(&token).await, "it has ended at Google");
    assert_eq!(face.does("list_connectors", json!({})).await["count"], 0);
    face.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio_an_account_is_linked_imported_renewed_lost_and_ended() {
    let port = http::free_port();
    let origin = format!("http://localhost:{port}");
    let Some(google) = Google::start(&origin, world()).await else { return };
    let database = postgres::fresh_database().await;
    let program = google.program(&database).with("NEOTOMA_CALLBACK_PORT", &port.to_string());
    from_consent_to_revocation(&google, Face::stdio(&program).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_an_account_is_linked_imported_renewed_lost_and_ended() {
    let port = http::free_port();
    let origin = format!("http://localhost:{port}");
    let Some(google) = Google::start(&origin, world()).await else { return };
    let database = postgres::fresh_database().await;
    let program = google.program(&database).with("PUBLIC_URL", &origin);
    from_consent_to_revocation(&google, Face::http(program, port).await).await;
}
