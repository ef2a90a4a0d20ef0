//! Reading what token endpoints answer. RFC 6749 is a common ancestor here, not a rule: `token_type` may be missing, lives
//! come as numbers, texts or dates, tokens nest, errors come with status 200 or without a word.

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Tokens, apps::variables, exchange::RefreshError};
use crate::{
    error::Error,
    provider::{
        Spec,
        spec::{ClientAuth, OAuth2},
    },
};

/// The longest token that is taken.
const LONGEST_TOKEN: usize = 64 << 10;

/// Words that say that the grant has ended.
const GRANT: [&str; 17] = [
    "invalid_grant",
    "invalid_code",          // Slack
    "invalid_refresh_token", // Slack
    "bad_refresh_token",     // HubSpot
    "token_revoked",
    "token_expired",
    "expired_token",
    "invalid_token",
    "invalid_auth",
    "account_inactive",
    "access_denied",
    "access_token_invalid", // TikTok
    "interaction_required", // Microsoft
    "consent_required",
    "login_required",
    "admin_policy_enforced", // Google
    "user_suspended",        // Dropbox
];

/// Words that say that the app is not accepted.
const APP: [&str; 9] = [
    "invalid_client",
    "unauthorized_client",
    "invalid_client_id",
    "bad_client_secret", // Slack
    "invalid_client_secret",
    "deleted_client", // Google
    "disabled_client",
    "org_internal",
    "incorrect_application_credentials", // Todoist
];

/// Words that say that the vendor is out of order.
const TRANSIENT: [&str; 9] = [
    "temporarily_unavailable",
    "server_error",
    "slow_down",
    "internal_error", // Slack
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "ratelimited",
    "rate_limit_exceeded",
];

/// What a token endpoint was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To renew a token.
    Renewal,
    /// For the tokens that a code stands for, or the lasting ones that these stand for.
    Tokens,
}

/// Reads the answer to what was asked at `at`.
pub(super) fn read(
    spec: &Spec,
    oauth: &OAuth2,
    asked: Asked,
    status: StatusCode,
    body: &[u8],
    at: Timestamp,
) -> Result<Tokens, RefreshError> {
    let answer = renamed(parse(body, oauth), oauth);
    if status.is_success()
        && !said_no(&answer)
        && let Some(tokens) = tokens(spec, oauth, asked, &answer, at)
    {
        return Ok(tokens);
    }
    let (verdict, word) = verdict(oauth.client_auth, status, &answer);
    let name = spec.name;
    Err(match (verdict, asked) {
        (Verdict::Grant, Asked::Renewal) => {
            let note = if oauth.grant_note.is_empty() {
                String::new()
            } else {
                format!("; {}", oauth.grant_note)
            };
            // What to do about it is said where the sentence is completed.
            RefreshError::Reconnect(format!("{name} no longer renews the access ({word}){note}"))
        }
        // Whatever it is, the code has had its one chance.
        (Verdict::Grant, Asked::Tokens) => RefreshError::Reconnect(format!(
            "{name} did not accept the sign-in ({word}): it was too old or had been used before"
        )),
        (Verdict::Unknown, Asked::Tokens) if status.is_client_error() || said_no(&answer) => {
            RefreshError::Reconnect(format!("{name} did not accept the sign-in ({word})"))
        }
        (Verdict::App, _) => RefreshError::App {
            variables: variables(oauth.app).join(" and "),
            problem: format!("{name} does not accept the app ({word}); correct them"),
        },
        (Verdict::Transient, _) => {
            Error::Unavailable(format!("{name} could not give a token ({word})")).into()
        }
        (Verdict::Unknown, _) => Error::unexpected(
            format!("token answer of {name}"),
            format!("neither tokens nor a known refusal ({word})"),
        )
        .into(),
    })
}

/// How a vendor takes it that a grant is to be ended. `Err` has a word for why it did not.
pub(super) fn read_revocation(
    auth: ClientAuth,
    status: StatusCode,
    body: &[u8],
) -> Result<(), String> {
    let answer = parse(body, &OAuth2::BASE);
    let refused = answer.get("error").is_some_and(|error| *error != Value::Bool(false));
    if status.is_success() && !said_no(&answer) && !refused {
        return Ok(());
    }
    match verdict(auth, status, &answer) {
        // It had ended already.
        (Verdict::Grant, _) => Ok(()),
        (_, word) => Err(word),
    }
}

