use serde_json::json;

use super::*;
use crate::{
    provider::{Covers, Next},
    providers::testing::{self, Asked, Vendor},
};

/// A comment that was made in that second.
fn comment(name: &str, second: i64) -> Value {
    json!({"kind": "t1", "data": {"name": name, "author": "zoe", "body": name, "created_utc": second,
        "edited": false, "score": 1, "link_id": "t3_a", "parent_id": "t1_b"}})
}

fn listing(children: Value, after: Option<&str>) -> (u16, Value) {
    let data = Value::from_iter([("children", children), ("after", json!(after))]);
    (200, json!({"kind": "Listing", "data": data}))
}

/// A vendor whose user is zoe: all but that is as the script says, by path and `after`.
async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Reddit, move |asked| {
        assert_eq!(asked.header("user-agent"), Some(USER_AGENT), "others are refused");
        assert_eq!(asked.get("raw_json"), Some("1"), "texts would come escaped");
        match asked.path.strip_prefix("oauth.reddit.com/").unwrap() {
            "api/v1/me" => (200, json!({"id": "4x", "name": "zoe"})),
            path => script(path, asked),
        }
    })
    .await
}

async fn read(
    vendor: &Vendor,
    cursor: Option<Walk<String>>,
) -> Result<testing::Pass<Walk<String>>> {
    testing::pass(&Reddit, &vendor.client(), &Feed::new("comments", ""), cursor).await
}

async fn said(data: Value) -> Value {
    let vendor = vendor(move |_, _| listing(json!([{"kind": "t3", "data": data}]), None)).await;
    let pass = read(&vendor, None).await.unwrap();
    serde_json::to_value(&pass.records.first().unwrap().properties).unwrap()
}

#[tokio::test]
async fn a_link_is_told_by_its_address_and_a_gallery_by_its_pictures_in_order() {
    let link = json!({"name": "t3_1", "title": "A bridge", "selftext": "", "is_self": false, "edited": true,
        "url": "https://example.org/bridge", "permalink": "/r/x/1/", "created_utc": 1_736_500_000.0,
        "crosspost_parent": "t3_0"});
    assert_eq!(
        said(link).await,
        json!({"kind": "post", "subject": "A bridge", "text": "https://example.org/bridge",
            "quotes": "t3_0", "permalink": "https://www.reddit.com/r/x/1/",
            "sent_at": "2025-01-10T09:06:40Z"})
    );
    let gallery = json!({"name": "t3_2", "url": "https://www.reddit.com/gallery/2",
        "gallery_data": {"items": [{"media_id": "b", "caption": "after"}, {"media_id": "a"}, {"media_id": "?"}]},
        "media_metadata": {"a": {"s": {"gif": "https://i/a.gif"}}, "b": {"s": {"u": "https://i/b"}}, "?": {"status": "failed"}}});
    assert_eq!(
        said(gallery).await,
        json!({"kind": "post", "media": [{"type": "image", "url": "https://i/b", "alt_text": "after"},
            {"type": "gif", "url": "https://i/a.gif"}]})
    );
}

#[tokio::test]
async fn what_has_lost_its_author_alone_is_kept_and_an_odd_item_is_counted() {
    let vendor = vendor(|_, _| {
        let mut orphan = comment("t1_1", 9);
        orphan["data"]["author"] = json!("[deleted]");
        let mut deleted = orphan.clone();
        deleted["data"]["name"] = json!("t1_2");
        deleted["data"]["body"] = json!("[deleted]");
        listing(json!([orphan, deleted, {"kind": "more"}]), None)
    })
    .await;
    let pass = read(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["t1_1"], 1));
    assert_eq!(pass.gone, ["t1_2"]);
}

#[tokio::test]
async fn a_pass_ends_behind_what_is_known_and_a_list_that_is_cut_off_judges_no_older_ones() {
    const DAY: i64 = 86_400;
    let vendor = vendor(|path, asked| {
        assert_eq!(path, "user/zoe/comments");
        match asked.get("after") {
            None => {
                listing(json!([comment("t1_5", 9 * DAY), comment("t1_4", 7 * DAY)]), Some("t1_4"))
            }
            Some("t1_4") => listing(json!([comment("t1_3", 6 * DAY)]), Some("t1_3")),
            Some(_) => listing((0..900).map(|n| comment(&format!("t1_{n}"), DAY)).collect(), None),
        }
    })
    .await;
    let first = read(&vendor, None).await.unwrap();
    assert_eq!(first.sizes, [2, 1, 900]);
    let day = jiff::Timestamp::from_second(DAY).unwrap();
    assert_eq!(first.covers.last(), Some(&Covers::Between { from: Some(day), to: None }));
    let Next::Resume(known) = first.end else { panic!("the list is gone on with") };
    assert_eq!(read(&vendor, Some(known)).await.unwrap().ids(), ["t1_5", "t1_4"]);
}

#[tokio::test]
async fn known_items_are_asked_about_by_name_and_what_is_missing_is_gone() {
    let vendor = vendor(|path, asked| {
        assert_eq!((path, asked.get("id")), ("api/info", Some("t1_1,t1_2,t3_3")));
        let mut deleted = comment("t1_2", 9);
        deleted["data"]["author"] = json!("[deleted]");
        deleted["data"]["body"] = json!("[deleted]");
        listing(json!([comment("t1_1", 9), deleted]), None)
    })
    .await;
    let (client, feed) = (vendor.client(), Feed::account());
    let ids = || ["t1_1", "t1_2", "t3_3"].map(str::to_owned).to_vec();
    let now = Reddit.recheck(&client, &feed, ids()).await.unwrap();
    assert_eq!(now.upserts.len(), 1);
    assert_eq!(now.removed.len(), 2);
    assert_eq!(Reddit.confirm_gone(&client, &feed, ids()).await.unwrap(), ["t1_2", "t3_3"]);
}

#[tokio::test]
async fn a_missing_scope_and_a_suspended_account_are_told_apart_from_a_throttle() {
    for (status, word) in [(403, "scopes identity, history and read"), (404, "suspended")] {
        let vendor = vendor(move |_, _| (status, json!({"message": "no", "error": status}))).await;
        let cause = read(&vendor, None).await.unwrap_err();
        assert!(matches!(&cause, Error::Forbidden(why) if why.contains(word)), "{cause}");
    }
    assert_eq!(Reddit.fault(429, &json!({"message": "Too Many Requests", "error": 429})), None);
}
