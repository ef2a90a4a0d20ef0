use super::*;
use crate::{
    provider::{Covers, Next},
    providers::testing::{self, Vendor},
};

fn ok(data: Value) -> (u16, Value) {
    let error = json!({"code": "ok", "message": "", "log_id": "1"});
    (200, Value::from_iter([("data", data), ("error", error)]))
}

fn error(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"data": {}, "error": {"code": code, "message": "no", "log_id": "1"}}))
}

/// A vendor of lia's, whose answers to a path and a body are as the script says.
async fn vendor(script: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&TikTok, move |asked| {
        assert!(asked.get("fields").is_some(), "TikTok gives nothing that is not asked for");
        match asked.path.strip_prefix("open.tiktokapis.com/v2/").unwrap() {
            "user/info/" => ok(json!({"user": {"open_id": "-0", "display_name": "Lia"}})),
            path => script(path, &serde_json::from_str(&asked.body).unwrap()),
        }
    })
    .await
}

async fn read(vendor: &Vendor, cursor: Option<Walk<i64>>) -> Result<testing::Pass<Walk<i64>>> {
    testing::pass(&TikTok, &vendor.client(), &Feed::account(), cursor).await
}

#[tokio::test]
async fn a_video_is_told_with_its_counts_and_player_and_an_odd_one_is_counted() {
    let vendor = vendor(|_, _| {
        ok(json!({"videos": [{"id": "7563000000000000101", "create_time": 1_760_983_200, "duration": 21,
            "video_description": "", "title": "", "share_url": "https://t/1", "embed_link": "https://p/1",
            "width": 576, "view_count": 5_000_000_000_u64, "like_count": null}, {"id": 7}], "has_more": false}))
    })
    .await;
    let pass = read(&vendor, None).await.unwrap();
    assert_eq!(pass.skipped, 1);
    assert_eq!(
        serde_json::to_value(&pass.records[0].properties).unwrap(),
        json!({"kind": "video", "created_at": "2025-10-20T18:00:00Z", "duration_seconds": 21.0,
            "permalink": "https://t/1", "author": {"id": "-0", "name": "Lia"}, "engagement_stats": {"views": 5_000_000_000_u64},
            "media": [{"id": "7563000000000000101", "type": "video", "url": "https://p/1", "width": 576, "duration_seconds": 21.0}]})
    );
}

#[tokio::test]
async fn an_empty_page_with_more_behind_it_does_not_end_the_list() {
    let vendor = vendor(|_, body| match body["cursor"].as_i64() {
        None => {
            ok(json!({"videos": [{"id": "9", "create_time": 9}], "cursor": 9000, "has_more": true}))
        }
        Some(9000) => ok(json!({"videos": [], "cursor": 5000, "has_more": true})),
        Some(_) => {
            ok(json!({"videos": [{"id": "4", "create_time": 4}], "cursor": 0, "has_more": false}))
        }
    })
    .await;
    let pass = read(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.covers.last()), (vec!["9", "4"], Some(&Covers::Everything)));
}

#[tokio::test]
async fn the_next_pass_reads_the_newest_again_and_answers_for_them_alone() {
    const DAY: i64 = 86_400;
    let vendor = vendor(|_, body| {
        let page = body["cursor"].as_i64().unwrap_or(0);
        let videos: Value = (0..20)
            .map(|n| 300 - page * 20 - n)
            .map(|day| json!({"id": day.to_string(), "create_time": day * DAY}))
            .collect();
        ok(json!({"videos": videos, "cursor": page + 1, "has_more": page < 9}))
    })
    .await;
    let first = read(&vendor, None).await.unwrap();
    assert_eq!(first.records.len(), 200);
    let Next::Resume(known) = first.end else { panic!("the list is gone on with") };
    let again = read(&vendor, Some(known)).await.unwrap();
    let from = jiff::Timestamp::from_second(201 * DAY).ok();
    assert_eq!(
        (again.records.len(), again.covers.last()),
        (100, Some(&Covers::Between { from, to: None }))
    );
}

#[tokio::test]
async fn what_a_query_lacks_is_gone() {
    let vendor = vendor(|path, body| {
        assert_eq!(path, "video/query/");
        let asked = body["filters"]["video_ids"].as_array().unwrap();
        assert!(asked.len() <= 20, "TikTok takes no more");
        let alive: Vec<_> =
            asked.iter().filter(|id| *id != "7").map(|id| json!({"id": id})).collect();
        ok(json!({"videos": alive}))
    })
    .await;
    let ids = (0..45).map(|id| id.to_string()).collect();
    let gone = TikTok.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!((gone, vendor.asked().len()), (vec!["7".to_owned()], 3));
}

#[tokio::test]
async fn errors_are_read_by_their_word_whatever_the_status() {
    for (status, word) in [(401, "scope_not_authorized"), (200, "scope_permission_missed")] {
        let vendor = vendor(move |_, _| error(status, word)).await;
        let cause = read(&vendor, None).await.unwrap_err();
        assert!(matches!(&cause, Error::Forbidden(why) if why.contains("video.list")), "{cause}");
    }
    let fault = |code: &str| TikTok.fault(200, &error(200, code).1);
    assert_eq!(fault("rate_limit_exceeded"), Some(Error::RateLimited(Duration::ZERO)));
    assert!(matches!(fault("access_token_invalid"), Some(Error::Reconnect(_))));
    assert_eq!(fault("ok"), None);
    let stuck = vendor(|_, _| ok(json!({"videos": [], "cursor": 5, "has_more": true}))).await;
    assert!(
        matches!(read(&stuck, None).await, Err(Error::Unexpected { at, .. }) if at == "data.cursor")
    );
}
