//! What Line is asked, what it delivers, and how it answers.
//!
//! Facts: LINE Developers, "Messaging API reference".

use serde::Deserialize;

use super::event::Event;
use crate::{
    error::{Error, Result},
    http::{Call, Client},
    wire::Many,
};

const API: &str = "https://api.line.me/v2/bot";

fn call(client: &Client, path: &str) -> Result<Call> {
    let token = client.secret("channel_access_token");
    let token = token.ok_or_else(|| Error::Reconnect("there is no channel access token".into()))?;
    Ok(client.get(format!("{API}{path}")).bearer(token))
}

/// The official account.
pub async fn me(client: &Client) -> Result<Bot> {
    call(client, "/info")?.json().await
}

/// The name behind an address, where Line tells it: not that of people who have left, or who are not the account's friends.
pub async fn name(client: &Client, path: String) -> Result<Option<String>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
    if !path.chars().all(plain) {
        return Ok(None); // an id that is none, and would make another address
    }
    let asked = client.once(&path, || async {
        match call(client, &path)?.json::<Named>().await {
            Ok(named) => Ok(named.name),
            Err(Error::NotFound | Error::Forbidden(_)) => Ok(None),
            Err(other) => Err(other),
        }
    });
    Ok(asked.await?.as_ref().clone())
}

/// An official account.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bot {
    pub user_id: String,
    pub basic_id: Option<String>,
    pub display_name: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(alias = "displayName", alias = "groupName")]
    name: Option<String>,
}

/// A delivery.
#[derive(Deserialize)]
pub struct Payload {
    pub events: Many<Event>,
}
