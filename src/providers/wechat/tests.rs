use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
};

const SECRETS: &[(&str, &str)] = &[("app_id", "wx1"), ("app_secret", "hush")];

fn story(title: &str) -> Value {
    json!({"title": title, "author": "", "digest": "", "url": "http://mp.weixin.qq.com/s",
        "content": "<p>Hello&nbsp;<b>you</b></p>", "is_deleted": false})
}

fn set(id: &str, at: i64, stories: &[Value]) -> Value {
    json!({"article_id": id, "update_time": at, "content": {"news_item": stories, "create_time": 9}})
}

fn list(total: u64, sets: &[Value]) -> Value {
    json!({"total_count": total, "item_count": sets.len(), "item": sets})
}

/// Answers what is asked for by the token, and everything else as the script says.
async fn vendor(script: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> Vendor {
    Vendor::new(&WeChat, move |asked: &Asked| {
        let path = asked.path.strip_prefix("api.weixin.qq.com/cgi-bin/").unwrap();
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        if path == "stable_token" {
            assert_eq!((&body["appid"], &body["secret"]), (&json!("wx1"), &json!("hush")));
            return (200, json!({"access_token": "T", "expires_in": 7_200}));
        }
        assert_eq!(asked.get("access_token"), Some("T"));
        (200, script(path, &body))
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    let client = vendor.client_of(None, &Map::new(), SECRETS);
    testing::pass(&WeChat, &client, &Feed::account(), cursor).await
}

fn done(known: i64) -> Cursor {
    Cursor { known: Some(known), latest: known, offset: 0, total: None }
}

#[tokio::test]
async fn a_set_gives_its_articles_by_their_place_and_an_odd_one_keeps_its_own() {
    let vendor = vendor(|_, asked| {
        assert_eq!((&asked["count"], &asked["no_content"]), (&json!(20), &json!(0)));
        list(1, &[set("a", 1_736_500_000, &[story("One"), json!(7), story("Three")])])
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["a:0", "a:2"], 1));
    let Properties::Message(message) = &pass.records[0].properties else { panic!("a message") };
    assert!(message.text.as_deref().unwrap().starts_with("Hello"), "{:?}", message.text);
    assert_eq!((message.subject.as_deref(), &message.from), (Some("One"), &None));
    assert_eq!(message.sent_at.map(Timestamp::as_second), Some(9));
    assert_eq!(pass.end, Next::Resume(done(1_736_500_000)));
}

#[tokio::test]
async fn a_list_that_grows_while_it_is_read_is_begun_again() {
    let vendor = vendor(|_, asked| match asked["offset"].as_u64().unwrap() {
        0 => list(3, &[set("a", 5, &[story("A")]), set("b", 5, &[story("B")])]),
        2 => list(4, &[set("b", 5, &[story("B")])]),
        other => panic!("nobody asks from {other}"),
    })
    .await;
    let client = vendor.client_of(None, &Map::new(), SECRETS);
    let at = |offset, total| Cursor { known: None, latest: 5, offset, total: Some(total) };
    let first = WeChat.page(&client, &Feed::account(), None).await.unwrap();
    assert_eq!(first.next, Next::More(at(2, 3)));
    let second = WeChat.page(&client, &Feed::account(), Some(at(2, 3))).await.unwrap();
    assert_eq!(second.next, Next::More(at(0, 4)));
}

#[tokio::test]
async fn a_later_pass_fetches_what_changed_and_sees_the_rest_without_its_text() {
    let vendor = vendor(|path, asked| {
        if path == "freepublish/getarticle" {
            assert_eq!(asked["article_id"], "new");
            return json!({"news_item": [story("Edited")]});
        }
        assert_eq!(asked["no_content"], 1);
        let mut gone = story("Gone");
        gone["is_deleted"] = true.into();
        list(2, &[set("new", 8, &[story("New")]), set("old", 4, &[story("Old"), gone])])
    })
    .await;
    let pass = pass(&vendor, Some(done(5))).await.unwrap();
    assert_eq!((pass.ids(), pass.seen.as_slice()), (vec!["new:0"], &["old:0".to_owned()][..]));
    assert_eq!(pass.gone, ["old:1"]);
    assert_eq!(pass.covers, [Covers::Between { from: None, to: None }], "what it lacks is gone");
    assert_eq!(pass.end, Next::Resume(done(8)));
}

#[tokio::test]
async fn what_a_list_lacks_is_gone_only_if_wechat_says_so() {
    let vendor = vendor(|_, asked| match asked["article_id"].as_str().unwrap() {
        "here" => json!({"news_item": [story("Here")]}),
        _ => json!({"errcode": 53_600, "errmsg": "Article ID 无效 rid: 1"}),
    })
    .await;
    let client = vendor.client_of(None, &Map::new(), SECRETS);
    let ids = ["here:0", "here:1", "gone:0"].map(String::from).to_vec();
    let gone = WeChat.confirm_gone(&client, &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["gone:0", "here:1"]);
}

#[tokio::test]
async fn a_refused_token_is_got_anew_once_and_other_refusals_say_what_is_wrong() {
    let vendor =
        vendor(|_, _| json!({"errcode": 42_001, "errmsg": "access_token expired rid: 1"})).await;
    assert!(matches!(pass(&vendor, None).await, Err(Error::Reconnect(_))));
    let tokens = vendor.paths().into_iter().filter(|path| path == "cgi-bin/stable_token").count();
    assert_eq!(tokens, 2);
    let fault =
        |code: i64, said: &str| WeChat.fault(200, &json!({"errcode": code, "errmsg": said}));
    let Some(Error::Forbidden(why)) = fault(40_164, "invalid ip 121.10.41.97 ipv6 x, not in")
    else {
        panic!("forbidden")
    };
    assert!(why.contains(" 121.10.41.97 "), "{why}");
    assert!(matches!(fault(48_001, "api unauthorized"), Some(Error::Forbidden(_))));
    assert!(matches!(fault(45_009, "daily"), Some(Error::RateLimited(_))));
    assert!(matches!(fault(-1, "system busy"), Some(Error::Unavailable(_))));
    assert_eq!(fault(0, "ok"), None);
    let noon = "2025-01-10T04:00:00Z".parse().unwrap(); // in China
    assert_eq!(until_midnight(noon), Duration::from_hours(12));
}
