//! Signing in to the pages of a server that others reach: by a bearer token, or by a one-time code that `neotoma token code`
//! prints. The page that was asked for is shown afterwards.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    auth::bearer,
    connect::{Door, SignIn},
    html::{Page, Text, guarded, see_other},
    pages,
};
use crate::{app::App, ids::OwnerId};

/// The cookie of somebody who has signed in; good as long as a confirm token is.
const COOKIE: &str = "neotoma-session";
/// What a session's token confirms.
const SESSION: &str = "session";
/// How long the cookie is kept, in seconds.
const KEPT: u32 = 600;
/// The largest form that is read.
const LARGEST: usize = 4 << 10;
/// How long a browser may take to send one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where somebody goes on after signing in.
#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// What is typed in.
#[derive(Deserialize)]
struct Typed {
    code: SecretString,
    #[serde(default)]
    next: String,
}

/// Lets in whoever has signed in; sends everybody else to the page where one does.
pub(super) fn door(app: App) -> Door {
    let sign_in: SignIn = Arc::new(move |parts: &Parts| {
        let (app, token, session) = (app.clone(), bearer(&parts.headers), session(&parts.headers));
        let next = parts.uri.path().to_owned();
        Box::pin(async move {
            let known = match (token, session) {
                (Some(token), _) => app.token_owner(&token).await,
                (None, Some((owner, token))) => app
                    .confirmed(&owner, SESSION, "", &token)
                    .await
                    .map(|holds| holds.then_some(owner)),
                (None, None) => Ok(None),
            };
            match known {
                Ok(Some(owner)) => Ok(owner),
                Ok(None) => Err(see_other(&format!("/sign-in?next={}", encoded(&next)))),
                Err(error) => {
                    tracing::warn!(%error, "nobody could sign in");
                    Err(pages::out_of_order().answer())
                }
            }
        })
    });
    Door::SignIn(sign_in)
}

/// `/sign-in`.
pub(super) fn router(app: App, https: bool) -> Router {
    Router::new().route("/sign-in", get(ask).post(take)).with_state(Here { app, https })
}

#[derive(Clone)]
struct Here {
    app: App,
    https: bool,
}

async fn ask(Query(Next { next }): Query<Next>) -> Response<Body> {
    page(&next, None).answer()
}

async fn take(State(here): State<Here>, request: Request) -> Response<Body> {
    let read = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), LARGEST)).await;
    let Ok(Ok(body)) = read else { return pages::too_large().answer() };
    let Ok(Typed { code, next }) = serde_urlencoded::from_bytes(&body) else {
        return page("", Some("Type in the code.")).answer();
    };
    let owner = match here.app.redeem_code(&code).await {
        Ok(Some(owner)) => owner,
        Ok(None) => {
            let wrong = "That code is not known, was used, or is older than ten minutes.";
            return page(&next, Some(wrong)).answer();
        }
        Err(error) => {
            tracing::warn!(%error, "nobody could sign in");
            return pages::out_of_order().answer();
        }
    };
    match here.app.confirm_token(&owner, SESSION, "").await {
        Ok(token) => signed_in(&owner, &token, here.https, &next),
        Err(_) => pages::out_of_order().answer(),
    }
}

fn signed_in(owner: &OwnerId, token: &str, https: bool, next: &str) -> Response<Body> {
    let mut answer = see_other(if is_page(next) { next } else { "/sign-in" });
    let secure = if https { "; Secure" } else { "" };
    let owner = URL_SAFE_NO_PAD.encode(owner.as_str());
    let kept =
        format!("{COOKIE}={owner}~{token}; Path=/; Max-Age={KEPT}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut kept) = HeaderValue::try_from(kept) {
        kept.set_sensitive(true);
        answer.headers_mut().insert(header::SET_COOKIE, kept);
    }
    guarded(answer)
}

/// Only a page of an attempt is gone on to: nothing that a link could name elsewhere.
fn is_page(next: &str) -> bool {
    next.strip_prefix("/connect/").is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c))
    }) && !next.contains("//")
}

/// Who the cookie says has signed in, and the token that proves it.
fn session(headers: &HeaderMap) -> Option<(OwnerId, String)> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut named =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = named.find(|(name, _)| *name == COOKIE)?;
    let (owner, token) = value.split_once('~')?;
    let owner = String::from_utf8(URL_SAFE_NO_PAD.decode(owner).ok()?).ok()?;
    Some((OwnerId::new(owner).ok()?, token.to_owned()))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn page(next: &str, wrong: Option<&str>) -> Page {
    let next = if is_page(next) { next } else { "" };
    let mut body = String::from("<h1>Sign in</h1>\n");
    if let Some(wrong) = wrong {
        let _ = writeln!(body, "<p class=\"alert\" role=\"alert\">{}</p>", Text(wrong));
    }
    let _ = write!(
        body,
        "<p>So that nobody links an account for you, say who you are. On the server, or wherever its database is reached, \
         run <code>neotoma token code --owner NAME</code> and type in what it prints.</p>\n\
         <form method=\"post\" action=\"/sign-in\">\n<input type=\"hidden\" name=\"next\" value=\"{}\">\n\
         <label for=\"code\">Code</label>\n<input id=\"code\" name=\"code\" type=\"password\" required \
         autocomplete=\"one-time-code\" autofocus>\n<button type=\"submit\">Sign in</button>\n</form>\n",
        Text(next)
    );
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page { form_action: "'self'".to_owned(), ..Page::new(status, "Sign in", body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere_by_signing_in() {
        assert!(is_page("/connect/abc_1-2") && is_page("/connect/abc/form"));
        for elsewhere in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/connect/",
            "/connect//evil",
            "/connect/a?b",
        ] {
            assert!(!is_page(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_session_is_read_from_among_other_cookies_and_from_nothing_else() {
        let read = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(line).unwrap());
            session(&headers).map(|(owner, token)| (owner.to_string(), token))
        };
        let owner = URL_SAFE_NO_PAD.encode("zoë");
        let known = read(&format!("a=b; {COOKIE}={owner}~12.x"));
        assert_eq!(known, Some(("zoë".into(), "12.x".into())));
        assert_eq!(read(&format!("{COOKIE}=%%%~1")), None);
        assert_eq!(read(&format!("x{COOKIE}={owner}~1")), None);
    }
}
