//! The zone that a time is in: one of the time zone database, by whatever name, or as the calendar describes it.

use std::sync::Arc;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Weekday},
    tz::{Offset, TimeZone},
};

use super::{
    Component, components,
    line::Line,
    time::{Stamp, stamp},
    windows,
};

/// Longest name that is looked up.
const NAME: usize = 255;
/// Segments of a name that may be the zone's (`America/Argentina/Buenos_Aires`).
const SEGMENTS: usize = 3;
/// Most changes of the clock that a description may list; zones with all their history have about two hundred.
const OBSERVANCES: usize = 512;

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Named(TimeZone),
    Described(Arc<[Observance]>),
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Kind::Named(TimeZone::UTC));

    /// The zone of that name: the time zone database's, with whatever path before it (`/freeassociation.sourceforge.net/…`),
    /// or Windows'.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().trim_matches('"');
        of_path(name).or_else(|| of_windows(name)).or_else(|| of_database(name))
    }

    /// The first zone that a calendar describes (`calendar-timezone`).
    pub fn described(calendar: &str) -> Option<Self> {
        Zones::of(&components(calendar).0)
            .0
            .into_iter()
            .next()
            .and_then(|(id, described)| Self::named(&id).or(described))
    }

    /// Its name in the time zone database; none for UTC, and for what is only described.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Named(zone) => {
                let universal = ["UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu"];
                zone.iana_name().filter(|name| !universal.contains(name))
            }
            Kind::Described(_) => None,
        }
    }

    /// The instant of a local time. One that the clocks skip is counted as if they had not yet been changed, of one that
    /// comes twice the first is meant (RFC 5545, "Date-Time").
    pub fn instant(&self, local: DateTime) -> Option<Timestamp> {
        match &self.0 {
            Kind::Named(zone) => zone.to_ambiguous_timestamp(local).compatible().ok(),
            Kind::Described(all) => offset(all, local)?.to_timestamp(local).ok(),
        }
    }
}

fn of_database(name: &str) -> Option<Zone> {
    let fits = !name.is_empty() && name.len() <= NAME;
    fits.then(|| TimeZone::get(name).ok()).flatten().map(|zone| Zone(Kind::Named(zone)))
}

/// By the last segments of a path, as many as are a name.
fn of_path(path: &str) -> Option<Zone> {
    let starts: Vec<usize> =
        path.rmatch_indices('/').map(|(at, _)| at + 1).take(SEGMENTS).collect();
    let whole = (starts.len() < SEGMENTS && !starts.is_empty()).then_some(0);
    let mut starts = whole.into_iter().chain(starts.into_iter().rev());
    starts.find_map(|from| path.get(from..).filter(|tail| tail.contains('/')).and_then(of_database))
}

fn of_windows(name: &str) -> Option<Zone> {
    let known = windows::ZONES.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name));
    known.and_then(|(_, zone)| of_database(zone))
}

/// The zones that a calendar describes, by the ids that its times name them by.
pub(super) struct Zones(Vec<(String, Option<Zone>)>);

impl Zones {
    pub(super) fn of(components: &[Component]) -> Self {
        let mut zones = Vec::new();
        for component in components {
            let Component::Zone { own, rules } = component else { continue };
            let value = |name| own.iter().find(|line| line.is(name)).map(Line::words);
            let Some(id) = value("TZID") else { continue };
            let named = value("X-LIC-LOCATION").as_deref().and_then(Zone::named);
            let rules = rules.iter().take(OBSERVANCES);
            let all: Arc<[Observance]> = rules.filter_map(|lines| Observance::of(lines)).collect();
            let described = (!all.is_empty()).then(|| Zone(Kind::Described(all)));
            zones.push((id, named.or(described)));
        }
        Self(zones)
    }

    /// The zone of an id: by its name where that is one, else as it is described. A name without a path is one of an age
    /// when it meant whatever it was said to mean (`EST`): then the description counts.
    pub(super) fn find(&self, id: &str) -> Option<Zone> {
        let described =
            || self.0.iter().find(|(own, _)| own == id).and_then(|(_, zone)| zone.clone());
        of_path(id).or_else(|| of_windows(id)).or_else(described).or_else(|| of_database(id))
    }
}

/// A rule by which the clocks change: from when on, from which offset to which, and when again.
#[derive(Debug)]
struct Observance {
    start: DateTime,
    from: Offset,
    to: Offset,
    yearly: Option<Yearly>,
    more: Vec<DateTime>,
}

