//! Outlook: the mails of a mailbox, work, school or personal. One feed a folder.
//!
//! Microsoft Graph, "message: delta", "Get incremental changes to messages in a folder", "Obtain immutable identifiers for
//! Outlook resources", "Throttling limits".

mod mail;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::mail::{Attached, FIELDS as MAIL_FIELDS, Mail};
use super::{
    API, AT_ONCE, IMMUTABLE,
    delta::{self, Entry},
    escaped,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Patch, Provider, spec::Spec},
    record::{Properties, Record},
    wire::Many,
};

/// Mails of a page.
const MAILS: u32 = 100;
/// A feed with a bound ends after so many mails, however many there are ("message: delta").
const BOUNDED: u32 = 5_000;
/// How deep folders may lie ("Exchange Online limits").
const DEPTH: usize = 300;
/// Folders whose mails are not imported, by their well-known names.
const PASSED_OVER: [&str; 3] = ["deleteditems", "junkemail", "drafts"];

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
        let whole = format!(
            "{API}/me/mailFolders/{}/messages/delta?$select={MAIL_FIELDS}",
            escaped(&folder.id)
        );
        let first = match since {
            Some(since) => format!("{whole}&$filter=receivedDateTime%20ge%20{since}"),
            None => whole.clone(),
        };
        let prefer = format!("{IMMUTABLE}, odata.maxpagesize={}", client.page_size(MAILS));
        let link = cursor.as_ref().map(|at| at.link.as_str());
        let mut found = delta::changes::<Entry<Mail>>(client, &first, link, &prefer).await?;
        let entries = u32::try_from(found.value.len()).unwrap_or(u32::MAX);
        let given = given.map(|given| given.saturating_add(entries));
        let next = match found.go_on()? {
            // There may be more: all is listed, and what is too old is left out here.
            Next::Resume(_) if given.is_some_and(|given| given >= BOUNDED) => {
                Next::More(Cursor { link: whole, since, given: None })
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
        let gone = each(ids, AT_ONCE, async |id: String| {
            let there = mail(client, &id).await?.is_some();
            Ok((!there).then_some(id))
        });
        Ok(gone.await?.into_iter().flatten().collect())
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

/// A mail as it stands; none where it is gone, or lies where nothing is imported from.
async fn mail(client: &Client, id: &str) -> Result<Option<Mail>> {
    let url = format!("{API}/me/messages/{}?$select={MAIL_FIELDS}", escaped(id));
    let mail: Mail = match delta::get(client, &url, IMMUTABLE).json().await {
        Err(Error::NotFound) => return Ok(None),
        found => found?,
    };
    let folders = folders(client).await?;
    let known = folders.iter().any(|folder| mail.lies_in(&folder.id));
    Ok(Some(mail).filter(|mail| known && !mail.is_draft()))
}

/// A mail with its attachments, which no list has.
async fn record(client: &Client, mail: Mail) -> Result<Record> {
    let attached = if mail.has_attachments() {
        let id = escaped(mail.id());
        let url =
            format!("{API}/me/messages/{id}/attachments?$select=id,name,contentType,size,isInline");
        match delta::all::<Attached>(client, url, IMMUTABLE).await {
            Err(Error::NotFound) => Vec::new(), // deleted since
            found => found?.items,
        }
    } else {
        Vec::new()
    };
    Ok(mail.into_record(attached))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Folder {
    id: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    child_folder_count: u32,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
}

impl Folder {
    /// Whether it shows mails that lie in other folders.
    fn is_search(&self) -> bool {
        self.kind.as_deref() == Some("#microsoft.graph.mailSearchFolder")
    }
}

/// The folders that are imported, at every depth, looked up once a run.
async fn folders(client: &Client) -> Result<Arc<Vec<Folder>>> {
    let lookup = || async {
        let passed = each(PASSED_OVER.map(str::to_owned).to_vec(), AT_ONCE, |name| {
            passed_over(client, name)
        });
        let passed: Vec<String> = passed.await?.into_iter().flatten().collect();
        let (mut all, mut level) = (Vec::new(), vec![format!("{API}/me/mailFolders")]);
        for _ in 0..DEPTH {
            let found = each(level, AT_ONCE, |parent| children(client, parent)).await?;
            let mut found: Vec<Folder> = found.into_iter().flatten().collect();
            found.retain(|folder| !folder.is_search() && !passed.contains(&folder.id));
            let parents = found.iter().filter(|folder| folder.child_folder_count > 0);
            level = parents
                .map(|of| format!("{API}/me/mailFolders/{}/childFolders", escaped(&of.id)))
                .collect();
            all.append(&mut found);
            if level.is_empty() {
                break;
            }
        }
        Ok(all)
    };
    client.once("folders", lookup).await
}

/// The id of a folder by its well-known name; none where the mailbox lacks it.
async fn passed_over(client: &Client, name: String) -> Result<Option<String>> {
    let url = format!("{API}/me/mailFolders/{name}?$select=id,displayName");
    match delta::get(client, &url, IMMUTABLE).json::<Folder>().await {
        Err(Error::NotFound) => Ok(None),
        folder => folder.map(|folder| Some(folder.id)),
    }
}

async fn children(client: &Client, parent: String) -> Result<Vec<Folder>> {
    let query = "$top=100&includeHiddenFolders=true&$select=id,displayName,childFolderCount";
    match delta::whole(client, format!("{parent}?{query}"), IMMUTABLE).await {
        Err(Error::NotFound) => Ok(Vec::new()), // deleted since its parent was listed
        found => found,
    }
}
