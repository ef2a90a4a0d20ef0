//! Apple Calendar against a server by script, in the shapes of iCloud and of others.

use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Properties, Record},
};

const HOME: &str = "/17/calendars/";

/// A request in short: method, host and path, and what its body asks for.
fn short(asked: &Asked) -> String {
    let report = ["sync-collection", "calendar-multiget", "getetag", "resourcetype", "principal"];
    let what = report.into_iter().find(|word| asked.body.contains(word)).unwrap_or("?");
    format!("{} {} {what} {}", asked.method, asked.path, asked.header("depth").unwrap_or("-"))
}

fn multistatus(parts: &[String]) -> (u16, Value) {
    let all = parts.concat();
    (
        207,
        json!(format!(
            "<d:multistatus xmlns:d='DAV:' xmlns:c='urn:ietf:params:xml:ns:caldav'>{all}</d:multistatus>"
        )),
    )
}

fn with(href: &str, props: &str) -> String {
    format!(
        "<d:response><d:href>{href}</d:href><d:propstat><d:prop>{props}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
}

fn gone(href: &str, status: u16) -> String {
    format!(
        "<d:response><d:href>{href}</d:href><d:status>HTTP/1.1 {status} x</d:status></d:response>"
    )
}

fn token(token: &str) -> String {
    format!("<d:sync-token>{token}</d:sync-token>")
}

fn calendar(id: &str, props: &str) -> String {
    let kind = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>";
    with(&format!("{HOME}{id}/"), &format!("{kind}<d:displayname>The {id}</d:displayname>{props}"))
}

const TELLS: &str = "<d:supported-report-set><d:supported-report><d:report><d:sync-collection/></d:report></d:supported-report></d:supported-report-set>";
const TELLS_NOT: &str = "<d:supported-report-set><d:supported-report><d:report><c:calendar-query/></d:report></d:supported-report></d:supported-report-set>";

/// What leads from iCloud's address to the calendars; `None` for other requests.
fn discovery(asked: &Asked, calendars: &[String]) -> Option<(u16, Value)> {
    assert_eq!(
        asked.header("authorization"),
        Some("Basic amFuZUBpY2xvdWQuZXhhbXBsZTphYmNkLWVmZ2gtaWprbC1tbm9w")
    );
    let principal =
        "<d:current-user-principal><d:href>/17/principal/</d:href></d:current-user-principal>";
    let home = "<c:calendar-home-set><d:href>https://p44-caldav.icloud.com:443/17/calendars/</d:href></c:calendar-home-set>\
        <c:calendar-user-address-set><d:href preferred='1'>mailto:jane@icloud.com</d:href></c:calendar-user-address-set>";
    Some(match short(asked).as_str() {
        "PROPFIND caldav.icloud.com/ principal 0" => multistatus(&[with("/", principal)]),
        "PROPFIND caldav.icloud.com/17/principal/ principal 0" => {
            multistatus(&[with("/17/principal/", home)])
        }
        "PROPFIND p44-caldav.icloud.com/17/calendars/ resourcetype 1" => multistatus(calendars),
        _ => return None,
    })
}

fn ics(uid: &str, more: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:{uid}\nDTSTART:20250301T100000Z\n{more}END:VEVENT\nEND:VCALENDAR\n"
    )
}

/// The addresses that a multiget asks for.
fn asked_for(asked: &Asked) -> Vec<&str> {
    let hrefs = asked.body.split("<D:href>").skip(1);
    hrefs.map(|rest| rest.split_once('<').unwrap().0).collect()
}

/// Answers a multiget with an event for each address.
fn all(asked: &Asked) -> (u16, Value) {
    let item = |href: &&str| {
        let uid = href.rsplit('/').next().unwrap().replace(".ics", "");
        with(href, &format!("<c:calendar-data>{}</c:calendar-data>", ics(&uid, "")))
    };
    multistatus(&asked_for(asked).iter().map(item).collect::<Vec<_>>())
}

async fn vendor(
    calendars: Vec<String>,
    script: impl Fn(&str, &Asked) -> (u16, Value) + Send + Sync + 'static,
) -> Vendor {
    Vendor::new(&AppleCalendar, move |asked| {
        discovery(asked, &calendars).unwrap_or_else(|| script(&short(asked), asked))
    })
    .await
}

fn work() -> Feed {
    Feed::new("work", "The work")
}

fn at(mark: &str) -> Cursor {
    let mark = Mark::Token { token: mark.into(), tag: None };
    let bearing = serde_json::from_value(json!({"name": "The work", "zone": ""})).unwrap();
    Cursor { bearing, mark, pass: Pass::default() }
}

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&AppleCalendar, &vendor.client(), &work(), cursor).await
}

