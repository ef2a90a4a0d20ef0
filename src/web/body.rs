//! A request's body, taken whole before anything is done with it, within bounds of size and time.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use futures::StreamExt as _;

use super::auth::problem;

/// How long a body may usually take to arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What of a refused body is still read and thrown away, in bytes and in time: whoever reads only once all is sent would
/// otherwise see a broken connection and not the reason.
const LINGER: (u64, Duration) = (16 << 20, Duration::from_secs(1));

/// The whole body, of so many bytes at most, that arrives within so much time.
///
/// # Errors
/// The answer to a body that is too large or takes too long; nothing of one that says so is kept.
pub(super) async fn whole(
    headers: &HeaderMap,
    body: Body,
    largest: usize,
    patience: Duration,
) -> Result<Bytes, Response> {
    let too_large = || problem(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    let mut pieces = body.into_data_stream();
    if length > largest as u64 {
        // Reading from somebody who asks first would tell them to go on.
        if !headers.contains_key(header::EXPECT) {
            discard(&mut pieces).await;
        }
        return Err(too_large());
    }
    let read = async {
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.ok()?;
            if whole.len() + piece.len() > largest {
                drop(whole);
                discard(&mut pieces).await;
                return None;
            }
            whole.extend_from_slice(&piece);
        }
        Some(Bytes::from(whole))
    };
    match tokio::time::timeout(patience, read).await {
        Ok(read) => read.ok_or_else(too_large),
        Err(_) => Err(problem(StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive")),
    }
}

/// Reads what is left, within bounds.
async fn discard(pieces: &mut BodyDataStream) {
    let (bytes, time) = LINGER;
    let read = async {
        let mut read = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            read += piece.len() as u64;
            if read > bytes {
                break;
            }
        }
    };
    // Answered all the same when it takes longer.
    let _ = tokio::time::timeout(time, read).await;
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use futures::stream;

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

    #[tokio::test(start_paused = true)]
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
