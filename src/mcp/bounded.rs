//! Keeps answers within what clients take: texts are cut where they are long, and rows that do not fit are left for the
//! next page. What was cut says so.

use serde::Serialize;
use serde_json::{Map, Value};

use super::resources;
use crate::app::{ConnectorView, RecordRow, RecordView, RunView, SearchView};

/// Most characters of a tool's answer.
pub(super) const ANSWER: usize = 40_000;

/// Most characters of a resource's content.
pub(super) const RESOURCE: usize = 1_000_000;

/// What stands around the rows of a listing: counts, a cursor.
const FRAME: usize = 2_000;

/// Longest name of a search result's link to the whole record.
pub(super) const LINK_NAME: usize = 60;

/// Shortens a page of search results. `Some(n)`: only `n` rows fit; the page is to be asked for again with that limit, so
/// that its cursor stands after the last row given.
pub(super) fn search(view: &mut SearchView) -> Option<u32> {
    let link = |row: &RecordRow| size(&resources::link_to_row(row));
    for excerpt in [600, 250, 100] {
        view.records.iter_mut().for_each(|row| shorten(row, excerpt));
        if fitting(&view.records, link, ANSWER - FRAME) == view.records.len() {
            return None;
        }
    }
    Some(as_limit(fitting(&view.records, link, ANSWER - FRAME)))
}

/// Longest title, name or place of a row.
const TITLE: usize = 200;

/// Longest address: a cut one leads nowhere, so that a longer one is left out.
const ADDRESS: usize = 500;

fn shorten(row: &mut RecordRow, excerpt: usize) {
    let mut cut = false;
    for (text, longest) in [
        (&mut row.title, TITLE),
        (&mut row.who, TITLE),
        (&mut row.place, TITLE),
        (&mut row.excerpt, excerpt),
    ] {
        cut |= text.as_mut().is_some_and(|text| cut_text(text, longest));
    }
    cut_text(&mut row.account, TITLE);
    row.url = row.url.take().filter(|url| url.len() <= ADDRESS);
    row.truncated |= cut;
}

/// Shortens a page of runs; what comes back means the same as from [`search`].
pub(super) fn runs(runs: &mut Vec<RunView>) -> Option<u32> {
    let whole = runs.clone();
    for reasons in [20, 5, 1] {
        *runs = whole.iter().map(|run| shortened(run, reasons)).collect();
        if fitting(runs, |_| 0, ANSWER - FRAME) == runs.len() {
            return None;
        }
    }
    Some(as_limit(fitting(runs, |_| 0, ANSWER - FRAME)))
}

/// A run with at most so many reasons for feeds that were left out.
pub(super) fn shortened(run: &RunView, reasons: usize) -> RunView {
    let mut run = run.clone();
    let left_out = run.feeds_skipped.len().saturating_sub(reasons);
    run.feeds_skipped.truncate(reasons);
    run.feeds_skipped.iter_mut().for_each(|reason| {
        cut_text(reason, 300);
    });
    if left_out > 0 {
        run.feeds_skipped.push(format!("and {left_out} more"));
    }
    cut_text(&mut run.account, TITLE);
    if let Some(error) = &mut run.error {
        cut_text(&mut error.message, 1_000);
    }
    run
}

/// Shortens connectors and keeps as many as fit.
pub(super) fn connectors(connectors: &mut Vec<ConnectorView>) {
    for connector in connectors.iter_mut() {
        for value in connector.metadata.values_mut() {
            cut(value, 500, 50);
        }
        if size(&connector.metadata) > 4_000 {
            connector.metadata.values_mut().for_each(|value| {
                cut(value, 60, 5);
            });
        }
        for text in [&mut connector.account_label, &mut connector.account_scope] {
            text.as_mut().map(|text| cut_text(text, TITLE));
        }
        connector.last_error.as_mut().map(|text| cut_text(text, 1_000));
    }
    let fits = fitting(connectors, |_| 0, ANSWER - FRAME);
    connectors.truncate(fits);
}

/// Keeps as many runs as fit; answers how many did not.
pub(super) fn keep_runs(runs: &mut Vec<RunView>, beside: usize) -> usize {
    *runs = runs.iter().map(|run| shortened(run, 5)).collect();
    let fits = fitting(runs, |_| 0, ANSWER.saturating_sub(FRAME + beside));
    let left_out = runs.len() - fits;
    runs.truncate(fits);
    left_out
}