const SYNC: &str = "REPORT p44-caldav.icloud.com/17/calendars/work/ sync-collection 0";
const GET: &str = "REPORT p44-caldav.icloud.com/17/calendars/work/ calendar-multiget 1";
const LIST: &str = "PROPFIND p44-caldav.icloud.com/17/calendars/work/ getetag 1";

#[tokio::test]
async fn the_calendars_are_found_on_the_partition_and_only_those_of_events() {
    let todo = calendar(
        "todo",
        "<c:supported-calendar-component-set><c:comp name='VTODO'/></c:supported-calendar-component-set>",
    );
    let shown = with(
        "/17/calendars/shown/",
        "<d:resourcetype><c:calendar/><s:subscribed/></d:resourcetype>",
    );
    let home = with(HOME, "<d:resourcetype><d:collection/></d:resourcetype>");
    let nameless = with("/17/calendars/A%20B/", "<d:resourcetype><c:calendar/></d:resourcetype>");
    let again = with("/18/calendars/work/", "<d:resourcetype><c:calendar/></d:resourcetype>");
    let calendars = vec![home, calendar("work", TELLS), todo, shown, nameless, again];
    let vendor = vendor(calendars, |asked, _| panic!("{asked}")).await;
    let client = vendor.client();
    let feeds = AppleCalendar.feeds(&client).await.unwrap();
    let other = "18/calendars/work";
    assert_eq!(feeds, [work(), Feed::new("A B", "A B"), Feed::new(other, other)]);
    let account = AppleCalendar.account(&client).await.unwrap();
    assert!(account.id == "jane@icloud.example" && account.is("Jane@iCloud.com"));
    assert_eq!(vendor.asked().len(), 3, "the way is asked for once a run");
}

#[tokio::test]
async fn a_server_of_ones_own_is_found_by_its_host_alone_and_the_time_zone_must_be_one() {
    let vendor = Vendor::new(&AppleCalendar, |asked| match short(asked).as_str() {
        "PROPFIND dav.example.com/ principal 0" => (405, json!("")),
        "PROPFIND dav.example.com/.well-known/caldav principal 0" => (301, json!("/dav.php/")),
        "PROPFIND dav.example.com/dav.php/ principal 0" => {
            let principal = "<d:current-user-principal><d:href>/p/</d:href></d:current-user-principal>";
            multistatus(&[with("/dav.php/", principal)])
        }
        "PROPFIND dav.example.com/p/ principal 0" => {
            let home = "<c:calendar-home-set><d:href>http://dav.example.com/h/</d:href></c:calendar-home-set>";
            multistatus(&[with("/p/", home)])
        }
        "PROPFIND dav.example.com/h/ resourcetype 1" => {
            multistatus(&[with("/h/work", "<d:resourcetype><c:calendar/></d:resourcetype>")])
        }
        other => panic!("{other}"),
    })
    .await;
    let client = |settings: Value| vendor.client_since(None, settings.as_object().unwrap());
    let own = json!({"server_url": "https://dav.example.com"});
    assert_eq!(AppleCalendar.feeds(&client(own)).await.unwrap(), [Feed::new("work", "work")]);
    let nowhere = client(json!({"time_zone": "Mars/Olympus"}));
    let cause = AppleCalendar.account(&nowhere).await.unwrap_err();
    assert!(matches!(&cause, Error::Invalid { field, .. } if field == "time_zone"), "{cause}");
}

#[tokio::test]
async fn an_address_where_no_calendars_are_says_so_and_a_refused_password_too() {
    let vendor = Vendor::new(&AppleCalendar, |asked| match asked.path.split('/').next() {
        Some("web.example.com") => (200, json!("<html>hello</html>")),
        _ => (401, json!("")),
    })
    .await;
    let web = json!({"server_url": "https://web.example.com/calendar"});
    let web = vendor.client_since(None, web.as_object().unwrap());
    let cause = AppleCalendar.account(&web).await.unwrap_err();
    assert!(matches!(&cause, Error::Invalid { field, .. } if field == "server_url"), "{cause}");
    let cause = AppleCalendar.account(&vendor.client()).await.unwrap_err();
    assert!(matches!(&cause, Error::Reconnect(why) if why.contains("app-specific")), "{cause}");
}

