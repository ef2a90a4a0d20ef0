//! What monday.com is asked, how it answers, and what its errors mean.
//!
//! Facts: monday.com API reference: boards, items page, items; "Error handling", "Working with multi-level boards".

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::item::{self, Item};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each_batch, whole_list},
    wire::{
        Many,
        graphql::{Dialect, Found, Problem},
    },
};

/// monday.com's words.
pub const MONDAY: Dialect = Dialect(meaning);

const API: &str = "https://api.monday.com/v2";
/// Quarterly versions; without one the default moves. From 2026-04 on boards with several levels of subitems are listed
/// like others.
const VERSION: &str = "2026-10";
/// Most items that a page gives.
const ITEMS: u32 = 500;
/// Most boards that a page gives.
const BOARDS: u32 = 100;
/// Pages of boards.
const PAGES: usize = 500;
/// Items that one lookup takes.
pub const LOOKUP: usize = 100;
/// Calls at once.
pub const AT_ONCE: usize = 4;
/// When to come back at the earliest once the day's calls are used up; a `Retry-After` may say later.
const DAY_SPENT: Duration = Duration::from_hours(1);

const ME_QUERY: &str = "query Me { me { id name email account { id name } } }";
const BOARDS_QUERY: &str = "query Boards($limit: Int!, $page: Int!) { \
     boards(limit: $limit, page: $page, state: active, order_by: created_at) { id name type } }";
/// The first item of a board of subitems may be one without a parent, which no person sees.
const PARENTS_QUERY: &str = "query Parents($boards: [ID!], $limit: Int!) { \
     boards(ids: $boards, limit: $limit) { id items_page(limit: 3) { items { parent_item { board { id } } } } } }";
const FIRST_QUERY: &str = concat!(
    "query First($boards: [ID!], $limit: Int!) { boards(ids: $boards, limit: 1) { \
     items_page(limit: $limit, hierarchy_scope_config: \"allItems\") { cursor items { ",
    item::fields!(),
    " } } } }"
);
const NEXT_QUERY: &str = concat!(
    "query Next($cursor: String!, $limit: Int!) { next_items_page(cursor: $cursor, limit: $limit) { cursor items { ",
    item::fields!(),
    " } } }"
);
const ITEMS_QUERY: &str = concat!(
    "query Items($items: [ID!]) { items(ids: $items, limit: 100, exclude_nonactive: false) { ",
    item::fields!(),
    " } }"
);

/// A call with the account's token.
pub fn call(client: &Client) -> Call {
    client.post(API).header("api-version", VERSION)
}

