//! Dropbox: the files of an account; their names and properties, not their content. One cursor lists everything and then
//! tells what changed.
//!
//! Facts: Dropbox developer documentation, "OAuth guide", "Detecting changes", "Path root header modes", "Webhooks";
//! Dropbox API specification.

mod entry;
mod spec;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::entry::{Entry, File};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    wire::Many,
};

const API: &str = "https://api.dropboxapi.com/2";
/// Most entries that an answer gives, more or less.
const ENTRIES: u32 = 2_000;
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
            Some(at) => {
                let path = "files/list_folder/continue";
                let found = call(client, path, &json!({"cursor": at.token}), root.as_deref());
                Ok(page(found.json().await?, root))
            }
            None => {
                let body = json!({
                    "path": "",
                    "recursive": true,
                    "limit": client.page_size(ENTRIES),
                    "include_deleted": false,
                    "include_mounted_folders": true,
                    "include_non_downloadable_files": true,
                });
                let found = call(client, "files/list_folder", &body, root.as_deref());
                Ok(page(found.json().await?, root))
            }
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
        let body = json!({"path": id, "include_deleted": false});
        match call(client, "files/get_metadata", &body, root.as_deref()).json().await {
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

fn call(client: &Client, path: &str, body: &Value, root: Option<&str>) -> Call {
    let call = client.post(format!("{API}/{path}")).body_json(body).idempotent();
    match root {
        Some(root) => {
            let root = json!({".tag": "root", "root": root}).to_string();
            call.header("dropbox-api-path-root", &root)
        }
        None => call,
    }
}

/// Whose account it is, looked up once a run.
async fn me(client: &Client) -> Result<Arc<Me>> {
    let url = format!("{API}/users/get_current_account");
    client.once("me", || client.post(url).idempotent().json()).await
}

#[derive(Deserialize)]
struct Me {
    account_id: String,
    email: String,
    #[serde(default)]
    name: Name,
    root_info: Option<RootInfo>,
}

#[derive(Default, Deserialize)]
struct Name {
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct RootInfo {
    root_namespace_id: Option<String>,
    home_namespace_id: Option<String>,
}

impl Me {
    /// The folder of the person's team, where that is more than their own. Without being named it is left out.
    fn team_root(&self) -> Option<String> {
        let info = self.root_info.as_ref()?;
        let root = info.root_namespace_id.as_ref()?;
        (info.home_namespace_id.as_ref() != Some(root)).then(|| root.clone())
    }
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    entries: Many<Entry>,
    cursor: String,
    #[serde(default)]
    has_more: bool,
}
