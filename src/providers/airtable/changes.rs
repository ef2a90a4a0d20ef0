//! A base's feed of changes: the payloads of a webhook.
//!
//! Facts: Airtable Web API, "Create a webhook", "List webhook payloads", "Webhooks overview".

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Changes, Cursor,
    calls::API,
    row::{self, Row, Table},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Feed, Next, Page},
    wire::Many,
};

/// Payloads of an answer.
const PAYLOADS: u32 = 50;
/// Changed rows of one answer that are fetched one by one: more are had faster by listing the base.
const CHANGES: usize = 500;
/// Rows that are fetched at once.
const AT_ONCE: usize = 4;

/// What changed since the last payload that was read: rows as they are now, since payloads hold changed cells alone.
pub async fn changed(
    client: &Client,
    base: &Feed,
    tables: &[Table],
    at: Changes,
    names: String,
) -> Result<Page<Cursor>> {
    let url = format!("{API}/bases/{}/webhooks/{}/payloads", base.id, at.webhook);
    let query = [("cursor", at.cursor), ("limit", PAYLOADS.into())];
    let listed: Payloads = match client.get(url).query(&query).json().await {
        Err(Error::NotFound | Error::Forbidden(_)) => return Err(Error::CursorExpired), // a webhook lives a week
        listed => listed?,
    };
    if listed.items.skipped > 0 || listed.items.iter().any(|payload| payload.error) {
        return Err(Error::CursorExpired);
    }
    let (mut due, mut gone, mut dropped) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for payload in listed.items {
        for (table, change) in
            payload.changed_tables_by_id.into_iter().chain(payload.created_tables_by_id)
        {
            let ids =
                [change.created_records_by_id, change.changed_records_by_id, change.records_by_id];
            for id in ids.into_iter().flat_map(BTreeMap::into_keys) {
                gone.remove(&id);
                due.insert((table.clone(), id));
            }
            for id in change.destroyed_record_ids {
                due.remove(&(table.clone(), id.clone()));
                gone.insert(id);
            }
        }
        dropped.extend(payload.destroyed_table_ids);
    }
    if due.len() > CHANGES {
        return Err(Error::CursorExpired);
    }
    let due: Vec<(String, String)> = due.into_iter().collect();
    let found = each(due, AT_ONCE, |(table, id)| async move {
        // Of a table that was deleted since, the rows go with it.
        let Some(table) = tables.iter().find(|of| of.id == table) else { return Ok(Err(id)) };
        let call = client.get(format!("{API}/{}/{}/{id}", base.id, table.id));
        match call.query(&[("returnFieldsByFieldId", "true")]).json::<Row>().await {
            Err(Error::NotFound) => Ok(Err(id)),
            row => row.map(|row| Ok(row.record(base, table))),
        }
    });
    let mut records = Vec::new();
    for found in found.await? {
        match found {
            Ok(record) => records.push(record),
            Err(id) => drop(gone.insert(id)),
        }
    }
    let changes = Some(Changes { cursor: listed.cursor, ..at });
    let next = Cursor { changes, names, listing: None };
    let next = if listed.might_have_more { Next::More(next) } else { Next::Resume(next) };
    let gone = gone.into_iter().map(|id| row::key(base, &id));
    Ok(Page::new(records, next).removing(gone).removing_places(dropped))
}

/// Where the changes of a base begin: a webhook that is there, or a new one. None where the token may not have one.
pub async fn webhook(client: &Client, base: &Feed) -> Result<Option<Changes>> {
    let url = format!("{API}/bases/{}/webhooks", base.id);
    let wanted = json!({"options": {"filters": {"dataTypes": ["tableData"]}}});
    let found: Hooks = match client.get(url.clone()).json().await {
        Err(Error::Forbidden(_) | Error::NotFound) => return Ok(None),
        found => found?,
    };
    let ours = |hook: &Hook| hook.is_hook_enabled && hook.specification == wanted;
    if let Some(hook) = found.webhooks.into_iter().find(ours) {
        return Ok(Some(Changes { webhook: hook.id, cursor: hook.cursor_for_next_payload }));
    }
    match client.post(url).body_json(&json!({"specification": wanted})).json::<Made>().await {
        // Without the right to create in the base, or where it has as many webhooks as it may.
        Err(why @ (Error::Forbidden(_) | Error::NotFound | Error::Unexpected { .. })) => {
            tracing::info!(base = base.name, %why, "a base without a feed of changes is listed in full");
            Ok(None)
        }
        made => made.map(|made| Some(Changes { webhook: made.id, cursor: 1 })),
    }
}

#[derive(Deserialize)]
struct Hooks {
    webhooks: Many<Hook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    id: String,
    #[serde(default)]
    specification: Value,
    cursor_for_next_payload: u64,
    #[serde(default)]
    is_hook_enabled: bool,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payloads {
    #[serde(rename = "payloads")]
    items: Many<Payload>,
    cursor: u64,
    #[serde(default)]
    might_have_more: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    error: bool,
    changed_tables_by_id: BTreeMap<String, Change>,
    created_tables_by_id: BTreeMap<String, Change>,
    destroyed_table_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Change {
    created_records_by_id: BTreeMap<String, Value>,
    changed_records_by_id: BTreeMap<String, Value>,
    /// Of a table that is new.
    records_by_id: BTreeMap<String, Value>,
    destroyed_record_ids: Vec<String>,
}
