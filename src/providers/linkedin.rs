//! LinkedIn: the posts of company pages, each page a feed, and the comments on them. Posts come by their last change; that
//! does not move when somebody comments or likes, so that the counts and comments of the newest are read again.
//!
//! Facts: LinkedIn documentation, "Posts API", "Social metadata API", "Comments API", "Organization access control",
//! "Programmatic refresh tokens", "Developer portal tools".

mod calls;
mod post;
mod spec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::IgnoredAny;
use serde_json::Value;

use self::{
    calls::{Me, comments, encoded, get, metadata, organizations, posts},
    post::Post,
};
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Covers, Feed, Page, Provider, Walk, Window, spec::Spec},
    record::Record,
};

/// Newest posts that are read again in each pass, with their comments and counts. A post may show up minutes after it was
/// changed.
const WINDOW: Window = Window { overlap: SignedDuration::from_mins(15), ..Window::of(50) };
/// Calls at once.
const AT_ONCE: usize = 4;
/// Missing posts that are asked for one by one. More are a purge, which a listing shows truthfully.
const CONFIRMED: usize = 100;
/// When to come back after a day's quota is used up. It begins anew at midnight, UTC.
const QUOTA_SPENT: Duration = Duration::from_hours(1);

/// The client of LinkedIn.
pub struct LinkedIn;

impl Provider for LinkedIn {
    /// How many posts lie before the page.
    type Cursor = Walk<u32>;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let me: Me = get(client, "v2/userinfo").json().await?;
        let label = me.name.unwrap_or_else(|| me.sub.clone());
        Ok(Account::new(me.sub, label).or_known_as(me.email))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let pages = match client.setting("organization_urn") {
            Some(urn) => vec![urn.to_owned()],
            None => organizations(client).await?,
        };
        if pages.is_empty() {
            let what = "the member administers no company page";
            return Err(Error::Forbidden(what.into()));
        }
        let feed = |urn: String| {
            let name = urn.rsplit(':').next().unwrap_or_default().to_owned();
            Feed::new(urn, name)
        };
        Ok(pages.into_iter().map(feed).collect())
    }

    async fn page(
        &self,
        client: &Client,
        page: &Feed,
        cursor: Option<Self::Cursor>,
    ) -> Result<Page<Self::Cursor>> {
        let pass = Walk::read(cursor);
        let start = pass.place().copied().unwrap_or(0);
        let (posts, next) = posts(client, &page.id, start).await?;
        let skipped = posts.skipped;
        // The order was not always kept: only a page that is old as a whole ends the pass.
        let mut dates: Vec<Option<Timestamp>> = posts.iter().map(Post::changed_at).collect();
        dates.sort_unstable();
        let (covers, next) = pass.then(&WINDOW, dates, next, client.since());
        let (posts, hidden): (Vec<_>, Vec<_>) = posts.into_iter().partition(Post::is_published);
        let hidden: Vec<String> = hidden.into_iter().map(|post| post.id).collect();
        let ids: Vec<String> = posts.iter().map(|post| post.id.clone()).collect();
        let counts = metadata(client, &ids).await?;
        let whole = each(posts, AT_ONCE, |post| {
            let counts = counts.get(&post.id).copied().unwrap_or_default();
            async move {
                let comments = comments(client, &post.id, counts.has_replies()).await?;
                let odd = comments.skipped;
                let on = post.id.clone();
                let comments = comments.into_iter().map(|comment| comment.into_record(&on));
                let records: Vec<Record> =
                    [post.into_record(counts)].into_iter().chain(comments).collect();
                Ok((records, odd))
            }
        });
        let (records, odd): (Vec<_>, Vec<_>) = whole.await?.into_iter().unzip();
        let odd = odd.into_iter().fold(skipped, u32::saturating_add);
        let mut answer = Page::new(records.into_iter().flatten(), next).skipping(odd);
        // A list of comments that lacks what could not be read is not whole.
        answer.replacing = if odd == skipped { ids } else { Vec::new() };
        // What a window reaches is told by the last change, and says nothing of comments on older posts.
        let covers = if covers == Covers::Everything { covers } else { Covers::Nothing };
        Ok(answer.removing(hidden.clone()).removing_places(hidden).covering(covers))
    }

    fn fault(&self, status: u16, body: &Value) -> Option<Error> {
        let word = |key| body.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(match status {
            401 => Error::Reconnect(
                match word("code") {
                    "EXPIRED_ACCESS_TOKEN" => "LinkedIn no longer takes the token: it has expired",
                    "REVOKED_ACCESS_TOKEN" => "LinkedIn no longer takes the token: it was withdrawn",
                    _ => "LinkedIn does not take the token",
                }
                .into(),
            ),
            403 => Error::Forbidden(
                "LinkedIn refuses it: of the scopes r_organization_social and rw_organization_admin \
                 one was not granted, the app lacks the Community Management API, or the member \
                 does not administer the page"
                    .into(),
            ),
            426 => Error::invalid(
                "api_version",
                "LinkedIn has retired this version of its interface; give a newer one",
            ),
            429 if word("message").contains(" DAY ") => Error::RateLimited(QUOTA_SPENT),
            _ => return None,
        })
    }

    /// A post is asked for. Comments cannot be: they are gone with their post, or when a whole list of them lacked them; but
    /// not where the listing left out a post that is there.
    async fn confirm_gone(
        &self,
        client: &Client,
        _: &Feed,
        ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let (posts, comments): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| is_post(id));
        let asked = posts.len();
        let mut gone = if asked > CONFIRMED { posts } else { missing(client, posts).await? };
        if gone.len() == asked {
            gone.extend(comments);
        }
        Ok(gone)
    }

    /// Deletions of known posts, found by one call for the counts of all.
    async fn recheck(&self, client: &Client, _: &Feed, ids: Vec<String>) -> Result<Page<()>> {
        let (posts, comments): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| is_post(id));
        let counts = metadata(client, &posts).await?;
        let (alive, silent): (Vec<_>, Vec<_>) =
            posts.into_iter().partition(|id| counts.contains_key(id));
        let gone = missing(client, silent).await?;
        Ok(Page::loose(Vec::<Record>::new())
            .removing(gone.clone())
            .removing_places(gone)
            .seeing(alive.into_iter().chain(comments)))
    }
}

/// Which of these posts LinkedIn no longer has. One that may not be read is not known to be gone.
async fn missing(client: &Client, posts: Vec<String>) -> Result<Vec<String>> {
    let asked = each(posts, AT_ONCE, |id| async move {
        let path = format!("rest/posts/{}", encoded(&id));
        match get(client, &path).json::<IgnoredAny>().await {
            Ok(_) | Err(Error::Forbidden(_)) => Ok(None),
            Err(Error::NotFound) => Ok(Some(id)),
            Err(other) => Err(other),
        }
    });
    Ok(asked.await?.into_iter().flatten().collect())
}

fn is_post(id: &str) -> bool {
    !id.starts_with("urn:li:comment:")
}
