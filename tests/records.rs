//! The record types against the product's schema of records, where a checkout has it beside it: every property, every word
//! and every shape, in both directions.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unnecessary_wraps,
    reason = "a test stops where something is not as it must be"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use jiff::Timestamp;
use neotoma_importers::record::{
    Attachment, Attendee, Comment, Conference, CustomFields, Direction, EngagementStats, Event,
    EventStatus, FieldValue, Kind, Media, MediaAsset, MediaAssetKind, MediaType, Message,
    MessageKind, Moment, Note, Person, Properties, Reaction, Ref, Response, Sharing, Task,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

fn schema() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/records.schema.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: the schema of records is not here");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// What a value has that a schema does not allow, and what the schema has that the value lacks: a value with everything set
/// must be the schema's equal.
struct Check<'a> {
    schema: &'a Value,
    problems: BTreeSet<String>,
}

impl Check<'_> {
    fn resolve<'a>(&'a self, of: &'a Value) -> &'a Value {
        match of["$ref"].as_str() {
            Some(name) => &self.schema["$defs"][name.strip_prefix("#/$defs/").unwrap()],
            None => of,
        }
    }

    fn equal(&mut self, of: &Value, value: &Value, at: &str) {
        let of = self.resolve(of).clone();
        if let Some(either) = of["anyOf"].as_array() {
            let fits = either.iter().any(|one| {
                let mut inner = Check { schema: self.schema, problems: BTreeSet::new() };
                inner.equal(one, value, at);
                inner.problems.is_empty()
            });
            if !fits {
                self.problems.insert(format!("{at}: {value} is none of what is allowed"));
            }
            return;
        }
        if let Some(words) = of["enum"].as_array() {
            if !words.contains(value) {
                self.problems.insert(format!("{at}: {value} is no word of the schema"));
            }
            return;
        }
        match of["type"].as_str() {
            Some("object") => self.object(&of, value, at),
            Some("array") => {
                let items = value.as_array().filter(|items| !items.is_empty());
                let Some(items) = items else {
                    self.problems.insert(format!("{at}: is no list with something in it"));
                    return;
                };
                for (index, item) in items.iter().enumerate() {
                    self.equal(&of["items"], item, &format!("{at}[{index}]"));
                }
            }
            Some("string") => {
                let fits = value.as_str().is_some_and(|text| fits(of["pattern"].as_str(), text));
                if !fits {
                    self.problems.insert(format!("{at}: {value} is no such text"));
                }
            }
            Some("integer") if value.is_i64() || value.is_u64() => {}
            Some("number") if value.is_number() => {}
            Some("boolean") if value.is_boolean() => {}
            other => {
                self.problems.insert(format!("{at}: {value} is no {other:?}"));
            }
        }
    }

    fn object(&mut self, of: &Value, value: &Value, at: &str) {
        let Some(fields) = value.as_object() else {
            self.problems.insert(format!("{at}: {value} is no object"));
            return;
        };
        let none = Map::new();
        let known = of["properties"].as_object().unwrap_or(&none);
        for (name, field) in fields {
            let at = format!("{at}.{name}");
            match known.get(name).unwrap_or(&of["additionalProperties"]) {
                Value::Bool(false) => {
                    self.problems.insert(format!("{at}: the schema does not know it"));
                }
                Value::Null | Value::Bool(true) => {}
                of => self.equal(of, field, &at),
            }
        }
        for name in known.keys().filter(|name| !fields.contains_key(*name)) {
            self.problems.insert(format!("{at}.{name}: the schema has it, and ours has not"));
        }
    }
}

/// Whether a text is as the pattern of a time or a day, which are the only ones, has it.
fn fits(pattern: Option<&str>, text: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let (whole, fraction) = shape.strip_suffix('Z').map_or((shape.as_str(), None), |shape| {
        shape.split_once('.').map_or((shape, None), |(whole, part)| (whole, Some(part)))
    });
    match pattern {
        r"^\d{4}-\d{2}-\d{2}$" => shape == "0000-00-00",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$" => {
            let digits = fraction.is_none_or(|part| {
                (1..=9).contains(&part.len()) && part.bytes().all(|c| c == b'0')
            });
            text.ends_with('Z') && whole == "0000-00-00T00:00:00" && digits
        }
        other => panic!("no such pattern is known here: {other}"),
    }
}

