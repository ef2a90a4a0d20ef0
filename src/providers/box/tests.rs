use serde_json::json;

use super::*;
use crate::{
    provider::Covers,
    providers::testing::{self, Asked, Vendor},
    record::{MediaAsset, Properties},
};

/// Beyond what a fraction holds exactly.
const POSITION: u64 = 30_401_068_076_164_269;

fn file(id: &str) -> Value {
    json!({"type": "file", "id": id, "name": format!("{id}.pdf"), "created_at": "2026-01-10T01:00:00-08:00",
        "parent": {"id": "0", "name": "All Files"}, "comment_count": 0, "has_collaborations": false,
        "shared_link": null, "item_status": "active"})
}

async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Box, move |asked| {
        let path = asked.path.strip_prefix("api.box.com/2.0/").unwrap();
        match asked.get("stream_position") {
            Some("now") => (200, json!({"next_stream_position": POSITION, "entries": []})),
            _ => script(path, asked),
        }
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Box, &vendor.client(), &Feed::account(), cursor).await
}

fn done(position: u64) -> Cursor {
    let (files, folders) = (BTreeSet::new(), Vec::new());
    Cursor { position: position.to_string(), listing: false, files, folders }
}

fn asset(record: &Record) -> &MediaAsset {
    match &record.properties {
        Properties::MediaAsset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn folders_are_walked_page_by_page_and_files_come_with_their_comments() {
    let vendor = vendor(|path, asked| match (path, asked.get("marker")) {
        ("folders/0/items", None) => {
            let folder = json!({"type": "folder", "id": "7", "name": "Sub"});
            (200, json!({"entries": [folder, file("1"), {"type": "file"}], "next_marker": "m"}))
        }
        ("folders/0/items", Some("m")) => {
            let mut shared = file("2");
            shared["shared_link"] = json!({"url": "https://app.box.com/s/x", "access": "open"});
            shared["comment_count"] = json!(1);
            let link = json!({"type": "web_link", "id": "9"});
            (200, json!({"entries": [shared, link], "next_marker": ""}))
        }
        ("folders/7/items", _) => (404, json!({"code": "not_found"})),
        ("files/2/comments", _) => (
            200,
            json!({"total_count": 1, "entries": [
            {"id": "c", "message": "Bitte prüfen", "created_by": {"id": "", "name": "Zoë"}}]}),
        ),
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["1", "2"], 1));
    assert_eq!(pass.end, Next::Resume(done(POSITION)));
    let (plain, shared) = (asset(&pass.records[0]), asset(&pass.records[1]));
    assert_eq!(plain.sharing.as_ref().and_then(|it| it.shared), Some(false));
    assert_eq!(plain.created_at, "2026-01-10T09:00:00Z".parse().ok());
    assert_eq!(shared.sharing.as_ref().and_then(|it| it.scope.as_deref()), Some("open"));
    let comments = shared.comments.as_ref().unwrap();
    assert_eq!(comments[0].text.as_deref(), Some("Bitte prüfen"));
    let author = comments[0].author.as_ref().unwrap();
    assert_eq!((author.name.as_deref(), &author.id), (Some("Zoë"), &None));
}

#[tokio::test]
async fn events_of_any_form_name_files_once_and_what_is_trashed_or_hidden_is_gone() {
    let vendor = vendor(|path, asked| match (path, asked.get("stream_position")) {
        ("events", Some("1")) => {
            let file = |id: &str| json!({"event_type": "ITEM_RENAME", "source": {"type": "file", "id": id}});
            let entries = json!([
                file("1"), file("1"), file("2"), {"event_type": "LOCK_DESTROY", "source": null},
                {"event_type": "SHARED", "source": {"item_type": "file", "item_id": "3"}},
                {"event_type": "COMMENT_CREATE", "source": {"type": "comment", "id": "8", "item": {"type": "file", "id": "4"}}},
                {"event_type": "LOGIN", "source": {"type": "user", "id": "5"}}, {"event_type": "NEW", "source": 7},
            ]);
            (200, json!({"next_stream_position": "2", "entries": entries}))
        }
        ("events", Some("2")) => (200, json!({"next_stream_position": "2", "entries": []})),
        ("files/2", _) => (404, json!({"code": "trashed"})),
        ("files/3", _) => (403, json!({"code": "access_denied_insufficient_permissions"})),
        (path, _) => (200, file(path.strip_prefix("files/").unwrap())),
    })
    .await;
    let pass = pass(&vendor, Some(done(1))).await.unwrap();
    assert_eq!(pass.ids(), ["1", "4"]);
    assert_eq!((pass.gone.clone(), pass.skipped), (vec!["2".into(), "3".into()], 0));
    assert_eq!(pass.end, Next::Resume(done(2)));
}

#[tokio::test]
async fn a_folder_that_an_event_names_is_walked_and_one_that_is_gone_lists_afresh() {
    for gone in [false, true] {
        let vendor = vendor(move |path, asked| match (path, asked.get("stream_position")) {
            ("events", Some("1")) => {
                let event =
                    json!({"event_type": "ITEM_TRASH", "source": {"type": "folder", "id": "7"}});
                (200, json!({"next_stream_position": 2, "entries": [event]}))
            }
            ("events", _) => (200, json!({"next_stream_position": 2, "entries": []})),
            ("folders/7/items", _) if gone => (404, json!({"code": "not_found"})),
            ("folders/7/items", _) => (200, json!({"entries": [file("1")]})),
            other => panic!("{other:?}"),
        })
        .await;
        match pass(&vendor, Some(done(1))).await {
            Ok(pass) => assert_eq!((pass.ids(), gone), (vec!["1"], false)),
            Err(error) => assert_eq!((error, gone), (Error::CursorExpired, true)),
        }
    }
}

#[tokio::test]
async fn a_bounded_listing_leaves_out_older_files_and_sweeps_none_of_them() {
    let vendor = vendor(|_, _| {
        let mut old = file("2");
        old["created_at"] = json!("2020-01-01T00:00:00Z");
        (200, json!({"entries": [file("1"), old]}))
    })
    .await;
    let since = "2025-01-01T00:00:00Z".parse().ok();
    let client = vendor.client_since(since, &serde_json::Map::new());
    let pass = testing::pass(&Box, &client, &Feed::account(), None).await.unwrap();
    assert_eq!(pass.ids(), ["1"]);
    assert_eq!(pass.covers, [Covers::Between { from: since, to: None }]);
}

#[test]
fn an_old_position_lists_afresh_and_a_missing_scope_is_named() {
    let errors = json!([{"reason": "invalid_parameter", "name": "stream_position"}]);
    let body = json!({"code": "bad_request", "context_info": {"errors": errors}});
    assert_eq!(Provider::fault(&Box, 400, &body), Some(Error::CursorExpired));
    let Some(Error::Forbidden(why)) =
        Provider::fault(&Box, 403, &json!({"code": "insufficient_scope"}))
    else {
        panic!("it is forbidden")
    };
    assert!(why.contains("root_readonly"));
    for body in [json!({"code": "bad_request"}), Value::Null, json!({"error": "invalid_grant"})] {
        assert_eq!(Provider::fault(&Box, 400, &body), None);
    }
}
