//! Zendesk: the tickets of an account, with their comments. The incremental export tells of every change and of deletions;
//! where its last page ended is the place to go on from. Comments take a call for each ticket that changed.
//!
//! Zendesk developer documentation: "Incremental exports", "Ticket comments", "Ticket fields", "Refresh tokens", "Rate
//! limits".

#[cfg(test)]
mod tests;
mod ticket;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::ticket::{Comment, Named, Ticket, User};
use crate::{
    error::{Error, Result},
    http::{Call, Client, each},
    provider::{
        Account, Covers, Feed, Next, Page, Provider,
        spec::{ClientAuth, Field, OAuth2, Rate, Refresh, Revoke, Spec, Webhooks},
    },
    record::{Kind, Person, Record},
    wire::Many,
};

/// The catalog's entry.
pub static SPEC: Spec = Spec {
    rank: 38,
    id: "zendesk",
    name: "Zendesk",
    kinds: &[Kind::Task],
    capabilities: &["Tickets", "comments"],
    help: "By hand: an agent's e-mail address, the subdomain, and an API token from Admin Center > \
           Apps and integrations > APIs > API tokens. The export of tickets is for administrators \
           only.",
    oauth: Some(OAuth2 {
        app: "zendesk",
        authorization_url: "https://{subdomain}.zendesk.com/oauth/authorizations/new",
        token_url: "https://{subdomain}.zendesk.com/oauth/tokens",
        revoke_url: Some("https://{subdomain}.zendesk.com/api/v2/oauth/tokens/current"),
        revoke: Revoke::Bearer("DELETE"),
        userinfo_url: Some("https://{subdomain}.zendesk.com/api/v2/users/me"),
        scopes: &["read"],
        client_auth: ClientAuth::Json,
        authorize_params: &[("response_type", "code")],
        token_params: &[
            ("scope", "read"),
            ("expires_in", "86400"),
            ("refresh_token_expires_in", "5184000"),
        ],
        refresh: Refresh {
            rotates: true,
            access_token_seconds: Some(86_400),
            refresh_token_seconds: Some(5_184_000),
            // Lives that are not asked for are short.
            repeats_token_params: true,
            ..Refresh::BASE
        },
        ..OAuth2::BASE
    }),
    fields: &[
        Field {
            help: "From the OAuth flow, with the refresh token. Or give username and api_token.",
            required: false,
            ..Field::ACCESS_TOKEN
        },
        Field::REFRESH_TOKEN,
        Field {
            name: "username",
            label: "E-mail address",
            help: "The agent's e-mail address, with an API token.",
            secret: true,
            ..Field::BASE
        },
        Field {
            name: "api_token",
            label: "API token",
            help: "Admin Center > Apps and integrations > APIs > API tokens.",
            secret: true,
            ..Field::BASE
        },
        Field {
            name: "subdomain",
            label: "Subdomain",
            help: "The first part of the address that one works at, acme of \
                   https://acme.zendesk.com; also under Admin Center > Account > Appearance > \
                   Branding.",
            required: true,
            pattern: "[a-z0-9-]+",
            example: "acme",
            bears_host: true,
            ..Field::BASE
        },
    ],
    ways: &[&["access_token", "subdomain"], &["username", "api_token", "subdomain"]],
    hosts: &["{subdomain}.zendesk.com"],
    // 200 a minute on the smallest plan, of which 10 may be exports; a refusal names the wait.
    rate: Rate::per_second(2),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};

/// Tickets of a page, of at most 1,000 that the export gives: each is followed by a call for its comments, of which an
/// account may make a few a second, and a page is stored once it is whole.
const TICKETS: u32 = 100;
/// Most comments and fields that a page gives.
const LIST: u32 = 100;
/// Pages of a list that is read in one go; a ticket has at most 5,000 comments.
const PAGES: usize = 60;
/// Calls at once.
const AT_ONCE: usize = 4;
/// There was no Zendesk before: where a listing begins, in seconds since 1970.
const BEGINNING: i64 = 1_167_609_600;
/// The export refuses a beginning that is not a minute old, and goes by Zendesk's clock.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

/// The client of Zendesk.
pub struct Zendesk;

/// Where the export stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The export's own cursor.
    after: Option<String>,
    /// When the latest change that was read took place, in seconds since 1970: where to begin when Zendesk no longer takes
    /// its cursor.
    changed: i64,
    /// This pass lists what changed since then, and not everything.
    bounded: Option<Timestamp>,
}

