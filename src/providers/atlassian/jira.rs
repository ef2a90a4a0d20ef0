//! Jira (cloud): the issues of one site, by search. A first listing goes by the date of creation, which does not change;
//! later passes ask for what was updated since, and the newest issues are asked about by id.
//!
//! Facts: Atlassian developer documentation, "The Jira Cloud platform REST API", "Rate limiting"; "OAuth 2.0 (3LO) apps".

mod adf;
mod issue;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use self::issue::{FIELDS, Issue};
use super::Site;
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Page, Provider, Since, spec::Spec},
    record::Record,
    wire::Many,
};

/// Issues of a page: with these fields Jira gives no more.
const ISSUES: u32 = 100;
/// Issues that can be asked for by id in one call.
const AT_ONCE: usize = 100;
/// Such calls side by side.
const CALLS: usize = 2;
/// How much later than an issue its entry in the search's index may come, beyond what [`Since`] allows for.
const INDEXING: SignedDuration = SignedDuration::from_mins(4);
/// The type of the field that holds an issue's sprints.
const SPRINT: &str = "com.pyxis.greenhopper.jira:gh-sprint";

/// The client of Jira.
pub struct Jira;

impl Provider for Jira {
    type Cursor = Since;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let site = Site::of(client, "jira").await?;
        let me: Me = site.get(client, "/rest/api/3/myself").json().await?;
        let name = me.display_name.as_deref().unwrap_or(&me.account_id);
        let label = format!("{name} at {}", site.name);
        Ok(Account::new(me.account_id, label).or_known_as(me.email_address))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Since>) -> Result<Page<Since>> {
        let site = Site::of(client, "jira").await?;
        let at = Since::at(cursor, client.now());
        if at.page.is_none() {
            // A search by nobody finds nothing, and says nothing else.
            let me = site.get(client, "/rest/api/3/myself").json::<Me>().await;
            me.map_err(|error| site.lost(error))?;
        }
        let (jql, covers) = question(&at, client);
        let sprints = sprints(client, &site).await?;
        let body = json!({
            "jql": jql,
            "fields": fields(&sprints),
            "maxResults": client.page_size(ISSUES),
            "nextPageToken": at.page,
        });
        let body = without_nulls(body);
        let found: Found = site.ask(client, "/rest/api/3/search/jql", &body).json().await?;
        if found.next_page_token.is_none() && found.is_last == Some(false) {
            return Err(Error::unexpected("nextPageToken", "it is missing, and more is to come"));
        }
        let skipped = found.issues.skipped;
        let records = records(found.issues, &site, &sprints);
        let page = Page::new(records, at.then(found.next_page_token)).skipping(skipped);
        Ok(page.covering(covers))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let said = body.get("errorMessages").and_then(Value::as_array);
        let mut said = said.into_iter().flatten().filter_map(Value::as_str);
        if status == 400 && said.any(|words| words.to_lowercase().contains("page token")) {
            return Some(Error::CursorExpired);
        }
        super::fault("read:jira-work, read:jira-user", status, body)
    }

    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let site = Site::of(client, "jira").await?;
        let batches = ids.chunks(AT_ONCE).map(<[String]>::to_vec).collect();
        let gone = each(batches, CALLS, |ids: Vec<String>| {
            let site = &site;
            async move {
                let known = known(client, site, &ids, &["summary"]).await?;
                Ok(known.missing(ids))
            }
        });
        Ok(gone.await?.concat())
    }

    /// Deletions show nowhere else.
    async fn recheck(&self, client: &Client, _: &Feed, ids: Vec<String>) -> Result<Page<()>> {
        let site = Site::of(client, "jira").await?;
        let sprints = sprints(client, &site).await?;
        let known = known(client, &site, &ids, &fields(&sprints)).await?;
        let gone = known.missing(ids);
        Ok(Page::loose(records(known.issues, &site, &sprints)).removing(gone))
    }
}

/// What a pass asks for, the same on each of its pages, and what of the site that reaches. Times are in milliseconds: a
/// date would be read in the person's time zone.
fn question(at: &Since, client: &Client) -> (String, Covers) {
    if let Some(since) = at.since {
        let since = since.checked_sub(INDEXING).unwrap_or(since).as_millisecond();
        return (format!("updated >= {since} ORDER BY updated ASC"), Covers::Everything);
    }
    match client.since() {
        Some(from) => (
            format!("created >= {} ORDER BY created ASC", from.as_millisecond()),
            Covers::Between { from: Some(from), to: None },
        ),
        // A question that leaves nothing out is refused.
        None => ("project is not EMPTY ORDER BY created ASC".into(), Covers::Everything),
    }
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.retain(|_, value| !value.is_null());
    }
    body
}

fn fields(sprints: &[String]) -> Vec<&str> {
    FIELDS.into_iter().chain(sprints.iter().map(String::as_str)).collect()
}

fn records(issues: Many<Issue>, site: &Site, sprints: &[String]) -> Vec<Record> {
    issues.into_iter().map(|issue| issue.into_record(&site.url, sprints)).collect()
}

/// The ids of the fields that hold sprints, looked up once a run.
async fn sprints(client: &Client, site: &Site) -> Result<std::sync::Arc<Vec<String>>> {
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
async fn known(client: &Client, site: &Site, ids: &[String], fields: &[&str]) -> Result<Known> {
    let body = json!({"issueIdsOrKeys": ids, "fields": fields});
    site.ask(client, "/rest/api/3/issue/bulkfetch", &body).json().await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    account_id: String,
    display_name: Option<String>,
    email_address: Option<String>,
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
struct Found {
    issues: Many<Issue>,
    next_page_token: Option<String>,
    is_last: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    issues: Many<Issue>,
    #[serde(default)]
    issue_errors: Many<Value>,
}

impl Known {
    /// Which of the ids are gone; none where the answer leaves open how some stand.
    fn missing(&self, ids: Vec<String>) -> Vec<String> {
        if self.issues.skipped > 0 || !self.issue_errors.is_empty() {
            return Vec::new();
        }
        let alive: HashSet<&str> = self.issues.iter().map(|issue| issue.id.as_str()).collect();
        ids.into_iter().filter(|id| !alive.contains(id.as_str())).collect()
    }
}
