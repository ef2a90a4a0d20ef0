//! What WhatsApp delivers, as records and changes to them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    provider::{Page, Patch, Reacted},
    record::{Attachment, Direction, Message, MessageKind, Person, Properties, Record, Ref},
    wire::{Many, time},
};

/// The body of a delivery.
#[derive(Deserialize)]
pub struct Payload {
    /// One for each account.
    pub entry: Many<Entry>,
}

/// What happened to one account.
#[derive(Deserialize)]
pub struct Entry {
    /// The account's id.
    pub id: String,
    /// One for each number and sort.
    #[serde(default)]
    pub changes: Many<Change>,
}

/// What happened to one number.
#[derive(Deserialize)]
pub struct Change {
    #[serde(default)]
    field: String,
    value: Content,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Content {
    metadata: Number,
    contacts: Many<Contact>,
    messages: Many<Said>,
    message_echoes: Many<Said>,
    history: Many<Chunk>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Number {
    display_phone_number: String,
    phone_number_id: String,
}

#[derive(Deserialize)]
struct Contact {
    profile: Profile,
    wa_id: String,
}

#[derive(Deserialize)]
struct Profile {
    name: Option<String>,
}

/// A part of the history; one that was declined has errors alone.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    threads: Many<Thread>,
}

#[derive(Deserialize)]
struct Thread {
    id: String,
    #[serde(default)]
    messages: Many<Said>,
}

/// A message, or what happened to one.
#[derive(Deserialize)]
struct Said {
    id: String,
    from: Option<String>,
    to: Option<String>,
    group_id: Option<String>,
    /// Seconds since 1970, as a text.
    timestamp: Option<String>,
    context: Option<Context>,
    history_context: Option<Origin>,
    reaction: Option<Reaction>,
    edit: Option<Edit>,
    revoke: Option<Target>,
    #[serde(flatten)]
    what: What,
}

/// A message's content, under the name of its type.
#[derive(Deserialize)]
struct What {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(flatten)]
    content: Map<String, Value>,
}

#[derive(Deserialize)]
struct Context {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Origin {
    from_me: Option<bool>,
}

#[derive(Deserialize)]
struct Target {
    original_message_id: String,
}

#[derive(Deserialize)]
struct Edit {
    original_message_id: String,
    message: What,
}

#[derive(Deserialize)]
struct Reaction {
    message_id: String,
    emoji: Option<String>,
}

/// Where the messages of a change are.
pub struct Place {
    number: Number,
    names: Vec<(String, String)>,
}

impl Place {
    /// The number that a change is of, and the people whom it names.
    pub fn of(change: &Change) -> Self {
        let named = change.value.contacts.iter().filter_map(|of| {
            Some((of.wa_id.clone(), of.profile.name.clone().filter(|name| !name.is_empty())?))
        });
        Self { number: change.value.metadata.clone(), names: named.collect() }
    }

    /// The number's id.
    pub fn number(&self) -> &str {
        &self.number.phone_number_id
    }

    fn person(&self, id: String) -> Person {
        let name = self.names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
        Person { id: Some(id), name, ..Person::default() }
    }

    /// Whether somebody's number is the business's own, however either is written.
    fn is_own(&self, number: &str) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        digits(number) == digits(&self.number.display_phone_number)
    }
}

/// What a change is about a message.
struct Sort<'a> {
    sent: bool,
    thread: Option<&'a str>,
    /// It may be what a placeholder in the history stood for.
    fills: bool,
}

impl Change {
    /// Adds what the change says to a page.
    pub fn put_into(self, mut page: Page<()>, place: &Place) -> Page<()> {
        let Content { messages, message_echoes, history, .. } = self.value;
        page = page.skipping(messages.skipped + message_echoes.skipped + history.skipped);
        for chunk in history {
            page = page.skipping(chunk.threads.skipped);
            for thread in chunk.threads {
                page = page.skipping(thread.messages.skipped);
                let sort = Sort { sent: false, thread: Some(&thread.id), fills: false };
                page = thread
                    .messages
                    .into_iter()
                    .fold(page, |page, said| said.put_into(page, place, &sort));
            }
        }
        let sort = Sort { sent: false, thread: None, fills: self.field == "history" };
        page = messages.into_iter().fold(page, |page, said| said.put_into(page, place, &sort));
        let sort = Sort { sent: true, ..sort };
        message_echoes.into_iter().fold(page, |page, said| said.put_into(page, place, &sort))
    }
}

