//! A call of Meet's and its files as records.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    record::{Attendee, Conference, Event, MediaAsset, MediaAssetKind, Moment, Record},
    wire::time,
};

/// `ConferenceRecord` resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// `conferenceRecords/…`, its name and its path.
    pub name: String,
    /// When it began.
    pub start_time: Timestamp,
    /// Absent while it goes on.
    #[serde(default, deserialize_with = "time::read_instant")]
    pub end_time: Option<Timestamp>,
    /// `spaces/…`.
    pub space: Option<String>,
}

/// Participant resource: one entry for each person, however often they came back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    signedin_user: Option<User>,
    anonymous_user: Option<User>,
    phone_user: Option<User>,
    #[serde(default, deserialize_with = "time::read_instant")]
    earliest_start_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    latest_end_time: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    /// `users/…`, of those who signed in.
    user: Option<String>,
    display_name: Option<String>,
}

/// Space resource.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Space {
    meeting_uri: Option<String>,
    meeting_code: Option<String>,
}

/// Recording and Transcript resources.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    name: String,
    state: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    start_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    end_time: Option<Timestamp>,
    #[serde(alias = "driveDestination", alias = "docsDestination")]
    destination: Option<Destination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    export_uri: Option<String>,
}

impl Call {
    /// The call as an event. The API gives neither title nor organizer.
    pub fn into_record(self, participants: Vec<Participant>, space: Space) -> Record {
        let conference = Conference {
            url: space.meeting_uri,
            id: space.meeting_code,
            provider: Some("Google Meet".into()),
        };
        let event = Event {
            end: self.end_time.map(Moment::At),
            attendees: Some(participants.into_iter().map(Participant::attendee).collect()),
            conference: Some(conference),
            ..Event::starting(Moment::At(self.start_time))
        };
        Record::new(self.name, event)
    }
}

impl Participant {
    fn attendee(self) -> Attendee {
        let user = self.signedin_user.or(self.anonymous_user).or(self.phone_user);
        let (id, name) = user.map(|of| (of.user, of.display_name)).unwrap_or_default();
        let (joined_at, left_at) = (self.earliest_start_time, self.latest_end_time);
        Attendee { id, name, joined_at, left_at, ..Attendee::default() }
    }
}

impl Asset {
    /// The file that it became; none while it is being made.
    pub fn into_record(self, kind: MediaAssetKind, call: &str) -> Option<Record> {
        let made = self.state.as_deref() == Some("FILE_GENERATED");
        let file = self.destination.filter(|_| made)?;
        let mime_type = match kind {
            MediaAssetKind::Transcript => "application/vnd.google-apps.document",
            _ => "video/mp4",
        };
        let length = self.start_time.zip(self.end_time);
        let asset = MediaAsset {
            mime_type: Some(mime_type.into()),
            permalink: file.export_uri,
            event_id: Some(call.to_owned()),
            created_at: self.start_time,
            duration_seconds: length.map(|(from, to)| to.duration_since(from).as_secs_f64()),
            ..MediaAsset::of(kind)
        };
        Some(Record::new(self.name, asset))
    }
}
