//! Pinterest: the Pins that an account created or saved.
//!
//! The order of the list is not documented and there is no feed of changes: every pass reads all of it.
//!
//! Facts: Pinterest API v5 description, "Rate limits", "Authentication".

mod pin;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned, de::IgnoredAny};
use serde_json::Value;

use self::pin::Pin;
use crate::{
    error::{Error, Result},
    http::{Client, gone_of},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    wire::Many,
};

const API: &str = "https://api.pinterest.com/v5";
/// Most items of one answer.
const MOST: u32 = 250;
/// Answers of the list of boards: more than those that Pinterest lets an account have would fill.
const BOARD_PAGES: usize = 100;
/// Calls at once.
const AT_ONCE: usize = 4;
/// Missing Pins that are asked for one by one; an app on trial has a thousand calls a day.
const CONFIRMED: usize = 100;

/// The client of Pinterest.
pub struct Pinterest;

/// Where the list of Pins goes on.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    bookmark: Option<String>,
    /// Secret Pins were refused.
    public: bool,
}

impl Provider for Pinterest {
    type Cursor = Place;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me: Me = client.get(format!("{API}/user_account")).json().await?;
        Ok(Account::new(me.id, me.username).or_known_as(me.business_name))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Place>) -> Result<Page<Place>> {
        let mut at = cursor.unwrap_or_default();
        let listed = match pins(client, &at).await {
            Err(Error::Forbidden(why)) if at == Place::default() => {
                tracing::warn!(why, "Pins are imported without those of secret boards");
                at.public = true;
                pins(client, &at).await?
            }
            listed => listed?,
        };
        let boards = client.once("boards", || boards(client)).await?;
        let skipped = listed.items.skipped;
        // The last page with items may name another one, which is empty.
        let next = match listed.bookmark.filter(|bookmark| !bookmark.is_empty()) {
            Some(bookmark) if at.bookmark.as_ref() == Some(&bookmark) => {
                return Err(Error::unexpected("bookmark", "the list does not move on"));
            }
            bookmark @ Some(_) => Next::More(Place { bookmark, ..at }),
            None => Next::Relist,
        };
        let pins = listed.items.into_iter().map(|pin: Pin| pin.into_record(&boards));
        Ok(Page::new(pins, next).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
        match status {
            400 if message.to_lowercase().contains("bookmark") => Some(Error::CursorExpired),
            403 => Some(Error::Forbidden(
                "Pinterest refuses it: the token lacks one of the scopes boards:read, pins:read \
                 and user_accounts:read, or the app's access was not approved for it"
                    .into(),
            )),
            _ => None,
        }
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        if ids.len() > CONFIRMED {
            return Ok(ids); // a purge, which the list shows truthfully
        }
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            match client.get(format!("{API}/pins/{id}")).json::<IgnoredAny>().await {
                Ok(_) | Err(Error::Forbidden(_)) => Ok(false),
                Err(other) => Err(other),
            }
        });
        gone.await
    }
}

/// A page of the Pins that the account owns, whoever owns the board.
async fn pins(client: &Client, at: &Place) -> Result<Listed<Pin>> {
    let secret = (!at.public).then_some("true");
    let query = [("pin_metrics", Some("true")), ("include_protected_pins", secret)];
    list(client, "pins", &query, at.bookmark.as_deref()).await
}

/// The names of the boards; none where they may not be read.
async fn boards(client: &Client) -> Result<Names> {
    let (mut names, mut bookmark) = (HashMap::new(), None);
    for _ in 0..BOARD_PAGES {
        let listed: Listed<Board> = match list(client, "boards", &[], bookmark.as_deref()).await {
            Err(Error::Forbidden(why)) => {
                tracing::warn!(why, "Pins are imported without the names of their boards");
                return Ok(names);
            }
            listed => listed?,
        };
        names.extend(listed.items.into_iter().map(|board| (board.id, board.name)));
        if listed.bookmark.is_none() {
            return Ok(names);
        }
        bookmark = listed.bookmark;
    }
    tracing::warn!("the list of boards does not end: some Pins go without the name of theirs");
    Ok(names)
}

async fn list<T: DeserializeOwned>(
    client: &Client,
    what: &str,
    query: &[(&str, Option<&str>)],
    bookmark: Option<&str>,
) -> Result<Listed<T>> {
    let size = client.page_size(MOST).to_string();
    let paging = [("page_size", Some(size.as_str())), ("bookmark", bookmark)];
    client.get(format!("{API}/{what}")).query(&paging).query(query).json().await
}

/// Board ids to names.
type Names = HashMap<String, String>;

#[derive(Deserialize)]
struct Me {
    id: String,
    username: String,
    business_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Listed<T> {
    items: Many<T>,
    bookmark: Option<String>,
}

#[derive(Deserialize)]
struct Board {
    id: String,
    name: String,
}
