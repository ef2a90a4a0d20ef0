use serde_json::json;

use super::*;
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
};

fn error(code: u64, subcode: Option<u64>) -> (u16, Value) {
    let message = "(#10) Application does not have permission for this action";
    (
        400,
        json!({"error": {"message": message, "type": "THApiException", "code": code, "error_subcode": subcode}}),
    )
}

fn insights(views: u64) -> (u16, Value) {
    let of = |name: &str, value: u64| json!({"name": name, "period": "lifetime", "values": [{"value": value}]});
    (200, json!({"data": [of("views", views), of("replies", 4), {"name": "odd", "values": []}]}))
}

fn short(asked: &Asked) -> String {
    asked.path.strip_prefix("graph.threads.net/v1.0/").unwrap().to_owned()
}

/// A vendor of one list, which ends with an answer without items, as Threads' do.
async fn vendor(
    posts: Value,
    script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
) -> Vendor {
    Vendor::new(&Threads, move |asked| match short(asked).as_str() {
        "me" => (200, json!({"id": "24", "username": "lia.schreibt", "name": "Lia"})),
        "me/threads" | "me/replies" if asked.get("after").is_some() => (200, json!({"data": []})),
        "me/threads" | "me/replies" => {
            (200, json!({"data": posts, "paging": {"cursors": {"before": "a", "after": "b"}}}))
        }
        other => script(other),
    })
    .await
}

async fn read(vendor: &Vendor, feed: &str) -> Result<testing::Pass<Walk>> {
    testing::pass(&Threads, &vendor.client(), &Feed::new(feed, ""), None).await
}

fn said(pass: &testing::Pass<Walk>) -> Vec<Value> {
    pass.records.iter().map(|record| serde_json::to_value(&record.properties).unwrap()).collect()
}

#[tokio::test]
async fn a_post_is_told_with_its_counts_and_an_albums_parts() {
    let posts = json!([
        {"id": "1", "media_type": "CAROUSEL_ALBUM", "text": "Zwei Bilder", "username": "lia.schreibt", "owner": {"id": "24"},
            "timestamp": "2025-10-10T12:12:12+0000", "permalink": "https://t/1", "media_url": "https://cdn/first",
            "children": {"data": [{"id": "11"}, {"id": "12"}, {"id": "13"}]}},
        {"id": "2", "media_type": "AUDIO", "media_url": "https://cdn/2", "alt_text": "a voice"},
    ]);
    let vendor = vendor(posts, |asked| match asked {
        "11" => (200, json!({"id": "11", "media_type": "IMAGE", "media_url": "https://cdn/11"})),
        "12" => {
            (200, json!({"id": "12", "media_type": "VIDEO", "thumbnail_url": "https://cdn/12t"}))
        }
        "1/insights" => insights(910),
        "13" | "2/insights" => error(100, Some(33)),
        other => panic!("{other} is not asked for"),
    })
    .await;
    let pass = read(&vendor, "threads").await.unwrap();
    let media = json!([{"id": "11", "type": "image", "url": "https://cdn/11"},
        {"id": "12", "type": "video", "thumbnail_url": "https://cdn/12t"}]);
    let album = json!({"kind": "post", "text": "Zwei Bilder", "from": {"id": "24", "handle": "lia.schreibt"},
        "sent_at": "2025-10-10T12:12:12Z", "permalink": "https://t/1", "media": media,
        "engagement_stats": {"views": 910, "comments": 4}});
    let sound =
        json!([{"id": "2", "type": "audio", "url": "https://cdn/2", "alt_text": "a voice"}]);
    assert_eq!(said(&pass), [album, json!({"kind": "post", "media": sound})]);
}

#[tokio::test]
async fn replies_quotes_gifs_links_and_reposts_are_told_apart() {
    let posts = json!([
        {"id": "1", "media_type": "TEXT_POST", "text": "danke", "root_post": {"id": "7"}, "replied_to": {"id": "8"}},
        {"id": "2", "media_type": "TEXT_POST", "quoted_post": {"id": "9"}, "link_attachment_url": "https://example.org/"},
        {"id": "3", "media_type": "TEXT_POST", "gif_url": "https://cdn/3.gif"},
        {"id": "4", "media_type": "REPOST_FACADE", "reposted_post": {"id": "10"}, "permalink": "https://t/4"},
        {"text": "without an id"},
    ]);
    let vendor = vendor(posts, |asked| match asked {
        "1/insights" | "2/insights" | "3/insights" => (200, json!({"data": []})),
        other => panic!("{other} is not asked for: a repost has no counts"),
    })
    .await;
    let pass = read(&vendor, "replies").await.unwrap();
    assert_eq!(pass.skipped, 1);
    let gif = json!([{"id": "3", "type": "gif", "url": "https://cdn/3.gif"}]);
    assert_eq!(
        said(&pass),
        [
            json!({"kind": "post", "text": "danke", "thread_id": "7", "in_reply_to": "8"}),
            json!({"kind": "post", "quotes": "9", "attachments": [{"url": "https://example.org/"}]}),
            json!({"kind": "post", "media": gif}),
            json!({"kind": "post", "permalink": "https://t/4"}),
        ]
    );
}

