//! A booked meeting as a record.

use jiff::Timestamp;
use serde::Deserialize;

use super::Known;
use crate::{
    record::{Attendee, Conference, Event, EventStatus, Moment, Person, Record, Response},
    wire::{Many, time},
};

/// A meeting.
#[derive(Deserialize)]
pub struct Booking {
    /// Its address in the API; what follows the last slash is its id.
    uri: String,
    name: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    start_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    end_time: Option<Timestamp>,
    meeting_notes_plain: Option<String>,
    location: Option<Location>,
    invitees_counter: Option<Counter>,
    #[serde(default)]
    event_memberships: Many<Host>,
    #[serde(default)]
    event_guests: Many<Guest>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated_at: Option<Timestamp>,
}

/// Somebody who booked a meeting, or was booked for it.
#[derive(Deserialize)]
pub struct Invitee {
    email: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Location {
    location: Option<String>,
    join_url: Option<String>,
}

#[derive(Deserialize)]
struct Counter {
    total: Option<u64>,
    active: Option<u64>,
}

/// Older answers name the host by an address alone.
#[derive(Deserialize)]
struct Host {
    user_name: Option<String>,
    user_email: Option<String>,
}

#[derive(Deserialize)]
struct Guest {
    email: Option<String>,
}

impl Booking {
    /// Its id.
    pub fn id(&self) -> Option<&str> {
        let odd = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        self.uri.rsplit('/').next().filter(|id| !id.is_empty() && !id.contains(odd))
    }

    /// Its id, and what its invitees are asked for again by: one who cancels does not always change the meeting. None
    /// where it has no beginning, or no id.
    pub fn known(&self) -> Option<(String, Known)> {
        let counter =
            self.invitees_counter.as_ref().map_or((None, None), |it| (it.total, it.active));
        let count = |of: Option<u64>| of.map(|count| count.to_string()).unwrap_or_default();
        let mark = [
            self.updated_at.map(|at| at.to_string()).unwrap_or_default(),
            self.status.clone().unwrap_or_default(),
            count(counter.0),
            count(counter.1),
        ];
        let known = Known { start: self.start_time?, mark: mark.join(" ") };
        Some((self.id()?.to_owned(), known))
    }

    /// Its record; none without a beginning, or an id.
    pub fn into_record(self, invitees: Vec<Invitee>) -> Option<Record> {
        let id = self.id()?.to_owned();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let host = self.event_memberships.into_iter().next();
        let organizer = host.and_then(|host| {
            Person { name: host.user_name, email: host.user_email, ..Person::default() }.known()
        });
        let (place, join) =
            self.location.map_or((None, None), |of| (filled(of.location), filled(of.join_url)));
        let guests = self.event_guests.into_iter().filter_map(|guest| {
            Some(Attendee { email: Some(filled(guest.email)?), ..Attendee::default() })
        });
        let event = Event {
            title: filled(self.name),
            description: filled(self.meeting_notes_plain),
            end: self.end_time.map(Moment::At),
            all_day: Some(false),
            status: match self.status.as_deref() {
                Some("active") => Some(EventStatus::Confirmed),
                Some("canceled") => Some(EventStatus::Cancelled),
                _ => None,
            },
            organizer,
            attendees: Some(invitees.into_iter().map(Into::into).chain(guests).collect()),
            location: place,
            conference: join.map(|url| Conference { url: Some(url), ..Conference::default() }),
            url: Some(self.uri),
            created_at: self.created_at,
            updated_at: self.updated_at,
            ..Event::starting(Moment::At(self.start_time?))
        };
        Some(Record::new(id, event))
    }
}

impl From<Invitee> for Attendee {
    fn from(of: Invitee) -> Self {
        let response = match of.status.as_deref() {
            Some("active") => Some(Response::Accepted),
            Some("canceled") => Some(Response::Declined),
            _ => None,
        };
        Self { name: of.name, email: of.email, response, ..Self::default() }
    }
}
