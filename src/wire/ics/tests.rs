//! Calendars as Apple, Google and Exchange write them, and as nobody should.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn calendar(lines: &[&str]) -> String {
    ["BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", &lines.join("\r\n"), "\r\nEND:VCALENDAR\r\n"].concat()
}

fn event(lines: &[&str]) -> String {
    calendar(&[&["BEGIN:VEVENT", "UID:1"], lines, &["END:VEVENT"]].concat())
}

/// The properties of a text's only event.
fn properties(text: &str) -> Value {
    let mut read = read(text, &Zone::UTC);
    assert_eq!((read.events.len(), read.unreadable), (1, 0), "{text}");
    serde_json::to_value(read.events.remove(0).event).unwrap()
}

fn of(lines: &[&str]) -> Value {
    properties(&event(lines))
}

#[test]
fn a_series_and_the_instance_that_differs_come_with_all_that_is_said_of_them() {
    let text = calendar(&[
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Berlin",
        "BEGIN:STANDARD",
        "DTSTART:19961027T030000",
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "UID:A1",
        "DTSTART;TZID=Europe/Berlin:20250203T100000",
        "DTEND;TZID=Europe/Berlin:20250203T104500",
        "ATTENDEE;CN=Jane Doe;PARTSTAT=ACCEPTED;ROLE=CHAIR:mailto:jane@icloud.exampl",
        " e",
        "ATTENDEE;CN=\"Ünal, Anaïs\";PARTSTAT=NEEDS-ACTION;ROLE=OPT-PARTICIPANT:MAILTO:anais@example.fr",
        "CREATED:20250110T090000Z",
        "DESCRIPTION:Agenda:\\n1) Rückblick\\; 2) eine lange Ze",
        " ile\\, gefaltet",
        "EXDATE;TZID=Europe/Berlin:20250210T100000",
        "LAST-MODIFIED:20250120T120000Z",
        "LOCATION:Büro 3\\nHinterhaus",
        "ORGANIZER;CN=Jane Doe:mailto:jane@icloud.example",
        "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20250630T0800",
        " 00Z",
        "STATUS:CONFIRMED",
        "SUMMARY:Jour fixe \\, Team A",
        "URL;VALUE=URI:https://example.org/jf",
        "CATEGORIES:Work,Büro\\, Haus",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Reminder",
        "UID:ALARM-1",
        "END:VALARM",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:A1",
        "RECURRENCE-ID;TZID=Europe/Berlin:20250217T100000",
        "DTSTART;TZID=Europe/Berlin:20250218T140000",
        "SUMMARY:Moved",
        "END:VEVENT",
    ]);
    let read = read(&text, &Zone::UTC);
    let [master, moved] = &read.events[..] else { panic!("{read:?}") };
    assert_eq!((master.uid.as_deref(), master.instance), (Some("A1"), None));
    assert_eq!(
        serde_json::to_value(&master.event).unwrap(),
        json!({
            "title": "Jour fixe , Team A", "description": "Agenda:\n1) Rückblick; 2) eine lange Zeile, gefaltet",
            "start": "2025-02-03T09:00:00Z", "end": "2025-02-03T09:45:00Z", "all_day": false,
            "time_zone": "Europe/Berlin", "status": "confirmed", "location": "Büro 3\nHinterhaus",
            "organizer": {"email": "jane@icloud.example", "name": "Jane Doe"},
            "attendees": [
                {"email": "jane@icloud.example", "name": "Jane Doe", "response": "accepted"},
                {"email": "anais@example.fr", "name": "Ünal, Anaïs", "response": "needs_action", "optional": true}],
            "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20250630T080000Z", "EXDATE;TZID=Europe/Berlin:20250210T100000"],
            "tags": ["Work", "Büro, Haus"], "url": "https://example.org/jf",
            "created_at": "2025-01-10T09:00:00Z", "updated_at": "2025-01-20T12:00:00Z",
        })
    );
    let instance = serde_json::to_value(moved.instance).unwrap();
    assert_eq!((moved.uid.as_deref(), instance), (Some("A1"), json!("2025-02-17T09:00:00Z")));
    assert_eq!(serde_json::to_value(moved.event.end).unwrap(), json!("2025-02-18T13:00:00Z"));
}

