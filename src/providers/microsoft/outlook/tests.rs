//! Outlook against a vendor by script, in the shapes of its reference.

use serde_json::{Map, json};

use super::{
    super::{API, IMMUTABLE},
    *,
};
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::Message,
};

/// A request in short: what is asked, and the token of its link.
fn short(asked: &Asked) -> String {
    assert!(
        asked.header("prefer").unwrap().starts_with(IMMUTABLE),
        "ids would change at every move"
    );
    let path = asked.path.strip_prefix("graph.microsoft.com/v1.0/me/").unwrap();
    let said = ["$filter", "$token"].iter().filter_map(|name| asked.get(name));
    said.fold(path.to_owned(), |line, part| format!("{line} {part}"))
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    let folder = |id: &str, children: u32| json!({"id": id, "displayName": id, "childFolderCount": children});
    let search = json!({"id": "unread", "@odata.type": "#microsoft.graph.mailSearchFolder"});
    Vendor::new(&Outlook, move |asked| match short(asked).as_str() {
        "mailFolders" => (200, json!({"value": [folder("in=", 1), folder("bin", 1), search]})),
        "mailFolders/in%3D/childFolders" => (200, json!({"value": [folder("sub", 0)]})),
        "mailFolders/deleteditems" => (200, folder("bin", 1)),
        "mailFolders/junkemail" | "mailFolders/drafts" => not_found(),
        asked => script(asked),
    })
    .await
}

fn not_found() -> (u16, Value) {
    (
        404,
        json!({"error": {"code": "ErrorItemNotFound", "message": "The specified object was not found in the store."}}),
    )
}

fn mail(id: &str, folder: &str) -> Value {
    let body = json!({"contentType": "html", "content": "<p>Hallo Zo&euml;</p>"});
    json!({"id": id, "subject": null, "body": body, "parentFolderId": folder, "isRead": false, "isDraft": false,
        "sentDateTime": "2026-03-12T09:15:42Z", "receivedDateTime": "2026-03-12T09:15:45Z"})
}

fn listed(value: &[Value], link: &str, token: &str) -> (u16, Value) {
    let url = format!("{API}/me/mailFolders('in=')/messages/delta?$token={token}");
    (200, json!({"value": value, link: url}))
}

fn at(token: &str) -> Cursor {
    let link = format!("{API}/me/mailFolders('in=')/messages/delta?$token={token}");
    Cursor { link, since: None, given: None }
}

const FEED: &str = "mailFolders/in%3D/messages/delta";
const LINK: &str = "mailFolders('in=')/messages/delta";

async fn pass(vendor: &Vendor, cursor: Option<Cursor>) -> Result<testing::Pass<Cursor>> {
    testing::pass(&Outlook, &vendor.client(), &Feed::new("in=", "in="), cursor).await
}