fn text() -> Option<String> {
    Some("text".into())
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn now() -> Option<Timestamp> {
    at("2026-03-01T12:00:00.25Z")
}

fn person() -> Option<Person> {
    Some(Person { id: text(), name: text(), email: text(), handle: text() })
}

fn people() -> Option<Vec<Person>> {
    Some(vec![person().unwrap()])
}

fn reference() -> Option<Ref> {
    Some(Ref { id: text(), name: text(), url: text() })
}

fn media() -> Option<Vec<Media>> {
    Some(vec![Media {
        id: text(),
        url: text(),
        thumbnail_url: text(),
        alt_text: text(),
        duration_seconds: Some(1.5),
        width: Some(1),
        height: Some(1),
        ..Media::of(MediaType::Gif)
    }])
}

fn attachments() -> Option<Vec<Attachment>> {
    let file = Attachment {
        id: text(),
        file_name: text(),
        mime_type: text(),
        size: Some(1 << 40),
        url: text(),
    };
    Some(vec![file])
}

fn comments() -> Option<Vec<Comment>> {
    let comment = Comment {
        id: text(),
        text: text(),
        author: person(),
        created_at: now(),
        public: Some(true),
    };
    Some(vec![comment])
}

fn texts() -> Option<Vec<String>> {
    Some(vec!["text".into()])
}

fn stats() -> Option<EngagementStats> {
    let words = [
        "likes",
        "comments",
        "shares",
        "reposts",
        "quotes",
        "views",
        "saves",
        "clicks",
        "the_vendors",
    ];
    Some(words.into_iter().map(|word| (word.to_owned(), 1.into())).collect())
}

fn fields() -> Option<CustomFields> {
    let list = FieldValue::List(vec![FieldValue::Text("a".into()), FieldValue::Number(1.into())]);
    let all = [FieldValue::Null, FieldValue::Bool(true), FieldValue::Number(1.into()), list];
    Some(all.into_iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect())
}

fn message() -> Message {
    Message {
        kind: MessageKind::Email,
        subject: text(),
        text: text(),
        snippet: text(),
        from: person(),
        to: people(),
        cc: people(),
        bcc: people(),
        participants: people(),
        thread_id: text(),
        in_reply_to: text(),
        quotes: text(),
        channel: reference(),
        workspace: reference(),
        label_ids: texts(),
        tags: texts(),
        status: text(),
        is_read: Some(true),
        direction: Some(Direction::In),
        attachments: attachments(),
        media: media(),
        reactions: Some(vec![Reaction { name: "text".into(), count: Some(1) }]),
        engagement_stats: stats(),
        location: text(),
        language: text(),
        permalink: text(),
        sent_at: at("2026-03-01T12:00:00Z"),
        updated_at: now(),
    }
}

fn asset() -> MediaAsset {
    let grant = BTreeMap::from([("role".to_owned(), json!("owner"))]);
    MediaAsset {
        kind: MediaAssetKind::File,
        title: text(),
        caption: text(),
        file_name: text(),
        mime_type: text(),
        size: Some(1),
        checksum: text(),
        version: text(),
        sharing: Some(Sharing {
            shared: Some(true),
            scope: text(),
            url: text(),
            permissions: Some(vec![grant]),
        }),
        parent: reference(),
        path: text(),
        author: person(),
        owner: person(),
        comments: comments(),
        media: media(),
        tags: texts(),
        engagement_stats: stats(),
        event_id: text(),
        duration_seconds: Some(0.5),
        location: text(),
        permalink: text(),
        created_at: now(),
        updated_at: now(),
        expires_at: now(),
    }
}

fn note() -> Note {
    Note {
        kind: text(),
        title: text(),
        content: text(),
        workspace: reference(),
        parent: reference(),
        author: person(),
        owner: person(),
        participants: people(),
        tags: texts(),
        status: text(),
        version: text(),
        attachments: attachments(),
        media: media(),
        custom_fields: fields(),
        engagement_stats: stats(),
        url: text(),
        created_at: now(),
        updated_at: now(),
    }
}

fn task() -> Task {
    Task {
        kind: text(),
        name: "text".into(),
        key: text(),
        description: text(),
        status: text(),
        completed: Some(false),
        priority: text(),
        assignee: person(),
        assignees: people(),
        reporter: person(),
        due_on: Some(Moment::On("2026-03-01".parse().unwrap())),
        start_on: now().map(Moment::At),
        project: reference(),
        section: reference(),
        sprint: reference(),
        workspace: reference(),
        parent_id: text(),
        tags: texts(),
        custom_fields: fields(),
        comments: comments(),
        attachments: attachments(),
        participants: people(),
        recurrence: texts(),
        url: text(),
        created_at: now(),
        updated_at: now(),
        completed_at: now(),
    }
}

fn event() -> Event {
    let attendee = Attendee {
        id: text(),
        name: text(),
        email: text(),
        handle: text(),
        response: Some(Response::Accepted),
        optional: Some(true),
        joined_at: now(),
        left_at: now(),
    };
    Event {
        title: text(),
        description: text(),
        start: Moment::On("2026-03-01".parse().unwrap()),
        end: now().map(Moment::At),
        all_day: Some(true),
        time_zone: text(),
        status: Some(EventStatus::Confirmed),
        organizer: person(),
        attendees: Some(vec![attendee]),
        location: text(),
        conference: Some(Conference { url: text(), id: text(), provider: text() }),
        recurrence: texts(),
        recurring_event_id: text(),
        calendar: reference(),
        tags: texts(),
        custom_fields: fields(),
        url: text(),
        created_at: now(),
        updated_at: now(),
    }
}

/// A record of each type with everything set. None is filled by a default: a property that is added to a type does not
/// compile here until it is set.
fn whole() -> Vec<Properties> {
    vec![message().into(), asset().into(), note().into(), task().into(), event().into()]
}

#[test]
fn a_record_with_everything_set_is_the_schemas_equal() {
    let Some(schema) = schema() else { return };
    let types: BTreeSet<&str> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["properties"]["type"]["const"].as_str().unwrap())
        .collect();
    assert_eq!(types, Kind::ALL.map(Kind::as_str).into_iter().collect());
    for properties in whole() {
        let kind = properties.kind().as_str();
        let mut check = Check { schema: &schema, problems: BTreeSet::new() };
        check.equal(&schema["$defs"][kind], &serde_json::to_value(&properties).unwrap(), kind);
        assert!(check.problems.is_empty(), "{:#?}", check.problems);
    }
}

