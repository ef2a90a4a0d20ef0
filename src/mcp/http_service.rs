//! The server over streamable HTTP: no sessions, so that any replica answers any request; both eras of the protocol.

use std::sync::Arc;

use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio_util::sync::CancellationToken;

use super::{Door, Importers};
use crate::app::App;

/// Largest request, in bytes: far more than any tool's arguments.
pub(crate) const LARGEST_REQUEST: usize = 1 << 20;

/// The server for callers over HTTP. `closing` ends what waits.
///
/// # Errors
/// When the database or the key is not available.
pub(crate) async fn http_server(
    app: App,
    closing: CancellationToken,
) -> anyhow::Result<Arc<Importers>> {
    let key = app.state_key().await?;
    Ok(Arc::new(Importers::new(app, Door::Http, closing, key)?))
}

/// A server as an HTTP service, to be mounted behind the middleware that finds out who calls. `hosts` and `origins` are
/// those that a browser may name; `cut` cuts calls and streams off.
pub(crate) fn http_service<S: ServerHandler>(
    server: Arc<S>,
    hosts: Vec<String>,
    origins: Vec<String>,
    cut: CancellationToken,
) -> StreamableHttpService<Arc<S>, LocalSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins)
        .with_max_request_body_bytes(LARGEST_REQUEST)
        .with_cancellation_token(cut);
    StreamableHttpService::new(move || Ok(Arc::clone(&server)), Arc::default(), config)
}
