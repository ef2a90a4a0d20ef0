//! What Teams is asked for messages, and how it answers.
//!
//! Facts: Microsoft Graph, "chatMessage: delta", "List channel messages", "List messages in a chat".

use jiff::Timestamp;

use super::{
    super::{
        delta::{self, Entry, Listed},
        escaped,
    },
    message::ChatMessage,
    rooms::Room,
};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::Many,
};

/// Most messages that a page gives.
const MESSAGES: u32 = 50;
/// Pages of one post's replies that are read in one step.
const REPLIES: usize = 200;
/// So that words which are newer than this file are named, and system messages are told from others.
pub const PREFER: &str = "include-unknown-enum-members";

/// A page of a channel's feed: its first, or the one that the service's own link leads to.
pub async fn changes(
    client: &Client,
    room: &Room,
    link: Option<String>,
) -> Result<Listed<Entry<ChatMessage>>> {
    let size = client.page_size(MESSAGES);
    let start = format!("{}/delta?$top={size}&$expand=replies", room.messages());
    delta::changes(client, &start, link.as_deref(), PREFER).await
}

/// A page of all posts of a channel, newest first.
pub async fn posts(
    client: &Client,
    room: &Room,
    link: Option<String>,
) -> Result<Listed<ChatMessage>> {
    let size = client.page_size(MESSAGES);
    let start = format!("{}?$top={size}&$expand=replies", room.messages());
    delta::changes(client, &start, link.as_deref(), PREFER).await
}

/// A page of a chat, of what changed after a moment where one is given.
pub async fn messages(
    client: &Client,
    room: &Room,
    link: Option<String>,
    after: Option<Timestamp>,
) -> Result<Listed<ChatMessage>> {
    let size = client.page_size(MESSAGES);
    let mut start = format!("{}?$top={size}", room.messages());
    if let Some(after) = after {
        // The filter is passed over unless the order is by the same property.
        start = format!(
            "{start}&$orderby=lastModifiedDateTime%20desc&$filter=lastModifiedDateTime%20gt%20{after}"
        );
    }
    delta::changes(client, &start, link.as_deref(), PREFER).await
}

/// All replies to a post. A feed may leave them out, and gives no more than 1,000.
pub async fn replies(
    client: &Client,
    room: &Room,
    post: &mut ChatMessage,
) -> Result<Many<ChatMessage>> {
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
    Ok(replies)
}
