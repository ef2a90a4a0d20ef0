//! The Gmail API over a mailbox.

use serde_json::{Value, json};

use super::super::{
    Answer, Vendor,
    exchange::Ask,
    fields::Mask,
    server::{Owner, Service},
};
use super::{
    Entry, Gmail, LabelId, SYSTEM_LABELS, What,
    mail::{Format, Mail},
    parse_id,
    query::Query,
    show_id,
};

const HOST: &str = "gmail.googleapis.com";
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 500;
/// Gmail's guess at a result's size seldom goes beyond this.
const GUESS: usize = 201;

impl Service for Gmail {
    const VENDOR: Vendor = Vendor::Gmail;

    fn answer(&mut self, ask: &Ask) -> Answer {
        if ask.host != HOST || ask.method != "GET" {
            return Answer::no_such_page();
        }
        self.requests += 1;
        let segments = ask.segments();
        let answer = match segments.as_slice() {
            ["gmail", "v1", "users", user, rest @ ..] => {
                let user = user.replace("%40", "@");
                if user != "me" && !user.eq_ignore_ascii_case(&self.email) {
                    return error(403, "PERMISSION_DENIED", "forbidden", "Delegation denied");
                }
                self.resource(rest, ask)
            }
            _ => Answer::no_such_page(),
        };
        match ask.param("fields").map(Mask::google) {
            Some(Some(mask)) if answer.status == 200 => answer.edited(|value| mask.cut(value)),
            Some(None) => bad_request("Invalid field selection"),
            _ => answer,
        }
    }

    fn owner(&self) -> Owner {
        let nobody = (String::new(), String::new());
        Owner {
            id: self.email.clone(),
            name: String::new(),
            email: self.email.clone(),
            team: nobody,
        }
    }
}

impl Gmail {
    fn resource(&self, path: &[&str], ask: &Ask) -> Answer {
        match path {
            ["profile"] => Answer::ok(&json!({
                "emailAddress": self.email,
                "messagesTotal": self.mails.len(),
                "threadsTotal": self.threads.len(),
                "historyId": self.history_id.to_string(),
            })),
            ["labels"] => self.list_labels(),
            ["messages"] => self.list_messages(ask),
            ["messages", id] => self.message(id, ask),
            ["history"] => self.list_history(ask),
            _ => Answer::no_such_page(),
        }
    }

    fn list_labels(&self) -> Answer {
        let system = SYSTEM_LABELS.iter().map(|id| json!({"id": id, "name": id, "type": "system"}));
        let own = self.labels.iter().enumerate().map(|(place, name)| {
            json!({
                "id": format!("Label_{}", place + 1),
                "name": name,
                "messageListVisibility": "show",
                "labelListVisibility": "labelShow",
                "type": "user",
            })
        });
        Answer::ok(&json!({"labels": system.chain(own).collect::<Vec<_>>()}))
    }

    fn list_messages(&self, ask: &Ask) -> Answer {
        let Some(size) = page_size(ask) else { return bad_request("Invalid maxResults") };
        let from = match ask.param("pageToken").map(after_token) {
            None => (i64::MAX, u64::MAX),
            Some(Some(place)) => place,
            Some(None) => return bad_request("Invalid pageToken"),
        };
        let query = Query::parse(ask.param("q").unwrap_or_default());
        let wanted: Vec<_> = ask.params("labelIds").collect();
        let hidden: Vec<_> = ["TRASH", "SPAM"]
            .into_iter()
            .filter(|label| {
                let asked = wanted.contains(label) || query.asks_for(label);
                !asked && !ask.says("includeSpamTrash")
            })
            .collect();
        let shows = |mail: &&Mail| {
            !hidden.iter().any(|label| mail.has(label))
                && wanted.iter().all(|label| mail.has(label))
                && query.fits(mail)
        };
        let older = self.order.range(..from).rev().filter_map(|(_, id)| self.mails.get(id));
        let mut found: Vec<_> = older.filter(shows).take(size + 1).collect();
        let more = found.len() > size;
        found.truncate(size);
        let messages: Vec<_> = found
            .iter()
            .map(|mail| json!({"id": show_id(mail.id), "threadId": show_id(mail.thread)}))
            .collect();
        let guess = if more { GUESS.max(size) } else { messages.len() };
        let mut answer = json!({"resultSizeEstimate": guess});
        if let Some(fields) = answer.as_object_mut() {
            if !messages.is_empty() {
                fields.insert("messages".to_owned(), messages.into());
            }
            if let Some(last) = found.last().filter(|_| more) {
                let token = format!("{:020}{:020}", last.date, last.id);
                fields.insert("nextPageToken".to_owned(), token.into());
            }
        }
        Answer::ok(&answer)
    }

