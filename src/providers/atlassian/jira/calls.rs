//! What Jira is asked, and how it answers.
//!
//! Facts: Atlassian developer documentation, "The Jira Cloud platform REST API": "Get current user", "Search for issues using
//! JQL enhanced search", "Bulk fetch issues", "Get fields".

use std::{collections::HashSet, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Site,
    issue::{FIELDS, Issue},
};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::Many,
};

/// Issues of a page: with these fields Jira gives no more.
const ISSUES: u32 = 100;
/// Issues that can be asked for by id in one call.
pub const AT_ONCE: usize = 100;
/// The type of the field that holds an issue's sprints.
pub const SPRINT: &str = "com.pyxis.greenhopper.jira:gh-sprint";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub account_id: String,
    pub display_name: Option<String>,
    pub email_address: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    schema: Option<Schema>,
}

#[derive(Deserialize)]
struct Schema {
    custom: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    pub issues: Many<Issue>,
    pub next_page_token: Option<String>,
    is_last: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub issues: Many<Issue>,
    #[serde(default)]
    issue_errors: Many<Value>,
}

/// Whose credentials these are.
pub async fn me(client: &Client, site: &Site) -> Result<Me> {
    site.get(client, "/rest/api/3/myself").json().await
}

/// A page of what a question finds.
pub async fn search(
    client: &Client,
    site: &Site,
    jql: &str,
    sprints: &[String],
    page: Option<&str>,
) -> Result<Found> {
    let body = json!({
        "jql": jql,
        "fields": fields(sprints),
        "maxResults": client.page_size(ISSUES),
        "nextPageToken": page,
    });
    let body = without_nulls(body);
    let found: Found = site.ask(client, "/rest/api/3/search/jql", &body).json().await?;
    if found.next_page_token.is_none() && found.is_last == Some(false) {
        return Err(Error::unexpected("nextPageToken", "it is missing, and more is to come"));
    }
    Ok(found)
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.retain(|_, value| !value.is_null());
    }
    body
}

/// The fields of an issue that records are made of.
pub fn fields(sprints: &[String]) -> Vec<&str> {
    FIELDS.into_iter().chain(sprints.iter().map(String::as_str)).collect()
}

/// The ids of the fields that hold sprints, looked up once a run.
pub async fn sprints(client: &Client, site: &Site) -> Result<Arc<Vec<String>>> {
    let look_up = || async {
        let all: Many<Named> = site.get(client, "/rest/api/3/field").json().await?;
        let sprints = all.into_iter().filter(|of| {
            of.schema.as_ref().is_some_and(|schema| schema.custom.as_deref() == Some(SPRINT))
        });
        Ok(sprints.map(|of| of.id).collect())
    };
    client.once("sprints", look_up).await
}

/// Issues by id, at most [`AT_ONCE`].
pub async fn known(client: &Client, site: &Site, ids: &[String], fields: &[&str]) -> Result<Known> {
    let body = json!({"issueIdsOrKeys": ids, "fields": fields});
    site.ask(client, "/rest/api/3/issue/bulkfetch", &body).json().await
}

impl Known {
    /// Which of the ids are gone; none where the answer leaves open how some stand.
    pub fn missing(&self, ids: Vec<String>) -> Vec<String> {
        if self.issues.skipped > 0 || !self.issue_errors.is_empty() {
            return Vec::new();
        }
        let alive: HashSet<&str> = self.issues.iter().map(|issue| issue.id.as_str()).collect();
        ids.into_iter().filter(|id| !alive.contains(id.as_str())).collect()
    }
}
