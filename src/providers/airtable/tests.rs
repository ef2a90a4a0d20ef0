use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Vendor},
    record::{Note, Properties},
};

fn base() -> Feed {
    Feed::new("app1", "Plans")
}

fn schema() -> (u16, Value) {
    let fields = json!([{"id": "f1", "name": "Task", "type": "singleLineText"}, {"id": "f2", "name": "Who", "type": "singleCollaborator"},
        {"id": "f3", "name": "Files", "type": "multipleAttachments"}, {"id": "f4", "name": "Sum", "type": "formula"},
        {"id": "f5", "name": "Edited", "type": "lastModifiedTime"}]);
    (
        200,
        json!({"tables": [{"id": "tbl1", "name": "Tasks", "primaryFieldId": "f1", "fields": fields}, {"id": "tbl2", "name": "More"}]}),
    )
}

fn row(id: &str) -> Value {
    json!({"id": id, "createdTime": "2025-01-10T08:00:00.000Z", "fields": {"f1": id}})
}

const HOOKS: &str = "bases/app1/webhooks";

/// A vendor by method and path with its offset or cursor; the schema is always the same.
async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Airtable, move |asked| {
        let path = asked.path.strip_prefix("api.airtable.com/v0/").unwrap();
        let more = asked.get("offset").or(asked.get("cursor")).map(|more| format!(" {more}"));
        let post = if asked.method == "POST" { "POST " } else { "" };
        match path {
            "meta/bases/app1/tables" => schema(),
            path => script(&format!("{post}{path}{}", more.unwrap_or_default())),
        }
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Airtable, &vendor.client(), &base(), cursor).await
}

fn done() -> Cursor {
    let tables: Vec<Table> = serde_json::from_value(schema().1["tables"].clone()).unwrap();
    let changes = Some(Changes { webhook: "ach1".into(), cursor: 3 });
    Cursor { changes, names: fingerprint(&base(), &tables), listing: None }
}

fn refused(status: u16, word: &str) -> (u16, Value) {
    (status, json!({"error": {"type": word, "message": "no"}}))
}

#[tokio::test]
async fn every_table_is_listed_after_the_webhook_is_made_and_an_expired_offset_begins_the_table_again()
 {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let vendor = vendor(move |asked| match asked {
        HOOKS => (200, json!({"webhooks": []})),
        "POST bases/app1/webhooks" => (200, json!({"id": "ach1"})),
        "app1/tbl1" => (200, json!({"records": [row("rec1"), 7], "offset": "o"})),
        "app1/tbl1 o" if tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => {
            refused(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        }
        "app1/tbl1 o" => (200, json!({"records": [row("rec2")]})),
        "app1/tbl2" => (200, json!({"records": [row("rec3")]})),
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["app1:rec1", "app1:rec1", "app1:rec2", "app1:rec3"]);
    assert_eq!(pass.skipped, 2);
    let Next::Resume(end) = pass.end else { panic!("{:?}", pass.end) };
    assert_eq!(end.changes, Some(Changes { webhook: "ach1".into(), cursor: 1 }));
}

#[tokio::test]
async fn a_base_that_lets_us_make_no_webhook_is_listed_each_time() {
    for (status, word) in
        [(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"), (422, "TOO_MANY_WEBHOOKS_IN_BASE")]
    {
        let others = json!({"id": "other", "isHookEnabled": true, "cursorForNextPayload": 9});
        let vendor = vendor(move |asked| match asked {
            HOOKS => (200, json!({"webhooks": [others]})),
            "POST bases/app1/webhooks" => refused(status, word),
            _ => (200, json!({"records": []})),
        })
        .await;
        assert_eq!(pass(&vendor, None).await.unwrap().end, Next::Relist, "{word}");
    }
}

#[tokio::test]
async fn payloads_name_the_rows_to_fetch_and_those_that_are_gone() {
    let vendor = vendor(|asked| match asked {
        "bases/app1/webhooks/ach1/payloads 3" => (200, json!({"cursor": 5, "mightHaveMore": false, "payloads": [
            {"changedTablesById": {"tbl1": {"changedRecordsById": {"rec1": {}, "rec2": {}}, "createdRecordsById": {"rec3": {}}}}},
            {"changedTablesById": {"tbl1": {"destroyedRecordIds": ["rec2"]}}, "destroyedTableIds": ["tbl9"]}]})),
        "app1/tbl1/rec1" => (200, row("rec1")),
        "app1/tbl1/rec3" => (404, json!({"error": "NOT_FOUND"})),
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let pass = pass(&vendor, Some(done())).await.unwrap();
    assert_eq!(
        (pass.ids(), &pass.gone[..]),
        (vec!["app1:rec1"], &["app1:rec2", "app1:rec3", "at tbl9"].map(str::to_owned)[..])
    );
    assert_eq!(pass.records[0].place.as_deref(), Some("tbl1"));
}

#[tokio::test]
async fn an_expired_webhook_a_broken_payload_and_a_new_name_list_the_base_afresh() {
    let expired = vendor(|_| (404, json!({"error": "NOT_FOUND"}))).await;
    assert_eq!(pass(&expired, Some(done())).await.unwrap_err(), Error::CursorExpired);
    let broken = vendor(|_| {
        (200, json!({"cursor": 5, "payloads": [{"error": true, "code": "INVALID_HOOK"}]}))
    })
    .await;
    assert_eq!(pass(&broken, Some(done())).await.unwrap_err(), Error::CursorExpired);
    let renamed = Cursor { names: "others".into(), ..done() };
    assert_eq!(pass(&broken, Some(renamed)).await.unwrap_err(), Error::CursorExpired);
}

#[test]
fn cells_are_lines_and_fields_and_refusals_say_what_is_missing() {
    let tables: Vec<Table> = serde_json::from_value(schema().1["tables"].clone()).unwrap();
    let file = json!([{"id": "att1", "filename": "a.png", "type": "image/png", "size": 3, "url": "https://signed.example"}]);
    let row: Row = serde_json::from_value(json!({"id": "rec1", "fields": {"f1": 12, "f2": {"id": "u", "email": "a@b.example", "name": "Ada"},
        "f3": file, "f4": {"error": "#ERROR!"}, "f5": "2025-01-20T09:30:00.000Z", "f9": "unknown"}})).unwrap();
    let Properties::Note(note) = row.record(&base(), &tables[0]).properties else { panic!() };
    let Note { title, content, custom_fields, attachments, .. } = *note;
    assert_eq!(title.as_deref(), Some("12"));
    assert_eq!(
        content.as_deref(),
        Some("Who: Ada\nFiles: a.png\nEdited: 2025-01-20T09:30:00.000Z")
    );
    let fields = serde_json::to_value(custom_fields).unwrap();
    assert_eq!(
        fields,
        json!({"Who": "Ada", "Files": ["a.png"], "Edited": "2025-01-20T09:30:00.000Z"})
    );
    assert_eq!(attachments.unwrap()[0].url, None);
    let slow = json!({"errors": [{"error": "RATE_LIMIT_REACHED", "message": "slow"}]});
    assert_eq!(Airtable.fault(429, &slow), Some(Error::RateLimited(PAUSE)));
    let (status, body) = refused(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND");
    assert!(
        matches!(Airtable.fault(status, &body), Some(Error::Forbidden(why)) if why.contains("data.records:read"))
    );
}
