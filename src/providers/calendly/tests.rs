use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Event, EventStatus, Properties, Record, Response},
};

fn booking(id: &str, start: &str, updated: &str) -> Value {
    json!({"uri": format!("https://api.calendly.com/scheduled_events/{id}"), "name": "Coffee",
        "status": "active", "start_time": start, "updated_at": updated,
        "invitees_counter": {"total": 1, "active": 1}})
}

async fn vendor(script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Calendly, move |asked| {
        match asked.path.strip_prefix("api.calendly.com/").unwrap() {
            "users/me" => (200, json!({"resource": {"uri": "https://api.calendly.com/users/1"}})),
            path => script(path, asked),
        }
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Calendly, &vendor.client(), &Feed::account(), cursor).await
}

fn event(record: &Record) -> &Event {
    match &record.properties {
        Properties::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

/// Still to come for as long as these tests are run.
const COMING: &str = "2099-06-01T14:15:00Z";

#[tokio::test]
async fn a_meeting_is_read_with_its_invitees_and_guests() {
    let vendor = vendor(|path, asked| match (path, asked.get("page_token")) {
        ("scheduled_events", _) => {
            assert_eq!(asked.get("user"), Some("https://api.calendly.com/users/1"));
            let mut whole = booking("GB1", COMING, "2026-05-12T12:34:08.231012Z");
            whole["event_memberships"] =
                json!([{"user_name": "Zoé", "user_email": "z@example.com"}]);
            whole["event_guests"] = json!([{"email": "guest@example.org"}]);
            whole["location"] =
                json!({"type": "zoom_conference", "join_url": "https://zoom.example/j"});
            whole["status"] = json!("canceled");
            (200, json!({"collection": [whole]}))
        }
        ("scheduled_events/GB1/invitees", None) => (
            200,
            json!({
                "collection": [{"email": "a@example.com", "name": "A", "status": "canceled"}],
                "pagination": {"next_page_token": "p"},
            }),
        ),
        (_, Some("p")) => {
            (200, json!({"collection": [{"email": "b@example.com", "status": "new"}]}))
        }
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    let event = event(&pass.records[0]);
    assert_eq!((pass.ids(), event.status), (vec!["GB1"], Some(EventStatus::Cancelled)));
    let attendees = event.attendees.as_ref().unwrap();
    let emails: Vec<_> = attendees.iter().filter_map(|of| of.email.as_deref()).collect();
    assert_eq!(emails, ["a@example.com", "b@example.com", "guest@example.org"]);
    assert_eq!(attendees[0].response, Some(Response::Declined));
    assert_eq!((attendees[1].response, attendees[2].response), (None, None));
    let conference = event.conference.as_ref().and_then(|it| it.url.as_deref());
    assert_eq!(conference, Some("https://zoom.example/j"));
    assert_eq!(event.updated_at, "2026-05-12T12:34:08.231012Z".parse().ok());
}

#[tokio::test]
async fn a_meeting_without_names_is_kept_and_one_without_a_beginning_is_counted() {
    let vendor = vendor(|path, _| match path {
        "scheduled_events" => (200, json!({"collection": [
            {"uri": "https://api.calendly.com/scheduled_events/A", "name": null, "start_time": COMING, "location": null},
            {"uri": "https://api.calendly.com/scheduled_events/B", "start_time": "soon"},
            {"uri": "https://api.calendly.com/scheduled_events/../me", "start_time": COMING, "status": 7},
        ]})),
        _ => (404, json!({"title": "Resource Not Found"})),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["A"], 2));
    assert_eq!(event(&pass.records[0]).title, None);
}

#[tokio::test]
async fn a_pass_reads_what_is_near_and_asks_for_invitees_where_something_changed() {
    let first = vendor(|path, _| match path {
        "scheduled_events" => {
            let old = booking("old", "2020-01-01T00:00:00Z", COMING);
            (
                200,
                json!({"collection": [old, booking("A", COMING, "1"), booking("B", COMING, "1")]}),
            )
        }
        _ => (200, json!({"collection": []})),
    })
    .await;
    let Next::Resume(at) = pass(&first, None).await.unwrap().end else { panic!("it ended") };
    assert_eq!(at.known.keys().collect::<Vec<_>>(), ["A", "B"], "old ones are not kept in mind");
    let vendor = vendor(|path, asked| match path {
        "scheduled_events" => {
            assert!(asked.get("min_start_time").is_some());
            let mut left = booking("B", COMING, "1");
            left["invitees_counter"] = json!({"total": 1, "active": 0});
            (200, json!({"collection": [booking("A", COMING, "1"), left]}))
        }
        "scheduled_events/B/invitees" => (200, json!({"collection": []})),
        other => panic!("nobody asks for {other}"),
    })
    .await;
    let pass = pass(&vendor, Some(at)).await.unwrap();
    assert_eq!((pass.ids(), pass.seen.clone()), (vec!["B"], vec!["A".to_owned()]));
}

#[tokio::test]
async fn only_what_is_not_found_is_gone() {
    let vendor = vendor(|path, _| match path {
        "scheduled_events/A" => (404, json!({"title": "Resource Not Found"})),
        _ => (200, json!({"resource": {"status": "canceled"}})),
    })
    .await;
    let ids = ["A", "B"].map(str::to_owned).to_vec();
    let gone = Calendly.confirm_gone(&vendor.client(), &Feed::account(), ids).await;
    assert_eq!(gone.unwrap(), ["A"]);
}

#[test]
fn a_stale_page_lists_afresh_and_missing_scopes_are_named() {
    let details = json!([{"parameter": "page_token", "message": "is invalid"}]);
    let stale = json!({"title": "Invalid Argument", "details": details});
    assert_eq!(Calendly.fault(400, &stale), Some(Error::CursorExpired));
    let why = format!("the token needs the scopes {SCOPES}");
    assert_eq!(
        Calendly.fault(403, &json!({"title": "Permission Denied"})),
        Some(Error::Forbidden(why))
    );
    for (status, body) in
        [(400, json!({"title": "Invalid Argument"})), (429, json!({})), (401, json!({}))]
    {
        assert_eq!(Calendly.fault(status, &body), None);
    }
}
