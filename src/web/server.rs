//! The server that listens: what is mounted where, within which limits, and how it stops.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use rmcp::ServerHandler;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    auth::{authenticate, problem},
    body, connect,
    loopback::Loopback,
    sign_in, webhook,
};
use crate::{app::App, mcp};

/// How long calls that go on are waited for when the server stops.
const LAST: Duration = Duration::from_secs(30);

/// What the HTTP face needs to know beside the core's settings.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Where to listen.
    pub address: SocketAddr,
    /// `PUBLIC_URL`: the address that people and clients use, where it is another one.
    pub public_url: Option<Url>,
    /// How long a request's body may take to arrive.
    pub patience: Duration,
}

impl HttpSettings {
    /// The usual ones, at this address.
    pub fn at(address: SocketAddr, public_url: Option<Url>) -> Self {
        Self { address, public_url, patience: body::PATIENCE }
    }
}

/// Serves until `stop` fires: then it takes no new calls, lets the ones at hand end, and returns.
///
/// # Errors
/// When the address cannot be listened at, or would open the server beyond this machine before anybody could be told
/// apart: without a token, or without its public address.
pub async fn serve_http(
    app: App,
    settings: HttpSettings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    app.open().await?;
    let handler = mcp::http_server(app.clone(), stop.clone()).await?;
    serve_handler(app, settings, handler, stop).await
}

/// Serves another MCP server than ours behind the same doors, limits and settings: what they do to the protocol can then be
/// tried with one that has more than ours to try.
///
/// # Errors
/// As [`serve_http`].
pub async fn serve_handler<H: ServerHandler>(
    app: App,
    settings: HttpSettings,
    handler: Arc<H>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    app.open().await?;
    if !settings.address.ip().is_loopback() {
        if settings.public_url.is_none() {
            bail!("listening beyond this machine needs PUBLIC_URL, the address that clients use");
        }
        if !app.has_tokens().await? {
            bail!(
                "listening beyond this machine needs a token first: neotoma token create --owner NAME"
            );
        }
    }
    let listener = TcpListener::bind(settings.address)
        .await
        .with_context(|| format!("cannot listen at {}", settings.address))?;
    let address = listener.local_addr()?;
    // Fires only when nothing is waited for any more: it would cut the calls at hand off.
    let cut = CancellationToken::new();
    let _cut = cut.clone().drop_guard();
    let router = router(app.clone(), address, &settings, handler, cut);
    let _deliveries = webhook::look_after(app);
    tracing::info!(%address, "listening");
    let asked = stop.clone();
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(async move { asked.cancelled().await });
    tokio::select! {
        served = serving.into_future() => served?,
        () = async { stop.cancelled().await; tokio::time::sleep(LAST).await } => {
            tracing::warn!("calls that went on too long were cut off");
        }
    }
    Ok(())
}

fn router<H: ServerHandler>(
    app: App,
    address: SocketAddr,
    settings: &HttpSettings,
    handler: Arc<H>,
    cut: CancellationToken,
) -> Router {
    let public = settings.public_url.as_ref();
    let (hosts, origins) = (hosts(address, public), origins(address, public));
    let service = mcp::http_service(handler, hosts.clone(), origins, cut);
    let mcp = Router::new()
        .fallback_service(service)
        .layer(middleware::from_fn_with_state(settings.patience, whole_body))
        .layer(middleware::from_fn_with_state(app.clone(), authenticate));
    // Without a public address the pages are at the loopback listener, which only this machine reaches.
    let pages = if let Some(url) = public {
        connect::router(app.clone(), sign_in::door(app.clone()))
            .merge(sign_in::router(app.clone(), url.scheme() == "https"))
    } else {
        app.land_at(Loopback::new());
        Router::new()
    };
    Router::new()
        .nest_service("/mcp", mcp)
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(app.clone())
        .merge(webhook::router(app))
        .merge(pages)
        .layer(middleware::from_fn_with_state(hosts, known_host))
}

/// The host names by which this server may be called: its own address, this machine's names with its port, and the public
/// one. Any other in a request means that a page made a browser call it by a name of its own (DNS rebinding).
fn hosts(address: SocketAddr, public: Option<&Url>) -> Vec<String> {
    let port = address.port();
    let mut hosts: Vec<String> =
        ["localhost", "127.0.0.1", "[::1]"].iter().map(|host| format!("{host}:{port}")).collect();
    hosts.push(address.to_string());
    if let Some(host) = public.and_then(Url::host_str) {
        hosts.push(host.to_owned());
        let port = public.and_then(Url::port_or_known_default).unwrap_or(443);
        hosts.push(format!("{host}:{port}"));
    }
    hosts
}

fn origins(address: SocketAddr, public: Option<&Url>) -> Vec<String> {
    let port = address.port();
    let mut origins = vec![format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}")];
    origins.extend(public.map(|url| url.origin().ascii_serialization()));
    origins
}

async fn known_host(State(hosts): State<Vec<String>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(Authority::as_str));
    if named.is_some_and(|named| hosts.iter().any(|host| host.eq_ignore_ascii_case(named))) {
        return next.run(request).await;
    }
    problem(
        StatusCode::MISDIRECTED_REQUEST,
        "this server is not called by that name; set PUBLIC_URL to it",
    )
}

/// Takes a body whole before anything is done with it.
async fn whole_body(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match body::whole(&parts.headers, body, mcp::LARGEST_REQUEST, patience).await {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(refused) => refused,
    }
}

async fn ready(State(app): State<App>) -> Response {
    match app.ready().await {
        Ok(()) => "ready".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            problem(StatusCode::SERVICE_UNAVAILABLE, "the database is not available")
        }
    }
}
