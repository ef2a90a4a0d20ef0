//! Every vendor with OAuth, by the data of the catalog: what its consent page is asked, what its token address is sent, how
//! its grant is ended.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use neotoma_importers::{
    oauth::{App, Code, Tokens, authorize, exchange},
    provider::{
        Settings, Spec,
        spec::{ClientAuth, OAuth2, Pkce},
    },
    providers::ALL,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json as value};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{
    browser::parameter,
    vendor::{Seen, Vendor, json},
    world::{CLIENT_ID, CLIENT_SECRET},
};

/// Those with OAuth 2.0.
pub fn oauth_vendors() -> impl Iterator<Item = (&'static Spec, &'static OAuth2)> {
    let all = ALL.iter().filter_map(|entry| Some((entry.spec(), entry.spec().oauth.as_ref()?)));
    all.filter(|(_, oauth)| oauth.temporary_url.is_none())
}

pub fn app(oauth: &OAuth2) -> App {
    App {
        id: oauth.app,
        client_id: CLIENT_ID.into(),
        client_secret: CLIENT_SECRET.into(),
        redirect_uri: None,
    }
}

/// Settings as a person would give them: the examples of the fields.
pub fn settings(spec: &Spec) -> Settings {
    let given = spec.fields.iter().filter(|field| !field.secret && !field.example.is_empty());
    given
        .filter(|field| field.required || field.bears_host)
        .map(|field| (field.name.to_owned(), Value::from(field.example)))
        .collect()
}

fn redirect_uri(oauth: &OAuth2) -> Url {
    let scheme = if oauth.https_redirect { "https" } else { "http" };
    format!("{scheme}://localhost:8765/oauth/{}/callback", oauth.app).parse().unwrap()
}

/// Host and path of one of its addresses.
pub fn place(spec: &Spec, oauth: &OAuth2, template: &str) -> String {
    let url = oauth.address(spec, template, &settings(spec)).unwrap();
    url.strip_prefix("https://").unwrap().split('?').next().unwrap().to_owned()
}

#[test]
fn every_vendors_consent_page_is_asked_as_it_wants_to_be() {
    let mut seen = 0;
    for (spec, oauth) in oauth_vendors() {
        let name = spec.id;
        let back = redirect_uri(oauth);
        let (first, second) = (
            authorize(spec, oauth, &app(oauth), &settings(spec), &back).unwrap(),
            authorize(spec, oauth, &app(oauth), &settings(spec), &back).unwrap(),
        );
        let url = &first.url;
        assert_eq!(
            url.as_str().strip_prefix("https://").unwrap().split('?').next().unwrap(),
            place(spec, oauth, oauth.authorization_url),
        );
        assert_eq!(parameter(url, oauth.client_id_parameter), CLIENT_ID, "{name}");
        assert_eq!(parameter(url, "redirect_uri"), back.as_str(), "{name}");
        assert_eq!(parameter(url, "response_type"), "code", "{name}");
        let state = parameter(url, "state");
        assert_eq!(state, first.state.expose_secret());
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(&state).unwrap().len(), 32, "{name}");
        assert_ne!(state, second.state.expose_secret());
        for (parameter_name, expected) in oauth.authorize_params {
            assert_eq!(parameter(url, parameter_name), *expected, "{name}");
        }
        let has = |wanted: &str| url.query_pairs().any(|(known, _)| known == wanted);
        if oauth.scopes.is_empty() {
            assert!(!has(oauth.scope_parameter), "{name} has no scopes");
        } else {
            let asked = parameter(url, oauth.scope_parameter);
            let asked: Vec<&str> = asked.split(oauth.scope_separator).collect();
            assert_eq!(asked, oauth.scopes, "{name}");
        }
        for other in ["client_id", "scope"] {
            let own = [oauth.client_id_parameter, oauth.scope_parameter].contains(&other);
            assert!(own || !has(other), "{name}: {other} has another name there");
        }
        if oauth.pkce == Pkce::None {
            assert!(!has("code_challenge") && first.code_verifier.is_none(), "{name}");
        } else {
            let verifier = first.code_verifier.as_ref().unwrap().expose_secret();
            assert!((43..=128).contains(&verifier.len()), "{name}");
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
            assert_eq!(parameter(url, "code_challenge"), challenge, "{name}");
            assert_eq!(parameter(url, "code_challenge_method"), "S256", "{name}");
        }
        let query = url.query().unwrap();
        assert!(!query.contains('+'), "{name}: a space that not everybody reads as one");
        assert!(!url.as_str().contains(CLIENT_SECRET) && !format!("{first:?}").contains(&state));
        seen += 1;
    }
    assert_eq!(seen, 39);
}

