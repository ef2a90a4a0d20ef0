//! WeChat: the articles that an Official Account has published. A first listing brings them with their texts; later passes
//! list them all without, which is what tells of deletions, and fetch those that are new or changed.
//!
//! WeChat Official Account documentation: "Get published articles", "Global return codes".

mod article;
mod calls;
mod spec;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    article::Set,
    calls::{List, secret, sets, token, whole},
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// Calls at once.
const AT_ONCE: usize = 4;

/// The client of WeChat.
pub struct WeChat;

/// Where a pass over the list stands.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The latest change that the last pass saw, in seconds since 1970; absent in a first listing.
    known: Option<i64>,
    /// The latest change that this pass has seen.
    latest: i64,
    /// How many sets were passed over.
    offset: u64,
    /// How many there were when the pass began: what is published meanwhile moves the others.
    total: Option<u64>,
}

impl Provider for WeChat {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    /// There is no question whose account it is: that a token is given proves both id and secret.
    async fn account(&self, client: &Client) -> Result<Account> {
        token(client).await?;
        let id = secret(client, "app_id")?.expose_secret().to_owned();
        Ok(Account::new(id.clone(), id))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let at = cursor.unwrap_or_default();
        let bare = at.known.is_some();
        let found = sets(client, at.offset, bare).await?;
        let given = found.item.len() as u64 + u64::from(found.item.skipped);
        let latest = found.item.iter().filter_map(|set| set.update_time).max().unwrap_or_default();
        let next = at.then(&found, given, at.latest.max(latest));
        let mut page = Page::new(Vec::<Record>::new(), next).skipping(found.item.skipped);
        let is_new =
            |set: &Set| at.known.is_none_or(|known| set.update_time.is_none_or(|of| of >= known));
        let (new, old): (Vec<Set>, Vec<Set>) = found.item.into_iter().partition(is_new);
        for set in old {
            page.skipped += set.content.news_item.skipped();
            page = page.seeing(set.alive()).removing(set.deleted());
        }
        let new = each(new, AT_ONCE, |set| async move {
            if bare { whole(client, set).await } else { Ok(Some(set)) }
        });
        for set in new.await?.into_iter().flatten() {
            page.skipped += set.content.news_item.skipped();
            page = page.removing(set.deleted());
            page.upserts.extend(set.records());
        }
        Ok(match client.since() {
            Some(since) if !bare => {
                page.upserts.retain(|of| of.properties.occurred_at().is_none_or(|at| at >= since));
                page.covering(Covers::Between { from: Some(since), to: None })
            }
            // Every pass sees everything, though only the first one lists it from the start.
            _ if bare => page.covering(Covers::Between { from: None, to: None }),
            _ => page,
        })
    }

    fn fault(&self, _: u16, body: &Value) -> Option<Error> {
        let code = body.get("errcode").and_then(Value::as_i64).filter(|code| *code != 0)?;
        Some(match code {
            -1 => Error::Unavailable("says that it is busy".into()),
            40_001 | 40_014 | 41_001 | 42_001 => {
                Error::Reconnect("WeChat does not take its access token".into())
            }
            40_125 => {
                Error::Reconnect("the AppSecret is not, or no longer, that of the AppID".into())
            }
            40_013 => Error::invalid("app_id", "WeChat has no account with this AppID"),
            40_164 => Error::Forbidden(not_listed(body)),
            45_009 => Error::RateLimited(until_midnight(Timestamp::now())),
            45_011 => Error::RateLimited(Duration::from_mins(1)),
            48_001 => Error::Forbidden(
                "published articles are given to certified accounts (认证) only".into(),
            ),
            50_002 => Error::Forbidden("WeChat has restricted this account".into()),
            53_600 => Error::NotFound,
            code => Error::unexpected("errcode", code.to_string()),
        })
    }

    /// A list whose places move while it is read may lack what is alive.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let mut sets: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in ids {
            let set = id.rsplit_once(':').map_or(id.as_str(), |(set, _)| set).to_owned();
            sets.entry(set).or_default().push(id);
        }
        let gone = each(sets.into_iter().collect(), AT_ONCE, |(set, mut ids)| async move {
            let set = Set { article_id: set, ..Set::default() };
            if let Some(set) = whole(client, set).await? {
                let alive = set.alive();
                ids.retain(|id| !alive.contains(id));
            }
            Ok(ids)
        });
        Ok(gone.await?.concat())
    }
}

impl Cursor {
    /// How the list goes on behind a page of so many sets.
    fn then(&self, found: &List, given: u64, latest: i64) -> Next<Self> {
        let offset = self.offset.saturating_add(given);
        let total = found.total_count.unwrap_or(offset);
        if self.total.is_some_and(|before| before != total) {
            // Something was published or deleted: what has moved over the edge of a page is still to be seen.
            return Next::More(Self { known: self.known, latest, offset: 0, total: Some(total) });
        }
        if given == 0 || offset >= total {
            return Next::Resume(Self { known: Some(latest), latest, offset: 0, total: None });
        }
        Next::More(Self { known: self.known, latest, offset, total: Some(total) })
    }
}

/// Says which address is not in the whitelist, where WeChat names it.
fn not_listed(body: &Value) -> String {
    let said = body.get("errmsg").and_then(Value::as_str).unwrap_or_default();
    let address = said.split_whitespace().find_map(|word| word.parse::<IpAddr>().ok());
    let address = address.map_or_else(String::new, |address| format!(" {address}"));
    format!("this server's public address{address} is not in the account's IP whitelist")
}

/// Quotas are counted by the day of China.
fn until_midnight(now: Timestamp) -> Duration {
    const DAY: i64 = 24 * 3_600;
    let left = DAY - (now.as_second() + 8 * 3_600).rem_euclid(DAY);
    Duration::from_secs(left.unsigned_abs())
}
