//! The vendors' own descriptions of their token addresses, where a checkout has them beside it: consent, exchange, renewal
//! and refusal of every vendor that describes them, held against what it describes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use neotoma_importers::{
    http::{Transport, TransportConfig},
    oauth::{Code, Grant, RefreshError, exchange, refresh},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use url::Url;

use crate::catalog::{app, oauth_vendors, place};

/// Those whose manners differ most: they must be among the ones that were tried.
const DIFFERENT: [&str; 10] = [
    "gmail",
    "slack",
    "facebook",
    "instagram",
    "tiktok",
    "reddit",
    "airtable",
    "salesforce",
    "zoom",
    "basecamp",
];

fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if shared.join("tools/vendor_mock.py").is_file() {
        return Some(shared);
    }
    eprintln!("skipped: the vendors' descriptions are not here");
    None
}

async fn start(shared: &Path) -> Option<(Child, Url)> {
    let mut command = Command::new("python3");
    command.arg(shared.join("tools/vendor_mock.py")).args(["--port", "0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var_os("NEOTOMA_TEST_ALL").is_none(), "python3 is missing");
        eprintln!("skipped: there is no python3");
        return None;
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    let base = Url::parse(line.split_whitespace().next().unwrap()).unwrap();
    Some((child, base))
}

/// Values of this parameter for which the vendor describes another answer than the usual one, of what its token address is
/// sent.
fn refused_values(description: &Value, url: &str, parameter: &str) -> Vec<String> {
    let mut values = Vec::new();
    let servers = |of: &Value| -> Vec<String> {
        let listed = of["servers"].as_array().into_iter().flatten();
        listed
            .map(|server| server["url"].as_str().unwrap().trim_end_matches('/').to_owned())
            .collect()
    };
    for (path, operations) in description["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            let mut bases = servers(operation);
            if bases.is_empty() {
                bases = servers(description);
            }
            if !bases.iter().any(|base| format!("{base}{path}").ends_with(url)) {
                continue;
            }
            let answers = operation["responses"].as_object().into_iter().flatten();
            for (_, answer) in answers {
                let contents = answer["content"].as_object().into_iter().flatten();
                let examples =
                    contents.flat_map(|(_, of)| of["examples"].as_object().into_iter().flatten());
                for (_, example) in examples {
                    let when = &example["x-when"];
                    let value =
                        when["body"][parameter].as_str().or(when["query"][parameter].as_str());
                    let error = !example["value"]["error"].is_null()
                        || !example["value"]["error_type"].is_null()
                        || !example["value"]["status"].is_null();
                    values.extend(value.filter(|_| error).map(str::to_owned));
                }
            }
        }
    }
    values
}

#[tokio::test]
async fn the_vendors_descriptions_of_their_token_addresses_are_kept_to() {
    let Some(shared) = shared() else { return };
    let Some((_mock, base)) = start(&shared).await else { return };
    let config = TransportConfig { egress_override: Some(base.clone()), ..Default::default() };
    let transport = Transport::new(config).unwrap();
    let mut tried = Vec::new();
    for (spec, oauth) in oauth_vendors() {
        let folder = shared.join("providers").join(spec.id);
        let read = |name: &str| -> Option<Value> {
            serde_json::from_str(&std::fs::read_to_string(folder.join(name)).ok()?).ok()
        };
        let Some(description) = read("openapi.json") else { continue };
        let settings = read("expected.json").unwrap()["link"]["metadata"].clone();
        let settings = serde_json::from_value(settings).unwrap();
        let url = place(spec, oauth, oauth.token_url);
        let end = url.split_once('/').map_or("", |(_, path)| path);
        let codes = refused_values(&description, end, "code");
        if codes.is_empty() {
            continue; // it does not describe the exchange
        }
        let app = app(oauth);
        let back = Url::parse("https://localhost/oauth/callback").unwrap();
        let verifier = "v".repeat(43).into();
        let verifier =
            (oauth.pkce != neotoma_importers::provider::spec::Pkce::None).then_some(&verifier);
        let give = async |code: &str| {
            let code = Code { code: &code.into(), verifier, redirect_uri: &back };
            exchange(&transport, spec, &app, &settings, code).await
        };
        let tokens = give("a-good-code").await.unwrap_or_else(|e| panic!("{}: {e}", spec.id));
        for code in codes {
            let refused = give(&code).await.unwrap_err();
            assert!(
                matches!(refused, RefreshError::Reconnect(_)),
                "{} {code}: {refused:?}",
                spec.id
            );
        }
        let renewable = tokens.refresh_token.is_some() || oauth.refresh.url.is_some();
        let renew = async |token: &str| {
            let grant =
                Grant { access_token: Some(token.into()), refresh_token: Some(token.into()) };
            refresh(&transport, spec, Some(&app), &settings, &grant).await
        };
        if renewable {
            let renewed = renew("a-good-token").await;
            renewed.unwrap_or_else(|error| panic!("{}: {error}", spec.id));
            let at = place(spec, oauth, oauth.refresh.url.unwrap_or(oauth.token_url));
            let end = at.split_once('/').map_or("", |(_, path)| path);
            let name = if oauth.refresh.url.is_some() { "access_token" } else { "refresh_token" };
            for token in refused_values(&description, end, name) {
                let refused = renew(&token).await.unwrap_err();
                assert!(matches!(refused, RefreshError::Reconnect(_)), "{}: {refused:?}", spec.id);
            }
        }
        tried.push(spec.id);
    }
    for vendor in DIFFERENT {
        assert!(tried.contains(&vendor), "{vendor} was not tried: {tried:?}");
    }
    let violations = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(base.join("__violations").unwrap())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(violations.trim(), "[]");
}
