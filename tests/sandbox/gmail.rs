//! The mailbox.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use serde_json::{Value, json};

use crate::{
    GMAIL, Play, each,
    sandbox::{Vendor::Gmail, data::Sizes, gmail::NewMail},
};

async fn listed(play: &Play, size: usize, more: &str) -> Vec<String> {
    let (mut ids, mut token) = (Vec::<String>::new(), String::new());
    loop {
        let target = format!("{GMAIL}/messages?maxResults={size}{more}{token}");
        let page = play.get(Gmail, &target).await;
        assert!(each(&page["messages"], "id").len() <= size);
        for id in each(&page["messages"], "id") {
            assert!(!ids.contains(&id.to_owned()), "{size} a page: {id} comes twice");
            ids.push(id.to_owned());
        }
        match page["nextPageToken"].as_str() {
            Some(next) => token = format!("&pageToken={next}"),
            None => return ids,
        }
    }
}

/// All records since a history id, and the id to go on from.
async fn history(play: &Play, since: &str, size: usize) -> (Vec<Value>, String) {
    let (mut records, mut token) = (Vec::new(), String::new());
    loop {
        let target = format!("{GMAIL}/history?startHistoryId={since}&maxResults={size}{token}");
        let page = play.get(Gmail, &target).await;
        records.extend(page["history"].as_array().cloned().unwrap_or_default());
        match page["nextPageToken"].as_str() {
            Some(next) => token = format!("&pageToken={next}"),
            None => return (records, page["historyId"].as_str().unwrap().to_owned()),
        }
    }
}

async fn profile(play: &Play) -> String {
    let profile = play.get(Gmail, &format!("{GMAIL}/profile")).await;
    profile["historyId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mailbox_is_listed_newest_first_without_loss_or_doubling_for_any_page_size() {
    let play = Play::sized(Sizes { mails: 123, ..Sizes::default() }).await;
    let all = play.sandbox.gmail().ids();
    assert_eq!(all.len(), 123);
    for size in [1, 2, 3, 40, 41, 122, 123, 124, 500] {
        assert_eq!(listed(&play, size, "").await, all, "pages of {size}");
    }
    let dates: Vec<_> = all.iter().map(|id| play.sandbox.gmail().date(id).unwrap()).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b));
}

#[tokio::test]
async fn a_mail_that_arrives_or_goes_in_mid_listing_shifts_no_other() {
    let play = Play::sized(Sizes { mails: 30, ..Sizes::default() }).await;
    let all = play.sandbox.gmail().ids();
    let first = play.get(Gmail, &format!("{GMAIL}/messages?maxResults=10")).await;
    let token = first["nextPageToken"].as_str().unwrap();
    play.sandbox.gmail().delete(&all[9]).unwrap();
    play.sandbox.gmail().deliver(NewMail::from("a@b.example").subject("new"));
    let next = play.get(Gmail, &format!("{GMAIL}/messages?maxResults=10&pageToken={token}")).await;
    assert_eq!(each(&next["messages"], "id"), all[10..20]);
}

#[tokio::test]
async fn an_empty_page_has_no_messages_at_all() {
    let play = Play::empty().await;
    let page = play.get(Gmail, &format!("{GMAIL}/messages")).await;
    assert_eq!(page, json!({"resultSizeEstimate": 0}));
}

