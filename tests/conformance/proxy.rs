//! A proxy that adds a bearer token to whatever goes through it, and changes nothing else.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where it passes things on to, and by what token.
struct To {
    client: reqwest::Client,
    target: OnceLock<(String, HeaderValue)>,
}

pub struct Proxy {
    url: String,
    to: Arc<To>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Listens; it has nothing to pass on to yet.
    pub async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let to = Arc::new(To { client, target: OnceLock::new() });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&to));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, to, task }
    }

    /// Scheme, host and port at which it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the server of a port of this machine and passes on to it from then on. The address of the protocol.
    pub async fn open(&self, port: u16, token: &str) -> String {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "nobody listens at {port}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        self.to.target.set((format!("http://127.0.0.1:{port}"), bearer)).unwrap();
        format!("{}/mcp", self.url)
    }
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn pass(State(to): State<Arc<To>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (target, bearer) = to.target.get().unwrap();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    headers.insert(header::AUTHORIZATION, bearer.clone());
    let sent = to
        .client
        .request(parts.method, format!("{target}{path}"))
        .headers(headers)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()));
    let answer = match sent.send().await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let mut response = Response::builder().status(answer.status());
    response.headers_mut().unwrap().clone_from(answer.headers());
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}
