use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    provider::{Covers, Next},
    providers::testing::{self, Vendor},
};

fn list(data: &Value) -> (u16, Value) {
    (200, json!({"data": data, "paging": {"cursors": {"after": "b"}}}))
}

fn error(code: u64, subcode: u64) -> (u16, Value) {
    let message = "Unsupported get request. Object with ID '1' does not exist";
    (
        400,
        json!({"error": {"message": message, "type": "IGApiException", "code": code, "error_subcode": subcode}}),
    )
}

async fn vendor(posts: Value) -> Vendor {
    Vendor::new(&Instagram, move |asked| {
        let path = asked.path.strip_prefix("graph.instagram.com/v25.0/").unwrap();
        match path {
            "me" => (
                200,
                json!({"id": "25", "user_id": "1784", "username": "nora.backt", "name": "Nora"}),
            ),
            "me/media" => list(&posts),
            "there" => (200, json!({"id": "there"})),
            _ => error(100, 33),
        }
    })
    .await
}

async fn read(vendor: &Vendor, cursor: Option<Walk>) -> testing::Pass<Walk> {
    testing::pass(&Instagram, &vendor.client(), &Feed::account(), cursor).await.unwrap()
}

async fn said(post: Value) -> Value {
    let pass = read(&vendor(json!([post])).await, None).await;
    serde_json::to_value(&pass.records[0].properties).unwrap()
}

#[tokio::test]
async fn an_album_holds_its_parts_in_their_order() {
    let part = |id: &str, media_type: &str| json!({"id": id, "media_type": media_type, "media_url": format!("https://cdn/{id}?oe=1"), "alt_text": "a"});
    let album = json!({"id": "18", "media_type": "CAROUSEL_ALBUM", "caption": "Drei Tage 🇩🇰",
        "timestamp": "2025-10-01T16:45:30+0000", "permalink": "https://ig/p/3/", "username": "nora.backt",
        "like_count": 95, "comments_count": 0, "media_url": "https://cdn/first",
        "children": {"data": [part("2", "VIDEO"), part("1", "IMAGE")]}});
    let media = |id: &str, kind: &str| json!({"id": id, "type": kind, "url": format!("https://cdn/{id}?oe=1"), "alt_text": "a"});
    assert_eq!(
        said(album).await,
        json!({"kind": "album", "caption": "Drei Tage 🇩🇰", "author": {"handle": "nora.backt"},
            "created_at": "2025-10-01T16:45:30Z", "permalink": "https://ig/p/3/",
            "media": [media("2", "video"), media("1", "image")],
            "engagement_stats": {"likes": 95, "comments": 0}})
    );
}

#[tokio::test]
async fn what_the_owner_hides_or_the_vendor_withholds_is_left_out_and_not_zero() {
    let reel = json!({"id": "1", "media_type": "VIDEO", "thumbnail_url": "https://cdn/t", "comments_count": 3});
    let media = json!([{"id": "1", "type": "video", "thumbnail_url": "https://cdn/t"}]);
    let stats = json!({"comments": 3});
    let read = said(reel).await;
    assert_eq!(read, json!({"kind": "video", "media": media, "engagement_stats": stats}));
    let odd = said(json!({"id": "2", "media_type": "HOLOGRAM", "timestamp": "soon"})).await;
    assert_eq!(odd, json!({"kind": "image", "media": [{"id": "2", "type": "image"}]}));
}

#[tokio::test]
async fn an_address_that_is_signed_anew_is_no_change() {
    let post = |sign: &str| {
        let url = format!("https://cdn/1?oe={sign}");
        json!([{"id": "1", "media_type": "VIDEO", "media_url": url, "thumbnail_url": url}])
    };
    let (one, two) = (vendor(post("1")).await, vendor(post("2")).await);
    let (one, two) = (read(&one, None).await, read(&two, None).await);
    assert_eq!(one.records[0].digest(), two.records[0].digest());
}

#[tokio::test]
async fn a_pass_after_the_first_asks_once_and_answers_for_all_that_it_saw() {
    let post = |id: &str, day: u32| json!({"id": id, "media_type": "IMAGE", "timestamp": format!("2025-10-{day}T00:00:00+0000")});
    let vendor = vendor(json!([post("3", 20), post("2", 12)])).await;
    let first = read(&vendor, None).await;
    assert_eq!(first.covers, [Covers::Everything]);
    let Next::Resume(end) = first.end else { panic!("{:?}", first.end) };
    vendor.asked();
    let second = read(&vendor, Some(end)).await;
    assert_eq!((second.ids(), vendor.asked().len()), (vec!["3", "2"], 1));
    assert_eq!(second.covers, [Covers::Between { from: None, to: None }]);
}

#[tokio::test]
async fn what_is_not_listed_is_gone_only_if_the_vendor_no_longer_has_it() {
    let vendor = vendor(json!([])).await;
    let gone = async |ids: Vec<String>| {
        Instagram.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap()
    };
    assert_eq!(gone(vec!["there".into(), "archived-not".into()]).await, ["archived-not"]);
    vendor.asked();
    let purge: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!((gone(purge).await.len(), vendor.asked().len()), (500, 0));
}

#[tokio::test]
async fn the_account_is_the_professional_one_not_the_apps_own_id() {
    let account = Instagram.account(&vendor(json!([])).await.client()).await.unwrap();
    assert!(account.id == "1784" && account.label == "nora.backt" && account.is("Nora"));
}

#[tokio::test]
async fn a_throttled_account_pauses() {
    let vendor = Vendor::new(&Instagram, |_| error(80_002, 0)).await;
    let read = testing::pass(&Instagram, &vendor.client(), &Feed::account(), None).await;
    assert_eq!(read.unwrap_err(), Error::RateLimited(Duration::from_hours(1)));
}
