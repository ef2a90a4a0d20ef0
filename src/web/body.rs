//! A request's body, taken whole before anything is done with it, within bounds of size and time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};

use super::auth::problem;

/// How long a body may usually take to arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The whole body, of so many bytes at most, that arrives within so much time.
///
/// # Errors
/// The answer to a body that is too large or takes too long; one that says so is refused before it is read.
pub(super) async fn whole(
    headers: &HeaderMap,
    body: Body,
    largest: usize,
    patience: Duration,
) -> Result<Bytes, Response> {
    let too_large = || problem(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > largest as u64)
    {
        return Err(too_large());
    }
    match tokio::time::timeout(patience, to_bytes(body, largest)).await {
        Ok(read) => read.map_err(|_| too_large()),
        Err(_) => Err(problem(StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use futures::{StreamExt as _, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_in_its_middle_is_not_waited_for_for_ever() {
        let began = tokio::time::Instant::now();
        let first = stream::iter([Ok::<_, std::io::Error>("{")]);
        let body = Body::from_stream(first.chain(stream::pending()));
        let refused = whole(&HeaderMap::new(), body, 100, PATIENCE).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(began.elapsed(), PATIENCE);
    }

    #[tokio::test]
    async fn a_body_is_refused_by_what_it_says_and_by_what_it_is() {
        let read = async |says: &'static str, body: Body| {
            let headers =
                [(header::CONTENT_LENGTH, HeaderValue::from_static(says))].into_iter().collect();
            whole(&headers, body, 4, PATIENCE).await.map_err(|refused| refused.status())
        };
        assert_eq!(read("4", "four".into()).await.unwrap(), "four");
        for (says, body) in [
            ("4", Body::from("fives")),
            ("5", Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())),
        ] {
            assert_eq!(read(says, body).await, Err(StatusCode::PAYLOAD_TOO_LARGE), "{says}");
        }
    }
}
