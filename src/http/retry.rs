//! When a call is made once more, and how long it waits before: our own backoff, and what the vendor asks for.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::error::Error;

/// The longest pause of a vendor's that a call waits for; a longer one ends the run, with its place kept.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// All that one call waits because it is throttled.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often one call is throttled before it gives up: a vendor that asks for a moment each time.
const THROTTLES: u32 = 32;
/// The least wait after a throttled call, whatever the vendor asks for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// No vendor's limit lasts longer; what says so is a header in another unit.
const LONGEST_BELIEVED: Duration = Duration::from_hours(31 * 24);

/// Four tries: half a second, doubling to 30, each up to twice as long by chance so that calls do not march in step.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_factor(2.0)
    .with_max_delay(Duration::from_secs(30))
    .with_max_times(3)
    .with_jitter();

/// For a vendor that throttles without saying for how long. Limits by the minute are outlasted.
const THROTTLED: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_factor(2.0)
    .with_max_delay(Duration::from_secs(30))
    .without_max_times()
    .with_jitter();

/// What one call has left to try.
///
/// Failures use up the four tries. Being throttled does not, since the vendor is there and says when to come back: it has
/// bounds of its own (5 minutes of waiting, 32 times).
pub(super) struct Tries {
    /// The number of the try at hand, from 1.
    pub(super) number: u32,
    backoff: ExponentialBackoff,
    throttled: ExponentialBackoff,
    throttles: u32,
    waited: Duration,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self {
            number: 1,
            backoff: BACKOFF.build(),
            throttled: THROTTLED.build(),
            throttles: 0,
            waited: Duration::ZERO,
        }
    }

    /// How long to wait after a failure, `None` when the tries are used up. Never shorter than the vendor asks.
    pub(super) fn after_failure(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let wait = self.backoff.next()?.min(LONGEST_PAUSE);
        self.number += 1;
        Some(wait.max(asked.unwrap_or_default()))
    }

    /// How long to wait after being throttled. `asked` is what the vendor asked for, if it did.
    pub(super) fn after_throttle(&mut self, asked: Option<Duration>) -> Result<Duration, Error> {
        let wait = match asked.filter(|asked| !asked.is_zero()) {
            Some(asked) if asked > LONGEST_PAUSE => return Err(Error::RateLimited(asked)),
            Some(asked) => asked.max(SHORTEST_PAUSE),
            None => self.throttled.next().unwrap_or(LONGEST_PAUSE),
        };
        self.number += 1;
        self.throttles += 1;
        self.waited += wait;
        if self.throttles > THROTTLES || self.waited > PATIENCE {
            return Err(Error::RateLimited(wait.max(LONGEST_PAUSE)));
        }
        Ok(wait)
    }
}

/// What `Retry-After` asks for: whole seconds or fractions, a date of HTTP's or of ISO 8601 (Zoom). Rounded up.
///
/// A date is measured against the answer's own `Date`, where it has one, so that a clock of ours that is off by an hour
/// neither hammers nor waits for an hour.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let asked = headers.get_all(RETRY_AFTER).iter().filter_map(|value| {
        let text = value.to_str().ok()?.trim();
        seconds(text).or_else(|| until(text, vendor_time(headers, now)))
    });
    asked.max()
}

/// What a throttled answer asks for: `Retry-After`, else the reset of the limit that is spent.
pub(super) fn pause_asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    retry_after(headers, now).filter(|asked| !asked.is_zero()).or_else(|| reset(headers, now))
}

/// When a throttled account regains access, as Meta's services estimate it: minutes for each limit of each business use
/// case, in `X-Business-Use-Case-Usage`; 0 where that limit is not the one that was hit.
pub(super) fn access_regained(headers: &HeaderMap) -> Option<Duration> {
    let usage = headers.get("x-business-use-case-usage")?.to_str().ok()?;
    let usage: Value = serde_json::from_str(usage).ok()?;
    let limits = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = limits.filter_map(|of| of.get("estimated_time_to_regain_access")?.as_u64());
    let minutes = minutes.max().filter(|minutes| *minutes > 0)?;
    Some(Duration::from_secs(minutes.saturating_mul(60)).min(LONGEST_BELIEVED))
}