/// Cuts the texts and lists of a record, the longest first, until it fits into so many characters.
pub(super) fn record(view: &mut RecordView, characters: usize) {
    let (mut texts, mut entries) = (characters / 4 * 3, 2_000);
    while size(view) > characters && texts >= 50 {
        view.truncated |= cut_object(&mut view.properties, texts, entries);
        view.truncated |= cut_list(&mut view.file_urls, entries);
        texts = texts / 3 * 2;
        entries = (entries / 2).max(5);
    }
    while size(view) > characters {
        // Thousands of small things: the largest go.
        view.truncated = true;
        let largest = view
            .properties
            .iter()
            .max_by_key(|(_, value)| size(value))
            .map(|(name, _)| name.clone());
        match largest {
            Some(name) => view.properties.remove(&name),
            None => return view.file_urls.clear(),
        };
    }
}

/// Shortens texts, lists and objects within a value; whether anything was cut.
fn cut(value: &mut Value, texts: usize, entries: usize) -> bool {
    match value {
        Value::String(text) => cut_text(text, texts),
        Value::Array(list) => {
            let cut_short = cut_list(list, entries);
            list.iter_mut().fold(cut_short, |any, item| cut(item, texts, entries) | any)
        }
        Value::Object(object) => cut_object(object, texts, entries),
        _ => false,
    }
}

fn cut_object(object: &mut Map<String, Value>, texts: usize, entries: usize) -> bool {
    // An object's names say what it is: more of them are kept than of a list's entries.
    let surplus: Vec<_> = object.keys().skip(entries.max(60)).cloned().collect();
    for name in &surplus {
        object.remove(name);
    }
    object.values_mut().fold(!surplus.is_empty(), |any, value| cut(value, texts, entries) | any)
}

fn cut_list<T>(list: &mut Vec<T>, entries: usize) -> bool {
    let long = list.len() > entries;
    list.truncate(entries);
    long
}

/// Cuts a text to so many characters, the sign of the cut included; whether it was longer.
pub(super) fn cut_text(text: &mut String, longest: usize) -> bool {
    if text.len() <= longest {
        return false;
    }
    let mut ends = text.char_indices().map(|(at, _)| at).skip(longest.saturating_sub(1));
    let (end, more) = (ends.next(), ends.next());
    match (end, more) {
        (Some(end), Some(_)) => {
            text.truncate(end);
            text.push('…');
            true
        }
        _ => false,
    }
}

/// Characters of a value as JSON.
pub(super) fn size(value: &(impl Serialize + ?Sized)) -> usize {
    // What cannot be written is not sent either.
    serde_json::to_string(value).map_or(0, |json| json.chars().count())
}

/// How many of the first rows fit, where each comes with so much `beside` it. One always does: rows are shortened first.
fn fitting<T: Serialize>(rows: &[T], beside: impl Fn(&T) -> usize, characters: usize) -> usize {
    let mut total = 0;
    let fit = rows.iter().take_while(|row| {
        total += size(row) + 1 + beside(row);
        total <= characters
    });
    fit.count().max(1).min(rows.len())
}