#[derive(Debug)]
struct Yearly {
    month: i8,
    day: Day,
    until: Option<Stamp>,
}

#[derive(Debug)]
enum Day {
    /// Of the month.
    Of(i8),
    /// The n-th such weekday of the month, from its end where negative.
    Nth(i8, Weekday),
    /// The first such weekday from this day of the month on.
    From(i8, Weekday),
}

/// The offset that holds at a local time.
fn offset(all: &[Observance], local: DateTime) -> Option<Offset> {
    let latest = all.iter().filter_map(|of| Some((of.latest(local)?, of)));
    let Some((onset, of)) = latest.max_by_key(|(onset, _)| *onset) else {
        return all.iter().min_by_key(|of| of.start).map(|of| of.from);
    };
    let skipped = i64::from(of.to.seconds()) - i64::from(of.from.seconds());
    let end = onset.checked_add(SignedDuration::from_secs(skipped)).ok()?;
    Some(if local < end { of.from } else { of.to })
}

impl Observance {
    fn of(lines: &[Line]) -> Option<Self> {
        let line = |name: &str| lines.iter().find(|line| line.is(name));
        let start = stamp(line("DTSTART")?.value())?.local();
        let dates = lines.iter().filter(|line| line.is("RDATE"));
        let dates = dates.flat_map(|line| line.value().split(','));
        Some(Self {
            start,
            from: read_offset(line("TZOFFSETFROM")?.value())?,
            to: read_offset(line("TZOFFSETTO")?.value())?,
            yearly: line("RRULE").and_then(|rule| Yearly::of(rule.value(), start.date())),
            more: dates.take(OBSERVANCES).filter_map(|at| Some(stamp(at)?.local())).collect(),
        })
    }

    /// The last time that it set in, up to a local time.
    fn latest(&self, local: DateTime) -> Option<DateTime> {
        let listed = self.more.iter().copied().chain([self.start]).filter(|onset| *onset <= local);
        let ruled = self.yearly.as_ref().and_then(|rule| {
            let last = rule.until.map_or(local, |until| until.local().min(local)).year();
            let onsets = [last, last.saturating_sub(1)].into_iter().filter_map(|year| {
                let onset = rule.day_in(year)?.to_datetime(self.start.time());
                let early = onset >= self.start && onset <= local;
                (early && rule.until.is_none_or(|until| until.is_after(onset, self.from)))
                    .then_some(onset)
            });
            onsets.max()
        });
        listed.chain(ruled).max()
    }
}

