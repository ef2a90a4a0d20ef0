//! Secrets that are exchanged while other things happen to their connector.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Form, Json, Router,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use jiff::{SignedDuration, Timestamp};
use neotoma_importers::{
    http::{Client, Connection, Credentials, Policy, Rate, Transport, TransportConfig},
    oauth::{Apps, StoredCredentials, binding},
    provider::{
        Settings, Spec,
        spec::{OAuth2, Refresh},
    },
    store::{Connector, NewConnector},
    vault::SecretMap,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::{Gate, Rig, SPEC};

/// A vendor whose refresh tokens are good for one use.
const ROTATING: Spec = Spec {
    oauth: Some(OAuth2 {
        app: "fake",
        token_url: "https://fake.test/token",
        refresh: Refresh { rotates: true, ..Refresh::BASE },
        ..OAuth2::BASE
    }),
    hosts: &["fake.test"],
    ..SPEC
};

/// The vendor's token address, which answers once a gate is open.
struct TokenServer {
    gate: Arc<Gate>,
    asked: Arc<AtomicUsize>,
    transport: Transport,
}

impl TokenServer {
    async fn start() -> Self {
        let (gate, asked) = (Gate::shut(), Arc::new(AtomicUsize::new(0)));
        let (shut, count) = (gate.clone(), asked.clone());
        let answer = move || async move {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            shut.pass().await;
            Json(json!({
                "access_token": format!("access {number}"),
                "refresh_token": format!("refresh {number}"),
                "expires_in": 3600,
            }))
        };
        let router = Router::new().route("/fake/fake.test/token", post(answer));
        Self { gate, asked, transport: serve(router).await }
    }

    fn credentials(&self, rig: &Rig, of: &Connector) -> StoredCredentials {
        let app = |name: &str| match name {
            "FAKE_OAUTH_CLIENT_ID" | "FAKE_OAUTH_CLIENT_SECRET" => Some("set".to_owned()),
            _ => None,
        };
        let apps = Apps::read(["fake"], app).unwrap();
        let (store, vault) = (rig.store.clone(), rig.vault.clone());
        StoredCredentials::open(store, vault, self.transport.clone(), &apps, rig.spec, of).unwrap()
    }

    /// A client of the account, as a run has one.
    fn client(&self, rig: &Rig, of: &Connector) -> Client {
        self.transport.client(Connection {
            policy: Policy {
                provider: rig.spec.id,
                hosts: vec!["fake.test".into()],
                rate: Rate::per_second(100_000),
                fault: Arc::new(|_, _| None),
            },
            account: of.id.to_string(),
            credentials: Arc::new(self.credentials(rig, of)),
            settings: BTreeMap::new(),
            limit: None,
            since: None,
            meter: Arc::default(),
        })
    }
}

/// A vendor that takes its newest access token alone, and a refresh token once.
#[derive(Default)]
struct Strict {
    exchanges: AtomicUsize,
    calls: AtomicUsize,
}

impl Strict {
    async fn start() -> (Arc<Self>, TokenServer) {
        let strict = Arc::new(Self::default());
        let (tokens, calls) = (strict.clone(), strict.clone());
        let exchange = move |Form(form): Form<HashMap<String, String>>| async move {
            let number = tokens.exchanges.fetch_add(1, Ordering::SeqCst);
            let newest = if number == 0 { "zero".into() } else { number.to_string() };
            if form["refresh_token"] != format!("refresh {newest}") {
                return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
            }
            let number = number + 1;
            let answer = json!({
                "access_token": format!("access {number}"),
                "refresh_token": format!("refresh {number}"),
                "expires_in": 3600,
            });
            (StatusCode::OK, Json(answer))
        };
        let call = move |headers: HeaderMap| async move {
            calls.calls.fetch_add(1, Ordering::SeqCst);
            let newest = format!("Bearer access {}", calls.exchanges.load(Ordering::SeqCst));
            if headers.get("authorization").is_some_and(|sent| *sent == newest) {
                (StatusCode::OK, Json(json!({"done": true})))
            } else {
                (StatusCode::UNAUTHORIZED, Json(json!({"error": "token_expired"})))
            }
        };
        let router = Router::new()
            .route("/fake/fake.test/token", post(exchange))
            .route("/fake/fake.test/things", get(call));
        let asked = Arc::new(AtomicUsize::new(0));
        (strict, TokenServer { gate: Gate::shut(), asked, transport: serve(router).await })
    }
}

/// Serves it on loopback; a transport that reaches it, and nothing else.
async fn serve(router: Router) -> Transport {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = TransportConfig {
        egress_override: Some(address.parse().unwrap()),
        ..TransportConfig::default()
    };
    Transport::new(config).unwrap()
}

/// Links an account, or links it again, with tokens of this name of which the access token has ended.
async fn link(rig: &Rig, account: &str, name: &str) -> Connector {
    link_until(rig, account, name, SignedDuration::from_hours(-1)).await
}

/// The same, with an access token that is said to end after that time.
async fn link_until(rig: &Rig, account: &str, name: &str, left: SignedDuration) -> Connector {
    let ended = Timestamp::now().checked_add(left).unwrap();
    let secrets: SecretMap = [
        ("access_token", format!("access {name}")),
        ("refresh_token", format!("refresh {name}")),
        ("expires_at", ended.to_string()),
    ]
    .into_iter()
    .collect();
    let names: Vec<String> = secrets.names().map(str::to_owned).collect();
    let metadata = Settings::new();
    let id = rig.link(account).await.id;
    let before = rig.store.connector(&rig.owner, id).await.unwrap().unwrap();
    let new = NewConnector {
        id,
        provider: rig.spec.id,
        provider_type: rig.spec.category.as_str(),
        account_identifier: &before.account_identifier,
        account_scope: "",
        account_label: "",
        capabilities: &[],
        oauth_scopes: &[],
        secret_names: &names,
        oauth_client_id: None,
        metadata: &metadata,
    };
    let seal = |id| rig.vault.seal(&binding(&rig.owner, id, rig.spec), &secrets);
    rig.store.link(&rig.owner, &new, seal).await.unwrap();
    rig.store.connector(&rig.owner, id).await.unwrap().unwrap()
}

/// A stored secret.
async fn stored(rig: &Rig, of: &Connector, name: &str) -> String {
    let now = rig.again(of).await;
    let binding = binding(&rig.owner, of.id, rig.spec);
    let secrets = rig.vault.open(&binding, &now.secrets.unwrap()).unwrap();
    secrets.get(name).unwrap().expose_secret().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_being_exchanged_when_its_call_is_given_up_is_kept() {
    let rig = Rig::of(ROTATING).await;
    let server = TokenServer::start().await;
    let account = link(&rig, "one", "zero").await;
    let credentials = server.credentials(&rig, &account);
    tokio::select! {
        _ = credentials.access_token() => panic!("the exchange waits for the gate"),
        () = server.gate.reached() => {} // the vendor has taken the refresh token: it is good for nothing any more
    }
    drop(credentials);
    server.gate.open();
    let kept = async {
        while stored(&rig, &account, "refresh_token").await != "refresh 1" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), kept).await.expect("the new tokens are lost");
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_made_while_a_token_is_exchanged_keeps_its_own_secrets() {
    let rig = Rig::of(ROTATING).await;
    let server = TokenServer::start().await;
    let account = link(&rig, "one", "zero").await;
    let credentials = Arc::new(server.credentials(&rig, &account));
    let exchange = credentials.clone();
    let exchange = tokio::spawn(async move { exchange.access_token().await });
    server.gate.reached().await;
    link(&rig, "one", "linked again").await;
    server.gate.open();
    assert!(exchange.await.unwrap().is_ok());
    assert_eq!(stored(&rig, &account, "refresh_token").await, "refresh linked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_exchange_serves_all_processes() {
    let rig = Rig::of(ROTATING).await;
    let server = TokenServer::start().await;
    let account = link(&rig, "one", "zero").await;
    let each: Vec<_> = (0..6).map(|_| server.credentials(&rig, &account)).collect();
    let all = futures::future::join_all(each.iter().map(Credentials::access_token));
    let (tokens, ()) = tokio::join!(all, async {
        server.gate.reached().await;
        server.gate.open();
    });
    for token in tokens {
        assert_eq!(token.unwrap().unwrap().expose_secret(), "access 1");
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_exchanges_of_many_accounts_leave_connections_for_everybody_else() {
    let rig = Rig::of(ROTATING).await;
    let server = TokenServer::start().await;
    let mut each = Vec::new();
    for number in 0..16 {
        let account = link(&rig, &format!("account {number}"), "zero").await;
        each.push(server.credentials(&rig, &account));
    }
    let all = futures::future::join_all(each.iter().map(Credentials::access_token));
    let (tokens, ()) = tokio::join!(all, async {
        server.gate.reached().await;
        // Whoever could begin has begun; the database is there for others all the same.
        let work = async {
            for _ in 0..20 {
                rig.store.connectors(&rig.owner, None, false).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), work).await.expect("no connection was left");
        server.gate.open();
    });
    assert!(tokens.into_iter().all(|token| token.is_ok()));
    assert_eq!(server.asked.load(Ordering::SeqCst), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_exchange_a_token_that_rotates_once() {
    // It is known to end in a moment, or the vendor refuses it long before.
    for left in [SignedDuration::from_secs(5), SignedDuration::from_hours(1)] {
        let rig = Rig::of(ROTATING).await;
        let (strict, server) = Strict::start().await;
        let account = link_until(&rig, "one", "zero", left).await;
        // Two processes, as far as memory goes: they share the database alone.
        let clients: Vec<_> = (0..2).map(|_| server.client(&rig, &account)).collect();
        let calls = (0..100).map(|number| {
            let call = clients[number % 2].get("https://fake.test/things");
            async move { call.json::<Value>().await }
        });
        for done in futures::future::join_all(calls).await {
            assert_eq!(done, Ok(json!({"done": true})));
        }
        assert_eq!(strict.exchanges.load(Ordering::SeqCst), 1, "one exchange at the vendor");
        let refused = strict.calls.load(Ordering::SeqCst) - 100;
        assert!(if left.as_secs() < 60 { refused == 0 } else { refused > 0 }, "{refused}");
        assert_eq!(stored(&rig, &account, "refresh_token").await, "refresh 1");
        assert_eq!(stored(&rig, &account, "access_token").await, "access 1");
    }
}
