//! What HubSpot is asked, and how it answers.
//!
//! Facts: HubSpot developer documentation, "CRM search", "CRM objects", "Owners", "Pipelines".

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Cursor, Step,
    item::{Around, Object, Owner, Pipeline, Portal, Type},
};
use crate::{
    error::Result,
    http::{Client, whole_list},
    wire::Many,
};

const API: &str = "https://api.hubapi.com";
/// Most objects that a page of a list gives.
const LIST: u32 = 100;
/// Most objects that a page of a search gives.
pub const FOUND: u32 = 200;
/// Most owners that a page gives.
const OWNERS: u32 = 500;
/// Pages of a list that is read in one go.
const PAGES: usize = 200;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Objects<T = Object> {
    #[serde(default)]
    pub results: Many<T>,
    pub paging: Option<Paging>,
}

#[derive(Deserialize)]
pub struct Paging {
    pub next: Option<After>,
}

#[derive(Deserialize)]
pub struct After {
    pub after: Option<String>,
}

/// The account.
pub async fn portal(client: &Client) -> Result<Portal> {
    client.get(format!("{API}/account-info/v3/details")).json().await
}

/// A page of the objects of a type that are alive, or archived.
pub async fn list(client: &Client, of: &Type, at: &Cursor) -> Result<Objects> {
    let archived = at.step == Step::Archive;
    let query = [
        ("limit", Some(client.page_size(LIST).to_string())),
        ("properties", (!archived).then(|| of.properties.join(","))),
        ("archived", Some(archived.to_string())),
        ("after", at.after.clone()),
    ];
    client.get(format!("{API}/crm/v3/objects/{}", of.name)).query(&query).json().await
}

/// A page of what was modified.
pub async fn search(client: &Client, of: &Type, at: &Cursor) -> Result<Objects> {
    let modified = |operator: &str, stamp: i64| {
        json!({"propertyName": "hs_lastmodifieddate", "operator": operator,
            "value": stamp.to_string()})
    };
    let (filters, order) = match &at.step {
        Step::Moment(stamp, above) => {
            let above = json!({"propertyName": "hs_object_id", "operator": "GT", "value": above});
            (vec![modified("EQ", *stamp), above], "hs_object_id")
        }
        Step::Changes(since) => (vec![modified("GTE", *since)], "hs_lastmodifieddate"),
        Step::Listing | Step::Archive | Step::Done => (Vec::new(), "hs_object_id"),
    };
    let mut asked = json!({
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
        "properties": of.properties,
        "limit": client.page_size(FOUND),
    });
    if let (Some(asked), Some(after)) = (asked.as_object_mut(), &at.after) {
        asked.insert("after".into(), Value::from(after.as_str()));
    }
    let call = client.post(format!("{API}/crm/v3/objects/{}/search", of.name));
    call.body_json(&asked).idempotent().json().await
}

/// What the objects of a type point to, looked up once a run: the portal, its people, and the pipelines of deals.
pub async fn around(client: &Client, of: &Type) -> Result<Arc<Around>> {
    client
        .once(of.name, || async {
            let pipelines = async {
                if !of.has_pipelines() {
                    return Ok(BTreeMap::new());
                }
                let call = client.get(format!("{API}/crm/v3/pipelines/{}", of.name));
                let found: Objects<Pipeline> = call.json().await?;
                Ok(found.results.into_iter().map(|of| (of.id.clone(), of)).collect())
            };
            let shared = client.once("owners", || async {
                let (mut all, left, portal) = futures::try_join!(
                    Box::pin(owners(client, false)),
                    Box::pin(owners(client, true)),
                    portal(client)
                )?;
                all.extend(left);
                Ok((all, portal))
            });
            let (pipelines, shared) = futures::try_join!(pipelines, shared)?;
            Ok(Around { pipelines, shared })
        })
        .await
}

/// The people whom objects may belong to; `left`: those who are no longer in the portal.
async fn owners(client: &Client, left: bool) -> Result<BTreeMap<String, Owner>> {
    let pages = whole_list(PAGES, "paging", |after: Option<String>| async move {
        let query = [
            ("limit", Some(OWNERS.to_string())),
            ("archived", Some(left.to_string())),
            ("after", after),
        ];
        let call = client.get(format!("{API}/crm/v3/owners")).query(&query);
        let found: Objects<Owner> = call.json().await?;
        Ok((found.results, found.paging.and_then(|paging| paging.next?.after)))
    });
    let owners = pages.await?.into_iter().flatten();
    Ok(owners.map(|owner| (owner.id.clone(), owner)).collect())
}
