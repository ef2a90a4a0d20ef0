//! What Trello is asked, and how it answers.
//!
//! Facts: Atlassian developer documentation for Trello, "The Trello REST API": "Get a Member", "Get Boards that Member
//! belongs to", "Get filtered Cards on a Board", "Get Actions of a Board", "Get a Card", "Get Custom Fields for Board";
//! "Nested Resources".

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::card::{Board, Card, Custom};
use crate::{
    error::{Error, Result},
    http::{Call, Client},
    provider::Feed,
    wire::Many,
};

const API: &str = "https://api.trello.com/1";
/// Most cards and actions that an answer gives.
pub const MOST: u32 = 1_000;
/// What is asked of a card.
const CARD_FIELDS: &str =
    "name,desc,closed,due,dueComplete,start,dateLastActivity,idBoard,idList,labels,shortUrl";
/// Actions by which cards change, and the board's own by which what cards show of it does.
const ACTIONS: &str = "createCard,copyCard,convertToCardFromCheckItem,emailCard,moveCardToBoard,\
    moveCardFromBoard,updateCard,deleteCard,addMemberToCard,removeMemberFromCard,addLabelToCard,\
    removeLabelFromCard,commentCard,updateCustomFieldItem,updateBoard,updateList,updateLabel,deleteLabel";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub id: String,
    pub username: Option<String>,
    pub full_name: Option<String>,
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    ask(client, "/members/me", &[("fields", Some("id,username,fullName".into()))]).await
}

/// A page of a board's cards, archived ones, too, from the newest on.
pub async fn list_cards(
    client: &Client,
    feed: &Feed,
    limit: u32,
    since: Option<Timestamp>,
    before: Option<String>,
) -> Result<Many<Card>> {
    let bounds = [
        ("limit", Some(limit.to_string())),
        ("before", before),
        ("since", since.map(|since| since.to_string())),
    ];
    let query = [&bounds[..], &whole_card()].concat();
    ask(client, &format!("/boards/{}/cards/all", feed.id), &query).await
}

/// A card by its id.
pub async fn card(client: &Client, id: &str) -> Result<Card> {
    ask(client, &format!("/cards/{id}"), &whole_card()).await
}

/// Has a card come with all that its record is made of.
fn whole_card() -> [(&'static str, Option<String>); 4] {
    [
        ("fields", Some(CARD_FIELDS.into())),
        ("members", Some("true".into())),
        ("member_fields", Some("fullName,username".into())),
        ("customFieldItems", Some("true".into())),
    ]
}

/// A page of a board's actions, from the newest on.
pub async fn list_actions(
    client: &Client,
    feed: &Feed,
    limit: u32,
    since: Option<String>,
    before: Option<String>,
) -> Result<Many<Action>> {
    let query = [
        ("filter", Some(ACTIONS.into())),
        ("fields", Some("type,data".into())),
        ("memberCreator", Some("false".into())),
        ("limit", Some(limit.to_string())),
        ("since", since),
        ("before", before),
    ];
    ask(client, &format!("/boards/{}/actions", feed.id), &query).await
}

/// The member's boards with their lists, closed ones, too; looked up once a run.
pub async fn boards(client: &Client) -> Result<Arc<Vec<Board>>> {
    let look_up = || async {
        let query = ["filter", "lists"].map(|name| (name, Some("all".to_owned())));
        let fields = [
            ("fields", Some("name,shortLink".to_owned())),
            ("list_fields", Some("name".to_owned())),
        ];
        let found: Many<Board> =
            ask(client, "/members/me/boards", &[query, fields].concat()).await?;
        // Of a list with a gap nobody could tell which boards are gone.
        if found.skipped > 0 {
            return Err(Error::unexpected("boards", "a board that is none"));
        }
        Ok(found.items)
    };
    client.once("boards", look_up).await
}

/// Asks Trello. What the token may not see is refused with the same status as a token that has ended, and other words.
///
/// # Errors
/// `NotFound` for what is not there, or not for this token.
pub async fn ask<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    query: &[(&str, Option<String>)],
) -> Result<T> {
    match call(client, path)?.query(query).json().await {
        Err(cause @ Error::Reconnect(_)) => {
            let again = call(client, path)?.query(query).accepting(StatusCode::UNAUTHORIZED);
            Err(if again.text().await?.contains("permission") { Error::NotFound } else { cause })
        }
        found => found,
    }
}

/// A board's custom fields, looked up once a run; none where it has none.
pub async fn custom_fields(client: &Client, board: &str) -> Result<Arc<Many<Custom>>> {
    let path = format!("/boards/{board}/customFields");
    let look_up = || async {
        match ask(client, &path, &[]).await {
            Err(Error::NotFound) => Ok(Many::default()),
            found => found,
        }
    };
    client.once(&path, look_up).await
}

/// Key and token go in a header, which stays out of addresses and logs.
fn call(client: &Client, path: &str) -> Result<Call> {
    let secret =
        |name: &'static str| client.secret(name).ok_or_else(|| Error::invalid(name, "is missing"));
    let (key, token) = (secret("api_key")?, secret("token")?);
    let (key, token) = (key.expose_secret(), token.expose_secret());
    let header = format!("OAuth oauth_consumer_key=\"{key}\", oauth_token=\"{token}\"");
    Ok(client.get(format!("{API}{path}")).header("authorization", &header))
}

/// What happened on a board.
#[derive(Deserialize)]
pub struct Action {
    /// Begins with the time, so that later ones are greater.
    pub id: String,
    #[serde(rename = "type", default)]
    kind: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    card: Option<Named>,
    #[serde(default)]
    old: Value,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

impl Action {
    /// The card that it was done to.
    pub fn card(self) -> Option<String> {
        self.data?.card?.id
    }

    /// Whether what cards show of their board changed.
    pub fn renames(&self) -> bool {
        let old = |key: &str| self.data.as_ref().is_some_and(|data| data.old.get(key).is_some());
        match self.kind.as_str() {
            "deleteLabel" => true,
            "updateBoard" | "updateList" | "updateLabel" => old("name") || old("color"),
            _ => false,
        }
    }
}
