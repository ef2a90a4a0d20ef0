//! A file of Box as a record.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    record::{Comment, MediaAsset, MediaAssetKind, Person, Record, Ref, Sharing},
    wire::time,
};

/// What is asked of a file, and of the folders beside it.
pub const FIELDS: &str = "id,type,etag,name,size,sha1,file_version,created_at,modified_at,shared_link,parent,item_status,\
    has_collaborations,owned_by,created_by,comment_count";

/// A file.
#[derive(Deserialize)]
pub struct File {
    /// Digits, unique over all of Box; stays when the file is renamed or moved.
    pub id: String,
    name: Option<String>,
    size: Option<i64>,
    sha1: Option<String>,
    #[serde(rename = "file_version")]
    version: Option<Version>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time::read_instant")]
    modified_at: Option<Timestamp>,
    shared_link: Option<Link>,
    parent: Option<Named>,
    item_status: Option<String>,
    has_collaborations: Option<bool>,
    owned_by: Option<User>,
    created_by: Option<User>,
    comment_count: Option<u64>,
}

/// A comment on a file.
#[derive(Deserialize)]
pub struct Remark {
    id: Option<String>,
    message: Option<String>,
    created_by: Option<User>,
    #[serde(default, deserialize_with = "time::read_instant")]
    created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Version {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    url: Option<String>,
    access: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    login: Option<String>,
}

impl From<User> for Person {
    fn from(of: User) -> Self {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self { id: filled(of.id), name: filled(of.name), email: filled(of.login), handle: None }
    }
}

impl From<Remark> for Comment {
    fn from(of: Remark) -> Self {
        Self {
            id: of.id,
            text: of.message,
            author: of.created_by.and_then(|user| Person::from(user).known()),
            created_at: of.created_at,
            public: None,
        }
    }
}

impl File {
    /// Whether there are comments to be asked for.
    pub fn has_comments(&self) -> bool {
        self.comment_count.is_some_and(|count| count > 0)
    }

    /// Whether it lies in the trash.
    pub fn is_trashed(&self) -> bool {
        self.item_status.as_deref().is_some_and(|status| status != "active")
    }

    /// Its record.
    pub fn into_record(self, comments: Vec<Remark>) -> Record {
        let shared = match (&self.shared_link, self.has_collaborations) {
            (None, None) => None,
            (link, others) => Some(link.is_some() || others.unwrap_or_default()),
        };
        let (scope, url) = self.shared_link.map_or((None, None), |link| (link.access, link.url));
        let asset = MediaAsset {
            file_name: self.name,
            size: self.size,
            checksum: self.sha1,
            version: self.version.and_then(|version| version.id),
            sharing: shared.map(|_| Sharing { shared, scope, url, permissions: None }),
            parent: self.parent.and_then(|it| Ref { id: it.id, name: it.name, url: None }.known()),
            owner: self.owned_by.and_then(|user| Person::from(user).known()),
            author: self.created_by.and_then(|user| Person::from(user).known()),
            comments: self.comment_count.map(|_| comments.into_iter().map(Into::into).collect()),
            permalink: Some(format!("https://app.box.com/file/{}", self.id)),
            created_at: self.created_at,
            updated_at: self.modified_at,
            ..MediaAsset::of(MediaAssetKind::File)
        };
        Record::new(self.id, asset)
    }
}
