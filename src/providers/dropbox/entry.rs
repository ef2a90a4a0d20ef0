//! A file of Dropbox as a record.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    record::{MediaAsset, MediaAssetKind, Record, Ref, Sharing},
    wire::time,
};

/// What a list tells of a path.
#[derive(Deserialize)]
#[serde(tag = ".tag", rename_all = "snake_case")]
pub enum Entry {
    /// A file lies there.
    File(Box<File>),
    /// Nothing does, nor below it.
    Deleted {
        /// The path, in the form that paths are compared in.
        path_lower: Option<String>,
    },
    /// A folder, and what there will be one day.
    #[serde(other)]
    Other,
}

/// A file, or a document of Dropbox's own.
#[derive(Deserialize)]
pub struct File {
    /// With its prefix; stays when the file is renamed or moved.
    pub id: String,
    /// The path, in the form that paths are compared in: what is deleted is named by it alone.
    pub path_lower: String,
    name: Option<String>,
    path_display: Option<String>,
    size: Option<i64>,
    content_hash: Option<String>,
    rev: Option<String>,
    #[serde(default, deserialize_with = "time::read_instant")]
    server_modified: Option<Timestamp>,
    /// There where the file lies in a shared folder.
    sharing_info: Option<Value>,
}

impl From<File> for Record {
    fn from(of: File) -> Self {
        let path = of.path_display.unwrap_or_else(|| of.path_lower.clone());
        let folder = path.rsplit('/').nth(1).filter(|name| !name.is_empty());
        let asset = MediaAsset {
            file_name: of.name,
            size: of.size,
            checksum: of.content_hash,
            version: of.rev,
            sharing: of.sharing_info.map(|_| Sharing { shared: Some(true), ..Sharing::default() }),
            parent: folder.map(|name| Ref { name: Some(name.to_owned()), ..Ref::default() }),
            path: Some(path),
            updated_at: of.server_modified,
            ..MediaAsset::of(MediaAssetKind::File)
        };
        Self::new(of.id, asset).at(of.path_lower)
    }
}
