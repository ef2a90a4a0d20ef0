//! X (Twitter): the posts of an account's own timeline, and the pictures and films that hang on them. The timeline comes
//! newest first; X tells of no changes to what was read, so that known posts are asked about again.
//!
//! X API documentation: "OAuth 2.0 with PKCE", "Timelines", "Edit Posts", "Activity API".

mod calls;
mod media;
mod post;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    calls::{Me, POSTS, lookup, me, refusal, timeline},
    post::{Post, Posts, order},
};
use crate::{
    error::{Error, Result},
    http::{Client, each_batch},
    provider::{Account, Covers, Feed, Next, Page, Provider, spec::Spec},
    record::Record,
};

/// A timeline that gives so many may go on where X does not reach: it does so for the newest 3,200, of which it may leave
/// out some.
const REACH: u32 = 3_000;
/// Lookups at once.
const AT_ONCE: usize = 4;

/// The client of X.
pub struct X;

/// Where the timeline stands.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whose it is; asked for once.
    user: String,
    /// The newest post that a pass which came to its end has met. Absent while all is being listed.
    since: Option<String>,
    /// The pass at hand; absent between two.
    pass: Option<Pass>,
}

/// A pass over the timeline, from the newest post to older ones.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pass {
    newest: Option<String>,
    oldest: Option<String>,
    oldest_at: Option<Timestamp>,
    /// X's name of the next page.
    token: Option<String>,
    /// Posts met.
    posts: u32,
    /// Media met. They belong to the newest post that they hang on, which comes first.
    media: BTreeSet<String>,
}

impl Provider for X {
    type Cursor = Cursor;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let Me { id, name, username } = me(client).await?;
        let label = format!("{name} (@{username})");
        Ok(Account::new(id, label).or_known_as(format!("@{username}")).or_known_as(username))
    }

    async fn page(
        &self,
        client: &Client,
        _: &Feed,
        cursor: Option<Cursor>,
    ) -> Result<Page<Cursor>> {
        let mut at = match cursor {
            Some(at) => at,
            None => Cursor { user: me(client).await?.id, ..Cursor::default() },
        };
        let mut pass = at.pass.take().unwrap_or_default();
        let mut posts = timeline(client, &at, &pass).await?;
        pass.note(&posts);
        let replaced = posts.take_replaced();
        let media = posts.media_not_in(&mut pass.media);
        let records = posts.records(|_, key| media.contains(key));
        let covers = match pass.oldest_at {
            from @ Some(_) if at.since.is_none() && pass.posts >= REACH => {
                Covers::Between { from, to: None }
            }
            _ => Covers::Everything,
        };
        let token = posts.next_token();
        let ended = token.is_none();
        let next = next(at, pass, token);
        let page = Page::new(records, next)
            .removing(replaced.clone())
            .removing_places(replaced)
            .seeing(posts.media_without_content())
            .skipping(posts.data.skipped);
        Ok(if ended { page.covering(covers) } else { page })
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        refusal(status, body)
    }

    /// Timelines may leave out what is there: only what X says it no longer has is gone. Media cannot be asked about; they
    /// are gone unless one of these posts still has them.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let (posts, media): (Vec<String>, Vec<String>) =
            ids.into_iter().partition(|id| is_post(id));
        let asked = each_batch(posts, POSTS as usize, AT_ONCE, |ids| async move {
            Ok(vec![lookup(client, ids).await?])
        });
        let (mut gone, mut carried) = (Vec::new(), HashSet::new());
        for mut found in asked.await? {
            gone.extend(found.missing());
            gone.extend(found.take_replaced());
            carried.extend(found.media_keys().map(str::to_owned));
        }
        gone.extend(media.into_iter().filter(|key| !carried.contains(key)));
        Ok(gone)
    }

    /// The counts, edits and deletions of known posts. A media asset is brought up to date with the post whose date it has,
    /// which is asked about together with it; others that it hangs on have no say.
    async fn recheck(&self, client: &Client, _: &Feed, ids: Vec<String>) -> Result<Page<()>> {
        let (asked, media): (Vec<String>, Vec<String>) =
            ids.into_iter().partition(|id| is_post(id));
        if asked.is_empty() {
            return Ok(Page::loose(Vec::<Record>::new()).seeing(media)); // others may follow
        }
        let media: HashSet<String> = media.into_iter().collect();
        let mut posts = lookup(client, asked.clone()).await?;
        let asked: HashSet<String> = asked.into_iter().collect();
        let mut gone: Vec<String> = posts.missing().filter(|id| asked.contains(id)).collect();
        gone.extend(posts.take_replaced());
        // A post that was not asked about is a newer version of one that was.
        let wanted = |post: &Post, key: &str| media.contains(key) || !asked.contains(&post.id);
        Ok(Page::loose(posts.records(wanted))
            .removing(gone.clone())
            .removing_places(gone)
            .seeing(posts.unreadable())
            .skipping(posts.data.skipped))
    }
}

/// How the timeline goes on after a page.
fn next(at: Cursor, pass: Pass, token: Option<String>) -> Next<Cursor> {
    if token.is_some() {
        return Next::More(Cursor { pass: Some(Pass { token, ..pass }), ..at });
    }
    match at.since.max_by_order(pass.newest) {
        since @ Some(_) => Next::Resume(Cursor { since, pass: None, ..at }),
        None => Next::Relist, // there was no post yet
    }
}

impl Pass {
    fn note(&mut self, posts: &Posts) {
        for post in posts.data.iter() {
            self.posts = self.posts.saturating_add(1);
            self.newest = self.newest.take().max_by_order(Some(post.id.clone()));
            if self.oldest.as_ref().is_none_or(|oldest| order(&post.id) < order(oldest)) {
                self.oldest = Some(post.id.clone());
                self.oldest_at = post.created_at.or(self.oldest_at);
            }
        }
    }
}

/// Ids of X grow with time; as texts they do not fit a float and compare by their length first.
trait ByOrder {
    fn max_by_order(self, other: Self) -> Self;
}

impl ByOrder for Option<String> {
    fn max_by_order(self, other: Self) -> Self {
        [self, other].into_iter().flatten().max_by(|a, b| order(a).cmp(&order(b)))
    }
}

/// Posts have plain numbers, media a number that is led by its kind: `3_1980278893311238144`.
fn is_post(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}
