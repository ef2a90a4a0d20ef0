use std::time::Duration;

use serde_json::{Map, json};

use super::*;
use crate::providers::testing::{self, Asked, Vendor};

const OWNER: &str = "token"; // the account's, as the scripted vendor's clients have it

fn error(status: u16, code: u64, subcode: Option<u64>, message: &str) -> (u16, Value) {
    let error = json!({"message": message, "type": "OAuthException", "code": code,
        "error_subcode": subcode, "fbtrace_id": "AWpk5h2ceG6"});
    (status, json!({"error": error}))
}

fn not_there() -> (u16, Value) {
    error(400, 100, Some(33), "Unsupported get request. Object with ID '1' does not exist")
}

fn list(data: &Value) -> (u16, Value) {
    (200, json!({"data": data, "paging": {"cursors": {"before": "a", "after": "b"}}}))
}

/// A request in short: `page-1 1/feed`, by token and path.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("graph.facebook.com/v25.0/").unwrap();
    format!("{} {path}", asked.bearer)
}

/// A person with two pages, who may be asked for what the script knows.
async fn vendor(script: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Facebook, move |asked| match short(asked).as_str() {
        "token me" => (200, json!({"id": "7", "name": "Jörg"})),
        "token me/accounts" if asked.get("after").is_none() => {
            let paging = json!({"cursors": {"after": "2"}, "next": "https://x/?access_token=hush"});
            let page = json!({"id": "1", "name": "Brot", "access_token": "page-1", "tasks": []});
            (200, json!({"data": [page], "paging": paging}))
        }
        "token me/accounts" => {
            list(&json!([{"id": "2", "name": "Kuchen", "access_token": "page-2"}]))
        }
        asked => script(asked).unwrap_or_else(|| panic!("{asked} is not asked for")),
    })
    .await
}

fn chosen(vendor: &Vendor, page: &str) -> Client {
    let settings = json!({"page_id": page});
    vendor.client_since(None, settings.as_object().unwrap())
}

async fn read(client: &Client, feed: &str) -> Result<testing::Pass<Walk>> {
    testing::pass(&Facebook, client, &Feed::new(feed, ""), None).await
}

fn names(feeds: &[Feed]) -> Vec<(&str, &str)> {
    feeds.iter().map(|feed| (feed.id.as_str(), feed.name.as_str())).collect()
}

#[tokio::test]
async fn every_page_is_read_with_its_own_token_which_is_looked_up_once_a_run() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "page-1 1/feed" => list(&json!([{"id": "1_1", "message": "a"}])),
            "page-2 2/feed" => list(&json!([{"id": "2_1"}])),
            "page-2 2/stories" => list(&json!([{"media_id": "9", "creation_time": "1760954400"}])),
            "token me/feed" => list(&json!([{"id": "7_1"}])),
            _ => return None,
        })
    })
    .await;
    let client = vendor.client();
    let feeds = Facebook.feeds(&client).await.unwrap();
    let of_pages = [("1", "Brot"), ("1/stories", "Brot: stories"), ("2", "Kuchen")];
    assert_eq!(names(&feeds)[..3], of_pages);
    assert_eq!(names(&feeds)[3..], [("2/stories", "Kuchen: stories"), ("me", "own posts")]);
    for (feed, id) in [("1", "1_1"), ("2", "2_1"), ("2/stories", "9"), ("me", "7_1")] {
        assert_eq!(read(&client, feed).await.unwrap().ids(), [id], "{feed}");
    }
    let asked: Vec<String> = vendor.asked().iter().map(short).collect();
    assert_eq!(asked.iter().filter(|line| line.ends_with("accounts")).count(), 2);
    assert_eq!(read(&client, "3").await.unwrap_err(), Error::NotFound, "a page that was lost");
}

