//! Microsoft Graph's calendars and tasks against a vendor by script, in the shapes of its reference.

use serde_json::json;

use super::{super::API, recurrence::Recurrence, *};
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Event, EventStatus, Moment, Properties, Response},
};

fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("graph.microsoft.com/v1.0/me/").unwrap();
    asked.get("$token").map_or(path.to_owned(), |token| format!("{path} {token}"))
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&MicrosoftGraph, move |asked| script(&short(asked))).await
}

fn item(id: &str, kind: &str) -> Value {
    json!({"id": id, "type": kind, "subject": id, "isAllDay": false,
        "start": {"dateTime": "2026-03-05T09:00:00.0000000", "timeZone": "UTC"}})
}

fn link(token: &str) -> String {
    format!("{API}/me/x/delta?$token={token}")
}

fn at(token: &str) -> Cursor {
    Cursor { name: "Team".into(), link: link(token), window: None }
}

async fn pass(
    vendor: &Vendor,
    kind: &str,
    cursor: Option<Cursor>,
) -> Result<testing::Pass<Cursor>> {
    let feed = Feed::new(format!("{kind}c="), "Team");
    testing::pass(&MicrosoftGraph, &vendor.client(), &feed, cursor).await
}

fn event(item: Value) -> Event {
    let item: Item = serde_json::from_value(item).unwrap();
    let Change::Event(record) = item.read(Some(&Ref::new("c=", "Team"))) else {
        panic!("an event")
    };
    let Properties::Event(event) = record.properties else { panic!("an event") };
    *event
}

