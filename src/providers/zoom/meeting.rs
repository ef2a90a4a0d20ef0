//! A Zoom meeting as a record.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    record::{Attendee, Conference, Event, EventStatus, Moment, Person, Record},
    wire::{Many, time},
};

/// Zoom's numbers for the days of a week, from 1.
const DAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

/// A scheduled meeting, or a series of them.
#[derive(Deserialize)]
pub struct Meeting {
    /// The number that people dial; stays for all of a series.
    id: u64,
    topic: Option<String>,
    agenda: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    start_time: Option<Timestamp>,
    /// Minutes.
    duration: Option<i64>,
    timezone: Option<String>,
    join_url: Option<String>,
    host_email: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    recurrence: Option<Recurrence>,
    #[serde(default)]
    occurrences: Many<Occurrence>,
    settings: Option<Settings>,
}

#[derive(Deserialize)]
struct Settings {
    meeting_invitees: Option<Many<Invitee>>,
}

#[derive(Deserialize)]
struct Invitee {
    email: Option<String>,
}

#[derive(Deserialize)]
struct Occurrence {
    #[serde(default, deserialize_with = "time::read_instant")]
    start_time: Option<Timestamp>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Recurrence {
    #[serde(rename = "type")]
    kind: Option<i64>,
    repeat_interval: Option<i64>,
    weekly_days: Option<String>,
    monthly_day: Option<i64>,
    monthly_week: Option<i64>,
    monthly_week_day: Option<usize>,
    end_times: Option<i64>,
    #[serde(default, deserialize_with = "time::read_instant")]
    end_date_time: Option<Timestamp>,
}

impl Occurrence {
    fn is_deleted(&self) -> bool {
        self.status.as_deref() == Some("deleted")
    }
}

impl Meeting {
    /// Its record; none for a room that is open at any time.
    pub fn into_record(self) -> Option<Record> {
        let first = || self.occurrences.iter().find(|of| !of.is_deleted())?.start_time;
        let start = self.start_time.or_else(first)?;
        let minutes = self.duration.filter(|minutes| (0..=60 * 24 * 366).contains(minutes));
        let end = minutes.and_then(|of| start.checked_add(SignedDuration::from_mins(of)).ok());
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let recurrence = self.recurrence.as_ref().and_then(Recurrence::rule).map(|rule| {
            let dates = self.occurrences.iter().filter(|of| of.is_deleted());
            let dates: Vec<String> = dates.filter_map(|of| of.start_time).map(basic).collect();
            let except = (!dates.is_empty()).then(|| format!("EXDATE:{}", dates.join(",")));
            [rule].into_iter().chain(except).collect()
        });
        let invitees = self.settings.and_then(|settings| settings.meeting_invitees);
        let event = Event {
            title: filled(self.topic),
            description: filled(self.agenda),
            end: end.map(Moment::At),
            all_day: Some(false),
            time_zone: filled(self.timezone),
            status: Some(EventStatus::Confirmed),
            organizer: filled(self.host_email)
                .map(|email| Person { email: Some(email), ..Person::default() }),
            attendees: invitees.map(|all| all.into_iter().filter_map(Invitee::read).collect()),
            conference: Some(Conference {
                url: self.join_url.clone(),
                id: Some(self.id.to_string()),
                provider: Some("Zoom".into()),
            }),
            recurrence,
            url: self.join_url,
            created_at: self.created_at,
            ..Event::starting(Moment::At(start))
        };
        Some(Record::new(self.id.to_string(), event))
    }
}

impl Invitee {
    fn read(self) -> Option<Attendee> {
        let email = self.email.filter(|email| !email.is_empty())?;
        Some(Attendee { email: Some(email), ..Attendee::default() })
    }
}

impl Recurrence {
    /// Its line in iCalendar; none for a sort that is not known.
    fn rule(&self) -> Option<String> {
        let mut rule = match self.kind? {
            1 => "RRULE:FREQ=DAILY".to_owned(),
            2 => {
                let numbers = self.weekly_days.as_deref().unwrap_or_default().split(',');
                let days: Vec<&str> =
                    numbers.filter_map(|day| name(day.trim().parse().ok()?)).collect();
                let days = (!days.is_empty()).then(|| format!(";BYDAY={}", days.join(",")));
                format!("RRULE:FREQ=WEEKLY{}", days.unwrap_or_default())
            }
            3 => {
                let week = || {
                    let day = name(self.monthly_week_day?)?;
                    Some(format!(";BYDAY={}{day}", self.monthly_week?))
                };
                let day = self.monthly_day.filter(|day| *day > 0);
                let day = day.map(|day| format!(";BYMONTHDAY={day}")).or_else(week);
                format!("RRULE:FREQ=MONTHLY{}", day.unwrap_or_default())
            }
            _ => return None,
        };
        if let Some(interval) = self.repeat_interval.filter(|interval| *interval > 1) {
            rule = format!("{rule};INTERVAL={interval}");
        }
        let count = self.end_times.filter(|times| *times > 0).map(|of| format!(";COUNT={of}"));
        let until = || self.end_date_time.map(|end| format!(";UNTIL={}", basic(end)));
        Some(rule + &count.or_else(until).unwrap_or_default())
    }
}

fn name(day: usize) -> Option<&'static str> {
    DAYS.get(day.checked_sub(1)?).copied()
}

/// A time as iCalendar writes it.
fn basic(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}
