//! Microsoft Teams against a vendor by script, in the shapes of its reference.

use serde_json::json;

use super::{super::API, *};
use crate::{
    providers::testing::{self, Asked, Vendor},
    record::{Message, Properties},
};

fn short(asked: &Asked) -> String {
    let path = asked.path.strip_prefix("graph.microsoft.com/v1.0/").unwrap();
    let said = ["$filter", "$token"].iter().filter_map(|name| asked.get(name));
    said.fold(path.to_owned(), |line, part| format!("{line} {part}"))
}

async fn vendor(script: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Vendor {
    let member = |id: &str, name: &str| json!({"userId": id, "displayName": name});
    Vendor::new(&MicrosoftTeams, move |asked| match short(asked).as_str() {
        "me" => (200, json!({"id": "u1", "displayName": "Robin", "userPrincipalName": "robin@x.de"})),
        "me/joinedTeams" => (200, json!({"value": [{"id": "t", "displayName": "Contoso"}, {"id": "left", "displayName": "Old"}]})),
        "teams/left/channels" => (403, json!({"error": {"code": "Forbidden"}})),
        "teams/t/channels" => {
            (200, json!({"value": [{"id": "19:c@tacv2", "displayName": "Général", "createdDateTime": "2020-11-01T00:00:00Z"}]}))
        }
        "me/chats" => {
            (200, json!({"value": [{"id": "19:x@v2", "topic": null, "members": [member("u1", "Robin"), member("u2", "Ana")]}]}))
        }
        asked => script(asked),
    })
    .await
}

fn said(id: &str, text: &str) -> Value {
    json!({"id": id, "messageType": "message", "createdDateTime": "2021-03-17T08:59:08.136Z",
        "lastModifiedDateTime": "2021-03-17T08:59:08.136Z", "body": {"contentType": "html", "content": text},
        "from": {"application": null, "user": {"id": "u2", "displayName": "Ana"}}})
}

fn with(mut of: Value, more: &Value) -> Value {
    of.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    of
}

fn link(token: &str) -> String {
    format!("{API}/x/delta?$token={token}")
}

fn channel() -> Feed {
    Feed::new("channel:t:19:c@tacv2", "Général")
}

fn chat() -> Feed {
    Feed::new("chat:19:x@v2", "Ana")
}

async fn pass(
    vendor: &Vendor,
    feed: &Feed,
    cursor: Option<Cursor>,
) -> Result<testing::Pass<Cursor>> {
    testing::pass(&MicrosoftTeams, &vendor.client(), feed, cursor).await
}

fn message(record: &Record) -> &Message {
    match &record.properties {
        Properties::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn changes(token: &str, first: bool) -> Cursor {
    Cursor::Changes { link: link(token), first, since: None }
}

const CHANNEL: &str = "teams/t/channels/19%3Ac%40tacv2/messages";

#[tokio::test]
async fn a_channel_is_read_by_its_feed_and_then_as_far_back_as_it_goes() {
    let vendor = vendor(|asked| match asked.strip_prefix(CHANNEL) {
        Some("/delta") => {
            let system = json!({"id": "9", "messageType": "systemEventMessage", "replies": []});
            let post = with(said("2", "new"), &json!({"replies": [], "subject": "Kick-off"}));
            (200, json!({"value": [post, system, {"no": "id"}], "@odata.deltaLink": link("D")}))
        }
        Some("") => {
            let reply = with(said("11", "late"), &json!({"replyToId": "1"}));
            let old = with(
                said("1", "old"),
                &json!({"replies": [reply], "replies@odata.nextLink": link("R")}),
            );
            (200, json!({"value": [with(said("2", "new"), &json!({"replies": []})), old]}))
        }
        None if asked == "x/delta R" => {
            (200, json!({"value": [with(said("12", "later"), &json!({"replyToId": "1"}))]}))
        }
        _ => panic!("{asked}"),
    })
    .await;
    let pass = pass(&vendor, &channel(), None).await.unwrap();
    let ids = ["2", "2", "1", "11", "12"].map(|id| format!("19:c@tacv2:{id}"));
    assert_eq!((pass.ids(), pass.skipped), (ids.iter().map(String::as_str).collect(), 1));
    assert_eq!(pass.end, Next::Resume(changes("D", false)));
    let reply = message(&pass.records[3]);
    assert_eq!(reply.in_reply_to.as_deref(), Some("19:c@tacv2:1"));
    assert_eq!(reply.thread_id, message(&pass.records[2]).thread_id);
    assert_eq!(reply.workspace.as_ref().unwrap().name.as_deref(), Some("Contoso"));
}

#[tokio::test]
async fn changes_bring_edits_and_deletions_and_ask_for_replies_that_did_not_come() {
    let vendor = vendor(|asked| match asked {
        "x/delta D" => (200, json!({"value": [], "@odata.nextLink": link("2")})),
        "x/delta 2" => {
            let deleted = json!({"id": "3", "deletedDateTime": "2021-03-29T00:00:00Z", "replies": []});
            let gone = json!({"id": "4", "@removed": {"reason": "deleted"}});
            (200, json!({"value": [said("1", "edited"), deleted, gone], "@odata.deltaLink": link("D2")}))
        }
        asked if asked == format!("{CHANNEL}/1/replies") => {
            (200, json!({"value": [with(said("13", "second"), &json!({"replyToId": "1", "messageType": null}))]}))
        }
        other => panic!("{other}"),
    })
    .await;
    let pass = pass(&vendor, &channel(), Some(changes("D", false))).await.unwrap();
    assert_eq!(pass.ids(), ["19:c@tacv2:1", "19:c@tacv2:13"]);
    assert_eq!(
        (pass.gone, pass.end),
        (
            ["3", "4"].map(|id| format!("19:c@tacv2:{id}")).to_vec(),
            Next::Resume(changes("D2", false))
        )
    );
}

#[tokio::test]
async fn a_chat_is_asked_for_what_changed_after_the_newest_change_and_goes_by_its_members() {
    let vendor = vendor(|asked| match asked {
        "chats/19%3Ax%40v2/messages" => (200, json!({"value": [said("1", "hi &lt;Robin&gt;")]})),
        "chats/19%3Ax%40v2/messages lastModifiedDateTime gt 2021-03-17T08:59:08.136Z" => {
            let deleted = json!({"id": "1", "messageType": "message", "deletedDateTime": "2021-03-29T06:20:00Z",
                "lastModifiedDateTime": "2021-03-29T06:20:00Z"});
            (200, json!({"value": [deleted]}))
        }
        other => panic!("{other}"),
    })
    .await;
    let first = pass(&vendor, &chat(), None).await.unwrap();
    let read = message(&first.records[0]);
    assert_eq!(
        (read.text.as_deref(), read.thread_id.as_deref()),
        (Some("hi <Robin>"), Some("19:x@v2"))
    );
    assert_eq!(read.channel.as_ref().unwrap().name.as_deref(), Some("Ana"));
    let Next::Resume(next) = first.end else { panic!("caught up") };
    let second = pass(&vendor, &chat(), Some(next)).await.unwrap();
    assert_eq!((second.records.len(), second.gone), (0, vec!["19:x@v2:1".to_owned()]));
    let after = Some("2021-03-29T06:20:00Z".parse().unwrap());
    assert_eq!(second.end, Next::Resume(Cursor::Chat { link: None, after, newest: None }));
}

#[tokio::test]
async fn a_token_that_expired_lists_the_channel_afresh_and_a_channel_that_is_gone_is_passed_over() {
    let vendor = vendor(|asked| match asked {
        "x/delta old" => {
            (400, json!({"error": {"code": "BadRequest", "message": "Invalid DeltaToken"}}))
        }
        _ => (404, json!({"error": {"code": "NotFound", "message": "NotFound"}})),
    })
    .await;
    let stale = pass(&vendor, &channel(), Some(changes("old", false))).await;
    assert_eq!(stale.unwrap_err(), Error::CursorExpired);
    assert_eq!(pass(&vendor, &channel(), None).await.unwrap_err(), Error::NotFound);
}

#[tokio::test]
async fn a_message_keeps_mentions_pictures_files_quotes_and_reactions() {
    let text = "<attachment id=\"f\"></attachment><p>Test <at id=\"0\">Ana</at> &amp; more <emoji id=\"s\" alt=\"🙂\"></emoji></p>";
    let more = json!({
        "attachments": [{"id": "f", "contentType": "reference", "name": "Budget.docx", "contentUrl": "https://x/f"},
            {"id": "7", "contentType": "messageReference"}, {"id": "card", "contentType": "application/card"}],
        "reactions": [{"reactionType": "like"}, {"reactionType": "like"}, {"reactionType": "😀"}, {}],
        "lastEditedDateTime": null, "from": null,
    });
    let vendor = vendor(move |_| (200, json!({"value": [with(said("8", text), &more)]}))).await;
    let pass = pass(&vendor, &chat(), None).await.unwrap();
    let read = message(&pass.records[0]);
    assert_eq!(read.text.as_deref(), Some("Test @Ana & more 🙂"));
    let files = read.attachments.as_ref().unwrap();
    assert_eq!((files.len(), files[0].file_name.as_deref()), (1, Some("Budget.docx")));
    assert_eq!(
        (read.quotes.as_deref(), &read.from, read.updated_at),
        (Some("19:x@v2:7"), &None, None)
    );
    let counts: Vec<_> =
        read.reactions.as_ref().unwrap().iter().map(|of| (of.name.as_str(), of.count)).collect();
    assert_eq!(counts, [("like", Some(2)), ("😀", Some(1))]);
}
