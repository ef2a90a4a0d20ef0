//! A mailbox: ids in lists, and a request a message.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde_json::{Value, json};

use crate::{
    vendor::{Answer, Query, World, prepared},
    words::Words,
};

/// Ids of a page.
const PAGE: usize = 500;
const API: &str = "gmail.googleapis.com/gmail/v1/users/me/";

/// The mailbox.
pub struct Gmail {
    mails: Vec<Answer>,
}

impl Gmail {
    /// With so many mails.
    pub fn of(mails: usize) -> Self {
        Self { mails: (0..mails).map(|at| prepared("200 OK", &mail(at).to_string())).collect() }
    }
}

impl World for Gmail {
    fn answer(&self, path: &str, query: &Query<'_>) -> Option<Answer> {
        let body = match path.strip_prefix(API)? {
            "profile" => json!({"emailAddress": "me@example.com", "historyId": "7"}),
            "messages" => {
                let from = query.get("pageToken").unwrap_or("0").parse::<usize>().ok()?;
                let to = self.mails.len().min(from + PAGE);
                let ids: Vec<Value> = (from..to).map(|at| json!({"id": id(at)})).collect();
                let next = (to < self.mails.len()).then(|| to.to_string());
                json!({"messages": ids, "nextPageToken": next})
            }
            one => {
                let at = usize::from_str_radix(one.strip_prefix("messages/")?, 16).ok()?;
                return self.mails.get(at).cloned();
            }
        };
        Some(prepared("200 OK", &body.to_string()))
    }
}

fn id(of: usize) -> String {
    format!("{of:016x}")
}

fn mail(of: usize) -> Value {
    let mut words = Words::of(of as u64);
    let header = |name: &str, value: String| json!({"name": name, "value": value});
    let body = words.text(120);
    json!({
        "id": id(of),
        "threadId": id(of / 3 * 3),
        "labelIds": ["INBOX", "IMPORTANT"],
        "snippet": body.chars().take(120).collect::<String>(),
        "internalDate": format!("{}", 1_700_000_000_000_u64 + of as u64 * 60_000),
        "payload": {
            "mimeType": "text/plain",
            "headers": [
                header("From", format!("{} <{}@example.com>", words.text(2), words.text(1))),
                header("To", "Me <me@example.com>".into()),
                header("Subject", words.text(6)),
                header("Message-ID", format!("<{of}@example.com>")),
            ],
            "body": {"size": body.len(), "data": URL_SAFE.encode(&body)},
        },
    })
}
