//! Microsoft Teams: the posts and replies of channels, and the messages of chats. One feed a channel and a chat.
//!
//! Microsoft Graph, "chatMessage: delta", "List channel messages", "List messages in a chat", "List chats", "Throttling
//! limits".

mod message;
mod rooms;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    message::{ChatMessage, Said},
    rooms::Room,
};
use super::{
    delta::{self, Entry, Listed},
    escaped,
};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Most messages that a page gives.
const MESSAGES: u32 = 50;
/// Pages of one post's replies that are read in one step.
const REPLIES: usize = 200;
/// So that words which are newer than this file are named, and system messages are told from others.
const PREFER: &str = "include-unknown-enum-members";

/// The client of Microsoft Teams.
pub struct MicrosoftTeams;

/// Where a channel or a chat stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Cursor {
    /// A channel's feed: the last eight months, then what changes.
    Changes {
        /// The service's own link.
        link: String,
        /// It was not yet read to its end.
        first: bool,
        /// Where the listing begins, for one with a bound.
        since: Option<Timestamp>,
    },
    /// All of a channel's posts, for those that the feed does not reach.
    Older {
        /// The service's own link to the next page; absent for the first.
        link: Option<String>,
        /// Where the feed goes on afterwards.
        changes: String,
    },
    /// A chat, newest change first.
    Chat {
        /// The service's own link to the next page; absent for a pass's first.
        link: Option<String>,
        /// This pass asks for what changed after it.
        after: Option<Timestamp>,
        /// The newest change so far.
        newest: Option<Timestamp>,
    },
}

impl Provider for MicrosoftTeams {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        super::account(client).await
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        Ok(rooms::all(client).await?.iter().map(Room::feed).collect())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let rooms = rooms::all(client).await?;
        let room = rooms.iter().find(|room| room.feed().id == feed.id).ok_or(Error::NotFound)?;
        let since = client.since();
        match (cursor, room.is_chat()) {
            (Some(Cursor::Chat { link, after, newest }), true) => {
                chat(client, room, link, after, newest).await
            }
            (None, true) => chat(client, room, None, since, None).await,
            (Some(Cursor::Changes { link, first, since }), false) => {
                channel(client, room, Some(link), first, since).await
            }
            (Some(Cursor::Older { link, changes }), false) => {
                older(client, room, link, changes).await
            }
            (None, false) => channel(client, room, None, true, since).await,
            _ => Err(Error::CursorExpired),
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let scopes =
            "Team.ReadBasic.All, Channel.ReadBasic.All, ChannelMessage.Read.All, Chat.Read";
        super::fault(scopes, "Teams", status, body)
    }
}

/// A page of a channel's feed.
async fn channel(
    client: &Client,
    room: &Room,
    link: Option<String>,
    first: bool,
    since: Option<Timestamp>,
) -> Result<Page<Cursor>> {
    let size = client.page_size(MESSAGES);
    let start = format!("{}/delta?$top={size}&$expand=replies", room.messages());
    let mut found =
        delta::changes::<Entry<ChatMessage>>(client, &start, link.as_deref(), PREFER).await?;
    let next = match found.go_on()? {
        Next::Resume(changes)
            if first && since.is_none() && room.is_older_than_the_feed(client.now()) =>
        {
            Next::More(Cursor::Older { link: None, changes })
        }
        Next::Resume(link) => Next::Resume(Cursor::Changes { link, first: false, since: None }),
        next => next.map(|link| Cursor::Changes { link, first, since }),
    };
    let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.value.skipped);
    for entry in found.value {
        match entry {
            Entry::Gone { id, .. } => page = page.removing([room.key(&id)]),
            Entry::Here(post) => page = whole(client, room, post, page).await?,
        }
    }
    Ok(delta::bounded(page, since))
}

/// A page of all posts of a channel, newest first.
async fn older(
    client: &Client,
    room: &Room,
    link: Option<String>,
    changes: String,
) -> Result<Page<Cursor>> {
    let size = client.page_size(MESSAGES);
    let start = format!("{}?$top={size}&$expand=replies", room.messages());
    let mut found = delta::changes::<ChatMessage>(client, &start, link.as_deref(), PREFER).await?;
    let next = match found.more() {
        link @ Some(_) => Next::More(Cursor::Older { link, changes }),
        None => Next::Resume(Cursor::Changes { link: changes, first: false, since: None }),
    };
    let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.value.skipped);
    for post in found.value {
        page = whole(client, room, post, page).await?;
    }
    Ok(page)
}

/// A page of a chat. Edited and deleted messages come again, too.
async fn chat(
    client: &Client,
    room: &Room,
    link: Option<String>,
    after: Option<Timestamp>,
    newest: Option<Timestamp>,
) -> Result<Page<Cursor>> {
    let size = client.page_size(MESSAGES);
    let mut start = format!("{}?$top={size}", room.messages());
    if let Some(after) = after {
        // The filter is passed over unless the order is by the same property.
        start = format!(
            "{start}&$orderby=lastModifiedDateTime%20desc&$filter=lastModifiedDateTime%20gt%20{after}"
        );
    }
    let mut found = delta::changes::<ChatMessage>(client, &start, link.as_deref(), PREFER).await?;
    let newest = found.value.iter().filter_map(ChatMessage::changed).max().max(newest);
    let next = match found.more() {
        link @ Some(_) => Next::More(Cursor::Chat { link, after, newest }),
        None => Next::Resume(Cursor::Chat { link: None, after: newest.max(after), newest: None }),
    };
    let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.value.skipped);
    for message in found.value {
        page = put(page, message.read(room));
    }
    Ok(page)
}

/// Puts a post and all its replies into a page. A feed may leave out the replies, and gives no more than 1,000.
async fn whole(
    client: &Client,
    room: &Room,
    mut post: ChatMessage,
    mut page: Page<Cursor>,
) -> Result<Page<Cursor>> {
    let (replies, mut more) = post.take_replies();
    if replies.is_none() {
        let id = escaped(post.id());
        more = Some(format!("{}/{id}/replies?$top={MESSAGES}", room.messages()));
    }
    let mut replies = replies.unwrap_or_default();
    for _ in 0..REPLIES {
        let Some(link) = more else { break };
        let found: Result<Listed<ChatMessage>> = delta::get(client, &link, PREFER).json().await;
        let mut found = match found {
            Err(Error::NotFound) => break, // deleted since
            found => found?,
        };
        more = found.more();
        replies.items.append(&mut found.value.items);
        replies.skipped += found.value.skipped;
    }
    page = put(page, post.read(room)).skipping(replies.skipped);
    Ok(replies.into_iter().fold(page, |page, reply| put(page, reply.read(room))))
}

fn put(mut page: Page<Cursor>, said: Said) -> Page<Cursor> {
    match said {
        Said::Message(record) => page.upserts.push(record),
        Said::Deleted(id) => page = page.removing([id]),
        Said::Nothing => {}
    }
    page
}
