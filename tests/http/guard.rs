//! Where calls may go.

use neotoma_importers::{
    error::Error,
    http::{Rate, Transport, TransportConfig},
};
use serde_json::Value;
use url::Url;

use crate::vendor::{API, Account, Vendor, json};

#[tokio::test]
async fn the_override_takes_every_call_and_the_rules_hold_for_the_address_that_was_meant() {
    let vendor = Vendor::start(|_, _| "{}").await;
    let client = vendor.client();
    for address in ["https://api.example.com/a%20b/c?d=e", "https://x.example.net:8443/"] {
        client
            .get(address)
            .query(&[("f", Some("g h")), ("i", None)])
            .json::<Value>()
            .await
            .unwrap();
    }
    let targets: Vec<String> = vendor.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        targets,
        ["/example/api.example.com/a%20b/c?d=e&f=g+h", "/example/x.example.net:8443/?f=g+h"]
    );
}

#[tokio::test]
async fn a_refused_address_is_not_called_at_all() {
    let vendor = Vendor::start(|_, _| "{}").await;
    let hosts =
        ["api.example.com", "10.0.0.1", "[::1]", "169.254.169.254", "2130706433", "127.0.0.1"];
    let account = Account::with(&vendor.transport(), &hosts, Rate::per_second(100));
    for (address, is_persons) in [
        ("https://evil.example/next", false),
        ("https://api.example.com@evil.example/", false),
        ("https://me:hush@api.example.com/", false),
        ("not an address", false),
        ("file:///etc/passwd", true),
        ("http://api.example.com/", true),
        ("https://10.0.0.1/", true),
        ("https://[::1]/", true),
        ("https://169.254.169.254/latest/meta-data", true),
        ("https://2130706433/", true),
    ] {
        let error = account.client.get(address).json::<Value>().await.unwrap_err();
        assert_eq!(matches!(error, Error::Invalid { .. }), is_persons, "{address}: {error}");
        assert_eq!(matches!(error, Error::Unexpected { .. }), !is_persons, "{address}: {error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    assert!(vendor.seen().is_empty());
    assert_eq!(account.meter.requests(), 0);
}

#[tokio::test]
async fn a_name_that_resolves_to_this_machine_is_refused_where_it_is_resolved() {
    let transport = Transport::new(TransportConfig::default()).unwrap();
    let account = Account::with(&transport, &["localhost"], Rate::per_second(100));
    let error = account.client.get("https://localhost:1/a").json::<Value>().await.unwrap_err();
    let problem = "localhost has an address inside a private network; NEOTOMA_ALLOW_PRIVATE_HOSTS=1 allows that";
    assert_eq!(error, Error::invalid("address", problem));
}

#[tokio::test]
async fn an_operator_may_allow_private_hosts_and_http() {
    let vendor = Vendor::start(|_, _| json(200, "17")).await;
    let config = TransportConfig { allow_private_hosts: true, ..Default::default() };
    let transport = Transport::new(config).unwrap();
    let mut by_name = vendor.base.clone();
    by_name.set_host(Some("localhost")).unwrap();
    for base in [&vendor.base, &by_name] {
        let host = base.host_str().unwrap();
        let with_port = format!("{host}:{}", base.port().unwrap());
        for pattern in [host, &with_port] {
            let account = Account::with(&transport, &[pattern], Rate::per_second(100));
            let found = account.client.get(base.join("/a").unwrap()).json::<u8>().await;
            assert_eq!(found, Ok(17), "{base} {pattern}");
        }
        let account = Account::with(&transport, &[&format!("{host}:1")], Rate::per_second(100));
        assert!(account.client.get(base.as_str()).json::<u8>().await.is_err(), "another port");
    }
}

#[test]
fn an_override_elsewhere_than_on_this_machine_is_refused() {
    let egress_override = Some(Url::parse("http://10.0.0.1:80").unwrap());
    let done = Transport::new(TransportConfig { egress_override, ..Default::default() });
    assert!(
        matches!(done.err(), Some(Error::Invalid { field, .. }) if field == "NEOTOMA_EGRESS_OVERRIDE")
    );
}

#[tokio::test]
async fn what_a_call_cannot_be_made_of_is_said_and_not_sent() {
    let vendor = Vendor::start(|_, _| "{}").await;
    let client = vendor.client();
    let call = || client.get(format!("{API}/a"));
    for call in [
        call().header("x-key", "two\nlines"),
        call().header("Not A Name", "x"),
        call().query(&vec![vec![1]]),
        call().bearer("two\nlines".into()),
    ] {
        assert!(call.json::<Value>().await.is_err());
    }
    assert!(vendor.seen().is_empty());
    call().header("X-Key", "x").json::<Value>().await.unwrap();
}
