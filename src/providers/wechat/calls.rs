//! What WeChat is asked, and how it answers.
//!
//! Facts: WeChat Official Account documentation, "Get stable access token", "Get published articles", "Get an article by its
//! id".

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::article::{Item, Set};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::Many,
};

const API: &str = "https://api.weixin.qq.com/cgi-bin";
/// Most sets of articles that a page gives.
const SETS: u32 = 20;

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
}

/// A page of the list.
#[derive(Deserialize)]
pub struct List {
    pub total_count: Option<u64>,
    #[serde(default)]
    pub item: Many<Set>,
}

/// The sets from this place of the list on; without their texts where it is to be bare.
pub async fn sets(client: &Client, offset: u64, bare: bool) -> Result<List> {
    let asked = json!({"offset": offset, "count": client.page_size(SETS),
        "no_content": u8::from(bare)});
    ask(client, "freepublish/batchget", &asked).await
}

/// A set with its texts; nothing where it is gone.
pub async fn whole(client: &Client, mut set: Set) -> Result<Option<Set>> {
    let asked = json!({"article_id": set.article_id});
    match ask::<Item>(client, "freepublish/getarticle", &asked).await {
        Err(Error::NotFound) => Ok(None),
        found => {
            set.content.news_item = found?.news_item;
            Ok(Some(set))
        }
    }
}

/// Asks with the account's token. A refused one is got anew once a run.
async fn ask<T: DeserializeOwned>(client: &Client, path: &str, asked: &Value) -> Result<T> {
    let call = async |token: Arc<SecretString>| {
        let call = client.post(format!("{API}/{path}")).anonymous();
        let call = call.query(&[("access_token", token.expose_secret())]).body_json(asked);
        call.errors_in_ok().idempotent().json().await
    };
    match call(client.once("token", || token(client)).await?).await {
        Err(Error::Reconnect(_)) => {
            call(client.once("renewed token", || token(client)).await?).await
        }
        answer => answer,
    }
}

/// The token of the account: the same for all who ask, until it is about to end.
pub async fn token(client: &Client) -> Result<SecretString> {
    let asked = json!({
        "grant_type": "client_credential",
        "appid": secret(client, "app_id")?.expose_secret(),
        "secret": secret(client, "app_secret")?.expose_secret(),
        "force_refresh": false,
    });
    let call = client.post(format!("{API}/stable_token")).anonymous().body_json(&asked);
    let token: Token = call.errors_in_ok().idempotent().json().await?;
    Ok(token.access_token)
}

/// What the account was linked with.
pub fn secret(client: &Client, name: &str) -> Result<SecretString> {
    client.secret(name).ok_or_else(|| Error::invalid(name, "is missing"))
}
