//! The pages under `/connect`: what is asked before an account is linked, and how it went.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
    routing::get,
};
use futures::future::BoxFuture;
use tokio::{sync::Notify, time::timeout};

use super::{
    callback,
    form::{Given, Wrong},
    html::{Page, guarded, see_other},
    pages,
};
use crate::{
    app::{App, Browser, Cookie, Error, Visit, Way},
    ids::{AttemptId, OwnerId},
};

/// The largest form that is read.
const LARGEST: usize = 512 << 10;
/// How long a browser may take to send one.
const PATIENCE: Duration = Duration::from_secs(30);
/// What shows another process of the same database that this is one.
pub(super) const PROOF: &str = "neotoma-proof";

/// Answers who has signed in, or the page on which one does.
pub type SignIn =
    Arc<dyn Fn(&Parts) -> BoxFuture<'static, Result<OwnerId, Response<Body>>> + Send + Sync>;

/// Who may open an attempt.
#[derive(Clone)]
pub enum Door {
    /// Whoever reaches the listener, which only this machine does. It serves the attempts that were begun for its own
    /// address.
    Loopback,
    /// Whoever has signed in as the attempt's owner: a link that is sent on must not bind another person's account. It
    /// serves the attempts that were begun for the public address.
    SignIn(SignIn),
}

/// What the handlers share.
pub(super) struct Shared {
    pub app: App,
    pub door: Door,
    /// Fires when a page has said how an attempt ended.
    pub shown: Arc<Notify>,
}

/// `/connect/{attempt}`, `/connect/{attempt}/form` and `/oauth/{app}/callback` (and what the apps have instead of it). Who
/// mounts it has checked `Host`.
pub fn router(app: App, door: Door) -> Router {
    with_notice(app, door, Arc::default())
}

/// The same; `shown` fires when a page has said how an attempt ended.
pub(super) fn with_notice(app: App, door: Door, shown: Arc<Notify>) -> Router {
    let mut router = Router::new()
        .without_v07_checks()
        .route("/connect/{attempt}", get(page).post(go_on))
        .route("/connect/{attempt}/form", get(form).post(submit))
        .route("/oauth/{app}/callback", get(callback::usual));
    for (path, apps) in app.callback_paths() {
        let own = move |shared, request| callback::own(shared, apps.clone(), request);
        router = router.route(&path, get(own));
    }
    router.with_state(Arc::new(Shared { app, door, shown }))
}

type Answer = Response<Body>;

/// What is answered instead of what was asked for.
pub(super) struct Stop(Box<Answer>);

/// What was asked for, or what is answered instead.
pub(super) type Instead<T> = Result<T, Stop>;

impl Stop {
    /// The answer.
    pub(super) fn answer(self) -> Answer {
        *self.0
    }
}

impl From<Page> for Stop {
    fn from(page: Page) -> Self {
        Self(Box::new(page.answer()))
    }
}

