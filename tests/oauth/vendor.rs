//! A vendor on loopback that answers by script and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use neotoma_importers::http::{Transport, TransportConfig};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use url::{Url, form_urlencoded};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    /// Host and path, as they are meant: `oauth2.googleapis.com/token`.
    pub at: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    /// The parameters, wherever and in whatever form they stand.
    pub fn params(&self) -> Vec<(String, Value)> {
        let text = |pairs: Vec<(String, String)>| {
            pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
        };
        match self.header("content-type") {
            None => text(self.query.clone()),
            Some("application/json") => {
                let body: Value = serde_json::from_str(&self.body).unwrap();
                body.as_object().unwrap().clone().into_iter().collect()
            }
            Some(kind) => {
                assert_eq!(kind, "application/x-www-form-urlencoded");
                text(form_urlencoded::parse(self.body.as_bytes()).into_owned().collect())
            }
        }
    }

    pub fn param(&self, name: &str) -> Option<Value> {
        let mut found = self.params().into_iter().filter(|(known, _)| known == name);
        let value = found.next()?.1;
        assert!(found.next().is_none(), "{name} is there twice");
        Some(value)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What stands in an HTTP Basic header, form-decoded.
    pub fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?.to_owned();
        let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap();
        let (id, secret) = pair.split_once(':').unwrap();
        let decoded = |text: &str| {
            let text = format!("x={text}");
            form_urlencoded::parse(text.as_bytes()).next().unwrap().1.into_owned()
        };
        Some((decoded(id), decoded(secret)))
    }

    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

type Script = dyn Fn(Seen) -> BoxFuture<'static, Response> + Send + Sync;

pub struct Vendor {
    pub base: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Vendor {
    pub async fn start(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        Self::slow(move |seen| {
            let answer = answer(&seen);
            Box::pin(async move { answer })
        })
        .await
    }

    /// A vendor whose answers may wait for something.
    pub async fn slow(
        answer: impl Fn(Seen) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (noted, answer): (_, Arc<Script>) = (Arc::clone(&seen), Arc::new(answer));
        let handler = move |request: Request| {
            let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
            async move {
                let request = read(request).await;
                noted.lock().unwrap().push(request.clone());
                answer(request).await
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(handler);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, seen, task }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests at this host and path.
    pub fn seen_at(&self, at: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.at == at).collect()
    }

    pub fn transport(&self) -> Transport {
        let egress_override = Some(self.base.clone());
        Transport::new(TransportConfig { egress_override, ..Default::default() }).unwrap()
    }
}

async fn read(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    // Behind the provider's id, which the override puts before the host.
    let at = parts.uri.path().splitn(3, '/').nth(2).unwrap().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    Seen {
        method: parts.method,
        at,
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// An answer of JSON.
pub fn json(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

/// An answer of something else.
pub fn raw(status: u16, body: impl Into<String>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "text/html")], body.into()).into_response()
}