#[test]
fn what_must_be_set_is_what_the_schema_requires() {
    let Some(schema) = schema() else { return };
    let least: [(Properties, &str); 5] = [
        (Message::of(MessageKind::Chat).into(), "message"),
        (MediaAsset::of(MediaAssetKind::File).into(), "media_asset"),
        (Note::default().into(), "note"),
        (Task::default().into(), "task"),
        (Event::starting(Moment::On("2026-03-01".parse().unwrap())).into(), "event"),
    ];
    for (properties, kind) in least {
        let stored = serde_json::to_value(&properties).unwrap();
        let ours: BTreeSet<&str> = stored.as_object().unwrap().keys().map(String::as_str).collect();
        let required = schema["$defs"][kind]["required"].as_array().into_iter().flatten();
        assert_eq!(ours, required.map(|name| name.as_str().unwrap()).collect(), "{kind}");
    }
}

/// The words of a type of ours are those of the schema: each is read, written back as it was, and none is left over.
fn words<T: DeserializeOwned + Serialize>(of: &Value, all: usize) {
    let words = of["enum"].as_array().unwrap();
    for word in words {
        let ours: T =
            serde_json::from_value(word.clone()).unwrap_or_else(|_| panic!("{word} is not known"));
        assert_eq!(&serde_json::to_value(ours).unwrap(), word);
    }
    assert_eq!(words.len(), all, "{of}: ours has other words");
    assert!(serde_json::from_value::<T>(json!("no such word")).is_err());
}

#[test]
fn every_word_of_the_schema_is_a_word_of_ours_and_the_other_way_round() {
    let Some(schema) = schema() else { return };
    let of = |kind: &str, name: &str| schema["$defs"][kind]["properties"][name].clone();
    // A word that is added to one of ours does not compile here until it is counted.
    let kinds = |of: MessageKind| {
        use MessageKind::{Article, Broadcast, Chat, Comment, Conversation, Email, Post};
        match of {
            Email | Chat | Post | Comment | Broadcast | Conversation | Article => 7,
        }
    };
    words::<MessageKind>(&of("message", "kind"), kinds(MessageKind::Email));
    let directions = |of: Direction| match of {
        Direction::In | Direction::Out => 2,
    };
    words::<Direction>(&of("message", "direction"), directions(Direction::In));
    let assets = |of: MediaAssetKind| {
        use MediaAssetKind::{
            Album, Audio, File, Folder, Gif, Image, Playlist, Recording, Story, Transcript, Video,
        };
        match of {
            Image | Video | Audio | Gif | Album | Story | File | Folder | Recording | Playlist
            | Transcript => 11,
        }
    };
    words::<MediaAssetKind>(&of("media_asset", "kind"), assets(MediaAssetKind::File));
    let media = |of: MediaType| match of {
        MediaType::Image
        | MediaType::Video
        | MediaType::Audio
        | MediaType::Gif
        | MediaType::File => 5,
    };
    words::<MediaType>(&of("media", "type"), media(MediaType::File));
    let statuses = |of: EventStatus| match of {
        EventStatus::Confirmed | EventStatus::Tentative | EventStatus::Cancelled => 3,
    };
    words::<EventStatus>(&of("event", "status"), statuses(EventStatus::Confirmed));
    let responses = |of: Response| match of {
        Response::Accepted | Response::Declined | Response::Tentative | Response::NeedsAction => 4,
    };
    words::<Response>(&of("attendee", "response"), responses(Response::Accepted));
    // No other word is in the schema than these.
    let listed = schema.to_string().matches("\"enum\":").count();
    assert_eq!(listed, 6);
}

#[test]
fn what_is_written_is_read_back_the_same() {
    for properties in whole() {
        let stored = serde_json::to_value(&properties).unwrap();
        assert_eq!(Properties::parse(properties.kind(), stored).unwrap(), properties);
    }
}
