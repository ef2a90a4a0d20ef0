//! Reading Basecamp's lists, one answer at a time.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    AT_ONCE, List, PAGES, Step, USER_AGENT, What,
    recording::{Message, Recording, Todo},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each},
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
    let base = base(client)?;
    let details = each(due, AT_ONCE, |of| {
        let base = base.clone();
        async move {
            let id = of.id;
            let detail = match what {
                What::Message => get(client, format!("{base}/messages/{id}.json"))
                    .json::<Message>()
                    .await
                    .map(Record::from),
                _ => get(client, format!("{base}/todos/{id}.json"))
                    .json::<Todo>()
                    .await
                    .map(Record::from),
            };
            match detail {
                Err(Error::NotFound | Error::Forbidden(_)) => Ok(None), // gone since: the trash will tell
                record => record.map(Some),
            }
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

/// The projects of a list, read in one go.
pub async fn projects(client: &Client, url: &str) -> Result<Vec<Project>> {
    let (mut projects, mut url) = (Vec::new(), url.to_owned());
    for _ in 0..PAGES {
        let answer = match get(client, url).answer().await {
            Err(Error::NotFound) => {
                let why = "Basecamp no longer knows the account, or it is suspended";
                return Err(Error::Reconnect(why.into()));
            }
            answer => answer?,
        };
        let next = next_link(&answer.headers);
        let listed: Many<Project> = answer.json()?;
        // Of a list with a gap nobody could tell which projects are gone.
        if listed.skipped > 0 {
            return Err(Error::unexpected("projects", "a project that is none"));
        }
        projects.extend(listed);
        match next {
            Some(next) => url = next,
            None => return Ok(projects),
        }
    }
    Err(Error::unexpected("Link", "the list of projects does not end"))
}

/// A call that says whose app it comes from.
pub fn get(client: &Client, url: String) -> Call {
    client.get(url).header("user-agent", USER_AGENT)
}

/// The account's address.
pub fn base(client: &Client) -> Result<String> {
    let id = client.setting("account_id");
    let id = id.ok_or_else(|| Error::invalid("account_id", "is missing"))?;
    Ok(format!("https://3.basecampapi.com/{id}"))
}

/// The address behind `rel="next"` (RFC 8288).
pub fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains(r#"rel="next""#))?;
    let (_, rest) = next.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

/// A project and its tools.
#[derive(Deserialize)]
pub struct Project {
    pub id: u64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    dock: Many<Tool>,
}

/// A tool of a project: its to-dos, its message board.
#[derive(Deserialize)]
struct Tool {
    id: u64,
    name: String,
    #[serde(default)]
    enabled: bool,
}

impl Project {
    /// The lists to walk.
    pub fn steps(&self, base: &str) -> Vec<Step> {
        let steps = |tool: &Tool| match tool.name.as_str() {
            "todoset" => {
                let url = format!("{base}/todosets/{}/todolists.json", tool.id);
                let archived = format!("{url}?status=archived");
                [url, archived].map(|url| Step { list: List::Lists, url }).to_vec()
            }
            "message_board" => {
                let url = format!("{base}/message_boards/{}/messages.json", tool.id);
                vec![Step { list: List::Messages, url }]
            }
            _ => Vec::new(),
        };
        self.dock.iter().filter(|tool| tool.enabled).flat_map(steps).collect()
    }
}