#[tokio::test]
async fn every_change_is_in_the_history_in_ascending_order() {
    let play = Play::sized(Sizes { mails: 5, ..Sizes::default() }).await;
    let start = profile(&play).await;
    assert_eq!(history(&play, &start, 100).await, (vec![], start.clone()), "nothing yet");
    let old = play.sandbox.gmail().ids();
    let new = {
        let mut gmail = play.sandbox.gmail();
        let new = gmail.deliver(NewMail::from("Zoë Park <zoe@k.example>").subject("hello"));
        gmail.mark_read(&new).unwrap();
        gmail.relabel(&old[0], &["STARRED"], &[]).unwrap();
        gmail.trash(&old[1]).unwrap();
        gmail.untrash(&old[1]).unwrap();
        gmail.delete(&old[2]).unwrap();
        // Changes nothing, so leaves nothing.
        gmail.mark_read(&new).unwrap();
        new
    };
    for size in [1, 2, 100] {
        let (records, now) = history(&play, &start, size).await;
        let told: Vec<_> = records
            .iter()
            .map(|record| {
                let kinds = ["messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"];
                let kind = kinds.into_iter().find(|kind| record.get(kind).is_some()).unwrap();
                let change = &record[kind][0];
                let labels = change["labelIds"][0].as_str().unwrap_or_default();
                (kind, change["message"]["id"].as_str().unwrap(), labels)
            })
            .collect();
        let wanted = [
            ("messagesAdded", new.as_str(), ""),
            ("labelsRemoved", &new, "UNREAD"),
            ("labelsAdded", &old[0], "STARRED"),
            ("labelsAdded", &old[1], "TRASH"),
            ("labelsRemoved", &old[1], "INBOX"),
            ("labelsRemoved", &old[1], "TRASH"),
            ("messagesDeleted", &old[2], ""),
        ];
        assert_eq!(told, wanted, "pages of {size}");
        let ids: Vec<u64> =
            records.iter().map(|r| r["id"].as_str().unwrap().parse().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b) && ids[0] > start.parse().unwrap());
        assert_eq!(now, profile(&play).await);
        assert_eq!(history(&play, &now, size).await.0, Vec::<Value>::new());
    }
    let target = format!("{GMAIL}/history?startHistoryId={start}&historyTypes=messageDeleted");
    assert_eq!(play.get(Gmail, &target).await["history"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn history_that_the_vendor_forgot_is_not_found() {
    let play = Play::sized(Sizes { mails: 2, ..Sizes::default() }).await;
    let start = profile(&play).await;
    let target = |id: &str| format!("{GMAIL}/history?startHistoryId={id}");
    assert_eq!(play.answer(Gmail, &target(&start)).await.0, 200);
    play.sandbox.gmail().expire_history();
    let (status, answer) = play.answer(Gmail, &target(&start)).await;
    assert_eq!((status, &answer["error"]["status"]), (404, &json!("NOT_FOUND")));
    assert_eq!(answer["error"]["errors"][0]["reason"], "notFound");
    assert_eq!(play.answer(Gmail, &target("99999999")).await.0, 404, "of the future");
    assert_eq!(play.answer(Gmail, &target(&profile(&play).await)).await.0, 200);
    assert_eq!(play.answer(Gmail, &target("x")).await.0, 400);
}

#[tokio::test]
async fn trash_is_readable_but_not_listed_and_what_is_deleted_is_neither() {
    let play = Play::sized(Sizes { mails: 4, ..Sizes::default() }).await;
    let all = play.sandbox.gmail().ids();
    play.sandbox.gmail().trash(&all[0]).unwrap();
    play.sandbox.gmail().mark_spam(&all[1]).unwrap();
    play.sandbox.gmail().delete(&all[2]).unwrap();
    let draft = play.sandbox.gmail().deliver(NewMail::draft().subject("not yet"));
    assert_eq!(listed(&play, 10, "").await, [draft.clone(), all[3].clone()], "drafts are listed");
    let with_trash = listed(&play, 10, "&includeSpamTrash=true").await;
    assert_eq!(with_trash[..], [&[draft][..], &all[..2], &all[3..]].concat());
    assert_eq!(listed(&play, 10, "&q=in:trash").await, all[..1]);
    let message = play.get(Gmail, &format!("{GMAIL}/messages/{}", all[0])).await;
    assert_eq!(message["labelIds"], json!(["UNREAD", "TRASH"]));
    let (status, _) = play.answer(Gmail, &format!("{GMAIL}/messages/{}", all[2])).await;
    assert_eq!(status, 404);
    assert!(play.sandbox.gmail().trash(&all[2]).is_err());
}

#[tokio::test]
async fn a_search_narrows_the_list() {
    let play = Play::sized(Sizes { mails: 20, ..Sizes::default() }).await;
    let all = play.sandbox.gmail().ids();
    let bound = play.sandbox.gmail().date(&all[6]).unwrap().as_second();
    assert_eq!(listed(&play, 3, &format!("&q=after:{bound}")).await, all[..7]);
    assert_eq!(listed(&play, 3, &format!("&q=before:{bound}")).await, all[7..]);
    let id = play.sandbox.gmail().deliver(NewMail::from("Åsa <asa@x.example>").subject("Lampe"));
    assert_eq!(listed(&play, 5, "&q=from:asa%20-is:read%20lampe").await, [id]);
    assert!(listed(&play, 5, "&q=is:read%20lampe").await.is_empty());
    assert_eq!(listed(&play, 50, "&labelIds=INBOX&labelIds=UNREAD").await.len(), 21);
}

#[tokio::test]
async fn a_message_has_its_texts_headers_and_files() {
    let play = Play::empty().await;
    let text = "Grüße & <Küsse>\nfrom 大阪 🌧️";
    let id = {
        let mut gmail = play.sandbox.gmail();
        let first = gmail.deliver(NewMail::sent().to("zoe@k.example").subject("Ping"));
        gmail.deliver(
            NewMail::from("\"Park, Zoë\" <zoe@k.example>")
                .cc("a@k.example")
                .cc("b@k.example")
                .subject("Re: Ping")
                .text(text)
                .html("<p>Grüße</p>")
                .file("Prüfung.pdf", "application/pdf", 4711)
                .answers(&first),
        )
    };
    let target = format!("{GMAIL}/messages/{id}");
    let message = play.get(Gmail, &target).await;
    let headers = message["payload"]["headers"].as_array().unwrap();
    let header =
        |name: &str| headers.iter().find(|h| h["name"] == name).map(|h| h["value"].clone());
    assert_eq!(header("From"), Some(json!("\"Park, Zoë\" <zoe@k.example>")));
    assert_eq!(header("To"), Some(json!("Maya Okafor <maya@kestrel.example>")));
    assert_eq!(header("Cc"), Some(json!("a@k.example, b@k.example")));
    assert_ne!(message["threadId"], message["id"]);
    assert_eq!(message["snippet"], "Grüße &amp; &lt;Küsse&gt; from 大阪 🌧️");
    let [texts, file] = &message["payload"]["parts"].as_array().unwrap()[..] else { panic!() };
    let plain = texts["parts"][0]["body"]["data"].as_str().unwrap();
    let plain = String::from_utf8(URL_SAFE.decode(plain).unwrap()).unwrap();
    assert_eq!(plain, text.replace('\n', "\r\n"));
    assert_eq!(texts["parts"][1]["mimeType"], "text/html");
    assert_eq!((&file["filename"], &file["body"]["size"]), (&json!("Prüfung.pdf"), &json!(4711)));
    let again = play.get(Gmail, &target).await;
    assert_ne!(file["body"]["attachmentId"], again["payload"]["parts"][1]["body"]["attachmentId"]);
    let bare = play.get(Gmail, &format!("{target}?format=metadata&metadataHeaders=subject")).await;
    assert_eq!(bare["payload"]["headers"], json!([{"name": "Subject", "value": "Re: Ping"}]));
    assert!(bare["payload"].get("parts").is_none());
    assert!(play.get(Gmail, &format!("{target}?format=minimal")).await.get("payload").is_none());
}

#[tokio::test]
async fn fields_leaves_only_what_it_names() {
    let play = Play::sized(Sizes { mails: 3, ..Sizes::default() }).await;
    let id = play.sandbox.gmail().ids()[0].clone();
    let target = format!("{GMAIL}/messages/{id}?fields=id,payload(headers/name,body)");
    let message = play.get(Gmail, &target).await;
    assert_eq!(message.as_object().unwrap().len(), 2);
    assert_eq!(message["payload"]["headers"][1], json!({"name": "MIME-Version"}));
    assert!(message["payload"]["body"]["data"].is_string());
    let page = play.get(Gmail, &format!("{GMAIL}/messages?fields=messages/id")).await;
    assert_eq!(page["messages"][0], json!({"id": id}));
    let (status, _) = play.answer(Gmail, &format!("{GMAIL}/messages?fields=messages(id")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn labels_have_names() {
    let play = Play::empty().await;
    let id = play.sandbox.gmail().add_label("Projekte/Größe");
    let labels = play.get(Gmail, &format!("{GMAIL}/labels")).await;
    let own = labels["labels"].as_array().unwrap().last().unwrap();
    assert_eq!((&own["id"], &own["name"]), (&json!(id), &json!("Projekte/Größe")));
    assert!(each(&labels["labels"], "id").contains(&"INBOX"));
}
