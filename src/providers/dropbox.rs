//! Dropbox: the files of an account; their names and properties, not their content. One cursor lists everything and then
//! tells what changed.
//!
//! Facts: Dropbox developer documentation, "OAuth guide", "Detecting changes", "Webhooks".

mod calls;
mod entry;
mod spec;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Listed, entry, list, list_on, me},
    entry::{Entry, File},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
};

/// Files that a page asks for by id, and how many side by side.
const FILES: usize = 100;
const AT_ONCE: usize = 4;

/// The client of Dropbox.
pub struct Dropbox;

/// Where the account stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Dropbox's own, which carries what was asked for.
    token: String,
    /// The folder of a team that it was given for.
    root: Option<String>,
    /// All that there was until now has been read.
    done: bool,
    /// Files that lie where something was deleted in the same answer: they are asked for once that is removed.
    again: BTreeSet<String>,
}

impl Provider for Dropbox {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        Ok(Account::new(&me.account_id, &me.email).or_known_as(me.name.display_name.clone()))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let root = me(client).await?.team_root();
        match cursor {
            Some(at) if at.root != root => Err(Error::CursorExpired),
            Some(at) if !at.again.is_empty() => again(client, at).await,
            Some(at) => Ok(page(list_on(client, &at.token, root.as_deref()).await?, root)),
            None => Ok(page(list(client, root.as_deref()).await?, root)),
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let error = body.get("error")?;
        let tag = error.get(".tag").and_then(Value::as_str).unwrap_or_default();
        let summary = body.get("error_summary").and_then(Value::as_str).unwrap_or_default();
        match (status, tag) {
            (401, "missing_scope") => {
                let scope = error.get("required_scope").and_then(Value::as_str);
                let scope = scope.unwrap_or("files.metadata.read");
                Some(Error::Forbidden(format!("the scope {scope} was not granted")))
            }
            (401, "user_suspended") => {
                Some(Error::Forbidden("this account of Dropbox is suspended".into()))
            }
            // The team's root folder is another one, or the cursor is too old.
            (409, "reset") | (422, _) => Some(Error::CursorExpired),
            (409, _) if summary.contains("not_found") => Some(Error::NotFound),
            (429, _) => {
                let pause = error.get("retry_after").and_then(Value::as_u64).unwrap_or_default();
                Some(Error::RateLimited(Duration::from_secs(pause)))
            }
            _ => None,
        }
    }
}

/// What an answer's entries come to, which are to be applied in their order. The engine stores files before it removes what
/// lies at a path or below it; that is the same, but for files at or below a path that was deleted before them.
fn page(found: Listed, root: Option<String>) -> Page<Cursor> {
    let mut files: HashMap<String, File> = HashMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut deleted: HashSet<String> = HashSet::new();
    let mut again = BTreeSet::new();
    let mut gone: Vec<String> = Vec::new();
    let skipped = found.entries.skipped;
    for entry in found.entries {
        match entry {
            Entry::File(file) => {
                if lies_in(&file.path_lower, &deleted) {
                    again.insert(file.id.clone());
                } else {
                    // Of two at one path the later is there.
                    order.push(file.path_lower.clone());
                    files.insert(file.path_lower.clone(), *file);
                }
            }
            Entry::Deleted { path_lower: Some(path) } => {
                gone.push(path.clone());
                deleted.insert(path);
            }
            Entry::Deleted { path_lower: None } | Entry::Other => {}
        }
    }
    let files: Vec<File> = order.iter().filter_map(|path| files.remove(path)).collect();
    let places: Vec<String> = files.iter().map(|file| file.path_lower.clone()).collect();
    let more = found.has_more || !again.is_empty();
    let at = Cursor { token: found.cursor, root, done: !found.has_more, again };
    let page = Page::new(files, if more { Next::More(at) } else { Next::Resume(at) });
    places.into_iter().fold(page, Page::replacing).removing_under(gone).skipping(skipped)
}

/// Whether a path is one of these, or below one.
fn lies_in(path: &str, folders: &HashSet<String>) -> bool {
    let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    above.chain([path]).any(|folder| folders.contains(folder))
}

/// Asks for files by id.
async fn again(client: &Client, mut at: Cursor) -> Result<Page<Cursor>> {
    let ids: Vec<String> = std::iter::from_fn(|| at.again.pop_first()).take(FILES).collect();
    let root = &at.root;
    let found = each(ids, AT_ONCE, |id| async move {
        match entry(client, &id, root.as_deref()).await {
            Ok(Entry::File(file)) => Ok(Ok(*file)),
            Ok(_) | Err(Error::NotFound) => Ok(Err(id)),
            Err(error) => Err(error),
        }
    });
    let (mut files, mut gone) = (Vec::new(), Vec::new());
    for found in found.await? {
        match found {
            Ok(file) => files.push(file),
            Err(id) => gone.push(id),
        }
    }
    let end = at.done && at.again.is_empty();
    let page = Page::new(files, if end { Next::Resume(at) } else { Next::More(at) });
    Ok(page.removing(gone))
}
