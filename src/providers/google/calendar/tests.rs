//! Google Calendar against a vendor by script, in the shapes of its reference.

use std::time::Duration;

use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Event, Moment, Properties, Response},
};

/// A request in short: what is asked of which calendar, and its tokens.
fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("www.googleapis.com/calendar/v3/").unwrap();
    let named = ["syncToken", "pageToken", "maxResults"];
    let said = named.iter().filter_map(|name| Some(format!(" {name}={}", asked.get(name)?)));
    said.fold(path.to_owned(), |line, part| line + &part)
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&GoogleCalendar, move |asked| script(&short(asked))).await
}

fn at(id: &str, start: &str) -> Value {
    json!({"id": id, "status": "confirmed", "start": {"dateTime": start, "timeZone": "Europe/Berlin"}})
}

fn cancelled(id: &str) -> Value {
    json!({"id": id, "status": "cancelled"})
}

fn page(items: &[Value], next: &str, token: &str) -> (u16, Value) {
    (200, json!({"items": items, next: token}))
}

fn refused(status: u16, reason: &str) -> (u16, Value) {
    let errors = json!([{"reason": reason, "domain": "global"}]);
    (status, json!({"error": {"code": status, "message": reason, "errors": errors}}))
}

fn work() -> Feed {
    Feed::new("team#1@x.de", "Team")
}

fn changes(token: &str) -> Cursor {
    Cursor { name: "Team".into(), phase: Phase::Changes { token: token.into(), page: None } }
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&GoogleCalendar, &vendor.client(), &work(), cursor).await
}

fn events(pass: testing::Pass<Cursor>) -> Vec<Event> {
    let event = |record: Record| match record.properties {
        Properties::Event(event) => *event,
        other => panic!("{other:?}"),
    };
    pass.records.into_iter().map(event).collect()
}

/// The one event of a calendar that holds this.
async fn read(item: Value) -> Event {
    let vendor = vendor(move |_| page(std::slice::from_ref(&item), "nextSyncToken", "t")).await;
    events(pass(&vendor, None).await.unwrap()).remove(0)
}

