//! What Salesforce is asked, and how it answers.
//!
//! Facts: Salesforce REST API developer guide, "Query all", "Query more results", "Describe".

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Cursor, row::Row};
use crate::{
    error::{Error, Result},
    http::{Call, Client},
    wire::Many,
};

const DATA: &str = "services/data/v62.0";
/// Most rows that a page gives, and fewest that may be asked for.
const ROWS: (u32, u32) = (2_000, 200);
/// Rows appear with a stamp that lies some minutes back when what wrote them took that long.
const SLACK: SignedDuration = SignedDuration::from_mins(15);
/// The fields that no administrator can hide.
const ALWAYS: [&str; 4] = ["Id", "CreatedDate", "SystemModstamp", "IsDeleted"];
/// Marks the refusal of a query that names a field which this user may not see.
pub const HIDDEN: &str = "fields";

#[derive(Deserialize)]
pub struct Me {
    pub organization_id: String,
    pub preferred_username: Option<String>,
    pub email: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned", rename_all = "camelCase")]
pub struct Rows<T> {
    #[serde(default)]
    pub records: Many<T>,
    pub done: bool,
    pub next_records_url: Option<String>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    fields: Many<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// The address of the org, which the grant names.
pub fn base(client: &Client) -> Result<&str> {
    let url = client.setting("instance_url").map(|url| url.trim_end_matches('/'));
    url.ok_or_else(|| Error::invalid("instance_url", "is missing"))
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<Me> {
    client.get(format!("{}/services/oauth2/userinfo", base(client)?)).json().await
}

/// Asks for all rows from the cursor's stamp on, of the fields that this user may see.
pub async fn query<T: Row>(client: &Client, at: &Cursor) -> Result<Rows<T>> {
    let since = at.stamp.map(|stamp| stamp.checked_sub(SLACK).unwrap_or(stamp)).or(at.bounded);
    let bound = since.map_or_else(String::new, |since| {
        format!(" WHERE SystemModstamp >= {}", since.strftime("%Y-%m-%dT%H:%M:%SZ"))
    });
    let ask = async |fields: &[&str]| {
        let (fields, object) = (fields.join(", "), T::OBJECT);
        let order = "ORDER BY SystemModstamp ASC, Id ASC";
        let soql = format!("SELECT {fields} FROM {object}{bound} {order}");
        let call = client.get(format!("{}/{DATA}/queryAll", base(client)?)).query(&[("q", soql)]);
        rows(client, call).await
    };
    match ask(T::FIELDS).await {
        Err(Error::Invalid { field, .. }) if field == HIDDEN => {
            let call =
                client.get(format!("{}/{DATA}/sobjects/{}/describe", base(client)?, T::OBJECT));
            let known: Described = call.json().await?;
            let known: BTreeSet<String> =
                known.fields.into_iter().map(|field| field.name).collect();
            let shown = T::FIELDS.iter().filter(|field| {
                // A relation is seen by whom its id is shown to.
                let own = field
                    .strip_suffix(".Name")
                    .map_or_else(|| (**field).into(), |of| format!("{of}Id"));
                ALWAYS.contains(*field) || known.contains(&own)
            });
            ask(&shown.copied().collect::<Vec<_>>()).await
        }
        found => found,
    }
}

/// The page at an address that the last one gave: a path at the org's host.
pub async fn more<T: Row>(client: &Client, next: &str) -> Result<Rows<T>> {
    rows(client, client.get(format!("{}/{}", base(client)?, next.trim_start_matches('/')))).await
}

async fn rows<T: Row>(client: &Client, call: Call) -> Result<Rows<T>> {
    let size = client.page_size(ROWS.0).max(ROWS.1);
    call.header("sforce-query-options", &format!("batchSize={size}")).json().await
}