#[test]
fn an_end_is_given_or_comes_of_a_duration_or_of_nothing() {
    for (lines, end) in [
        (["DTSTART:20250315T180000Z", "DTEND:20250315T190000Z"], "2025-03-15T19:00:00Z"),
        (["DTSTART:20250315T180000Z", "DURATION:PT1H30M"], "2025-03-15T19:30:00Z"),
        // A day is one of the calendar: this one has 23 hours.
        (["DTSTART;TZID=Europe/Berlin:20250329T180000", "DURATION:P1DT1H"], "2025-03-30T17:00:00Z"),
        (["DTSTART:20250315T180000Z", "X-NONE:"], "2025-03-15T18:00:00Z"),
        (["DTSTART;VALUE=DATE:20250501", "DTEND;VALUE=DATE:20250503"], "2025-05-03"),
        (["DTSTART;VALUE=DATE:20250501", "DURATION:P2D"], "2025-05-03"),
        (["DTSTART;VALUE=DATE:20250501", "DURATION:PT48H"], "2025-05-03"),
        (["DTSTART:20250501", "X-NONE:"], "2025-05-02"),
    ] {
        let event = of(&lines);
        assert_eq!(event["end"], end, "{lines:?}");
        assert_eq!(event["all_day"], end.len() == 10);
    }
    assert_eq!(of(&["DTSTART:20250315T180000Z", "DTEND:later"]).get("end"), None);
    assert_eq!(of(&["DTSTART:99901231T180000Z", "DURATION:P900000W"]).get("end"), None);
}

#[test]
fn a_time_is_in_the_zone_that_it_names_by_whatever_name_or_in_the_one_given() {
    let berlin = Zone::named("Europe/Berlin").unwrap();
    for (line, start, zone) in [
        ("DTSTART:20250715T090000Z", "2025-07-15T09:00:00Z", Value::Null),
        ("DTSTART:20250715T090000", "2025-07-15T07:00:00Z", Value::Null),
        (
            "DTSTART;TZID=America/New_York:20250715T090000",
            "2025-07-15T13:00:00Z",
            json!("America/New_York"),
        ),
        (
            "DTSTART;TZID=\"Tokyo Standard Time\":20250715T090000",
            "2025-07-15T00:00:00Z",
            json!("Asia/Tokyo"),
        ),
        (
            "DTSTART;TZID=/x.org/Asia/Tokyo:20250715T090000",
            "2025-07-15T00:00:00Z",
            json!("Asia/Tokyo"),
        ),
        ("DTSTART;TZID=UTC:20250715T090000", "2025-07-15T09:00:00Z", Value::Null),
        ("DTSTART;TZID=Asia/Tokyo:20250715T090000Z", "2025-07-15T09:00:00Z", Value::Null),
        ("DTSTART;TZID=Nowhere:20250715T090000", "2025-07-15T07:00:00Z", Value::Null),
    ] {
        let read = read(&event(&[line]), &berlin);
        let event = serde_json::to_value(&read.events[0].event).unwrap();
        assert_eq!((&event["start"], &event["time_zone"]), (&json!(start), &zone), "{line}");
    }
}

#[test]
fn a_zone_that_the_calendar_describes_may_follow_the_event() {
    let text = calendar(&[
        "BEGIN:VEVENT",
        "UID:1",
        "DTSTART;TZID=Ours:20250715T090000",
        "END:VEVENT",
        "BEGIN:VTIMEZONE",
        "TZID:Ours",
        "BEGIN:STANDARD",
        "DTSTART:16010101T000000",
        "TZOFFSETFROM:+0545",
        "TZOFFSETTO:+0545",
        "END:STANDARD",
        "END:VTIMEZONE",
    ]);
    assert_eq!(properties(&text)["start"], "2025-07-15T03:15:00Z");
}

#[test]
fn people_are_known_by_their_address_however_it_is_given() {
    let event = of(&[
        "DTSTART:20250715T090000Z",
        "ORGANIZER;CN=Jane;EMAIL=jane@icloud.com:/aMTcxMTIzNDEyMzQxNzExMg/principal/",
        "ATTENDEE;PARTSTAT=DELEGATED;CN=\"\":urn:uuid:5c0d",
        "ATTENDEE;CN=Room 1:room@example.org",
        "ATTENDEE;PARTSTAT=declined:",
    ]);
    assert_eq!(
        event["organizer"],
        json!({"id": "/aMTcxMTIzNDEyMzQxNzExMg/principal/", "email": "jane@icloud.com", "name": "Jane"})
    );
    assert_eq!(
        event["attendees"],
        json!([
            {"id": "urn:uuid:5c0d", "response": "needs_action"},
            {"email": "room@example.org", "name": "Room 1", "response": "needs_action"},
            {"response": "declined"}])
    );
}

