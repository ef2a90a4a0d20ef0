use serde_json::json;

use super::*;
use crate::{
    provider::Gone,
    providers::testing::{self, Asked, Vendor},
    record::{Key, Properties},
};

fn mail(id: &str, labels: &[&str]) -> (u16, Value) {
    let headers = json!([{"name": "Subject", "value": id}]);
    let payload =
        json!({"mimeType": "text/plain", "headers": headers, "body": {"size": 2, "data": "aGk"}});
    let date = "1773306942000";
    (
        200,
        json!({"id": id, "threadId": id, "labelIds": labels, "internalDate": date, "payload": payload}),
    )
}

fn not_found() -> (u16, Value) {
    (
        404,
        json!({"error": {"code": 404, "errors": [{"reason": "notFound"}], "status": "NOT_FOUND"}}),
    )
}

/// The id at the end of a path, and whether it is a message that is asked for.
fn message(asked: &Asked) -> Option<&str> {
    asked.path.split_once("/messages/").map(|(_, id)| id)
}

fn ids(page: &Page<Cursor>) -> Vec<&str> {
    page.upserts.iter().map(|record| record.key.as_str()).collect()
}

fn gone(page: &Page<Cursor>) -> Vec<String> {
    let id = |of: &'_ Gone| match of {
        Gone::Id(id) => id.clone(),
        other => panic!("{other:?}"),
    };
    page.removed.iter().map(id).collect()
}

async fn next(vendor: &Vendor, cursor: Option<Cursor>) -> Result<Page<Cursor>> {
    Gmail.page(&vendor.client(), &Feed::account(), cursor).await
}

fn history(since: &str) -> Cursor {
    Cursor::History { since: since.into(), page: None, latest: None, ids: Vec::new() }
}

#[tokio::test]
async fn a_backfill_takes_a_hundred_messages_a_page_and_ends_where_the_history_stood_before() {
    let vendor = Vendor::new(&Gmail, |asked| match message(asked) {
        Some(id) => mail(id, &["INBOX"]),
        None if asked.path.ends_with("/profile") => {
            (200, json!({"emailAddress": "zoe@x.de", "historyId": "77"}))
        }
        None => {
            assert_eq!(asked.get("maxResults"), Some("500"));
            let (from, token) = match asked.get("pageToken") {
                None => (0, Some("two")),
                Some(_) => (150, None),
            };
            let ids: Vec<_> =
                (from..from + 150).map(|n| json!({"id": format!("{n:03}")})).collect();
            (200, json!({"messages": ids, "nextPageToken": token}))
        }
    })
    .await;
    let pass = testing::pass(&Gmail, &vendor.client(), &Feed::account(), None).await.unwrap();
    assert_eq!(pass.sizes, [100, 50, 100, 50]);
    assert_eq!(pass.covers, [Covers::Everything; 4]);
    assert_eq!(pass.end, Next::Resume(history("77")));
    let lists = vendor.paths().into_iter().filter(|path| !path.contains("messages/")).count();
    assert_eq!(lists, 3, "the profile and two lists");
}

#[tokio::test]
async fn a_bounded_listing_asks_for_and_covers_what_came_since() {
    let vendor = Vendor::new(&Gmail, |asked| match &asked.path {
        path if path.ends_with("/profile") => (200, json!({"emailAddress": "z", "historyId": "1"})),
        _ => (200, json!({"resultSizeEstimate": 0})),
    })
    .await;
    let since: Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
    let client = vendor.client_since(Some(since), &serde_json::Map::new());
    let page = Gmail.page(&client, &Feed::account(), None).await.unwrap();
    assert_eq!(page.covers, Covers::Between { from: Some(since), to: None });
    assert_eq!(page.next, Next::Resume(history("1")));
    assert_eq!(vendor.asked()[1].get("q"), Some("after:1773100799"));
}

#[tokio::test]
async fn what_is_a_draft_a_chat_trash_or_spam_is_no_record_or_one_no_longer() {
    let vendor = Vendor::new(&Gmail, |asked| match message(asked) {
        Some("gone") => not_found(),
        Some(label) => mail(label, &[label]),
        None => {
            let change =
                |id: &str| json!({"labelsAdded": [{"message": {"id": id}, "labelIds": [id]}]});
            let all: Vec<_> =
                ["DRAFT", "CHAT", "TRASH", "SPAM", "gone", "INBOX"].map(change).into();
            (200, json!({"history": all, "historyId": "2"}))
        }
    })
    .await;
    let page = next(&vendor, Some(history("1"))).await.unwrap();
    assert_eq!(ids(&page), ["INBOX"]);
    assert_eq!(gone(&page), ["CHAT", "DRAFT", "SPAM", "TRASH", "gone"]);
    assert_eq!(page.next, Next::Resume(history("2")));
}