impl From<Answer> for Stop {
    fn from(answer: Answer) -> Self {
        Self(Box::new(answer))
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    show(&shared, &id, request, None).await.unwrap_or_else(Stop::answer)
}

async fn form(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    show(&shared, &id, request, Some(Way::Form)).await.unwrap_or_else(Stop::answer)
}

async fn show(shared: &Shared, id: &str, request: Request, way: Option<Way>) -> Instead<Answer> {
    let (parts, _) = request.into_parts();
    let visit = shared.enter(id, &parts).await?;
    let known = cookie(&parts.headers, visit.id());
    let browser = visit.browser(known.as_ref());
    if !visit.status().is_open() || visit.is_being_finished() {
        return match browser {
            Browser::This | Browser::Any => Ok(shared.ended(&visit)),
            // What became of it is nobody else's to know.
            Browser::Other => Err(Stop::from(pages::unknown())),
        };
    }
    let cookie = match (browser, known) {
        (Browser::Other, _) => return Err(Stop::from(pages::other_browser())),
        // Browsers fetch a page more than once: all copies of it belong together.
        (_, Some(cookie)) => cookie,
        (_, None) => Cookie::generate(),
    };
    Ok(open_page(&visit, &cookie, way.unwrap_or(visit.way()), None))
}

/// The page of an attempt that waits, with the browser's cookie.
fn open_page(visit: &Visit, cookie: &Cookie, way: Way, wrong: Option<&Wrong>) -> Answer {
    let page = match way {
        Way::Consent => pages::consent(visit, cookie, wrong),
        Way::Form => pages::form(visit, cookie, wrong),
    };
    let mut answer = page.answer();
    let secure = if visit.origin().starts_with("https:") { "; Secure" } else { "" };
    let kept = format!(
        "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(visit.id()),
        cookie.expose(),
        visit.seconds_left() + 60
    );
    if let Ok(mut kept) = HeaderValue::try_from(kept) {
        kept.set_sensitive(true);
        answer.headers_mut().insert(header::SET_COOKIE, kept);
    }
    answer
}

async fn go_on(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let going = async {
        let (visit, cookie, given) = receive(&shared, &id, request, Way::Consent).await?;
        match shared.app.go_on(&visit, &cookie, given.settings).await {
            Ok(Some(url)) => Ok(see_other(url.as_str())),
            Ok(None) => shared.as_it_is_now(&visit, &cookie).await,
            Err(error) => corrected(&visit, &cookie, Way::Consent, &error),
        }
    };
    going.await.unwrap_or_else(|stop: Stop| stop.answer())
}

async fn submit(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let submitting = async {
        let (visit, cookie, given) = receive(&shared, &id, request, Way::Form).await?;
        match shared.app.submit(&visit, &cookie, given.secrets, given.settings).await {
            Ok(Some(_)) => Ok(see_other(&format!("/connect/{}", visit.id()))),
            Ok(None) => shared.as_it_is_now(&visit, &cookie).await,
            Err(error) => corrected(&visit, &cookie, Way::Form, &error),
        }
    };
    submitting.await.unwrap_or_else(|stop: Stop| stop.answer())
}

/// The page once more, with what is to be put right.
fn corrected(visit: &Visit, cookie: &Cookie, way: Way, error: &Error) -> Instead<Answer> {
    match error {
        Error::Database(_) | Error::DiskFull | Error::Vault(_) => {
            tracing::warn!(%error, "an account could not be linked");
            Err(Stop::from(pages::out_of_order()))
        }
        error => Ok(open_page(visit, cookie, way, Some(&Wrong::of(error, visit.spec().name)))),
    }
}

/// A form, from the page and the browser that it belongs to.
async fn receive(
    shared: &Shared,
    id: &str,
    request: Request,
    way: Way,
) -> Instead<(Visit, Cookie, Given)> {
    let (parts, body) = request.into_parts();
    let visit = shared.enter(id, &parts).await?;
    let cookie =
        cookie(&parts.headers, visit.id()).ok_or_else(|| Stop::from(pages::no_cookie()))?;
    if is_from_elsewhere(&parts.headers, visit.origin()) {
        return Err(Stop::from(pages::no_cookie()));
    }
    match visit.browser(Some(&cookie)) {
        Browser::Other => return Err(Stop::from(pages::other_browser())),
        Browser::This if !visit.status().is_open() => return Err(Stop::from(shared.ended(&visit))),
        Browser::Any | Browser::This => {}
    }
    let body = match timeout(PATIENCE, to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Err(Stop::from(pages::too_large())),
        Err(_) => return Err(Stop::from(plain(StatusCode::REQUEST_TIMEOUT, "too slow\n"))),
    };
    let secrets = visit.spec().fields.iter().filter(|field| field.secret && way == Way::Form);
    let given = Given::read(&body, secrets.chain(visit.asked_settings(way)));
    let given = given.ok_or_else(|| Stop::from(pages::too_large()))?;
    if given.token != cookie.form_token() {
        return Err(Stop::from(pages::no_cookie()));
    }
    Ok((visit, cookie, given))
}

/// Whether the browser says that a form was sent from another site. With `no-referrer` it says `null` for its origin,
/// whatever that is.
fn is_from_elsewhere(headers: &HeaderMap, origin: &str) -> bool {
    let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    of("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
        || of("origin").is_some_and(|from| from != "null" && from != origin)
}

impl Shared {
    /// The attempt of that id, where this listener serves it and whoever comes may open it.
    async fn enter(&self, id: &str, parts: &Parts) -> Instead<Visit> {
        let Ok(id) = id.parse::<AttemptId>() else { return Err(Stop::from(pages::unknown())) };
        let visit = match self.app.visit(&id).await {
            Ok(Some(visit)) => visit,
            Ok(None) => return Err(Stop::from(self.proven(&id, pages::unknown().answer()).await)),
            Err(error) => return Err(Stop::from(out_of_order(&error))),
        };
        if !self.is_here(&visit, parts) {
            // Its pages are elsewhere, with another idea of who may open them.
            let there = format!("{}/connect/{id}", visit.origin());
            return Err(Stop::from(see_other(&there)));
        }
        self.admit(&visit, parts).await?;
        Ok(visit)
    }

    /// Whether the pages of an attempt are at the address that was asked.
    pub(super) fn is_here(&self, visit: &Visit, parts: &Parts) -> bool {
        match &self.door {
            Door::Loopback => {
                let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
                host.is_some_and(|host| visit.origin() == format!("http://{host}"))
            }
            Door::SignIn(_) => visit.origin() == self.app.public_origin(),
        }
    }

    /// Lets the attempt's owner in, and nobody else.
    pub(super) async fn admit(&self, visit: &Visit, parts: &Parts) -> Instead<()> {
        match &self.door {
            Door::Loopback => Ok(()),
            Door::SignIn(who) => match who(parts).await {
                Ok(owner) if owner == *visit.owner() => Ok(()),
                Ok(_) => Err(Stop::from(pages::other_person())),
                Err(sign_in) => Err(Stop::from(guarded(sign_in))),
            },
        }
    }

    /// What is shown of an attempt that has changed while a form was on its way.
    async fn as_it_is_now(&self, visit: &Visit, cookie: &Cookie) -> Instead<Answer> {
        match self.app.visit(visit.id()).await {
            Ok(Some(now)) if now.browser(Some(cookie)) == Browser::Other => {
                Err(Stop::from(pages::other_browser()))
            }
            Ok(Some(now)) => Ok(self.ended(&now)),
            Ok(None) => Err(Stop::from(pages::unknown())),
            Err(error) => Err(Stop::from(out_of_order(&error))),
        }
    }

    /// How an attempt ended: a page, or where the person wants to be sent.
    pub(super) fn ended(&self, visit: &Visit) -> Answer {
        if !visit.is_being_finished() {
            self.shown.notify_waiters();
        }
        match callback::onward(visit) {
            Some(url) => see_other(url.as_str()),
            None => pages::ended(visit).answer(),
        }
    }

    /// With the proof that this is a process of the database that holds the attempts.
    async fn proven(&self, id: &AttemptId, mut answer: Answer) -> Answer {
        if matches!(self.door, Door::Loopback)
            && let Ok(proof) = self.app.landing_proof(id).await
            && let Ok(proof) = HeaderValue::try_from(proof)
        {
            answer.headers_mut().insert(PROOF, proof);
        }
        answer
    }
}

/// The page for a database that does not answer.
pub(super) fn out_of_order(error: &Error) -> Page {
    tracing::warn!(%error, "an attempt to link could not be looked up");
    pages::out_of_order()
}

/// A line of text.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    guarded(answer)
}

/// Each attempt has a cookie of its own, so that two of them can be open in one browser.
fn cookie_name(id: &AttemptId) -> String {
    format!("neotoma_{}", id.as_str().get(..12).unwrap_or_default())
}

/// The browser's cookie for this attempt.
pub(super) fn cookie(headers: &HeaderMap, id: &AttemptId) -> Option<Cookie> {
    let name = cookie_name(id);
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = sent.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| known.trim() == name).and_then(|(_, value)| Cookie::read(value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_from_another_site_is_told_from_one_of_ours() {
        let from = |pairs: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    (header::HeaderName::from_static(name), HeaderValue::from_static(value))
                })
                .collect();
            is_from_elsewhere(&headers, "http://localhost:8765")
        };
        assert!(!from(&[]));
        assert!(!from(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(!from(&[("origin", "http://localhost:8765")]));
        assert!(from(&[("origin", "http://localhost:3000")]));
        assert!(from(&[("origin", "https://evil.test")]));
        assert!(from(&[("origin", "null"), ("sec-fetch-site", "cross-site")]));
        assert!(from(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn each_attempt_has_a_cookie_of_its_own() {
        let (one, other) = (AttemptId::generate(), AttemptId::generate());
        let (first, second) = (Cookie::generate(), Cookie::generate());
        let sent = format!(
            "a=b; {}={}; {}={}",
            cookie_name(&one),
            first.expose(),
            cookie_name(&other),
            second.expose()
        );
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, sent.parse().unwrap());
        assert_eq!(cookie(&headers, &one).unwrap().expose(), first.expose());
        assert_eq!(cookie(&headers, &other).unwrap().expose(), second.expose());
        assert!(cookie(&headers, &AttemptId::generate()).is_none());
    }
}
