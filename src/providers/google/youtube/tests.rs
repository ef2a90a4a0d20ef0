//! YouTube against a vendor by script, in the shapes of its reference.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{MediaAsset, Properties},
};

/// A request in short: what is asked, of which page or videos.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("www.googleapis.com/youtube/v3/").unwrap();
    let said = ["pageToken", "id"].iter().filter_map(|name| asked.get(name));
    said.fold(path.to_owned(), |line, part| format!("{line} {part}"))
}

fn channels() -> (u16, Value) {
    let details = json!({"relatedPlaylists": {"uploads": "UU1"}});
    let channel = json!({"id": "UC1", "snippet": {"title": "Boote", "customUrl": "@boote"}, "contentDetails": details});
    (200, json!({"items": [channel]}))
}

fn entries(videos: &[(&str, &str)], next: Option<&str>) -> (u16, Value) {
    let entry = |(id, at): &(&str, &str)| json!({"id": "UU.x", "snippet": {"publishedAt": at}, "contentDetails": {"videoId": id}});
    (200, json!({"items": videos.iter().map(entry).collect::<Vec<_>>(), "nextPageToken": next}))
}

fn videos(ids: &[&str]) -> (u16, Value) {
    let video = |id: &&str| json!({"id": id, "snippet": {"title": id}});
    (200, json!({"items": ids.iter().map(video).collect::<Vec<_>>()}))
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&YouTube, move |asked| match short(asked).as_str() {
        "channels" => channels(),
        asked => script(asked),
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Walk>) -> Result<testing::Pass<Walk>> {
    testing::pass(&YouTube, &vendor.client(), &Feed::account(), cursor).await
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_walk_reads_all_uploads_once_and_the_next_ends_where_it_began() {
    let vendor = vendor(|asked| match asked {
        "playlistItems" => {
            entries(&[("a", "2026-03-09T00:00:00Z"), ("b", "2026-03-08T00:00:00Z")], Some("p2"))
        }
        "videos a,b" => videos(&["b", "a"]),
        "playlistItems p2" => {
            entries(&[("c", "2019-05-01T00:00:00Z"), ("c", "2019-05-01T00:00:00Z")], None)
        }
        "videos c" => (200, json!({"items": [{"id": "c"}, {"kind": "no id"}]})),
        other => panic!("{other}"),
    })
    .await;
    let all = pass(&vendor, None).await.unwrap();
    assert_eq!((all.ids(), all.skipped), (vec!["b", "a", "c"], 1));
    let Next::Resume(next) = all.end else { panic!("caught up") };
    assert_eq!((next.until, next.listing), (Some(at("2026-03-08T00:00:00Z")), false));
    vendor.asked();
    let new = pass(&vendor, Some(Walk { until: Some(at("2026-03-08T12:00:00Z")), ..next }))
        .await
        .unwrap();
    assert_eq!((new.ids(), &new.covers[..]), (vec!["b", "a"], &[Covers::Everything][..]));
    assert_eq!(vendor.asked().len(), 3, "what is older was not read again");
}

#[tokio::test]
async fn a_known_video_that_is_left_out_is_gone_and_the_others_are_read_again() {
    let vendor = vendor(|asked| match asked {
        "videos a,b" => videos(&["b"]),
        other => panic!("{other}"),
    })
    .await;
    let ids = || vec!["a".to_owned(), "b".to_owned()];
    let page = YouTube.recheck(&vendor.client(), &Feed::account(), ids()).await.unwrap();
    assert_eq!((page.removed, page.upserts.len()), (vec![Gone::Id("a".into())], 1));
    let gone = YouTube.confirm_gone(&vendor.client(), &Feed::account(), ids()).await.unwrap();
    assert_eq!(gone, ["a"], "a walk with a gap removes nothing that is there");
}

#[tokio::test]
async fn a_channel_without_uploads_is_empty_and_a_stale_page_begins_again() {
    let vendor = vendor(|asked| match asked {
        "playlistItems" => (404, json!({"error": {"errors": [{"reason": "playlistNotFound"}]}})),
        "playlistItems old" => (400, json!({"error": {"message": "…", "errors": [{"reason": "invalidPageToken", "location": "pageToken"}]}})),
        other => panic!("{other}"),
    })
    .await;
    assert!(pass(&vendor, None).await.unwrap().records.is_empty());
    let old = Walk { listing: true, until: None, page: Some("old".into()), newest: None };
    assert_eq!(pass(&vendor, Some(old)).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn a_video_keeps_all_that_is_said_of_it_and_counts_that_are_hidden_are_absent() {
    let video: Video = serde_json::from_value(json!({
        "id": "zDf", "snippet": {"title": "Kiel", "description": "", "publishedAt": "2025-10-20T16:00:05Z",
            "channelId": "UC1", "channelTitle": "Boote", "tags": ["Boot"],
            "thumbnails": {"default": {"url": "https://i/small"}, "high": {"url": "https://i/high"}}},
        "contentDetails": {"duration": "P1DT1H2M3S"}, "status": {"privacyStatus": "private"},
        "statistics": {"viewCount": "3120000123", "favoriteCount": "0"},
    }))
    .unwrap();
    let Properties::MediaAsset(asset) = Record::from(video).properties else { panic!("an asset") };
    let MediaAsset { caption, duration_seconds, engagement_stats, sharing, media, .. } = *asset;
    assert_eq!((caption, duration_seconds), (None, Some(90_123.0)));
    let counts = engagement_stats.unwrap();
    assert_eq!((counts.len(), counts["views"].as_u64()), (1, Some(3_120_000_123)));
    assert_eq!(sharing.unwrap().scope.as_deref(), Some("private"));
    assert_eq!(media.unwrap()[0].thumbnail_url.as_deref(), Some("https://i/high"));
}

#[tokio::test]
async fn a_spent_quota_is_waited_out_and_an_account_without_a_channel_is_told() {
    let read =
        |status, reason| YouTube.fault(status, &json!({"error": {"errors": [{"reason": reason}]}}));
    assert_eq!(read(403, "quotaExceeded"), Some(Error::RateLimited(Duration::from_hours(1))));
    assert_eq!(read(403, "rateLimitExceeded"), Some(Error::RateLimited(Duration::ZERO)));
    assert_eq!(read(401, "youtubeSignupRequired"), Some(no_channel()));
    let vendor =
        Vendor::new(&YouTube, |_| (200, json!({"kind": "youtube#channelListResponse"}))).await;
    assert_eq!(YouTube.account(&vendor.client()).await.unwrap_err(), no_channel());
}
