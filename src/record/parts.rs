//! What several kinds of record are made of: people, references, media, comments.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

/// A person, bot or organisation as the vendor knows it. At least one field is set: see [`Person::known`].
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The vendor's id.
    pub id: Option<String>,
    /// The shown name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// User name, without `@`.
    pub handle: Option<String>,
}

impl Person {
    /// Itself, unless nothing is known: an empty person is no person.
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }

    /// By id and name, either of which may be missing.
    pub fn named(id: Option<String>, name: Option<String>) -> Option<Self> {
        Self { id, name, ..Self::default() }.known()
    }
}

/// What an invited person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Will come.
    Accepted,
    /// Will not come.
    Declined,
    /// May come.
    Tentative,
    /// Has not answered.
    NeedsAction,
}

/// Somebody at an event.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attendee {
    /// The vendor's id.
    pub id: Option<String>,
    /// The shown name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// User name, without `@`.
    pub handle: Option<String>,
    /// The answer to the invitation.
    pub response: Option<Response>,
    /// Whether the event goes on without them.
    pub optional: Option<bool>,
    /// When they came.
    pub joined_at: Option<Timestamp>,
    /// When they left.
    pub left_at: Option<Timestamp>,
}

/// A named thing of the vendor's: a channel, project, calendar, folder, workspace.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ref {
    /// The vendor's id.
    pub id: Option<String>,
    /// The shown name.
    pub name: Option<String>,
    /// Its address for a person.
    pub url: Option<String>,
}

impl Ref {
    /// By id and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: Some(id.into()), name: Some(name.into()), url: None }
    }

    /// Itself, unless nothing is known.
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// What a piece of media is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    /// A still picture.
    Image,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// A short film without sound that repeats.
    Gif,
    /// Anything else.
    File,
}

/// A picture, film or file that belongs to a record.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// The vendor's id.
    pub id: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MediaType,
    /// A small picture of it.
    pub thumbnail_url: Option<String>,
    /// What it shows, in words.
    pub alt_text: Option<String>,
    /// Length in seconds.
    pub duration_seconds: Option<f64>,
    /// Width in pixels.
    pub width: Option<i64>,
    /// Height in pixels.
    pub height: Option<i64>,
}

impl Media {
    /// Of this type, with nothing else known.
    pub const fn of(kind: MediaType) -> Self {
        Self {
            id: None,
            url: None,
            kind,
            thumbnail_url: None,
            alt_text: None,
            duration_seconds: None,
            width: None,
            height: None,
        }
    }
}

/// A file that hangs on a record.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// The vendor's id.
    pub id: Option<String>,
    /// Its name.
    pub file_name: Option<String>,
    /// Its MIME type.
    pub mime_type: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// Where it is.
    pub url: Option<String>,
}

/// A reaction of one sort, with how often it was given.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// The vendor's name of it.
    pub name: String,
    /// How often.
    pub count: Option<i64>,
}

/// Counts as the vendor gives them: `likes`, `comments`, `shares`, `reposts`, `quotes`, `views`, `saves`, `clicks`
/// where one fits, else the vendor's own word.
pub type EngagementStats = BTreeMap<String, serde_json::Number>;

/// A plain value of a vendor's custom field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// Unset.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<FieldValue>),
}

impl From<Option<String>> for FieldValue {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Value> for FieldValue {
    /// A vendor's value as a plain one: of an object what it is called, of lists within a list their members.
    fn from(value: Value) -> Self {
        const NAMES: [&str; 9] =
            ["name", "label", "title", "filename", "username", "email", "text", "url", "id"];
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(bool),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(values) => {
                let mut list = Vec::with_capacity(values.len());
                for value in values {
                    match Self::from(value) {
                        Self::List(inner) => list.extend(inner),
                        one => list.push(one),
                    }
                }
                Self::List(list)
            }
            Value::Object(mut object) => {
                let mut named = NAMES.iter().filter_map(|name| object.remove(*name));
                let scalar = |value: &Value| value.is_string() || value.is_number();
                named.find(scalar).map_or(Self::Null, Self::from)
            }
        }
    }
}

/// Field name to plain value.
pub type CustomFields = BTreeMap<String, FieldValue>;

/// A remark on a record.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comment {
    /// The vendor's id.
    pub id: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// Who said it.
    pub author: Option<Person>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// Whether the world can see it.
    pub public: Option<bool>,
}

/// Who may see a file.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sharing {
    /// Whether anybody else can see it.
    pub shared: Option<bool>,
    /// The vendor's word for how far it is shared.
    pub scope: Option<String>,
    /// The sharing link.
    pub url: Option<String>,
    /// The grants, as the vendor gives them.
    pub permissions: Option<Vec<BTreeMap<String, serde_json::Value>>>,
}

/// Where people meet who are not in the room.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conference {
    /// The address to join at.
    pub url: Option<String>,
    /// The vendor's id of the meeting.
    pub id: Option<String>,
    /// Whose service it is.
    pub provider: Option<String>,
}

/// A point in time, or a day without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// An instant, UTC.
    At(Timestamp),
    /// A calendar day.
    On(Date),
}

impl Moment {
    /// The instant; a day counts from its midnight, UTC.
    pub fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::At(instant) => Some(*instant),
            Self::On(day) => day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_plain_whatever_the_vendor_nests() {
        let plain = |value: Value| serde_json::to_value(FieldValue::from(value)).unwrap();
        assert_eq!(plain(json!({"id": "u1", "name": "Ada"})), json!("Ada"));
        assert_eq!(plain(json!({"id": 7, "name": null})), json!(7));
        assert_eq!(plain(json!([1, [2, {"url": "u"}], true])), json!([1, 2, "u", true]));
        assert_eq!(plain(json!({"lat": 1.5})), Value::Null);
    }
}
