//! What Meta's services share: tokens that renew themselves or not at all, since none of them gives a refresh token; the
//! Graph API's words for errors; the app's proof; asking whether a thing is still there. Lists are in `walk.rs`.
//!
//! Facts: Meta for Developers, "Get long-lived tokens"; "Instagram API with Instagram Login"; "Threads API: long-lived
//! tokens"; "Graph API: Handle errors"; "Graph API rate limits"; "Secure Graph API calls".

pub mod facebook;
pub mod instagram;
pub mod threads;
mod walk;
pub mod whatsapp_business;

use std::{fmt::Write, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::Sha256;

use crate::{
    error::{Error, Result},
    http::{Call, Client, gone_of},
    provider::spec::{OAuth2, Pkce, Refresh},
};

/// Consent and code exchange of all three logins. Each has an app id and a secret of its own.
const OAUTH: OAuth2 =
    OAuth2 { scope_separator: ",", pkce: Pkce::None, refresh: LASTING, ..OAuth2::BASE };

/// The token that the exchange gives: 60 days, less a little.
const LASTING: Refresh = Refresh { access_token_seconds: Some(5_183_944), ..Refresh::BASE };

/// The lasting token as Instagram and Threads have it: it renews itself while it lives, once it is a day old.
const RENEWS_ITSELF: Refresh = Refresh { method: "GET", min_age_seconds: Some(86_400), ..LASTING };

/// How long a throttled account pauses where no header says when it regains access: limits are counted by the hour.
const PAUSE: Duration = Duration::from_hours(1);
/// Missing items that are asked for one by one after a listing. More are a purge, which a listing that is whole shows
/// truthfully.
const CONFIRMED: usize = 100;
/// Calls for single things that are made at once.
const AT_ONCE: usize = 4;
/// Where [`fault`] puts that an answer would hold too much, so that a list is asked for less.
const TOO_MUCH: &str = "limit";

/// What the Graph API means by an error: its code says more than the status. `permissions` are those that the provider needs,
/// for errors that name none.
pub fn fault(permissions: &str, body: &Value) -> Option<Error> {
    let error = body.get("error")?;
    let number = |key| error.get(key).and_then(Value::as_u64);
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    let code = number("code")?;
    Some(match code {
        // The app's, the user's, the page's, a custom limit, and those of business use cases.
        4 | 17 | 32 | 341 | 613 | 80_000..=80_014 => Error::RateLimited(PAUSE),
        102 | 190 => {
            let why = ended(number("error_subcode"));
            Error::Reconnect(format!("the token no longer holds: {why}"))
        }
        1 if says("reduce the amount of data") => {
            Error::unexpected(TOO_MUCH, "the service finds even a single item too much")
        }
        1 | 2 => Error::Unavailable(format!("had an error of its own (code {code})")),
        3 | 10 | 200..=299 if says("api access") => {
            let what = "the app's access to the API is blocked: see the app dashboard at Meta";
            Error::Forbidden(what.into())
        }
        3 | 10 | 200..=299 => Error::Forbidden(missing(message, permissions)),
        100 if says("appsecret_proof") => Error::invalid(
            "app_secret",
            "the app asks for proof of its secret: give the secret of the app that made the token",
        ),
        100 if number("error_subcode") == Some(33) => Error::NotFound,
        803 => Error::NotFound,
        100 if says("cursor") => Error::CursorExpired,
        _ if error.get("is_transient") == Some(&Value::Bool(true)) => {
            Error::Unavailable(format!("had an error of its own (code {code})"))
        }
        _ => return None,
    })
}

/// Why a token ended, by the error's subcode.
fn ended(subcode: Option<u64>) -> &'static str {
    match subcode {
        Some(458) => "the app was removed from the account",
        Some(459 | 464) => "the account has to be confirmed there first",
        Some(460) => "the password was changed, or the session ended for security",
        Some(463) => "it has expired",
        _ => "it is not valid",
    }
}

/// What is missing, by the permissions that a message names, else by the usual ones; nothing else of it is repeated.
fn missing(message: &str, usual: &str) -> String {
    let words = message.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let named = |word: &&str| word.trim_matches('_').contains('_') && word.len() <= 40;
    let named: Vec<&str> = words.filter(named).take(3).collect();
    match named.as_slice() {
        [] => format!("a permission was not granted, of {usual}"),
        [one] => format!("the permission {one} was not granted"),
        several => format!("a permission was not granted, of {}", several.join(", ")),
    }
}

/// Whether [`fault`] said that less must be asked for.
fn is_too_much(error: &Error) -> bool {
    matches!(error, Error::Unexpected { at, .. } if at == TOO_MUCH)
}

/// The call with another token than the account's where one is given, and with the app's proof where the account was linked
/// with the app's secret.
fn signed(client: &Client, call: Call, token: Option<&SecretString>) -> Call {
    let own = || client.secret("access_token");
    let proven = client.secret("app_secret").zip(token.cloned().or_else(own));
    let call = match proven {
        Some((secret, token)) => call.query(&[("appsecret_proof", proof(&secret, &token))]),
        None => call,
    };
    match token {
        Some(token) => call.bearer(token.clone()),
        None => call,
    }
}

