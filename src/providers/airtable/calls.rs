//! What Airtable is asked, and how it answers.
//!
//! Facts: Airtable Web API, "List records", "Get base schema".

use std::sync::Arc;

use serde::Deserialize;

use super::row::{Row, Table};
use crate::{
    error::{Error, Result},
    http::{Client, whole_list},
    provider::Feed,
    wire::Many,
};

pub const API: &str = "https://api.airtable.com/v0";
/// Rows of a page.
const ROWS: u32 = 100;
/// Pages of the list of bases, which is read in one go.
const PAGES: usize = 100;

#[derive(Deserialize)]
pub struct Me {
    pub id: String,
    pub email: Option<String>,
}

#[derive(Deserialize)]
struct Bases {
    bases: Many<Base>,
    offset: Option<String>,
}

#[derive(Deserialize)]
pub struct Base {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

#[derive(Deserialize)]
struct Schema {
    tables: Many<Table>,
}

#[derive(Default, Deserialize)]
pub struct Rows {
    pub records: Many<Row>,
    pub offset: Option<String>,
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    client.get(format!("{API}/meta/whoami")).json().await
}

/// The bases that the token may read.
pub async fn bases(client: &Client) -> Result<Vec<Base>> {
    let all = whole_list(PAGES, "offset", |offset: Option<String>| async move {
        let call = client.get(format!("{API}/meta/bases")).query(&[("offset", offset)]);
        let listed: Bases = call.json().await?;
        // Of a list with a gap nobody could tell which bases are gone.
        if listed.bases.skipped > 0 {
            return Err(Error::unexpected("bases", "a base that is none"));
        }
        Ok((listed.bases, listed.offset))
    });
    Ok(all.await?.into_iter().flatten().collect())
}

/// A base's tables and fields, looked up once a run.
pub async fn tables(client: &Client, base: &Feed) -> Result<Arc<Vec<Table>>> {
    let lookup = || async {
        let schema: Schema =
            client.get(format!("{API}/meta/bases/{}/tables", base.id)).json().await?;
        if schema.tables.skipped > 0 {
            return Err(Error::unexpected("tables", "a table that is none"));
        }
        Ok(schema.tables.items)
    };
    client.once(&format!("tables {}", base.id), lookup).await
}

/// A page of a table's rows.
pub async fn row_page(
    client: &Client,
    base: &Feed,
    table: &Table,
    offset: Option<String>,
) -> Result<Rows> {
    let query = [
        ("pageSize", Some(client.page_size(ROWS).to_string())),
        ("returnFieldsByFieldId", Some("true".to_owned())),
        ("offset", offset),
    ];
    client.get(format!("{API}/{}/{}", base.id, table.id)).query(&query).json().await
}
