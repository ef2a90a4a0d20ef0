use serde_json::{Value, json};

use super::*;
use crate::providers::{
    meta::instagram::Instagram,
    testing::{Asked, Vendor},
};

#[derive(Debug, Deserialize)]
struct Item {
    id: u32,
    #[serde(default, deserialize_with = "crate::wire::time::read_instant")]
    at: Option<Timestamp>,
}

impl Dated for Item {
    fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

const URL: &str = "https://graph.instagram.com/list";

fn list() -> List<'static> {
    List { window: 2, ..List::of(URL.into(), "id") }
}

/// The noon of a day in March.
fn noon(day: u32) -> Timestamp {
    format!("2026-03-{day:02}T12:00:00Z").parse().unwrap()
}

fn items(days: &[u32]) -> Value {
    days.iter().map(|day| json!({"id": day, "at": noon(*day).to_string()})).collect()
}

/// Pages of items, each named by `after`; the first by none.
fn pages(asked: &Asked, pages: &[&[u32]]) -> (u16, Value) {
    let at: usize = asked.get("after").map_or(0, |after| after.parse().unwrap());
    let next = (at + 1 < pages.len()).then(|| format!("https://x/?access_token=hush&after={at}"));
    let cursors = json!({"before": "b", "after": (at + 1).to_string()});
    (200, json!({"data": items(pages[at]), "paging": {"cursors": cursors, "next": next}}))
}

async fn vendor(script: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Instagram, script).await
}

struct Pass {
    ids: Vec<u32>,
    covers: Vec<Covers>,
    end: Walk,
}

/// Reads the list to the end of a pass; between two pages the cursor is stored and read back.
async fn pass(client: &Client, list: &List<'_>, mut cursor: Option<Walk>) -> Result<Pass> {
    let (mut ids, mut covers) = (Vec::new(), Vec::new());
    loop {
        let step = read::<Item>(client, list, cursor).await?;
        ids.extend(step.items.iter().map(|item| item.id));
        covers.push(step.covers);
        match step.next {
            Next::More(at) => {
                let stored = serde_json::to_string(&at).unwrap();
                assert!(!stored.contains("hush"), "an address with the token is not kept");
                cursor = Some(serde_json::from_str(&stored).unwrap());
            }
            Next::Resume(end) => return Ok(Pass { ids, covers, end }),
            Next::Relist => panic!("a list is gone on with"),
        }
    }
}

fn from(day: u32) -> Covers {
    Covers::Between { from: Some(noon(day)), to: None }
}

const UNBOUNDED: Covers = Covers::Between { from: None, to: None };

#[tokio::test]
async fn the_first_pass_reads_all_though_a_page_is_empty_and_ends_where_no_next_is_named() {
    let vendor = vendor(|asked| pages(asked, &[&[9, 8], &[], &[7]])).await;
    let pass = pass(&vendor.client(), &list(), None).await.unwrap();
    assert_eq!(pass.ids, [9, 8, 7]);
    assert_eq!(pass.covers, [Covers::Everything; 3]);
    assert_eq!(pass.end, Walk::over(Some(noon(9))));
    assert_eq!(vendor.asked().len(), 3, "the cursor of the last page is not asked with");
}

#[tokio::test]
async fn the_next_pass_ends_behind_what_is_known_and_answers_for_what_it_read() {
    let vendor = vendor(|asked| pages(asked, &[&[9, 8], &[7, 6], &[5, 4], &[3]])).await;
    let known = |day| Some(Walk::over(Some(noon(day))));
    let read = pass(&vendor.client(), &list(), known(8)).await.unwrap();
    assert_eq!(read.ids, [9, 8, 7, 6], "a day behind the newest that was known");
    assert_eq!(read.covers, [UNBOUNDED, from(6)]);
    assert_eq!(read.end, Walk::over(Some(noon(9))));
    // Nothing is new, and yet the window is read again.
    let wide = List { window: 3, ..list() };
    let read = pass(&vendor.client(), &wide, known(20)).await.unwrap();
    assert_eq!(read.ids, [9, 8, 7, 6]);
    assert_eq!(read.end, Walk::over(Some(noon(20))), "what was removed since is still known");
    // The whole list lies in the window: it is all covered.
    let wider = List { window: 30, ..list() };
    let read = pass(&vendor.client(), &wider, known(9)).await.unwrap();
    assert_eq!((read.ids.len(), read.covers.last()), (7, Some(&UNBOUNDED)));
}

#[tokio::test]
async fn a_bound_is_asked_for_and_kept_where_the_vendor_does_not_keep_it() {
    let vendor = vendor(|asked| pages(asked, &[&[9, 8], &[7, 6], &[5]])).await;
    let client = vendor.client_since(Some(noon(7)), &serde_json::Map::new());
    let read = pass(&client, &list(), None).await.unwrap();
    assert_eq!(read.ids, [9, 8, 7, 6]);
    assert_eq!(read.covers, [from(7), from(7)]);
    let seconds = noon(7).as_second().to_string();
    assert!(vendor.asked().iter().all(|asked| asked.get("since") == Some(&seconds)));
    let late = List { earliest: noon(8).as_second(), ..list() };
    pass(&client, &late, None).await.unwrap();
    let seconds = late.earliest.to_string();
    assert!(vendor.asked().iter().all(|asked| asked.get("since") == Some(&seconds)));
}

