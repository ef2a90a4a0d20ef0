//! A workspace of sixteen channels: the newest messages first, page after page.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    vendor::{Answer, Query, World, prepared},
    words::Words,
};

/// Messages of a page.
const PAGE: usize = 200;
/// Channels.
const CHANNELS: usize = 16;
const PEOPLE: u64 = 60;
const API: &str = "slack.com/api/";
/// The path at which the pages of a channel's messages are.
const HISTORY: &str = "slack.com/api/conversations.history";

/// The workspace.
pub struct Slack {
    channels: Vec<Vec<Answer>>,
    people: Answer,
}

impl Slack {
    /// With so many messages in all.
    pub fn of(messages: usize) -> Self {
        let share =
            |channel: usize| messages / CHANNELS + usize::from(channel < messages % CHANNELS);
        let people = (0..PEOPLE).map(|of| {
            let name = Words::of(of + 7).text(1);
            let profile = json!({"display_name": name, "real_name": Words::of(of + 7).text(2),
                "email": format!("{name}@example.com")});
            json!({"id": user(of), "name": name, "profile": profile})
        });
        let people: Vec<Value> = people.collect();
        Self {
            channels: (0..CHANNELS).map(|channel| history(channel, share(channel))).collect(),
            people: prepared("200 OK", &json!({"ok": true, "members": people}).to_string()),
        }
    }

    /// The addresses of all pages, a list a channel, below `host/`.
    pub fn addresses(&self) -> Vec<Vec<String>> {
        let of = |(channel, pages): (usize, &Vec<Answer>)| {
            let page = |at: usize| format!("{HISTORY}?channel={}&cursor={at}", id(channel));
            (0..pages.len()).map(page).collect()
        };
        self.channels.iter().enumerate().map(of).collect()
    }
}

impl World for Slack {
    fn answer(&self, path: &str, query: &Query<'_>) -> Option<Answer> {
        match path.strip_prefix(API)? {
            "conversations.history" => {
                let channel = query.get("channel")?.strip_prefix("C0")?.parse::<usize>().ok()?;
                let page = query.get("cursor").unwrap_or("0").parse::<usize>().ok()?;
                self.channels.get(channel)?.get(page).cloned()
            }
            "users.list" => Some(Arc::clone(&self.people)),
            "users.conversations" => {
                let of = |of: usize| json!({"id": id(of), "name": Words::of(of as u64).text(1)});
                let channels: Vec<Value> = (0..CHANNELS).map(of).collect();
                let body = json!({"ok": true, "channels": channels}).to_string();
                Some(prepared("200 OK", &body))
            }
            "auth.test" => {
                let me = json!({"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "me",
                    "team_id": "T01", "user_id": user(0)});
                Some(prepared("200 OK", &me.to_string()))
            }
            _ => None,
        }
    }
}

fn id(channel: usize) -> String {
    format!("C0{channel}")
}

fn user(of: u64) -> String {
    format!("U0{of}")
}

fn history(channel: usize, messages: usize) -> Vec<Answer> {
    let pages = messages.div_ceil(PAGE).max(1);
    let page = |page: usize| {
        let of = page * PAGE..messages.min((page + 1) * PAGE);
        let posts: Vec<Value> = of.map(|at| post(channel, messages - at)).collect();
        let next = if page + 1 < pages { (page + 1).to_string() } else { String::new() };
        let body = json!({"ok": true, "messages": posts, "has_more": page + 1 < pages,
            "response_metadata": {"next_cursor": next}});
        prepared("200 OK", &body.to_string())
    };
    (0..pages).map(page).collect()
}

fn post(channel: usize, number: usize) -> Value {
    let mut words = Words::of((channel * 1_000_003 + number) as u64);
    let length = 4 + words.below(28);
    json!({
        "type": "message",
        "ts": format!("{}.{:06}", 1_700_000_000 + number * 3_000 + channel, words.below(1_000_000)),
        "user": user(words.below(PEOPLE)),
        "team": "T01",
        "client_msg_id": format!("{:08x}-0000-4000-8000-{:012x}", words.below(1 << 32), number),
        "text": words.text(length),
        "blocks": [{"type": "rich_text", "block_id": "b1", "elements": [{"type": "rich_text_section"}]}],
    })
}