impl Provider for Zendesk {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let subdomain = subdomain(client)?;
        let Me { user } = match call(client, "users/me")?.json().await {
            Err(Error::NotFound) => {
                return Err(Error::invalid("subdomain", "Zendesk has no account of this name"));
            }
            me => me?,
        };
        // Whom it does not know it calls the anonymous user.
        if user.id.is_none() {
            return Err(Error::Reconnect("Zendesk does not know these credentials".into()));
        }
        if user.role.as_deref() != Some("admin") {
            return Err(Error::Forbidden(ADMINS.into()));
        }
        let label = user.name.map_or(subdomain.into(), |name| format!("{name} at {subdomain}"));
        Ok(Account::new(subdomain, label).or_known_as(user.email))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let at = cursor.unwrap_or_else(|| Cursor {
            after: None,
            changed: client.since().map_or(0, Timestamp::as_second),
            bounded: client.since(),
        });
        let found = match export(client, &at).await {
            Err(Error::CursorExpired) if at.after.is_some() && at.changed > 0 => {
                export(client, &Cursor { after: None, ..at }).await?
            }
            found => found?,
        };
        let changed = found.tickets.iter().filter_map(|ticket| ticket.generated_timestamp).max();
        let next = Cursor {
            after: found.after_cursor.or(at.after),
            changed: at.changed.max(changed.unwrap_or_default()),
            bounded: at.bounded.filter(|_| !found.end_of_stream),
        };
        let skipped = found.tickets.skipped.saturating_add(found.users.skipped);
        let (gone, alive): (Vec<Ticket>, Vec<Ticket>) =
            found.tickets.into_iter().partition(Ticket::is_deleted);
        let titles = client.once("ticket_fields", || titles(client)).await?;
        let users = people(found.users);
        let (users, titles, host) = (&users, &*titles, subdomain(client)?);
        let records = each(alive, AT_ONCE, |ticket| async move {
            let Some((comments, mut known)) = comments(client, ticket.id).await? else {
                return Ok(None); // deleted since it was exported, which the export will tell
            };
            known.extend(users.iter().map(|(id, user)| (*id, user.clone())));
            Ok(Some(ticket.record(host, comments, &known, titles)))
        });
        let records: Vec<Record> = records.await?.into_iter().flatten().collect();
        let next = if found.end_of_stream { Next::Resume(next) } else { Next::More(next) };
        let gone = gone.into_iter().map(|ticket| ticket.id.to_string());
        let page = Page::new(records, next).removing(gone).skipping(skipped);
        // Whatever was created since then has been changed since.
        Ok(match at.bounded {
            Some(since) => page.covering(Covers::Between { from: Some(since), to: None }),
            None => page,
        })
    }

    fn fault(&self, status: u16, _: &Value) -> Option<Error> {
        Some(match status {
            400 => Error::CursorExpired, // nothing else that is given could be wrong
            401 => Error::Reconnect("Zendesk no longer takes the credentials".into()),
            403 => Error::Forbidden(ADMINS.into()),
            409 => Error::Unavailable("answered 409".into()), // somebody changes the same thing
            _ => return None,
        })
    }
}

/// Why a ticket export is refused.
const ADMINS: &str = "Zendesk exports tickets to administrators only, and with the scope read";

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

fn subdomain(client: &Client) -> Result<&str> {
    client.setting("subdomain").ok_or_else(|| Error::invalid("subdomain", "is missing"))
}

/// The next page of the export.
async fn export(client: &Client, at: &Cursor) -> Result<Export> {
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
async fn comments(client: &Client, ticket: u64) -> Result<Option<(Vec<Comment>, People)>> {
    let (mut all, mut users, mut after) = (Vec::new(), People::new(), None);
    for _ in 0..PAGES {
        let query = list(after);
        let call = call(client, &format!("tickets/{ticket}/comments"))?.query(&query);
        let found: Comments = match call.query(&[("include", "users")]).json().await {
            Err(Error::NotFound) => return Ok(None),
            found => found?,
        };
        all.extend(found.comments);
        users.extend(people(found.users));
        after = found.meta.and_then(Meta::after);
        if after.is_none() {
            return Ok(Some((all, users)));
        }
    }
    Err(Error::unexpected("meta", "the list of comments does not end"))
}

/// The titles of the account's fields.
async fn titles(client: &Client) -> Result<BTreeMap<u64, String>> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    for _ in 0..PAGES {
        let found: Fields = call(client, "ticket_fields")?.query(&list(after)).json().await?;
        let named = found.ticket_fields.into_iter();
        all.extend(named.filter_map(|field| Some((field.id, field.title?))));
        after = found.meta.and_then(Meta::after);
        if after.is_none() {
            return Ok(all);
        }
    }
    Err(Error::unexpected("meta", "the list of fields does not end"))
}

fn list(after: Option<String>) -> [(&'static str, Option<String>); 2] {
    [("page[size]", Some(LIST.to_string())), ("page[after]", after)]
}

/// People by id.
type People = BTreeMap<u64, Person>;

fn people(users: Many<User>) -> People {
    users.into_iter().map(|user| (user.id, user.into())).collect()
}

#[derive(Deserialize)]
struct Me {
    user: Own,
}

#[derive(Deserialize)]
struct Own {
    id: Option<u64>,
    name: Option<String>,
    email: Option<String>,
    role: Option<String>,
}

#[derive(Deserialize)]
struct Export {
    #[serde(default)]
    tickets: Many<Ticket>,
    #[serde(default)]
    users: Many<User>,
    after_cursor: Option<String>,
    end_of_stream: bool,
}

#[derive(Deserialize)]
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
