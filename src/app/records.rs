//! Records, searched and read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    App, Error, RecordRow, RecordView, Result, SearchRequest, SearchView, entry, runs::limit_of,
};
use crate::{
    ids::{OwnerId, RecordId},
    record::{Properties, fold, fold_query},
    store::{Found, Place, Query, Stored, hash_id},
};

/// Longest query, in bytes.
const QUERY: usize = 1000;
/// Length of an excerpt, in characters.
const EXCERPT: usize = 280;

/// A place in the results of one search, as it is handed out.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// Of the search's terms: a place is none in another search.
    of: i64,
    rank: i32,
    at: Option<Timestamp>,
    id: RecordId,
}

impl App {
    /// Searches the records that are alive: best first, newest first among equals.
    ///
    /// # Errors
    /// `Invalid` for a limit, cursor or query that does not do; `UnknownProvider`; `UnknownConnector`.
    pub async fn search(&self, owner: &OwnerId, request: SearchRequest) -> Result<SearchView> {
        let limit = limit_of(request.limit)?;
        let words = request.query.as_deref().map(words_of).transpose()?.flatten();
        let mut sources = Vec::new();
        for provider in &request.providers {
            sources.push(entry(provider)?.spec().id.to_owned());
        }
        if let (Some(since), Some(until)) = (request.since, request.until)
            && until <= since
        {
            return Err(Error::invalid("until", "is not after since"));
        }
        let of = hash_id(&format!(
            "{words:?} {:?} {sources:?} {:?} {:?} {:?}",
            request.types, request.connector_id, request.since, request.until
        ));
        let after = request.cursor.as_deref().map(|cursor| place(cursor, of)).transpose()?;
        if let Some(id) = request.connector_id {
            self.connector(owner, id).await?; // another owner's is unknown, not merely empty
        }
        let query = Query {
            words,
            kinds: request.types,
            sources,
            connector: request.connector_id,
            since: request.since,
            until: request.until,
            after,
            limit: i64::from(limit) + 1,
        };
        let mut found = self.core().await?.store().search(owner, &query).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next_cursor = found.last().filter(|_| more).map(|last| cursor(last.place, of));
        let terms = terms(request.query.as_deref().unwrap_or_default());
        let records: Vec<RecordRow> = found.into_iter().map(|found| row(found, &terms)).collect();
        Ok(SearchView { count: records.len(), records, next_cursor })
    }

    /// One whole record, a removed one included.
    ///
    /// # Errors
    /// `UnknownRecord`, for another owner's too.
    pub async fn record(&self, owner: &OwnerId, id: RecordId) -> Result<RecordView> {
        let stored = self.core().await?.store().record(owner, id).await?;
        let of = stored.ok_or_else(|| Error::UnknownRecord(id.to_string()))?;
        Ok(RecordView {
            record_id: of.id,
            kind: of.kind,
            provider: of.source,
            external_id: of.external_id,
            external_hash: of.external_hash,
            connector_id: of.connector,
            account: of.account,
            properties: of.properties,
            file_urls: of.file_urls,
            occurred_at: of.occurred_at,
            removed_at: of.removed_at,
            created_at: of.created_at,
            updated_at: of.updated_at,
            truncated: false,
        })
    }
}

/// The folded query; `None` where it asks for nothing.
fn words_of(query: &str) -> Result<Option<String>> {
    if query.len() > QUERY {
        return Err(Error::invalid("query", format!("is longer than {QUERY} bytes")));
    }
    let words = fold_query(query);
    if words.is_empty() && !query.trim().is_empty() {
        return Err(Error::invalid("query", "has no letter or digit to search for"));
    }
    Ok(Some(words).filter(|words| !words.is_empty()))
}

