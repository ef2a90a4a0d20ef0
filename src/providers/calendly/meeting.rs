//! A scheduled meeting as a record.

use jiff::Timestamp;
use serde::Deserialize;

use crate::record::{Attendee, Conference, Event, EventStatus, Moment, Person, Record, Response};

/// A meeting as Calendly lists it.
#[derive(Deserialize)]
pub struct Meeting {
    uri: String,
    name: Option<String>,
    meeting_notes_plain: Option<String>,
    status: Option<String>,
    start_time: Timestamp,
    end_time: Option<Timestamp>,
    location: Option<Location>,
    #[serde(default)]
    event_memberships: Vec<Host>,
    #[serde(default)]
    event_guests: Vec<Guest>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

/// Somewhere, or a call: which keys there are depends on the kind.
#[derive(Deserialize)]
struct Location {
    location: Option<String>,
    join_url: Option<String>,
}

#[derive(Deserialize)]
struct Host {
    user_name: Option<String>,
    user_email: Option<String>,
}

#[derive(Deserialize)]
struct Guest {
    email: Option<String>,
}

/// Who booked.
#[derive(Deserialize)]
pub struct Invitee {
    email: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

impl Meeting {
    /// The last part of its address.
    pub fn id(&self) -> &str {
        self.uri.rsplit('/').next().unwrap_or(&self.uri)
    }

    /// The record; its attendees are the invitees, then the guests that they brought.
    pub fn into_record(self, invitees: Vec<Invitee>) -> Record {
        let id = self.id().to_owned();
        let guests = self.event_guests.into_iter().filter(|guest| guest.email.is_some());
        let guests = guests.map(|guest| Attendee { email: guest.email, ..Attendee::default() });
        let attendees: Vec<_> =
            invitees.into_iter().map(Invitee::into_attendee).chain(guests).collect();
        let host = self.event_memberships.into_iter().next();
        let (place, call) = self.location.map_or((None, None), |of| (of.location, of.join_url));
        let event = Event {
            title: self.name,
            description: self.meeting_notes_plain,
            end: self.end_time.map(Moment::At),
            all_day: Some(false),
            status: match self.status.as_deref() {
                Some("active") => Some(EventStatus::Confirmed),
                Some("canceled") => Some(EventStatus::Cancelled),
                _ => None,
            },
            organizer: host.and_then(|host| {
                Person { name: host.user_name, email: host.user_email, ..Person::default() }.known()
            }),
            attendees: Some(attendees).filter(|all| !all.is_empty()),
            location: place,
            conference: call.map(|url| Conference { url: Some(url), ..Conference::default() }),
            url: Some(self.uri),
            created_at: self.created_at,
            updated_at: self.updated_at,
            ..Event::starting(Moment::At(self.start_time))
        };
        Record::new(id, event)
    }
}

impl Invitee {
    fn into_attendee(self) -> Attendee {
        Attendee {
            name: self.name,
            email: self.email,
            response: match self.status.as_deref() {
                Some("active") => Some(Response::Accepted),
                Some("canceled") => Some(Response::Declined),
                _ => None,
            },
            ..Attendee::default()
        }
    }
}