#[tokio::test]
async fn a_vendor_that_gives_the_newest_alone_leaves_what_is_older_unjudged() {
    let vendor = vendor(|asked| pages(asked, &[&[9, 8], &[7]])).await;
    let list = List { reach: Some(3), ..list() };
    let read = pass(&vendor.client(), &list, None).await.unwrap();
    assert_eq!(read.covers, [Covers::Everything, from(7)]);
}

#[tokio::test]
async fn a_place_that_is_old_is_found_again_by_the_time_of_the_last_item() {
    let vendor = vendor(|asked| match asked.get("until") {
        Some(_) => (200, json!({"data": items(&[8, 7])})),
        None => pages(asked, &[&[9, 8], &[7]]),
    })
    .await;
    let client = vendor.client();
    let step = read::<Item>(&client, &list(), None).await.unwrap();
    let Next::More(at) = step.next else { panic!("there is more") };
    let mut at = serde_json::to_value(at).unwrap();
    at["pass"]["place"]["given"] = json!(noon(1));
    let at = serde_json::from_value(at).unwrap();
    vendor.asked();
    let read = pass(&client, &list(), Some(at)).await.unwrap();
    assert_eq!(read.ids, [8, 7]);
    let asked = vendor.asked().pop().unwrap();
    let second = (noon(8).as_second() + 1).to_string();
    assert_eq!((asked.get("until"), asked.get("after")), (Some(second.as_str()), None));
    assert_eq!(read.covers, [Covers::Everything], "it is still the listing that was begun");
}

#[tokio::test]
async fn an_answer_that_would_hold_too_much_is_asked_for_in_halves() {
    let vendor = vendor(|asked| {
        let limit: u32 = asked.get("limit").unwrap().parse().unwrap();
        if limit > 30 {
            let message = "Please reduce the amount of data you're asking for, then retry";
            return (500, json!({"error": {"message": message, "code": 1}}));
        }
        pages(asked, &[&[9], &[8]])
    })
    .await;
    assert_eq!(pass(&vendor.client(), &list(), None).await.unwrap().ids, [9, 8]);
    let limits: Vec<_> =
        vendor.asked().iter().map(|asked| asked.get("limit").unwrap().to_owned()).collect();
    assert_eq!(limits, ["100", "50", "25", "25"]);
}

#[tokio::test]
async fn a_list_that_pages_by_time_goes_on_with_the_parameters_but_the_token() {
    let vendor = vendor(|asked| {
        let next = |until| {
            json!({"previous": "https://x/?since=9&__previous=1",
                "next": format!("https://x/?limit=25&until={until}&access_token=hush&__paging_token=t%2Fx")})
        };
        match asked.get("until") {
            None => (200, json!({"data": items(&[9]), "paging": next(8)})),
            Some("8") => {
                assert_eq!((asked.get("__paging_token"), asked.get("limit")), (Some("t/x"), Some("100")));
                (200, json!({"data": items(&[8]), "paging": next(7)}))
            }
            Some(_) => (200, json!({"data": [], "paging": next(6)})),
        }
    })
    .await;
    assert_eq!(pass(&vendor.client(), &list(), None).await.unwrap().ids, [9, 8]);
    assert_eq!(vendor.asked().len(), 3, "it ends with the answer that holds nothing");
}

#[tokio::test]
async fn a_list_that_names_no_next_ends_with_the_answer_without_items() {
    let vendor = vendor(|asked| {
        let at: usize = asked.get("after").map_or(0, |after| after.parse().unwrap());
        let days: &[&[u32]] = &[&[9, 8], &[7], &[]];
        let after = (at + 1).to_string();
        (200, json!({"data": items(days[at]), "paging": {"cursors": {"after": after}}}))
    })
    .await;
    let list = List { names_next: false, ..list() };
    assert_eq!(pass(&vendor.client(), &list, None).await.unwrap().ids, [9, 8, 7]);
}

#[tokio::test]
async fn a_list_that_does_not_move_on_or_asks_to_remember_too_much_is_given_up() {
    let still = vendor(|_| {
        let paging = json!({"cursors": {"after": "same"}, "next": "https://x/"});
        (200, json!({"data": items(&[9]), "paging": paging}))
    })
    .await;
    let long = vendor(|_| {
        let paging = json!({"cursors": {"after": "x".repeat(LONGEST_PLACE)}, "next": "https://x/"});
        (200, json!({"data": items(&[9]), "paging": paging}))
    })
    .await;
    for vendor in [still, long] {
        let cause = pass(&vendor.client(), &list(), None).await.err().unwrap();
        assert!(matches!(&cause, Error::Unexpected { at, .. } if at == "paging"), "{cause}");
    }
}

#[tokio::test]
async fn an_odd_item_is_counted_and_a_list_that_is_none_is_an_error() {
    let odd =
        vendor(|_| (200, json!({"data": [{"id": 1}, {"at": 7}, {"id": 2, "at": "soon"}]}))).await;
    let step = read::<Item>(&odd.client(), &list(), None).await.unwrap();
    assert_eq!((step.items.len(), step.items.skipped), (2, 1));
    let none = vendor(|_| (200, json!({"success": true}))).await;
    let cause = read::<Item>(&none.client(), &list(), None).await.err().unwrap();
    assert!(matches!(cause, Error::Unexpected { .. }), "{cause}");
}
