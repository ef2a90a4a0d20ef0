//! Dates, times and durations as iCalendar writes them.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
    tz::Offset,
};

/// A date or a time as it is written, before its zone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Day(Date),
    Local(DateTime),
    Utc(DateTime),
}

impl Stamp {
    /// The digits, whatever they mean.
    pub(super) fn local(self) -> DateTime {
        match self {
            Self::Day(day) => day.to_datetime(Time::midnight()),
            Self::Local(at) | Self::Utc(at) => at,
        }
    }

    /// Whether it is not before a local time of a zone with that offset.
    pub(super) fn is_after(self, local: DateTime, offset: Offset) -> bool {
        match self {
            Self::Day(day) => day >= local.date(),
            Self::Local(at) => at >= local,
            Self::Utc(at) => {
                let utc = local.checked_sub(SignedDuration::from_secs(offset.seconds().into()));
                utc.is_ok_and(|utc| at >= utc)
            }
        }
    }
}

/// `20250203`, `20250203T100000`, `20250203T100000Z`; seconds may be missing, and signs between the digits.
pub(super) fn stamp(text: &str) -> Option<Stamp> {
    let text = text.trim();
    let (day, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(d, t)| (d, Some(t)));
    let [century, year, month, day] = digits(day)?;
    let year = i16::from(century) * 100 + i16::from(year);
    let day = Date::new(year, month, day).ok().filter(|_| year > 0)?;
    let Some(time) = time else { return Some(Stamp::Day(day)) };
    let (time, utc) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, true),
        None => (time, false),
    };
    let [hour, minute, second] = digits(time).or_else(|| {
        let [hour, minute] = digits(time)?;
        Some([hour, minute, 0])
    })?;
    // A second that was put in belongs to the minute before it.
    let at = day.to_datetime(Time::new(hour, minute, second.min(59), 0).ok()?);
    Some(if utc { Stamp::Utc(at) } else { Stamp::Local(at) })
}

/// Pairs of digits, with or without signs between them.
fn digits<const N: usize>(text: &str) -> Option<[i8; N]> {
    let mut digits = text.bytes().filter(|byte| !b"-:".contains(byte));
    let mut pairs = [0; N];
    for pair in &mut pairs {
        let (tens, ones) = (digits.next()?, digits.next()?);
        let value = |digit: u8| digit.is_ascii_digit().then(|| (digit - b'0').cast_signed());
        *pair = value(tens)? * 10 + value(ones)?;
    }
    digits.next().is_none().then_some(pairs)
}

/// How long something takes: days by the calendar, then time by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) days: i64,
    pub(super) time: SignedDuration,
}

/// `PT45M`, `P1DT2H`, `P2W`, `-PT5M`.
pub(super) fn duration(text: &str) -> Option<Length> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix(['P', 'p'])?;
    let (mut days, mut seconds, mut number, mut clock) = (0_i64, 0_i64, None::<i64>, false);
    for c in text.chars() {
        let unit = match c.to_ascii_uppercase() {
            '0'..='9' => {
                let digit = i64::from(c.to_digit(10)?);
                number = Some(number.unwrap_or(0) * 10 + digit).filter(|n| *n < 1_000_000_000);
                number?;
                continue;
            }
            'T' => {
                clock = true;
                continue;
            }
            unit => unit,
        };
        let number = number.take()?;
        match (unit, clock) {
            ('W', _) => days = days.saturating_add(number * 7),
            ('D', _) => days = days.saturating_add(number),
            ('H', true) => seconds = seconds.saturating_add(number * 3600),
            ('M', true) => seconds = seconds.saturating_add(number * 60),
            ('S', true) => seconds = seconds.saturating_add(number),
            _ => return None,
        }
    }
    let time = SignedDuration::from_secs(sign * seconds);
    number.is_none().then_some(Length { days: sign * days, time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_in_every_dress() {
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        assert_eq!(stamp("20250203"), Some(Stamp::Day("2025-02-03".parse().unwrap())));
        assert_eq!(stamp(" 20250203T100000 "), Some(Stamp::Local(at("2025-02-03T10:00"))));
        assert_eq!(stamp("20250203T1000Z"), Some(Stamp::Utc(at("2025-02-03T10:00"))));
        assert_eq!(stamp("2025-02-03T10:00:60Z"), Some(Stamp::Utc(at("2025-02-03T10:00:59"))));
        for odd in [
            "",
            "T",
            "2025",
            "20251301",
            "20250230",
            "00000101",
            "20250203T",
            "20250203T10",
            "20250203T250000",
            "20250203T10000",
            "soon",
            "２０２５０２０３",
            "-----",
            "20250203T100000ZZ",
            "202502031",
        ] {
            assert_eq!(stamp(odd), None, "{odd}");
        }
    }

    #[test]
    fn durations_are_days_and_time_and_hostile_ones_none() {
        let length =
            |days, seconds| Some(Length { days, time: SignedDuration::from_secs(seconds) });
        for (text, expected) in [
            ("PT1H30M", length(0, 5400)),
            ("P1DT2H", length(1, 7200)),
            ("P2W", length(14, 0)),
            ("-PT5M", length(0, -300)),
            ("PT0S", length(0, 0)),
            ("P", length(0, 0)),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
        for odd in ["", "1H", "P1", "PH", "P1H", "PT1X", "P9999999999D"] {
            assert!(duration(odd).is_none(), "{odd}");
        }
    }
}
