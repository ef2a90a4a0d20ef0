//! ClickUp: the tasks and subtasks of a person's Workspaces, one feed each. What changed comes by the date of change; what
//! was deleted or archived shows in a full listing alone.
//!
//! Facts: ClickUp API documentation, "Get Filtered Team Tasks", "Rate limits", "Common errors".

mod calls;
mod spec;
mod task;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use self::calls::{Tasks, me, standing, tasks, teams};
use crate::{
    error::{Error, Result},
    http::{Client, gone_of},
    provider::{Account, Feed, Page, Provider, Since, spec::Spec},
    record::Ref,
};

/// Tasks of a page, which cannot be chosen.
const TASKS: usize = 100;
/// Pages of one pass: two million tasks.
const PAGES: u32 = 20_000;
/// How far ClickUp's clocks and ours may differ, beyond what [`Since`] allows for.
const SLACK: SignedDuration = SignedDuration::from_mins(4);
/// Tasks that are asked about at once.
const AT_ONCE: usize = 4;

/// The client of ClickUp.
pub struct ClickUp;

impl Provider for ClickUp {
    type Cursor = Since;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let user = me(client).await?;
        let label = user.username.or_else(|| user.email.clone()).unwrap_or_default();
        Ok(Account::new(user.id.to_string(), label).or_known_as(user.email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let teams = teams(client).await?;
        // Of a list with a gap nobody could tell which Workspaces are gone.
        if teams.skipped > 0 {
            return Err(Error::unexpected("teams", "a Workspace that is none"));
        }
        let wanted = client.setting("team_id");
        let found = teams.into_iter().filter(|team| wanted.is_none_or(|id| id == team.id));
        let feeds: Vec<Feed> = found.map(|team| Feed::new(team.id, team.name)).collect();
        match wanted {
            Some(id) if feeds.is_empty() => Err(Error::invalid(
                "team_id",
                format!("this token reaches no Workspace {id}: tick it where ClickUp asks"),
            )),
            _ => Ok(feeds),
        }
    }

    async fn page(
        &self,
        client: &Client,
        team: &Feed,
        cursor: Option<Since>,
    ) -> Result<Page<Since>> {
        let at = Since::at(cursor, client.now());
        let number = at.page.as_deref().and_then(|page| page.parse().ok()).unwrap_or(0_u32);
        let changed = at.since.map(|since| since.checked_sub(SLACK).unwrap_or(since));
        let created = client.since().filter(|_| changed.is_none());
        let Tasks { tasks, last_page } = tasks(client, &team.id, number, changed, created).await?;
        let (found, skipped) = (tasks.len() + tasks.skipped as usize, tasks.skipped);
        let next = match last_page.unwrap_or(found < TASKS) {
            true => None,
            false if number >= PAGES => {
                return Err(Error::unexpected("last_page", "the list does not end"));
            }
            false => Some((number + 1).to_string()),
        };
        let workspace = Ref::new(&*team.id, &*team.name);
        let (gone, alive): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.archived);
        let alive = alive.into_iter().map(|task| task.record(&workspace));
        let gone = gone.into_iter().map(|task| task.id);
        Ok(Page::<Since>::new(alive, at.then(next)).removing(gone).skipping(skipped))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let code = body.get("ECODE").and_then(Value::as_str).unwrap_or_default();
        match status {
            401 if is_outside(code) => Some(Error::Forbidden(format!(
                "the token is not authorised for this Workspace ({code})"
            ))),
            _ if code == "APP_002" => Some(Error::RateLimited(Duration::ZERO)),
            _ => None,
        }
    }

    /// A task that left its page while the pages were read is in none of them, and yet alive.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let gone = gone_of(ids, AT_ONCE, |id| async move {
            match standing(client, &id).await {
                Err(Error::Forbidden(_)) => Ok(true),
                task => task.map(|task| task.archived),
            }
        });
        gone.await
    }
}

/// Whether a code of an answer 401 speaks of a Workspace or a task, and not of the token.
fn is_outside(code: &str) -> bool {
    let number = code.strip_prefix("OAUTH_").and_then(|number| number.parse().ok());
    matches!(number, Some(23 | 27 | 29..=45)) || code.starts_with("ITEM")
}