/// Slack's way to refuse with status 200.
fn said_no(answer: &Map<String, Value>) -> bool {
    answer.get("ok") == Some(&Value::Bool(false))
}

/// JSON, or a form; anything else is an answer without a word.
fn parse(body: &[u8], oauth: &OAuth2) -> Map<String, Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(answer)) => answer,
        Ok(_) => Map::new(),
        Err(_) => form_urlencoded::parse(body)
            .filter(|(name, _)| {
                matches!(&**name, "access_token" | "refresh_token" | "expires_in" | "error")
                    || oauth.answer_names.iter().any(|(theirs, _)| name == theirs)
            })
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect(),
    }
}

/// The answer with the names that we go by.
fn renamed(mut answer: Map<String, Value>, oauth: &OAuth2) -> Map<String, Value> {
    for &(theirs, ours) in oauth.answer_names {
        if let Some(value) = answer.remove(theirs) {
            answer.insert(ours.to_owned(), value);
        }
    }
    answer
}

/// The tokens where the code's answer has them, at the top of the answer, or in an envelope.
fn tokens(
    spec: &Spec,
    oauth: &OAuth2,
    asked: Asked,
    answer: &Map<String, Value>,
    at: Timestamp,
) -> Option<Tokens> {
    let path = oauth.token_answer_path;
    let nested = path.split('.').try_fold(answer, |level, key| level.get(key)?.as_object());
    let data = answer.get("data");
    let first = data.and_then(|data| data.get(0)).or(data).and_then(Value::as_object);
    let levels = [nested, Some(answer), first];
    let level =
        levels.into_iter().flatten().find(|level| token(level, "access_token").is_some())?;
    let refresh_token = token(level, "refresh_token");
    // A new token that cannot be renewed and of whose end nothing is said has none: Slack's without rotation.
    let renewable =
        asked == Asked::Renewal || refresh_token.is_some() || oauth.refresh.url.is_some();
    let silent = oauth.refresh.access_token_seconds.filter(|_| renewable);
    let settings = oauth.answer_settings.iter().filter_map(|&name| {
        let value = level.get(name).or_else(|| answer.get(name))?.as_str()?;
        spec.field(name)?.check(value).ok()?;
        Some((name.to_owned(), Value::from(value)))
    });
    Some(Tokens {
        access_token: token(level, "access_token")?,
        refresh_token,
        expires_at: expiry(level, silent, at),
        settings: settings.collect(),
    })
}

fn token(level: &Map<String, Value>, name: &str) -> Option<SecretString> {
    let token = level.get(name)?.as_str()?.trim();
    (!token.is_empty() && token.len() <= LONGEST_TOKEN).then(|| SecretString::from(token))
}

/// `expires_in` counts from before the request, so that a slow answer makes no token live longer.
fn expiry(level: &Map<String, Value>, silent: Option<u32>, asked: Timestamp) -> Option<Timestamp> {
    let after = |seconds: i64| asked.checked_add(SignedDuration::from_secs(seconds)).ok();
    let life = level.get("expires_in").and_then(number).filter(|life| *life > 0);
    let date = level.get("expires_at").and_then(|at| match number(at) {
        Some(ms) if ms >= 1_000_000_000_000 => Timestamp::from_millisecond(ms).ok(),
        Some(seconds) if seconds > 0 => Timestamp::from_second(seconds).ok(),
        Some(_) => None,
        None => at.as_str()?.parse().ok(),
    });
    life.and_then(after).or(date).or_else(|| after(i64::from(silent?)))
}

