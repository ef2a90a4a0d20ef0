//! Trello: the cards of a member's boards, archived ones, too. One feed a board: a listing by age, then the cards that the
//! board's actions name.
//!
//! Facts: Atlassian developer documentation for Trello, "Authorization", "Rate limits", "Webhooks"; "The Trello REST API".

mod calls;
mod card;
mod listing;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Action, MOST, boards, card, custom_fields, list_actions, me},
    card::Card,
    listing::listing,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Changed cards that one page fetches, and how many side by side.
const CARDS: usize = 100;
const AT_ONCE: usize = 4;
/// How long a spent limit of a token or key lasts, and one of what is asked about the member.
const PAUSE: Duration = Duration::from_secs(10);
const MEMBER_PAUSE: Duration = Duration::from_mins(15);

/// The client of Trello.
pub struct Trello;

/// Where a board stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The newest action when the last listing or the last pass began; a time where there was none.
    since: String,
    #[serde(flatten)]
    phase: Phase,
}

/// What is being read.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Phase {
    /// All cards, from the newest to the oldest; `before`: the oldest so far.
    Listing { before: Option<String> },
    /// The actions since then, from the newest to the oldest.
    Actions { before: Option<String>, pass: Pass },
    /// The cards that they named.
    Cards { pass: Pass },
    /// Nothing: the next pass begins.
    #[default]
    Done,
}

/// What a pass over the actions has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pass {
    newest: Option<String>,
    cards: BTreeSet<String>,
    /// A list, a label or the board was renamed, which cards show: all are read again.
    renamed: bool,
}

impl Provider for Trello {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me = me(client).await?;
        let label = me.full_name.filter(|name| !name.is_empty()).or(me.username.clone());
        Ok(Account::new(&me.id, label.unwrap_or(me.id.clone())).or_known_as(me.username))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let wanted = client.settings("board_ids");
        let all = boards(client).await?;
        let wanted = all.iter().filter(|of| wanted.is_empty() || of.is_one_of(&wanted));
        let feeds: Vec<Feed> = wanted.map(|of| Feed::new(&of.id, &of.name)).collect();
        if feeds.is_empty() && !all.is_empty() {
            return Err(Error::invalid("board_ids", "names no board of this member"));
        }
        Ok(feeds)
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let Cursor { since, phase } = match cursor {
            Some(cursor) => cursor,
            None => {
                Cursor { since: now(client, feed).await?, phase: Phase::Listing { before: None } }
            }
        };
        match phase {
            Phase::Listing { before } => listing(client, feed, since, before).await,
            Phase::Done => actions(client, feed, since, None, Pass::default()).await,
            Phase::Actions { before, pass } => actions(client, feed, since, before, pass).await,
            Phase::Cards { pass } => changed(client, feed, since, pass).await,
        }
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        match (status, body.get("error")?.as_str()?) {
            (429, "RATE_LIMIT_EXCEEDED") => Some(Error::RateLimited(MEMBER_PAUSE)),
            (429, _) => Some(Error::RateLimited(PAUSE)),
            (403, "API_TOO_MANY_CARDS_REQUESTED") => {
                Some(Error::unexpected("limit", "Trello finds that too many cards were asked for"))
            }
            _ => None,
        }
    }
}

/// A page of actions: which cards are to be asked for.
async fn actions(
    client: &Client,
    feed: &Feed,
    since: String,
    before: Option<String>,
    mut pass: Pass,
) -> Result<Page<Cursor>> {
    let found = list_actions(client, feed, MOST, Some(since.clone()), before).await?;
    let skipped = found.skipped;
    let full = found.len() + skipped as usize >= MOST as usize;
    let oldest = found.iter().map(|action| &action.id).min().cloned();
    pass.newest = pass.newest.or_else(|| found.iter().map(|action| &action.id).max().cloned());
    pass.renamed |= found.iter().any(Action::renames);
    pass.cards.extend(found.into_iter().filter_map(Action::card));
    let next = match (full, oldest) {
        (true, Some(oldest)) => {
            Next::More(Cursor { since, phase: Phase::Actions { before: Some(oldest), pass } })
        }
        (true, None) => return Err(Error::unexpected("actions", "none of a page can be read")),
        _ => after(since, pass),
    };
    Ok(Page::new(Vec::<Record>::new(), next).skipping(skipped))
}

/// Fetches cards that the actions named. One that has moved is the other board's.
async fn changed(
    client: &Client,
    feed: &Feed,
    since: String,
    mut pass: Pass,
) -> Result<Page<Cursor>> {
    let ids: Vec<String> = std::iter::from_fn(|| pass.cards.pop_first()).take(CARDS).collect();
    let found = each(ids.clone(), AT_ONCE, |id| async move {
        match card(client, &id).await {
            Err(Error::NotFound) => Ok(None),
            found => found.map(Some),
        }
    });
    let here: Vec<Card> =
        found.await?.into_iter().flatten().filter(|card| card.is_on(&feed.id)).collect();
    let gone: Vec<String> =
        ids.into_iter().filter(|id| here.iter().all(|card| card.id != *id)).collect();
    let records = records(client, feed, here).await?;
    Ok(Page::new(records, after(since, pass)).removing(gone))
}

/// How a pass goes on once its actions are read.
fn after(since: String, pass: Pass) -> Next<Cursor> {
    if !pass.cards.is_empty() {
        return Next::More(Cursor { since, phase: Phase::Cards { pass } });
    }
    let since = pass.newest.unwrap_or(since);
    if pass.renamed {
        return Next::More(Cursor { since, phase: Phase::Listing { before: None } });
    }
    Next::Resume(Cursor { since, phase: Phase::Done })
}

/// The newest action, taken before a board is listed, so that nothing which changes meanwhile is missed.
async fn now(client: &Client, feed: &Feed) -> Result<String> {
    let found = list_actions(client, feed, 1, None, None).await?;
    let newest = found.into_iter().next().map(|action| action.id);
    Ok(newest.unwrap_or_else(|| client.now().to_string()))
}

async fn records(client: &Client, feed: &Feed, cards: Vec<Card>) -> Result<Vec<Record>> {
    let boards = boards(client).await?;
    let board = boards.iter().find(|board| board.id == feed.id).ok_or(Error::NotFound)?;
    let fields = custom_fields(client, &feed.id).await?;
    Ok(cards.into_iter().map(|card| card.into_record(board, &fields)).collect())
}
