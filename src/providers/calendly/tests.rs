use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
};

const ME: &str = "https://api.calendly.com/users/U1";

fn meeting(id: &str, status: &str) -> Value {
    json!({"uri": format!("https://api.calendly.com/scheduled_events/{id}"), "name": id, "status": status,
        "start_time": "2030-06-01T14:15:00.000000Z", "location": {"type": "zoom", "join_url": "https://zoom/1"},
        "event_memberships": [{"user": ME}], "event_guests": [{"email": "guest@example.org"}]})
}

fn list(items: &[Value], next: Option<&str>) -> (u16, Value) {
    (200, json!({"collection": items, "pagination": {"next_page_token": next}}))
}

async fn vendor(meetings: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Calendly, move |asked| match asked.path.strip_prefix("api.calendly.com/") {
        Some("users/me") => (200, json!({"resource": {"uri": ME, "email": "zoe@example.com"}})),
        Some("scheduled_events") => {
            assert_eq!(asked.get("user"), Some(ME));
            meetings(asked)
        }
        Some("scheduled_events/gone/invitees") => (404, json!({"title": "Resource Not Found"})),
        Some(path) if path.ends_with("/invitees") => match asked.get("page_token") {
            None => list(
                &[json!({"name": "Bob", "email": "bob@example.com", "status": "active"})],
                Some("2"),
            ),
            Some(_) => list(&[json!({"email": "eve@example.com", "status": "canceled"})], None),
        },
        other => panic!("{other:?}"),
    })
    .await
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Calendly, &vendor.client(), &Feed::account(), cursor).await
}

#[tokio::test]
async fn a_listing_brings_every_meeting_with_all_who_booked_it_and_their_guests() {
    let vendor = vendor(|asked| match (asked.get("page_token"), asked.get("min_start_time")) {
        (None, None) => {
            list(&[meeting("a", "active"), json!({}), meeting("gone", "active")], Some("p2"))
        }
        (Some("p2"), None) => list(&[meeting("b", "canceled")], None),
        other => panic!("{other:?}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["a", "b"], 1));
    assert_eq!((pass.covers, pass.end), (vec![Covers::Everything; 2], Next::Resume(Cursor::Done)));
    let Properties::Event(event) = &pass.records[0].properties else { panic!() };
    let attendees = serde_json::to_value(&event.attendees).unwrap();
    assert_eq!(
        attendees,
        json!([{"name": "Bob", "email": "bob@example.com", "response": "accepted"},
            {"email": "eve@example.com", "response": "declined"}, {"email": "guest@example.org"}])
    );
    assert!(event.organizer.is_none(), "an older answer names the host by address alone");
}

#[tokio::test]
async fn the_next_pass_reads_what_is_ahead_and_what_has_just_been_and_concludes_nothing_about_the_rest()
 {
    let vendor = vendor(|asked| {
        let from: Timestamp = asked.get("min_start_time").unwrap().parse().unwrap();
        let days = Timestamp::now().duration_since(from).as_hours() / 24;
        assert_eq!(days, 7);
        list(&[meeting("a", "canceled")], None)
    })
    .await;
    let pass = pass(&vendor, Some(Cursor::Done)).await.unwrap();
    assert!(matches!(pass.covers[0], Covers::Between { from: Some(_), to: None }));
    let Properties::Event(event) = &pass.records[0].properties else { panic!() };
    assert_eq!(event.status, Some(crate::record::EventStatus::Cancelled));
}

#[tokio::test]
async fn a_page_that_calendly_forgot_lists_afresh_and_refusals_say_what_to_do() {
    let stale = json!({"title": "Invalid Argument", "details": [{"parameter": "page_token", "message": "x"}]});
    let vendor = vendor(move |_| (400, stale.clone())).await;
    let old = Cursor::Pass { from: None, page: "old".into() };
    assert_eq!(pass(&vendor, Some(old)).await.unwrap_err(), Error::CursorExpired);
    let fault = |status, body: Value| Calendly.fault(status, &body);
    let other = json!({"title": "Invalid Argument", "details": [{"parameter": "user"}]});
    assert!(matches!(fault(400, other), Some(Error::Unexpected { .. })));
    assert!(matches!(fault(401, json!({"title": "Unauthenticated"})), Some(Error::Reconnect(_))));
    let denied = fault(403, json!({"title": "Permission Denied"}));
    assert!(matches!(denied, Some(Error::Forbidden(why)) if why.contains("scheduled_events:read")));
    assert_eq!(fault(429, json!({"title": "Too Many Requests"})), None, "by its headers");
}
