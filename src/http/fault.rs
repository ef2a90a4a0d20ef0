//! What an answer that is none, or no answer at all, means for the call.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use super::{
    Policy,
    retry::{access_regained, pause_asked, retry_after},
};
use crate::error::Error;

/// Why a try failed.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    /// The same would come of every other try.
    Final(Error),
    /// The token was refused: another may do.
    Refused(Error),
    /// The vendor wants a pause, maybe of this length.
    Throttled(Option<Duration>),
    /// The vendor or the network failed.
    Failed {
        /// What happened, to follow the call's name.
        cause: String,
        /// How long the vendor asks to wait.
        asked: Option<Duration>,
        /// The request had not left yet: it may be repeated whatever its method.
        unsent: bool,
    },
}

impl Failure {
    pub(super) fn failed(cause: impl Into<String>) -> Self {
        Self::Failed { cause: cause.into(), asked: None, unsent: false }
    }
}

/// Reads a refused call's answer: the vendor's own words first, then the status. A pause that the words ask for is no
/// shorter than the one that the headers do; but where the vendor estimates when access is regained, that is the pause.
pub(super) fn judge(
    policy: &Policy,
    label: &str,
    status: StatusCode,
    headers: &HeaderMap,
    answer: &Value,
    now: Timestamp,
) -> Failure {
    match (policy.fault)(status.as_u16(), answer) {
        Some(Error::RateLimited(pause)) => {
            let asked = || pause_asked(headers, now).max(Some(pause));
            Failure::Throttled(access_regained(headers).or_else(asked))
        }
        Some(Error::Unavailable(cause)) => {
            Failure::Failed { cause, asked: retry_after(headers, now), unsent: false }
        }
        Some(refused @ Error::Reconnect(_)) => Failure::Refused(refused),
        Some(error) => Failure::Final(error),
        None => by_status(label, status, headers, now),
    }
}

/// 410 is `NotFound`: that a cursor expired is for the vendor's file to say, since most use 410 for single things.
fn by_status(label: &str, status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Failure {
    match status.as_u16() {
        401 => Failure::Refused(Error::Reconnect("the service refused the credentials".into())),
        402 | 451 => Failure::Final(Error::Forbidden(format!("{label} ({})", status.as_u16()))),
        403 => Failure::Final(Error::Forbidden(label.into())),
        404 | 410 => Failure::Final(Error::NotFound),
        429 => Failure::Throttled(pause_asked(headers, now)),
        408 | 425 | 500.. => Failure::Failed {
            cause: format!("answered {}", status.as_u16()),
            asked: retry_after(headers, now),
            unsent: false,
        },
        status => Failure::Final(Error::unexpected(label, format!("answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reqwest::header::RETRY_AFTER;
    use serde_json::json;

    use super::*;
    use crate::http::Rate;

    fn judged(status: u16, answer: &Value, retry_after: Option<u32>) -> Failure {
        let policy = Policy {
            provider: "example",
            hosts: Vec::new(),
            rate: Rate::per_second(1),
            fault: Arc::new(|status, answer| match (status, answer["why"].as_str()?) {
                (403, "slow down") => Some(Error::RateLimited(Duration::from_secs(7))),
                (400, "busy") => Some(Error::Unavailable("busy".into())),
                (410, "token") => Some(Error::CursorExpired),
                (403, "token") => Some(Error::Reconnect("gone".into())),
                _ => None,
            }),
        };
        let headers =
            retry_after.map(|seconds| (RETRY_AFTER, seconds.into())).into_iter().collect();
        let status = StatusCode::from_u16(status).unwrap();
        judge(&policy, "GET h/a", status, &headers, answer, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_estimate_of_the_vendors_is_waited_for_rather_than_a_pause_that_we_guess() {
        let policy = Policy {
            provider: "example",
            hosts: Vec::new(),
            rate: Rate::per_second(1),
            fault: Arc::new(|_, _| Some(Error::RateLimited(Duration::from_hours(1)))),
        };
        let usage = r#"{"7": [{"estimated_time_to_regain_access": 2}]}"#;
        for (usage, pause) in [(usage, 120), ("{}", 3_600)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-business-use-case-usage", usage.parse().unwrap());
            let now = Timestamp::UNIX_EPOCH;
            let judged =
                judge(&policy, "GET h/a", StatusCode::FORBIDDEN, &headers, &Value::Null, now);
            assert_eq!(judged, Failure::Throttled(Some(Duration::from_secs(pause))));
        }
    }

    #[test]
    fn the_vendors_words_come_before_the_status() {
        let slow = json!({"why": "slow down"});
        let seconds = |s| Failure::Throttled(Some(Duration::from_secs(s)));
        assert_eq!(judged(403, &slow, None), seconds(7));
        assert_eq!(judged(403, &slow, Some(9)), seconds(9));
        assert_eq!(judged(403, &slow, Some(2)), seconds(7));
        assert_eq!(
            judged(410, &json!({"why": "token"}), None),
            Failure::Final(Error::CursorExpired)
        );
        assert_eq!(judged(400, &json!({"why": "busy"}), None), Failure::failed("busy"));
        let gone = Failure::Refused(Error::Reconnect("gone".into()));
        assert_eq!(judged(403, &json!({"why": "token"}), None), gone);
    }

    #[test]
    fn a_status_without_words_says_what_to_do() {
        let judged = |status| judged(status, &Value::Null, None);
        assert!(matches!(judged(401), Failure::Refused(Error::Reconnect(_))));
        assert_eq!(judged(403), Failure::Final(Error::Forbidden("GET h/a".into())));
        assert_eq!(judged(402), Failure::Final(Error::Forbidden("GET h/a (402)".into())));
        assert_eq!(judged(404), Failure::Final(Error::NotFound));
        assert_eq!(judged(410), Failure::Final(Error::NotFound));
        assert_eq!(judged(429), Failure::Throttled(None));
        assert_eq!(judged(400), Failure::Final(Error::unexpected("GET h/a", "answered 400")));
        for transient in [408, 425, 500, 502, 503, 504, 529] {
            assert_eq!(judged(transient), Failure::failed(format!("answered {transient}")));
        }
    }
}
