use serde_json::json;

use super::*;
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
};

const MINUTE: i64 = 60_000;

fn post(id: u32, minute: i64) -> Value {
    json!({"id": format!("urn:li:share:{id}"), "author": "urn:li:organization:5", "commentary": format!("p{id}"),
        "publishedAt": minute * MINUTE, "lastModifiedAt": minute * MINUTE, "lifecycleState": "PUBLISHED"})
}

fn listed(elements: Value, next: Option<u32>) -> (u16, Value) {
    let link = |start| json!({"rel": "next", "href": format!("/rest/x?count=50&start={start}")});
    let links: Vec<_> = next.map(link).into_iter().collect();
    (200, Value::from_iter([("elements", elements), ("paging", json!({"links": links}))]))
}

/// A vendor that answers as the script says; to what it does not know, with no comments and no counts.
async fn vendor(
    script: impl Fn(&str, &Asked) -> Option<(u16, Value)> + Send + Sync + 'static,
) -> Vendor {
    Vendor::new(&LinkedIn, move |asked| {
        assert_eq!(asked.header("linkedin-version"), Some("202605"));
        let path = asked.path.strip_prefix("api.linkedin.com/").unwrap();
        script(path, asked).unwrap_or_else(|| match path {
            "rest/socialMetadata" => (200, json!({"results": {}})),
            _ => listed(json!([]), None),
        })
    })
    .await
}

fn organization() -> Feed {
    Feed::new("urn:li:organization:5", "5")
}

async fn read(vendor: &Vendor, cursor: Option<Walk<u32>>) -> Result<testing::Pass<Walk<u32>>> {
    testing::pass(&LinkedIn, &vendor.client(), &organization(), cursor).await
}

fn said(pass: &testing::Pass<Walk<u32>>) -> Vec<Value> {
    pass.records.iter().map(|record| serde_json::to_value(&record.properties).unwrap()).collect()
}

#[tokio::test]
async fn little_text_becomes_plain_and_what_hangs_on_a_post_is_told() {
    let vendor = vendor(|path, _| {
        (path == "rest/posts").then(|| {
            let mut full = post(1, 1);
            full["commentary"] = json!(r"Hi @[Dev \] Co](urn:li:organization:2) \(m/w\) {hashtag|\#|jobs} a@b.de {x} \q @[open");
            full["content"] = json!({"multiImage": {"images": [{"id": "urn:li:image:C5", "altText": "a"}, {"id": "urn:li:document:D4", "altText": ""}]},
                "article": {"source": "https://example.org"}});
            full["reshareContext"] = json!({"parent": "urn:li:share:9"});
            let mut draft = post(2, 1);
            draft["lifecycleState"] = json!("DRAFT");
            listed(json!([full, draft, {"commentary": "no id"}]), None)
        })
    })
    .await;
    let pass = read(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["urn:li:share:1"], 1));
    assert_eq!(pass.gone, ["urn:li:share:2", "at urn:li:share:2"]);
    assert_eq!(
        said(&pass)[0],
        json!({"kind": "post", "text": r"Hi @Dev ] Co (m/w) #jobs a@b.de {x} \q @[open", "from": {"id": "urn:li:organization:5"},
            "quotes": "urn:li:share:9", "attachments": [{"url": "https://example.org"}],
            "media": [{"id": "urn:li:image:C5", "type": "image", "alt_text": "a"}, {"id": "urn:li:document:D4", "type": "file"}],
            "permalink": "https://www.linkedin.com/feed/update/urn:li:share:1/",
            "sent_at": "1970-01-01T00:01:00Z", "updated_at": "1970-01-01T00:01:00Z"})
    );
}

