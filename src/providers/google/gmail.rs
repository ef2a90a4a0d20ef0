//! Gmail: a list of ids, a request a message, then the mailbox's history.
//!
//! Gmail API v1, "Synchronizing clients with Gmail"; users.messages, users.history, users.labels.

mod answers;
mod message;

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    answers::{Changes, Entries, Ids, Labels, Profile},
    message::Mail,
};
use super::{FIELDS, OAUTH};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{
        Account, Covers, Feed, Next, Page, Provider,
        spec::{OAuth2, Rate, Spec, Webhooks},
    },
    record::Kind,
};

/// The catalog's entry.
pub static SPEC: Spec = Spec {
    rank: 17,
    id: "gmail",
    name: "Gmail",
    aliases: &["google mail"],
    kinds: &[Kind::Message],
    capabilities: &["Emails", "labels", "snippet"],
    help: "By hand: both tokens from Google's OAuth 2.0 Playground (scope gmail.readonly). Drafts, \
           chats, spam and trash are not imported. A Google app left in Testing loses its grant \
           after 7 days.",
    oauth: Some(OAuth2 { scopes: &["https://www.googleapis.com/auth/gmail.readonly"], ..OAUTH }),
    fields: FIELDS,
    hosts: &["gmail.googleapis.com"],
    // 6,000 units a minute for a user of a new project, of which a mail costs 5: 1,200 a minute, a full bucket included.
    rate: Rate::per(57, Duration::from_secs(3)),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};

const API: &str = "https://gmail.googleapis.com/gmail/v1/users/me";
/// Most ids that a list, and most entries that a page of history gives.
const LIST: u32 = 500;
/// Messages that one page stores.
const MAILS: usize = 100;
/// Text of messages that one page holds, in bytes: a page that reaches it ends there.
const PAGE_BYTES: usize = 4 << 20;
/// Messages that are asked for at once; the account's bucket paces them.
const AT_ONCE: usize = 40;
/// Pages of history that are put together, so that a message that changed often is fetched once.
const HISTORY_PAGES: usize = 10;
/// Answers of a page that may all be unreadable before that counts as the service's fault, not theirs.
const ODD: u32 = 10;

/// The client of Gmail.
pub struct Gmail;

/// The history begins at the id that the profile showed before the first page was listed: nothing that arrives meanwhile
/// is missed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Cursor {
    /// The mailbox is being listed.
    Backfill {
        /// Where the history goes on afterwards.
        history_id: String,
        /// Where the listing begins.
        since: Option<Timestamp>,
        /// The page of ids to list once `ids` are fetched.
        page: Option<String>,
        /// Listed, and still to be fetched.
        ids: Vec<String>,
    },
    /// The history is being followed.
    History {
        /// The history id to ask from.
        since: String,
        /// The page of history to read once `ids` are fetched.
        page: Option<String>,
        /// Where the next pass goes on; set once this one has read all its pages.
        latest: Option<String>,
        /// Changed, and still to be fetched.
        ids: Vec<String>,
    },
}

impl Provider for Gmail {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let address = profile(client).await?.email_address;
        Ok(Account::new(address.clone(), address))
    }

    async fn page(
        &self,
        client: &Client,
        _feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        match cursor {
            None => {
                let history_id = profile(client).await?.history_id;
                backfill(client, history_id, client.since(), None, Vec::new()).await
            }
            Some(Cursor::Backfill { history_id, since, page, ids }) => {
                backfill(client, history_id, since, page, ids).await
            }
            Some(Cursor::History { since, page, latest, ids }) => {
                history(client, since, page, latest, ids).await
            }
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        super::fault("Gmail", "gmail.readonly", status, body, Timestamp::now())
    }
}

async fn profile(client: &Client) -> Result<Profile> {
    client.get(format!("{API}/profile")).json().await
}

