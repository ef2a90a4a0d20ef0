//! What Outlook is asked, and how it answers.
//!
//! Facts: Microsoft Graph, "message: delta", "Get incremental changes to messages in a folder", "Obtain immutable identifiers
//! for Outlook resources".

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    super::{
        API, AT_ONCE, IMMUTABLE,
        delta::{self, Entry, Listed},
        escaped,
    },
    mail::{Attached, FIELDS as MAIL_FIELDS, Mail},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::Feed,
};

/// Mails of a page.
const MAILS: u32 = 100;
/// How deep folders may lie ("Exchange Online limits").
const DEPTH: usize = 300;
/// Folders whose mails are not imported, by their well-known names.
const PASSED_OVER: [&str; 3] = ["deleteditems", "junkemail", "drafts"];

/// A folder of the mailbox.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder {
    pub id: String,
    #[serde(default)]
    pub display_name: String,
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

/// The address of the feed of a folder's mails.
pub fn mails(folder: &Feed) -> String {
    format!("{API}/me/mailFolders/{}/messages/delta?$select={MAIL_FIELDS}", escaped(&folder.id))
}

/// A page of the feed of a folder's mails: its first, or the one that the service's own link leads to.
pub async fn changes(
    client: &Client,
    folder: &Feed,
    since: Option<Timestamp>,
    link: Option<&str>,
) -> Result<Listed<Entry<Mail>>> {
    let whole = mails(folder);
    let first = match since {
        Some(since) => format!("{whole}&$filter=receivedDateTime%20ge%20{since}"),
        None => whole,
    };
    let prefer = format!("{IMMUTABLE}, odata.maxpagesize={}", client.page_size(MAILS));
    delta::changes(client, &first, link, &prefer).await
}

/// A mail as it stands; none where it is gone, or lies where nothing is imported from.
pub async fn mail(client: &Client, id: &str) -> Result<Option<Mail>> {
    let url = format!("{API}/me/messages/{}?$select={MAIL_FIELDS}", escaped(id));
    let mail: Mail = match delta::get(client, &url, IMMUTABLE).json().await {
        Err(Error::NotFound) => return Ok(None),
        found => found?,
    };
    let folders = folders(client).await?;
    let known = folders.iter().any(|folder| mail.lies_in(&folder.id));
    Ok(Some(mail).filter(|mail| known && !mail.is_draft()))
}

/// The attachments of a mail.
pub async fn attachments(client: &Client, mail: &str) -> Result<Vec<Attached>> {
    let id = escaped(mail);
    let url =
        format!("{API}/me/messages/{id}/attachments?$select=id,name,contentType,size,isInline");
    match delta::all::<Attached>(client, url, IMMUTABLE).await {
        Err(Error::NotFound) => Ok(Vec::new()), // deleted since
        found => Ok(found?.items),
    }
}

/// The folders that are imported, at every depth, looked up once a run.
pub async fn folders(client: &Client) -> Result<Arc<Vec<Folder>>> {
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
                return Ok(all);
            }
        }
        // What is cut off would look like folders that are gone.
        Err(Error::unexpected("childFolders", "folders lie in folders without an end"))
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