fn cursor(place: Place, of: i64) -> String {
    let cursor = Cursor { of, rank: place.rank, at: place.occurred_at, id: place.id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

fn place(cursor: &str, of: i64) -> Result<Place> {
    let bad = || Error::invalid("cursor", "is not one that this search gave");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    if cursor.of != of {
        return Err(bad());
    }
    Ok(Place { rank: cursor.rank, occurred_at: cursor.at, id: cursor.id })
}

/// The words to show the surroundings of.
fn terms(query: &str) -> Vec<String> {
    let wanted = query.split_whitespace().filter(|word| !word.starts_with('-'));
    wanted.flat_map(|word| fold(word).split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn row(found: Found, terms: &[String]) -> RecordRow {
    let Stored { id, connector, account, kind, source, properties, occurred_at, .. } = found.record;
    let properties = Properties::parse(kind, Value::Object(properties)).ok();
    let of = properties.as_ref();
    let (excerpt, truncated) = match of.and_then(Properties::body) {
        Some(body) => {
            let (text, cut) = excerpt(body, terms);
            (Some(text).filter(|text| !text.is_empty()), cut)
        }
        None => (None, false),
    };
    RecordRow {
        record_id: id,
        kind,
        provider: source,
        connector_id: connector,
        account,
        occurred_at,
        title: of.and_then(Properties::title).map(|title| cut(title, EXCERPT).0),
        who: of.and_then(who),
        place: of.and_then(whereabouts),
        excerpt,
        truncated,
        url: of.and_then(Properties::permalink).map(str::to_owned),
    }
}

fn who(of: &Properties) -> Option<String> {
    let person = match of {
        Properties::Message(m) => m.from.as_ref(),
        Properties::MediaAsset(m) => m.author.as_ref().or(m.owner.as_ref()),
        Properties::Note(n) => n.author.as_ref().or(n.owner.as_ref()),
        Properties::Task(t) => t.assignee.as_ref(),
        Properties::Event(e) => e.organizer.as_ref(),
    }?;
    let name =
        [&person.name, &person.email, &person.handle, &person.id].into_iter().flatten().next()?;
    Some(cut(name, EXCERPT).0)
}

fn whereabouts(of: &Properties) -> Option<String> {
    let place = match of {
        Properties::Message(m) => m.channel.as_ref(),
        Properties::MediaAsset(m) => m.parent.as_ref(),
        Properties::Note(n) => n.parent.as_ref().or(n.workspace.as_ref()),
        Properties::Task(t) => t.project.as_ref(),
        Properties::Event(e) => e.calendar.as_ref(),
    }?;
    place.name.as_deref().map(|name| cut(name, EXCERPT).0)
}

/// The part of a text around the first word that was asked for, white space folded, and whether something is left out.
fn excerpt(body: &str, terms: &[String]) -> (String, bool) {
    let words: Vec<&str> = body.split_whitespace().take(20_000).collect();
    let hit = words.iter().position(|word| {
        let folded = fold(word);
        terms.iter().any(|term| folded.split(' ').any(|part| part == term))
    });
    let from = hit.map_or(0, |hit| hit.saturating_sub(12));
    let text = words.get(from..).unwrap_or_default().join(" ");
    let (text, cut_short) = cut(&text, EXCERPT);
    if from > 0 { (format!("… {text}"), true) } else { (text, cut_short) }
}

fn cut(text: &str, characters: usize) -> (String, bool) {
    match text.char_indices().nth(characters) {
        Some((at, _)) => (format!("{} …", text.get(..at).unwrap_or_default().trim_end()), true),
        None => (text.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_the_surroundings_of_the_hit_whatever_its_accents() {
        let body = format!("{} Grüße aus Zürich, bis bald", "wort ".repeat(200));
        let (text, cut) = excerpt(&body, &terms("zurich"));
        assert!(text.starts_with("… wort") && text.contains("Zürich, bis bald") && cut, "{text}");
        assert_eq!(excerpt("short  text", &[]), ("short text".into(), false));
    }

    #[test]
    fn a_cursor_of_one_search_is_refused_by_another_and_by_none_is_anything_else_taken() {
        let at = Place {
            rank: 1,
            occurred_at: Timestamp::from_second(5).ok(),
            id: RecordId::generate(),
        };
        assert_eq!(place(&cursor(at, 7), 7).unwrap(), at);
        assert!(place(&cursor(at, 7), 8).is_err());
        assert!(place("x", 7).is_err());
    }
}