/// The latest reset among the limits that the headers name, in the vendors' many spellings: `x-ratelimit-reset`,
/// `x-rate-limit-reset`, `ratelimit-reset`, `x-ratelimit-reset-after`, `x-ratelimit-requests-reset`,
/// `x-ratelimit-perhour-reset`. A limit whose `remaining` says that there is some left is not the one that was hit.
fn reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let now = vendor_time(headers, now);
    let pauses = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let limit = name.strip_suffix("-after").unwrap_or(name).strip_suffix("-reset")?;
        if !limit.contains("ratelimit") && !limit.contains("rate-limit") {
            return None;
        }
        let remaining = headers.get(format!("{limit}-remaining"));
        let remaining = remaining.and_then(|left| left.to_str().ok()?.trim().parse::<f64>().ok());
        if remaining.is_some_and(|left| left >= 1.0) {
            return None;
        }
        let text = value.to_str().ok()?.trim();
        let pause = if name.ends_with("-after") { seconds(text) } else { moment(text, now) };
        pause.filter(|pause| *pause < LONGEST_BELIEVED)
    });
    pauses.max().filter(|pause| !pause.is_zero())
}

/// A reset is a number of seconds to go (Calendly, Reddit, Pinterest), seconds since 1970 (X, ClickUp, Front), the same in
/// milliseconds (Linear), or a date (Jira). The sizes do not overlap: seconds to go are fewer than 31 years.
fn moment(text: &str, now: Timestamp) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(number) if number >= 1e12 => seconds_between(now, number / 1e3),
        Ok(number) if number >= 1e9 => seconds_between(now, number),
        Ok(_) => seconds(text),
        Err(_) => until(text, now),
    }
}

/// A number of seconds, fractions included, rounded up to milliseconds.
fn seconds(text: &str) -> Option<Duration> {
    let number = text.parse::<f64>().ok().filter(|number| !number.is_nan())?;
    let ceiling = LONGEST_BELIEVED.as_secs_f64();
    Duration::try_from_secs_f64((number.clamp(0.0, ceiling) * 1e3).ceil() / 1e3).ok()
}

fn seconds_between(now: Timestamp, epoch: f64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
    let left = epoch - now.as_millisecond() as f64 / 1e3;
    Duration::try_from_secs_f64(left.max(0.0).ceil()).ok()
}

/// The whole seconds until a date.
fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let date = match httpdate::parse_http_date(text) {
        Ok(date) => Timestamp::try_from(date).ok()?,
        Err(_) => text.parse().ok()?,
    };
    let left = date.duration_since(now).max(SignedDuration::ZERO);
    let left = left.unsigned_abs().min(LONGEST_BELIEVED);
    Some(Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)))
}

