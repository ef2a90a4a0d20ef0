use serde_json::{Map, json};

use super::{calls::CAPPED, *};
use crate::{
    provider::Gone,
    providers::testing::{self, Asked, Vendor},
    record::{Media, MediaAsset, Message, Properties},
};

fn post(id: &str) -> Value {
    json!({"id": id, "text": id, "author_id": "7", "created_at": "2025-10-20T14:00:12.000Z",
        "conversation_id": id, "edit_history_tweet_ids": [id]})
}

fn with(mut post: Value, key: &str, value: Value) -> Value {
    post[key] = value;
    post
}

fn carrying(id: &str, media: &[&str]) -> Value {
    with(post(id), "attachments", json!({"media_keys": media}))
}

fn version(id: &str, history: &[&str]) -> Value {
    with(post(id), "edit_history_tweet_ids", json!(history))
}

/// An answer with these posts, and content for all media that they name.
fn posts(posts: &[Value], next: Option<&str>) -> (u16, Value) {
    let keys =
        posts.iter().filter_map(|post| post["attachments"]["media_keys"].as_array()).flatten();
    let media: Vec<Value> =
        keys.map(|key| json!({"media_key": key, "type": "photo", "url": "u"})).collect();
    let meta = json!({"result_count": posts.len(), "next_token": next});
    let user = json!({"id": "7", "name": "Dev", "username": "dev"});
    (200, json!({"data": posts, "includes": {"users": [user], "media": media}, "meta": meta}))
}

fn not_found(id: &str) -> Value {
    json!({"resource_id": id, "title": "Not Found Error",
        "type": "https://api.twitter.com/2/problems/resource-not-found"})
}

/// A request in short: `tweets since=9 page=b`.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("api.x.com/2/").unwrap();
    let path = path.strip_prefix("users/7/").unwrap_or(path);
    let named = [
        ("since", "since_id"),
        ("page", "pagination_token"),
        ("until", "until_id"),
        ("ids", "ids"),
    ];
    let said =
        named.iter().filter_map(|(short, name)| Some(format!(" {short}={}", asked.get(name)?)));
    said.fold(path.to_owned(), |line, part| line + &part)
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&X, move |asked| match short(asked).as_str() {
        "users/me" => (200, json!({"data": {"id": "7", "name": "Dev", "username": "dev"}})),
        asked => script(asked),
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&X, &vendor.client(), &Feed::account(), cursor).await
}

fn asked(vendor: &Vendor) -> Vec<String> {
    vendor.asked().iter().map(short).collect()
}

/// A cursor between two passes.
fn since(id: &str) -> Cursor {
    Cursor { user: "7".into(), since: Some(id.into()), pass: None }
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.key.as_str()).collect()
}

