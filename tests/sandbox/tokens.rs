//! Tokens and the token endpoints.

use serde_json::{Value, json};

use crate::{
    ASANA, GMAIL, Play, SLACK,
    sandbox::{Vendor, World, gmail},
};

const APP: [(&str, &str); 2] = [("client_id", "app"), ("client_secret", "shh")];

fn identity(vendor: Vendor) -> String {
    match vendor {
        Vendor::Gmail => format!("{GMAIL}/profile"),
        Vendor::Asana => format!("{ASANA}/users/me"),
        Vendor::Slack => format!("{SLACK}/auth.test"),
    }
}

fn endpoint(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Gmail => "oauth2.googleapis.com/token",
        Vendor::Asana => "app.asana.com/-/oauth_token",
        Vendor::Slack => "slack.com/api/oauth.v2.access",
    }
}

impl Play {
    async fn who(&self, vendor: Vendor, token: Option<&str>) -> (u16, Value) {
        let url = format!("{}{}/{}", self.sandbox.url(), vendor.id(), identity(vendor));
        let request = self.client.get(url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn works(&self, vendor: Vendor, token: &str) -> bool {
        let (status, answer) = self.who(vendor, Some(token)).await;
        status == 200 && answer.get("error").is_none()
    }

    async fn refresh(&self, vendor: Vendor, token: &str) -> (u16, Value) {
        let form = [&APP[..], &[("grant_type", "refresh_token"), ("refresh_token", token)]];
        self.post(vendor, endpoint(vendor), &form.concat()).await
    }
}

#[tokio::test]
async fn a_request_without_a_good_token_gets_the_vendors_own_refusal() {
    let play = Play::empty().await;
    for token in [None, Some("made-up")] {
        let (status, answer) = play.who(Vendor::Gmail, token).await;
        assert_eq!((status, &answer["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
        let (status, answer) = play.who(Vendor::Asana, token).await;
        assert_eq!((status, &answer["errors"][0]["message"]), (401, &json!("Not Authorized")));
        let (status, answer) = play.who(Vendor::Slack, token).await;
        let word = if token.is_some() { "invalid_auth" } else { "not_authed" };
        assert_eq!((status, answer), (200, json!({"ok": false, "error": word})));
    }
    let other = play.sandbox.grant(Vendor::Asana).access_token();
    assert_eq!(play.who(Vendor::Gmail, Some(&other)).await.0, 401, "another vendor's");
}

#[tokio::test]
async fn an_expired_token_is_refused_and_a_refreshed_one_works() {
    let play = Play::empty().await;
    for vendor in Vendor::ALL {
        let (old, refresh) = {
            let mut grant = play.sandbox.grant(vendor);
            grant.expire_after(2);
            (grant.access_token(), grant.refresh_token())
        };
        assert!(play.works(vendor, &old).await && play.works(vendor, &old).await);
        assert!(!play.works(vendor, &old).await, "{vendor:?}");
        let (status, answer) = play.refresh(vendor, &refresh).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["expires_in"].as_u64().unwrap() >= 3599);
        assert!(play.works(vendor, answer["access_token"].as_str().unwrap()).await);
        assert!(!play.works(vendor, &old).await);
        assert_eq!(play.sandbox.grant(vendor).exchanges(), 1);
        let again = play.refresh(vendor, &refresh).await;
        if vendor == Vendor::Slack {
            assert_eq!(again.1, json!({"ok": false, "error": "invalid_refresh_token"}));
            let next = answer["refresh_token"].as_str().unwrap();
            assert_eq!(play.refresh(vendor, next).await.1["ok"], true);
        } else {
            assert!(again.0 == 200 && answer.get("refresh_token").is_none(), "does not rotate");
        }
    }
    let word = play.sandbox.grant(Vendor::Slack).access_token();
    play.sandbox.grant(Vendor::Slack).expire();
    assert_eq!(play.who(Vendor::Slack, Some(&word)).await.1["error"], "token_expired");
}

#[tokio::test]
async fn a_revoked_grant_is_dead_until_it_is_given_again() {
    let play = Play::empty().await;
    for vendor in Vendor::ALL {
        let (access, refresh) = {
            let mut grant = play.sandbox.grant(vendor);
            grant.revoke();
            (grant.access_token(), grant.refresh_token())
        };
        assert!(!play.works(vendor, &access).await);
        let (status, answer) = play.refresh(vendor, &refresh).await;
        let wanted = match vendor {
            Vendor::Slack => (200, "invalid_refresh_token"),
            _ => (400, "invalid_grant"),
        };
        assert_eq!((status, answer["error"].as_str().unwrap()), wanted);
        assert_eq!(play.sandbox.grant(vendor).exchanges(), 0);
        let new = {
            let mut grant = play.sandbox.grant(vendor);
            grant.grant_again();
            grant.access_token()
        };
        assert!(play.works(vendor, &new).await && !play.works(vendor, &access).await);
    }
    let access = play.sandbox.grant(Vendor::Slack).access_token();
    play.sandbox.grant(Vendor::Slack).revoke();
    assert_eq!(play.who(Vendor::Slack, Some(&access)).await.1["error"], "token_revoked");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let play = Play::empty().await;
    for vendor in Vendor::ALL {
        let code = play.sandbox.grant(vendor).code();
        let form = [&APP[..], &[("grant_type", "authorization_code"), ("code", &code)]].concat();
        let (_, answer) = play.post(vendor, endpoint(vendor), &form).await;
        let tokens = if vendor == Vendor::Slack { &answer["authed_user"] } else { &answer };
        assert!(play.works(vendor, tokens["access_token"].as_str().unwrap()).await);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        assert!(play.refresh(vendor, refresh).await.1.get("error").is_none());
        let (_, answer) = play.post(vendor, endpoint(vendor), &form).await;
        assert!(answer["error"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn a_client_must_name_itself_rightly() {
    let play = Play::empty().await;
    for vendor in Vendor::ALL {
        let refresh = play.sandbox.grant(vendor).refresh_token();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        assert!(play.post(vendor, endpoint(vendor), &form).await.1["error"].is_string());
        play.sandbox.require_client(vendor, "app", "other");
        assert!(play.refresh(vendor, &refresh).await.1["error"].is_string());
        play.sandbox.require_client(vendor, "app", "shh");
        assert!(play.refresh(vendor, &refresh).await.1.get("error").is_none());
        let url = format!("{}{}/{}", play.sandbox.url(), vendor.id(), endpoint(vendor));
        let refresh = play.sandbox.grant(vendor).refresh_token();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let basic = play.client.post(url).basic_auth("app", Some("shh")).form(&form);
        let answer: Value = basic.send().await.unwrap().json().await.unwrap();
        assert!(answer["access_token"].is_string(), "Basic: {answer}");
    }
}

#[tokio::test]
async fn a_token_can_be_revoked_where_the_vendor_takes_it() {
    let play = Play::empty().await;
    let tokens = |vendor| {
        let grant = play.sandbox.grant(vendor);
        (grant.access_token(), grant.refresh_token())
    };
    let (access, _) = tokens(Vendor::Gmail);
    let revoke = "oauth2.googleapis.com/revoke";
    assert_eq!(play.post(Vendor::Gmail, revoke, &[("token", &access)]).await.0, 200);
    assert_eq!(play.post(Vendor::Gmail, revoke, &[("token", &access)]).await.0, 400);
    assert!(!play.works(Vendor::Gmail, &access).await);
    let (access, refresh) = tokens(Vendor::Asana);
    let revoke = "app.asana.com/-/oauth_revoke";
    assert_eq!(play.post(Vendor::Asana, revoke, &[("token", &access)]).await.0, 400);
    assert_eq!(play.post(Vendor::Asana, revoke, &[("token", &refresh)]).await.0, 200);
    assert!(!play.works(Vendor::Asana, &access).await);
    let answer = play.get(Vendor::Slack, "slack.com/api/auth.revoke").await;
    assert_eq!(answer, json!({"ok": true, "revoked": true}));
    let (access, _) = tokens(Vendor::Slack);
    assert!(!play.works(Vendor::Slack, &access).await);
}

#[tokio::test]
async fn each_account_is_read_with_its_own_token() {
    let mut world = World::empty();
    world.gmail.push(gmail::Gmail::new("second@kestrel.example"));
    let play = Play::of(world).await;
    let second = play.sandbox.grant_at(Vendor::Gmail, 1).access_token();
    let (_, answer) = play.who(Vendor::Gmail, Some(&second)).await;
    assert_eq!(answer["emailAddress"], "second@kestrel.example");
    play.sandbox.gmail_at(1).deliver(gmail::NewMail::from("a@b.example"));
    assert_eq!(play.who(Vendor::Gmail, Some(&second)).await.1["messagesTotal"], 1);
    let first = play.sandbox.grant(Vendor::Gmail).access_token();
    assert_eq!(play.who(Vendor::Gmail, Some(&first)).await.1["messagesTotal"], 0);
    play.sandbox.grant(Vendor::Gmail).revoke();
    assert!(play.works(Vendor::Gmail, &second).await);
    play.sandbox.grant(Vendor::Asana).add_token("2/personal");
    assert!(play.works(Vendor::Asana, "2/personal").await);
}
