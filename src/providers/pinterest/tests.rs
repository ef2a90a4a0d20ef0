use serde_json::json;

use super::*;
use crate::providers::testing::{self, Asked, Vendor};

/// A vendor with one board, whose Pins come as the script says.
async fn vendor(script: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Pinterest, move |asked| match asked.path.as_str() {
        "api.pinterest.com/v5/boards" => {
            (200, json!({"items": [{"id": "7", "name": "Backen"}], "bookmark": null}))
        }
        _ => script(asked),
    })
    .await
}

async fn read(vendor: &Vendor) -> Result<testing::Pass<Place>> {
    testing::pass(&Pinterest, &vendor.client(), &Feed::account(), None).await
}

fn page(items: Value, bookmark: Option<&str>) -> (u16, Value) {
    (200, Value::from_iter([("items", items), ("bookmark", json!(bookmark))]))
}

#[tokio::test]
async fn a_pin_is_told_with_its_largest_picture_its_board_and_no_blank_description() {
    let vendor = vendor(|_| {
        let images = json!({"150x150": {"width": 150, "height": 150, "url": "https://i/150"},
            "1200x": {"width": 1200, "height": 800, "url": "https://i/1200"}});
        let film = json!({"item_type": "video", "cover_image_url": "https://i/cover", "duration": 1500});
        let metrics = json!({"lifetime_metrics": {"save": 3, "impression": null}});
        page(json!([
            {"id": "1", "title": "Zimt", "description": " ", "alt_text": "a tray", "board_id": "7",
                "created_at": "2025-10-20T10:43:44", "media": {"media_type": "image", "images": images}, "pin_metrics": metrics},
            {"id": "2", "board_id": "8", "media": {"media_type": "multiple_mixed", "items": [film, {"images": images}, {}]}},
            {"id": "3", "media": {"media_type": "hologram"}}, {"title": "no id"},
        ]), None)
    })
    .await;
    let pass = read(&vendor).await.unwrap();
    assert_eq!(pass.skipped, 1);
    let said: Vec<Value> =
        pass.records.iter().map(|of| serde_json::to_value(&of.properties).unwrap()).collect();
    let picture = json!({"type": "image", "url": "https://i/1200", "width": 1200, "height": 800, "alt_text": "a tray"});
    assert_eq!(
        said[0],
        json!({"kind": "image", "title": "Zimt", "caption": "Zimt", "parent": {"id": "7", "name": "Backen"},
            "media": [picture], "engagement_stats": {"saves": 3}, "permalink": "https://www.pinterest.com/pin/1/",
            "created_at": "2025-10-20T10:43:44Z"})
    );
    assert_eq!((&said[1]["kind"], &said[1]["parent"]), (&json!("album"), &json!({"id": "8"})));
    let film =
        json!({"type": "video", "thumbnail_url": "https://i/cover", "duration_seconds": 1.5});
    assert_eq!(said[1]["media"][0], film);
    assert_eq!(said[1]["media"].as_array().unwrap().len(), 2);
    assert_eq!(said[2], json!({"kind": "image", "permalink": "https://www.pinterest.com/pin/3/"}));
}

#[tokio::test]
async fn the_list_goes_on_over_a_short_page_to_the_one_that_names_no_other() {
    let vendor = vendor(|asked| match asked.get("bookmark") {
        None => page(json!([{"id": "1"}]), Some("b")),
        Some("b") => page(json!([{"id": "2"}]), Some("c")),
        Some(_) => page(json!([]), None),
    })
    .await;
    let pass = read(&vendor).await.unwrap();
    assert_eq!(pass.ids(), ["1", "2"]);
    assert_eq!(pass.end, Next::Relist);
    let asked = vendor.asked();
    assert!(asked.iter().all(|of| of.get("page_size") == Some("250")));
    assert_eq!(asked.iter().filter(|of| of.path.ends_with("/boards")).count(), 1, "once a run");
}

#[tokio::test]
async fn without_the_scopes_of_secret_boards_the_others_are_read() {
    let vendor = vendor(|asked| match asked.get("include_protected_pins") {
        Some(_) => (403, json!({"code": 3, "message": "Authorization failed."})),
        None if asked.get("bookmark").is_none() => page(json!([{"id": "1"}]), Some("b")),
        None => page(json!([{"id": "2"}]), None),
    })
    .await;
    assert_eq!(read(&vendor).await.unwrap().ids(), ["1", "2"]);
    let refused =
        vendor.asked().iter().filter(|of| of.get("include_protected_pins").is_some()).count();
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn a_bookmark_that_is_no_longer_known_or_names_itself_does_not_go_on() {
    let cause = |body: Value| Pinterest.fault(400, &body);
    assert_eq!(
        cause(json!({"code": 1, "message": "Invalid bookmark."})),
        Some(Error::CursorExpired)
    );
    assert_eq!(cause(json!({"code": 1, "message": "Invalid page_size."})), None);
    assert_eq!(
        Pinterest.fault(429, &json!({"code": 8, "message": "You have exceeded your rate limit."})),
        None
    );
    let vendor = vendor(|_| page(json!([{"id": "1"}]), Some("same"))).await;
    assert!(matches!(read(&vendor).await, Err(Error::Unexpected { at, .. }) if at == "bookmark"));
}

#[tokio::test]
async fn a_pin_that_may_not_be_read_is_not_taken_for_gone() {
    let vendor = vendor(|asked| match asked.path.as_str() {
        "api.pinterest.com/v5/pins/1" => (200, json!({"id": "1"})),
        "api.pinterest.com/v5/pins/2" => {
            (403, json!({"code": 29, "message": "You are not permitted"}))
        }
        _ => (404, json!({"code": 50, "message": "Pin not found."})),
    })
    .await;
    let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
    let gone = Pinterest.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["3"]);
}