#[tokio::test]
async fn a_calendar_is_listed_in_a_window_and_its_occurrences_are_no_records() {
    let vendor = vendor(|asked| match asked {
        "calendars/c%3D/calendarView/delta" => {
            let value =
                json!([item("s", "seriesMaster"), item("o", "occurrence"), {"id": "no start"}]);
            (200, json!({"value": value, "@odata.nextLink": link("2")}))
        }
        "x/delta 2" => {
            (200, json!({"value": [item("e", "exception")], "@odata.deltaLink": link("D")}))
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, CALENDAR, None).await.unwrap();
    assert_eq!(
        (pass.ids(), pass.skipped, &pass.gone[..]),
        (vec!["s", "e"], 1, &["o".to_owned()][..])
    );
    assert_eq!(pass.end, Next::Resume(at("D")));
    let Covers::Between { from: Some(from), to: Some(to) } = pass.covers[1] else {
        panic!("a window")
    };
    assert_eq!(to.duration_since(from).as_hours(), 1_825 * 24, "the widest that is taken");
    let asked = vendor.asked();
    assert_eq!(asked[0].get("startDateTime"), Some(from.to_string().as_str()));
    assert_eq!(asked[1].get("startDateTime"), None, "the window is frozen in the link");
    assert!(asked[1].header("prefer").unwrap().contains("outlook.timezone=\"UTC\""));
}

#[tokio::test]
async fn an_event_that_left_the_feed_is_gone_only_if_it_cannot_be_had() {
    let vendor = vendor(|asked| match asked {
        "events/later" => (200, item("later", "singleInstance")),
        "events/occurrence" => (200, item("occurrence", "occurrence")),
        "x/delta D" => {
            let gone = ["later", "occurrence", "deleted"]
                .map(|id| json!({"id": id, "@removed": {"reason": "deleted"}}));
            (200, json!({"value": gone, "@odata.deltaLink": link("D2")}))
        }
        _ => (404, json!({"error": {"code": "ErrorItemNotFound"}})),
    })
    .await;
    let feed = Feed::new("calendar:c=", "Team");
    let page = MicrosoftGraph.page(&vendor.client(), &feed, Some(at("D"))).await.unwrap();
    assert_eq!(
        page.removed,
        ["occurrence", "deleted"].map(|id| crate::provider::Gone::Id(id.into()))
    );
    let mut stored = Properties::from(event(item("old", "singleInstance")));
    page.patches[0].1.apply(&mut stored);
    let Properties::Event(after) = stored else { panic!("an event") };
    assert_eq!(
        (after.title.as_deref(), after.calendar),
        (Some("later"), Some(Ref::new("c=", "Team")))
    );
}

#[tokio::test]
async fn tasks_come_with_days_as_they_are_written_and_go_when_the_feed_says_so() {
    let vendor = vendor(|asked| match asked {
        "todo/lists/c%3D/tasks/delta" => {
            let due = json!({"dateTime": "2026-05-31T22:00:00.0000000", "timeZone": "Pacific Standard Time"});
            let task = json!({"id": "t", "title": "Steuer", "status": "waitingOnOthers", "dueDateTime": due,
                "body": {"content": "", "contentType": "text"}});
            (200, json!({"value": [task, {"id": "g", "@removed": {"reason": "deleted"}}], "@odata.deltaLink": link("D")}))
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, LIST, None).await.unwrap();
    assert_eq!((pass.ids(), &pass.gone[..]), (vec!["t"], &["g".to_owned()][..]));
    let Properties::Task(task) = &pass.records[0].properties else { panic!("a task") };
    assert_eq!(serde_json::to_value(task.due_on).unwrap(), json!("2026-05-31"));
    assert_eq!((task.completed, task.status.as_deref()), (Some(false), Some("waitingOnOthers")));
    assert_eq!((&task.description, &task.project), (&None, &Some(Ref::new("c=", "Team"))));
}

#[tokio::test]
async fn a_token_that_expired_and_a_calendar_under_another_name_are_listed_afresh() {
    let vendor =
        vendor(|_| (410, json!({"error": {"code": "SyncStateNotFound", "message": "…"}}))).await;
    for cursor in [at("old"), Cursor { name: "Group".into(), ..at("D") }] {
        assert_eq!(pass(&vendor, CALENDAR, Some(cursor)).await.unwrap_err(), Error::CursorExpired);
    }
    assert_eq!(vendor.asked().len(), 1);
}

#[test]
fn an_event_keeps_all_that_is_said_of_it_and_a_rule_is_one_line() {
    let mut of = item("e", "seriesMaster");
    of.as_object_mut().unwrap().extend(
        json!({
            "originalStartTimeZone": "W. Europe Standard Time", "isCancelled": true, "showAs": "tentative",
            "attendees": [{"type": "optional", "status": {"response": "none"}, "emailAddress": {"name": "", "address": "j@x.de"}}],
            "onlineMeeting": {"joinUrl": "https://teams/j"}, "location": {"displayName": ""}, "categories": [],
            "recurrence": {"pattern": {"type": "relativeMonthly", "interval": 2, "daysOfWeek": ["friday"], "index": "last"},
                "range": {"type": "endDate", "endDate": "2026-12-31"}},
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    let read = event(of);
    assert_eq!(
        (read.status, read.time_zone.as_deref()),
        (Some(EventStatus::Cancelled), Some("Europe/Berlin"))
    );
    let guest = &read.attendees.unwrap()[0];
    assert_eq!(
        (guest.response, guest.optional, &guest.name),
        (Some(Response::NeedsAction), Some(true), &None)
    );
    assert_eq!(
        (read.location, read.conference.unwrap().url.as_deref()),
        (None, Some("https://teams/j"))
    );
    assert_eq!(
        read.recurrence.unwrap(),
        ["RRULE:FREQ=MONTHLY;BYDAY=-1FR;INTERVAL=2;UNTIL=20261231T235959Z"]
    );
    let mut day = item("d", "singleInstance");
    day["isAllDay"] = true.into();
    assert!(matches!(event(day).start, Moment::On(_)));
    let rule = |pattern: Value| {
        let range = json!({"type": "numbered", "endDate": "0001-01-01", "numberOfOccurrences": 5});
        let of: Recurrence =
            serde_json::from_value(json!({"pattern": pattern, "range": range})).unwrap();
        of.rule(true)
    };
    let weekly = json!({"type": "weekly", "interval": 1, "daysOfWeek": ["monday", "thursday"], "firstDayOfWeek": "sunday"});
    assert_eq!(rule(weekly).as_deref(), Some("RRULE:FREQ=WEEKLY;BYDAY=MO,TH;WKST=SU;COUNT=5"));
    let yearly = json!({"type": "absoluteYearly", "interval": 1, "month": 3, "dayOfMonth": 9});
    assert_eq!(rule(yearly).as_deref(), Some("RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=9;COUNT=5"));
    let workdays = json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday", "friday"], "index": "first"});
    assert_eq!(
        rule(workdays).as_deref(),
        Some("RRULE:FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=1;COUNT=5")
    );
    assert_eq!(rule(json!({"type": "lunar"})), None);
}
