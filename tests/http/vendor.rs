//! A vendor on loopback that answers by script and remembers what it was asked, and an account there.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, future::BoxFuture};
use neotoma_importers::{
    error::{Error, Result},
    http::{Client, Connection, Credentials, Meter, Policy, Rate, Transport, TransportConfig},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use url::Url;

use crate::log;

/// The vendor's main host.
pub const API: &str = "https://api.example.com";

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
    pub at: Instant,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub struct Vendor {
    pub base: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Vendor {
    /// `answer` is given the number of the request, from 0, and the request.
    pub async fn start<R: IntoResponse>(
        answer: impl Fn(usize, &Seen) -> R + Clone + Send + Sync + 'static,
    ) -> Self {
        log::install();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let handler = move |request: Request| {
            let (noted, answer) = (Arc::clone(&noted), answer.clone());
            async move { note(&noted, answer, request).await }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = base(&listener);
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { base, seen }
    }

    /// A vendor that answers by hand: the bytes are written, and the connection closed.
    pub async fn raw(answer: impl Fn(usize) -> Vec<u8> + Send + 'static) -> Self {
        log::install();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = base(&listener);
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            for number in 0.. {
                let (mut socket, _) = listener.accept().await.unwrap();
                let request = head(&mut socket).await;
                noted.lock().unwrap().push(request);
                let _ = socket.write_all(&answer(number)).await;
                let _ = socket.shutdown().await;
            }
        });
        Self { base, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn transport(&self) -> Transport {
        let egress_override = Some(self.base.clone());
        Transport::new(TransportConfig { egress_override, ..Default::default() }).unwrap()
    }

    /// A client for an account whose token is `token-1`, and then `token-2`.
    pub fn account(&self) -> Account {
        Account::at(&self.transport())
    }

    pub fn client(&self) -> Client {
        self.account().client
    }
}

fn base(listener: &TcpListener) -> Url {
    Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
}

async fn note<R: IntoResponse>(
    noted: &Mutex<Vec<Seen>>,
    answer: impl Fn(usize, &Seen) -> R,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    let seen = Seen {
        method: head.method,
        target: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        at: Instant::now(),
    };
    let number = {
        let mut noted = noted.lock().unwrap();
        noted.push(seen.clone());
        noted.len() - 1
    };
    answer(number, &seen).into_response()
}

async fn head(socket: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 4096];
        let read = socket.read(&mut chunk).await.unwrap();
        assert!(read > 0, "the client hung up");
        bytes.extend_from_slice(&chunk[..read]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut line = text.split(' ');
    Seen {
        method: line.next().unwrap().parse().unwrap(),
        target: line.next().unwrap().to_owned(),
        headers: HeaderMap::new(),
        body: String::new(),
        at: Instant::now(),
    }
}

/// An account, and what is known of it beside its client.
pub struct Account {
    pub client: Client,
    pub meter: Arc<Meter>,
    pub tokens: Arc<Tokens>,
}

impl Account {
    pub fn at(transport: &Transport) -> Self {
        let hosts = ["api.example.com", "files.example.com", "*.example.net"];
        Self::with(transport, &hosts, Rate::per_second(1_000))
    }

    pub fn with(transport: &Transport, hosts: &[&str], rate: Rate) -> Self {
        log::install();
        let (meter, tokens) = (Arc::new(Meter::default()), Arc::new(Tokens::default()));
        let client = transport.client(Connection {
            policy: Policy {
                provider: "example",
                hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
                rate,
                fault: Arc::new(fault),
            },
            account: "account".into(),
            credentials: Arc::clone(&tokens) as Arc<dyn Credentials>,
            settings: std::collections::BTreeMap::new(),
            limit: None,
            since: None,
            meter: Arc::clone(&meter),
        });
        Self { client, meter, tokens }
    }
}

/// The vendor's own words.
fn fault(status: u16, answer: &Value) -> Option<Error> {
    if answer["error"] == "token_expired" {
        return Some(Error::Reconnect("the token has expired".into()));
    }
    match (status, answer["error"].as_str()?) {
        (403, "slow_down") => Some(Error::RateLimited(Duration::from_secs(2))),
        (403, "slow_down_a_bit") => Some(Error::RateLimited(Duration::ZERO)),
        (403, "dead_token") => Some(Error::Reconnect("the token is dead".into())),
        (400, "backend") => Some(Error::Unavailable("said that its backend failed".into())),
        _ => None,
    }
}

/// `token-1`, and what it is renewed to.
#[derive(Default)]
pub struct Tokens {
    pub renewals: AtomicUsize,
    pub fails: Mutex<Option<Error>>,
}

impl Credentials for Tokens {
    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async { Ok(Some("token-1".into())) })
    }

    fn renew(&self, refused: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        assert_eq!(refused.expose_secret(), "token-1");
        self.renewals.fetch_add(1, Ordering::Relaxed);
        let fails = self.fails.lock().unwrap().clone();
        Box::pin(async { fails.map_or(Ok("token-2".into()), Err) })
    }
}

/// An answer of status and JSON.
pub fn json(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.to_owned()).into_response()
}

/// An answer of status and one header.
pub fn with_header(status: u16, name: &'static str, value: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(name, value.to_owned())], "{}").into_response()
}

/// A body that comes in pieces, without its length, for as long as the reader takes it.
pub fn pieces(piece: &'static [u8], count: usize) -> (Body, Arc<AtomicUsize>) {
    let taken: Arc<AtomicUsize> = Arc::default();
    let counter = Arc::clone(&taken);
    let stream = futures::stream::iter(0..count).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(piece)
    });
    (Body::from_stream(stream), taken)
}
