//! What the activity logs of monday.com's boards say.
//!
//! Facts: monday.com API reference, activity logs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::{AT_ONCE, Data, MONDAY, boards, call};
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    wire::Many,
};

/// Boards whose logs one call reads, and entries of each that it reads.
const LOGS: (usize, u32) = (50, 100);
/// Entries that a page of one log gives.
const LOG: u32 = 1_000;
/// How far clocks may differ, beyond what `Since` allows for.
const SLACK: SignedDuration = SignedDuration::from_mins(4);
const LOGS_QUERY: &str = "query Logs($boards: [ID!], $count: Int!, $from: ISO8601DateTime, $limit: Int!, $page: Int!) { \
     boards(ids: $boards, limit: $count) { id \
     activity_logs(from: $from, limit: $limit, page: $page) { event entity data } } }";

/// What a board's activity log says.
#[derive(Debug, Default, PartialEq)]
pub struct Logs {
    /// The items that it names.
    pub items: BTreeSet<String>,
    /// There may be more than was read.
    pub cut: bool,
    /// Groups or columns changed, and with them items that are not named.
    pub rebuilt: bool,
}

#[derive(Deserialize)]
struct Logged {
    id: String,
    #[serde(default)]
    activity_logs: Many<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    event: String,
    #[serde(default)]
    entity: String,
    /// JSON as a text.
    #[serde(default)]
    data: String,
}

/// What the logs of all boards say since then, by board. Looked up once a run for all boards that were last read by the
/// same run.
pub async fn changes(client: &Client, since: Timestamp) -> Result<Arc<HashMap<String, Logs>>> {
    let ask = || async {
        let boards = boards(client).await?;
        let all: Vec<String> = boards.shown.keys().chain(boards.subitems.keys()).cloned().collect();
        let logs = each_batch(all, LOGS.0, AT_ONCE, |ids| async move {
            Ok(logs(client, ids, since, LOGS.1, 1).await?.into_iter().collect())
        });
        Ok(logs.await?.into_iter().collect())
    };
    client.once(&format!("changes since {since}"), ask).await
}

/// A page of one board's log.
pub async fn log_page(client: &Client, board: &str, since: Timestamp, page: u32) -> Result<Logs> {
    let mut logs = logs(client, vec![board.to_owned()], since, LOG, page).await?;
    logs.remove(board).ok_or(Error::NotFound)
}

async fn logs(
    client: &Client,
    boards: Vec<String>,
    since: Timestamp,
    limit: u32,
    page: u32,
) -> Result<HashMap<String, Logs>> {
    let from = since.checked_sub(SLACK).unwrap_or(since);
    let variables = json!({"boards": boards, "count": boards.len(), "from": from,
        "limit": limit, "page": page});
    let part = |data: Data<Logged>| data.boards;
    let found = MONDAY.ask(call(client), LOGS_QUERY, &variables, part).await?;
    let logs = found.part.into_iter().flatten().map(|board| {
        let entries = board.activity_logs;
        let read = entries.len() + entries.skipped as usize;
        let mut logs = Logs { cut: read >= limit as usize, ..Logs::default() };
        entries.iter().for_each(|entry| logs.note(entry));
        (board.id, logs)
    });
    Ok(logs.collect())
}

impl Logs {
    fn note(&mut self, entry: &Entry) {
        let data: Value = serde_json::from_str(&entry.data).unwrap_or_default();
        let many = |key| data.get(key).and_then(Value::as_array).into_iter().flatten();
        let named = [data.get("pulse_id"), data.get("item_id"), data.pointer("/pulse/id")];
        let named = named.into_iter().flatten().chain(many("pulse_ids")).chain(many("item_ids"));
        let before = self.items.len();
        self.items.extend(named.filter_map(id));
        let told = ["group", "column"].iter().any(|part| entry.event.contains(part));
        self.rebuilt |= entry.entity == "board" && told && self.items.len() == before;
    }
}

/// An id, which in logs is a number.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
