//! A file of Drive's as a record.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    record::{MediaAsset, MediaAssetKind, Person, Record, Ref, Sharing},
    wire::time,
};

/// What is asked for of a file; without it Drive gives id, name and type alone.
pub const FIELDS: &str = "id,name,mimeType,description,size,md5Checksum,version,shared,parents,trashed,explicitlyTrashed,\
    webViewLink,createdTime,modifiedTime,owners(displayName,emailAddress),videoMediaMetadata/durationMillis";

const FOLDER: &str = "application/vnd.google-apps.folder";
const SHORTCUT: &str = "application/vnd.google-apps.shortcut";

/// Files resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    id: String,
    name: Option<String>,
    mime_type: Option<String>,
    description: Option<String>,
    /// Bytes, as a number in a text; Google's own documents may have none.
    size: Option<String>,
    md5_checksum: Option<String>,
    version: Option<String>,
    /// Absent in shared drives, as are the owners.
    shared: Option<bool>,
    #[serde(default)]
    owners: Vec<Owner>,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    trashed: bool,
    /// By itself, not with a folder.
    explicitly_trashed: Option<bool>,
    web_view_link: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    modified_time: Option<Timestamp>,
    video_media_metadata: Option<Video>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    display_name: Option<String>,
    email_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Video {
    duration_millis: Option<String>,
}

/// What a file is.
#[derive(Debug)]
pub enum Found {
    /// One that is imported.
    Alive(Record),
    /// One in the trash.
    Gone(String),
    /// A folder, and whether it was put into the trash by itself.
    Folder { id: String, trashed: bool },
    /// Nothing that is imported: a shortcut.
    Other,
}

impl File {
    /// What it is.
    pub fn read(self) -> Found {
        match self.mime_type.as_deref() {
            Some(FOLDER) => {
                let trashed = self.trashed && self.explicitly_trashed.unwrap_or(true);
                Found::Folder { id: self.id, trashed }
            }
            Some(SHORTCUT) => Found::Other,
            _ if self.trashed => Found::Gone(self.id),
            _ => Found::Alive(self.into_record()),
        }
    }

    /// The version rises with changes that nobody sees, too.
    fn into_record(self) -> Record {
        let millis = self.video_media_metadata.and_then(|of| of.duration_millis?.parse().ok());
        let asset = MediaAsset {
            file_name: self.name,
            mime_type: self.mime_type,
            caption: self.description.filter(|text| !text.is_empty()),
            size: self.size.and_then(|size| size.parse().ok()),
            checksum: self.md5_checksum,
            version: self.version,
            sharing: self
                .shared
                .map(|shared| Sharing { shared: Some(shared), ..Sharing::default() }),
            parent: self
                .parents
                .into_iter()
                .next()
                .map(|id| Ref { id: Some(id), ..Ref::default() }),
            owner: self.owners.into_iter().next().and_then(Owner::person),
            duration_seconds: millis.map(|millis: u32| f64::from(millis) / 1000.0),
            permalink: self.web_view_link,
            created_at: self.created_time,
            updated_at: self.modified_time,
            ..MediaAsset::of(MediaAssetKind::File)
        };
        Record::new(self.id, asset).volatile("version")
    }
}

impl Owner {
    fn person(self) -> Option<Person> {
        let Self { display_name: name, email_address: email } = self;
        Person { name, email, ..Person::default() }.known()
    }
}
