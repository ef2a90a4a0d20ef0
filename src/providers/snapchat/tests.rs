use serde_json::json;

use super::*;
use crate::{
    provider::Next,
    providers::testing::{self, Asked, Vendor},
};

const LIST: &str = "businessapi.snapchat.com/v1/public_profiles/p1/spotlights";

fn entry(id: &str, status: &str) -> Value {
    json!({"sub_request_status": "SUCCESS", "spotlight": {"id": id, "status": status,
        "title": id, "created_at": "2025-10-20T15:04:05.123Z"}})
}

async fn vendor(spotlights: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Snapchat, move |asked| {
        if asked.path.ends_with("/my_profile") {
            return (200, json!({"public_profiles": [{"public_profile": {"id": "p1", "snap_user_name": "lia"}}]}));
        }
        assert!(asked.path.starts_with(LIST), "{}", asked.path);
        spotlights(asked)
    })
    .await
}

#[tokio::test]
async fn every_sync_walks_the_list_and_takes_what_is_live_alone() {
    let vendor = vendor(|asked| match asked.get("cursor") {
        None => {
            let items = [
                entry("a", "LIVE"),
                entry("b", "SUBMITTED"),
                json!({"sub_request_status": "ERROR"}),
            ];
            (200, json!({"spotlights": items, "paging": {"next_page_id": "2"}}))
        }
        Some(_) => {
            (200, json!({"spotlights": [{"spotlight": {"id": "c", "caption": "x"}}], "paging": {}}))
        }
    })
    .await;
    let pass = testing::pass(&Snapchat, &vendor.client(), &Feed::account(), None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["a", "c"], 1));
    assert_eq!(pass.end, Next::Relist);
    let account = Snapchat.account(&vendor.client()).await.unwrap();
    assert!(account.id == "p1" && account.is("lia"));
}

#[tokio::test]
async fn what_a_list_lacks_is_gone_when_the_vendor_says_so_or_rejected_it() {
    let vendor = vendor(|asked| match asked.path.rsplit('/').next() {
        Some("gone") => (404, json!({"request_status": "ERROR"})),
        Some("rejected") => (200, json!({"spotlights": [entry("rejected", "REJECTED")]})),
        _ => (200, json!({"spotlights": [entry("there", "LIVE")]})),
    })
    .await;
    let ids = ["gone", "there", "rejected"].map(str::to_owned).to_vec();
    let gone = Snapchat.confirm_gone(&vendor.client(), &Feed::account(), ids).await.unwrap();
    assert_eq!(gone, ["gone", "rejected"]);
}

#[test]
fn an_app_that_is_not_on_snaps_list_is_told_so() {
    let denied =
        json!({"request_status": "ERROR", "error_code": "AUTHORIZATION_PERMISSION_DENIED"});
    assert!(
        matches!(Snapchat.fault(403, &denied), Some(Error::Forbidden(why)) if why.contains("list"))
    );
    assert!(matches!(Snapchat.fault(401, &Value::Null), Some(Error::Reconnect(_))));
    assert_eq!(Snapchat.fault(429, &denied), None);
}
