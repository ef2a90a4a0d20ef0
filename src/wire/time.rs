//! Vendors' times and dates. What cannot be read, or lies outside the years 1 to 9999, is unknown: the record is kept
//! without it.

use jiff::{SignedDuration, Timestamp, civil::Date, civil::DateTime, fmt::rfc2822, tz::TimeZone};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The first moment of the year 1, in seconds from 1970. The years after 9999 jiff does not have.
const YEAR_ONE: i64 = -62_135_596_800;

/// An instant as vendors write it: RFC 3339, with a blank for the `T`, with `+0000`, without a zone (then UTC), or as in
/// mail (RFC 2822).
pub fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let read = text.parse::<Timestamp>().ok();
    let read = read.or_else(|| {
        let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT")).unwrap_or(text);
        let local = text.parse::<DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(local).ok()
    });
    within(read.or_else(|| Some(rfc2822::parse(text).ok()?.timestamp()))?)
}

/// An instant in whole seconds from 1970.
pub fn epoch_seconds(seconds: i64) -> Option<Timestamp> {
    within(Timestamp::from_second(seconds).ok()?)
}

/// An instant in milliseconds from 1970, as a number in a text; the milliseconds are kept.
pub fn epoch_millis(text: &str) -> Option<Timestamp> {
    let millis = SignedDuration::from_millis(text.trim().parse().ok()?);
    within(Timestamp::from_duration(millis).ok()?)
}

/// A calendar day: `2025-02-15`, or the day that a time begins with, as it is written there.
pub fn day(text: &str) -> Option<Date> {
    let day = text.trim().get(..10)?.parse::<Date>().ok()?;
    (day.year() >= 1).then_some(day)
}

fn within(instant: Timestamp) -> Option<Timestamp> {
    (instant.as_second() >= YEAR_ONE).then_some(instant)
}

/// For a field: `#[serde(default, deserialize_with = "time::read_instant")]`.
///
/// # Errors
/// None of its own: what is no time is unknown.
pub fn read_instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Value::deserialize(from)?.as_str().and_then(instant))
}

/// For a field: `#[serde(default, deserialize_with = "time::read_day")]`.
///
/// # Errors
/// None of its own: what is no date is unknown.
pub fn read_day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    Ok(Value::deserialize(from)?.as_str().and_then(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dress_of_one_instant_is_that_instant() {
        for dress in [
            "2025-01-10T08:00:00.000Z",
            "2025-01-10T08:00:00+00:00",
            "2025-01-10T10:00:00+0200",
            "2025-01-10 08:00:00 GMT",
            "2025-01-10T08:00:00",
            "Fri, 10 Jan 2025 09:00:00 +0100",
        ] {
            let read = instant(dress).map(|at| at.to_string());
            assert_eq!(read.as_deref(), Some("2025-01-10T08:00:00Z"), "{dress}");
        }
    }

    #[test]
    fn what_is_no_time_or_out_of_range_is_unknown() {
        for odd in
            ["", "soon", "2025-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "-000004-01-01T00:00:00Z"]
        {
            assert_eq!(instant(odd), None, "{odd}");
        }
        assert_eq!(epoch_millis("99999999999999999"), None);
        assert_eq!(epoch_millis("1e9"), None);
        assert_eq!(epoch_seconds(i64::MIN), None);
        assert_eq!(
            epoch_seconds(YEAR_ONE).map(|at| at.to_string()).as_deref(),
            Some("0001-01-01T00:00:00Z")
        );
    }

    #[test]
    fn milliseconds_are_kept() {
        let at = epoch_millis("1772323199250").map(|at| at.to_string());
        assert_eq!(at.as_deref(), Some("2026-02-28T23:59:59.25Z"));
    }

    #[test]
    fn a_day_is_the_one_that_is_written_whatever_the_zone() {
        assert_eq!(day("2025-03-01").map(|d| d.to_string()).as_deref(), Some("2025-03-01"));
        assert_eq!(
            day("2025-03-01T23:00:00-08:00").map(|d| d.to_string()).as_deref(),
            Some("2025-03-01")
        );
        assert_eq!(day("0000-01-01"), None);
        assert_eq!(day("ünf-zehn-x"), None);
    }
}
