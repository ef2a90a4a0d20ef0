//! The server over streamable HTTP: no sessions, so that any replica answers any request; both eras of the protocol.

use std::sync::Arc;

use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tokio_util::sync::CancellationToken;

use super::{Door, Importers};
use crate::app::App;

/// Largest request, in bytes: far more than any tool's arguments.
pub(crate) const LARGEST_REQUEST: usize = 1 << 20;

/// The service to be mounted behind the middleware that finds out who calls.
pub(crate) type McpService = StreamableHttpService<Arc<Importers>, LocalSessionManager>;

/// The server as an HTTP service. `hosts` and `origins` are those that a browser may name; `closing` ends open streams.
///
/// # Errors
/// When the database or the key is not available.
pub(crate) async fn http_service(
    app: App,
    hosts: Vec<String>,
    origins: Vec<String>,
    closing: CancellationToken,
) -> anyhow::Result<McpService> {
    let key = app.state_key().await?;
    let server = Arc::new(Importers::new(app, Door::Http, closing.clone(), key)?);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins)
        .with_max_request_body_bytes(LARGEST_REQUEST)
        .with_cancellation_token(closing);
    Ok(StreamableHttpService::new(move || Ok(Arc::clone(&server)), Arc::default(), config))
}
