//! Where a vendor sends a person back to.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{Response, request::Parts},
};
use secrecy::SecretString;
use url::{Url, form_urlencoded};

use super::{
    connect::{Instead, Shared, Stop, cookie, out_of_order},
    html::see_other,
    pages,
};
use crate::app::{AttemptStatus, Browser, Callback, Visit};

/// Longest query that is read, in bytes.
const LONGEST: usize = 32 << 10;

/// `/oauth/{app}/callback`.
pub(super) async fn usual(
    State(shared): State<Arc<Shared>>,
    Path(app): Path<String>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    arrive(&shared, &[app.as_str()], &parts).await.unwrap_or_else(Stop::answer)
}

/// The path that these apps have instead.
pub(super) async fn own(
    State(shared): State<Arc<Shared>>,
    apps: Vec<&'static str>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    arrive(&shared, &apps, &parts).await.unwrap_or_else(Stop::answer)
}

/// What stands in the query. Texts that describe an error are not read: anybody could have written them.
#[derive(Default)]
struct Query {
    state: Option<SecretString>,
    code: Option<SecretString>,
    error: Option<String>,
    /// With OAuth 1.0a a token comes back, and without a verifier the person said no.
    temporary: bool,
}

impl Query {
    fn read(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, v)| !v.is_empty())
        {
            match &*name {
                "state" => query.state = Some(value.into_owned().into()),
                // Meta's codes are followed by this where a fragment was taken for a part of them.
                "code" => query.code = Some(value.trim_end_matches("#_").into()),
                "oauth_verifier" => query.code = Some(value.into_owned().into()),
                "oauth_token" => query.temporary = true,
                "error" | "error_code" if query.error.is_none() => {
                    query.error = Some(value.into_owned());
                }
                _ => {}
            }
        }
        query
    }

    fn callback(self) -> Callback {
        match (self.error, self.code) {
            (Some(error), _) => Callback::Error(error),
            (None, Some(code)) => Callback::Code(code),
            (None, None) if self.temporary => Callback::Error("access_denied".to_owned()),
            (None, None) => Callback::Nothing,
        }
    }
}

async fn arrive(shared: &Shared, apps: &[&str], parts: &Parts) -> Instead<Response<Body>> {
    let query = parts.uri.query().unwrap_or_default();
    let query = if query.len() <= LONGEST { Query::read(query) } else { Query::default() };
    let Some(state) = query.state.clone() else { return Err(Stop::from(pages::nobody_waits())) };
    let visit = match shared.app.visit_by_state(&state).await {
        Ok(Some(visit)) => visit,
        Ok(None) => return Err(Stop::from(pages::nobody_waits())),
        Err(error) => return Err(Stop::from(out_of_order(&error))),
    };
    // Each app has an address of its own: a code of one vendor's is not taken for another's.
    let of_app = visit.spec().oauth.as_ref().is_some_and(|oauth| apps.contains(&oauth.app));
    if !of_app || !shared.is_here(&visit, parts) {
        return Err(Stop::from(pages::nobody_waits()));
    }
    shared.admit(&visit, parts).await?;
    let cookie = cookie(&parts.headers, visit.id());
    if cookie.is_none() || visit.browser(cookie.as_ref()) != Browser::This {
        return Err(Stop::from(pages::other_browser()));
    }
    // The browser goes on to the attempt's page in any case, so that the code stays neither in its address bar nor in what
    // it asks for again.
    let page = format!("/connect/{}", visit.id());
    if visit.status().is_open()
        && let Err(error) = shared.app.finish(visit, &state, query.callback()).await
    {
        return Err(Stop::from(out_of_order(&error)));
    }
    Ok(see_other(&page))
}

/// Where a person wants to be sent once an attempt has ended, with how it did.
pub(super) fn onward(visit: &Visit) -> Option<Url> {
    let outcome = match visit.status() {
        AttemptStatus::Linked => None,
        AttemptStatus::Failed => Some(visit.failure().map_or("failed", |(word, _)| word)),
        AttemptStatus::Expired => Some("expired"),
        AttemptStatus::Pending | AttemptStatus::Opened => return None,
    };
    let mut url = visit.redirect_to()?;
    let mut query = url.query_pairs_mut();
    query.append_pair("oauth", if outcome.is_none() { "success" } else { "error" });
    query.append_pair("provider", visit.spec().id);
    if let Some(reason) = outcome {
        query.append_pair("reason", reason);
    }
    drop(query);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_counts_more_than_a_code_and_its_description_for_nothing() {
        let read = |text: &str| Query::read(text).callback();
        assert!(matches!(read("code=a%23_&state=s"), Callback::Code(_)));
        assert!(matches!(read("code=&state=s"), Callback::Nothing));
        let denied = read("error=access_denied&error_description=Call+us&code=c");
        assert!(matches!(denied, Callback::Error(word) if word == "access_denied"));
        assert!(matches!(read("error_description=x"), Callback::Nothing));
        assert!(matches!(read("oauth_token=t&oauth_verifier=v"), Callback::Code(_)));
        let denied = read("oauth_token=t&sandbox_lnb=false");
        assert!(matches!(denied, Callback::Error(word) if word == "access_denied"));
    }
}
