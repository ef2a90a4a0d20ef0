//! A grant that has ended, in all the forms that vendors say it in.

use neotoma_importers::{
    oauth::{Grant, RefreshError, refresh},
    providers::find,
};
use serde_json::{Value, json as value};

use crate::{
    catalog::{app, settings},
    program::Machine,
    vendor::{Vendor, json},
    world::usual,
};

#[tokio::test]
async fn every_form_of_a_grant_that_has_ended_asks_for_a_new_link_and_nothing_else_does() {
    for (provider, status, body) in [
        ("gmail", 400, value!({"error": "invalid_grant", "error_description": "hush"})),
        ("pinterest", 401, value!({"code": 283, "message": "The authorization grant is invalid"})),
        ("tumblr", 401, value!({"error": "invalid_grant"})),
        ("reddit", 200, value!({"error": "invalid_grant"})),
        ("reddit", 400, value!({"message": "Bad Request", "error": 400})),
        (
            "x",
            400,
            value!({"error": "invalid_request", "error_description": "Value passed for the token was invalid."}),
        ),
        ("jira", 403, value!({"error": "invalid_grant"})),
        (
            "jira",
            403,
            value!({"error": "unauthorized_client", "error_description": "refresh_token is invalid"}),
        ),
        ("slack", 200, value!({"ok": false, "error": "invalid_refresh_token"})),
        (
            "hubspot",
            400,
            value!({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
        ),
        ("tiktok", 200, value!({"error": "invalid_grant", "log_id": "1"})),
        ("zoom", 401, value!({"reason": "Invalid Token!", "error": "invalid_grant"})),
        (
            "instagram",
            400,
            value!({"error": {"code": 190, "message": "Error validating access token"}}),
        ),
        ("outlook", 400, value!({"error": "interaction_required"})),
    ] {
        let answer = body.clone();
        let vendor = Vendor::start(move |_| json(status, &answer)).await;
        let spec = find(provider).unwrap().spec();
        let app = app(spec.oauth.as_ref().unwrap());
        let grant =
            Grant { access_token: Some("hush-a".into()), refresh_token: Some("hush-r".into()) };
        let renewed = refresh(&vendor.transport(), spec, Some(&app), &settings(spec), &grant).await;
        let Err(RefreshError::Reconnect(why)) = renewed else {
            panic!("{provider} {status} {body}: {renewed:?}")
        };
        assert!(why.starts_with(spec.name) && !why.contains("hush"), "{why}");
    }
}

#[tokio::test]
async fn a_connector_whose_grant_has_ended_says_why_and_how_to_link_it_again() {
    let machine = Machine::new(
        Vendor::start(|seen| match seen.at.as_str() {
            "oauth2.googleapis.com/token" if seen.param("refresh_token").is_some() => {
                json(400, &value!({"error": "invalid_grant"}))
            }
            "gmail.googleapis.com/gmail/v1/users/me/profile" => usual(seen),
            at if at.starts_with("gmail") => json(401, &value!({"error": "x"})),
            _ => usual(seen),
        })
        .await,
    )
    .await;
    let mut program = machine.serve(true);
    let secrets = value!({"access_token": "hush-access", "refresh_token": "hush-refresh"});
    let linked =
        program.answer("link_connector", value!({"provider": "gmail", "secrets": secrets})).await;
    let arguments = value!({"arguments": {"connector_id": linked["connector_id"]}});
    let synced = program.call("sync_external_connector", arguments, value!({})).await;
    assert_eq!(synced["result"]["isError"], true, "{synced}");
    let listed: Value = program.answer("list_connectors", value!({})).await;
    let connector = &listed["connectors"][0];
    assert_eq!(connector["status"], "needs_reauth", "{listed}");
    let why = connector["last_error"].as_str().unwrap();
    assert!(why.contains("7 days") && why.contains("start_oauth, provider=gmail"), "{why}");
    program.close().await;
}