#[tokio::test]
async fn a_message_that_changed_on_several_pages_is_fetched_once_and_a_deleted_one_never() {
    let vendor = Vendor::new(&Gmail, |asked| match (message(asked), asked.get("pageToken")) {
        (Some(id), _) => mail(id, &[]),
        (None, None) => {
            let added = json!([{"message": {"id": "a"}}, {"message": {"id": "b"}}]);
            (200, json!({"history": [{"messagesAdded": added}], "nextPageToken": "2", "historyId": "9"}))
        }
        // A page may be empty and not the last.
        (None, Some("2")) => (200, json!({"nextPageToken": "3", "historyId": "9"})),
        (None, Some(_)) => {
            let deleted = json!({"messagesDeleted": [{"message": {"id": "b"}}]});
            let read = json!({"labelsRemoved": [{"message": {"id": "a"}, "labelIds": ["UNREAD"]}]});
            (200, json!({"history": [deleted, read, {"labelsAdded": [{}]}], "historyId": "9"}))
        }
    })
    .await;
    let page = next(&vendor, Some(history("1"))).await.unwrap();
    assert_eq!((ids(&page), gone(&page), page.skipped), (vec!["a"], vec!["b".to_owned()], 1));
    assert_eq!(page.next, Next::Resume(history("9")));
    let asked = vendor.asked();
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().take(3).all(|asked| asked.get("startHistoryId") == Some("1")));
}

#[tokio::test]
async fn a_history_that_gmail_no_longer_keeps_is_listed_afresh() {
    let vendor = Vendor::new(&Gmail, |_| not_found()).await;
    assert_eq!(next(&vendor, Some(history("1"))).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn an_odd_message_is_left_out_and_counted_but_not_all_of_them() {
    let list = |asked: &Asked, n: usize| match message(asked) {
        Some("0") => Some((200, json!({"id": 0}))),
        Some(_) => None,
        None => {
            let ids: Vec<_> = (0..n).map(|id| json!({"message": {"id": id.to_string()}})).collect();
            Some((200, json!({"history": [{"messagesAdded": ids}], "historyId": "2"})))
        }
    };
    let vendor =
        Vendor::new(&Gmail, move |asked| list(asked, 3).unwrap_or_else(|| mail("m", &[]))).await;
    let page = next(&vendor, Some(history("1"))).await.unwrap();
    assert_eq!((page.upserts.len(), page.skipped), (2, 1));
    let odd = (200, json!({"error": null}));
    let vendor =
        Vendor::new(&Gmail, move |asked| list(asked, 30).unwrap_or_else(|| odd.clone())).await;
    let cause = next(&vendor, Some(history("1"))).await.unwrap_err();
    assert!(matches!(cause, Error::Unexpected { .. }), "{cause}");
}

#[tokio::test]
async fn labels_are_named_once_a_run_and_only_where_somebody_made_them() {
    let vendor = Vendor::new(&Gmail, |asked| match message(asked) {
        Some("own") => mail("own", &["INBOX", "Label_42"]),
        Some(id) => mail(id, &["INBOX"]),
        None if asked.path.ends_with("/labels") => {
            let own = json!({"id": "Label_42", "name": "Projekte/Größe", "type": "user"});
            (200, json!({"labels": [{"id": "INBOX", "name": "INBOX", "type": "system"}, own]}))
        }
        None => {
            let id = asked.get("startHistoryId").unwrap();
            (200, json!({"history": [{"messagesAdded": [{"message": {"id": id}}]}], "historyId": "2"}))
        }
    })
    .await;
    let client = vendor.client();
    for (id, tags) in
        [("plain", &[][..]), ("own", &["Projekte/Größe"]), ("own", &["Projekte/Größe"])]
    {
        let page = Gmail.page(&client, &Feed::account(), Some(history(id))).await.unwrap();
        let Properties::Message(message) = &page.upserts[0].properties else { panic!() };
        assert_eq!(message.tags.as_deref().unwrap(), tags);
        assert_eq!(page.upserts[0].key, Key::Id(id.into()));
    }
    assert_eq!(vendor.paths().iter().filter(|path| path.ends_with("/labels")).count(), 1);
}

#[tokio::test]
async fn labels_that_may_not_be_read_leave_the_mail_without_tags() {
    let vendor = Vendor::new(&Gmail, |asked| match message(asked) {
        Some(id) => mail(id, &["Label_1"]),
        None if asked.path.ends_with("/labels") => (
            403,
            json!({"error": {"code": 403, "errors": [{"reason": "insufficientPermissions"}]}}),
        ),
        None => (
            200,
            json!({"history": [{"messagesAdded": [{"message": {"id": "a"}}]}], "historyId": "2"}),
        ),
    })
    .await;
    let page = next(&vendor, Some(history("1"))).await.unwrap();
    let Properties::Message(message) = &page.upserts[0].properties else { panic!() };
    assert_eq!(message.tags, None);
}

#[tokio::test]
async fn the_account_is_the_mailboxs_address() {
    let vendor =
        Vendor::new(&Gmail, |_| (200, json!({"emailAddress": "Zoe@X.de", "historyId": "1"}))).await;
    let account = Gmail.account(&vendor.client()).await.unwrap();
    assert!(account.id == "Zoe@X.de" && account.is("zoe@x.de"));
}
