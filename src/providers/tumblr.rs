//! Tumblr: the posts of all blogs of a user, a feed each, and the pictures, films and sounds in them.
//!
//! Facts: Tumblr API documentation, "Authentication", "User info", "Posts", "Rate limits"; "Neue Post Format".

mod post;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use self::post::Post;
use crate::{
    error::{Error, Result},
    http::{Client, each},
    provider::{Account, Feed, Page, Provider, Walk, Window, spec::Spec},
    wire::Many,
};

const API: &str = "https://api.tumblr.com/v2";
/// Posts of one answer.
const POSTS: u32 = 20;
/// Newest posts of a blog that are read again in each pass.
const WINDOW: Window = Window::of(60);
/// Calls at once.
const AT_ONCE: usize = 4;
/// Missing posts that are asked for one by one. More are a purge, which a listing shows truthfully.
const CONFIRMED: usize = 100;

/// The client of Tumblr.
pub struct Tumblr;

impl Provider for Tumblr {
    /// How many posts lie before the page. The page numbers that Tumblr names leave out posts of the same second.
    type Cursor = Walk<u64>;

    fn spec(&self) -> &'static Spec {
        &spec::SPEC
    }

    async fn account(&self, client: &Client) -> Result<Account> {
        let User { name, blogs } = user(client).await?;
        let primary = blogs.into_iter().find(|blog| blog.primary);
        let primary = primary.ok_or_else(|| Error::unexpected("user.blogs", "none is primary"))?;
        let url = primary.url.filter(|url| !url.is_empty());
        Ok(Account::new(primary.uuid, primary.name).or_known_as(name).or_known_as(url))
    }

    async fn feeds(&self, client: &Client) -> Result<Vec<Feed>> {
        let blogs = user(client).await?.blogs;
        if blogs.skipped > 0 {
            // One that is left out would count as gone.
            return Err(Error::unexpected("user.blogs", "one of them has neither id nor name"));
        }
        Ok(blogs.into_iter().map(|blog| Feed::new(blog.uuid, blog.name)).collect())
    }

    async fn page(
        &self,
        client: &Client,
        blog: &Feed,
        cursor: Option<Self::Cursor>,
    ) -> Result<Page<Self::Cursor>> {
        let pass = Walk::read(cursor);
        let offset = pass.place().copied().unwrap_or(0);
        let limit = u64::from(client.page_size(POSTS));
        let call = client.get(format!("{API}/blog/{}/posts", blog.id)).query(&[("npf", "true")]);
        let answer: Answer<Posts> =
            call.query(&[("limit", limit), ("offset", offset)]).json().await?;
        let Posts { posts, total_posts } = answer.response;
        let skipped = posts.skipped;
        let got = u64::from(skipped).saturating_add(posts.len() as u64);
        let end = offset.saturating_add(got);
        let more = got > 0 && total_posts.is_none_or(|total| end < total);
        let dates: Vec<_> = posts.iter().map(Post::at).collect();
        let (covers, next) = pass.then(&WINDOW, dates, more.then_some(end), client.since());
        let ids: Vec<String> = posts.iter().map(|post| post.id_string.clone()).collect();
        let mut page = Page::new(posts.into_iter().flat_map(Post::into_records), next);
        page.replacing = ids; // what no longer is in a post
        Ok(page.covering(covers).skipping(skipped))
    }

    fn fault(&self, status: u16, _: &Value) -> Option<Error> {
        let what = "Tumblr does not show it to this user; its app may lack the scope basic";
        (status == 403).then(|| Error::Forbidden(what.into()))
    }

    /// A post that was deleted while the pages were read moves one of the others past the reader. With a post go its parts.
    async fn confirm_gone(
        &self,
        client: &Client,
        blog: &Feed,
        mut ids: Vec<String>,
    ) -> Result<Vec<String>> {
        let posts: HashSet<String> = ids.iter().map(|id| post_of(id).to_owned()).collect();
        if posts.len() > CONFIRMED {
            return Ok(ids);
        }
        let url = format!("{API}/blog/{}/posts", blog.id);
        let asked = each(posts.into_iter().collect(), AT_ONCE, |id| {
            let call = client.get(&url).query(&[("npf", "true"), ("id", &id)]);
            async move {
                match call.json::<IgnoredAny>().await {
                    Ok(_) => Ok(None),
                    Err(Error::NotFound) => Ok(Some(id)),
                    Err(other) => Err(other),
                }
            }
        });
        let gone: HashSet<String> = asked.await?.into_iter().flatten().collect();
        ids.retain(|id| gone.contains(post_of(id)));
        Ok(ids)
    }
}

/// The post that an id is of: its own, or that of one of its parts.
fn post_of(id: &str) -> &str {
    id.split_once(':').map_or(id, |(post, _)| post)
}

async fn user(client: &Client) -> Result<User> {
    let answer: Answer<Info> = client.get(format!("{API}/user/info")).json().await?;
    Ok(answer.response.user)
}

#[derive(Deserialize)]
struct Answer<T> {
    response: T,
}

#[derive(Deserialize)]
struct Info {
    user: User,
}

#[derive(Deserialize)]
struct User {
    name: Option<String>,
    blogs: Many<Blog>,
}

#[derive(Deserialize)]
struct Blog {
    /// Stays what it is when the name changes.
    uuid: String,
    name: String,
    url: Option<String>,
    #[serde(default)]
    primary: bool,
}

#[derive(Deserialize)]
struct Posts {
    posts: Many<Post>,
    total_posts: Option<u64>,
}
