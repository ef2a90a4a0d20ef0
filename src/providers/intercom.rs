//! Intercom: the messages of conversations, and the tickets of a workspace, both searched by when they changed. A search
//! shows a conversation's first message alone, so each is asked for; deleted ones have a list of their own.
//!
//! Facts: Intercom developer documentation, "OAuth", "Rate limiting".

mod calls;
mod conversation;
mod spec;
#[cfg(test)]
mod tests;
mod ticket;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Changed, Found, admins, deletions, me, one, search},
    conversation::Conversation,
    ticket::Ticket,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Conversations of one page, each of which may have 500 parts; tickets of one page come with theirs.
const CONVERSATIONS: u32 = 30;
const TICKETS: u32 = 50;
/// Calls at once.
const AT_ONCE: usize = 10;
/// Seconds before the newest change that the next pass asks from: the search's index lags.
const OVERLAP: i64 = 120;

/// The feeds, named as their lists.
const OF_CONVERSATIONS: &str = "conversations";
const OF_TICKETS: &str = "tickets";

/// The client of Intercom.
pub struct Intercom;

/// Where a search by change stands; all moments are seconds since 1970 by Intercom's clock.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// A pass goes on, and whether it lists everything.
    open: bool,
    listing: bool,
    /// The pass asks for what changed after this.
    since: i64,
    after: Option<String>,
    /// The newest change, and the newest deletion, that were seen.
    newest: i64,
    deleted: i64,
}

impl Provider for Intercom {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.app.name.unwrap_or_else(|| me.app.id_code.clone());
        Ok(Account::new(me.app.id_code, label).or_known_as(me.email))
    }

    async fn feeds(&self, _: &Client) -> Result<Vec<Feed>> {
        Ok([OF_CONVERSATIONS, OF_TICKETS].map(|name| Feed::new(name, name)).to_vec())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let mut at = match cursor {
            Some(at) if at.open => at,
            Some(done) => Cursor { open: true, since: (done.newest - OVERLAP).max(0), ..done },
            None => Cursor::listing(client, feed).await?,
        };
        let listing = at.listing;
        let page = if feed.id == OF_TICKETS {
            tickets(client, at).await?
        } else {
            let mut page = conversations(client, &mut at).await?;
            if page.next.is_end() && !listing {
                let gone = deletions(client, &mut at.deleted).await?;
                page = page.removing_places(gone);
            }
            page.map(|()| at)
        };
        Ok(match client.since().filter(|_| listing) {
            None => page,
            from => page.covering(Covers::Between { from, to: None }),
        })
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let code = body.pointer("/errors/0/code").and_then(Value::as_str).unwrap_or_default();
        match (status, code) {
            (401, _) => Some(Error::Reconnect("Intercom no longer takes the token".into())),
            (_, "api_plan_restricted") => {
                Some(Error::Forbidden("the workspace has no active subscription".into()))
            }
            (403, _) => Some(Error::Forbidden(
                "the app lacks a permission: it reads conversations, tickets, admins and users"
                    .into(),
            )),
            _ => None,
        }
    }

    /// A conversation of more than 500 parts no longer gives its oldest ones: they are not gone.
    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in ids {
            let thread = id.split(':').next().unwrap_or_default().to_owned();
            of.entry(thread).or_default().push(id);
        }
        let tickets = feed.id == OF_TICKETS;
        let asked = each(of.into_iter().collect(), AT_ONCE, |(thread, ids)| async move {
            if tickets {
                let found = one::<Value>(client, OF_TICKETS, &thread).await?;
                return Ok(if found.is_some() { Vec::new() } else { ids });
            }
            Ok(match one::<Conversation>(client, OF_CONVERSATIONS, &thread).await? {
                None => ids,
                Some(conversation) => conversation.lacking(ids),
            })
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

impl Cursor {
    /// A pass over everything. What is deleted later than the newest deletion so far is for the next pass to find.
    async fn listing(client: &Client, feed: &Feed) -> Result<Self> {
        let mut deleted = i64::MAX;
        if feed.id == OF_CONVERSATIONS {
            deletions(client, &mut deleted).await?;
        }
        let since = client.since().map_or(0, |since| since.as_second().max(0));
        Ok(Self { open: true, listing: true, since, deleted, ..Self::default() })
    }

    /// Notes a page of the search. Answers how it goes on.
    fn turn(&mut self, changed: impl Iterator<Item = i64>, after: Option<String>) -> Next<()> {
        self.newest = changed.max().unwrap_or(0).max(self.newest);
        self.open = after.is_some();
        self.listing &= self.open;
        self.after = after;
        if self.open { Next::More(()) } else { Next::Resume(()) }
    }
}

async fn conversations(client: &Client, at: &mut Cursor) -> Result<Page<()>> {
    let found: Found<Changed> = search(client, OF_CONVERSATIONS, CONVERSATIONS, at).await?;
    let (found, after) = found.into_parts();
    let changed: Vec<i64> = found.items.iter().map(|of| of.updated_at).collect();
    let skipped = found.skipped;
    let ids: Vec<String> = found.into_iter().map(|of| of.id).collect();
    let whole = each(ids, AT_ONCE, |id| async move {
        let conversation = one::<Conversation>(client, OF_CONVERSATIONS, &id).await?;
        Ok((id, conversation))
    });
    let (mut records, mut gone, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (id, conversation) in whole.await? {
        match conversation {
            None => places.push(id),
            Some(conversation) => conversation.into_records(&mut records, &mut gone),
        }
    }
    let next = at.turn(changed.into_iter(), after);
    Ok(Page::new(records, next).removing(gone).removing_places(places).skipping(skipped))
}

async fn tickets(client: &Client, mut at: Cursor) -> Result<Page<Cursor>> {
    let found: Found<Ticket> = search(client, OF_TICKETS, TICKETS, &at).await?;
    let admins = admins(client).await?;
    let (found, after) = found.into_parts();
    let changed: Vec<i64> = found.items.iter().map(|of| of.updated_at).collect();
    let skipped = found.skipped;
    let records: Vec<Record> =
        found.into_iter().map(|ticket| ticket.into_record(&admins)).collect();
    let next = at.turn(changed.into_iter(), after);
    Ok(Page::new(records, next).skipping(skipped).map(|()| at))
}