#[test]
fn a_meeting_is_found_where_it_is_named_and_not_where_its_name_is_borrowed() {
    let meeting = |line: &str| {
        of(&["DTSTART:20250715T090000Z", line]).get("conference").map(|of| of["url"].clone())
    };
    for (line, url) in [
        ("CONFERENCE;FEATURE=PHONE:tel:+49", None),
        (
            "CONFERENCE;VALUE=URI;FEATURE=VIDEO:https://chat.example.org/r",
            Some("https://chat.example.org/r"),
        ),
        ("X-GOOGLE-CONFERENCE:https://meet.google.com/abc", Some("https://meet.google.com/abc")),
        (
            "LOCATION:Zoom (https://acme.zoom.us/j/944?pwd=a.1).",
            Some("https://acme.zoom.us/j/944?pwd=a.1"),
        ),
        (
            "DESCRIPTION:see https://x.org\\nJoin: <https://TEAMS.microsoft.com/l/1>\\, or",
            Some("https://TEAMS.microsoft.com/l/1"),
        ),
        ("URL:https://facetime.apple.com/join#v=1", Some("https://facetime.apple.com/join#v=1")),
        ("LOCATION:https://zoom.us.evil.test/j/1 https://notzoom.us/j/1 https://zoom.us/", None),
    ] {
        assert_eq!(meeting(line), url.map(|url| json!(url)), "{line}");
    }
}

#[test]
fn a_status_that_is_missing_is_confirmed_and_an_unknown_one_unknown() {
    let status = |line: &str| of(&["DTSTART:20250715T090000Z", line])["status"].clone();
    assert_eq!(status("X-NONE:"), "confirmed");
    assert_eq!(status("STATUS:cancelled"), "cancelled");
    assert_eq!(status("STATUS:POSTPONED"), Value::Null);
}

#[test]
fn one_broken_event_or_line_costs_itself_alone() {
    let text = calendar(&[
        "BEGIN:VEVENT",
        "UID:odd",
        "DTSTART:soon",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:none",
        "SUMMARY:never",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:unended",
        "DTSTART:20250101T000000Z",
        "BEGIN:VALARM",
        "SUMMARY:not mine",
        "BEGIN:VEVENT",
        ";;;",
        "no colon",
        "RRULE",
        "DTSTART:20250102T000000Z",
        "DTSTART:20250103T000000Z",
        "LAST-MODIFIED:yesterday",
        "END:VALARM",
        "SUMMARY:kept",
        "END:VEVENT",
        "BEGIN:VTODO",
        "UID:todo",
        "DTSTART:20250102T000000Z",
        "END:VTODO",
        "SUMMARY:of nothing",
    ]);
    let read = read(&text, &Zone::UTC);
    assert_eq!(read.unreadable, 1, "the one that begins soon; one that never begins is no event");
    let uids: Vec<Option<&str>> = read.events.iter().map(|event| event.uid.as_deref()).collect();
    assert_eq!(uids, [Some("unended"), None]);
    let kept = &read.events[1].event;
    assert_eq!(kept.title.as_deref(), Some("kept"));
    assert_eq!(kept.start, Moment::At("2025-01-02T00:00:00Z".parse::<Timestamp>().unwrap()));
    assert_eq!(read.events[0].event.title, None);
}

#[test]
fn hostile_calendars_are_read_in_no_time() {
    let long = "x".repeat(1 << 20);
    let rules = "BEGIN:STANDARD\nDTSTART:20000101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY\nEND:STANDARD\n";
    let zone = format!("BEGIN:VTIMEZONE\nTZID:Z\n{}END:VTIMEZONE\n", rules.repeat(5_000));
    let times = "BEGIN:VEVENT\nDTSTART;TZID=Z:20250101T000000\nEND:VEVENT\n".repeat(500);
    for text in [
        "BEGIN:VEVENT\n".repeat(20_000),
        "BEGIN:X\n".repeat(20_000) + &"END:X\n".repeat(20_000),
        format!("BEGIN:VEVENT\n{}", "ATTENDEE;CN=\"\n".repeat(20_000)),
        format!("BEGIN:VEVENT\nDTSTART:20250101\n{}", "RDATE:1\n".repeat(50_000)),
        format!("BEGIN:VEVENT\nDTSTART;TZID={}:20250101T000000\n", "/a".repeat(500_000)),
        format!("BEGIN:VEVENT\nDTSTART:20250101\nDESCRIPTION:{}\n", "https://".repeat(200_000)),
        format!(
            "BEGIN:VEVENT\nDTSTART:20250101\nDESCRIPTION:{}\n",
            "https://zoom.us".repeat(100_000)
        ),
        format!("BEGIN:VEVENT\nDTSTART{}:20250101\n", ";A=\"".repeat(200_000)),
        format!("BEGIN:VEVENT\nDTSTART:20250101\nDURATION:P{}\n", "999999999W".repeat(100_000)),
        format!("BEGIN:VEVENT\nSUMMARY:{long}\nDTSTART:{long}\n"),
        "\n ".repeat(500_000),
        zone + &times,
    ] {
        let began = std::time::Instant::now();
        read(&text, &Zone::UTC);
        assert!(began.elapsed().as_secs() < 5, "{}", text.get(..60).unwrap());
    }
    let endless = format!("BEGIN:VEVENT\nDTSTART:20250101\n{}", "RDATE:1\n".repeat(LINES));
    assert_eq!(read(&endless, &Zone::UTC).unreadable, 1, "what was not looked at is told of");
}

