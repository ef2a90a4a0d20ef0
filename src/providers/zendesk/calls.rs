//! What is asked of Zendesk, and the envelopes of its answers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{
    Cursor, TICKETS,
    ticket::{Comment, Named, Ticket, User},
};
use crate::{
    error::{Error, Result},
    http::{Call, Client, whole_list},
    record::Person,
    wire::Many,
};

/// Most comments and fields that a page gives.
const LIST: u32 = 100;
/// Pages of a list that is read in one go; a ticket has at most 5,000 comments.
const PAGES: usize = 60;
/// There was no Zendesk before: where a listing begins, in seconds since 1970.
const BEGINNING: i64 = 1_167_609_600;
/// The export refuses a beginning that is not a minute old, and goes by Zendesk's clock.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

/// Whose credentials these are.
pub async fn me(client: &Client) -> Result<Own> {
    match call(client, "users/me")?.json::<Me>().await {
        Err(Error::NotFound) => {
            Err(Error::invalid("subdomain", "Zendesk has no account of this name"))
        }
        me => Ok(me?.user),
    }
}

/// A call with the account's token, or with an API token.
fn call(client: &Client, path: &str) -> Result<Call> {
    let call = client.get(format!("https://{}.zendesk.com/api/v2/{path}", subdomain(client)?));
    Ok(match (client.secret("username"), client.secret("api_token")) {
        (Some(name), Some(token)) => {
            let name = format!("{}/token", name.expose_secret()).into();
            call.basic(&name, &token)
        }
        _ => call,
    })
}

/// The account's place.
pub fn subdomain(client: &Client) -> Result<&str> {
    client.setting("subdomain").ok_or_else(|| Error::invalid("subdomain", "is missing"))
}

/// The next page of the export.
pub async fn export(client: &Client, at: &Cursor) -> Result<Export> {
    let latest = client.now().checked_sub(SLACK).map_or(BEGINNING, Timestamp::as_second);
    let start = (at.changed - SLACK.as_secs()).clamp(BEGINNING, latest.max(BEGINNING));
    let query = [
        ("start_time", at.after.is_none().then(|| start.to_string())),
        ("cursor", at.after.clone()),
        ("per_page", Some(client.page_size(TICKETS).to_string())),
        ("include", Some("users".into())),
    ];
    let call = call(client, "incremental/tickets/cursor")?.query(&query);
    let found: Export = match call.json().await {
        Err(Error::NotFound) => {
            return Err(Error::Reconnect("the Zendesk account is closed or suspended".into()));
        }
        found => found?,
    };
    if !found.end_of_stream && (found.after_cursor.is_none() || found.after_cursor == at.after) {
        return Err(Error::unexpected("after_cursor", "the export does not go on"));
    }
    Ok(found)
}

/// A ticket's comments, oldest first, and the people in them; nothing where the ticket is gone.
pub async fn comments(client: &Client, ticket: u64) -> Result<Option<(Vec<Comment>, People)>> {
    let pages = whole_list(PAGES, "meta", |after: Option<String>| async move {
        let call = call(client, &format!("tickets/{ticket}/comments"))?.query(&list(after));
        let found: Comments = call.query(&[("include", "users")]).json().await?;
        Ok(((found.comments, people(found.users)), found.meta.and_then(Meta::after)))
    });
    let pages = match pages.await {
        Err(Error::NotFound) => return Ok(None),
        pages => pages?,
    };
    let (comments, users): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
    Ok(Some((comments.into_iter().flatten().collect(), users.into_iter().flatten().collect())))
}

/// The titles of the account's fields.
pub async fn titles(client: &Client) -> Result<BTreeMap<u64, String>> {
    let all = whole_list(PAGES, "meta", |after: Option<String>| async move {
        let found: Fields = call(client, "ticket_fields")?.query(&list(after)).json().await?;
        Ok((found.ticket_fields, found.meta.and_then(Meta::after)))
    });
    let named = all.await?.into_iter().flatten();
    Ok(named.filter_map(|field| Some((field.id, field.title?))).collect())
}

fn list(after: Option<String>) -> [(&'static str, Option<String>); 2] {
    [("page[size]", Some(LIST.to_string())), ("page[after]", after)]
}

/// People by id.
pub type People = BTreeMap<u64, Person>;

/// Those of a list.
pub fn people(users: Many<User>) -> People {
    users.into_iter().map(|user| (user.id, user.into())).collect()
}

#[derive(Deserialize)]
struct Me {
    user: Own,
}

/// Somebody, as they see themselves; the anonymous user has no id.
#[derive(Deserialize)]
pub struct Own {
    pub id: Option<u64>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub role: Option<String>,
}

/// A page of the export.
#[derive(Deserialize)]
pub struct Export {
    #[serde(default)]
    pub tickets: Many<Ticket>,
    #[serde(default)]
    pub users: Many<User>,
    pub after_cursor: Option<String>,
    pub end_of_stream: bool,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the vendor names them so")]
struct Comments {
    #[serde(default)]
    comments: Many<Comment>,
    #[serde(default)]
    users: Many<User>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    ticket_fields: Many<Named>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    has_more: bool,
    after_cursor: Option<String>,
}

impl Meta {
    fn after(self) -> Option<String> {
        self.after_cursor.filter(|_| self.has_more)
    }
}
