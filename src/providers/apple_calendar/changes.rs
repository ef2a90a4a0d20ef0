//! What changed in a calendar: told by the server since a token was given, or found out by comparing the members' tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    discovery::{Calendar, call, last_segment, propfind},
    members::Members,
};
use crate::{
    error::{Error, Result},
    http::Client,
    wire::dav::{self, Depth, Name},
};

/// Where a calendar was left.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Mark {
    /// The server keeps account of changes.
    Token {
        /// What it gave to ask by.
        token: String,
        /// The calendar's tag from before it was asked; absent where it told of a part alone.
        tag: Option<String>,
    },
    /// It does not: each member's tag as it was, by file name.
    Tags {
        /// The calendar's tag from before it was listed.
        tag: Option<String>,
        /// The members' tags.
        known: BTreeMap<String, String>,
    },
}

impl Mark {
    /// Whether the calendar stands where it was left, by what the list of calendars says.
    pub fn is_where(&self, calendar: &Calendar) -> bool {
        let same = |tag: &Option<String>| tag.is_some() && *tag == calendar.tag;
        match (self, &calendar.token) {
            (Self::Token { token, .. }, Some(now)) => token == now,
            (Self::Token { tag, .. }, None) | (Self::Tags { tag, .. }, _) => same(tag),
        }
    }

    /// Members that were listed and could not be had: looked for again.
    pub fn forget(&mut self, members: &[String]) {
        if let Self::Tags { known, .. } = self {
            known.retain(|name, _| !members.contains(name));
        }
    }
}

/// What a server told.
pub struct Told {
    /// Where to go on.
    pub mark: Mark,
    /// New and changed.
    pub members: Members,
    /// File names of what is gone.
    pub gone: Vec<String>,
    /// It stopped in the middle.
    pub cut: bool,
}

/// What changed since a calendar was left; without a mark all that there is.
///
/// # Errors
/// `CursorExpired` where the server no longer knows.
pub async fn since(client: &Client, calendar: &Calendar, mark: Option<Mark>) -> Result<Told> {
    match mark {
        Some(Mark::Tags { known, .. }) => by_tags(client, calendar, known).await,
        Some(Mark::Token { token, .. }) => by_token(client, calendar, &token).await,
        None if calendar.tells_changes => by_token(client, calendar, "").await,
        None => by_tags(client, calendar, BTreeMap::new()).await,
    }
}

async fn by_token(client: &Client, calendar: &Calendar, token: &str) -> Result<Told> {
    let escaped = quick_xml::escape::escape(token);
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:sync-collection xmlns:D="DAV:"><D:sync-token>{escaped}</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"#
    );
    let answer = dav::ask(call(client, "REPORT", &calendar.url)?, Depth::Zero, body).await?;
    let (mut hrefs, mut gone, mut cut) = (Vec::new(), Vec::new(), false);
    for of in answer.responses {
        match of.status {
            Some(507) => cut = true, // of the calendar itself: there is more
            Some(404 | 410) => gone.push(last_segment(&of.href)),
            _ if of.href.ends_with('/') => {} // the calendar itself
            _ => hrefs.push(of.href),
        }
    }
    let next = answer.sync_token;
    let next = next.ok_or_else(|| Error::unexpected("sync-token", "the server gave none"))?;
    if cut && next == token && hrefs.is_empty() {
        return Err(Error::unexpected(
            "sync-token",
            "the server tells of a part and goes no further",
        ));
    }
    let tag = calendar.tag.clone().filter(|_| !cut);
    Ok(Told { mark: Mark::Token { token: next, tag }, members: Members::of(hrefs), gone, cut })
}

async fn by_tags(
    client: &Client,
    calendar: &Calendar,
    mut known: BTreeMap<String, String>,
) -> Result<Told> {
    let properties = "<D:getetag/><D:resourcetype/>";
    let answer = propfind(client, &calendar.url, Depth::One, properties).await?;
    let (mut hrefs, mut now) = (Vec::new(), BTreeMap::new());
    for of in answer.responses {
        if of.href.ends_with('/') || of.props.resourcetype.contains(&Name::Collection) {
            continue;
        }
        let name = last_segment(&of.href);
        let before = known.remove(&name);
        // One without a tag is fetched each time.
        let tag = of.props.getetag.unwrap_or_default();
        if before.as_ref() != Some(&tag) || tag.is_empty() {
            hrefs.push(of.href);
        }
        now.insert(name, tag);
    }
    let mark = Mark::Tags { tag: calendar.tag.clone(), known: now };
    let gone = known.into_keys().collect();
    Ok(Told { mark, members: Members::of(hrefs), gone, cut: false })
}
