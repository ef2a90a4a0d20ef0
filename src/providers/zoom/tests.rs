use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Event, MediaAsset, MediaAssetKind, Moment, Properties},
};

async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Zoom, move |asked| {
        script(asked.path.strip_prefix("api.zoom.us/v2/").unwrap(), asked)
    })
    .await
}

async fn pass(
    vendor: &Vendor,
    feed: &str,
    cursor: Option<Cursor>,
) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Zoom, &vendor.client(), &Feed::new(feed, feed), cursor).await
}

fn event(meeting: Value) -> Option<Event> {
    let record = serde_json::from_value::<Meeting>(meeting).unwrap().into_record()?;
    match record.properties {
        Properties::Event(event) => Some(*event),
        other => panic!("{other:?}"),
    }
}

fn asset(record: &Record) -> &MediaAsset {
    match &record.properties {
        Properties::MediaAsset(asset) => asset,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_series_is_one_event_with_its_rule_and_without_what_was_deleted() {
    let start = "2030-06-17T10:30:00Z";
    let meeting = |recurrence: Value| {
        json!({"id": 85_361_420_174_u64, "topic": "T", "agenda": "", "start_time": start, "duration": 30,
            "recurrence": recurrence, "settings": {"meeting_invitees": [{"email": "a@example.org"}, {}]},
            "occurrences": [{"start_time": start, "status": "available"},
                {"start_time": "2030-06-24T10:30:00Z", "status": "deleted"}]})
    };
    for (recurrence, rule) in [
        (
            json!({"type": 2, "weekly_days": "2,7", "end_times": 3}),
            "RRULE:FREQ=WEEKLY;BYDAY=MO,SA;COUNT=3",
        ),
        (
            json!({"type": 1, "repeat_interval": 2, "end_date_time": "2030-07-01T00:00:00Z"}),
            "RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20300701T000000Z",
        ),
        (json!({"type": 3, "monthly_day": 31}), "RRULE:FREQ=MONTHLY;BYMONTHDAY=31"),
        (
            json!({"type": 3, "monthly_week": -1, "monthly_week_day": 6}),
            "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
        ),
    ] {
        let event = event(meeting(recurrence)).unwrap();
        assert_eq!(event.recurrence.unwrap(), [rule, "EXDATE:20300624T103000Z"]);
        assert_eq!(event.end, Some(Moment::At("2030-06-17T11:00:00Z".parse().unwrap())));
        assert_eq!((event.description, event.attendees.unwrap().len()), (None, 1));
    }
    let odd = event(meeting(json!({"type": 9}))).unwrap();
    assert_eq!(odd.recurrence, None);
    assert_eq!(event(json!({"id": 1, "type": 3})), None, "a room that is open at any time");
}

#[tokio::test]
async fn each_meeting_of_the_list_is_asked_for_once_and_only_coming_ones_can_be_missed() {
    let vendor = vendor(|path, asked| match (path, asked.get("next_page_token")) {
        ("users/me/meetings", None) => {
            let slot = |id: u64| json!({"id": id, "start_time": "2099-06-17T10:30:00Z"});
            let open = json!({"id": 3, "type": 3});
            (200, json!({"next_page_token": "p", "meetings": [slot(1), slot(1), slot(2), open, {"id": "x"}]}))
        }
        ("users/me/meetings", Some(_)) => (200, json!({"next_page_token": "", "meetings": []})),
        ("meetings/1", _) => (200, json!({"id": 1, "start_time": "2099-06-17T10:30:00Z"})),
        ("meetings/2", _) => (404, json!({"code": 3001, "message": "Meeting does not exist: 2."})),
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, MEETINGS, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped, &pass.end), (vec!["1"], 1, &Next::Relist));
    assert!(matches!(pass.covers[0], Covers::Between { from: Some(_), to: None }));
    let ids = ["1", "2"].map(str::to_owned).to_vec();
    let gone = Zoom.confirm_gone(&vendor.client(), &Feed::new(MEETINGS, ""), ids).await;
    assert_eq!(gone.unwrap(), ["2"]);
}

#[tokio::test]
async fn recordings_are_asked_for_month_by_month_and_those_in_the_trash_are_gone() {
    let vendor = vendor(|path, asked| match (path, asked.get("trash"), asked.get("trash_type")) {
        ("users/me", ..) => (200, json!({"id": "u", "created_at": "2024-11-25T06:50:39Z"})),
        (_, Some("true"), Some("recording_file")) => {
            (200, json!({"meetings": [{"recording_files": [{"id": "f9"}, {"file_type": "TIMELINE"}]}]}))
        }
        (_, Some("true"), _) => (200, json!({"meetings": []})),
        _ => {
            let day = |name: &str| asked.get(name).unwrap().parse::<Date>().unwrap();
            assert!(day("from").until(day("to")).unwrap().get_days() <= 30);
            let file = |id: &str, status: &str| json!({"id": id, "status": status, "file_type": "MP4",
                "file_extension": "MP4", "recording_type": "shared_screen", "file_size": 7,
                "recording_start": "2026-05-14T10:00:05Z", "recording_end": ""});
            let files = json!([file("f1", "completed"), file("f2", "processing"), {"file_type": "TIMELINE", "status": "completed"}]);
            (200, json!({"next_page_token": "", "meetings": [{"uuid": "/a==", "id": 9, "topic": "Sync", "recording_files": files}]}))
        }
    })
    .await;
    let all = pass(&vendor, RECORDINGS, None).await.unwrap();
    assert!(all.sizes.len() > 12, "every month since there is an account");
    assert_eq!((all.gone.clone(), &all.end), (vec!["f9".to_owned()], &Next::Resume(Cursor::Done)));
    let film = asset(&all.records[0]);
    assert_eq!((film.kind, film.duration_seconds), (MediaAssetKind::Recording, None));
    assert_eq!(film.file_name.as_deref(), Some("Sync shared_screen.mp4"));
    assert_eq!(film.event_id.as_deref(), Some("9"));
    let newest = pass(&vendor, RECORDINGS, Some(Cursor::Done)).await.unwrap();
    assert_eq!((newest.ids(), newest.sizes.clone()), (vec!["f1"], vec![1, 0, 0]));
}

#[tokio::test]
async fn a_page_that_expired_begins_its_list_again() {
    let expired = json!({"code": 300, "message": "The next page token is invalid or expired."});
    let vendor = vendor(move |_, _| (400, expired.clone())).await;
    let cursor = Cursor::Meetings { page: "old".into() };
    let ended = pass(&vendor, MEETINGS, Some(cursor)).await.map(|_| ());
    assert_eq!(ended, Err(Error::CursorExpired));
}

#[test]
fn limits_of_a_day_wait_longer_and_refusals_name_what_is_missing() {
    let said = |status: u16, code: u64, message: &str| {
        Zoom.fault(status, &json!({"code": code, "message": message}))
    };
    let day = "You have reached the maximum daily rate limit for this API.";
    assert_eq!(said(429, 429, day), Some(Error::RateLimited(QUOTA_PAUSE)));
    assert_eq!(said(429, 429, "You have reached the maximum per-second rate limit"), None);
    let why = "Invalid access token, does not contain scopes:[meeting:read:meeting].";
    let Some(Error::Forbidden(why)) = said(400, 4711, why) else { panic!("it is forbidden") };
    assert!(why.ends_with("the scopes meeting:read:meeting"), "{why}");
    assert!(matches!(said(400, 200, "No permission."), Some(Error::Forbidden(_))));
    assert!(matches!(said(404, 1001, "User does not exist: me."), Some(Error::Reconnect(_))));
    assert_eq!(said(401, 124, "Access token is expired."), None);
}