/// One page of a listing: the next ids where none are left, and the messages of as many as a page holds.
async fn backfill(
    client: &Client,
    history_id: String,
    since: Option<Timestamp>,
    mut page: Option<String>,
    mut ids: Vec<String>,
) -> Result<Page<Cursor>> {
    let mut skipped = 0;
    if ids.is_empty() {
        let listed = list(client, since, page).await?;
        page = listed.next_page_token;
        skipped = listed.messages.skipped;
        ids = listed.messages.into_iter().map(|message| message.id).collect();
    }
    let mails = mails(client, &mut ids).await?;
    let next = if ids.is_empty() && page.is_none() {
        Next::Resume(Cursor::History { since: history_id, page: None, latest: None, ids })
    } else {
        Next::More(Cursor::Backfill { history_id, since, page, ids })
    };
    let page = mails.page(client, next).await?.skipping(skipped);
    Ok(match since {
        Some(_) => page.covering(Covers::Between { from: since, to: None }),
        None => page,
    })
}

async fn list(client: &Client, since: Option<Timestamp>, page: Option<String>) -> Result<Ids> {
    let query = [
        ("maxResults", Some(client.page_size(LIST).to_string())),
        ("fields", Some("messages/id,nextPageToken".to_owned())),
        // A second early: whether Gmail counts the second itself is not documented.
        ("q", since.map(|since| format!("after:{}", since.as_second().saturating_sub(1)))),
        ("pageToken", page),
    ];
    client.get(format!("{API}/messages")).query(&query).json().await
}

/// One page of changes: the next entries of the history where no ids are left, and the messages as they are now.
async fn history(
    client: &Client,
    since: String,
    mut page: Option<String>,
    mut latest: Option<String>,
    mut ids: Vec<String>,
) -> Result<Page<Cursor>> {
    let mut changes = Changes::default();
    if ids.is_empty() && latest.is_none() {
        for _ in 0..HISTORY_PAGES {
            let read = entries(client, &since, page).await?;
            changes.note(read.history);
            page = read.next_page_token;
            if page.is_none() {
                latest = Some(read.history_id.unwrap_or_else(|| since.clone()));
                break;
            }
        }
        ids = changes.changed.into_iter().collect();
    }
    let mails = mails(client, &mut ids).await?;
    let next = match latest {
        Some(since) if ids.is_empty() => {
            Next::Resume(Cursor::History { since, page: None, latest: None, ids })
        }
        latest => Next::More(Cursor::History { since, page, latest, ids }),
    };
    Ok(mails.page(client, next).await?.removing(changes.deleted).skipping(changes.skipped))
}

async fn entries(client: &Client, since: &str, page: Option<String>) -> Result<Entries> {
    let fields = "historyId,nextPageToken,history(messagesAdded/message/id,messagesDeleted/message/id,\
        labelsAdded/message/id,labelsRemoved/message/id)";
    let query = [
        ("startHistoryId", Some(since.to_owned())),
        ("maxResults", Some(LIST.to_string())),
        ("fields", Some(fields.to_owned())),
        ("pageToken", page),
    ];
    match client.get(format!("{API}/history")).query(&query).json().await {
        Err(Error::NotFound) => Err(Error::CursorExpired), // Gmail keeps about a week, rarely only hours
        read => read,
    }
}

/// What asking for messages brought.
#[derive(Default)]
struct Mails {
    kept: Vec<Mail>,
    /// Deleted since, or no longer what is imported.
    gone: Vec<String>,
    odd: u32,
}

