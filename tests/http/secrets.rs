//! What must show nowhere.

use neotoma_importers::error::Error;
use serde_json::Value;

use crate::{
    log,
    vendor::{API, Seen, Vendor, json, with_header},
};

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_an_error_or_a_log_however_a_call_fails() {
    log::listen();
    // The vendor fails in every way, and repeats what it was sent.
    let vendor = Vendor::start(|n, seen: &Seen| {
        let echo = serde_json::json!({
            "error": {"message": format!("no: {} {}", seen.target, seen.body)},
            "message": format!("bad token {}", seen.header("authorization").unwrap_or_default()),
            "hush-field": "hush-value",
        });
        match n % 8 {
            0 => json(400, &echo.to_string()),
            1 => json(403, &echo.to_string()),
            2 => json(422, &echo.to_string()),
            3 => with_header(302, "location", "https://evil.example/?hush-location"),
            4 => json(200, &echo.to_string()),
            5 => json(200, "hush-text"),
            6 => json(401, &echo.to_string()),
            _ => json(503, &echo.to_string()),
        }
    });
    let vendor = vendor.await;
    let mut said = Vec::new();
    for _ in 0..24 {
        let call = vendor.client().post(format!("{API}/hush17path/list?key=hush-query"));
        let call = call
            .query(&[("token", "hush-parameter")])
            .header("x-api-key", "hush-header")
            .body_form(&[("client_secret", "hush-form")])
            .bearer("hush-bearer".into());
        match call.json::<Vec<u8>>().await {
            Ok(_) => panic!("nothing here is an answer"),
            Err(error) => said.push(format!("{error} {error:?}")),
        }
    }
    let answer =
        vendor.client().get(format!("{API}/a")).accepting(reqwest::StatusCode::BAD_REQUEST);
    said.push(format!("{:?}", answer.answer().await));

    // A connection that breaks tells reqwest's own story.
    let broken = Vendor::raw(|_| Vec::new()).await;
    let call = broken.client().get(format!("{API}/a?key=hush-query")).bearer("hush-bearer".into());
    let error = call.json::<Value>().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)));
    said.push(format!("{error} {error:?}"));

    let log = log::heard();
    assert!(log.contains("api.example.com"), "the log was listened to: {log}");
    for (place, text) in [("errors", said.join("\n")), ("log", log)] {
        let found = text.lines().find(|line| line.contains("hush"));
        assert_eq!(found, None, "in the {place}");
    }
}

#[tokio::test]
async fn a_call_is_logged_with_what_helps() {
    log::listen();
    let vendor = Vendor::start(|_, _| json(200, "{}")).await;
    vendor.client().get(format!("{API}/v1/users/17?q=x")).json::<Value>().await.unwrap();
    let log = log::heard();
    let line = log.lines().find(|line| line.contains("answered")).unwrap();
    for part in [
        r#"provider="example""#,
        "method=GET",
        r#"host="api.example.com""#,
        r#"path="/v1/users/:id""#,
        "try=1",
        "status=200",
        "ms=",
        "bytes=2",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
