//! Google Meet against a vendor by script, in the shapes of its reference.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
};

/// A request in short: what is asked, with what filter, of which page.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("meet.googleapis.com/v2/").unwrap();
    let said = ["filter", "pageToken"].iter().filter_map(|name| asked.get(name));
    said.fold(path.to_owned(), |line, part| format!("{line} {part}"))
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&GoogleMeet, move |asked| script(&short(asked))).await
}

async fn pass(vendor: &Vendor, cursor: Option<Pass>) -> Result<testing::Pass<Pass>> {
    testing::pass(&GoogleMeet, &vendor.client(), &Feed::account(), cursor).await
}

fn call(id: &str, end: Option<&str>) -> Value {
    let name = format!("conferenceRecords/{id}");
    json!({"name": name, "startTime": "2026-03-12T09:00:04.123456Z", "endTime": end, "space": "spaces/s"})
}

/// All lists of a call are empty.
fn nothing(asked: &str) -> (u16, Value) {
    match asked.rsplit_once('/').unwrap().1 {
        "participants" | "recordings" | "transcripts" => (200, json!({})),
        "s" => (403, json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}})),
        other => panic!("{other}"),
    }
}

const END: Option<&str> = Some("2026-03-12T09:47:30.5Z");

#[tokio::test]
async fn a_call_is_read_with_its_people_files_and_room_page_by_page() {
    let vendor = vendor(|asked| match asked {
        "conferenceRecords" => (200, json!({"conferenceRecords": [call("a", END), {"name": "no start"}], "nextPageToken": "2"})),
        "conferenceRecords/a/participants" => {
            let guest = json!({"anonymousUser": {"displayName": "Gast"}, "earliestStartTime": "2026-03-12T09:03:00Z"});
            (200, json!({"participants": [guest], "nextPageToken": "p"}))
        }
        "conferenceRecords/a/participants p" => {
            let own = json!({"signedinUser": {"user": "users/1", "displayName": "Zoë"}, "latestEndTime": "2026-03-12T09:47:30Z"});
            (200, json!({"participants": [own, {}]}))
        }
        "conferenceRecords/a/recordings" => {
            let times = ("2026-03-12T09:01:00Z", "2026-03-12T09:46:00Z");
            let file = json!({"name": "conferenceRecords/a/recordings/r", "state": "FILE_GENERATED",
                "startTime": times.0, "endTime": times.1, "driveDestination": {"file": "f", "exportUri": "https://x/r"}});
            (200, json!({"recordings": [file]}))
        }
        "conferenceRecords 2" | "conferenceRecords/a/transcripts" => (200, json!({})),
        "spaces/s" => (200, json!({"meetingUri": "https://meet/abc", "meetingCode": "abc"})),
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["conferenceRecords/a", "conferenceRecords/a/recordings/r"]);
    assert_eq!(pass.skipped, 1, "what has no beginning is no event");
    let (event, file) = (&pass.records[0].properties, &pass.records[1].properties);
    let (Properties::Event(event), Properties::MediaAsset(file)) = (event, file) else { panic!() };
    let guests = event.attendees.as_ref().unwrap();
    assert_eq!(guests[1].id.as_deref(), Some("users/1"));
    assert_eq!((guests[0].name.as_deref(), guests.len()), (Some("Gast"), 3));
    assert_eq!(event.conference.as_ref().unwrap().id.as_deref(), Some("abc"));
    assert_eq!(
        (file.duration_seconds, file.permalink.as_deref()),
        (Some(2_700.0), Some("https://x/r"))
    );
    assert_eq!(file.event_id.as_deref(), Some("conferenceRecords/a"));
}

#[tokio::test]
async fn the_next_pass_begins_three_days_before_the_newest_call() {
    let vendor = vendor(|asked| match asked {
        "conferenceRecords" => (200, json!({"conferenceRecords": [call("a", END)]})),
        "conferenceRecords start_time>=\"2026-03-09T09:00:04.123456Z\"" => (200, json!({})),
        other => nothing(other),
    })
    .await;
    let Next::Resume(next) = pass(&vendor, None).await.unwrap().end else { panic!("caught up") };
    let Next::Resume(again) = pass(&vendor, Some(next)).await.unwrap().end else {
        panic!("caught up")
    };
    assert_eq!(again.from.unwrap().to_string(), "2026-03-09T09:00:04.123456Z", "and stays there");
}

#[tokio::test]
async fn what_is_unfinished_is_looked_at_again_and_is_no_file_yet() {
    let vendor = vendor(|asked| match asked {
        "conferenceRecords" => {
            let mut new = call("b", END);
            new["startTime"] = "2026-03-20T09:00:00Z".into();
            (200, json!({"conferenceRecords": [new, call("a", END)]}))
        }
        "conferenceRecords/a/recordings" => (
            200,
            json!({"recordings": [{"name": "conferenceRecords/a/recordings/r", "state": "ENDED"}]}),
        ),
        other => nothing(other),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["conferenceRecords/b", "conferenceRecords/a"]);
    let Next::Resume(next) = pass.end else { panic!("caught up") };
    assert_eq!(next.from.unwrap().to_string(), "2026-03-09T09:00:04.123456Z");
}

#[tokio::test]
async fn a_call_that_vanishes_while_it_is_read_is_kept_as_far_as_it_was_seen() {
    let vendor = vendor(|asked| match asked {
        "conferenceRecords" => (200, json!({"conferenceRecords": [call("a", None)]})),
        _ => (404, json!({"error": {"code": 404, "status": "NOT_FOUND"}})),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.len()), (vec!["conferenceRecords/a"], 0));
}

#[test]
fn throttling_is_waited_out_and_a_scope_that_was_not_granted_is_named() {
    let read = |status, reason| {
        let details = json!([{"reason": reason, "domain": "googleapis.com"}]);
        GoogleMeet.fault(status, &json!({"error": {"code": status, "details": details}}))
    };
    assert_eq!(read(429, "RATE_LIMIT_EXCEEDED"), Some(Error::RateLimited(Duration::ZERO)));
    let Some(Error::Forbidden(what)) = read(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") else {
        panic!()
    };
    assert!(what.contains("meetings.space.readonly"), "{what}");
}