#[tokio::test]
async fn comments_and_their_answers_lie_at_their_post_which_holds_them_whole() {
    let vendor = vendor(|path, asked| {
        let comment = |n: u32, answers: u32| json!({"commentUrn": format!("urn:li:comment:(urn:li:activity:1,{n})"), "message": {"text": "hm"},
            "commentsSummary": {"totalFirstLevelComments": answers}});
        Some(match path {
            "rest/posts" => listed(json!([post(1, 1)]), None),
            "rest/socialMetadata" => {
                assert_eq!(asked.get("ids"), Some("List(urn:li:share:1)"));
                (200, json!({"results": {"urn:li:share:1": {"reactionSummaries": {"LIKE": {"count": 10}, "PRAISE": {"count": 1}},
                    "commentSummary": {"count": 3, "topLevelCount": 2}}}}))
            }
            "rest/socialActions/urn%3Ali%3Ashare%3A1/comments" => match asked.get("start") {
                None => listed(json!([comment(1, 0)]), Some(100)),
                Some(_) => listed(json!([comment(2, 1)]), None),
            },
            "rest/socialActions/urn%3Ali%3Acomment%3A%28urn%3Ali%3Aactivity%3A1%2C2%29/comments" => {
                let mut answer = comment(3, 0);
                answer["parentComment"] = json!("urn:li:comment:(urn:li:activity:1,2)");
                listed(json!([answer]), None)
            }
            other => panic!("nobody asks for {other}"),
        })
    })
    .await;
    let page = LinkedIn.page(&vendor.client(), &organization(), None).await.unwrap();
    assert_eq!(page.replacing, ["urn:li:share:1"]);
    assert!(
        page.upserts
            .iter()
            .skip(1)
            .all(|comment| comment.place.as_deref() == Some("urn:li:share:1"))
    );
    let said: Vec<Value> =
        page.upserts.iter().map(|of| serde_json::to_value(&of.properties).unwrap()).collect();
    assert_eq!(said.len(), 4);
    assert_eq!(said[0]["engagement_stats"], json!({"likes": 11, "comments": 3}));
    assert_eq!(said[3]["in_reply_to"], "urn:li:comment:(urn:li:activity:1,2)");
}

#[tokio::test]
async fn a_pass_ends_behind_a_page_that_is_old_as_a_whole_and_judges_nothing() {
    let vendor = vendor(|path, asked| {
        let start: u32 = asked.get("start").map_or(0, |start| start.parse().unwrap());
        // The newest of a page stands last.
        let page =
            || (0..50).map(|n| post(start + n, 1_000 - i64::from(start) + i64::from(n))).collect();
        (path == "rest/posts").then(|| listed(page(), (start < 150).then_some(start + 50)))
    })
    .await;
    let first = read(&vendor, None).await.unwrap();
    assert_eq!((first.sizes, first.covers), (vec![50; 4], vec![Covers::Everything; 4]));
    let Next::Resume(known) = first.end else { panic!("a page is gone on with") };
    let again = read(&vendor, Some(known)).await.unwrap();
    assert_eq!((again.sizes, again.covers), (vec![50; 2], vec![Covers::Nothing; 2]));
}

#[tokio::test]
async fn deleted_posts_go_with_their_comments_and_a_post_that_was_left_out_keeps_its_own() {
    let vendor = vendor(|path, _| match path {
        "rest/socialMetadata" => Some((200, json!({"results": {"urn:li:share:1": {}}, "errors": {"urn:li:share:2": {"status": 404}}}))),
        "rest/posts/urn%3Ali%3Ashare%3A2" => Some((404, json!({"status": 404, "code": "NOT_FOUND"}))),
        other => Some((200, json!({"id": other}))),
    })
    .await;
    let ids = |posts: &[u32]| {
        let posts = posts.iter().map(|id| format!("urn:li:share:{id}"));
        posts.chain(["urn:li:comment:(urn:li:activity:2,7)".to_owned()]).collect::<Vec<_>>()
    };
    let client = vendor.client();
    let now = LinkedIn.recheck(&client, &organization(), ids(&[1, 2, 3])).await.unwrap();
    assert_eq!(now.removed.len(), 2, "the post and what lies at it");
    let feed = organization();
    let gone = |posts: &'static [u32]| LinkedIn.confirm_gone(&client, &feed, ids(posts));
    assert_eq!(gone(&[2]).await.unwrap(), ids(&[2]));
    assert_eq!(gone(&[2, 3]).await.unwrap(), ["urn:li:share:2"]);
}

#[tokio::test]
async fn every_refusal_says_what_to_do_about_it() {
    let fault = |status: u16, code: &str, message: &str| {
        LinkedIn.fault(status, &json!({"status": status, "code": code, "message": message}))
    };
    assert!(
        matches!(fault(401, "REVOKED_ACCESS_TOKEN", ""), Some(Error::Reconnect(why)) if why.contains("withdrawn"))
    );
    assert!(
        matches!(fault(403, "ACCESS_DENIED", ""), Some(Error::Forbidden(why)) if why.contains("r_organization_social"))
    );
    assert!(
        matches!(fault(426, "NONEXISTENT_VERSION", ""), Some(Error::Invalid { field, .. }) if field == "api_version")
    );
    let spent =
        "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.";
    assert_eq!(fault(429, "TOO_MANY_REQUESTS", spent), Some(Error::RateLimited(QUOTA_SPENT)));
    assert_eq!(fault(429, "TOO_MANY_REQUESTS", "slow down"), None);
    let nobody = vendor(|_, _| None).await;
    assert!(matches!(LinkedIn.feeds(&nobody.client()).await, Err(Error::Forbidden(_))));
}
