//! Who calls: a bearer token, or nothing is answered.

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde_json::json;

use crate::app::App;

/// Lets in whoever shows a token, and says to the rest of the server whose it is.
pub(super) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return challenge(
            "Bearer realm=\"neotoma\"",
            "no bearer token; make one with neotoma token create",
        );
    };
    match app.token_owner(&token).await {
        Ok(Some(owner)) => {
            // What follows has no use for the token.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(owner);
            next.run(request).await
        }
        Ok(None) => challenge(
            "Bearer realm=\"neotoma\", error=\"invalid_token\"",
            "the token is unknown, revoked or has ended; make one with neotoma token create",
        ),
        Err(error) => {
            tracing::warn!(%error, "a caller could not be authenticated");
            problem(StatusCode::SERVICE_UNAVAILABLE, "the database is not available; try again")
        }
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| SecretString::from(token))
}

fn challenge(authenticate: &'static str, problem_text: &str) -> Response {
    let mut response = problem(StatusCode::UNAUTHORIZED, problem_text);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(authenticate));
    response
}

/// An error as JSON, with one sentence.
pub(super) fn problem(status: StatusCode, text: &str) -> Response<Body> {
    (status, Json(json!({ "error": text }))).into_response()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn only_a_bearer_header_is_a_token() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer(&headers).map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(read("bearer  nim_x "), Some("nim_x".into()));
        for bad in ["Basic nim_x", "Bearer", "Bearer ", "nim_x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
