use serde_json::{Map, json};

use super::*;
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Moment, Properties},
};

fn settings() -> Map<String, Value> {
    Map::from_iter([("instance_url".to_owned(), json!("https://acme.my.salesforce.com/"))])
}

fn lead(id: &str, stamp: &str) -> Value {
    json!({"Id": id, "Name": "Müller", "Company": "Zoë", "Title": null, "Description": "a\r\nb",
        "OwnerId": "005", "Owner": {"Name": "Queue"}, "CreatedDate": "2025-01-16T10:30:00.000+0000",
        "SystemModstamp": stamp, "IsDeleted": false})
}

fn rows(records: &[Value], next: Option<&str>) -> (u16, Value) {
    let next = next.map(|next| format!("/services/data/v62.0/query/{next}"));
    (200, json!({"records": records, "done": next.is_none(), "nextRecordsUrl": next}))
}

fn refused(status: u16, code: &str, message: &str) -> (u16, Value) {
    (status, json!([{"errorCode": code, "message": message}]))
}

async fn vendor(script: impl Fn(&Asked, &str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    Vendor::new(&Salesforce, move |asked| {
        let path = asked.path.strip_prefix("acme.my.salesforce.com/services/data/v62.0/").unwrap();
        script(asked, path)
    })
    .await
}

async fn pass(
    vendor: &Vendor,
    object: &str,
    cursor: Option<Cursor>,
) -> Result<testing::Pass<Cursor>> {
    let client = vendor.client_since(None, &settings());
    testing::pass(&Salesforce, &client, &Feed::new(object, object), cursor).await
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn leads_are_notes_and_tasks_have_days_people_and_a_name_even_where_it_is_null() {
    let vendor = vendor(|asked, _| match asked.get("q").unwrap() {
        q if q.contains("FROM Lead ORDER BY SystemModstamp ASC, Id ASC") => {
            assert_eq!(asked.header("sforce-query-options"), Some("batchSize=2000"));
            rows(&[lead("00Q1", "2025-02-03T11:00:00.000+0000"), json!({"Name": "no id"})], None)
        }
        _ => rows(
            &[json!({"Id": "00T1", "Subject": null, "ActivityDate": "2025-01-20", "Who": null,
                "WhoId": "00Q1", "WhatId": null, "IsClosed": true, "SystemModstamp": "odd"})],
            None,
        ),
    })
    .await;
    let leads = pass(&vendor, "Lead", None).await.unwrap();
    assert_eq!((leads.ids(), leads.skipped), (vec!["00Q1"], 1));
    let Properties::Note(note) = &leads.records[0].properties else { panic!("a note") };
    assert_eq!(note.content.as_deref(), Some("Zoë\na\nb"));
    assert_eq!(note.url.as_deref(), Some("https://acme.my.salesforce.com/00Q1"));
    assert_eq!(note.created_at, Some(at("2025-01-16T10:30:00Z")));
    assert_eq!(note.custom_fields.as_ref().unwrap().len(), 5);
    let tasks = pass(&vendor, "Task", None).await.unwrap();
    let Properties::Task(task) = &tasks.records[0].properties else { panic!("a task") };
    assert_eq!((task.name.as_str(), task.completed), ("", Some(true)));
    assert_eq!(task.due_on, Some(Moment::On("2025-01-20".parse().unwrap())));
    assert_eq!(task.participants.as_ref().unwrap()[0].id.as_deref(), Some("00Q1"));
    assert_eq!(task.project, None);
}

#[tokio::test]
async fn a_later_pass_asks_from_before_the_latest_stamp_and_removes_what_is_in_the_recycle_bin() {
    let vendor = vendor(|asked, _| {
        let bound = "FROM Lead WHERE SystemModstamp >= 2025-02-03T10:45:00Z ORDER BY";
        assert!(asked.get("q").unwrap().contains(bound));
        let mut deleted = lead("00Q2", "2025-02-10T12:05:00.000+0000");
        deleted["IsDeleted"] = true.into();
        rows(&[lead("00Q1", "2025-02-10T12:00:00.000+0000"), deleted], None)
    })
    .await;
    let cursor = Cursor { stamp: Some(at("2025-02-03T11:00:00.5Z")), next: None, bounded: None };
    let pass = pass(&vendor, "Lead", Some(cursor)).await.unwrap();
    assert_eq!((pass.ids(), pass.gone.join(" ")), (vec!["00Q1"], "00Q2".to_owned()));
    let stamp = Some(at("2025-02-10T12:05:00Z"));
    assert_eq!(pass.end, Next::Resume(Cursor { stamp, next: None, bounded: None }));
}

#[tokio::test]
async fn a_page_that_salesforce_no_longer_keeps_is_asked_for_again_from_the_last_stamp() {
    let vendor = vendor(|asked, path| match (path, asked.get("q")) {
        ("query/old-2000", _) => refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
        ("query/new-2000", _) => rows(&[lead("00Q3", "2025-02-05T00:00:00.000+0000")], None),
        (_, Some(q)) if q.contains("WHERE") => {
            rows(&[lead("00Q2", "2025-02-04T00:00:00.000+0000")], Some("new-2000"))
        }
        _ => rows(&[lead("00Q1", "2025-02-03T00:00:00.000+0000")], Some("old-2000")),
    })
    .await;
    let pass = pass(&vendor, "Lead", None).await.unwrap();
    assert_eq!(pass.ids(), ["00Q1", "00Q2", "00Q3"]);
}

#[tokio::test]
async fn a_field_that_is_hidden_from_the_user_is_left_out_and_the_rest_imported() {
    let vendor = vendor(|asked, path| match path {
        "sobjects/Lead/describe" => {
            (200, json!({"fields": [{"name": "Name"}, {"name": "OwnerId"}]}))
        }
        _ if asked.get("q").unwrap().contains("Phone") => {
            refused(400, "INVALID_FIELD", "No such column 'Phone' on entity 'Lead'")
        }
        _ => {
            let fields =
                "SELECT Id, Name, OwnerId, Owner.Name, CreatedDate, SystemModstamp, IsDeleted FROM";
            assert!(asked.get("q").unwrap().starts_with(fields));
            rows(&[lead("00Q1", "2025-02-03T11:00:00.000+0000")], None)
        }
    })
    .await;
    assert_eq!(pass(&vendor, "Lead", None).await.unwrap().ids(), ["00Q1"]);
}

#[test]
fn salesforces_words_say_what_a_refusal_means() {
    let fault = |(status, body): (u16, Value)| Salesforce.fault(status, &body).unwrap();
    let day = fault(refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    assert_eq!(day, Error::RateLimited(Duration::from_hours(1)));
    let moment = "ConcurrentPerOrgLongTxn Limit exceeded.";
    let moment = fault(refused(403, "REQUEST_LIMIT_EXCEEDED", moment));
    assert_eq!(moment, Error::RateLimited(Duration::from_secs(20)));
    assert!(matches!(fault((403, Value::Null)), Error::Reconnect(_)));
    assert!(matches!(fault(refused(401, "INVALID_SESSION_ID", "")), Error::Reconnect(_)));
    assert!(matches!(fault(refused(403, "API_DISABLED_FOR_ORG", "")), Error::Forbidden(_)));
    assert!(matches!(fault(refused(400, "INVALID_TYPE", "")), Error::Forbidden(_)));
    assert!(matches!(fault(refused(400, "QUERY_TIMEOUT", "")), Error::Unavailable(_)));
    assert_eq!(Salesforce.fault(403, &json!([{"errorCode": "INSUFFICIENT_ACCESS"}])), None);
}
