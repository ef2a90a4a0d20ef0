//! OneDrive against a vendor by script, in the shapes of its reference.

use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{MediaAsset, Properties, Record},
};

fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("graph.microsoft.com/v1.0/me/").unwrap();
    asked.get("token").map_or(path.to_owned(), |token| format!("{path} {token}"))
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&OneDrive, move |asked| script(&short(asked))).await
}

fn link(token: &str) -> String {
    format!("{API}/me/drive/root/delta?token={token}")
}

fn at(token: &str) -> Cursor {
    Cursor { link: link(token), since: None }
}

fn file(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "file": {"mimeType": "text/plain", "hashes": {}}, "size": 12,
        "parentReference": {"id": "root"}, "createdDateTime": "2026-03-12T09:30:00Z"})
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&OneDrive, &vendor.client(), &Feed::account(), cursor).await
}

fn asset(record: Record) -> MediaAsset {
    match record.properties {
        Properties::MediaAsset(asset) => *asset,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_listing_follows_its_links_through_empty_pages_and_brings_files_alone() {
    let vendor = vendor(|asked| match asked {
        "drive/root/delta" => {
            let folder = json!({"id": "f", "name": "Belege", "folder": {"childCount": 1}});
            let mut foreign = file("r", "theirs");
            foreign["remoteItem"] = json!({"id": "elsewhere"});
            (200, json!({"value": [file("a", "a"), folder, foreign, {"id": 7}], "@odata.nextLink": link("2")}))
        }
        "drive/root/delta 2" => (200, json!({"value": [], "@odata.nextLink": link("3")})),
        "drive/root/delta 3" => (200, json!({"value": [file("b", "b")], "@odata.deltaLink": link("D")})),
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped, &pass.end), (vec!["a", "b"], 1, &Next::Resume(at("D"))));
    let first = &vendor.asked()[0];
    assert_eq!(first.get("$top"), Some("200"));
    assert!(first.get("$select").unwrap().contains("deleted"), "removals would not be seen");
}

#[tokio::test]
async fn of_an_item_that_changed_twice_the_last_word_counts_and_a_folder_goes_with_its_files() {
    let vendor = vendor(|_| {
        let gone = |id: &str| json!({"id": id, "deleted": {"state": "deleted"}});
        let value = json!([
            file("a", "old"),
            gone("back"),
            gone("folder"),
            file("a", "new"),
            file("back", "x")
        ]);
        (200, json!({"value": value, "@odata.deltaLink": link("D2")}))
    })
    .await;
    let pass = pass(&vendor, Some(at("D"))).await.unwrap();
    assert_eq!(
        (pass.ids(), &pass.gone[..]),
        (vec!["a", "back"], &["at folder".to_owned(), "folder".to_owned()][..])
    );
    assert_eq!(pass.records[0].place.as_deref(), Some("root"));
    assert_eq!(asset(pass.records.into_iter().next().unwrap()).file_name.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_token_that_expired_or_is_not_found_lists_all_afresh() {
    for (status, code) in
        [(410, "resyncRequired"), (410, "resyncChangesUploadDifferences"), (404, "itemNotFound")]
    {
        let vendor =
            vendor(move |_| (status, json!({"error": {"code": code, "message": "…"}}))).await;
        assert_eq!(pass(&vendor, Some(at("old"))).await.unwrap_err(), Error::CursorExpired);
    }
}

#[tokio::test]
async fn a_bounded_listing_leaves_out_what_was_before_and_covers_the_rest_on_every_page() {
    let vendor = vendor(|asked| match asked {
        "drive/root/delta" => {
            (200, json!({"value": [file("a", "a")], "@odata.nextLink": link("2")}))
        }
        other => {
            assert_eq!(other, "drive/root/delta 2");
            let mut old = file("old", "old");
            old["createdDateTime"] = "2025-12-24T17:00:01Z".into();
            (200, json!({"value": [old], "@odata.deltaLink": link("D")}))
        }
    })
    .await;
    let since = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let client = vendor.client_since(since, &Map::new());
    let pass = testing::pass(&OneDrive, &client, &Feed::account(), None).await.unwrap();
    let part = crate::provider::Covers::Between { from: since, to: None };
    assert_eq!((pass.ids(), &pass.covers[..]), (vec!["a"], &[part; 2][..]));
    assert_eq!(pass.end, Next::Resume(at("D")), "what changes later knows no bound");
}

#[test]
fn a_file_keeps_all_that_is_said_of_it_and_one_that_is_shared_no_more_says_so() {
    let read = |more: &Value| {
        let mut of = file("a", "a");
        of.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asset(serde_json::from_value::<Item>(of).unwrap().into_record().unwrap())
    };
    let full = read(&json!({
        "eTag": "\"{EF},3\"", "webUrl": "https://x/a", "shared": {"scope": "users"}, "video": {"duration": 1500},
        "createdBy": {"application": {"displayName": "Scanner"}},
        "file": {"mimeType": "video/mp4", "hashes": {"quickXorHash": "x=", "sha1Hash": "s"}},
    }));
    let sharing = full.sharing.unwrap();
    assert_eq!((sharing.shared, sharing.scope.as_deref()), (Some(true), Some("users")));
    assert_eq!(
        (full.checksum.as_deref(), full.version.as_deref()),
        (Some("s"), Some("\"{EF},3\""))
    );
    assert_eq!(
        (full.author.unwrap().name.as_deref(), full.duration_seconds),
        (Some("Scanner"), Some(1.5))
    );
    assert_eq!(read(&json!({})).sharing.unwrap().shared, Some(false));
}