impl Said {
    fn put_into(self, mut page: Page<()>, place: &Place, sort: &Sort<'_>) -> Page<()> {
        let at = self.timestamp.as_deref().and_then(seconds);
        match self.what.kind.as_str() {
            "reaction" => {
                if let (Some(reaction), Some(by), Some(at)) = (self.reaction, self.from, at) {
                    let name = reaction.emoji.filter(|emoji| !emoji.is_empty());
                    page.reacted.push(Reacted { id: reaction.message_id, by, name, at });
                }
                page
            }
            "edit" => match self.edit {
                Some(edit) => {
                    let (id, patch) = (edit.original_message_id, edited(&edit.message, at));
                    page.patching(id, patch)
                }
                None => page.skipping(1),
            },
            "revoke" => match self.revoke {
                Some(target) => page.removing([target.original_message_id]),
                None => page.skipping(1),
            },
            // No content of anybody's.
            "unsupported" | "system" => page,
            _ => {
                let fill = sort.fills.then(|| (self.id.clone(), filled(&self.what)));
                page.upserts.push(self.into_record(place, sort, at));
                page.patches.extend(fill);
                page
            }
        }
    }

    fn into_record(self, place: &Place, sort: &Sort<'_>, at: Option<Timestamp>) -> Record {
        let business = self.from.as_deref().is_some_and(|from| place.is_own(from));
        let mine = self.history_context.and_then(|origin| origin.from_me).unwrap_or(false);
        let sent = sort.sent || mine || business;
        let own =
            Some(place.number.display_phone_number.clone()).filter(|number| !number.is_empty());
        let customer = if sent { self.to.clone() } else { self.from.clone() };
        let to = if sent { self.to } else { own.clone() };
        let thread = self.group_id.or_else(|| sort.thread.map(str::to_owned)).or(customer);
        let message = Message {
            text: self.what.text(),
            location: self.what.location(),
            attachments: self.what.attachment().map(|file| vec![file]),
            from: self.from.map(|from| place.person(from)),
            to: to.map(|to| vec![place.person(to)]),
            direction: Some(if sent { Direction::Out } else { Direction::In }),
            thread_id: thread,
            channel: Ref {
                id: Some(place.number().to_owned()).filter(|id| !id.is_empty()),
                name: own,
                url: None,
            }
            .known(),
            sent_at: at,
            in_reply_to: self.context.and_then(|context| context.id),
            ..Message::of(MessageKind::Chat)
        };
        Record::new(self.id, message)
    }
}

impl What {
    fn part(&self, name: &str) -> Option<&Map<String, Value>> {
        self.content.get(name)?.as_object()
    }

    fn text(&self) -> Option<String> {
        let (part, key) = match self.kind.as_str() {
            "text" => (self.part("text")?, "body"),
            "button" => (self.part("button")?, "text"),
            "interactive" => {
                let chosen = self.part("interactive")?;
                let reply = chosen.get("button_reply").or_else(|| chosen.get("list_reply"));
                (reply?.as_object()?, "title")
            }
            kind => (self.part(kind)?, "caption"),
        };
        text(part, key)
    }

    fn location(&self) -> Option<String> {
        let place = self.part("location").filter(|_| self.kind == "location")?;
        let said: Vec<String> =
            ["name", "address"].iter().filter_map(|key| text(place, key)).collect();
        if !said.is_empty() {
            return Some(said.join(", "));
        }
        let number = |key| place.get(key).and_then(Value::as_f64);
        Some(format!("{},{}", number("latitude")?, number("longitude")?))
    }

    fn attachment(&self) -> Option<Attachment> {
        let files = ["image", "video", "audio", "document", "sticker"];
        let file = self.part(&self.kind).filter(|_| files.contains(&self.kind.as_str()))?;
        let attachment = Attachment {
            id: text(file, "id"),
            mime_type: text(file, "mime_type"),
            file_name: text(file, "filename"),
            ..Attachment::default()
        };
        (attachment != Attachment::default()).then_some(attachment)
    }
}

/// The last edit counts, in whatever order they come.
fn edited(to: &What, at: Option<Timestamp>) -> Patch {
    let said = to.text();
    Patch::new(move |properties| {
        if let Properties::Message(message) = properties
            && (message.updated_at.is_none() || message.updated_at < at)
        {
            message.text.clone_from(&said);
            message.updated_at = at;
        }
    })
}

/// What a placeholder lacks.
fn filled(with: &What) -> Patch {
    let (said, place, file) = (with.text(), with.location(), with.attachment());
    Patch::new(move |properties| {
        if let Properties::Message(message) = properties {
            if message.attachments.is_none() {
                message.attachments = file.clone().map(|file| vec![file]);
            }
            if message.text.is_none() && message.updated_at.is_none() {
                message.text.clone_from(&said);
            }
            if message.location.is_none() {
                message.location.clone_from(&place);
            }
        }
    })
}

fn text(part: &Map<String, Value>, key: &str) -> Option<String> {
    part.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn seconds(text: &str) -> Option<Timestamp> {
    time::epoch_seconds(text.trim().parse().ok()?)
}
