//! The files of a recorded Zoom meeting as records.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    record::{MediaAsset, MediaAssetKind, Person, Record, Ref},
    wire::{Many, time},
};

/// A meeting that was recorded: what its files lie in.
#[derive(Deserialize)]
pub struct Recorded {
    /// Of one instance of the meeting.
    uuid: Option<String>,
    /// The meeting's number.
    id: Option<u64>,
    host_id: Option<String>,
    topic: Option<String>,
    /// Its files.
    #[serde(default, rename = "recording_files")]
    pub files: Many<File>,
}

/// A film, sound, transcript or log.
#[derive(Deserialize)]
pub struct File {
    /// A time line has none.
    id: Option<String>,
    #[serde(rename = "file_type")]
    kind: Option<String>,
    #[serde(rename = "file_extension")]
    ending: Option<String>,
    recording_type: Option<String>,
    #[serde(rename = "file_size")]
    size: Option<i64>,
    play_url: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    recording_start: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    recording_end: Option<Timestamp>,
}

impl Recorded {
    /// The ids of its files.
    pub fn ids(self) -> impl Iterator<Item = String> {
        self.files.into_iter().filter_map(|file| file.id)
    }

    /// The records of the files that are ready.
    pub fn into_records(self) -> Vec<Record> {
        let Self { uuid, id, host_id, topic, files } = self;
        let ready = files.into_iter().filter(|file| file.status.as_deref() == Some("completed"));
        let folder = Ref { id: uuid, name: topic.clone(), url: None }.known();
        let owner = Person::named(host_id, None);
        let number = id.map(|id| id.to_string());
        ready
            .filter_map(|file| {
                let id = file.id.clone()?;
                let asset = MediaAsset {
                    title: topic.clone(),
                    file_name: file.name(topic.as_deref()),
                    mime_type: file.mime_type().map(str::to_owned),
                    size: file.size,
                    permalink: file.play_url.clone(),
                    parent: folder.clone(),
                    owner: owner.clone(),
                    event_id: number.clone(),
                    duration_seconds: file.seconds(),
                    created_at: file.recording_start,
                    ..MediaAsset::of(file.kind())
                };
                Some(Record::new(id, asset))
            })
            .collect()
    }
}

impl File {
    fn kind(&self) -> MediaAssetKind {
        match self.kind.as_deref() {
            Some("MP4" | "M4A") => MediaAssetKind::Recording,
            Some("TRANSCRIPT" | "CC") => MediaAssetKind::Transcript,
            _ => MediaAssetKind::File,
        }
    }

    fn mime_type(&self) -> Option<&'static str> {
        Some(match self.kind.as_deref()? {
            "MP4" => "video/mp4",
            "M4A" => "audio/mp4",
            "CHAT" => "text/plain",
            "TRANSCRIPT" | "CC" => "text/vtt",
            "CSV" => "text/csv",
            "SUMMARY" => "application/json",
            _ => return None,
        })
    }

    /// Files have no names of their own.
    fn name(&self, topic: Option<&str>) -> Option<String> {
        let stem: Vec<&str> = topic.into_iter().chain(self.recording_type.as_deref()).collect();
        let ending = self.ending.as_deref().filter(|ending| !ending.is_empty());
        let ending = ending.map(|ending| format!(".{}", ending.to_lowercase()));
        (!stem.is_empty()).then(|| stem.join(" ") + &ending.unwrap_or_default())
    }

    fn seconds(&self) -> Option<f64> {
        let length = self.recording_end?.duration_since(self.recording_start?);
        (!length.is_negative()).then(|| length.as_secs_f64())
    }
}