/// Pieces of calendars, sound and broken.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "BEGIN:VCALENDAR\r\n",
        "BEGIN:VEVENT\n",
        "END:VEVENT\n",
        "BEGIN:VTIMEZONE\n",
        "END:VTIMEZONE\n",
        "BEGIN:STANDARD\n",
        "END:STANDARD\n",
        "BEGIN:VALARM\n",
        "END:VALARM\n",
        "TZID:Z\n",
        "TZOFFSETFROM:+9999\n",
        "TZOFFSETFROM:-0100\n",
        "TZOFFSETTO:+0100\n",
        "DTSTART:20250101T000000\n",
        "DTSTART;TZID=Z:20250329T023000\n",
        "DTSTART;VALUE=DATE:99991231\n",
        "DTSTART:00010101T000000Z\n",
        "DTEND:99991231T235960Z\n",
        "DTSTART;TZID=Asia/Tokyo:00010101T000000\n",
        "DURATION:P9999999D\n",
        "DURATION:-PT9999999999S\n",
        "RRULE:FREQ=YEARLY;BYMONTH=13;BYDAY=-99SU\n",
        "RRULE:FREQ=YEARLY;BYMONTHDAY=-1;BYDAY=MO\n",
        "RRULE:FREQ=YEARLY;BYDAY=ü\n",
        "RRULE:FREQ=YEARLY;UNTIL=00010101\n",
        "RDATE:20250101T000000,1,,\n",
        "UID:1\n",
        "RECURRENCE-ID:20250101\n",
        "ATTENDEE;CN=\"a:ü;b",
        "ORGANIZER:mailto\n",
        "LOCATION:https://zoom.us/ü\n",
        ":",
        ";",
        "\"",
        "\\",
        "\n ",
        "^",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,12}", 1 => "[0-9TZ+-]{0,20}"]
}

proptest! {
    #[test]
    fn no_calendar_makes_the_reader_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        let zone = Zone::described(&text).unwrap_or(Zone::UTC);
        for event in read(&text, &zone).events {
            // What is read can be written: no year has five digits.
            let start = serde_json::to_value(event.event.start).unwrap();
            prop_assert!(start.as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{start}");
        }
    }

    #[test]
    fn a_text_survives_being_escaped_and_folded_anywhere(text in "[a-zA-Z0-9 ,;:ü🏖\n\\\\\"^-]{0,60}", width in 1_usize..20) {
        let escaped = text.replace('\\', "\\\\").replace('\n', "\\n").replace(',', "\\,").replace(';', "\\;");
        let signs: Vec<char> = format!("SUMMARY:{escaped}").chars().collect();
        let folded: Vec<String> = signs.chunks(width).map(String::from_iter).collect();
        let found = of(&["DTSTART:20250101", &folded.join("\r\n ")]);
        let expected = Some(&text).filter(|text| !text.trim().is_empty());
        prop_assert_eq!(found.get("title").and_then(Value::as_str), expected.map(String::as_str));
    }

    #[test]
    fn a_local_time_is_the_one_that_its_zone_shows(seconds in 0_i64..4_000_000_000) {
        let at = Timestamp::from_second(seconds).unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let local = zone.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string();
        let found = of(&[&format!("DTSTART;TZID=Europe/Berlin:{local}")]);
        let found: Timestamp = found["start"].as_str().unwrap().parse().unwrap();
        // Of an hour that comes twice the first is meant.
        prop_assert_eq!(zone.to_datetime(found), zone.to_datetime(at));
        prop_assert!(found <= at);
    }
}
