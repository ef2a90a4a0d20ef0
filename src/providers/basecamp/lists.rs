//! Reading Basecamp's lists, one answer at a time.
//!
//! Facts: Basecamp API documentation (bc3-api), "To-do lists", "To-do list groups", "To-dos", "Messages", "Recordings".

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{
    AT_ONCE, List, Step, What,
    calls::{base, get, next_link, recording},
    recording::{Message, Recording, Todo},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::Gone,
    record::Record,
    wire::Many,
};

/// What a list brought.
#[derive(Default)]
pub struct Found {
    pub records: Vec<Record>,
    pub gone: Vec<Gone>,
    pub skipped: u32,
    /// How the list goes on, and the lists in it.
    pub then: Option<Step>,
    pub within: Vec<Step>,
    /// The latest change among what came without a record.
    pub newest: Option<Timestamp>,
}

/// Reads one answer of a list.
pub async fn read(client: &Client, since: Option<Timestamp>, step: Step) -> Result<Found> {
    let (List::Changed(what) | List::Trashed(what)) = step.list else {
        return match step.list {
            List::Todos => listed::<Todo>(client, step).await,
            List::Messages => listed::<Message>(client, step).await,
            _ => lists(client, step).await,
        };
    };
    let mut found = Found::default();
    let recordings: Many<Recording> = fetch(client, &step, &mut found).await?;
    let is_past =
        |of: &Recording| matches!((of.updated_at, since), (Some(at), Some(since)) if at < since);
    if recordings.last().is_some_and(is_past) {
        found.then = None;
    }
    let due: Vec<Recording> = recordings.into_iter().filter(|of| !is_past(of)).collect();
    found.newest = due.iter().filter_map(|of| of.updated_at).max();
    if let List::Trashed(_) = step.list {
        found.gone = due.iter().map(|of| of.gone(what == What::Todolist)).collect();
        return Ok(found);
    }
    let base = &base(client)?;
    let details = each(due, AT_ONCE, |of| async move {
        let detail = match what {
            What::Message => {
                recording::<Message>(client, base, "messages", of.id).await.map(Record::from)
            }
            _ => recording::<Todo>(client, base, "todos", of.id).await.map(Record::from),
        };
        match detail {
            Err(Error::NotFound | Error::Forbidden(_)) => Ok(None), // gone since: the trash will tell
            record => record.map(Some),
        }
    });
    found.records = details.await?.into_iter().flatten().collect();
    Ok(found)
}

/// The to-dos or messages of a list.
async fn listed<T: DeserializeOwned + Into<Record>>(client: &Client, step: Step) -> Result<Found> {
    let mut found = Found::default();
    let items: Many<T> = fetch(client, &step, &mut found).await?;
    found.records = items.into_iter().map(Into::into).collect();
    Ok(found)
}

/// To-do lists, each with its groups, which are lists of their own.
async fn lists(client: &Client, step: Step) -> Result<Found> {
    let base = base(client)?;
    let mut found = Found::default();
    let lists: Many<Recording> = fetch(client, &step, &mut found).await?;
    for list in lists {
        let path = format!("{base}/todolists/{}", list.id);
        let mut push = |list, path: String| found.within.push(Step { list, url: path });
        // What is done and what is archived is left out unless it is asked for.
        let ways: &[&str] = if list.is_archived() {
            &["?status=archived"]
        } else {
            &["", "?completed=true", "?status=archived"]
        };
        for way in ways {
            push(List::Todos, format!("{path}/todos.json{way}"));
        }
        if step.list == List::Lists {
            push(List::Groups, format!("{path}/groups.json"));
            push(List::Groups, format!("{path}/groups.json?status=archived"));
        }
    }
    Ok(found)
}

/// An answer's items; a list that is no longer there is one that was left out.
async fn fetch<T: DeserializeOwned>(
    client: &Client,
    step: &Step,
    found: &mut Found,
) -> Result<Many<T>> {
    let answer = match get(client, step.url.clone()).answer().await {
        Err(Error::NotFound | Error::Forbidden(_)) => return Ok(Many::default()),
        answer => answer?,
    };
    found.then = next_link(&answer.headers).map(|url| Step { url, ..step.clone() });
    let items: Many<T> = answer.json()?;
    found.skipped = items.skipped;
    Ok(items)
}