/// The vendor's answer to a code: in the form that it has there, and unlike that of any second call.
fn answer(oauth: &OAuth2, second: bool) -> Value {
    let token = if second { "hush-lasting" } else { "hush-access" };
    let mut tokens =
        value!({"access_token": token, "refresh_token": "hush-refresh", "expires_in": 1800});
    for setting in oauth.answer_settings {
        tokens[setting] = "https://acme.my.salesforce.com".into();
    }
    match oauth.token_answer_path {
        "" => tokens,
        path => value!({"ok": true, path: tokens}),
    }
}

async fn exchanged(
    spec: &'static Spec,
    oauth: &'static OAuth2,
    verifier: Option<&SecretString>,
) -> (Vec<Seen>, Tokens) {
    let token_place = place(spec, oauth, oauth.token_url);
    let vendor = Vendor::start(move |seen| {
        // A second call may have the address of the first.
        let second = seen.param("code").is_none();
        assert!(second || seen.at == token_place, "{} at {}", spec.id, seen.at);
        json(200, &answer(oauth, second))
    })
    .await;
    let code = Code { code: &"hush-code".into(), verifier, redirect_uri: &redirect_uri(oauth) };
    let tokens = exchange(&vendor.transport(), spec, &app(oauth), &settings(spec), code).await;
    (vendor.seen(), tokens.unwrap_or_else(|error| panic!("{}: {error}", spec.id)))
}

/// That the app proves itself as the vendor has it, and nowhere else.
fn check_app(name: &str, oauth: &OAuth2, auth: ClientAuth, seen: &Seen) {
    let json = matches!(auth, ClientAuth::Json | ClientAuth::BasicJson);
    let form = "application/x-www-form-urlencoded";
    let kind = if json { "application/json" } else { form };
    assert_eq!(seen.header("content-type"), Some(kind), "{name}");
    let own = (CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned());
    if matches!(auth, ClientAuth::Basic | ClientAuth::BasicJson) {
        assert_eq!(seen.basic(), Some(own), "{name}");
        assert_eq!(seen.param("client_secret"), None, "{name}");
    } else {
        assert_eq!(seen.header("authorization"), None, "{name}");
        assert_eq!(seen.param(oauth.client_id_parameter), Some(CLIENT_ID.into()), "{name}");
        assert_eq!(seen.param("client_secret"), Some(CLIENT_SECRET.into()), "{name}");
    }
}

