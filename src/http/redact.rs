//! What may be said of a call: addresses without ids and queries, and vendors' words without what looks like a secret.

use std::error::Error as StdError;

use serde_json::Value;
use url::Url;

/// The longest segment of a path that is taken for a word.
const LONGEST_WORD: usize = 24;
/// The most that is repeated of a vendor's own words.
const LONGEST_SAYING: usize = 200;

/// The path with everything that may be an id, a name of a person or a token cut: segments with digits (but for versions
/// such as `v1.0`), with other signs than letters, `.`, `_` and `-`, or of more than 24 characters.
pub(crate) fn path(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let word = |s: &str| s.chars().all(|c| c.is_ascii_alphabetic() || "._-".contains(c));
        let version = segment.strip_prefix('v').is_some_and(|number| {
            number.len() <= 6 && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        });
        if version || (word(segment) && segment.len() <= LONGEST_WORD) { segment } else { ":id" }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A path in a JSON answer with the keys cut that may be the vendor's data: ids, addresses, long texts.
pub(crate) fn answer_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut said = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => said.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key } => {
                let dot = if said.is_empty() { "" } else { "." };
                said.extend([dot, if is_field_name(key) { key } else { "*" }]);
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    said
}

fn is_field_name(key: &str) -> bool {
    let digits = key.chars().filter(char::is_ascii_digit).count();
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c));
    plain && digits <= 3 && !key.is_empty() && key.len() <= 40
}

/// The address as it may be shown: host, and path with ids cut.
pub(crate) fn address(url: &Url) -> String {
    format!("{}{}", url.host_str().unwrap_or_default(), path(url.path()))
}

/// Why a call failed, without its address, down to the last cause.
pub(crate) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let text = deeper.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = deeper.source();
    }
    reason.chars().take(LONGEST_SAYING).collect()
}

/// The vendor's own words about a failure, from the places where vendors put them, for a log. `secret` is what was sent.
pub(crate) fn fault(answer: &Value, secret: Option<&str>) -> String {
    const PLACES: [&str; 12] = [
        "/error/code",
        "/error/message",
        "/error/type",
        "/error",
        "/error_description",
        "/code",
        "/message",
        "/reason",
        "/title",
        "/detail",
        "/errors/0/code",
        "/errors/0/message",
    ];
    let mut said: Vec<String> = Vec::new();
    for place in PLACES {
        match answer.pointer(place) {
            Some(Value::String(text)) => said.push(match secret.filter(|s| !s.is_empty()) {
                Some(secret) => words(&text.replace(secret, " [cut] ")),
                None => words(text),
            }),
            Some(Value::Number(number)) => said.push(number.to_string()),
            _ => {}
        }
    }
    said.join("; ")
}

/// A vendor's text on one line, shortened, without e-mail addresses, links and what looks like a token.
pub(crate) fn words(text: &str) -> String {
    let spaced =
        text.split(|c: char| c.is_whitespace() || c.is_control() || "\"'`<>(){},".contains(c));
    let words = spaced.filter(|word| !word.is_empty()).map(|word| {
        let digits = word.chars().any(|c| c.is_ascii_digit());
        let long = word.len() > 40 || (word.len() >= 12 && digits);
        let bears = word.contains(['@', '=']) || word.contains("://");
        if long || bears { "[cut]" } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST_SAYING).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_names_and_tokens_are_cut_from_paths_and_words_stay() {
        for (full, shown) in [
            ("/gmail/v1/users/me/messages/18c2f5", "/gmail/v1/users/me/messages/:id"),
            ("/api/conversations.history", "/api/conversations.history"),
            ("/v25.0/me", "/v25.0/me"),
            ("/bot123456:ABC-def/getUpdates", "/:id/getUpdates"),
            ("/users/ann%40example.com/events", "/users/:id/events"),
            ("/users/ann@example.com/events", "/users/:id/events"),
            ("/tokens/abcdefghijklmnopqrstuvwxyz", "/tokens/:id"),
            ("/very1/v", "/:id/v"),
            ("/", "/"),
        ] {
            assert_eq!(path(full), shown);
        }
        let url = Url::parse("https://api.example.com:8443/a/17?key=hush#hush").unwrap();
        assert_eq!(address(&url), "api.example.com/a/:id");
    }

    #[test]
    fn vendors_words_lose_tokens_addresses_and_lines() {
        let said = words(
            "Token xoxp-1234567890-abc of\nann@example.com is \"bad\", see https://x.example/y?z=1",
        );
        assert_eq!(said, "Token [cut] of [cut] is bad see [cut]");
        assert_eq!(words(&"a".repeat(500)), "[cut]");
        assert!(words(&"word ".repeat(500)).len() <= LONGEST_SAYING);
        let answer =
            json!({"error": {"code": 403, "message": "Rate Limit Exceeded", "status": "x"}});
        assert_eq!(fault(&answer, None), "403; Rate Limit Exceeded");
        assert_eq!(fault(&json!({"error": "invalid_grant"}), None), "invalid_grant");
        assert_eq!(fault(&Value::Null, None), "");
        let echo = json!({"message": "no such key: hush"});
        assert_eq!(fault(&echo, Some("hush")), "no such key: [cut]");
    }
}
