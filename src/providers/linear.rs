//! Linear: the issues of a workspace, by its GraphQL. A first listing goes by the date of creation, which does not change;
//! later passes ask for what was updated or archived since. Deleted issues lie in the trash for a month and come with it.
//!
//! Linear developer documentation: "Rate limiting", "OAuth 2.0 authentication", "Webhooks".

mod calls;
mod issue;
mod spec;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{CHANGES, ISSUES, LINEAR, alive, all_labels, list, who},
    issue::Issue,
};
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    provider::{Account, Feed, Next, Page, Provider, Since, spec::Spec},
    wire::graphql::Found,
};

/// Calls at once.
const AT_ONCE: usize = 4;

/// The client of Linear.
pub struct Linear;

/// Where a pass stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    pass: Since,
    /// The page size that Linear took, where the usual one was too complex.
    first: Option<u32>,
}

impl Provider for Linear {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let (me, workspace) = who(client).await?;
        let label = format!("{} in {}", me.name, workspace.name);
        Ok(Account::new(me.id, label).or_known_as(me.email))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let (last, usual) = cursor.map_or((None, None), |at| (Some(at.pass), at.first));
        let pass = Since::at(last, client.now());
        let first_change = pass.since.is_some() && pass.page.is_none();
        let most = client.page_size(if first_change { CHANGES } else { ISSUES });
        let mut size = usual.map_or(most, |usual| usual.min(most));
        let asked = size;
        let found = list(client, &pass, &mut size).await?;
        let usual = if size < asked { Some(size) } else { usual };
        let Found { part: issues, lost } = found;
        let (after, skipped) = (issues.after(), issues.nodes.skipped.saturating_add(lost));
        let (trashed, mut alive): (Vec<Issue>, Vec<Issue>) =
            issues.nodes.into_iter().partition(|issue| issue.trashed.unwrap_or_default());
        all_labels(client, &mut alive).await?;
        let next = match pass.then(after) {
            Next::More(pass) => Next::More(Cursor { pass, first: usual }),
            Next::Resume(pass) => Next::Resume(Cursor { pass, first: usual }),
            Next::Relist => Next::Relist,
        };
        let page = Page::new(alive, next).removing(trashed.into_iter().map(|issue| issue.id));
        Ok(page.skipping(skipped))
    }

    fn fault(&self, _: u16, body: &Value) -> Option<Error> {
        LINEAR.fault(body)
    }

    /// An issue that is updated while pages are read may not be on any: it is asked for by its id.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let gone = each_batch(ids, ISSUES as usize, AT_ONCE, |ids| async move {
            let alive = alive(client, &ids).await?;
            Ok(ids.into_iter().filter(|id| !alive.contains(id)).collect())
        });
        gone.await
    }
}
