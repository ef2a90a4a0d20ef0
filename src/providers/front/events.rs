//! Front's events: what happened to which conversation.
//!
//! Facts: Front Core API, "List events".

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Number, Value};

use super::{
    AT_ONCE, Cursor,
    calls::{API, Listed, conversation, message, messages},
    message::{Conversation, at},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Next, Page},
};

/// Events of a page.
const EVENTS: u32 = 15;
/// Events may be seen a little late: a pass begins this much before the last one ended.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);
/// Events that bear a message, and events after which a conversation is read again.
const SAID: [&str; 3] = ["inbound", "outbound", "out_reply"];
const TURNED: [&str; 5] = ["restore", "conversations_merged", "move", "tag", "untag"];

/// What a page of events is about, by conversation.
#[derive(Default)]
struct Told {
    /// Messages to fetch, each with its conversation.
    said: BTreeMap<String, Conversation>,
    /// Conversations to read again.
    turned: BTreeSet<String>,
    trashed: BTreeSet<String>,
}

impl Told {
    fn take(&mut self, event: Event) {
        let Some(thread) = event.conversation else { return };
        let id = thread.id.clone();
        let target = event.target.and_then(|target| target.data).unwrap_or_default();
        match event.kind.as_str() {
            "trash" => {
                self.turned.remove(&id);
                self.trashed.insert(id);
            }
            kind if TURNED.contains(&kind) => {
                // Conversations that were merged into this one: their messages have moved here.
                let merged = target.as_array().map(Vec::as_slice).unwrap_or_default().iter();
                let merged = merged.filter_map(|of| of.get("id").unwrap_or(of).as_str());
                self.turned
                    .extend(merged.filter(|_| kind == "conversations_merged").map(str::to_owned));
                self.trashed.remove(&id);
                self.turned.insert(id);
            }
            kind if SAID.contains(&kind) && thread.is_read() => {
                let message = target.get("id").and_then(Value::as_str);
                self.said.extend(message.map(|message| (message.to_owned(), thread)));
            }
            _ => {}
        }
    }
}

/// A page of events, and what they are about as it is now.
pub async fn changes(client: &Client, cursor: Cursor) -> Result<Page<Cursor>> {
    let call = if let Some(url) = &cursor.page {
        client.get(url.clone())
    } else {
        let after = cursor.after.checked_sub(OVERLAP).unwrap_or(cursor.after).as_millisecond();
        let after = format!("{}.{:03}", after / 1_000, after % 1_000);
        let limit = client.page_size(EVENTS).to_string();
        let kinds = SAID.iter().chain(&TURNED).chain(&["trash"]);
        let kinds: Vec<_> = kinds.map(|kind| ("q[types][]", *kind)).collect();
        let order = [("sort_by", "created_at"), ("sort_order", "asc")];
        let bounds = [("q[after]", after), ("limit", limit)];
        client.get(format!("{API}/events")).query(&bounds).query(&order).query(&kinds)
    };
    let listed: Listed<Event> = call.json().await?;
    let mut skipped = listed.results.skipped;
    let (mut told, mut latest) = (Told::default(), cursor.latest);
    for event in listed.results {
        latest = latest.max(at(&event.emitted_at).unwrap_or(latest));
        told.take(event);
    }
    let Told { said, turned, mut trashed } = told;
    let single = said.into_iter().filter(|(_, of)| !turned.contains(&of.id)).collect();
    let said = each(single, AT_ONCE, |(id, of): (String, Conversation)| async move {
        match message(client, &id).await {
            Err(Error::NotFound) => Ok(Err(id)),
            // Of an inbox that may no longer be read nobody knows: what there is of it stays.
            Err(Error::Forbidden(_)) => Ok(Ok(None)),
            message => message.map(|message| Ok(message.record(&of))),
        }
    });
    let (mut records, mut gone) = (Vec::new(), Vec::new());
    for said in said.await? {
        match said {
            Ok(record) => records.extend(record),
            Err(id) => gone.push(id),
        }
    }
    let turned = each(turned.into_iter().collect(), AT_ONCE, |id: String| async move {
        match conversation(client, &id).await {
            Err(Error::Forbidden(_)) => Ok(None),
            // What was merged away answers as the conversation that it went into.
            Ok(Some(of)) if of.id == id && of.is_read() => {
                Ok(Some((id, Some(messages(client, &of).await?))))
            }
            found => found.map(|_| Some((id, None))),
        }
    });
    let mut whole = Vec::new();
    for (id, messages) in turned.await?.into_iter().flatten() {
        match messages {
            Some(messages) => {
                skipped += messages.skipped;
                if messages.skipped == 0 {
                    whole.push(id);
                }
                records.extend(messages);
            }
            None => drop(trashed.insert(id)),
        }
    }
    let next = match listed.pagination.next {
        Some(page) => Next::More(Cursor { page: Some(page), latest, ..cursor }),
        None => Next::Resume(Cursor { after: latest, latest, listing: false, page: None }),
    };
    let mut page =
        Page::new(records, next).removing(gone).removing_places(trashed).skipping(skipped);
    page.replacing = whole;
    Ok(page)
}

/// When the latest event was; now where there is none.
pub async fn newest_event(client: &Client) -> Result<Timestamp> {
    let call = client.get(format!("{API}/events")).query(&[("limit", "1")]);
    let listed: Listed<Event> = call.json().await?;
    let newest = listed.results.iter().filter_map(|event| at(&event.emitted_at)).max();
    Ok(newest.unwrap_or_else(|| client.now()))
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    emitted_at: Number,
    conversation: Option<Conversation>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    data: Option<Value>,
}