/// The time at the vendor: the answer's `Date`, which proxies do not change.
fn vendor_time(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    date.and_then(|date| Timestamp::try_from(date).ok()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    const NOW: &str = "2026-03-12T09:20:00.400Z";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap())
        });
        pairs.collect()
    }

    fn asked(pairs: &[(&str, &str)]) -> Option<f64> {
        let pause = pause_asked(&headers(pairs), NOW.parse().unwrap());
        pause.map(|pause| pause.as_secs_f64())
    }

    #[test]
    fn retry_after_is_read_in_every_form_and_never_comes_out_earlier_than_asked() {
        assert_eq!(asked(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(asked(&[("retry-after", "2.1281")]), Some(2.129));
        assert_eq!(asked(&[("retry-after", " 3 "), ("retry-after", "9")]), Some(9.0));
        assert_eq!(asked(&[("retry-after", "Thu, 12 Mar 2026 09:20:02 GMT")]), Some(2.0));
        assert_eq!(asked(&[("retry-after", "2026-03-12T09:20:05Z")]), Some(5.0));
        assert_eq!(asked(&[("retry-after", "2026-03-12T09:21Z")]), Some(60.0));
        for nothing in ["0", "-5", "soon", "NaN", "Thu, 12 Mar 2020 09:20:02 GMT"] {
            assert_eq!(asked(&[("retry-after", nothing)]), None, "{nothing}");
        }
        let far = asked(&[("retry-after", "99999999999999999999")]).unwrap();
        assert!((far - LONGEST_BELIEVED.as_secs_f64()).abs() < 1.0, "{far}");
    }

    #[test]
    fn a_date_is_measured_by_the_vendors_clock_when_it_shows_one() {
        let hour_behind = ("date", "Thu, 12 Mar 2026 08:20:00 GMT");
        assert_eq!(
            asked(&[hour_behind, ("retry-after", "Thu, 12 Mar 2026 08:20:07 GMT")]),
            Some(7.0)
        );
        assert_eq!(asked(&[hour_behind, ("x-rate-limit-reset", "1773303609")]), Some(9.0));
    }

    #[test]
    fn vendors_resets_are_read_in_every_unit() {
        let epoch = NOW.parse::<Timestamp>().unwrap().as_second();
        for (name, value, seconds) in [
            ("x-rate-limit-reset", (epoch + 30).to_string(), 30.0),
            ("x-ratelimit-requests-reset", ((epoch + 30) * 1000).to_string(), 30.0),
            ("x-ratelimit-reset", "60".to_owned(), 60.0),
            ("x-ratelimit-reset", "2026-03-12T09:21Z".to_owned(), 60.0),
            ("x-ratelimit-reset-after", "1.25".to_owned(), 1.25),
            ("ratelimit-reset", "12".to_owned(), 12.0),
        ] {
            assert_eq!(asked(&[(name, &value)]), Some(seconds), "{name}: {value}");
        }
        assert_eq!(asked(&[("retry-after", "1"), ("x-ratelimit-reset", "900")]), Some(1.0));
        assert_eq!(asked(&[("x-ratelimit-reset", "1")]), Some(1.0));
        assert_eq!(asked(&[("x-password-reset", "60")]), None);
        assert_eq!(
            asked(&[("x-ratelimit-reset", "99999999")]),
            None,
            "three years are a unit unknown"
        );
    }

    #[test]
    fn an_estimate_of_when_access_is_regained_is_read_in_minutes() {
        let regained = |usage: &str| {
            access_regained(&headers(&[("x-business-use-case-usage", usage)]))
                .map(|pause| pause.as_secs())
        };
        let spent = r#"{"104": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19},
            {"type": "instagram", "estimated_time_to_regain_access": 0}], "105": []}"#
            .replace('\n', " ");
        assert_eq!(regained(&spent), Some(19 * 60));
        for nothing in [
            r#"{"104": [{"call_count": 28, "estimated_time_to_regain_access": 0}]}"#,
            r#"{"104": [{"call_count": 28}]}"#,
            r#"{"104": 7}"#,
            "[]",
            "soon",
        ] {
            assert_eq!(regained(nothing), None, "{nothing}");
        }
        assert_eq!(access_regained(&HeaderMap::new()), None);
    }

    #[test]
    fn only_the_limit_that_is_spent_is_waited_for() {
        let hour = [("x-ratelimit-perhour-remaining", "0"), ("x-ratelimit-perhour-reset", "40")];
        let day = [("x-ratelimit-perday-remaining", "900"), ("x-ratelimit-perday-reset", "70000")];
        assert_eq!(asked(&[hour, day].concat()), Some(40.0));
        assert_eq!(asked(&day), None);
        assert_eq!(
            asked(&[("x-ratelimit-remaining", "0.0"), ("x-ratelimit-reset", "4")]),
            Some(4.0)
        );
    }

    #[test]
    fn a_call_is_tried_four_times_with_growing_pauses() {
        let mut tries = Tries::new();
        for least in [0.5, 1.0, 2.0] {
            let wait = tries.after_failure(None).unwrap().as_secs_f64();
            assert!((least..=least * 2.0).contains(&wait), "{wait}");
        }
        assert_eq!(tries.number, 4);
        assert_eq!(tries.after_failure(None), None);
        let asked = Duration::from_secs(20);
        assert_eq!(Tries::new().after_failure(Some(asked)), Some(asked));
    }

    #[test]
    fn being_throttled_has_bounds_of_its_own() {
        let asks = |pause: Duration| {
            let mut tries = Tries::new();
            let times =
                (0..1_000).take_while(|_| tries.after_throttle(Some(pause)).is_ok()).count();
            (times, tries.backoff.next().is_some())
        };
        assert_eq!(asks(Duration::from_mins(1)), (5, true));
        assert_eq!(asks(Duration::from_millis(1)), (32, true));
        assert_eq!(asks(Duration::from_secs(61)), (0, true));
        let long = Duration::from_hours(1);
        assert_eq!(Tries::new().after_throttle(Some(long)), Err(Error::RateLimited(long)));
        let mut silent = Tries::new();
        let waits: Vec<Duration> =
            std::iter::from_fn(|| silent.after_throttle(Some(Duration::ZERO)).ok()).collect();
        assert!(waits.len() >= 7, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait >= Duration::from_secs(1)), "{waits:?}");
    }
}
