//! Jira (cloud): the issues of one site, by search. A first listing goes by the date of creation, which does not change;
//! later passes ask for what was updated since, and the newest issues are asked about by id.
//!
//! Facts: Atlassian developer documentation, "The Jira Cloud platform REST API", "Rate limiting"; "OAuth 2.0 (3LO) apps".

mod adf;
mod calls;
mod issue;
mod spec;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use serde_json::Value;

use self::{
    calls::{AT_ONCE, fields, known, me, search, sprints},
    issue::Issue,
};
use super::Site;
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    provider::{Account, Covers, Feed, Page, Provider, Since, spec::Spec},
    record::Record,
    wire::Many,
};

/// Calls for issues by id side by side.
const CALLS: usize = 2;
/// How much later than an issue its entry in the search's index may come, beyond what [`Since`] allows for.
const INDEXING: SignedDuration = SignedDuration::from_mins(4);

/// The client of Jira.
pub struct Jira;

impl Provider for Jira {
    type Cursor = Since;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let site = Site::of(client, "jira").await?;
        let me = me(client, &site).await?;
        let name = me.display_name.as_deref().unwrap_or(&me.account_id);
        let label = format!("{name} at {}", site.name);
        Ok(Account::new(me.account_id, label).or_known_as(me.email_address))
    }

    async fn page(&self, client: &Client, _: &Feed, cursor: Option<Since>) -> Result<Page<Since>> {
        let site = Site::of(client, "jira").await?;
        let at = Since::at(cursor, client.now());
        if at.page.is_none() {
            // A search by nobody finds nothing, and says nothing else.
            me(client, &site).await.map_err(|error| site.lost(error))?;
        }
        let (jql, covers) = question(&at, client);
        let sprints = sprints(client, &site).await?;
        let found = search(client, &site, &jql, &sprints, at.page.as_deref()).await?;
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
        let site = &Site::of(client, "jira").await?;
        let gone = each_batch(ids, AT_ONCE, CALLS, |ids| async move {
            let known = known(client, site, &ids, &["summary"]).await?;
            Ok(known.missing(ids))
        });
        gone.await
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

fn records(issues: Many<Issue>, site: &Site, sprints: &[String]) -> Vec<Record> {
    issues.into_iter().map(|issue| issue.into_record(&site.url, sprints)).collect()
}