    fn message(&self, id: &str, ask: &Ask) -> Answer {
        let format = match ask.param("format").unwrap_or("full") {
            "full" => Format::Full,
            "metadata" => Format::Metadata,
            "minimal" => Format::Minimal,
            other => return bad_request(&format!("the sandbox has no format {other}")),
        };
        let Some(number) = parse_id(id) else { return bad_request("Invalid id value") };
        let Some(mail) = self.mails.get(&number) else { return not_found() };
        let headers: Vec<_> = ask.params("metadataHeaders").collect();
        Answer::ok(&mail.shown(format, &headers, self.requests))
    }

    fn list_history(&self, ask: &Ask) -> Answer {
        let Some(size) = page_size(ask) else { return bad_request("Invalid maxResults") };
        let Some(start) = ask.param("startHistoryId").map(str::parse::<u64>) else {
            return bad_request("Missing/bad startHistoryId");
        };
        let Ok(start) = start else { return bad_request("Invalid startHistoryId") };
        if start < self.kept_from || start > self.history_id {
            return not_found();
        }
        let after = match ask.param("pageToken").map(str::parse::<u64>) {
            None => start,
            Some(Ok(last)) if last >= start => last,
            Some(_) => return bad_request("Invalid pageToken"),
        };
        let first = self.history.partition_point(|entry| entry.id <= after);
        let rest = self.history.get(first..).unwrap_or_default();
        // The page is cut before it is filtered, so one may come back empty and still have a next.
        let page = rest.get(..size.min(rest.len())).unwrap_or_default();
        let types: Vec<_> = ask.params("historyTypes").collect();
        let label = ask.param("labelId");
        let records: Vec<_> = page
            .iter()
            .filter(|entry| types.is_empty() || types.contains(&entry.kind()))
            .filter(|entry| label.is_none_or(|label| entry.labels.iter().any(|id| id == label)))
            .map(Entry::shown)
            .collect();
        let mut answer = json!({"historyId": self.history_id.to_string()});
        if let Some(fields) = answer.as_object_mut() {
            if !records.is_empty() {
                fields.insert("history".to_owned(), records.into());
            }
            if let Some(last) = page.last().filter(|_| rest.len() > page.len()) {
                fields.insert("nextPageToken".to_owned(), format!("{:08}", last.id).into());
            }
        }
        Answer::ok(&answer)
    }
}

impl Entry {
    fn kind(&self) -> &'static str {
        match self.change {
            What::Added => "messageAdded",
            What::Deleted => "messageDeleted",
            What::LabelsAdded(_) => "labelAdded",
            What::LabelsRemoved(_) => "labelRemoved",
        }
    }

    fn shown(&self) -> Value {
        let (id, thread) = (show_id(self.mail), show_id(self.thread));
        let mut message = json!({"id": id, "threadId": thread});
        if let Some(fields) = message.as_object_mut().filter(|_| !self.labels.is_empty()) {
            fields.insert("labelIds".to_owned(), json!(self.labels));
        }
        let labelled = |labels: &[LabelId]| json!([{"message": message, "labelIds": labels}]);
        let (name, changes) = match &self.change {
            What::Added => ("messagesAdded", json!([{"message": message}])),
            What::Deleted => ("messagesDeleted", json!([{"message": message}])),
            What::LabelsAdded(labels) => ("labelsAdded", labelled(labels)),
            What::LabelsRemoved(labels) => ("labelsRemoved", labelled(labels)),
        };
        json!({
            "id": self.id.to_string(),
            "messages": [{"id": id, "threadId": thread}],
            name: changes,
        })
    }
}

/// More than the vendor's most is as good as the most; 0 and words are refused.
fn page_size(ask: &Ask) -> Option<usize> {
    let Some(size) = ask.param("maxResults") else { return Some(DEFAULT_PAGE) };
    size.parse::<usize>().ok().filter(|size| *size > 0).map(|size| size.min(MAX_PAGE))
}

/// Date and id of the last message on the page before.
fn after_token(token: &str) -> Option<(i64, u64)> {
    let (date, id) = token.split_at_checked(20)?;
    Some((date.parse().ok()?, id.parse().ok()?))
}

fn bad_request(message: &str) -> Answer {
    error(400, "INVALID_ARGUMENT", "invalidArgument", message)
}

fn not_found() -> Answer {
    error(404, "NOT_FOUND", "notFound", "Requested entity was not found.")
}

fn error(code: u16, status: &str, reason: &str, message: &str) -> Answer {
    Answer::json(
        code,
        &json!({"error": {
            "code": code,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
            "status": status,
        }}),
    )
}
