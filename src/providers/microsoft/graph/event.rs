//! An event of Outlook's as a record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    super::{Body, EmailAddress, Recipient},
    recurrence::Recurrence,
};
use crate::{
    provider::Patch,
    record::{Attendee, Conference, Event, EventStatus, Moment, Properties, Record, Ref, Response},
    wire::{Many, ics::Zone, time},
};

/// event resource. Of an occurrence only id, master and times are there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    body: Option<Body>,
    start: Option<When>,
    end: Option<When>,
    is_all_day: Option<bool>,
    /// A name of Windows', as a rule.
    original_start_time_zone: Option<String>,
    #[serde(default)]
    is_cancelled: bool,
    show_as: Option<String>,
    #[serde(default)]
    attendees: Many<Guest>,
    organizer: Option<Recipient>,
    location: Option<Location>,
    online_meeting: Option<OnlineMeeting>,
    online_meeting_url: Option<String>,
    recurrence: Option<Recurrence>,
    series_master_id: Option<String>,
    categories: Option<Vec<String>>,
    web_link: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    last_modified_date_time: Option<Timestamp>,
}

/// A time in UTC, which every call asks for.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct When {
    date_time: String,
}

impl When {
    /// The day, or the instant.
    pub fn moment(&self, day: bool) -> Option<Moment> {
        if day {
            time::day(&self.date_time).map(Moment::On)
        } else {
            time::instant(&self.date_time).map(Moment::At)
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Guest {
    email_address: EmailAddress,
    status: Option<Answer>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    response: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnlineMeeting {
    join_url: Option<String>,
}

/// What an entry is.
pub enum Change {
    /// A single event, a series or an exception from one.
    Event(Record),
    /// One of the dates that a series' rule says.
    Occurrence(String),
    /// It has no beginning.
    Odd,
}

impl Item {
    /// Its immutable id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is, in the calendar that it was listed in.
    pub fn read(self, calendar: Option<&Ref>) -> Change {
        if self.kind.as_deref() == Some("occurrence") {
            return Change::Occurrence(self.id);
        }
        let all_day = self.is_all_day.unwrap_or_default();
        let Some(start) = self.start.as_ref().and_then(|of| of.moment(all_day)) else {
            return Change::Odd;
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let zone = self.original_start_time_zone.filter(|_| !all_day);
        let url = self.online_meeting.and_then(|of| of.join_url);
        let url = url.or(filled(self.online_meeting_url));
        let status = match self.show_as.as_deref() {
            _ if self.is_cancelled => EventStatus::Cancelled,
            Some("tentative") => EventStatus::Tentative,
            _ => EventStatus::Confirmed,
        };
        let guests: Vec<Attendee> = self.attendees.into_iter().map(Guest::attendee).collect();
        let rule = self.recurrence.and_then(|of| of.rule(all_day));
        let event = Event {
            title: filled(self.subject),
            description: self.body.and_then(Body::words),
            end: self.end.as_ref().and_then(|of| of.moment(all_day)),
            all_day: self.is_all_day,
            time_zone: zone.and_then(|name| Zone::named(&name)?.name().map(str::to_owned)),
            status: Some(status),
            organizer: self.organizer.and_then(Recipient::person),
            attendees: (!guests.is_empty()).then_some(guests),
            location: filled(self.location.and_then(|of| of.display_name)),
            conference: url.map(|url| Conference { url: Some(url), ..Conference::default() }),
            recurrence: rule.map(|rule| vec![rule]),
            recurring_event_id: self.series_master_id,
            calendar: calendar.cloned(),
            tags: self.categories.filter(|tags| !tags.is_empty()),
            url: self.web_link,
            created_at: self.created_date_time,
            updated_at: self.last_modified_date_time,
            ..Event::starting(start)
        };
        Change::Event(Record::new(self.id, event))
    }
}

impl Guest {
    fn attendee(self) -> Attendee {
        let answer = self.status.and_then(|of| of.response);
        let response = answer.as_deref().and_then(|word| match word {
            "accepted" | "organizer" => Some(Response::Accepted),
            "declined" => Some(Response::Declined),
            "tentativelyAccepted" => Some(Response::Tentative),
            "none" | "notResponded" => Some(Response::NeedsAction),
            _ => None,
        });
        let optional = (self.kind.as_deref() == Some("optional")).then_some(true);
        let person = Recipient { email_address: self.email_address }.person().unwrap_or_default();
        Attendee {
            name: person.name,
            email: person.email,
            response,
            optional,
            ..Attendee::default()
        }
    }
}

/// The event as it stands, in the calendar that it came with.
pub fn becoming(properties: Properties) -> Patch {
    Patch::new(move |of| {
        if let (Properties::Event(old), Properties::Event(new)) = (of, &properties) {
            let calendar = old.calendar.take();
            **old = (**new).clone();
            old.calendar = calendar;
        }
    })
}