#[tokio::test]
async fn a_page_that_was_chosen_is_read_alone_and_one_that_is_not_managed_is_refused_at_linking() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "token 1" => (200, json!({"id": "1", "name": "Brot", "access_token": "page-1"})),
            "token 2" => (200, json!({"id": "2", "name": "Kuchen"})),
            "token 3" => not_there(),
            "page-1 1/feed" => list(&json!([{"id": "1_1"}])),
            _ => return None,
        })
    })
    .await;
    let client = chosen(&vendor, "1");
    let account = Facebook.account(&client).await.unwrap();
    assert!(account.id == "7" && account.label == "Brot (Jörg)" && account.is("1"));
    let feeds = Facebook.feeds(&client).await.unwrap();
    assert_eq!(names(&feeds), [("1", "Brot"), ("1/stories", "Brot: stories")]);
    assert_eq!(read(&client, "1").await.unwrap().ids(), ["1_1"]);
    for page in ["2", "3"] {
        let cause = Facebook.account(&chosen(&vendor, page)).await.unwrap_err();
        assert!(matches!(&cause, Error::Invalid { field, .. } if field == "page_id"), "{cause}");
    }
}

#[tokio::test]
async fn a_pages_token_may_be_linked_as_it_is() {
    let vendor = Vendor::new(&Facebook, |asked| match short(asked).as_str() {
        "token me" | "token 1" => (200, json!({"id": "1", "name": "Brot"})),
        "token me/accounts" => error(
            400,
            100,
            None,
            "(#100) Tried accessing nonexisting field (accounts) on node type (Page)",
        ),
        "token 1/feed" => list(&json!([{"id": "1_1"}])),
        other => panic!("{other} is not asked for"),
    })
    .await;
    for client in [vendor.client(), chosen(&vendor, "1")] {
        assert_eq!(Facebook.account(&client).await.unwrap(), Account::new("1", "Brot"));
        let feeds = Facebook.feeds(&client).await.unwrap();
        assert_eq!(names(&feeds), [("1", "Brot"), ("1/stories", "Brot: stories")]);
        assert_eq!(read(&client, "1").await.unwrap().ids(), ["1_1"]);
    }
}

#[tokio::test]
async fn own_posts_that_may_not_be_read_leave_the_pages() {
    let vendor = vendor(|asked| {
        (asked == "token me/feed")
            .then(|| error(403, 200, None, "(#200) Requires user_posts permission"))
    })
    .await;
    let cause = read(&vendor.client(), "me").await.unwrap_err();
    assert!(matches!(&cause, Error::Forbidden(what) if what.contains("user_posts")), "{cause}");
}

#[tokio::test]
async fn a_token_of_the_wrong_kind_is_no_dead_one() {
    let vendor = vendor(|asked| {
        let message = "(#190) This method must be called with a Page Access Token";
        (asked == "page-1 1/feed").then(|| error(400, 190, None, message))
    })
    .await;
    assert!(matches!(read(&vendor.client(), "1").await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn a_throttled_page_and_a_dead_token_end_the_run_by_their_names() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "page-1 1/feed" => error(403, 32, None, "(#32) Page request limit reached"),
            "page-2 2/feed" => error(400, 190, Some(460), "Error validating access token"),
            _ => return None,
        })
    })
    .await;
    let client = vendor.client();
    let hour = Duration::from_hours(1);
    assert_eq!(read(&client, "1").await.unwrap_err(), Error::RateLimited(hour));
    let cause = read(&client, "2").await.unwrap_err();
    assert!(matches!(&cause, Error::Reconnect(why) if why.contains("password")), "{cause}");
}

#[tokio::test]
async fn an_app_that_asks_for_proof_is_given_one_for_each_token() {
    let vendor = vendor(|asked| (asked == "page-1 1/feed").then(|| list(&json!([])))).await;
    let client =
        vendor.client_of(None, &Map::new(), &[("app_secret", "s"), ("access_token", OWNER)]);
    read(&client, "1").await.unwrap();
    for asked in vendor.asked() {
        let proof = super::super::proof(&"s".into(), &asked.bearer.as_str().into());
        assert_eq!(asked.get("appsecret_proof"), Some(proof.as_str()), "{}", asked.path);
    }
    read(&vendor.client(), "1").await.unwrap();
    assert!(vendor.asked().iter().all(|asked| asked.get("appsecret_proof").is_none()));
}

