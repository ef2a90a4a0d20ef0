//! An item of OneDrive's as a record.

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use super::super::IdentitySet;
use crate::{
    record::{MediaAsset, MediaAssetKind, Record, Ref, Sharing},
    wire::time,
};

/// What is asked for of an item.
pub const FIELDS: &str = "id,name,file,size,eTag,webUrl,parentReference,createdBy,createdDateTime,lastModifiedDateTime,\
    shared,deleted,remoteItem,video,audio";

/// driveItem resource. What it is, its facets say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    id: String,
    name: Option<String>,
    file: Option<File>,
    size: Option<i64>,
    e_tag: Option<String>,
    web_url: Option<String>,
    parent_reference: Option<Parent>,
    created_by: Option<IdentitySet>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    last_modified_date_time: Option<Timestamp>,
    shared: Option<Shared>,
    deleted: Option<IgnoredAny>,
    /// It lies in another drive.
    #[serde(rename = "remoteItem")]
    elsewhere: Option<IgnoredAny>,
    video: Option<Film>,
    audio: Option<Film>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    mime_type: Option<String>,
    #[serde(default)]
    hashes: Hashes,
}

/// Which there is depends on the sort of account.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Hashes {
    #[serde(rename = "sha256Hash")]
    sha256: Option<String>,
    #[serde(rename = "sha1Hash")]
    sha1: Option<String>,
    #[serde(rename = "quickXorHash")]
    quick_xor: Option<String>,
}

#[derive(Deserialize)]
struct Parent {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Shared {
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Film {
    /// Milliseconds.
    duration: Option<u32>,
}

impl Item {
    /// Its id within the drive.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it was deleted.
    pub fn is_gone(&self) -> bool {
        self.deleted.is_some()
    }

    /// The file at its folder's place; folders, notebooks and what lies in another drive are no records.
    pub fn into_record(self) -> Option<Record> {
        let file = self.file.filter(|_| self.elsewhere.is_none())?;
        let hashes = file.hashes;
        let parent = self.parent_reference.and_then(|of| of.id);
        let asset = MediaAsset {
            file_name: self.name,
            mime_type: file.mime_type,
            size: self.size,
            checksum: hashes.sha256.or(hashes.sha1).or(hashes.quick_xor),
            version: self.e_tag,
            sharing: Some(Sharing {
                shared: Some(self.shared.is_some()),
                scope: self.shared.and_then(|of| of.scope),
                ..Sharing::default()
            }),
            parent: parent.clone().map(|id| Ref { id: Some(id), ..Ref::default() }),
            author: self.created_by.and_then(IdentitySet::person),
            duration_seconds: self
                .video
                .or(self.audio)
                .and_then(|of| of.duration)
                .map(|ms| f64::from(ms) / 1e3),
            permalink: self.web_url,
            created_at: self.created_date_time,
            updated_at: self.last_modified_date_time,
            ..MediaAsset::of(MediaAssetKind::File)
        };
        let record = Record::new(self.id, asset);
        Some(match parent {
            Some(parent) => record.at(parent),
            None => record,
        })
    }
}