fn message(record: &Record) -> Message {
    match &record.properties {
        Properties::Message(message) => (**message).clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_folder_is_listed_by_its_links_with_the_attachments_that_are_no_part_of_the_text() {
    let vendor = vendor(|asked| match asked.strip_prefix(LINK) {
        None if asked == FEED => {
            let mut with = mail("a=", "in=");
            with["hasAttachments"] = true.into();
            let mut draft = mail("d", "in=");
            draft["isDraft"] = true.into();
            listed(&[with, draft, json!({"subject": "no id"})], "@odata.nextLink", "2")
        }
        Some(" 2") => listed(&[mail("b", "in=")], "@odata.deltaLink", "D"),
        None if asked == "messages/a%3D/attachments" => {
            let file = json!({"id": "f", "name": "Q1.pdf", "contentType": "application/pdf", "size": 9, "isInline": false});
            (200, json!({"value": [file, {"id": "logo", "isInline": true}]}))
        }
        _ => panic!("{asked}"),
    })
    .await;
    let pass = pass(&vendor, None).await.unwrap();
    assert_eq!((pass.ids(), pass.skipped), (vec!["a=", "b"], 1));
    assert_eq!(pass.end, Next::Resume(at("D")));
    let read = message(&pass.records[0]);
    assert_eq!((read.subject.as_deref(), read.text.as_deref()), (Some(""), Some("Hallo Zoë")));
    let files = read.attachments.unwrap();
    assert_eq!((files.len(), files[0].file_name.as_deref()), (1, Some("Q1.pdf")));
    assert_eq!(message(&pass.records[1]).attachments, None);
}

#[tokio::test]
async fn a_mail_that_left_a_folder_is_gone_only_if_it_lies_nowhere_that_is_imported() {
    let vendor = vendor(|asked| match asked {
        "messages/moved" => (200, mail("moved", "sub")),
        "messages/binned" => (200, mail("binned", "bin")),
        "messages/deleted" => not_found(),
        asked if asked.starts_with(LINK) => {
            let gone = ["moved", "binned", "deleted"]
                .map(|id| json!({"id": id, "@removed": {"reason": "deleted"}}));
            let read = json!({"id": "read", "isRead": true, "parentFolderId": "in="});
            listed(&[&gone[..], &[read]].concat(), "@odata.deltaLink", "D2")
        }
        other => panic!("{other}"),
    })
    .await;
    let client = vendor.client();
    let feed = Feed::new("in=", "in=");
    let page = Outlook.page(&client, &feed, Some(at("D"))).await.unwrap();
    let gone = ["binned", "deleted"].map(|id| crate::provider::Gone::Id(id.into()));
    assert_eq!(page.removed, gone);
    let patched: Vec<&str> = page.patches.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(patched, ["read", "moved"]);
    let mut properties = Record::from(Outcome("x")).properties;
    for (_, patch) in &page.patches {
        patch.apply(&mut properties);
    }
    let Properties::Message(after) = properties else { panic!("a mail") };
    assert_eq!(after.label_ids.unwrap(), ["sub"]);
    let ids = ["moved", "binned", "deleted"].map(str::to_owned).to_vec();
    assert_eq!(Outlook.confirm_gone(&client, &feed, ids).await.unwrap(), ["binned", "deleted"]);
}

/// A stored mail of which nothing is known.
struct Outcome(&'static str);

impl From<Outcome> for Record {
    fn from(of: Outcome) -> Self {
        Self::new(of.0, Message::of(crate::record::MessageKind::Email))
    }
}

#[tokio::test]
async fn a_token_that_expired_lists_the_folder_afresh() {
    let vendor =
        vendor(|_| (410, json!({"error": {"code": "SyncStateNotFound", "message": "…"}}))).await;
    assert_eq!(pass(&vendor, Some(at("old"))).await.unwrap_err(), Error::CursorExpired);
}

#[tokio::test]
async fn the_feeds_are_the_folders_at_every_depth_but_for_the_bin() {
    let vendor = vendor(|asked| panic!("{asked}")).await;
    let feeds = Outlook.feeds(&vendor.client()).await.unwrap();
    assert_eq!(feeds, [Feed::new("in=", "in="), Feed::new("sub", "sub")]);
}

#[tokio::test]
async fn a_bounded_listing_that_the_service_cuts_off_goes_on_without_its_bound() {
    let vendor = vendor(|asked| match asked {
        "mailFolders/in%3D/messages/delta receivedDateTime ge 2026-03-01T00:00:00Z" => {
            listed(&vec![mail("a", "in="); 5_000], "@odata.deltaLink", "cut")
        }
        FEED => {
            let mut old = mail("old", "in=");
            old["sentDateTime"] = "2026-02-01T00:00:00Z".into();
            listed(&[mail("a", "in="), mail("b", "in="), old], "@odata.deltaLink", "D")
        }
        other => panic!("{other}"),
    })
    .await;
    let since = Some("2026-03-01T00:00:00Z".parse().unwrap());
    let client = vendor.client_since(since, &Map::new());
    let pass = testing::pass(&Outlook, &client, &Feed::new("in=", "in="), None).await.unwrap();
    assert_eq!((pass.ids(), &pass.end), (vec!["a", "a", "b"], &Next::Resume(at("D"))));
}