#[tokio::test]
async fn a_post_that_is_not_listed_is_gone_only_if_facebook_no_longer_has_it() {
    let vendor = vendor(|asked| {
        Some(match asked {
            "page-1 1_1" => (200, json!({"id": "1_1"})),
            "page-1 1_2" => not_there(),
            "page-1 5" => error(403, 10, None, "(#10) pages_read_engagement"),
            _ => return None,
        })
    })
    .await;
    let ids = ["1_1", "1_2", "5"].map(str::to_owned).to_vec();
    let gone = Facebook.confirm_gone(&vendor.client(), &Feed::new("1", ""), ids).await.unwrap();
    assert_eq!(gone, ["1_2"]);
}

#[tokio::test]
async fn of_many_that_are_not_listed_no_more_are_asked_for_than_the_limit_bears() {
    let vendor = vendor(|_| Some(not_there())).await;
    let ids: Vec<String> = (0..500).map(|n| format!("1_{n}")).collect();
    let gone = Facebook.confirm_gone(&vendor.client(), &Feed::new("1", ""), ids).await.unwrap();
    assert_eq!(gone.len(), CONFIRMED);
    assert_eq!(HashSet::<String>::from_iter(gone).len(), CONFIRMED);
}

fn photo(id: &str) -> Value {
    json!({"media_type": "photo", "type": "photo", "target": {"id": id}, "url": format!("https://fb/{id}"),
        "unshimmed_url": format!("https://fb/{id}"),
        "media": {"image": {"src": format!("https://cdn/{id}?oe=1"), "width": 540, "height": 720}}})
}

async fn records(posts: Value) -> testing::Pass<Walk> {
    let vendor = vendor(move |asked| (asked == "page-1 1/feed").then(|| list(&posts))).await;
    read(&vendor.client(), "1").await.unwrap()
}

fn said(pass: &testing::Pass<Walk>, id: &str) -> Value {
    let record = pass.records.iter().find(|record| record.key.as_str() == id).unwrap();
    serde_json::to_value(&record.properties).unwrap()
}

#[tokio::test]
async fn a_post_is_a_message_and_its_pictures_and_films_are_assets() {
    let film = json!({"media_type": "video", "type": "video_inline", "target": {"id": "13"}, "url": "https://fb/13",
        "media": {"source": "https://cdn/13.mp4", "image": {"src": "https://cdn/13.jpg", "width": 1, "height": 2}}});
    let album = json!({"media_type": "album", "target": {"id": "99"}, "media": photo("11")["media"],
        "subattachments": {"data": [photo("11"), photo("12")]}});
    let from = json!({"id": "1", "name": "Brot"});
    let pass = records(json!([{
        "id": "1_1", "message": "Heute 🥨", "story": "unused", "from": from, "permalink_url": "https://fb/p",
        "created_time": "2025-10-20T04:30:00+0000", "updated_time": "2025-10-21T04:30:00+0000",
        "attachments": {"data": [album, film]}, "shares": {"count": 2},
        "likes": {"data": [], "summary": {"total_count": 41}},
        "comments": {"data": [], "summary": {"total_count": 0}},
        "reactions": {"data": [], "summary": {"total_count": 47}},
    }]))
    .await;
    assert_eq!(pass.ids(), ["1_1", "11", "12", "13"]);
    let picture = |id: &str| json!({"id": id, "type": "image", "url": format!("https://cdn/{id}?oe=1"), "width": 540, "height": 720});
    let film = json!({"id": "13", "type": "video", "url": "https://cdn/13.mp4", "thumbnail_url": "https://cdn/13.jpg"});
    assert_eq!(
        said(&pass, "1_1"),
        json!({"kind": "post", "text": "Heute 🥨", "from": from, "permalink": "https://fb/p",
            "sent_at": "2025-10-20T04:30:00Z", "updated_at": "2025-10-21T04:30:00Z",
            "media": [picture("11"), picture("12"), film],
            "engagement_stats": {"likes": 41, "comments": 0, "reactions": 47, "shares": 2}})
    );
    assert_eq!(
        said(&pass, "12"),
        json!({"kind": "image", "media": [picture("12")], "author": from,
            "created_at": "2025-10-20T04:30:00Z", "permalink": "https://fb/12"})
    );
    assert_eq!(said(&pass, "13")["kind"], "video");
}

