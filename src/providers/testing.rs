//! A vendor by script, on loopback: what a provider asks and how it takes the answers.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    error::Result,
    http::{Client, Connection, Credentials, Meter, Policy, Rate, Transport, TransportConfig},
    provider::{AnyProvider, Covers, Feed, Gone, Next, Provider},
    record::Record,
};

/// A request as the script sees it: `gmail.googleapis.com/gmail/v1/…`, and the query.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub body: String,
    /// The body as it came, for what is no text.
    pub bytes: Bytes,
    /// The token in its header.
    pub bearer: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
}

impl Asked {
    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

type Script = dyn Fn(&Asked) -> Response + Send + Sync;

struct Shared {
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
}

/// A vendor that is up as long as it lives.
pub struct Vendor {
    provider: &'static dyn AnyProvider,
    shared: Arc<Shared>,
    transport: Transport,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Vendor {
    /// Starts a vendor that answers as the script says: JSON; a text as it is, or as the location of a redirect.
    pub async fn new(
        provider: &'static dyn AnyProvider,
        script: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self::raw(provider, move |asked| json(script(asked))).await
    }

    /// Starts a vendor that answers in a form of its own.
    pub async fn raw(
        provider: &'static dyn AnyProvider,
        script: impl Fn(&Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { script: Box::new(script), asked: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let egress_override = Some(base.parse().unwrap());
        let config = TransportConfig { egress_override, ..TransportConfig::default() };
        Self { provider, shared, transport: Transport::new(config).unwrap(), server }
    }

    /// A client of one run.
    pub fn client(&self) -> Client {
        self.client_since(None, &Map::new())
    }

    /// A client of one run, with a bound and settings.
    pub fn client_since(&self, since: Option<Timestamp>, settings: &Map<String, Value>) -> Client {
        self.client_of(since, settings, &[])
    }

    /// A client of one run, with a bound, settings, and secrets beside its token.
    pub fn client_of(
        &self,
        since: Option<Timestamp>,
        settings: &Map<String, Value>,
        secrets: &[(&'static str, &'static str)],
    ) -> Client {
        let (provider, spec) = (self.provider, self.provider.spec());
        let settings = settings.clone().into_iter().collect();
        self.transport.client(Connection {
            policy: Policy {
                provider: spec.id,
                hosts: spec.hosts_for(&settings),
                rate: Rate::per_second(100_000), // a test waits for nobody
                fault: Arc::new(move |status, body| provider.fault(status, body)),
            },
            account: "test".into(),
            credentials: Arc::new(Token(secrets.to_vec())),
            settings,
            limit: None,
            since,
            meter: Arc::new(Meter::default()),
        })
    }

    /// What was asked since the last call of this, in the order of arrival.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    /// The paths of what was asked, without the host.
    pub fn paths(&self) -> Vec<String> {
        let path = |asked: &Asked| asked.path.split_once('/').unwrap().1.to_owned();
        self.asked().iter().map(path).collect()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap();
    let path = uri.path().splitn(3, '/').nth(2).unwrap().to_owned(); // behind the provider's id
    let (bytes, body) = (body.clone(), String::from_utf8_lossy(&body).into_owned());
    let bearer = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    let bearer = bearer.trim_start_matches("Bearer ").to_owned();
    let asked = Asked { method: method.to_string(), path, body, bytes, bearer, query, headers };
    shared.asked.lock().unwrap().push(asked.clone());
    (shared.script)(&asked)
}

fn json((status, body): (u16, Value)) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    match body {
        Value::String(to) if status.is_redirection() => {
            (status, [(header::LOCATION, to)]).into_response()
        }
        Value::String(text) => (status, text).into_response(),
        json => (status, axum::Json(json)).into_response(),
    }
}

/// What a pass over a feed brought, all pages together; gone places as `at …` and `under …`.
#[derive(Debug)]
pub struct Pass<C> {
    pub records: Vec<Record>,
    pub gone: Vec<String>,
    pub seen: Vec<String>,
    pub skipped: u32,
    pub covers: Vec<Covers>,
    pub sizes: Vec<usize>,
    pub end: Next<C>,
}

impl<C> Pass<C> {
    /// The records' ids, in the order of arrival.
    pub fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.key.as_str()).collect()
    }
}

/// Reads a feed to its end. Between two pages the cursor is stored and read back, as at a stop.
pub async fn pass<P: Provider>(
    provider: &P,
    client: &Client,
    feed: &Feed,
    mut cursor: Option<P::Cursor>,
) -> Result<Pass<P::Cursor>> {
    let (mut records, mut gone, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let (mut skipped, mut covers, mut sizes) = (0, Vec::new(), Vec::new());
    loop {
        let page = provider.page(client, feed, cursor).await?;
        sizes.push(page.upserts.len());
        records.extend(page.upserts);
        gone.extend(page.removed.into_iter().map(|of| match of {
            Gone::Id(id) => id,
            Gone::Place(place) => format!("at {place}"),
            Gone::Under(place) => format!("under {place}"),
        }));
        seen.extend(page.seen);
        skipped += page.skipped;
        covers.push(page.covers);
        match page.next {
            Next::More(at) => {
                let stored = serde_json::to_value(at).unwrap();
                cursor = Some(serde_json::from_value(stored).unwrap());
            }
            end => return Ok(Pass { records, gone, seen, skipped, covers, sizes, end }),
        }
    }
}

struct Token(Vec<(&'static str, &'static str)>);

impl Credentials for Token {
    fn secret(&self, name: &str) -> Option<SecretString> {
        const ALWAYS: [(&str, &str); 2] =
            [("username", "jane@icloud.example"), ("password", "abcd-efgh-ijkl-mnop")];
        let mut known = self.0.iter().chain(&ALWAYS).filter(|(own, _)| *own == name);
        known.next().map(|(_, secret)| (*secret).into())
    }
    fn access_token(&self) -> BoxFuture<'_, Result<Option<SecretString>>> {
        Box::pin(async { Ok(Some("token".into())) })
    }
    fn renew(&self, _: &SecretString) -> BoxFuture<'_, Result<SecretString>> {
        Box::pin(async { Err(crate::error::Error::Reconnect("no other token".into())) })
    }
}
