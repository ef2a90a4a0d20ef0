//! `/import/{provider}/webhook/{connector_id}`: where vendors deliver. Whoever calls is told nothing but whether it was taken;
//! no token is asked for, since a vendor has none: its signature over the exact bytes says who it is.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::{auth::problem, body, html::guarded};
use crate::app::{App, Called, Delivered};

/// The largest delivery, in bytes: Meta's documents name 3 MB, the others less.
const LARGEST: usize = 4 << 20;
/// How many deliveries are taken at once, since each is held in memory until it is written down.
const AT_ONCE: usize = 32;
/// How often it is looked for deliveries that nobody has read.
const LOOK: Duration = Duration::from_mins(5);

#[derive(Clone)]
struct Here {
    app: App,
    turns: Arc<Semaphore>,
}

/// The webhook addresses of all connectors.
pub(super) fn router(app: App) -> Router {
    let here = Here { app, turns: Arc::new(Semaphore::new(AT_ONCE)) };
    let path = "/import/{provider}/webhook/{connector_id}";
    Router::new().route(path, get(ask).post(take)).with_state(here)
}

/// Reads what an earlier program, or another replica that is gone, has taken and not read: now, and from time to time.
pub(super) fn look_after(app: App) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut all = true;
        loop {
            ticks.tick().await;
            if let Err(error) = app.take_up_deliveries(std::mem::take(&mut all)).await {
                tracing::warn!(%error, "deliveries that wait could not be looked for");
            }
        }
    }))
}

/// A vendor asks whose the address is.
async fn ask(
    State(here): State<Here>,
    Path((provider, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let called = match find(&here.app, &provider, &id).await {
        Ok(called) => called,
        Err(answer) => return answer,
    };
    answer(here.app.hear(&called, false, &pairs(query), &headers, &[]).await, StatusCode::FORBIDDEN)
}

/// A vendor delivers.
async fn take(
    State(here): State<Here>,
    Path((provider, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    // Before the body: nobody is waited for whose address is none.
    let called = match find(&here.app, &provider, &id).await {
        Ok(called) => called,
        Err(answer) => return answer,
    };
    let Ok(_turn) = here.turns.try_acquire() else { return busy() };
    let (parts, body) = request.into_parts();
    let body = match body::whole(&parts.headers, body, LARGEST, body::PATIENCE).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let heard = here.app.hear(&called, true, &pairs(query), &parts.headers, &body).await;
    answer(heard, StatusCode::UNAUTHORIZED)
}

async fn find(app: &App, provider: &str, id: &str) -> Result<Called, Response> {
    match app.called(provider, id).await {
        Ok(Some(called)) => Ok(called),
        Ok(None) => Err(nobody()),
        Err(error) => {
            tracing::warn!(%error, "a webhook could not be taken");
            Err(out_of_order())
        }
    }
}

fn answer(heard: crate::app::Result<Delivered>, refused: StatusCode) -> Response {
    match heard {
        Ok(Delivered::Kept) => StatusCode::OK.into_response(),
        Ok(Delivered::Answer(text)) => plain(text),
        Ok(Delivered::Refused) => problem(refused, "the signature does not hold"),
        Ok(Delivered::Gone) => nobody(),
        Ok(Delivered::Full) => busy(),
        Err(error) => {
            tracing::warn!(%error, "a delivery could not be written down");
            out_of_order()
        }
    }
}

/// What a vendor wants to hear, as text that no browser takes for a page.
fn plain(text: String) -> Response {
    let mut response = guarded(Response::new(Body::from(text)));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn nobody() -> Response {
    problem(StatusCode::NOT_FOUND, "there is no such webhook")
}

/// Vendors send again what was answered so.
fn busy() -> Response {
    let mut response =
        problem(StatusCode::SERVICE_UNAVAILABLE, "too much is on its way; send it again");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

fn out_of_order() -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, "nothing can be taken now; send it again")
}

fn pairs(query: Option<String>) -> Vec<(String, String)> {
    serde_urlencoded::from_str(&query.unwrap_or_default()).unwrap_or_default()
}