#[tokio::test]
async fn a_listing_goes_through_its_pages_to_the_token_and_names_records_by_calendar_and_id() {
    let vendor = vendor(|asked| match asked {
        "calendars/team%231%40x.de/events maxResults=2500" => {
            page(&[at("a", "2026-03-05T10:00:00+01:00")], "nextPageToken", "p2")
        }
        "calendars/team%231%40x.de/events pageToken=p2 maxResults=2500" => {
            let (odd, none) = (json!({"id": "odd", "status": "confirmed"}), json!({"id": 7}));
            page(&[cancelled("a_20260312T090000Z"), odd, none], "nextSyncToken", "t1")
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["team#1@x.de:a"]);
    assert_eq!(pass.skipped, 2, "one without a beginning, one without an id");
    assert_eq!(pass.covers, [Covers::Everything; 2]);
    assert_eq!(pass.end, Next::Resume(changes("t1")));
    let fields = vendor.asked().pop().unwrap().get("fields").unwrap().to_owned();
    assert!(fields.starts_with("nextPageToken,nextSyncToken,items(id,"), "{fields}");
}

#[tokio::test]
async fn changes_bring_what_is_new_and_let_go_of_a_series_with_all_its_instances() {
    let vendor = vendor(|asked| match asked.split_once(" maxResults").unwrap().0 {
        "calendars/team%231%40x.de/events syncToken=t1" => {
            let mut instance = cancelled("b_1");
            instance["recurringEventId"] = "b".into();
            let mut details = at("c", "2026-03-05T10:00:00Z");
            details["status"] = "cancelled".into();
            page(&[cancelled("a"), instance, details], "nextPageToken", "p2")
        }
        "calendars/team%231%40x.de/events syncToken=t1 pageToken=p2" => {
            let mut moved = at("b_2", "2026-03-05T10:00:00Z");
            moved["recurringEventId"] = "b".into();
            page(&[moved], "nextSyncToken", "t2")
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, Some(changes("t1"))).await.unwrap();
    assert_eq!(pass.gone, ["at team#1@x.de:a", "team#1@x.de:b_1", "at team#1@x.de:c"]);
    assert_eq!(pass.end, Next::Resume(changes("t2")));
    let moved = pass.records.first().unwrap();
    assert_eq!(moved.key.as_str(), "team#1@x.de:b_2");
    assert_eq!(moved.place.as_deref(), Some("team#1@x.de:b"), "it lies in its series");
    assert_eq!(events(pass)[0].recurring_event_id.as_deref(), Some("team#1@x.de:b"));
}

#[tokio::test]
async fn a_token_that_expired_lists_the_calendar_afresh() {
    let vendor = vendor(|_| refused(410, "fullSyncRequired")).await;
    assert_eq!(pass(&vendor, Some(changes("old"))).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn a_calendar_under_another_name_is_listed_afresh_since_its_records_bear_the_name() {
    let vendor = vendor(|asked| panic!("{asked}")).await;
    let renamed = Cursor { name: "Group".into(), ..changes("t") };
    assert_eq!(pass(&vendor, Some(renamed)).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn a_calendar_that_is_listed_and_not_found_ends_up_without_events() {
    let vendor = vendor(|_| refused(404, "notFound")).await;
    assert_eq!(pass(&vendor, Some(changes("t"))).await.unwrap_err(), Error::CursorExpired);
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.records.len(), pass.skipped, pass.end), (0, 0, Next::Relist));
}

#[test]
fn throttling_is_waited_out_and_a_users_spent_limit_for_long() {
    let read = |reason| {
        let (status, body) = refused(403, reason);
        GoogleCalendar.fault(status, &body)
    };
    assert_eq!(read("rateLimitExceeded"), Some(Error::RateLimited(Duration::ZERO)));
    assert_eq!(read("quotaExceeded"), Some(Error::RateLimited(Duration::from_hours(1))));
    let Some(Error::Forbidden(what)) = read("accessNotConfigured") else { panic!("disabled") };
    assert!(what.contains("Google Calendar API is disabled"), "{what}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_taken_whole_is_asked_for_in_smaller_pages() {
    let vendor = vendor(|asked| match asked.rsplit_once('=').unwrap().1 {
        "2500" => (200, json!("not the promised shape")),
        "250" => page(&[at("a", "2026-03-05T10:00:00Z")], "nextSyncToken", "t"),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(pass(&vendor, None).await.unwrap().ids(), ["team#1@x.de:a"]);
}

#[tokio::test]
async fn a_bounded_listing_leaves_out_what_was_over_but_no_series() {
    let vendor = vendor(|asked| {
        assert!(!asked.contains("timeMin"), "the token would be bounded, too");
        let mut series = at("series", "2020-01-01T10:00:00Z");
        series["recurrence"] = json!(["RRULE:FREQ=WEEKLY"]);
        let mut long = at("long", "2025-12-31T10:00:00Z");
        long["end"] = json!({"date": "2026-01-02"});
        let (old, new) = (at("old", "2025-12-31T10:00:00Z"), at("new", "2026-01-01T00:00:00Z"));
        page(&[series, long, old, new], "nextSyncToken", "t")
    })
    .await;
    let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let client = vendor.client_since(Some(since), &Map::new());
    let pass = testing::pass(&GoogleCalendar, &client, &work(), None).await.unwrap();
    let ids = ["team#1@x.de:series", "team#1@x.de:long", "team#1@x.de:new"];
    assert_eq!(pass.ids(), ids);
    assert_eq!(pass.covers, [Covers::Between { from: Some(since), to: None }]);
}

#[tokio::test]
async fn the_feeds_are_the_calendars_that_show_more_than_free_and_busy() {
    let vendor = vendor(|asked| match asked {
        "calendars/primary" => refused(403, "insufficientPermissions"),
        "users/me/calendarList maxResults=250" => {
            let own = json!({"id": "zoe@x.de", "summary": "zoe@x.de", "primary": true, "accessRole": "owner"});
            let busy = json!({"id": "boss@x.de", "summary": "Boss", "accessRole": "freeBusyReader"});
            page(&[own, busy], "nextPageToken", "p2")
        }
        "users/me/calendarList pageToken=p2 maxResults=250" => {
            let team = json!({"id": "t", "summary": "Team", "summaryOverride": "Us", "accessRole": "reader"});
            page(&[team], "nextSyncToken", "unused")
        }
        other => panic!("{other}"),
    })
    .await;
    let client = vendor.client();
    let feeds = GoogleCalendar.feeds(&client).await.unwrap();
    assert_eq!(feeds, [Feed::new("zoe@x.de", "zoe@x.de"), Feed::new("t", "Us")]);
    let account = GoogleCalendar.account(&client).await.unwrap();
    assert_eq!(account.id, "zoe@x.de", "a grant of the narrower scopes finds it in the list");
    assert_eq!(vendor.asked().len(), 3, "the list is read once a run");
}

#[tokio::test]
async fn an_event_keeps_all_that_is_said_of_it() {
    let mut item = at("e", "2026-03-05T10:00:00+01:00");
    let more = json!({
        "summary": "Jour fixe", "description": "<b>Agenda</b>\n1. Start", "location": "Büro 3",
        "end": {"dateTime": "2026-03-05T10:45:00+01:00"}, "htmlLink": "https://x/e",
        "recurrence": ["EXDATE;TZID=Europe/Berlin:20260402T100000", "RRULE:FREQ=WEEKLY;BYDAY=TH"],
        "created": "2026-01-05T08:00:00.000Z", "updated": "2026-02-20T11:12:13.456Z",
        "organizer": {"email": "zoe@x.de", "displayName": "Zoë"},
        "attendees": [
            {"email": "j@x.de", "displayName": "Jürgen", "responseStatus": "needsAction"},
            {"email": "room@x.de", "resource": true, "optional": true, "responseStatus": "new word"}, 7],
        "conferenceData": {"conferenceId": "abc", "conferenceSolution": {"name": "Google Meet"}, "entryPoints": [
            {"entryPointType": "phone", "uri": "tel:+49"}, {"entryPointType": "video", "uri": "https://meet/abc"}]},
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let event = read(item).await;
    assert_eq!(event.title.as_deref(), Some("Jour fixe"));
    assert_eq!(event.description.as_deref(), Some("Agenda\n1. Start"));
    let moment = |text: &str| Moment::At(text.parse().unwrap());
    assert_eq!(event.start, moment("2026-03-05T09:00:00Z"));
    assert_eq!(event.end, Some(moment("2026-03-05T09:45:00Z")));
    assert_eq!((event.all_day, event.time_zone.as_deref()), (Some(false), Some("Europe/Berlin")));
    assert_eq!(event.recurrence.unwrap().len(), 2);
    let guests = event.attendees.unwrap();
    assert_eq!(guests[0].response, Some(Response::NeedsAction));
    assert_eq!((guests[1].response, guests[1].optional), (None, Some(true)));
    assert_eq!(guests.len(), 2, "a guest that is none does not lose the event");
    assert_eq!(event.organizer.unwrap().name.as_deref(), Some("Zoë"));
    let conference = event.conference.unwrap();
    assert_eq!(conference.url.as_deref(), Some("https://meet/abc"));
    assert_eq!(conference.provider.as_deref(), Some("Google Meet"));
    assert_eq!(event.updated_at.unwrap().to_string(), "2026-02-20T11:12:13.456Z");
    assert_eq!(event.calendar.unwrap().name.as_deref(), Some("Team"));
}

#[tokio::test]
async fn a_day_stays_a_day_and_an_event_without_words_is_still_one() {
    let day = json!({"id": "d", "start": {"date": "2026-07-06"}, "end": {"date": "2026-07-18"}});
    let event = read(day).await;
    assert_eq!(serde_json::to_value(event.start).unwrap(), json!("2026-07-06"));
    assert_eq!(serde_json::to_value(event.end).unwrap(), json!("2026-07-18"));
    assert_eq!((event.all_day, event.time_zone), (Some(true), None));
    assert_eq!((event.title, event.attendees, event.conference), (None, None, None));
}
