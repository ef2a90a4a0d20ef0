//! TikTok: the public videos of an account (Display API).
//!
//! Facts: TikTok for Developers, "User access token management", "List videos", "Rate limits", "Login Kit for web".

mod spec;
#[cfg(test)]
mod tests;
mod video;

use std::{collections::HashSet, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::video::{FIELDS, Video};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each_batch},
    provider::{Account, Feed, Page, Provider, Walk, Window, spec::Spec},
    wire::Many,
};

const API: &str = "https://open.tiktokapis.com/v2";
/// Videos of one answer, and ids that one call asks about.
const VIDEOS: u8 = 20;
/// Newest videos that are read again in each pass, with their counts.
const WINDOW: Window = Window::of(100);
/// Calls at once.
const AT_ONCE: usize = 4;

/// The client of TikTok.
pub struct TikTok;

impl Provider for TikTok {
    /// A moment in milliseconds from 1970: the next page holds what was posted before it.
    type Cursor = Walk<i64>;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.display_name.unwrap_or_else(|| me.open_id.clone());
        Ok(Account::new(me.open_id, label))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Self::Cursor>,
    ) -> Result<Page<Self::Cursor>> {
        let pass = Walk::read(cursor);
        let here = pass.place().copied();
        let mut body = json!({"max_count": client.page_size(VIDEOS.into())});
        if let (Some(here), Some(body)) = (here, body.as_object_mut()) {
            body.insert("cursor".into(), here.into());
        }
        let url = format!("{API}/video/list/");
        let call = client.post(url).query(&[("fields", FIELDS)]).body_json(&body).idempotent();
        let (me, listed) = futures::try_join!(client.once("me", || me(client)), data(call))?;
        let Videos { items: videos, cursor, has_more } = listed;
        // A page may be empty, and yet others follow.
        let next = cursor.filter(|_| has_more);
        if has_more && (next.is_none() || next == here) {
            return Err(Error::unexpected("data.cursor", "the list does not move on"));
        }
        let skipped = videos.skipped;
        let dates: Vec<_> = videos.iter().map(Video::at).collect();
        let (covers, next) = pass.then(&WINDOW, dates, next, client.since());
        let records = videos.into_iter().map(|video| video.into_record(&me));
        Ok(Page::new(records, next).covering(covers).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let code = body.pointer("/error/code")?.as_str()?;
        Some(match code {
            "access_token_invalid" => {
                Error::Reconnect("TikTok no longer takes the token: it was withdrawn, or expired".into())
            }
            "scope_not_authorized" | "scope_permission_missed" => Error::Forbidden(
                "TikTok refuses it: of the scopes user.info.basic and video.list one was not granted"
                    .into(),
            ),
            "rate_limit_exceeded" => Error::RateLimited(Duration::ZERO),
            "internal_error" => Error::Unavailable("TikTok had an error of its own".into()),
            "ok" => return None,
            _ if status >= 400 => return None,
            _ => Error::unexpected("error.code", "an error that is not documented"),
        })
    }

    /// A video that is deleted, or no longer public, is missing from the answer.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        mut ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let asked = each_batch(ids.clone(), VIDEOS.into(), AT_ONCE, |ids| async move {
            let body = json!({"filters": {"video_ids": ids}});
            let call = client.post(format!("{API}/video/query/")).query(&[("fields", "id")]);
            let known: Known = data(call.body_json(&body).idempotent()).await?;
            Ok(known.videos)
        });
        let known: HashSet<String> = asked.await?.into_iter().map(|video| video.id).collect();
        ids.retain(|id| !known.contains(id));
        Ok(ids)
    }
}

/// Whose token it is.
async fn me(client: &Client) -> Result<Me> {
    let fields = [("fields", "open_id,display_name")];
    let User { user } = data(client.get(format!("{API}/user/info/")).query(&fields)).await?;
    Ok(user)
}

/// What an answer holds. Errors may come with every status.
async fn data<T: DeserializeOwned>(call: Call) -> Result<T> {
    let answer: Answer<T> = call.errors_in_ok().json().await?;
    Ok(answer.data)
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct User {
    user: Me,
}

/// Whose token it is.
#[derive(Deserialize)]
struct Me {
    /// Another one for each app.
    open_id: String,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Videos {
    #[serde(default, rename = "videos")]
    items: Many<Video>,
    cursor: Option<i64>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Known {
    videos: Vec<Id>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}
