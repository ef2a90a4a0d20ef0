use serde_json::json;

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Properties,
};

const STAMP: i64 = 1_740_000_000_000;

fn object(id: &str, properties: &Value) -> Value {
    json!({"id": id, "properties": properties, "createdAt": "2025-02-01T09:00:00.123Z",
        "updatedAt": "2025-02-20T09:00:00Z", "archived": false})
}

/// Answers the lookups, and what else is asked by the script.
async fn vendor(script: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&HubSpot, move |asked| {
        let path = asked.path.strip_prefix("api.hubapi.com/").unwrap();
        match (path, asked.get("archived")) {
            ("account-info/v3/details", _) => {
                (200, json!({"portalId": 7, "uiDomain": "app-eu1.hubspot.com"}))
            }
            ("crm/v3/owners", Some("true")) => (
                200,
                json!({"results": [{"id": "12", "firstName": "Grace", "lastName": null, "email": ""}]}),
            ),
            ("crm/v3/owners", _) => (200, json!({"results": []})),
            ("crm/v3/pipelines/deals", _) => (
                200,
                json!({"results": [{"id": "p", "label": "Sales", "stages": [{"id": "s", "label": "Won"}]}]}),
            ),
            _ => script(asked),
        }
    })
    .await
}

fn deals() -> Feed {
    Feed::new("deals", "deals")
}

fn done() -> Cursor {
    let began = Timestamp::from_millisecond(STAMP).unwrap();
    Cursor { began, step: Step::Done, after: None }
}

#[tokio::test]
async fn a_deal_has_its_stage_and_its_owner_by_name_even_one_who_left() {
    let vendor = vendor(|_| {
        let deal = json!({"dealname": null, "dealstage": "s", "pipeline": "p", "amount": "5",
            "hubspot_owner_id": "12", "hs_is_closed": "true", "closedate": "not yet",
            "hs_merged_object_ids": "3;4"});
        (200, json!({"results": [object("1", &deal), {"id": 2}, object("2", &json!({"dealstage": "x"}))]}))
    })
    .await;
    let pass = testing::pass(&HubSpot, &vendor.client(), &deals(), None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["deals:1", "deals:2"], 1));
    assert_eq!(pass.gone, ["deals:3", "deals:4"], "merged into the first");
    let Properties::Task(deal) = &pass.records[0].properties else { panic!("a task") };
    assert_eq!((deal.name.as_str(), deal.status.as_deref()), ("", Some("Won")));
    assert_eq!(deal.assignee.as_ref().unwrap().name.as_deref(), Some("Grace"));
    assert_eq!(deal.url.as_deref(), Some("https://app-eu1.hubspot.com/contacts/7/record/0-3/1"));
    let Properties::Task(odd) = &pass.records[1].properties else { panic!("a task") };
    assert_eq!(odd.status.as_deref(), Some("x"), "a stage that no pipeline knows");
}

#[tokio::test]
async fn a_listing_follows_its_pages_and_leaves_out_what_is_older_than_wanted() {
    let vendor = vendor(|asked| match asked.get("after") {
        None => (
            200,
            json!({"results": [object("1", &json!({}))],
            "paging": {"next": {"after": "MQ%3D%3D"}}}),
        ),
        Some("MQ%3D%3D") => (200, json!({"results": [object("2", &json!({}))]})),
        other => panic!("nobody gave {other:?}"),
    })
    .await;
    let pass = testing::pass(&HubSpot, &vendor.client(), &deals(), None).await.unwrap();
    assert_eq!(pass.sizes, [1, 1]);
    assert!(matches!(pass.end, Next::Resume(Cursor { step: Step::Done, .. })));
    let since = "2025-03-01T00:00:00Z".parse().unwrap();
    let client = vendor.client_since(Some(since), &serde_json::Map::new());
    let pass = testing::pass(&HubSpot, &client, &deals(), None).await.unwrap();
    assert_eq!(pass.ids(), Vec::<&str>::new());
    assert_eq!(pass.covers[0], Covers::Between { from: Some(since), to: None });
}

#[tokio::test]
async fn a_later_pass_searches_from_before_the_last_one_began_and_removes_what_is_archived() {
    let vendor = vendor(|asked| {
        if asked.method == "GET" {
            assert_eq!(asked.get("archived"), Some("true"));
            return (200, json!({"results": [{"id": "9", "archived": true}]}));
        }
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let filter = &body["filterGroups"][0]["filters"][0];
        assert_eq!(filter["value"], (STAMP - 600_000).to_string());
        (200, json!({"results": [object("1", &json!({}))]}))
    })
    .await;
    let pass = testing::pass(&HubSpot, &vendor.client(), &deals(), Some(done())).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.join(" ")), (vec!["deals:1"], "deals:9".to_owned()));
}

#[test]
fn a_search_goes_on_beyond_its_ten_thousand_results_also_at_one_moment() {
    let at = |step: Step| Cursor { began: Timestamp::UNIX_EPOCH, step, after: None };
    let last = |stamp: &str| -> Vec<Object> {
        let last = object("77", &json!({"hs_lastmodifieddate": stamp}));
        vec![serde_json::from_value(last).unwrap()]
    };
    let then = |step: Step, stamp: &str, after: &str| {
        let Next::More(next) = at(step).then(&last(stamp), Some(after.into())) else { panic!() };
        (next.step, next.after)
    };
    let (stamp, later) = ("2025-02-19T21:20:00Z", "2025-02-19T21:20:00.250Z");
    let changes = Step::Changes(STAMP);
    assert_eq!(then(changes.clone(), later, "9800"), (changes.clone(), Some("9800".into())));
    assert_eq!(then(changes.clone(), later, "10000"), (Step::Changes(STAMP + 250), None));
    let moment = |id: &str| Step::Moment(STAMP, id.into());
    assert_eq!(then(changes, stamp, "10000"), (moment("0"), None));
    assert_eq!(then(moment("0"), stamp, "200"), (moment("77"), None));
    let Next::More(next) = at(moment("77")).then(&[], None) else { panic!() };
    assert_eq!(next.step, Step::Changes(STAMP + 1));
}

#[test]
fn refusals_say_which_scope_is_missing_and_how_long_to_wait() {
    let fault = |status: u16, body: Value| HubSpot.fault(status, &body);
    let body = json!({"category": "MISSING_SCOPES", "errors": [{"message": "One or more",
        "context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}]});
    let Some(Error::Forbidden(why)) = fault(403, body) else { panic!("forbidden") };
    assert!(why.ends_with("crm.objects.deals.read"), "{why}");
    for (policy, seconds) in [("SECONDLY", 1), ("TEN_SECONDLY_ROLLING", 10), ("DAILY", 3_600)] {
        let limited = fault(429, json!({"errorType": "RATE_LIMIT", "policyName": policy}));
        assert_eq!(limited, Some(Error::RateLimited(Duration::from_secs(seconds))));
    }
    let expired = fault(401, json!({"category": "EXPIRED_AUTHENTICATION"}));
    assert!(matches!(expired, Some(Error::Reconnect(_))));
    assert!(matches!(fault(477, json!({})), Some(Error::Unavailable(_))));
    assert_eq!(fault(400, json!({"category": "VALIDATION_ERROR"})), None);
}