#[tokio::test]
async fn every_vendors_token_address_is_sent_what_it_wants_in_the_form_it_wants() {
    let mut seen_vendors = 0;
    for (spec, oauth) in oauth_vendors() {
        let name = spec.id;
        let verifier = (oauth.pkce != Pkce::None).then(|| SecretString::from("v".repeat(43)));
        let before = Timestamp::now();
        let (seen, tokens) = exchanged(spec, oauth, verifier.as_ref()).await;
        let first = &seen[0];
        assert_eq!(first.method, "POST", "{name}");
        assert_eq!(first.header("accept"), Some("application/json"), "{name}");
        check_app(name, oauth, oauth.client_auth, first);
        assert_eq!(first.param("grant_type"), Some("authorization_code".into()), "{name}");
        assert_eq!(first.param("code"), Some("hush-code".into()), "{name}");
        assert_eq!(first.param("redirect_uri"), Some(redirect_uri(oauth).as_str().into()));
        let sent = first.param("code_verifier").map(|sent| sent == "v".repeat(43).as_str());
        assert_eq!(sent, verifier.as_ref().map(|_| true), "{name}");
        for (parameter, expected) in oauth.token_params {
            let expected = match (oauth.client_auth, expected.parse::<u64>()) {
                (ClientAuth::Json | ClientAuth::BasicJson, Ok(number)) => Value::from(number),
                _ => Value::from(*expected),
            };
            assert_eq!(first.param(parameter), Some(expected), "{name}");
        }
        let token = tokens.access_token.expose_secret();
        match &oauth.exchange {
            None => {
                assert_eq!((token, seen.len()), ("hush-access", 1), "{name}");
            }
            Some(second) => {
                assert_eq!((token, seen.len()), ("hush-lasting", 2), "{name}");
                assert_eq!(seen[1].at, place(spec, oauth, second.url), "{name}");
                assert_eq!(seen[1].method.as_str(), second.method, "{name}");
                for (parameter, template) in second.params {
                    let expected = template
                        .replace("{client_id}", CLIENT_ID)
                        .replace("{client_secret}", CLIENT_SECRET)
                        .replace("{access_token}", "hush-access");
                    assert_eq!(seen[1].param(parameter), Some(expected.into()), "{name}");
                }
            }
        }
        assert_eq!(tokens.refresh_token.as_ref().unwrap().expose_secret(), "hush-refresh");
        let life = tokens.expires_at.unwrap().duration_since(before).as_secs();
        assert!((1_795..=1_860).contains(&life), "{name}: {life}");
        assert_eq!(tokens.settings.len(), oauth.answer_settings.len(), "{name}");
        seen_vendors += 1;
    }
    assert_eq!(seen_vendors, 39);
}

#[tokio::test]
async fn a_token_of_whose_end_nobody_speaks_ends_only_where_it_can_be_renewed() {
    for (spec, oauth) in oauth_vendors() {
        let answer = match oauth.token_answer_path {
            "" => value!({"access_token": "hush-access"}),
            path => value!({"ok": true, path: {"access_token": "hush-access"}}),
        };
        let vendor = Vendor::start(move |_| json(200, &answer)).await;
        let code = Code { code: &"c".into(), verifier: None, redirect_uri: &redirect_uri(oauth) };
        let tokens =
            exchange(&vendor.transport(), spec, &app(oauth), &settings(spec), code).await.unwrap();
        let renewable = oauth.refresh.url.is_some() && oauth.refresh.access_token_seconds.is_some();
        assert_eq!(tokens.expires_at.is_some(), renewable, "{}", spec.id);
    }
}

#[tokio::test]
async fn no_vendors_answer_takes_a_code_twice_and_no_secret_is_in_what_is_said_of_it() {
    for (spec, oauth) in oauth_vendors() {
        for (status, body) in [
            (200, value!({"error": "invalid_grant", "error_description": "hush-code"})),
            (400, value!({"error": "invalid_grant"})),
            (401, value!({"message": "hush-client-secret"})),
            (503, value!({})),
            (200, value!("<html>")),
        ] {
            let answered = body.clone();
            let vendor = Vendor::start(move |_| json(status, &answered)).await;
            let code = Code {
                code: &"hush-code".into(),
                verifier: None,
                redirect_uri: &redirect_uri(oauth),
            };
            let answered =
                exchange(&vendor.transport(), spec, &app(oauth), &settings(spec), code).await;
            let error = answered.unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains("hush"), "{}: {said}", spec.id);
            assert_eq!(vendor.seen().len(), 1, "{} {status} {body}", spec.id);
        }
    }
}
