//! What Linear is asked, how it answers, and what its errors mean.
//!
//! Facts: Linear developer documentation, "Getting started" (GraphQL), "Pagination", "Filtering"; its GraphQL schema.

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    AT_ONCE,
    issue::{self, Connection, Issue, Label},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each, whole_list},
    provider::Since,
    wire::graphql::{Dialect, Found, Problem},
};

const API: &str = "https://api.linear.app/graphql";
/// Linear's words.
pub const LINEAR: Dialect = Dialect(meaning);
/// Most issues that a page gives. With what is asked of each that makes 8,600 of the 10,000 points that a query may have:
/// 0.1 a field, 1 an object, times the sizes of the lists that they are in.
pub const ISSUES: u32 = 250;
/// Issues on the first page of a pass that asks for changes: a small answer is likely, and Linear counts what might come.
pub const CHANGES: u32 = 50;
/// How far Linear's clocks and ours may differ, beyond what [`Since`] allows for.
const SLACK: SignedDuration = SignedDuration::from_mins(4);
/// Answers of one list that is read in one go.
const ANSWERS: usize = 200;

const VIEWER: &str = "query Viewer { viewer { id name email } organization { name } }";
const LIST: &str = concat!(
    "query Issues($first: Int!, $after: String, $filter: IssueFilter, $order: PaginationOrderBy) { \
     issues(first: $first, after: $after, filter: $filter, orderBy: $order, includeArchived: true) { \
     nodes { ",
    issue::fields!(),
    " } pageInfo { hasNextPage endCursor } } }"
);
const ALIVE: &str = "query Alive($first: Int!, $after: String, $filter: IssueFilter) { \
     issues(first: $first, after: $after, filter: $filter, includeArchived: true) { \
     nodes { id trashed } pageInfo { hasNextPage endCursor } } }";
const LABELS: &str = "query Labels($issue: String!) { \
     issue(id: $issue) { labels(first: 250, includeArchived: true) { nodes { name } } } }";

#[derive(Deserialize)]
struct Who {
    viewer: Option<Me>,
    organization: Option<Workspace>,
}

#[derive(Deserialize)]
pub struct Me {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub email: Option<String>,
}

#[derive(Deserialize)]
pub struct Workspace {
    #[serde(default)]
    pub name: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Issues<T> {
    issues: Option<Connection<T>>,
}

#[derive(Deserialize)]
struct Known {
    id: String,
    trashed: Option<bool>,
}

#[derive(Deserialize)]
struct One {
    issue: Option<Labelled>,
}

#[derive(Deserialize)]
struct Labelled {
    labels: Connection<Label>,
}

fn call(client: &Client) -> Call {
    let call = client.post(API);
    match api_key(|name| client.secret(name)) {
        Some(key) => call.header("authorization", key.expose_secret()),
        None => call,
    }
}

/// A personal API key goes as it is, without `Bearer`; also one that was given as the access token.
pub fn api_key(secret: impl Fn(&str) -> Option<SecretString>) -> Option<SecretString> {
    let token = || secret("access_token").filter(|it| it.expose_secret().starts_with("lin_api_"));
    secret("api_key").or_else(token)
}

/// What Linear's errors mean.
fn meaning(problem: &Problem) -> Option<Error> {
    Some(match (problem.code.as_str(), problem.kind.as_str()) {
        // The pause stands in the headers of the limit that is spent.
        ("RATELIMITED", _) | (_, "ratelimited") => Error::RateLimited(Duration::ZERO),
        ("AUTHENTICATION_ERROR", _) | (_, "authentication error") => {
            Error::Reconnect("Linear no longer takes the credentials".into())
        }
        ("FORBIDDEN", _) | (_, "forbidden") => Error::Forbidden(
            "Linear does not let this token read issues; it needs the scope read".into(),
        ),
        (_, "feature not accessible") => {
            Error::Forbidden("the workspace's plan of Linear does not include this".into())
        }
        ("INTERNAL_SERVER_ERROR", _) | (_, "internal error" | "lock timeout") => {
            Error::Unavailable("answered an error of its own".into())
        }
        // What the query names is not there, or is no name.
        ("INPUT_ERROR", _) | (_, "invalid input") => Error::NotFound,
        _ => return None,
    })
}

/// Whose token it is, and of which workspace.
pub async fn who(client: &Client) -> Result<(Me, Workspace)> {
    let part = |data: Who| data.viewer.zip(data.organization);
    Ok(LINEAR.ask(call(client), VIEWER, &json!({}), part).await?.part)
}

/// The next page of issues, of at most `size`.
pub async fn list(
    client: &Client,
    pass: &Since,
    size: &mut u32,
) -> Result<Found<Connection<Issue>>> {
    let (filter, order) = match (pass.since, client.since()) {
        (Some(since), _) => {
            let since = json!({"gte": since.checked_sub(SLACK).unwrap_or(since)});
            (json!({"or": [{"updatedAt": since}, {"archivedAt": since}]}), "updatedAt")
        }
        (None, Some(since)) => (json!({"createdAt": {"gte": since}}), "createdAt"),
        (None, None) => (Value::Null, "createdAt"),
    };
    let question = |first: u32| {
        let after = pass.page.as_deref();
        let variables = json!({"first": first, "after": after, "filter": filter, "order": order});
        (call(client), variables)
    };
    match LINEAR.ask_page(size, LIST, question, |data: Issues<Issue>| data.issues).await {
        // The issue that the last page ended with has left the trash for good.
        Err(Error::NotFound) if pass.page.is_some() => Err(Error::CursorExpired),
        Err(Error::NotFound) => Err(Error::unexpected("errors", "Linear refused the query")),
        answer => answer,
    }
}

/// Those of these issues that are there and not in the trash.
pub async fn alive(client: &Client, ids: &[String]) -> Result<Vec<String>> {
    let pages = whole_list(ANSWERS, "pageInfo", |after: Option<String>| async move {
        let filter = json!({"id": {"in": ids}});
        let variables = json!({"first": ISSUES, "after": after, "filter": filter});
        let part = |data: Issues<Known>| data.issues;
        let Found { part: known, lost } = LINEAR.ask(call(client), ALIVE, &variables, part).await?;
        if lost > 0 || known.nodes.skipped > 0 {
            return Err(Error::unexpected("issues.nodes", "an answer with parts left out"));
        }
        let after = known.after();
        Ok((known.nodes, after))
    });
    let known = pages.await?.into_iter().flatten();
    let alive = known.filter(|issue| !issue.trashed.unwrap_or_default());
    Ok(alive.map(|issue| issue.id).collect())
}

/// Asks for the labels of the issues that have more than a page of issues gives.
pub async fn all_labels(client: &Client, issues: &mut [Issue]) -> Result<()> {
    let incomplete = issues.iter().filter(|issue| issue.lacks_labels());
    let ids: Vec<String> = incomplete.map(|issue| issue.id.clone()).collect();
    let labels = each(ids, AT_ONCE, |id| async move {
        let part = |data: One| data.issue.map(|issue| issue.labels);
        match LINEAR.ask(call(client), LABELS, &json!({"issue": id}), part).await {
            Err(Error::NotFound) => Ok(None),
            found => found.map(|found| Some(found.part)),
        }
    });
    let mut labels = labels.await?.into_iter();
    for issue in issues.iter_mut().filter(|issue| issue.lacks_labels()) {
        if let Some(all) = labels.next().flatten() {
            issue.labels = all;
        }
    }
    Ok(())
}
