//! Google Drive against a vendor by script, in the shapes of its reference.

use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{MediaAsset, Properties},
};

/// A request in short: what is asked, and its token.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("www.googleapis.com/drive/v3/").unwrap();
    let named = ["pageToken", "q"];
    let said = named.iter().filter_map(|name| Some(format!(" {name}={}", asked.get(name)?)));
    said.fold(path.to_owned(), |line, part| line + &part)
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&GoogleDrive, move |asked| script(&short(asked))).await
}

fn file(id: &str) -> Value {
    json!({"id": id, "name": id, "mimeType": "text/plain", "trashed": false})
}

fn with(mut file: Value, more: &Value) -> Value {
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

fn folder(id: &str, trashed: bool) -> Value {
    with(
        file(id),
        &json!({"mimeType": "application/vnd.google-apps.folder", "trashed": trashed, "explicitlyTrashed": trashed}),
    )
}

fn changed(file: &Value) -> Value {
    json!({"changeType": "file", "removed": false, "fileId": file["id"], "file": file})
}

fn at(token: &str, trashed: &[&str]) -> Cursor {
    let trashed = trashed.iter().map(ToString::to_string).collect();
    Cursor { changes: token.into(), listing: None, trashed }
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&GoogleDrive, &vendor.client(), &Feed::account(), cursor).await
}