fn message(record: &Record) -> &Message {
    match &record.properties {
        Properties::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn asset(record: &Record) -> &MediaAsset {
    match &record.properties {
        Properties::MediaAsset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_first_listing_goes_from_page_to_page_and_the_next_pass_asks_for_newer_posts_alone() {
    let vendor = vendor(|asked| match asked {
        "tweets" => posts(&[post("110"), post("99")], Some("b")),
        "tweets page=b" => posts(&[post("98")], None),
        "tweets since=110" => (200, json!({"meta": {"result_count": 0}})),
        other => panic!("{other}"),
    })
    .await;
    let first = pass(&vendor, None).await.unwrap();
    assert_eq!(first.ids(), ["110", "99", "98"]);
    assert_eq!(first.covers, [Covers::Everything; 2]);
    assert_eq!(first.end, Next::Resume(since("110")), "compared as numbers");
    let second = pass(&vendor, Some(since("110"))).await.unwrap();
    assert!(second.records.is_empty());
    assert_eq!(second.end, Next::Resume(since("110")), "an empty answer loses nothing");
    assert_eq!(asked(&vendor), ["users/me", "tweets", "tweets page=b", "tweets since=110"]);
}

#[tokio::test]
async fn the_newest_post_counts_once_all_pages_of_the_pass_are_in() {
    let vendor = vendor(|asked| match asked {
        "tweets since=100" => posts(&[post("130"), post("120")], Some("b")),
        "tweets since=100 page=b" => posts(&[post("110")], None),
        other => panic!("{other}"),
    })
    .await;
    let client = vendor.client();
    let page = X.page(&client, &Feed::account(), Some(since("100"))).await.unwrap();
    let Next::More(cursor) = page.next else { panic!("{:?}", page.next) };
    assert_eq!(cursor.since.as_deref(), Some("100"));
    let end = pass(&vendor, Some(cursor)).await.unwrap().end;
    assert_eq!(end, Next::Resume(since("130")));
}

#[tokio::test]
async fn a_page_whose_name_x_forgot_is_asked_for_by_the_oldest_post_that_was_read() {
    let vendor = vendor(|asked| match asked {
        "tweets" => posts(&[post("9"), post("8")], Some("stale")),
        "tweets page=stale" => (
            400,
            json!({"title": "Invalid Request", "type": "https://api.twitter.com/2/problems/invalid-request",
                "errors": [{"parameters": {"pagination_token": ["stale"]}, "message": "not valid"}]}),
        ),
        "tweets until=8" => posts(&[post("7")], Some("c")),
        "tweets page=c" => posts(&[], None),
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["9", "8", "7"]);
    assert_eq!(pass.end, Next::Resume(since("9")));
}

#[tokio::test]
async fn an_edit_replaces_the_versions_before_it_and_keeps_the_media_that_it_still_has() {
    let vendor = vendor(|_| {
        let edited = version("30", &["10", "20", "30"]);
        posts(&[with(edited, "attachments", json!({"media_keys": ["3_1"]}))], None)
    })
    .await;
    let pass = pass(&vendor, Some(since("10"))).await.unwrap();
    assert_eq!(pass.ids(), ["30", "3_1"]);
    assert_eq!(pass.gone, ["10", "20", "at 10", "at 20"], "and what only they had");
    assert_eq!(pass.records[1].place.as_deref(), Some("30"));
}

#[tokio::test]
async fn media_on_several_posts_belong_to_the_newest_of_them_also_across_pages() {
    let vendor = vendor(|asked| match asked {
        "tweets" => posts(&[carrying("20", &["3_1", "3_2"]), carrying("19", &["3_2"])], Some("b")),
        _ => posts(&[carrying("18", &["3_1", "3_3"])], None),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["20", "3_1", "3_2", "19", "18", "3_3"]);
    let places: Vec<_> = pass.records.iter().filter_map(|of| of.place.as_deref()).collect();
    assert_eq!(places, ["20", "20", "18"]);
    assert_eq!(asset(&pass.records[1]).permalink.as_deref(), Some("https://x.com/dev/status/20"));
    assert_eq!(message(&pass.records[4]).media.as_ref().unwrap().len(), 2);
}

#[tokio::test]
async fn a_timeline_at_the_end_of_xs_reach_concludes_nothing_about_older_posts() {
    let vendor = vendor(|asked| {
        let page: u64 = asked.strip_prefix("tweets page=").map_or(0, |page| page.parse().unwrap());
        let at = |id| Timestamp::from_second(i64::try_from(id).unwrap()).unwrap().to_string();
        let ids = (0..100).map(|n| 1_000_000_000 - page * 100 - n);
        let page_of: Vec<Value> =
            ids.map(|id| with(post(&id.to_string()), "created_at", at(id).into())).collect();
        posts(&page_of, (page < 31).then(|| (page + 1).to_string()).as_deref())
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    let from = Timestamp::from_second(1_000_000_000 - 3_199).ok();
    assert_eq!(pass.records.len(), 3_200);
    assert_eq!(pass.covers[..31], [Covers::Everything; 31]);
    assert_eq!(pass.covers[31], Covers::Between { from, to: None });
}

#[tokio::test]
async fn a_bounded_listing_asks_from_its_bound_and_from_no_earlier_than_x_takes() {
    let vendor = vendor(|_| posts(&[], None)).await;
    for (bound, asks) in [
        ("2025-01-01T00:00:00.5Z", "2025-01-01T00:00:00Z"),
        ("2001-01-01T00:00:00Z", "2010-11-06T00:00:01Z"),
    ] {
        let client = vendor.client_since(Some(bound.parse().unwrap()), &Map::new());
        let page = X.page(&client, &Feed::account(), None).await.unwrap();
        assert_eq!(page.next, Next::Relist, "there is no post to go on from");
        let listing = vendor.asked().pop().unwrap();
        assert_eq!(listing.get("start_time"), Some(asks));
        X.page(&client, &Feed::account(), Some(since("9"))).await.unwrap();
        assert_eq!(vendor.asked()[0].get("start_time"), None);
    }
}

#[tokio::test]
async fn known_posts_are_asked_again_for_counts_edits_and_deletions() {
    let vendor = vendor(|asked| {
        assert_eq!(asked, "tweets ids=50,40,30,20,11,10");
        let edited =
            with(version("45", &["40", "45"]), "attachments", json!({"media_keys": ["3_4"]}));
        let known = [
            carrying("50", &["3_1"]),
            edited,
            version("30", &["30", "33"]),
            carrying("20", &["3_1", "3_9"]),
        ];
        let (status, mut answer) = posts(&known, None);
        let protected = json!({"resource_id": "11", "title": "Authorization Error",
            "type": "https://api.twitter.com/2/problems/not-authorized-for-resource"});
        answer["errors"] = json!([not_found("10"), protected, not_found("9")]); // 9 is what another one quotes
        (status, answer)
    })
    .await;
    let known = ["50", "3_1", "40", "30", "20", "11", "10"].map(str::to_owned).to_vec();
    let page = X.recheck(&vendor.client(), &Feed::account(), known).await.unwrap();
    assert_eq!(ids(&page.upserts), ["50", "3_1", "45", "3_4", "20"], "3_9 was not asked about");
    let places: Vec<_> = page.upserts.iter().filter_map(|of| of.place.as_deref()).collect();
    assert_eq!(places, ["50", "45"]);
    let gone = |of: &dyn Fn(String) -> Gone| ["10", "30", "40"].map(|id| of(id.to_owned()));
    assert_eq!(page.removed, [gone(&Gone::Id), gone(&Gone::Place)].concat());
    assert_eq!(page.seen, ["11"]);
}

#[tokio::test]
async fn media_alone_are_not_asked_about_and_do_not_end_the_asking() {
    let vendor = vendor(|other| panic!("{other}")).await;
    let page = X.recheck(&vendor.client(), &Feed::account(), vec!["3_1".into()]).await.unwrap();
    assert_eq!((page.upserts.len(), page.seen), (0, vec!["3_1".to_owned()]));
}

#[tokio::test]
async fn a_missing_post_is_gone_only_if_x_says_so_and_media_only_without_a_post() {
    let vendor = vendor(|asked| {
        assert_eq!(asked, "tweets ids=5,4,3,2");
        let (status, mut answer) =
            posts(&[carrying("5", &["3_1"]), version("44", &["4", "44"])], None);
        answer["errors"] = json!([not_found("3"), {"resource_id": "2", "title": "Forbidden",
            "type": "https://api.twitter.com/2/problems/resource-not-found"}]);
        (status, answer)
    })
    .await;
    let missing = ["5", "4", "3", "2", "3_1", "3_2"].map(str::to_owned).to_vec();
    let gone = X.confirm_gone(&vendor.client(), &Feed::account(), missing).await.unwrap();
    assert_eq!(gone, ["3", "4", "3_2"]);
    let many: Vec<String> = (100..350).map(|id| id.to_string()).collect();
    let vendor = Vendor::new(&X, |_| (200, json!({"errors": [not_found("101")]}))).await;
    X.confirm_gone(&vendor.client(), &Feed::account(), many).await.unwrap();
    assert_eq!(vendor.asked().len(), 3, "a hundred at a time");
}

#[tokio::test]
async fn an_account_that_x_no_longer_shows_is_no_empty_timeline() {
    let suspended = json!({"errors": [{"title": "Forbidden", "resource_id": "7",
        "type": "https://api.twitter.com/2/problems/resource-not-found"}]});
    let hidden = vendor(move |_| (200, suspended.clone())).await;
    assert!(matches!(pass(&hidden, Some(since("9"))).await, Err(Error::Forbidden(_))));
    let odd = vendor(|_| (200, json!({}))).await;
    assert!(matches!(pass(&odd, Some(since("9"))).await, Err(Error::Unexpected { .. })));
    let me = Vendor::new(&X, |_| (200, json!({"data": {"id": "../7"}}))).await;
    assert!(matches!(X.account(&me.client()).await, Err(Error::Unexpected { .. })));
}

#[tokio::test]
async fn a_limit_that_lasts_ends_the_run_with_the_time_to_come_back() {
    let capped = vendor(|_| {
        (429, json!({"title": "UsageCapExceeded", "type": "https://api.twitter.com/2/problems/usage-capped"}))
    })
    .await;
    assert_eq!(pass(&capped, Some(since("9"))).await.unwrap_err(), Error::RateLimited(CAPPED));
    assert_eq!(asked(&capped).len(), 1);
}

#[tokio::test]
async fn an_odd_post_is_left_out_and_the_others_stay() {
    let vendor = vendor(|_| {
        posts(
            &[json!({"id": 7}), post("8"), json!({"id": "9", "created_at": "soon", "lang": null})],
            None,
        )
    })
    .await;
    let pass = pass(&vendor, Some(since("1"))).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["9", "8"], 1));
    let odd = message(&pass.records[0]);
    assert_eq!((odd.sent_at, &odd.text, &odd.from), (None, &None, &None));
    assert_eq!(odd.permalink.as_deref(), Some("https://x.com/i/status/9"));
}

#[test]
fn a_refusal_says_what_to_do() {
    let fault = |status, kind: &str| {
        X.fault(status, &json!({"type": format!("https://api.twitter.com/2/problems/{kind}")}))
    };
    assert!(
        matches!(fault(402, "credits"), Some(Error::Forbidden(why)) if why.contains("credits"))
    );
    assert!(
        matches!(fault(403, "client-forbidden"), Some(Error::Forbidden(why)) if why.contains("project"))
    );
    assert!(matches!(fault(403, "unsupported-authentication"), Some(Error::Invalid { .. })));
    assert!(
        matches!(X.fault(403, &Value::Null), Some(Error::Forbidden(why)) if why.contains("tweet.read"))
    );
    for status in [401, 429, 500] {
        assert_eq!(
            X.fault(status, &json!({"type": "about:blank", "errors": [{"code": 88}]})),
            None
        );
    }
    assert_eq!(fault(400, "invalid-request"), None);
}

fn read(answer: Value) -> Vec<Record> {
    serde_json::from_value::<Posts>(answer).unwrap().records(|_, _| true)
}

#[test]
fn a_post_is_read_in_both_generations_of_names() {
    let older = json!({"data": [{"id": "9", "text": "cut…", "note_tweet": {"text": "whole"}, "author_id": "7",
        "edit_history_tweet_ids": ["8", "9"], "public_metrics": {"like_count": 1, "retweet_count": 2, "bookmark_count": 0},
        "referenced_tweets": [{"type": "quoted", "id": "5"}, {"type": "replied_to", "id": "6"}]}]});
    let newer = json!({"data": [{"id": "9", "text": "cut…", "note_post": {"text": "whole"}, "author_id": "7",
        "edit_history_post_ids": ["8", "9"], "public_metrics": {"like_count": 1, "repost_count": 2, "bookmark_count": 0},
        "referenced_posts": [{"type": "quoted", "id": "5"}, {"type": "replied_to", "id": "6"}]}]});
    let of = |answer: &Value| serde_json::from_value::<Posts>(answer.clone()).unwrap();
    assert_eq!(read(older.clone()), read(newer.clone()));
    assert_eq!(of(&older).take_replaced(), ["8"]);
    assert_eq!(of(&newer).take_replaced(), ["8"]);
    let records = read(older);
    let post = message(&records[0]);
    assert_eq!(
        (post.text.as_deref(), post.quotes.as_deref(), post.in_reply_to.as_deref()),
        (Some("whole"), Some("5"), Some("6"))
    );
    let stats = serde_json::to_value(&post.engagement_stats).unwrap();
    assert_eq!(stats, json!({"likes": 1, "reposts": 2, "saves": 0}));
}

#[test]
fn a_repost_has_the_originals_whole_text_and_none_of_its_media() {
    for (kind, includes) in [("retweeted", "tweets"), ("reposted", "posts")] {
        let original =
            json!({"id": "5", "text": "cut", "note_tweet": {"text": "the whole &amp; more"}});
        let mut answer = json!({"data": [{"id": "9", "text": "RT @x: the who…",
            "referenced_tweets": [{"type": kind, "id": "5"}], "attachments": {"media_keys": ["3_1"]}}],
            "includes": {"media": [{"media_key": "3_1", "type": "photo"}]}});
        answer["includes"][includes] = json!([original]);
        let records = read(answer);
        assert_eq!(ids(&records), ["9"]);
        assert_eq!(message(&records[0]).text.as_deref(), Some("the whole & more"));
        assert_eq!(message(&records[0]).media, None);
    }
    let unseen = read(
        json!({"data": [{"id": "9", "text": "RT @x: the who…", "referenced_tweets": [{"type": "retweeted", "id": "5"}]}]}),
    );
    assert_eq!(message(&unseen[0]).text.as_deref(), Some("RT @x: the who…"));
}

#[test]
fn a_text_is_what_people_see_with_addresses_spelled_out() {
    let text = |text: &str, urls: Value| {
        let records =
            read(json!({"data": [{"id": "9", "text": text, "entities": {"urls": urls}}]}));
        message(&records[0]).text.clone().unwrap()
    };
    let link = |url: &str, to: &str| json!({"url": url, "expanded_url": to});
    assert_eq!(text("2 &lt; 3 &amp;amp; &amp;lt;", json!([])), "2 < 3 &amp; &lt;", "decoded once");
    assert_eq!(
        text(
            "see https://t.co/a https://t.co/b",
            json!([link("https://t.co/a", "https://e.org/?x=1&y=2"), {"url": 7}])
        ),
        "see https://e.org/?x=1&y=2 https://t.co/b"
    );
    assert_eq!(text("aaa", json!([link("a", "bb")])), "aaa", "only what X shortened");
    assert_eq!(
        text("https://t.co/a", json!([link("https://t.co/a", &"x".repeat(5_000))])),
        "https://t.co/a"
    );
}

#[test]
fn media_are_found_at_the_best_address_that_x_gives() {
    let item = |media: Value| -> (Media, Record) {
        let media_of = json!({"data": [carrying("9", &["k"])], "includes": {"media": [media]}});
        let mut records = read(media_of);
        let asset_record = records.pop().unwrap();
        (asset(&asset_record).media.clone().unwrap().remove(0), asset_record)
    };
    let film = json!({"media_key": "k", "type": "video", "duration_ms": 30_433, "preview_image_url": "p",
        "public_metrics": {"view_count": 3}, "variants": [{"content_type": "application/x-mpegURL", "url": "m3u8"},
        {"bit_rate": 256_000, "content_type": "video/mp4", "url": "low"},
        {"bit_rate": 2_176_000, "content_type": "video/mp4", "url": "high"}, {}]});
    let (film, record) = item(film);
    assert_eq!((film.url.as_deref(), film.thumbnail_url.as_deref()), (Some("high"), Some("p")));
    assert_eq!(film.duration_seconds, Some(30.433));
    assert_eq!(asset(&record).duration_seconds, Some(30.433));
    assert_eq!(
        serde_json::to_value(&asset(&record).engagement_stats).unwrap(),
        json!({"views": 3})
    );
    let (gif, _) =
        item(json!({"media_key": "k", "type": "animated_gif", "preview_image_url": "p"}));
    assert_eq!((gif.kind, gif.url.as_deref()), (crate::record::MediaType::Gif, Some("p")));
    let (odd, _) = item(json!({"media_key": "k", "type": "hologram"}));
    assert_eq!((odd.kind, odd.url), (crate::record::MediaType::File, None));
}