fn as_limit(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(1).max(1)
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        app::{RunError, RunStatus, Stats, SyncType},
        ids::{ConnectorId, RecordId, RunId},
        record::Kind,
    };

    pub(in crate::mcp) fn row(text: &str) -> RecordRow {
        RecordRow {
            record_id: RecordId::generate(),
            kind: Kind::Message,
            provider: "gmail".into(),
            connector_id: ConnectorId::generate(),
            account: "ann@example.com".into(),
            occurred_at: Some(Timestamp::UNIX_EPOCH),
            title: Some(text.into()),
            who: Some(text.into()),
            place: Some(text.into()),
            excerpt: Some(text.into()),
            truncated: false,
            url: Some(format!("https://example.com/{text}")),
        }
    }

    pub(in crate::mcp) fn run(reasons: usize) -> RunView {
        RunView {
            run_id: Some(RunId::generate()),
            connector_id: ConnectorId::generate(),
            provider: "slack".into(),
            account: "ann".into(),
            sync_type: SyncType::Incremental,
            status: RunStatus::Partial,
            stats: Stats::default(),
            more: false,
            already_running: false,
            dry_run: false,
            feeds: 3,
            feeds_skipped: (0..reasons).map(|at| format!("{at}: {}", "x".repeat(400))).collect(),
            removals_waiting: 0,
            error: Some(RunError {
                class: "unavailable".into(),
                message: "m".repeat(5_000),
                status: Some(503),
            }),
            started_at: Timestamp::UNIX_EPOCH,
            completed_at: None,
        }
    }

    pub(in crate::mcp) fn record_of(properties: Value) -> RecordView {
        let Value::Object(properties) = properties else { panic!("not an object") };
        RecordView {
            record_id: RecordId::generate(),
            kind: Kind::Task,
            provider: "asana".into(),
            external_id: Some("1".into()),
            external_hash: None,
            connector_id: ConnectorId::generate(),
            account: "ann".into(),
            properties,
            file_urls: Vec::new(),
            occurred_at: None,
            removed_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            truncated: false,
        }
    }

    fn page(rows: usize, text: &str) -> SearchView {
        SearchView {
            records: (0..rows).map(|_| row(text)).collect(),
            count: rows,
            next_cursor: None,
        }
    }

    #[test]
    fn a_hundred_huge_records_are_shortened_and_the_page_says_how_many_fit() {
        // Quotes and line breaks: twice as long as JSON.
        let mut view = page(100, &"\"\n".repeat(20_000));
        let fits = search(&mut view).expect("they do not all fit") as usize;
        assert!((10..100).contains(&fits), "{fits}");
        let mut again = SearchView {
            records: view.records.drain(..fits).collect(),
            count: fits,
            next_cursor: None,
        };
        assert_eq!(search(&mut again), None, "what was said to fit fits");
        let links: usize = again.records.iter().map(|row| size(&resources::link_to_row(row))).sum();
        assert!(size(&again) + links <= ANSWER);
        assert!(again.records.iter().all(|row| row.truncated && row.url.is_none()));
    }

    #[test]
    fn a_hundred_ordinary_records_all_fit_with_shorter_excerpts() {
        let mut view = page(100, "short");
        view.records.iter_mut().for_each(|row| row.excerpt = Some("words ".repeat(100)));
        for row in &mut view.records {
            row.url = None;
        }
        let fits = search(&mut view);
        assert!(fits.is_none() || fits > Some(50), "{fits:?}");
        let mut few = page(20, "short");
        few.records.iter_mut().for_each(|row| row.excerpt = Some("words ".repeat(100)));
        assert_eq!(search(&mut few), None);
        assert!(
            few.records
                .iter()
                .all(|row| row.excerpt.as_ref().is_some_and(|e| e.chars().count() > 500))
        );
    }

    #[test]
    fn nothing_is_marked_cut_that_was_not() {
        let mut view = page(3, "Grüße 🌸");
        assert_eq!(search(&mut view), None);
        assert!(view.records.iter().all(|row| !row.truncated && row.url.is_some()));
    }

    #[test]
    fn a_text_is_cut_between_characters_and_to_its_length() {
        let mut text = "ü🌸".repeat(50);
        assert!(cut_text(&mut text, 10));
        assert_eq!(text.chars().count(), 10);
        assert!(text.ends_with('…'));
        let mut fits = "ü".repeat(10);
        assert!(!cut_text(&mut fits, 10));
    }

    #[test]
    fn runs_with_endless_reasons_fit_and_count_what_was_left_out() {
        let mut few = vec![run(5_000); 20];
        assert_eq!(runs(&mut few), None);
        assert_eq!(few[0].feeds_skipped.last().unwrap(), "and 4999 more");
        let mut many = vec![run(5_000); 100];
        let fits = runs(&mut many).expect("they do not all fit") as usize;
        assert!(size(&many[..fits]) <= ANSWER);
        let mut kept = vec![run(100); 100];
        assert!(keep_runs(&mut kept, 10_000) > 0);
        assert!(size(&kept) <= ANSWER - 10_000);
    }

    #[test]
    fn a_huge_body_is_cut_and_the_rest_of_the_record_stays_whole() {
        let mut view = record_of(
            json!({"name": "Plan", "description": "long\n".repeat(100_000), "tags": ["a", "b"]}),
        );
        record(&mut view, ANSWER);
        assert!(view.truncated && size(&view) <= ANSWER);
        assert_eq!(
            (&view.properties["name"], &view.properties["tags"]),
            (&json!("Plan"), &json!(["a", "b"]))
        );
        assert!(
            view.properties["description"].as_str().unwrap().len() > 10_000,
            "cut no further than needed"
        );
    }

    #[test]
    fn a_record_of_thousands_of_small_things_fits_too() {
        let comments: Vec<_> = (0..10_000)
            .map(|at| json!({"id": at, "text": "I agree", "author": {"name": "Ann"}}))
            .collect();
        let fields: Map<_, _> =
            (0..5_000).map(|at| (format!("field {at}"), json!("value ".repeat(20)))).collect();
        let deep = json!([[[vec![vec!["x".repeat(90); 60]; 60]]]]);
        let mut view = record_of(
            json!({"name": "Plan", "comments": comments, "custom_fields": fields, "deep": deep}),
        );
        view.file_urls = vec!["https://example.com/f".into(); 10_000];
        record(&mut view, ANSWER);
        assert!(view.truncated && size(&view) <= ANSWER, "{}", size(&view));
        assert_eq!(view.properties["name"], "Plan");
        assert!(!view.properties["comments"].as_array().unwrap().is_empty());
    }

    #[test]
    fn a_record_that_fits_is_left_alone() {
        let mut view = record_of(json!({"name": "Plan", "description": "x".repeat(30_000)}));
        record(&mut view, ANSWER);
        assert!(!view.truncated);
    }
}