#[tokio::test]
async fn an_address_that_is_signed_anew_is_no_change() {
    let posts = |sign: &str| {
        let mut photo = photo("11");
        photo["media"]["image"]["src"] = format!("https://cdn/11?oe={sign}").into();
        json!([{"id": "1_1", "attachments": {"data": [photo]}}])
    };
    let (one, two) = (records(posts("1")).await, records(posts("2")).await);
    for (one, two) in one.records.iter().zip(&two.records) {
        assert_eq!(one.digest(), two.digest(), "{:?}", one.key);
        assert_ne!(one.properties, two.properties);
    }
}

#[tokio::test]
async fn odd_posts_are_kept_as_far_as_they_go_and_drafts_are_not() {
    let link = json!({"media_type": "link", "type": "share", "target": {"url": "https://l.fb/"},
        "url": "https://l.fb/", "unshimmed_url": "https://example.org/brot", "media": {"image": {"src": "x"}}});
    let untyped = json!({"type": "profile_media", "target": {"id": "14"}});
    let nameless = json!({"media_type": "photo", "media": {"image": {"src": "https://cdn/x"}}});
    let pass = records(json!([
        {"id": "1_1", "story": "changed the cover", "created_time": "soon", "likes": 7},
        {"id": "1_2", "is_published": false, "message": "tomorrow", "attachments": {"data": [photo("15")]}},
        {"id": "1_3", "attachments": {"data": [link, 7, {"media_type": "event"}]}},
        {"id": "1_4", "attachments": {"data": [untyped, nameless]}},
        {"message": "without an id"},
    ]))
    .await;
    assert_eq!((pass.ids(), pass.skipped), (vec!["1_1", "1_3", "1_4", "14"], 1));
    assert_eq!(said(&pass, "1_1"), json!({"kind": "post", "text": "changed the cover"}));
    let attachments = json!([{"url": "https://example.org/brot"}]);
    assert_eq!(said(&pass, "1_3"), json!({"kind": "post", "attachments": attachments}));
    let media = json!([{"id": "14", "type": "image"}, {"type": "image", "url": "https://cdn/x"}]);
    assert_eq!(said(&pass, "1_4"), json!({"kind": "post", "media": media}));
}

#[tokio::test]
async fn what_several_posts_show_is_told_as_the_newest_has_it() {
    let post = |id: &str, day: u32| json!({"id": id, "created_time": format!("2025-10-{day}T00:00:00+0000"), "attachments": {"data": [photo("11")]}});
    let pass = records(json!([post("1_2", 20), post("1_1", 10)])).await;
    assert_eq!(pass.ids(), ["1_2", "11", "1_1"]);
    let asset = &pass.records[1];
    assert_eq!(said(&pass, "11")["created_at"], "2025-10-20T00:00:00Z");
    assert_eq!(
        asset.version,
        asset.properties.occurred_at(),
        "an older post's does not replace it"
    );
}

#[tokio::test]
async fn a_story_is_dated_by_seconds_in_a_text() {
    let vendor = vendor(|asked| {
        let stories = json!([
            {"media_id": "1", "creation_time": "1760954400", "url": "https://fb/s", "status": "published"},
            {"media_id": "2", "creation_time": 1_760_954_400},
            {"media_id": "3"},
        ]);
        (asked == "page-1 1/stories").then(|| list(&stories))
    })
    .await;
    let pass = read(&vendor.client(), "1/stories").await.unwrap();
    let at = "2025-10-20T10:00:00Z";
    assert_eq!(
        said(&pass, "1"),
        json!({"kind": "story", "permalink": "https://fb/s", "created_at": at})
    );
    assert_eq!(said(&pass, "2")["created_at"], at);
    assert_eq!(said(&pass, "3"), json!({"kind": "story"}));
}
