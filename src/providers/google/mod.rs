//! What Google's services share: one OAuth client, how its tokens are come by, and their words for errors.
//!
//! Google Identity, "Using OAuth 2.0 for web server applications"; "Handle errors" in the guides of Gmail, Calendar and
//! Drive; `google.rpc.ErrorInfo`.

pub mod calendar;
pub mod drive;
pub mod gmail;
pub mod meet;
pub mod youtube;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    error::Error,
    provider::spec::{Field, OAuth2, Refresh, Revoke},
    wire::time,
};

/// One client serves all of Google's services; each adds its scopes. Without `access_type=offline` there is no refresh
/// token, without `prompt=consent` none at a second consent of the same person.
const OAUTH: OAuth2 = OAuth2 {
    app: "google",
    authorization_url: "https://accounts.google.com/o/oauth2/v2/auth",
    token_url: "https://oauth2.googleapis.com/token",
    revoke_url: Some("https://oauth2.googleapis.com/revoke"),
    revoke: Revoke::Token,
    authorize_params: &[
        ("response_type", "code"),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ],
    refresh: Refresh { access_token_seconds: Some(3_599), ..Refresh::BASE },
    grant_note: "while the app is in Testing, Google ends every grant after 7 days: publish it under Google Auth Platform \
                 > Audience",
    ..OAuth2::BASE
};

/// What a person may paste for each of them.
const FIELDS: &[Field] = &[
    Field {
        help: "Google's OAuth 2.0 Playground gives it, with your own client (settings > Use your \
               own OAuth credentials); lives an hour.",
        ..Field::ACCESS_TOKEN
    },
    Field { help: "The Playground shows it with the access token.", ..Field::REFRESH_TOKEN },
];

/// A daily quota comes back at midnight in California, a calendar's operational limit within hours; until then a try each
/// hour does no harm.
const QUOTA_PAUSE: Duration = Duration::from_hours(1);

/// What a Google service means by an error, where its status alone does not say it. `api` and `scope` are for people:
/// `Gmail`, `gmail.readonly`.
pub fn fault(api: &str, scope: &str, status: u16, body: &Value, now: Timestamp) -> Option<Error> {
    let error = body.get("error")?.as_object()?;
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let listed = |key| error.get(key).and_then(Value::as_array).into_iter().flatten();
    let details: Vec<&Value> = listed("errors").chain(listed("details")).collect();
    let has = |reasons: &[&str]| {
        let mut named = details.iter().filter_map(|of| of.get("reason")?.as_str());
        named.any(|reason| reasons.contains(&reason))
    };
    if has(&["dailyLimitExceeded", "quotaExceeded"]) {
        return Some(Error::RateLimited(QUOTA_PAUSE));
    }
    if status == 429 || has(&["userRateLimitExceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED"])
    {
        return Some(Error::RateLimited(pause(message, now)));
    }
    if has(&["backendError", "internalError"]) {
        return Some(Error::Unavailable(format!("{api} had an error of its own ({status})")));
    }
    if has(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
        return Some(Error::Forbidden(format!(
            "the scope {scope} was not granted; tick everything that Google asks for"
        )));
    }
    if has(&["accessNotConfigured", "SERVICE_DISABLED"]) {
        return Some(Error::Forbidden(format!(
            "the {api} API is disabled in the Google Cloud project of the OAuth client: enable it under APIs & Services"
        )));
    }
    if has(&["domainPolicy"]) {
        return Some(Error::Forbidden(format!(
            "the organisation's administrator does not let apps use {api}"
        )));
    }
    // No page token lives for ever, and the one in a cursor may be days old.
    let parameter = |of: &&&Value| of.get("location").and_then(Value::as_str) == Some("pageToken");
    let words = message.to_ascii_lowercase().replace(' ', "");
    if status == 400 && (words.contains("pagetoken") || details.iter().any(|of| parameter(&of))) {
        return Some(Error::CursorExpired);
    }
    None
}

/// The pause that a message asks for (`User-rate limit exceeded.  Retry after 2026-03-12T09:20:00.000Z`); zero where it
/// names none, or one that is over.
fn pause(message: &str, now: Timestamp) -> Duration {
    let until = message
        .split_once("Retry after ")
        .and_then(|(_, rest)| time::instant(rest.split_whitespace().next()?));
    until
        .map_or(SignedDuration::ZERO, |until| until.duration_since(now))
        .try_into()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, body: &Value) -> Option<Error> {
        let now = "2026-03-12T09:19:30Z".parse().unwrap();
        fault("Gmail", "gmail.readonly", status, body, now)
    }

    fn error(status: u16, reason: &str, message: &str) -> Option<Error> {
        let errors = json!([{"reason": reason, "domain": "global", "message": message}]);
        read(status, &json!({"error": {"code": status, "message": message, "errors": errors}}))
    }

    #[test]
    fn a_forbidden_that_is_a_rate_limit_waits_as_long_as_its_message_says() {
        let message = "User-rate limit exceeded.  Retry after 2026-03-12T09:20:00.000Z";
        let pause = |secs| Some(Error::RateLimited(Duration::from_secs(secs)));
        assert_eq!(error(403, "userRateLimitExceeded", message), pause(30));
        assert_eq!(error(429, "rateLimitExceeded", message), pause(30));
        assert_eq!(error(403, "rateLimitExceeded", "Rate Limit Exceeded"), pause(0));
        assert_eq!(error(429, "", "Too many concurrent requests for user."), pause(0));
        assert_eq!(
            error(403, "userRateLimitExceeded", "Retry after 2020-01-01T00:00:00Z"),
            pause(0)
        );
        assert_eq!(error(403, "userRateLimitExceeded", "Retry after lunch"), pause(0));
        assert_eq!(error(403, "dailyLimitExceeded", "Daily Limit Exceeded"), pause(3600));
        assert_eq!(error(403, "quotaExceeded", "Calendar usage limits exceeded."), pause(3600));
    }

    #[test]
    fn what_no_retry_helps_says_what_does() {
        for (reason, words) in [
            ("insufficientPermissions", "gmail.readonly"),
            ("accessNotConfigured", "Gmail API is disabled"),
            ("domainPolicy", "administrator"),
        ] {
            let Some(Error::Forbidden(what)) = error(403, reason, "") else { panic!("{reason}") };
            assert!(what.contains(words), "{what}");
        }
        let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]);
        let body = json!({"error": {"code": 403, "message": "…", "status": "PERMISSION_DENIED", "details": details}});
        assert!(matches!(read(403, &body), Some(Error::Forbidden(_))));
    }

    #[test]
    fn a_stale_page_token_begins_again_and_other_faults_are_left_to_the_status() {
        assert_eq!(error(400, "invalidArgument", "Invalid pageToken"), Some(Error::CursorExpired));
        assert_eq!(error(400, "invalidArgument", "Invalid id value"), None);
        assert!(matches!(error(503, "backendError", "Backend Error"), Some(Error::Unavailable(_))));
        assert_eq!(error(401, "authError", "Invalid Credentials"), None);
        assert_eq!(error(404, "notFound", "Requested entity was not found."), None);
        assert_eq!(read(400, &json!({"error": "invalid_grant"})), None);
        assert_eq!(read(500, &Value::Null), None);
    }
}
