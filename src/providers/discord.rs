//! Discord: the messages of servers' channels and threads, as a bot sees them; each channel and thread is a feed. Messages
//! come newest first and tell of no edits, so that the newest hundred of each are read again in every pass.
//!
//! Facts: Discord developer documentation, "Messages resource", "Threads", "Rate limits", "OAuth 2.0", "Gateway intents".

mod message;
mod places;
mod spec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use self::{
    message::Item,
    places::{Places, places},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client, gone_of},
    provider::{Account, Covers, Feed, Page, Provider, Walk, Window, spec::Spec},
    wire::Many,
};

const API: &str = "https://discord.com/api/v10";
/// Calls under another form of name are refused. Source: "API Reference: User Agent".
const USER_AGENT: &str =
    concat!("DiscordBot (", env!("CARGO_PKG_NAME"), ", ", env!("CARGO_PKG_VERSION"), ")");
/// Messages of one answer.
const MESSAGES: u32 = 100;
/// Messages that are read again; ids are given in the order of arrival, so that none appears late.
const WINDOW: Window = Window { overlap: SignedDuration::ZERO, ..Window::of(MESSAGES) };
/// Calls at once.
const AT_ONCE: usize = 4;
/// Missing messages that are asked for one by one. More are a purge, which a listing shows truthfully.
const CONFIRMED: usize = 100;

/// The client of Discord.
pub struct Discord;

impl Provider for Discord {
    /// The oldest message that was read.
    type Cursor = Walk<String>;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me: Me = get(client, "users/@me").json().await?;
        Ok(Account::new(me.id, me.username))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        Ok(known(client).await?.feeds())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Self::Cursor>,
    ) -> Result<Page<Self::Cursor>> {
        let places = known(client).await?;
        let place = places.get(&feed.id).ok_or(Error::NotFound)?;
        let pass = Walk::read(cursor);
        let limit = client.page_size(MESSAGES);
        let size = limit.to_string();
        let before = pass.place().map(String::as_str);
        let query = [("limit", Some(size.as_str())), ("before", before)];
        let path = format!("channels/{}/messages", feed.id);
        let items: Many<Item> = get(client, &path).query(&query).json().await?;
        let skipped = items.skipped;
        // Without the right to read the history the list is empty, too.
        let nothing = before.is_none() && items.is_empty();
        if items.iter().any(Item::is_told) && items.iter().all(Item::is_void) {
            return Err(Error::Forbidden(
                "all texts come empty: switch on the Message Content intent on the bot's page in \
                 Discord's developer portal; where it is on, switch it off and on again"
                    .into(),
            ));
        }
        let full = items.len() + skipped as usize >= limit as usize;
        let last = items.last().map(|item| item.id.clone()).filter(|_| full);
        let dates: Vec<_> = items.iter().map(Item::at).collect();
        let (covers, next) = pass.then(&WINDOW, dates, last, client.since());
        let told = items.into_iter().filter(Item::is_told);
        let records = told.map(|item| item.into_record(&feed.id, place, &places));
        let covers = if nothing { Covers::Nothing } else { covers };
        Ok(Page::new(records, next).covering(covers).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let code = body.get("code").and_then(Value::as_u64);
        Some(match (status, code) {
            (401, _) => Error::Reconnect("Discord no longer takes the bot token".into()),
            (429, _) => {
                let pause = body.get("retry_after").and_then(Value::as_f64);
                let pause = pause.and_then(|pause| Duration::try_from_secs_f64(pause).ok());
                Error::RateLimited(pause.unwrap_or_default())
            }
            (403, _) => Error::Forbidden(
                "the bot may not read it; it needs View Channel and Read Message History, in voice \
                 channels Connect"
                    .into(),
            ),
            _ => return None,
        })
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        feed: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if ids.len() > CONFIRMED {
            return Ok(ids);
        }
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            let path = format!("channels/{}/messages/{id}", feed.id);
            match get(client, &path).json::<IgnoredAny>().await {
                Ok(_) | Err(Error::Forbidden(_)) => Ok(false),
                Err(other) => Err(other),
            }
        });
        gone.await
    }
}

/// The servers, channels and threads, looked up once a run.
async fn known(client: &Client) -> Result<std::sync::Arc<Places>> {
    client.once("places", || places(client)).await
}

fn get(client: &Client, path: &str) -> Call {
    let call = client.get(format!("{API}/{path}")).header("user-agent", USER_AGENT);
    match client.secret("bot_token") {
        Some(token) => call.header("authorization", &format!("Bot {}", token.expose_secret())),
        None => call,
    }
}

#[derive(Deserialize)]
struct Me {
    id: String,
    username: String,
}