/// A number, or one in a text, without its fraction.
fn number(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates")]
    match value {
        Value::Number(number) => number.as_i64().or_else(|| Some(number.as_f64()? as i64)),
        Value::String(text) => Some(text.trim().parse::<f64>().ok()? as i64),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Grant,
    App,
    Transient,
    Unknown,
}

/// What a refusal means, and a word for it that is ours or known: never the vendor's text.
fn verdict(auth: ClientAuth, status: StatusCode, answer: &Map<String, Value>) -> (Verdict, String) {
    let answer = Value::Object(answer.clone());
    let texts = |places: &[&str]| -> Vec<String> {
        let found = places.iter().filter_map(|place| answer.pointer(place)?.as_str());
        found.map(str::to_lowercase).collect()
    };
    let words = texts(&[
        "/error",
        "/error/code",
        "/error/type",
        "/error/status",
        "/code",
        "/status",
        "/error_type",
        "/error_tag",
        "/errors/0/code",
    ]);
    let known = |list: &[&str]| words.iter().find(|word| list.contains(&word.as_str())).cloned();
    let prose = texts(&[
        "/error_description",
        "/message",
        "/reason",
        "/description",
        "/error_message",
        "/error/message",
        "/errors/0/message",
    ]);
    let by_prose = prose.iter().find_map(|text| read_prose(text));
    let bare = format!("status {}", status.as_u16());
    if answer.pointer("/error/is_transient") == Some(&Value::Bool(true)) {
        return (Verdict::Transient, bare);
    }
    if let Some(word) = known(&TRANSIENT) {
        return (Verdict::Transient, word);
    }
    if let Some(word) = known(&GRANT) {
        return (Verdict::Grant, word);
    }
    if let Some(word) = known(&APP) {
        // Atlassian says `unauthorized_client` of a dead refresh token too.
        let dead = word == "unauthorized_client" && by_prose == Some(Verdict::Grant);
        return (if dead { Verdict::Grant } else { Verdict::App }, word);
    }
    if let Some(code) = answer.pointer("/error/code").and_then(Value::as_u64) {
        // Source: "Graph API: Handling Errors": 1 and 2 are outages, 4, 17, 32, 341 and 613 limits, 190 a dead token.
        match code {
            190 => return (Verdict::Grant, format!("code {code}")),
            1 | 2 | 4 | 17 | 32 | 341 | 613 if by_prose.is_none() => {
                return (Verdict::Transient, format!("code {code}"));
            }
            _ => {}
        }
    }
    let spoken = texts(&["/error", "/error/code"]);
    let verdict = by_prose.unwrap_or(match (status.as_u16(), spoken.is_empty(), auth) {
        // Reddit's dead refresh token is a 400 without a word.
        (400, true, _) if answer.as_object().is_some_and(|answer| !answer.is_empty()) => {
            Verdict::Grant
        }
        // RFC 6749, 5.2: 401 answers the app's credentials, where they stand in the header.
        (401, true, ClientAuth::Basic | ClientAuth::BasicJson) => Verdict::App,
        (401, true, ClientAuth::Post | ClientAuth::Json) => Verdict::Grant,
        _ => Verdict::Unknown,
    });
    (verdict, bare)
}

/// What a sentence is about: "Value passed for the token was invalid." (X), "Invalid Refresh token" (Zoom), "The
/// authorization grant is invalid" (Pinterest), "Error validating client secret." (Meta).
fn read_prose(text: &str) -> Option<Verdict> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["client secret", "client_secret", "client id", "client_id"]) {
        return has(&["invalid", "incorrect", "validating", "wrong"]).then_some(Verdict::App);
    }
    let over = has(&["invalid", "expired", "revoked", "unknown", "inactive"]);
    (over && has(&["token", "grant"])).then_some(Verdict::Grant)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    static SLACK: OAuth2 =
        OAuth2 { app: "slack", token_answer_path: "authed_user", ..OAuth2::BASE };

    fn tokens_of(answer: &str) -> Option<(String, Option<String>, Option<i64>)> {
        let found =
            tokens(&Spec::BASE, &SLACK, Asked::Tokens, &parse(answer.as_bytes(), &SLACK), NOW)?;
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let refresh = found.refresh_token.as_ref().map(text);
        Some((text(&found.access_token), refresh, found.expires_at.map(Timestamp::as_second)))
    }

    #[test]
    fn tokens_are_found_in_every_form_that_vendors_answer() {
        let (a, r) = ("a".to_owned(), Some("r".to_owned()));
        for (answer, expected) in [
            (
                r#"{"access_token":"a","token_type":"bearer","expires_in":3599}"#,
                (a.clone(), None, Some(3_599)),
            ),
            (
                r#"{"access_token":"a","refresh_token":"r","expires_in":"60"}"#,
                (a.clone(), r.clone(), Some(60)),
            ),
            (
                r#"{"access_token":"a","expires_in":59.9,"refresh_token":null}"#,
                (a.clone(), None, Some(59)),
            ),
            (
                r#"{"access_token":"a","expires_at":1789000000}"#,
                (a.clone(), None, Some(1_789_000_000)),
            ),
            (
                r#"{"access_token":"a","expires_at":"1789000000000"}"#,
                (a.clone(), None, Some(1_789_000_000)),
            ),
            (
                r#"{"access_token":"a","expires_at":"1970-01-01T00:01:00Z"}"#,
                (a.clone(), None, Some(60)),
            ),
            (r#"{"access_token":"a","expires_in":0}"#, (a.clone(), None, None)),
            (r#"{"access_token":"a","expires_in":99999999999999999999}"#, (a.clone(), None, None)),
            (
                r#"{"ok":true,"authed_user":{"access_token":"a","refresh_token":"r"}}"#,
                (a.clone(), r.clone(), None),
            ),
            (r#"{"data":[{"access_token":"a"}]}"#, (a.clone(), None, None)),
            (r#"{"data":{"access_token":"a","refresh_token":"r"}}"#, (a.clone(), r, None)),
            ("access_token=a&token_type=bearer&expires_in=60", (a, None, Some(60))),
        ] {
            assert_eq!(tokens_of(answer), Some(expected), "{answer}");
        }
        for none in
            [r#"{"access_token":""}"#, r#"{"access_token":17}"#, "{}", "[]", "", "<html></html>"]
        {
            assert_eq!(tokens_of(none), None, "{none}");
        }
    }

    #[test]
    fn refusals_are_told_apart_by_what_is_to_be_done() {
        use ClientAuth::{Basic, Post};
        use Verdict::{App, Grant, Transient, Unknown};
        for (auth, status, answer, expected) in [
            (Post, 400, json!({"error": "invalid_grant", "error_description": "expired"}), Grant),
            (Basic, 401, json!({"error": "invalid_grant"}), Grant),
            (
                Post,
                403,
                json!({"error": "unauthorized_client", "error_description": "refresh_token is invalid"}),
                Grant,
            ),
            (Basic, 200, json!({"ok": false, "error": "invalid_refresh_token"}), Grant),
            (Basic, 200, json!({"error": "invalid_grant"}), Grant),
            (Basic, 400, json!({"message": "Bad Request", "error": 400}), Grant),
            (Basic, 401, json!({"message": "Unauthorized", "error": 401}), App),
            (
                Basic,
                400,
                json!({"error": "invalid_request", "error_description": "Value passed for the token was invalid."}),
                Grant,
            ),
            (
                Basic,
                401,
                json!({"reason": "Invalid Refresh token", "error": "invalid_request"}),
                Grant,
            ),
            (
                Basic,
                401,
                json!({"code": 283, "message": "The authorization grant is invalid"}),
                Grant,
            ),
            (Post, 401, json!({}), Grant),
            (
                Post,
                400,
                json!({"status": "BAD_REFRESH_TOKEN", "message": "missing or unknown refresh token"}),
                Grant,
            ),
            (
                Post,
                400,
                json!({"error": {"code": 190, "type": "OAuthException", "message": "Session"}}),
                Grant,
            ),
            (
                Post,
                400,
                json!({"error": {"code": 1, "type": "OAuthException", "message": "Error validating client secret."}}),
                App,
            ),
            (
                Post,
                400,
                json!({"error": {"code": 4, "type": "OAuthException", "message": "Limit"}}),
                Transient,
            ),
            (Post, 400, json!({"error": {"code": 190, "is_transient": true}}), Transient),
            (
                Post,
                401,
                json!({"error": "invalid_client", "error_description": "secret keys are expired"}),
                App,
            ),
            (Basic, 200, json!({"ok": false, "error": "bad_client_secret"}), App),
            (Post, 400, json!({"error": "unauthorized_client"}), App),
            (Post, 400, json!({"error": "temporarily_unavailable"}), Transient),
            (Basic, 200, json!({"ok": false, "error": "internal_error"}), Transient),
            (Post, 400, json!({"error": "invalid_scope"}), Unknown),
            (Post, 400, json!({}), Unknown),
            (Post, 403, json!({}), Unknown),
            (Post, 200, json!({}), Unknown),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let found = verdict(auth, status, answer.as_object().unwrap());
            assert_eq!(found.0, expected, "{status} {answer}");
        }
    }
}