/// HMAC-SHA256 of the token by the app's secret, in hexadecimal.
fn proof(secret: &SecretString, token: &SecretString) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new(); // HMAC takes keys of every length
    };
    mac.update(token.expose_secret().as_bytes());
    mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // a text takes everything
        hex
    })
}

/// Which of these the vendor no longer has, asked one by one at `api`. One that may not be read is not known to be gone.
async fn gone(
    client: &Client,
    api: &str,
    token: Option<&SecretString>,
    ids: Vec<String>,
) -> Result<Vec<String>> {
    let asked = gone_of(ids, AT_ONCE, |id| async move {
        let call = client.get(format!("{api}/{id}")).query(&[("fields", "id")]);
        match signed(client, call, token).json::<IgnoredAny>().await {
            Ok(_) | Err(Error::Forbidden(_)) => Ok(false),
            Err(other) => Err(other),
        }
    });
    asked.await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(code: u64, subcode: Option<u64>, message: &str) -> Option<Error> {
        let error = json!({"message": message, "type": "OAuthException", "code": code,
            "error_subcode": subcode, "fbtrace_id": "AWpk5h2ceG6"});
        fault("pages_read_engagement", &json!({"error": error}))
    }

    #[test]
    fn every_limit_pauses_the_account_though_it_calls_itself_transient() {
        for code in [4, 17, 32, 613, 80_001, 80_002] {
            let body = json!({"error": {"message": "(#4) Application request limit reached",
                "code": code, "is_transient": true}});
            assert_eq!(
                fault("pages_read_engagement", &body),
                Some(Error::RateLimited(PAUSE)),
                "{code}"
            );
        }
    }

    #[test]
    fn a_dead_token_says_how_it_died_and_never_the_vendors_text() {
        for (code, subcode, why) in [
            (190, Some(463), "it has expired"),
            (190, Some(460), "the password was changed"),
            (190, Some(458), "the app was removed"),
            (190, Some(464), "has to be confirmed"),
            (190, None, "it is not valid"),
            (102, None, "it is not valid"),
        ] {
            let read = read(code, subcode, "Error validating access token: EAABhush");
            let Some(Error::Reconnect(said)) = read else { panic!("{code}/{subcode:?}: {read:?}") };
            assert!(said.contains(why) && !said.contains("hush"), "{said}");
        }
    }

    #[test]
    fn a_missing_permission_is_named() {
        let what = |message: &str| match read(10, None, message) {
            Some(Error::Forbidden(what)) => what,
            other => panic!("{message}: {other:?}"),
        };
        let named = what("(#10) This endpoint requires the 'pages_read_engagement' permission.");
        assert_eq!(named, "the permission pages_read_engagement was not granted");
        let two = what("(#200) Requires either pages_a_b or pages_c_d of <b>Somebody</b>");
        assert_eq!(two, "a permission was not granted, of pages_a_b, pages_c_d");
        let none = what("(#10) Application does not have permission for this action");
        assert_eq!(none, "a permission was not granted, of pages_read_engagement");
        assert!(what("(#200) API access blocked.").contains("app dashboard"));
        assert!(matches!(read(283, None, ""), Some(Error::Forbidden(_))));
    }

    #[test]
    fn what_is_gone_what_is_too_much_and_what_passes_are_told_apart() {
        assert_eq!(read(100, Some(33), "Unsupported get request."), Some(Error::NotFound));
        assert_eq!(read(803, None, "Some of the aliases"), Some(Error::NotFound));
        assert_eq!(read(100, None, "(#100) Invalid cursors values"), Some(Error::CursorExpired));
        let much = "Please reduce the amount of data you're asking for, then retry your request";
        assert!(read(1, None, much).is_some_and(|error| is_too_much(&error)));
        for code in [1, 2] {
            let read = read(code, None, "An unexpected error has occurred.");
            assert!(matches!(read, Some(Error::Unavailable(_))), "{code}: {read:?}");
        }
        let passing = json!({"error": {"code": 99, "is_transient": true}});
        assert!(matches!(fault("pages_read_engagement", &passing), Some(Error::Unavailable(_))));
        let proof =
            read(100, None, "API calls from the server require an appsecret_proof argument");
        assert!(matches!(proof, Some(Error::Invalid { field, .. }) if field == "app_secret"));
        assert_eq!(read(100, None, "(#100) Param limit must be positive"), None);
        assert_eq!(fault("pages_read_engagement", &json!({"error": "invalid_grant"})), None);
        assert_eq!(fault("pages_read_engagement", &Value::Null), None);
    }

    #[test]
    fn the_apps_proof_is_the_hmac_of_the_token() {
        // RFC 4231, test case 2.
        let proof = proof(&"Jefe".into(), &"what do ya want for nothing?".into());
        assert_eq!(proof, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