#[tokio::test]
async fn a_listing_fetches_in_chunks_and_what_a_page_does_not_hold_waits_in_the_cursor() {
    let vendor = vendor(vec![calendar("work", TELLS)], |asked, request| match asked {
        SYNC => {
            assert!(request.body.contains("<D:sync-token></D:sync-token>"));
            let own = with("/17/calendars/work/", "<d:getetag>\"c\"</d:getetag>");
            let item = |n| {
                with(&format!("/17/calendars/work/e%40{n}.ics"), "<d:getetag>\"1\"</d:getetag>")
            };
            multistatus(
                &[&[own, token("t1")][..], &(0..620).map(item).collect::<Vec<_>>()].concat(),
            )
        }
        GET => {
            let hrefs = asked_for(request);
            assert!(hrefs.len() <= 100);
            assert!(
                hrefs.iter().all(|href| href.starts_with("/17/calendars/work/e%40")),
                "as it was written"
            );
            all(request)
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.sizes.clone(), pass.skipped), (vec![500, 120], 0));
    assert_eq!(pass.records[0].key.as_str(), "work/e%400");
    assert_eq!(pass.records[0].place.as_deref(), Some("work/e@0.ics"));
    assert_eq!(pass.end, Next::Resume(at("t1")));
    assert_eq!(vendor.asked().len(), 3 + 1 + 7);
}

#[tokio::test]
async fn changes_bring_whole_members_and_let_go_of_what_left() {
    let now = format!("{TELLS}{}", token("t2"));
    let vendor = vendor(vec![calendar("work", &now)], |asked, request| match asked {
        SYNC => {
            assert!(request.body.contains("<D:sync-token>t&amp;1</D:sync-token>"), "{}", request.body);
            let left = gone("/17/calendars/work/left.ics", 404);
            let changed = with("/17/calendars/work/odd%20name%20%c3%bc.ics", "<d:getetag>\"2\"</d:getetag>");
            let phantom = with("/17/calendars/work/phantom.ics", "<d:getetag>\"2\"</d:getetag>");
            multistatus(&[token("t2"), left, changed, phantom])
        }
        GET => {
            let moved = "END:VEVENT\nBEGIN:VEVENT\nUID:s\nRECURRENCE-ID;VALUE=DATE:20250302\nDTSTART;VALUE=DATE:20250303\n";
            let data = format!("<c:calendar-data>{}</c:calendar-data>", ics("s", moved));
            let written_otherwise = with("https://p44-caldav.icloud.com/17/calendars/work/odd name ü.ics", &data);
            multistatus(&[written_otherwise, gone("/17/calendars/work/phantom.ics", 404)])
        }
        other => panic!("{other}"),
    })
    .await;
    let page = AppleCalendar.page(&vendor.client(), &work(), Some(at("t&1"))).await.unwrap();
    let ids: Vec<&str> = page.upserts.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(ids, ["work/s", "work/s#20250302"]);
    let Properties::Event(moved) = &page.upserts[1].properties else { panic!("an event") };
    assert_eq!(moved.recurring_event_id.as_deref(), Some("work/s"));
    assert_eq!(moved.calendar.as_ref().unwrap().name.as_deref(), Some("The work"));
    assert_eq!(page.replacing, ["work/odd name ü.ics"], "an instance may have left it");
    let places = ["work/left.ics", "work/phantom.ics"]
        .map(|place| crate::provider::Gone::Place(place.into()));
    assert_eq!((page.removed, page.skipped), (places.to_vec(), 0));
    assert_eq!(page.next, Next::Resume(at("t2")));
}

#[tokio::test]
async fn a_calendar_that_stands_where_it_was_left_is_not_asked() {
    let now = format!("{TELLS}{}", token("t1"));
    let vendor = vendor(vec![calendar("work", &now)], |asked, _| panic!("{asked}")).await;
    let pass = pass(&vendor, Some(at("t1"))).await.unwrap();
    assert_eq!((pass.records.len(), pass.end), (0, Next::Resume(at("t1"))));
}

#[tokio::test]
async fn a_token_that_expired_lists_afresh_by_whatever_status_it_is_said() {
    for status in [400, 403, 409, 410, 412] {
        let vendor = vendor(vec![calendar("work", TELLS)], move |asked, _| {
            assert_eq!(asked, SYNC);
            (status, json!("<d:error xmlns:d='DAV:'><d:valid-sync-token/></d:error>"))
        })
        .await;
        assert_eq!(pass(&vendor, Some(at("old"))).await.unwrap_err(), Error::CursorExpired);
    }
}

#[tokio::test]
async fn other_refusals_are_no_expiry() {
    for (status, body) in
        [(403, "<d:error xmlns:d='DAV:'><d:need-privileges/></d:error>"), (404, "gone"), (400, " ")]
    {
        let vendor = vendor(vec![calendar("work", TELLS)], move |_, _| (status, json!(body))).await;
        let cause = pass(&vendor, Some(at("t"))).await.unwrap_err();
        let expected = match status {
            403 => matches!(cause, Error::Forbidden(_)),
            404 => cause == Error::NotFound,
            _ => matches!(cause, Error::Unavailable(_)),
        };
        assert!(expected, "{status}: {cause}");
    }
}

#[tokio::test]
async fn a_calendar_under_another_name_or_of_another_zone_is_listed_afresh() {
    let zone = "<c:calendar-timezone>BEGIN:VTIMEZONE\nTZID:Asia/Tokyo\nEND:VTIMEZONE</c:calendar-timezone>";
    let vendor = vendor(vec![calendar("work", zone)], |asked, _| panic!("{asked}")).await;
    assert_eq!(pass(&vendor, Some(at("t"))).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_gone_on_with_though_the_calendars_tag_is_the_same() {
    let listed = format!("{TELLS}<s:getctag>now</s:getctag>");
    let vendor = vendor(vec![calendar("work", &listed)], |asked, request| match asked {
        SYNC if request.body.contains("<D:sync-token>part</D:sync-token>") => {
            let rest = with("/17/calendars/work/b.ics", "<d:getetag>\"1\"</d:getetag>");
            multistatus(&[rest, token("end")])
        }
        SYNC => {
            let item = with("/17/calendars/work/a.ics", "<d:getetag>\"1\"</d:getetag>");
            multistatus(&[gone("/17/calendars/work/", 507), item, token("part")])
        }
        GET => all(request),
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!(pass.ids(), ["work/a", "work/b"]);
    let Next::Resume(Cursor { mark, .. }) = pass.end else { panic!("it ends") };
    assert_eq!(mark, Mark::Token { token: "end".into(), tag: Some("now".into()) });
}

#[tokio::test]
async fn a_server_that_cuts_for_ever_is_found_out() {
    let vendor = vendor(vec![calendar("work", TELLS)], |asked, _| match asked {
        SYNC => multistatus(&[gone("/17/calendars/work/", 507), token("part")]),
        other => panic!("{other}"),
    })
    .await;
    let cause = pass(&vendor, None).await.unwrap_err();
    assert!(matches!(cause, Error::Unexpected { .. }), "{cause}");
}

#[tokio::test]
async fn without_an_account_of_changes_the_members_tags_are_compared() {
    let listed = format!("{TELLS_NOT}<s:getctag>new</s:getctag>");
    let vendor = vendor(vec![calendar("work", &listed)], |asked, request| match asked {
        LIST => {
            let item = |name: &str, tag: &str| {
                with(
                    &format!("/17/calendars/work/{name}.ics"),
                    &format!("<d:getetag>{tag}</d:getetag>"),
                )
            };
            let own =
                with("/17/calendars/work", "<d:resourcetype><d:collection/></d:resourcetype>");
            multistatus(&[
                own,
                item("same", "1"),
                item("changed", "2"),
                item("new", "1"),
                item("untagged", ""),
                item("phantom", "1"),
            ])
        }
        GET => {
            let hrefs: Vec<_> = asked_for(request)
                .iter()
                .map(|href| href.rsplit('/').next().unwrap().to_owned())
                .collect();
            assert_eq!(hrefs, ["changed.ics", "new.ics", "untagged.ics", "phantom.ics"]);
            let (status, found) = all(request);
            let found = found.as_str().unwrap().replace(
                "phantom.ics</d:href><d:propstat>",
                "phantom.ics</d:href><d:status>HTTP/1.1 404 x</d:status><d:propstat>",
            );
            (status, json!(found.replace(&ics("phantom", ""), "")))
        }
        other => panic!("{other}"),
    })
    .await;
    let known = |names: &[(&str, &str)]| {
        names.iter().map(|(name, tag)| (format!("{name}.ics"), (*tag).into())).collect()
    };
    let before = Mark::Tags {
        tag: Some("old".into()),
        known: known(&[("same", "1"), ("changed", "1"), ("untagged", ""), ("left", "1")]),
    };
    let pass = pass(&vendor, Some(Cursor { mark: before, ..at("") })).await.unwrap();
    assert_eq!(pass.ids(), ["work/changed", "work/new", "work/untagged"]);
    assert_eq!(pass.gone, ["at work/left.ics", "at work/phantom.ics"]);
    let Next::Resume(cursor) = pass.end else { panic!("it ends") };
    let after = Mark::Tags {
        tag: Some("new".into()),
        known: known(&[("same", "1"), ("changed", "2"), ("untagged", ""), ("new", "1")]),
    };
    assert_eq!(cursor.mark, after, "what could not be had is looked for again");
    let still = self::pass(&vendor, Some(cursor)).await.unwrap();
    assert_eq!(still.records.len(), 0, "by the calendar's tag nothing changed");
}

#[tokio::test]
async fn a_member_that_spoils_the_answer_is_left_out_alone_and_many_are_the_servers_fault() {
    let serve = |spoilt: fn(&str) -> bool| {
        vendor(vec![calendar("work", TELLS)], move |asked, request| match asked {
            SYNC => {
                let item = |n| {
                    with(&format!("/17/calendars/work/{n}.ics"), "<d:getetag>\"1\"</d:getetag>")
                };
                multistatus(&[vec![token("t1")], (0..40).map(item).collect()].concat())
            }
            GET if asked_for(request).iter().any(|href| spoilt(href)) => {
                (207, json!("<d:multistatus><oops"))
            }
            GET => all(request),
            other => panic!("{other}"),
        })
    };
    let one = serve(|href| href.ends_with("/17.ics")).await;
    let found = pass(&one, None).await.unwrap();
    assert_eq!((found.records.len(), found.skipped), (39, 1));
    let every = serve(|_| true).await;
    assert!(matches!(pass(&every, None).await.unwrap_err(), Error::Unexpected { .. }));
}

#[tokio::test]
async fn what_cannot_be_read_of_a_member_does_not_let_go_of_what_was_read_before() {
    let vendor = vendor(vec![calendar("work", TELLS)], |asked, request| match asked {
        SYNC => {
            let item = |name| {
                with(&format!("/17/calendars/work/{name}.ics"), "<d:getetag>\"2\"</d:getetag>")
            };
            multistatus(&[
                token("t2"),
                item("odd"),
                item("empty"),
                item("unanswered"),
                item("todo"),
            ])
        }
        GET => {
            let data = |name: &str, text: &str| {
                with(
                    &format!("/17/calendars/work/{name}.ics"),
                    &format!("<c:calendar-data>{text}</c:calendar-data>"),
                )
            };
            assert_eq!(asked_for(request).len(), 4);
            let odd = ics("a", "END:VEVENT\nBEGIN:VEVENT\nUID:b\nDTSTART:never\n");
            let todo = "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:t\nEND:VTODO\nEND:VCALENDAR";
            multistatus(&[data("odd", &odd), data("empty", "<![CDATA[oops]]>"), data("todo", todo)])
        }
        other => panic!("{other}"),
    })
    .await;
    let page = AppleCalendar.page(&vendor.client(), &work(), Some(at("t1"))).await.unwrap();
    let ids: Vec<&str> = page.upserts.iter().map(|record| record.key.as_str()).collect();
    assert_eq!((ids, page.skipped), (vec!["work/a"], 3));
    assert_eq!(page.replacing, ["work/todo.ics"]);
    assert!(page.removed.is_empty());
}

#[tokio::test]
async fn a_bounded_listing_leaves_out_what_was_over_and_knows_that_it_is_there() {
    let vendor = vendor(vec![calendar("work", TELLS)], |asked, request| match asked {
        SYNC => {
            let item = |name| {
                with(&format!("/17/calendars/work/{name}.ics"), "<d:getetag>\"1\"</d:getetag>")
            };
            multistatus(&[token("t1"), item("old"), item("series"), item("new")])
        }
        GET => {
            let (status, found) = all(request);
            let series = ics("series", "RRULE:FREQ=DAILY\n");
            let new = ics("new", "DTEND:20250601T100000Z\n");
            let found = found
                .as_str()
                .unwrap()
                .replace(&ics("series", ""), &series)
                .replace(&ics("new", ""), &new);
            (status, json!(found))
        }
        other => panic!("{other}"),
    })
    .await;
    let since = "2025-05-01T00:00:00Z".parse().unwrap();
    let client = vendor.client_since(Some(since), &Map::new());
    let pass = testing::pass(&AppleCalendar, &client, &work(), None).await.unwrap();
    let ids: Vec<&str> = pass.records.iter().map(|record: &Record| record.key.as_str()).collect();
    assert_eq!((ids, pass.seen), (vec!["work/series", "work/new"], vec!["work/old".to_owned()]));
    assert_eq!(pass.covers, [Covers::Between { from: Some(since), to: None }]);
    assert_eq!(pass.end, Next::Resume(at("t1")), "what changes later is read whatever its time");
}
