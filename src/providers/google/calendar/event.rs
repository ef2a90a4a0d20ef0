//! An event of Google's as a record.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;

use crate::{
    provider::{Feed, Gone},
    record::{Attendee, Conference, Event, EventStatus, Moment, Person, Record, Ref, Response},
    wire::{Many, html, time},
};

/// What is asked for of a page of events.
pub const FIELDS: &str = "nextPageToken,nextSyncToken,items(id,status,summary,description,location,htmlLink,\
    start(date,dateTime,timeZone),end(date,dateTime),recurrence,recurringEventId,created,updated,\
    organizer(email,displayName),attendees(email,displayName,responseStatus,optional),hangoutLink,\
    conferenceData(conferenceId,conferenceSolution/name,entryPoints(entryPointType,uri)))";

/// Events resource. Of a cancelled one only the id is sure to be there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    id: String,
    status: Option<String>,
    summary: Option<String>,
    /// May be HTML.
    description: Option<String>,
    location: Option<String>,
    html_link: Option<String>,
    start: Option<When>,
    end: Option<When>,
    recurrence: Option<Vec<String>>,
    recurring_event_id: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    updated: Option<Timestamp>,
    organizer: Option<Guest>,
    #[serde(default)]
    attendees: Many<Guest>,
    hangout_link: Option<String>,
    conference_data: Option<ConferenceData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct When {
    #[serde(default, deserialize_with = "time::read_day")]
    date: Option<Date>,
    #[serde(default, deserialize_with = "time::read_instant")]
    date_time: Option<Timestamp>,
    time_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Guest {
    email: Option<String>,
    display_name: Option<String>,
    response_status: Option<String>,
    optional: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConferenceData {
    conference_id: Option<String>,
    conference_solution: Option<Solution>,
    #[serde(default)]
    entry_points: Many<EntryPoint>,
}

#[derive(Deserialize)]
struct Solution {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryPoint {
    #[serde(default)]
    entry_point_type: String,
    uri: Option<String>,
}

/// What an item says.
#[derive(Debug)]
pub enum Change {
    /// This is how the event stands.
    Alive(Record),
    /// This is no more.
    Gone(Gone),
    /// It is no event: it has no beginning.
    Odd,
}

impl Item {
    /// What the item says in this calendar. Ids are given once a calendar, so records are named by both; the place of each is
    /// its series, so that all of it goes with its master, which the vendor names alone.
    pub fn read(self, calendar: &Feed) -> Change {
        let qualified = |id: &str| format!("{}:{id}", calendar.id);
        let id = qualified(&self.id);
        let series = self.recurring_event_id.as_deref().map(qualified);
        if self.status.as_deref() == Some("cancelled") {
            return Change::Gone(if series.is_some() { Gone::Id(id) } else { Gone::Place(id) });
        }
        let Some(start) = self.start.as_ref().and_then(When::moment) else { return Change::Odd };
        let place = series.clone().unwrap_or_else(|| id.clone());
        let guests: Vec<Attendee> = self.attendees.into_iter().map(Guest::attendee).collect();
        let event = Event {
            title: self.summary,
            description: self.description.as_deref().map(html::from_field),
            end: self.end.as_ref().and_then(When::moment),
            all_day: Some(matches!(start, Moment::On(_))),
            time_zone: self.start.filter(|of| of.date.is_none()).and_then(|of| of.time_zone),
            status: self.status.as_deref().and_then(status),
            organizer: self.organizer.and_then(Guest::person),
            attendees: (!guests.is_empty()).then_some(guests),
            location: self.location,
            conference: conference(self.hangout_link, self.conference_data),
            recurrence: self.recurrence,
            recurring_event_id: series,
            calendar: Some(Ref::new(&calendar.id, &calendar.name)),
            url: self.html_link,
            created_at: self.created,
            updated_at: self.updated,
            ..Event::starting(start)
        };
        Change::Alive(Record::new(id, event).at(place))
    }
}

impl When {
    fn moment(&self) -> Option<Moment> {
        self.date.map(Moment::On).or(self.date_time.map(Moment::At))
    }
}

impl Guest {
    fn attendee(self) -> Attendee {
        let response = self.response_status.as_deref().and_then(|word| match word {
            "accepted" => Some(Response::Accepted),
            "declined" => Some(Response::Declined),
            "tentative" => Some(Response::Tentative),
            "needsAction" => Some(Response::NeedsAction),
            _ => None,
        });
        Attendee {
            email: self.email,
            name: self.display_name,
            response,
            optional: self.optional,
            ..Attendee::default()
        }
    }

    fn person(self) -> Option<Person> {
        Person { email: self.email, name: self.display_name, ..Person::default() }.known()
    }
}

fn status(word: &str) -> Option<EventStatus> {
    match word {
        "confirmed" => Some(EventStatus::Confirmed),
        "tentative" => Some(EventStatus::Tentative),
        _ => None,
    }
}

fn conference(hangout: Option<String>, data: Option<ConferenceData>) -> Option<Conference> {
    let (mut id, mut provider, mut video) = (None, None, None);
    if let Some(data) = data {
        id = data.conference_id;
        provider = data.conference_solution.and_then(|of| of.name);
        let mut points = data.entry_points.into_iter();
        video = points.find(|point| point.entry_point_type == "video").and_then(|of| of.uri);
    }
    let found = Conference { url: hangout.or(video), id, provider };
    (found != Conference::default()).then_some(found)
}