#[tokio::test]
async fn without_the_permission_for_counts_posts_come_without_them_and_one_call_finds_out() {
    let posts: Value =
        (1..=9).map(|n| json!({"id": n.to_string(), "media_type": "TEXT_POST"})).collect();
    let refusing = vendor(posts.clone(), |_| error(10, None)).await;
    let client = refusing.client();
    for feed in ["threads", "replies"] {
        let pass = testing::pass(&Threads, &client, &Feed::new(feed, ""), None).await.unwrap();
        assert_eq!(said(&pass), vec![json!({"kind": "post"}); 9]);
    }
    let asked: Vec<String> = refusing.asked().iter().map(short).collect();
    assert_eq!(asked.iter().filter(|path| path.ends_with("insights")).count(), 1);
    // Where it is granted, nothing is asked twice.
    let granting = vendor(posts, |_| insights(1)).await;
    let pass = read(&granting, "threads").await.unwrap();
    assert!(said(&pass).iter().all(|post| post["engagement_stats"]["views"] == 1));
    assert_eq!(granting.asked().len(), 2 + 9);
}

#[tokio::test]
async fn replies_that_may_not_be_read_leave_the_posts() {
    let vendor = Vendor::new(&Threads, |asked| match short(asked).as_str() {
        "me/replies" => error(10, None),
        _ => (200, json!({"data": []})),
    })
    .await;
    let feeds = Threads.feeds(&vendor.client()).await.unwrap();
    assert_eq!(feeds.len(), 2);
    assert!(matches!(read(&vendor, "replies").await, Err(Error::Forbidden(_))));
    assert!(read(&vendor, "threads").await.unwrap().records.is_empty());
    let asked = vendor.asked();
    let [replies, posts] = [0, 1].map(|at: usize| asked[at].get("fields").unwrap());
    assert!(replies.contains("replied_to") && !replies.contains("owner"), "{replies}");
    assert!(posts.contains("owner") && !posts.contains("replied_to"), "{posts}");
}

#[tokio::test]
async fn a_bound_before_there_was_threads_is_the_earliest_that_it_takes() {
    let vendor = vendor(json!([]), |other| panic!("{other} is not asked for")).await;
    let client = vendor.client_since("2020-01-01T00:00:00Z".parse().ok(), &serde_json::Map::new());
    testing::pass(&Threads, &client, &Feed::new("threads", ""), None).await.unwrap();
    assert_eq!(vendor.asked()[0].get("since"), Some("1688540400"));
}

#[tokio::test]
async fn a_pass_after_the_first_reads_fifty_posts_and_their_counts_again() {
    let page = |asked: &Asked| {
        let at: u32 = asked.get("after").map_or(0, |after| after.parse().unwrap());
        let post = |n: u32| json!({"id": n.to_string(), "media_type": "TEXT_POST", "timestamp": format!("2025-10-20T00:00:{:02}+0000", 59 - n / 4)});
        let data: Value = (at..at + 25).map(post).collect();
        (200, json!({"data": data, "paging": {"cursors": {"after": (at + 25).to_string()}}}))
    };
    let vendor = Vendor::new(&Threads, move |asked| match short(asked).as_str() {
        "me/threads" => page(asked),
        _ => insights(1),
    })
    .await;
    let known = json!({"newest": "2025-11-20T00:00:00Z", "pass": null});
    let known = serde_json::from_value(known).unwrap();
    let (client, feed) = (vendor.client(), Feed::new("threads", ""));
    let pass = testing::pass(&Threads, &client, &feed, Some(known)).await.unwrap();
    assert_eq!((pass.sizes.as_slice(), vendor.asked().len()), (&[25, 25][..], 2 + 50));
    assert!(matches!(pass.end, Next::Resume(_)));
}

#[tokio::test]
async fn what_is_not_listed_is_gone_only_if_the_vendor_no_longer_has_it() {
    let vendor = vendor(json!([]), |asked| match asked {
        "1" => (200, json!({"id": "1"})),
        _ => error(100, Some(33)),
    })
    .await;
    let ids = ["1", "2"].map(str::to_owned).to_vec();
    let gone = Threads.confirm_gone(&vendor.client(), &Feed::new("threads", ""), ids).await;
    assert_eq!(gone.unwrap(), ["2"]);
    let account = Threads.account(&vendor.client()).await.unwrap();
    assert!(account.id == "24" && account.is("lia.schreibt"));
}
