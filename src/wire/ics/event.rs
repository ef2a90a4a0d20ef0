//! An event's lines as a record's event.

use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::{
    VEvent, Zone,
    line::{Line, list},
    time::{Length, Stamp, duration, stamp},
    zone::Zones,
};
use crate::{
    record::{Attendee, Conference, Event, EventStatus, Moment, Person, Response},
    wire::html,
};

/// Hosts of meetings, and those below them.
const MEETINGS: [&str; 7] = [
    "zoom.us",
    "meet.google.com",
    "teams.microsoft.com",
    "teams.live.com",
    "webex.com",
    "facetime.apple.com",
    "meet.jit.si",
];
/// Longest address of a meeting, in bytes.
const ADDRESS: usize = 2048;

/// What the times of a text are read by.
pub(super) struct Reading<'a> {
    pub(super) zones: Zones,
    pub(super) floating: &'a Zone,
}

/// When something is, with what is needed to go on from there.
enum When {
    On(Date),
    At(Timestamp, DateTime, Zone),
}

impl Reading<'_> {
    /// The event; `None` where its beginning is missing or cannot be read.
    pub(super) fn event(&self, lines: &[Line]) -> Option<VEvent> {
        let lines = Lines(lines);
        let start = self.when(lines.one("DTSTART")?)?;
        let guests: Vec<Attendee> = lines.all("ATTENDEE").map(attendee).collect();
        let tags: Vec<String> =
            lines.all("CATEGORIES").flat_map(|line| list(line.value())).collect();
        let recurrence = lines.recurrence();
        let location = lines.words("LOCATION");
        let description = lines.words("DESCRIPTION");
        let url = lines
            .one("URL")
            .map(|line| line.value().trim().to_owned())
            .filter(|url| !url.is_empty());
        let meeting = lines.meeting().or_else(|| {
            [&location, &url, &description].into_iter().flatten().find_map(|text| meeting_in(text))
        });
        let event = Event {
            title: lines.words("SUMMARY"),
            description: description.map(|text| html::from_field(&text)),
            end: self.end(&lines, &start),
            all_day: Some(matches!(start, When::On(_))),
            time_zone: lines.one("DTSTART").and_then(|line| self.zone_name(line, &start)),
            status: lines.status(),
            organizer: lines.one("ORGANIZER").and_then(organizer),
            attendees: (!guests.is_empty()).then_some(guests),
            location,
            conference: meeting.map(|url| Conference { url: Some(url), ..Conference::default() }),
            recurrence: (!recurrence.is_empty()).then_some(recurrence),
            tags: (!tags.is_empty()).then_some(tags),
            url,
            created_at: self.instant(&lines, "CREATED"),
            updated_at: self.instant(&lines, "LAST-MODIFIED"),
            ..Event::starting(start.moment())
        };
        let instance = lines.one("RECURRENCE-ID").and_then(|line| self.when(line));
        Some(VEvent { uid: lines.words("UID"), instance: instance.map(|of| of.moment()), event })
    }

    fn when(&self, line: &Line) -> Option<When> {
        let zoned = |local: DateTime, zone: Zone| {
            Some(When::At(zone.instant(local).filter(is_written)?, local, zone))
        };
        match stamp(line.value())? {
            Stamp::Day(day) => Some(When::On(day)),
            Stamp::Utc(at) => zoned(at, Zone::UTC),
            Stamp::Local(at) => {
                let named = line.parameter("TZID").and_then(|id| self.zones.find(&id));
                zoned(at, named.unwrap_or_else(|| self.floating.clone()))
            }
        }
    }

    /// The name of the zone that a time names; one without keeps the zone that it was read in to itself.
    fn zone_name(&self, line: &Line, when: &When) -> Option<String> {
        let When::At(_, _, zone) = when else { return None };
        let known = self.zones.find(&line.parameter("TZID")?).is_some();
        zone.name().filter(|_| known).map(str::to_owned)
    }

    fn end(&self, lines: &Lines<'_>, start: &When) -> Option<Moment> {
        if let Some(line) = lines.one("DTEND") {
            return self.when(line).map(|end| end.moment());
        }
        match (start, lines.one("DURATION")) {
            (start, Some(line)) => start.after(duration(line.value())?),
            (When::On(day), None) => day.tomorrow().ok().map(Moment::On),
            (When::At(at, ..), None) => Some(Moment::At(*at)),
        }
    }

    fn instant(&self, lines: &Lines<'_>, name: &str) -> Option<Timestamp> {
        self.when(lines.one(name)?)?.moment().instant()
    }
}

/// Whether an instant is in a year that can be written; years after 9999 jiff does not have.
fn is_written(at: &Timestamp) -> bool {
    TimeZone::UTC.to_datetime(*at).year() >= 1
}

impl When {
    fn moment(&self) -> Moment {
        match self {
            Self::On(day) => Moment::On(*day),
            Self::At(at, ..) => Moment::At(*at),
        }
    }

