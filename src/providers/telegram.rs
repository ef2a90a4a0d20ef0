//! Telegram: the messages that reach a bot. Telegram holds them for a day and deletes them once more are asked for, so
//! nothing is asked for before what came is stored; there is no past, and no list that something could be missing from.
//!
//! Telegram Bot API: "Getting updates", `getUpdates`, `getMe`, `Message`, `MessageEntity`, `BusinessMessagesDeleted`,
//! `ResponseParameters`.

mod message;
mod spec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::message::{Deleted, Said};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::{MessageKind, Record},
    wire::Many,
};

/// Most updates that an answer gives.
const UPDATES: u32 = 100;
/// After a week without updates Telegram may number them anew, below the last one; what was not fetched for a day is gone
/// anyway. So the place to go on from is forgotten before.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(6 * 24);
/// What is asked for. Telegram goes by it until it is asked for something else.
const ALLOWED: &str = r#"["message","edited_message","channel_post","edited_channel_post","business_message","edited_business_message","deleted_business_messages","my_chat_member"]"#;

/// The client of Telegram.
pub struct Telegram;

/// Where the bot's updates stand.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first update that was not stored; asking for it deletes all before.
    offset: Option<i64>,
    /// When the last update came.
    at: Timestamp,
}

impl Provider for Telegram {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me: Me = ask(client, "getMe", &[]).await?;
        let label = me.username.as_deref().map_or(me.first_name.clone(), |name| format!("@{name}"));
        Ok(Account::new(me.id.to_string(), label).or_known_as(me.username))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let now = client.now();
        let offset = cursor
            .as_ref()
            .and_then(|at| at.offset.filter(|_| now.duration_since(at.at) < REMEMBERED));
        let limit = client.page_size(UPDATES);
        let query = [
            ("offset", offset.map(|offset| offset.to_string())),
            ("limit", Some(limit.to_string())),
            ("allowed_updates", Some(ALLOWED.to_owned())),
        ];
        let updates: Many<News> = ask(client, "getUpdates", &query).await?;
        let given =
            u32::try_from(updates.len()).unwrap_or(u32::MAX).saturating_add(updates.skipped);
        let next = match updates.iter().map(|update| update.update_id).max() {
            Some(last) => Cursor { offset: Some(last.saturating_add(1)), at: now },
            None => cursor.unwrap_or(Cursor { offset: None, at: now }),
        };
        // Without a number that is new there is nothing that could be asked for next.
        let more = given >= limit && next.offset != offset;
        let next = if more { Next::More(next) } else { Next::Resume(next) };
        let mut page = Page::new(Vec::<Record>::new(), next).skipping(updates.skipped);
        for update in updates {
            match update.read() {
                Ok(Change::Said(record)) => page.upserts.push(*record),
                Ok(Change::Deleted(ids)) => page = page.removing(ids),
                Ok(Change::Nothing) => {}
                Err(cause) => {
                    tracing::warn!(at = cause.column(), "left out an update that cannot be read");
                    page = page.skipping(1);
                }
            }
        }
        Ok(page)
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let said = body.get("description").and_then(Value::as_str).unwrap_or_default();
        Some(match status {
            429 => {
                let pause = body.pointer("/parameters/retry_after").and_then(Value::as_u64);
                Error::RateLimited(Duration::from_secs(pause.unwrap_or_default()))
            }
            // A token that was revoked, and one that never was.
            401 | 404 => Error::Reconnect("Telegram does not know the bot's token (any more)".into()),
            409 if said.contains("webhook") => Error::Forbidden(
                "another program has set a webhook for this bot, which keeps its updates from here: \
                 call deleteWebhook, or make a bot of its own for this"
                    .into(),
            ),
            409 => Error::Unavailable("says that another program reads this bot's updates".into()),
            _ => return None,
        })
    }
}

/// Calls a method. The token stands in the path, which is cut from logs and errors.
async fn ask<T: DeserializeOwned>(
    client: &Client,
    method: &str,
    query: &[(&str, Option<String>)],
) -> Result<T> {
    let token = client.secret("bot_token");
    let token = token.ok_or_else(|| Error::Reconnect("there is no bot token".into()))?;
    let url = format!("https://api.telegram.org/bot{}/{method}", token.expose_secret());
    let answer: Envelope<T> = client.get(url).anonymous().query(query).json().await?;
    Ok(answer.result)
}

#[derive(Deserialize)]
struct Envelope<T> {
    result: T,
}

#[derive(Deserialize)]
struct Me {
    id: i64,
    #[serde(default)]
    first_name: String,
    username: Option<String>,
}

/// An update; at most one of its contents is there. They are read once the number is known, which counts in any case.
#[derive(Deserialize)]
struct News {
    update_id: i64,
    message: Option<Value>,
    edited_message: Option<Value>,
    channel_post: Option<Value>,
    edited_channel_post: Option<Value>,
    business_message: Option<Value>,
    edited_business_message: Option<Value>,
    deleted_business_messages: Option<Value>,
}

/// What an update tells.
enum Change {
    Said(Box<Record>),
    Deleted(Vec<String>),
    Nothing,
}

impl News {
    fn read(self) -> serde_json::Result<Change> {
        if let Some(deleted) = self.deleted_business_messages {
            return Ok(Change::Deleted(serde_json::from_value::<Deleted>(deleted)?.ids()));
        }
        let post = self.channel_post.or(self.edited_channel_post);
        let kind = if post.is_some() { MessageKind::Post } else { MessageKind::Chat };
        let said = post.or(self.message).or(self.edited_message);
        let said = said.or(self.business_message).or(self.edited_business_message);
        let Some(said) = said else { return Ok(Change::Nothing) };
        let record = serde_json::from_value::<Said>(said)?.record(kind);
        Ok(record.map_or(Change::Nothing, |record| Change::Said(Box::new(record))))
    }
}
