//! Box: the files that a person sees and the comments on them; not the files' content. A first listing walks the folders,
//! later passes read the person's events, which are hints: what they name is asked for.
//!
//! Facts: Box developer documentation, "OAuth 2.0", "User events", "Rate limits", "Webhooks"; Box API reference.

mod calls;
mod file;
mod spec;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{comments, events, file, me},
    file::File,
    walk::{ROOT, Step, walk},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Folders that a page reads, and calls side by side.
const AT_ONCE: usize = 8;
/// Changed files that a page fetches.
const FILES: usize = 100;

/// The client of Box.
pub struct Box;

/// Where the account stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Where the events go on; taken before the folders are walked, so that nothing which changes meanwhile is missed.
    position: String,
    /// All folders are being walked, not those that events named.
    listing: bool,
    /// Files that events named.
    files: BTreeSet<String>,
    /// What is still to be walked; the last comes first, so that this stays short.
    folders: Vec<Step>,
}

impl Provider for Box {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        Ok(Account::new(me.id, me.name).or_known_as(me.login))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let at = match cursor {
            Some(at) => at,
            None => Cursor {
                position: events(client, "now").await?.position()?,
                listing: true,
                files: BTreeSet::new(),
                folders: vec![Step::new(ROOT.into(), false)],
            },
        };
        if !at.files.is_empty() {
            return changed(client, at).await;
        }
        if !at.folders.is_empty() {
            return walk(client, at).await;
        }
        let found = events(client, &at.position).await?;
        let position = found.position()?;
        let skipped = found.entries.skipped;
        let end = found.entries.is_empty() && skipped == 0;
        let mut at = Cursor { position, listing: false, ..at };
        for event in found.entries {
            match event.item() {
                Some(("file", id)) => at.files.extend([id]),
                Some(("folder", id)) if at.folders.iter().all(|step| step.folder != id) => {
                    at.folders.push(Step::new(id, true));
                }
                _ => {}
            }
        }
        let next = if end { Next::Resume(at) } else { Next::More(at) };
        Ok(Page::new(Vec::<Record>::new(), next).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let code = body.get("code").or_else(|| body.get("error")).and_then(Value::as_str);
        let errors = body.get("context_info").and_then(|info| info.get("errors"));
        let errors = errors.and_then(Value::as_array).into_iter().flatten();
        let mut odd = errors.filter_map(|of| of.get("name")?.as_str());
        match (status, code?) {
            (400, _) if odd.any(|name| matches!(name, "stream_position" | "marker")) => {
                Some(Error::CursorExpired)
            }
            (403, "insufficient_scope") => {
                Some(Error::Forbidden("the scope root_readonly was not granted".into()))
            }
            // It is there, and not for this person.
            (403, "access_denied_insufficient_permissions" | "forbidden_by_policy") => {
                Some(Error::NotFound)
            }
            _ => None,
        }
    }
}

/// Fetches files that events named.
async fn changed(client: &Client, mut at: Cursor) -> Result<Page<Cursor>> {
    let ids: Vec<String> = std::iter::from_fn(|| at.files.pop_first()).take(FILES).collect();
    let found = each(ids, AT_ONCE, |id| async move {
        match file(client, &id).await {
            Err(Error::NotFound) => Ok(Err(id)),
            Ok(file) if file.is_trashed() => Ok(Err(id)),
            found => found.map(Ok),
        }
    });
    let (mut files, mut gone) = (Vec::new(), Vec::new());
    for found in found.await? {
        match found {
            Ok(file) => files.push(file),
            Err(id) => gone.push(id),
        }
    }
    Ok(Page::new(records(client, files).await?, Next::More(at)).removing(gone))
}

/// The files with their comments.
async fn records(client: &Client, files: Vec<File>) -> Result<Vec<Record>> {
    let whole = each(files, AT_ONCE, |file| async move {
        let comments = if file.has_comments() { comments(client, &file.id).await? } else { vec![] };
        Ok(file.into_record(comments))
    });
    whole.await
}
