//! Slack: channels are the feeds. History shows neither edits nor deletions of what was read before, nor replies: each
//! pass reads a window again, with the threads in it that may have changed, and its sweep stays inside the window.
//!
//! Slack Web API: users.conversations, conversations.history, conversations.replies, users.list, auth.test; "Rate limits".

mod calls;
mod cursor;
mod message;
mod spec;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use serde_json::Value;

use self::{
    calls::{Channel, channels, history, is_there, me, thread, users},
    cursor::{Cursor, Found},
    message::{Names, User},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
};

/// Threads that one page reads.
const THREADS: usize = 40;
/// Calls at once.
const AT_ONCE: usize = 8;
/// Missing messages that are asked for one by one. More are a purge, which a listing shows truthfully.
const CONFIRMED: usize = 100;

/// The client of Slack.
pub struct Slack;

impl Provider for Slack {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let account = Account::new(
            format!("{}:{}", me.team_id, me.user_id),
            format!("{} in {}", me.user, me.team),
        );
        Ok(account.or_known_as(me.user.clone()).or_known_as(me.user_id.clone()))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let (channels, users) = (channels(client).await?, users(client).await?);
        let name = |of: &Channel| match (&of.name, &of.user) {
            (Some(name), _) => name.clone(),
            (None, Some(user)) => users.get(user).map_or(user.as_str(), User::shown).to_owned(),
            (None, None) => String::new(),
        };
        Ok(channels.values().map(|channel| Feed::new(&channel.id, name(channel))).collect())
    }

    async fn page(
        &self,
        client: &Client,
        channel: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let mut at = match cursor {
            Some(at) if at.is_open() => at,
            last => Cursor::begin(last.unwrap_or_default(), client.since()),
        };
        let mut found = Found::default();
        if at.wants_history() {
            let posts = history(client, channel, &at).await?;
            at.note_history(posts, &mut found, client.now());
        }
        let threads: Vec<String> = at.unread.drain(..at.unread.len().min(THREADS)).collect();
        for (thread, posts) in each(threads, AT_ONCE, |ts| thread(client, channel, ts)).await? {
            at.note_thread(&thread, posts, &mut found);
        }
        let ids = |of: Vec<String>| of.into_iter().map(|ts| message::id(channel, &ts));
        let (gone, seen, covers) = (ids(found.gone), ids(found.seen), at.covers(client.now()));
        let next = if at.is_done() { Next::Resume(at.done()) } else { Next::More(at) };
        let records = if found.posts.is_empty() {
            Vec::new()
        } else {
            let (me, users, channels) =
                futures::try_join!(me(client), users(client), channels(client))?;
            let names = Names { me: &me, users: &users, channels: &channels };
            found.posts.into_iter().map(|post| post.into_record(channel, &names)).collect()
        };
        Ok(Page::new(records, next)
            .removing(gone)
            .seeing(seen)
            .covering(covers)
            .skipping(found.skipped))
    }

    /// Slack answers errors with status 200, in a word.
    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        if body.get("ok")? != &Value::Bool(false) {
            return None;
        }
        let word = |key| body.get(key).and_then(Value::as_str).filter(|word| is_plain(word));
        let error = word("error").unwrap_or_default();
        Some(match error {
            "ratelimited" | "rate_limited" => Error::RateLimited(Duration::ZERO),
            "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "migration_in_progress"
            | "team_added_to_org" => Error::Unavailable(format!("Slack answered {error}")),
            "token_expired" | "token_revoked" | "invalid_auth" | "not_authed"
            | "account_inactive" => {
                Error::Reconnect(format!("Slack no longer takes the token ({error})"))
            }
            "missing_scope" => Error::Forbidden(format!(
                "the token lacks the scope {}",
                word("needed").unwrap_or("that is needed")
            )),
            "channel_not_found" | "thread_not_found" | "message_not_found" | "user_not_found" => {
                Error::NotFound
            }
            "invalid_cursor" => Error::CursorExpired,
            _ if status >= 400 => return None,
            // What we asked was wrong.
            "" | "unknown_method" => Error::unexpected("error", error),
            _ if error.starts_with("invalid_") => Error::unexpected("error", error),
            // not_in_channel, no_permission, org_login_required, access_denied and many more: this one may not be read.
            _ => Error::Forbidden(format!("Slack answered {error}")),
        })
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if ids.len() > CONFIRMED {
            return Ok(ids);
        }
        let asked = each(ids, AT_ONCE, |id| async move {
            Ok(if is_there(client, &id).await? { None } else { Some(id) })
        });
        Ok(asked.await?.into_iter().flatten().collect())
    }
}

/// Whether a text is a word of Slack's, not somebody's.
fn is_plain(word: &str) -> bool {
    word.len() <= 100 && word.chars().all(|c| c.is_ascii_alphanumeric() || "_.:,".contains(c))
}
