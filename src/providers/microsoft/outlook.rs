//! Outlook: the mails of a mailbox, work, school or personal. One feed a folder.
//!
//! Microsoft Graph, "message: delta", "Get incremental changes to messages in a folder", "Throttling limits".

mod calls;
mod mail;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{attachments, changes, folders, mail, mails},
    mail::Mail,
};
use super::{
    AT_ONCE,
    delta::{self, Entry},
};
use crate::{
    error::{Error, Result},
    http::{Client, each, gone_of},
    provider::{Account, Feed, Next, Page, Patch, Provider, spec::Spec},
    record::{Properties, Record},
    wire::Many,
};

/// A feed with a bound ends after so many mails, however many there are ("message: delta").
const BOUNDED: u32 = 5_000;

/// The client of Outlook.
pub struct Outlook;

/// Where a folder stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The service's own link to the next page or to what changes later.
    link: String,
    /// Where the listing at hand begins, for one with a bound.
    since: Option<Timestamp>,
    /// How many mails a feed with the service's own bound has given.
    given: Option<u32>,
}

impl Provider for Outlook {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        super::account(client).await
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let folders = folders(client).await?;
        Ok(folders.iter().map(|of| Feed::new(&of.id, &of.display_name)).collect())
    }

    async fn page(
        &self,
        client: &Client,
        folder: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let since = cursor.as_ref().map_or_else(|| client.since(), |at| at.since);
        let given = cursor.as_ref().map_or(since.map(|_| 0), |at| at.given);
        let link = cursor.as_ref().map(|at| at.link.as_str());
        let mut found = changes(client, folder, since, link).await?;
        let entries = u32::try_from(found.value.len()).unwrap_or(u32::MAX);
        let given = given.map(|given| given.saturating_add(entries));
        let next = match found.go_on()? {
            // There may be more: all is listed, and what is too old is left out here.
            Next::Resume(_) if given.is_some_and(|given| given >= BOUNDED) => {
                Next::More(Cursor { link: mails(folder), since, given: None })
            }
            Next::Resume(link) => Next::Resume(Cursor { link, since: None, given: None }),
            next => next.map(|link| Cursor { link, since, given }),
        };
        let page = apply(client, found.value, next).await?;
        Ok(delta::bounded(page, since))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        super::fault("Mail.Read, User.Read", "mailbox", status, body)
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        gone_of(ids, AT_ONCE, |id| async move { Ok(mail(client, &id).await?.is_none()) }).await
    }
}

/// Puts the entries of a feed into a page.
async fn apply(
    client: &Client,
    entries: Many<Entry<Mail>>,
    next: Next<Cursor>,
) -> Result<Page<Cursor>> {
    let mut page = Page::new(Vec::<Record>::new(), next).skipping(entries.skipped);
    let (mut whole, mut unsure) = (Vec::new(), Vec::new());
    let id = |entry: &Entry<Mail>| match entry {
        Entry::Gone { id, .. } => id.clone(),
        Entry::Here(mail) => mail.id().to_owned(),
    };
    let last = entries.items.into_iter().map(|entry| (id(&entry), entry)).collect();
    for (id, entry) in delta::latest(last, |(id, _)| id) {
        match entry {
            Entry::Here(mail) if mail.is_draft() => {}
            Entry::Here(mail) if mail.is_whole() => whole.push(mail),
            Entry::Here(mail) => match mail.read_mark() {
                Some(read) => page = page.patching(id, reading(read)),
                None => unsure.push(id),
            },
            // Deleted or moved, which the feed does not say; another folder's feed may bring it, or none.
            Entry::Gone { .. } => unsure.push(id),
        }
    }
    page.upserts = each(whole, AT_ONCE, |mail| record(client, mail)).await?;
    let looked = each(unsure, AT_ONCE, async |id: String| {
        let record = match mail(client, &id).await? {
            Some(mail) => Some(record(client, mail).await?),
            None => None,
        };
        Ok((id, record))
    });
    for (id, record) in looked.await? {
        page = match record {
            // It stays with the feed that it came with, until its folder's brings it.
            Some(record) => page.patching(id, becoming(record.properties)),
            None => page.removing([id]),
        };
    }
    Ok(page)
}

fn reading(read: bool) -> Patch {
    Patch::new(move |of| {
        if let Properties::Message(message) = of {
            message.is_read = Some(read);
        }
    })
}

fn becoming(properties: Properties) -> Patch {
    Patch::new(move |of| *of = properties.clone())
}

/// A mail with its attachments, which no list has.
async fn record(client: &Client, mail: Mail) -> Result<Record> {
    let attached =
        if mail.has_attachments() { attachments(client, mail.id()).await? } else { Vec::new() };
    Ok(mail.into_record(attached))
}