/// What monday.com's errors mean.
fn meaning(problem: &Problem) -> Option<Error> {
    Some(match problem.code.as_str() {
        "COMPLEXITY_BUDGET_EXHAUSTED"
        | "ComplexityException"
        | "RATE_LIMIT_EXCEEDED"
        | "IP_RATE_LIMIT_EXCEEDED"
        | "maxConcurrencyExceeded"
        | "CONCURRENCY_LIMIT_EXCEEDED" => Error::RateLimited(problem.pause),
        "DAILY_LIMIT_EXCEEDED" => Error::RateLimited(problem.pause.max(DAY_SPENT)),
        "CursorException" | "CursorExpiredError" => Error::CursorExpired,
        "UserUnauthorizedException"
        | "USER_ACCESS_DENIED"
        | "USER_UNAUTHORIZED"
        | "UNAUTHORIZED_FIELD_OR_TYPE" => Error::Forbidden(
            "monday.com does not let this token read it; its owner needs access to the board"
                .into(),
        ),
        "missingRequiredPermissions" => {
            Error::Forbidden("the token lacks the scopes boards:read and me:read".into())
        }
        "ResourceNotFoundException" | "InvalidBoardIdException" => Error::NotFound,
        "INTERNAL_SERVER_ERROR" | "API_TEMPORARILY_BLOCKED" => {
            Error::Unavailable("answered an error of its own".into())
        }
        _ if problem.message.contains("cursorexpirederror") => Error::CursorExpired,
        _ if problem.message == "not authenticated" => {
            Error::Reconnect("monday.com no longer takes the token".into())
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Me {
    me: Option<User>,
}

/// Whose token it is.
#[derive(Deserialize)]
pub struct User {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub email: Option<String>,
    pub account: Option<Company>,
}

#[derive(Deserialize)]
pub struct Company {
    #[serde(default)]
    pub name: String,
}

/// Whose token it is.
pub async fn me(client: &Client) -> Result<User> {
    let found = MONDAY.ask(call(client), ME_QUERY, &json!({}), |data: Me| data.me).await?;
    Ok(found.part)
}

/// The boards of an account.
pub struct Boards {
    /// Those that people see: id to name.
    pub shown: BTreeMap<String, String>,
    /// Those that hold the subitems of others: id to the id of the other.
    pub subitems: BTreeMap<String, String>,
}

impl Boards {
    /// A board and the one that holds its subitems.
    pub fn parts(&self, board: &str) -> Vec<String> {
        let hidden = self.subitems.iter().filter(|(_, parent)| *parent == board);
        hidden.map(|(id, _)| id.clone()).chain([board.to_owned()]).collect()
    }
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct Data<T> {
    pub(super) boards: Option<Many<Option<T>>>,
}

#[derive(Deserialize)]
struct Board {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The account's boards, looked up once a run. A list that lacks a part is an error: what is not on it counts as gone.
pub async fn boards(client: &Client) -> Result<Arc<Boards>> {
    let ask = || async {
        let mut pages = list_boards(client).await?;
        // Pages are counted, so that a board that is deleted meanwhile hides another: two looks do not miss the same one.
        if pages.len() > 1 {
            pages.extend(list_boards(client).await?);
        }
        let found = pages.into_iter().flatten().flatten();
        let found: BTreeMap<String, Board> = found.map(|board| (board.id.clone(), board)).collect();
        let (mut shown, mut hidden) = (BTreeMap::new(), Vec::new());
        for board in found.into_values() {
            match board.kind.as_deref() {
                None | Some("board") => drop(shown.insert(board.id, board.name)),
                Some("sub_items_board") => hidden.push(board.id),
                Some(_) => {} // documents, dashboards
            }
        }
        let subitems = parents(client, hidden).await?;
        Ok(Boards { shown, subitems })
    };
    client.once("boards", ask).await
}

async fn list_boards(client: &Client) -> Result<Vec<Many<Option<Board>>>> {
    let pages = whole_list(PAGES, "boards", |page| async move {
        let page = page.unwrap_or(1_u32);
        let variables = json!({"limit": BOARDS, "page": page});
        let part = |data: Data<Board>| data.boards;
        let Found { part: boards, lost } =
            MONDAY.ask(call(client), BOARDS_QUERY, &variables, part).await?;
        if lost > 0 || boards.skipped > 0 {
            return Err(Error::unexpected("boards", "a list with parts left out"));
        }
        let next = (boards.len() >= BOARDS as usize).then_some(page + 1);
        Ok((boards, next))
    });
    pages.await
}

#[derive(Deserialize)]
struct Hidden {
    id: String,
    items_page: Option<Children>,
}

#[derive(Deserialize)]
struct Children {
    #[serde(default)]
    items: Many<Child>,
}

#[derive(Deserialize)]
struct Child {
    parent_item: Option<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    board: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Whose subitems the hidden boards hold; an empty one holds nobody's yet.
async fn parents(client: &Client, hidden: Vec<String>) -> Result<BTreeMap<String, String>> {
    let boards = each_batch(hidden, BOARDS as usize, AT_ONCE, |ids| async move {
        let variables = json!({"boards": ids, "limit": ids.len()});
        let part = |data: Data<Hidden>| data.boards;
        let found = MONDAY.ask(call(client), PARENTS_QUERY, &variables, part).await?;
        Ok(found.part.into_iter().flatten().collect())
    });
    let parent = |board: Hidden| {
        let mut items = board.items_page?.items.into_iter();
        let parent = items.find_map(|item| item.parent_item?.board)?;
        Some((board.id, parent.id))
    };
    Ok(boards.await?.into_iter().filter_map(parent).collect())
}

#[derive(Deserialize)]
struct First {
    items_page: Option<ItemsPage>,
}

#[derive(Deserialize)]
struct NextPage {
    next_items_page: Option<ItemsPage>,
}

#[derive(Deserialize)]
struct ItemsPage {
    cursor: Option<String>,
    #[serde(default)]
    items: Many<Item>,
}

/// A page of a board's active items, and monday.com's name of the next one, which it forgets an hour after the first. `limit`
/// is the page size that it took before, and takes note of a smaller one.
///
/// # Errors
/// `NotFound` where the board is gone, `CursorExpired` where the page is forgotten.
pub async fn items_page(
    client: &Client,
    board: &str,
    page: Option<String>,
    limit: &mut Option<u32>,
) -> Result<(Found<Many<Item>>, Option<String>)> {
    let most = client.page_size(ITEMS);
    let mut size = limit.map_or(most, |limit| limit.min(most));
    let asked = size;
    let found = if let Some(page) = page {
        let question = |limit| (call(client), json!({"cursor": page, "limit": limit}));
        let part = |data: NextPage| data.next_items_page.map(Some);
        MONDAY.ask_page(&mut size, NEXT_QUERY, question, part).await?
    } else {
        let question = |limit| (call(client), json!({"boards": [board], "limit": limit}));
        let part = |data: Data<First>| {
            Some(data.boards?.into_iter().flatten().next().and_then(|board| board.items_page))
        };
        MONDAY.ask_page(&mut size, FIRST_QUERY, question, part).await?
    };
    if size < asked {
        *limit = Some(size);
    }
    let ItemsPage { cursor, items } = found.part.ok_or(Error::NotFound)?;
    Ok((Found { part: items, lost: found.lost }, cursor))
}

#[derive(Deserialize)]
struct Items {
    items: Option<Many<Option<Item>>>,
}

/// Items as they are now, at most 100; what is gone for good is not among them.
pub async fn items(client: &Client, ids: &[String]) -> Result<Found<Many<Item>>> {
    let part = |data: Items| data.items;
    let found = MONDAY.ask(call(client), ITEMS_QUERY, &json!({"items": ids}), part).await?;
    let skipped = found.part.skipped;
    let items = found.part.into_iter().flatten().collect();
    Ok(Found { part: Many { items, skipped }, lost: found.lost })
}