fn asset(record: Record) -> MediaAsset {
    match record.properties {
        Properties::MediaAsset(asset) => *asset,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_listing_takes_its_token_first_and_brings_files_but_no_folders_shortcuts_or_trash() {
    let vendor = vendor(|asked| match asked {
        "changes/startPageToken" => (200, json!({"startPageToken": "44"})),
        "files" => {
            let shortcut =
                with(file("s"), &json!({"mimeType": "application/vnd.google-apps.shortcut"}));
            let inside = with(folder("inside", true), &json!({"explicitlyTrashed": false}));
            let files =
                json!([file("a"), folder("f", false), folder("bin", true), inside, shortcut]);
            (200, json!({"files": files, "nextPageToken": "p2"}))
        }
        "files pageToken=p2" => {
            let trashed = with(file("t"), &json!({"trashed": true}));
            (200, json!({"files": [trashed, file("b"), {"name": "no id"}]}))
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["a", "b"], 1));
    assert_eq!(pass.gone, ["t"]);
    assert_eq!(pass.covers, [Covers::Everything; 2]);
    assert_eq!(pass.end, Next::Resume(at("44", &["bin"])));
    let asked = vendor.asked();
    assert_eq!(short(&asked[0]), "changes/startPageToken");
    let list = asked.last().unwrap();
    assert_eq!(list.get("pageSize"), Some("1000"));
    assert_eq!(list.get("includeItemsFromAllDrives"), Some("true"));
    assert!(list.get("fields").unwrap().contains("files(id,name,mimeType,"));
}

#[tokio::test]
async fn changes_bring_how_files_stand_and_let_go_of_what_is_deleted_or_in_the_trash() {
    let vendor = vendor(|asked| match asked {
        "changes pageToken=44" => {
            let trashed = with(file("t"), &json!({"trashed": true}));
            let changes = json!([changed(&file("a")), changed(&trashed), changed(&folder("f", false))]);
            (200, json!({"changes": changes, "nextPageToken": "45"}))
        }
        "changes pageToken=45" => {
            let removed = json!({"changeType": "file", "removed": true, "fileId": "r"});
            let drive = json!({"changeType": "drive", "removed": false, "driveId": "d", "drive": {"id": "d"}});
            let again = changed(&folder("bin", true));
            (200, json!({"changes": [removed, drive, again], "newStartPageToken": "46"}))
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, Some(at("44", &["bin"]))).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.clone()), (vec!["a"], vec!["t".to_owned(), "r".to_owned()]));
    assert_eq!(pass.end, Next::Resume(at("46", &["bin"])));
}

#[tokio::test]
async fn a_folder_that_gets_into_the_trash_or_out_of_it_lists_all_afresh() {
    for (trashed, before) in [(true, &[][..]), (false, &["f"][..])] {
        let vendor = vendor(move |_| {
            (200, json!({"changes": [changed(&folder("f", trashed))], "newStartPageToken": "45"}))
        })
        .await;
        let cause = pass(&vendor, Some(at("44", before))).await.unwrap_err();
        assert_eq!(cause, Error::CursorExpired, "its files need not show among the changes");
    }
}

#[tokio::test]
async fn a_token_that_drive_does_not_take_lists_all_afresh() {
    for (status, reason) in [(400, "invalid"), (404, "notFound"), (410, "gone")] {
        let vendor = vendor(move |_| {
            let errors =
                json!([{"reason": reason, "location": "pageToken", "locationType": "parameter"}]);
            (
                status,
                json!({"error": {"code": status, "message": "Invalid Value", "errors": errors}}),
            )
        })
        .await;
        assert_eq!(pass(&vendor, Some(at("x", &[]))).await.unwrap_err(), Error::CursorExpired);
    }
}

#[tokio::test]
async fn a_search_that_drive_did_not_finish_removes_nothing() {
    let vendor = vendor(|asked| match asked {
        "changes/startPageToken" => (200, json!({"startPageToken": "1"})),
        _ => (200, json!({"files": [], "incompleteSearch": true})),
    })
    .await;
    assert_eq!(pass(&vendor, None).await.unwrap().covers, [Covers::Nothing]);
}

#[tokio::test]
async fn a_bounded_listing_asks_for_and_covers_what_came_since() {
    let vendor = vendor(|asked| match asked {
        "changes/startPageToken" => (200, json!({"startPageToken": "1"})),
        "files q=createdTime >= '2026-03-10T00:00:00Z' or modifiedTime >= '2026-03-10T00:00:00Z'" => {
            (200, json!({"files": [file("a")]}))
        }
        other => panic!("{other}"),
    })
    .await;
    let since: Timestamp = "2026-03-10T00:00:00.5Z".parse().unwrap();
    let client = vendor.client_since(Some(since), &Map::new());
    let pass = testing::pass(&GoogleDrive, &client, &Feed::account(), None).await.unwrap();
    assert_eq!(pass.covers, [Covers::Between { from: Some(since), to: None }]);
}

#[tokio::test]
async fn a_file_that_no_list_has_is_gone_only_if_it_cannot_be_had_or_lies_in_the_trash() {
    let vendor = vendor(|asked| match asked {
        "files/1" => (200, json!({"trashed": false})),
        "files/2" => (200, json!({"trashed": true})),
        _ => (404, json!({"error": {"code": 404, "errors": [{"reason": "notFound"}]}})),
    })
    .await;
    let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
    let gone = GoogleDrive.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["2", "3"]);
}

#[tokio::test]
async fn a_file_keeps_all_that_is_said_of_it_and_a_new_version_alone_is_no_change() {
    let read = |version: &str| {
        let more = json!({
            "size": "183201", "md5Checksum": "9e10", "version": version, "shared": true, "description": "Q1",
            "owners": [{"displayName": "Zoë", "emailAddress": "zoe@x.de"}], "parents": ["p", "q"],
            "webViewLink": "https://x/view", "createdTime": "2026-03-02T07:30:00.000Z",
            "modifiedTime": "2026-03-11T18:05:33.512Z", "videoMediaMetadata": {"durationMillis": "1500"},
        });
        let file: File = serde_json::from_value(with(file("a"), &more)).unwrap();
        match file.read() {
            Found::Alive(record) => record,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read("5").digest(), read("6").digest());
    let asset = asset(read("5"));
    assert_eq!((asset.file_name.as_deref(), asset.size), (Some("a"), Some(183_201)));
    assert_eq!(asset.owner.unwrap().email.as_deref(), Some("zoe@x.de"));
    assert_eq!(asset.parent.unwrap().id.as_deref(), Some("p"));
    assert_eq!(asset.sharing.unwrap().shared, Some(true));
    assert_eq!((asset.version.as_deref(), asset.duration_seconds), (Some("5"), Some(1.5)));
    assert_eq!(asset.updated_at.unwrap().to_string(), "2026-03-11T18:05:33.512Z");
}

#[tokio::test]
async fn a_file_of_a_shared_drive_has_no_owner_and_says_nothing_of_sharing() {
    let file: File =
        serde_json::from_value(json!({"id": "a", "size": "many", "createdTime": "soon"})).unwrap();
    let Found::Alive(record) = file.read() else { panic!("a file") };
    let asset = asset(record);
    assert_eq!((asset.owner, asset.sharing, asset.parent, asset.size), (None, None, None, None));
}

#[tokio::test]
async fn the_account_goes_by_its_address_and_its_id() {
    let vendor = vendor(|_| {
        (200, json!({"user": {"emailAddress": "zoe@x.de", "displayName": "Zoë", "permissionId": "088"}}))
    })
    .await;
    let account = GoogleDrive.account(&vendor.client()).await.unwrap();
    assert!(account.id == "zoe@x.de" && account.is("088"));
}