/// Fetches the first of the ids, as many as a page holds, and takes them from the list.
async fn mails(client: &Client, ids: &mut Vec<String>) -> Result<Mails> {
    let mut found = Mails::default();
    let (mut taken, mut bytes) = (0, 0);
    {
        let wanted: Vec<String> = ids.iter().take(MAILS).cloned().collect();
        let mut answers = pin!(stream::iter(wanted).map(|id| mail(client, id)).buffered(AT_ONCE));
        while let Some((id, answer)) = answers.next().await {
            taken += 1;
            match answer {
                Ok(mail) if mail.is_imported() => {
                    bytes += mail.size();
                    found.kept.push(mail);
                }
                Ok(_) | Err(Error::NotFound) => found.gone.push(id),
                // One message that cannot be read must not keep the rest away for ever; when none can, it is not theirs.
                Err(Error::Unexpected { at, cause })
                    if found.odd < ODD || !found.kept.is_empty() =>
                {
                    tracing::warn!(at, cause, "left out a message that is not what Gmail promises");
                    found.odd += 1;
                }
                Err(cause) => return Err(cause),
            }
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }
    ids.drain(..taken);
    Ok(found)
}

async fn mail(client: &Client, id: String) -> (String, Result<Mail>) {
    let query =
        [("format", "full"), ("fields", "id,threadId,labelIds,snippet,internalDate,payload")];
    let answer = client.get(format!("{API}/messages/{id}")).query(&query).json().await;
    (id, answer)
}

impl Mails {
    async fn page(self, client: &Client, next: Next<Cursor>) -> Result<Page<Cursor>> {
        let names = if self.kept.iter().any(Mail::has_own_labels) {
            label_names(client).await?
        } else {
            Some(Arc::default())
        };
        let records = self.kept.into_iter().map(|mail| mail.into_record(names.as_deref()));
        Ok(Page::new(records, next).removing(self.gone).skipping(self.odd))
    }
}

/// The names of the user's own labels by id; `None` where they may not be read.
async fn label_names(client: &Client) -> Result<Option<Arc<HashMap<String, String>>>> {
    let labels = client.once("labels", || async {
        let labels: Labels = client.get(format!("{API}/labels")).json().await?;
        let own = labels.labels.into_iter().filter(|label| label.kind == "user");
        Ok(own.map(|label| (label.id, label.name)).collect::<HashMap<_, _>>())
    });
    match labels.await {
        Ok(names) => Ok(Some(names)),
        Err(Error::Forbidden(_)) => Ok(None),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        provider::Gone,
        providers::testing::{self, Asked, Vendor},
        record::{Key, Properties},
    };

    fn mail(id: &str, labels: &[&str]) -> (u16, Value) {
        let headers = json!([{"name": "Subject", "value": id}]);
        let payload = json!({"mimeType": "text/plain", "headers": headers, "body": {"size": 2, "data": "aGk"}});
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
            path if path.ends_with("/profile") => {
                (200, json!({"emailAddress": "z", "historyId": "1"}))
            }
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
                let ids: Vec<_> =
                    (0..n).map(|id| json!({"message": {"id": id.to_string()}})).collect();
                Some((200, json!({"history": [{"messagesAdded": ids}], "historyId": "2"})))
            }
        };
        let vendor =
            Vendor::new(&Gmail, move |asked| list(asked, 3).unwrap_or_else(|| mail("m", &[])))
                .await;
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
            None if asked.path.ends_with("/labels") => {
                (403, json!({"error": {"code": 403, "errors": [{"reason": "insufficientPermissions"}]}}))
            }
            None => (200, json!({"history": [{"messagesAdded": [{"message": {"id": "a"}}]}], "historyId": "2"})),
        })
        .await;
        let page = next(&vendor, Some(history("1"))).await.unwrap();
        let Properties::Message(message) = &page.upserts[0].properties else { panic!() };
        assert_eq!(message.tags, None);
    }

    #[tokio::test]
    async fn the_account_is_the_mailboxs_address() {
        let vendor =
            Vendor::new(&Gmail, |_| (200, json!({"emailAddress": "Zoe@X.de", "historyId": "1"})))
                .await;
        let account = Gmail.account(&vendor.client()).await.unwrap();
        assert!(account.id == "Zoe@X.de" && account.is("zoe@x.de"));
    }
}
