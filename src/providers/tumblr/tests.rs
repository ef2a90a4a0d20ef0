use serde_json::json;

use super::*;
use crate::{
    provider::{Covers, Next},
    providers::testing::{self, Vendor},
};

fn answer(response: Value) -> (u16, Value) {
    (200, Value::from_iter([("meta", json!({"status": 200, "msg": "OK"})), ("response", response)]))
}

fn post(id: u64, content: Value) -> Value {
    Value::from_iter([
        ("id", json!(id)),
        ("id_string", json!(id.to_string())),
        ("blog_name", json!("derekg")),
        ("timestamp", json!(1_000_000 * id)),
        ("tags", json!([])),
        ("state", json!("published")),
        ("content", content),
    ])
}

fn blog() -> Feed {
    Feed::new("t:0aY", "derekg")
}

/// A blog of posts, of which one is skipped where it has no id.
async fn blog_of(posts: Vec<Value>) -> Vendor {
    Vendor::new(&Tumblr, move |asked| {
        assert_eq!(asked.path, "api.tumblr.com/v2/blog/t:0aY/posts");
        assert_eq!(asked.get("npf"), Some("true"), "else another shape comes");
        let number = |name| asked.get(name).unwrap().parse::<usize>().unwrap();
        let page: Vec<_> = posts.iter().skip(number("offset")).take(number("limit")).collect();
        answer(json!({"posts": page, "total_posts": posts.len()}))
    })
    .await
}

async fn read(vendor: &Vendor, cursor: Option<Walk<u64>>) -> testing::Pass<Walk<u64>> {
    testing::pass(&Tumblr, &vendor.client(), &blog(), cursor).await.unwrap()
}

#[tokio::test]
async fn words_become_markdown_and_what_is_seen_and_heard_records_of_their_own() {
    let content = json!([
        {"type": "text", "subtype": "heading1", "text": "Été"},
        {"type": "text", "text": "🍅 bold link", "formatting": [
            {"start": 2, "end": 11, "type": "bold"}, {"start": 7, "end": 11, "type": "link", "url": "https://x.example"},
            {"start": 9, "end": 99, "type": "italic"}, {"start": 1, "end": 2, "type": "glow"}]},
        {"type": "image", "media": [{"type": "image/png", "url": "https://i/1", "width": 9, "height": 8}], "alt_text": "a cat"},
        {"type": "video", "provider": "youtube", "url": "https://youtube.example/v"},
        {"type": "poll"}, {"type": "audio", "title": "Song", "media": {"type": "audio/mp3", "url": "https://a/1"}},
    ]);
    let pass = read(&blog_of(vec![post(7, content)]).await, None).await;
    assert_eq!(pass.ids(), ["7", "7:2", "7:5"]);
    let said: Vec<Value> =
        pass.records.iter().map(|of| serde_json::to_value(&of.properties).unwrap()).collect();
    let text = "# Été\n\n🍅 **bold [link](https://x.example)**\n\nhttps://youtube.example/v";
    assert_eq!((&said[0]["title"], &said[0]["content"]), (&json!("Été"), &json!(text)));
    assert_eq!(said[1]["caption"], "a cat");
    assert_eq!(said[1]["parent"], json!({"id": "7"}));
    assert_eq!((&said[2]["title"], &said[2]["mime_type"]), (&json!("Song"), &json!("audio/mp3")));
}

#[tokio::test]
async fn pages_go_on_by_what_came_and_the_next_pass_reads_the_newest_again() {
    let mut posts: Vec<_> = (1..=90).rev().map(|id| post(id, json!([]))).collect();
    posts[3] = json!({"id": 87});
    let vendor = blog_of(posts).await;
    let first = read(&vendor, None).await;
    assert_eq!((first.records.len(), first.skipped), (89, 1));
    assert_eq!(first.covers, [Covers::Everything; 5]);
    let offsets: Vec<_> =
        vendor.asked().iter().map(|of| of.get("offset").unwrap().to_owned()).collect();
    assert_eq!(offsets, ["0", "20", "40", "60", "80"]);
    let Next::Resume(known) = first.end else { panic!("the blog is gone on with") };
    let again = read(&vendor, Some(known)).await;
    assert_eq!(again.sizes, [19, 20, 20, 20], "60 that could be read");
    assert!(matches!(again.covers.last(), Some(Covers::Between { from: Some(_), .. })));
}

#[tokio::test]
async fn a_part_that_left_its_post_goes_and_the_posts_of_a_page_hold_theirs_whole() {
    let vendor =
        blog_of(vec![post(7, json!([{"type": "image", "media": [{"url": "https://i/1"}]}]))]).await;
    let page = Tumblr.page(&vendor.client(), &blog(), None).await.unwrap();
    assert_eq!(page.replacing, ["7"]);
    assert_eq!(page.upserts.last().unwrap().place.as_deref(), Some("7"));
}

#[tokio::test]
async fn what_a_listing_lacks_is_gone_with_its_post_alone() {
    let vendor = Vendor::new(&Tumblr, |asked| match asked.get("id") {
        Some("7") => answer(json!({"posts": [post(7, json!([]))], "total_posts": 9})),
        _ => (404, json!({"meta": {"status": 404, "msg": "Not Found"}, "response": []})),
    })
    .await;
    let ids = ["7", "7:0", "8", "8:1"].map(str::to_owned).to_vec();
    let gone = Tumblr.confirm_gone(&vendor.client(), &blog(), ids).await.unwrap();
    assert_eq!(gone, ["8", "8:1"]);
    assert_eq!(vendor.asked().len(), 2, "each post once");
}

#[tokio::test]
async fn every_blog_is_a_feed_and_a_list_with_an_odd_one_takes_none_away() {
    let blogs = |odd: bool| {
        Vendor::new(&Tumblr, move |_| {
            let second =
                if odd { json!({"name": "b"}) } else { json!({"uuid": "t:b", "name": "b"}) };
            let first = json!({"uuid": "t:a", "name": "a", "primary": true});
            answer(json!({"user": {"name": "a", "blogs": [second, first]}}))
        })
    };
    let vendor = blogs(false).await;
    assert_eq!(Tumblr.account(&vendor.client()).await.unwrap().id, "t:a");
    assert_eq!(
        Tumblr.feeds(&vendor.client()).await.unwrap(),
        [Feed::new("t:b", "b"), Feed::new("t:a", "a")]
    );
    assert!(Tumblr.feeds(&blogs(true).await.client()).await.is_err());
}
