//! Apple Calendar: the events of iCloud's calendars, or of any other CalDAV server. One feed a calendar; what changed is
//! told by a sync token, or found out by the members' tags, and then fetched in chunks.
//!
//! RFC 4791 (CalDAV), RFC 6578 (collection synchronization), RFC 6764 (locating services); Apple Support, "Sign in to apps
//! with your Apple Account using app-specific passwords".

mod changes;
mod discovery;
mod members;
mod spec;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{changes::Mark, discovery::Bearing, members::Members};
use crate::{
    error::{Error, Result},
    http::Client,
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
};

/// The client of Apple Calendar.
pub struct AppleCalendar;

/// Where a calendar stands.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// What all records of the calendar bear of it: when that changes they are listed afresh.
    bearing: Bearing,
    /// Where the next pass goes on.
    mark: Mark,
    /// What this pass has still to do; nothing between two.
    pass: Pass,
}

/// What is still to be done.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pass {
    /// Told of, and still to be fetched.
    members: Members,
    /// The server told of a part alone.
    cut: bool,
    /// Where the listing begins, for one with a bound.
    since: Option<Timestamp>,
}

impl Pass {
    fn is_over(&self) -> bool {
        self.members.is_empty() && !self.cut
    }
}

impl Provider for AppleCalendar {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        // What cannot be used is better said now than by the first import.
        discovery::default_zone(client)?;
        let name = discovery::secret(client, "username")?.expose_secret().to_owned();
        let mut account = Account::new(name.clone(), name);
        account.also.extend(discovery::principal(client).await?.addresses.iter().cloned());
        Ok(account)
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let all = discovery::calendars(client).await?;
        Ok(all.iter().map(|of| Feed::new(&of.id, &of.bearing.name)).collect())
    }

    async fn page(
        &self,
        client: &Client,
        feed: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let all = discovery::calendars(client).await?;
        let calendar = all.iter().find(|of| of.id == feed.id).ok_or(Error::NotFound)?;
        let (mut mark, mut pass) = match cursor {
            None => (None, Pass { since: client.since(), ..Pass::default() }),
            Some(cursor) if cursor.bearing == calendar.bearing => (Some(cursor.mark), cursor.pass),
            Some(_) => return Err(Error::CursorExpired),
        };
        let still = pass.is_over() && mark.as_ref().is_some_and(|mark| mark.is_where(calendar));
        let mut gone = Vec::new();
        if pass.members.is_empty() && !still {
            let told = changes::since(client, calendar, mark).await?;
            (mark, gone) = (Some(told.mark), told.gone);
            (pass.members, pass.cut) = (told.members, told.cut);
        }
        let Some(mut mark) = mark else { return Err(Error::CursorExpired) };
        let fetched = members::fetch(client, calendar, &mut pass).await?;
        mark.forget(&fetched.missing);
        gone.extend_from_slice(&fetched.missing);
        let covers = match pass.since {
            Some(_) => Covers::Between { from: pass.since, to: None },
            None => Covers::Everything,
        };
        let over = pass.is_over();
        let pass = if over { Pass::default() } else { pass };
        let cursor = Cursor { bearing: calendar.bearing.clone(), mark, pass };
        let page = fetched.page(if over { Next::Resume(cursor) } else { Next::More(cursor) });
        let gone = gone.iter().map(|name| calendar.place(name));
        Ok(page.removing_places(gone).covering(covers))
    }

    fn fault(&self, status: u16, _body: &Value) -> Option<Error> {
        (status == 401).then(|| {
            Error::Reconnect(
                "the server refused the user name or the password; iCloud takes an app-specific \
                 password alone (account.apple.com > Sign-In and Security)"
                    .into(),
            )
        })
    }
}