    fn after(&self, length: Length) -> Option<Moment> {
        let Length { days, time } = length;
        let days = Span::new().try_days(days).ok()?;
        match self {
            Self::On(day) => {
                let whole = SignedDuration::from_hours(time.as_hours() / 24 * 24);
                let end = day.checked_add(days).ok()?.checked_add(whole).ok()?;
                (end.year() >= 1).then_some(Moment::On(end))
            }
            Self::At(_, local, zone) => {
                let later = zone.instant(local.checked_add(days).ok()?)?;
                Some(Moment::At(later.checked_add(time).ok().filter(is_written)?))
            }
        }
    }
}

/// The lines of one event.
struct Lines<'a>(&'a [Line]);

impl<'a> Lines<'a> {
    fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a Line> + use<'a, 'n> {
        self.0.iter().filter(move |line| line.is(name))
    }

    /// The first of a name counts.
    fn one(&self, name: &str) -> Option<&'a Line> {
        self.all(name).next()
    }

    fn words(&self, name: &str) -> Option<String> {
        self.one(name).map(Line::words).filter(|text| !text.trim().is_empty())
    }

    /// Missing means that it takes place.
    fn status(&self) -> Option<EventStatus> {
        let Some(word) = self.words("STATUS") else { return Some(EventStatus::Confirmed) };
        match word.trim().to_ascii_uppercase().as_str() {
            "CONFIRMED" => Some(EventStatus::Confirmed),
            "TENTATIVE" => Some(EventStatus::Tentative),
            "CANCELLED" => Some(EventStatus::Cancelled),
            _ => None,
        }
    }

    /// The lines as they are written: rules, then added dates, then those taken out.
    fn recurrence(&self) -> Vec<String> {
        let written =
            |name: &'static str| self.all(name).map(move |line| format!("{name}{}", line.rest()));
        ["RRULE", "RDATE", "EXRULE", "EXDATE"].into_iter().flat_map(written).collect()
    }

    /// The address of the meeting that a property of its own names.
    fn meeting(&self) -> Option<String> {
        let named = ["CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL"];
        let mut values =
            named.into_iter().flat_map(|name| self.all(name)).map(|line| line.value().trim());
        values.find(|value| is_web(value) && value.len() <= ADDRESS).map(str::to_owned)
    }
}

fn is_web(address: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        address.get(..scheme.len()).is_some_and(|own| own.eq_ignore_ascii_case(scheme))
    })
}

/// The first address in a text that leads to a meeting.
fn meeting_in(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(from) = rest.find("https://") {
        let (_, found) = rest.split_at_checked(from)?;
        let ends = |c: char| c.is_whitespace() || "<>\"'[](){}|\\^`".contains(c);
        let (address, more) = found.split_at_checked(found.find(ends).unwrap_or(found.len()))?;
        let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        if address.len() <= ADDRESS && is_meeting(address) {
            return Some(address.to_owned());
        }
        rest = more;
    }
    None
}

/// Whether an address names a meeting at one of the services: more than their front door.
fn is_meeting(address: &str) -> bool {
    let rest = address.strip_prefix("https://").unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?', '#', ':']).unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let known = MEETINGS.iter().any(|known| {
        host.strip_suffix(known).is_some_and(|below| below.is_empty() || below.ends_with('.'))
    });
    known && path.len() > 1
}

/// The address and id that a value names. iCloud names its own people by a path, with the address as a parameter.
fn who(line: &Line) -> (Option<String>, Option<String>) {
    let value = line.value().trim();
    let mail = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let value = if mail.is_some() { value.get(7..).unwrap_or_default() } else { value };
    let value = Some(value.to_owned()).filter(|value| !value.is_empty());
    let given = line.parameter("EMAIL").filter(|email| email.contains('@'));
    match (mail.is_some(), given) {
        (true, _) => (value, None),
        (false, None) if value.as_ref().is_some_and(|value| value.contains('@')) => (value, None),
        (false, email) => (email, value),
    }
}

fn name(line: &Line) -> Option<String> {
    line.parameter("CN").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn attendee(line: &Line) -> Attendee {
    let (email, id) = who(line);
    let word = |name| line.parameter(name).unwrap_or_default().to_ascii_uppercase();
    let response = match word("PARTSTAT").as_str() {
        "ACCEPTED" => Response::Accepted,
        "DECLINED" => Response::Declined,
        "TENTATIVE" => Response::Tentative,
        _ => Response::NeedsAction,
    };
    Attendee {
        id,
        email,
        name: name(line),
        response: Some(response),
        optional: (word("ROLE") == "OPT-PARTICIPANT").then_some(true),
        ..Attendee::default()
    }
}

fn organizer(line: &Line) -> Option<Person> {
    let (email, id) = who(line);
    Person { id, email, name: name(line), ..Person::default() }.known()
}
