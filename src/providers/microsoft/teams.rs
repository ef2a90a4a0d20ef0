//! Microsoft Teams: the posts and replies of channels, and the messages of chats. One feed a channel and a chat.
//!
//! Microsoft Graph, "chatMessage: delta", "Throttling limits".

mod calls;
mod message;
mod rooms;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{changes, messages, posts, replies},
    message::{ChatMessage, Said},
    rooms::Room,
};
use super::delta::{self, Entry};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

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
    let mut found = changes(client, room, link).await?;
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
    let mut found = posts(client, room, link).await?;
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
    let mut found = messages(client, room, link, after).await?;
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

/// Puts a post and all its replies into a page.
async fn whole(
    client: &Client,
    room: &Room,
    mut post: ChatMessage,
    page: Page<Cursor>,
) -> Result<Page<Cursor>> {
    let replies = replies(client, room, &mut post).await?;
    let page = put(page, post.read(room)).skipping(replies.skipped);
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