impl Yearly {
    /// A rule of the sort that zones have: once a year. Parts that it lacks come from the first day.
    fn of(rule: &str, first: Date) -> Option<Self> {
        let part = |name: &str| {
            let mut parts = rule.split(';').filter_map(|part| part.split_once('='));
            parts
                .find(|(own, _)| own.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        let number = |name| part(name)?.split(',').next()?.parse::<i8>().ok();
        if !part("FREQ")?.eq_ignore_ascii_case("YEARLY") {
            return None;
        }
        let day = match (part("BYDAY").and_then(weekday), number("BYMONTHDAY")) {
            (Some((_, day)), Some(from)) => Day::From(from, day),
            (Some((nth, day)), None) => Day::Nth(nth, day),
            (None, day) => Day::Of(day.unwrap_or(first.day())),
        };
        let month = number("BYMONTH").unwrap_or(first.month());
        Some(Self { month, day, until: part("UNTIL").and_then(stamp) })
    }

    fn day_in(&self, year: i16) -> Option<Date> {
        let day = |day| Date::new(year, self.month, day).ok();
        match self.day {
            Day::Of(n) => day(n),
            Day::Nth(nth, weekday) => day(1)?.nth_weekday_of_month(nth, weekday).ok(),
            Day::From(n, weekday) => day(n)?.yesterday().ok()?.nth_weekday(1, weekday).ok(),
        }
    }
}

/// `-1SU`; a bare `SU` is the first.
fn weekday(text: &str) -> Option<(i8, Weekday)> {
    let text = text.split(',').next()?.trim();
    let (nth, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = match day.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    Some((if nth.is_empty() { 1 } else { nth.parse().ok()? }, day))
}

/// `+0100`, `-053000`.
fn read_offset(text: &str) -> Option<Offset> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let two = |at: usize| digits.get(at..at + 2).map_or(Some(0), |two| two.parse::<i32>().ok());
    let seconds = digits.get(..2)?.parse::<i32>().ok()? * 3600 + two(2)? * 60 + two(4)?;
    Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central European rules as Exchange writes them.
    const BERLIN: &str = "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\n\
        TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n\
        BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n\
        RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n";

    fn at(zone: &Zone, local: &str) -> String {
        zone.instant(local.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_zone_is_found_by_every_name_that_calendars_give_it() {
        for (written, name) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("\"Europe/Berlin\"", "Europe/Berlin"),
            ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
            (
                "/freeassociation.sourceforge.net/Tzfile/America/Argentina/Salta",
                "America/Argentina/Salta",
            ),
            ("/softwarestudio.org/Olson_20011030_5/America/New_York", "America/New_York"),
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("eastern standard time", "America/New_York"),
            ("India Standard Time", "Asia/Kolkata"),
            ("Etc/GMT+5", "Etc/GMT+5"),
        ] {
            assert_eq!(Zone::named(written).unwrap().name(), Some(name), "{written}");
        }
        assert_eq!(Zone::named("Etc/UTC").unwrap().name(), None);
        for none in ["", "/", "//", "Mars/Olympus", "../../etc/passwd", &"a/".repeat(1 << 20)] {
            assert!(Zone::named(none).is_none());
        }
    }

    #[test]
    fn every_zone_of_windows_is_one_of_the_database() {
        for (windows, zone) in windows::ZONES {
            assert_eq!(
                Zone::named(windows).unwrap().0.name().as_deref().unwrap_or("Etc/UTC"),
                *zone
            );
        }
        assert!(windows::ZONES.len() > 130);
    }

    impl Kind {
        fn name(&self) -> Option<String> {
            Zone(self.clone()).name().map(str::to_owned)
        }
    }

    #[test]
    fn a_zone_that_is_only_described_keeps_time_like_the_one_it_describes() {
        let described = Zone::described(BERLIN).unwrap();
        assert_eq!(described.name(), None);
        let berlin = Zone::named("Europe/Berlin").unwrap();
        // Through both changes of a year, hour by hour: the skipped hour and the one that comes twice are among them.
        for first in ["2025-03-28T00:30", "2025-10-24T00:30", "2025-12-30T00:30"] {
            let mut local: DateTime = first.parse().unwrap();
            for _ in 0..96 {
                assert_eq!(described.instant(local), berlin.instant(local), "{local}");
                local = local.checked_add(SignedDuration::from_hours(1)).unwrap();
            }
        }
    }

    #[test]
    fn rules_that_ended_and_single_dates_are_kept_to() {
        let text = "BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:20001029T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\n\
            RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10;UNTIL=20061029T060000Z\nRDATE:20071104T020000\nEND:STANDARD\n\
            BEGIN:DAYLIGHT\nDTSTART:20000402T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\n\
            RRULE:FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=1,2,3,4,5,6,7;BYDAY=SU\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
        let zone = Zone::described(text).unwrap();
        assert_eq!(at(&zone, "1990-07-01T12:00"), "1990-07-01T17:00:00Z", "before all: as it was");
        assert_eq!(at(&zone, "2005-04-03T12:00"), "2005-04-03T16:00:00Z");
        assert_eq!(at(&zone, "2006-12-01T12:00"), "2006-12-01T17:00:00Z");
        assert_eq!(at(&zone, "2007-12-01T12:00"), "2007-12-01T17:00:00Z", "by the single date");
        assert_eq!(
            at(&zone, "2008-12-01T12:00"),
            "2008-12-01T16:00:00Z",
            "no rule ends summer any more"
        );
    }

    #[test]
    fn a_bare_name_means_what_the_calendar_says_it_means() {
        let text = BERLIN.replace("Customized Time Zone", "EST");
        let zones = Zones::of(&components(&text).0);
        assert_eq!(at(&zones.find("EST").unwrap(), "2025-07-01T12:00"), "2025-07-01T10:00:00Z");
        let none = Zones::of(&[]);
        assert_eq!(at(&none.find("EST").unwrap(), "2025-07-01T12:00"), "2025-07-01T17:00:00Z");
        let named = BERLIN.replace("BEGIN:STANDARD", "X-LIC-LOCATION:Asia/Tokyo\r\nBEGIN:STANDARD");
        assert_eq!(Zone::described(&named).unwrap().name(), Some("Asia/Tokyo"));
    }

    #[test]
    fn a_description_of_nothing_is_no_zone() {
        for text in
            ["", "BEGIN:VTIMEZONE\nTZID:X\nEND:VTIMEZONE", &BERLIN.replace("TZOFFSETTO", "X-TO")]
        {
            assert!(Zone::described(text).is_none());
        }
    }
}
