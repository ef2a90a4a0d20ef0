//! `neotoma records`: searching what was imported, and reading one record.

use clap::{Args, Subcommand, value_parser};
use jiff::Timestamp;

use super::{
    args,
    exit::Exit,
    out::{self, Format},
    record_page,
    table::{Column, Grid, Look, one_line},
};
use crate::{
    app::{App, RecordRow, SearchRequest},
    ids::{ConnectorId, OwnerId, RecordId},
    record::Kind,
};

/// Longest excerpt shown, in characters.
const EXCERPT: usize = 240;

/// Arguments of `neotoma records`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  neotoma records search \"quarterly report\" --provider gmail
  neotoma records show 0197f0c0-9c7a-7ee5-bae6-fe2e2e295ba1")]
pub struct RecordsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Search titles, texts, people, channels and projects; without words, the newest records
    Search(SearchArgs),
    /// Show one record in full
    #[command(after_help = "Example:
  neotoma records show 0197f0c0-9c7a-7ee5-bae6-fe2e2e295ba1")]
    Show {
        /// The record's id, as the search shows it
        #[arg(value_name = "ID")]
        id: RecordId,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  neotoma records search '\"quarterly report\" or budget -draft' --type message --since 2026-01-01")]
struct SearchArgs {
    /// Words; \"a phrase\", `or` and a leading `-` mean what they do on the web
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = args::kind())]
    types: Vec<Kind>,
    /// Of this provider; may be given several times
    #[arg(long = "provider", value_name = "PROVIDER")]
    providers: Vec<String>,
    /// Of this connector
    #[arg(long, value_name = "ID")]
    connector_id: Option<ConnectorId>,
    /// That took place then or later: a date, or a time as in RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = args::when)]
    since: Option<Timestamp>,
    /// That took place earlier
    #[arg(long, value_name = "WHEN", value_parser = args::when)]
    until: Option<Timestamp>,
    /// How many, 1 to 100
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100))]
    limit: Option<u32>,
    /// Go on after an earlier page
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// Searches, or shows one record.
///
/// # Errors
/// When there is no such record, or the search is asked wrongly.
pub async fn run(app: &App, owner: &OwnerId, args: RecordsArgs) -> anyhow::Result<Exit> {
    match args.action {
        Action::Search(args) => search(app, owner, args).await,
        Action::Show { id, format } => {
            let record = app.record(owner, id).await?;
            let look = Look::of_stdout();
            format.print(&record, |record| record_page::draw(&look, record))?;
            if record.truncated {
                out::say("a text was too long to be shown in full");
            }
            Ok(Exit::Done)
        }
    }
}

async fn search(app: &App, owner: &OwnerId, args: SearchArgs) -> anyhow::Result<Exit> {
    let text = args.text.join(" ");
    let request = SearchRequest {
        query: (!text.trim().is_empty()).then_some(text),
        types: args.types,
        providers: args.providers,
        connector_id: args.connector_id,
        since: args.since,
        until: args.until,
        limit: args.limit,
        cursor: args.cursor,
    };
    let found = app.search(owner, request).await?;
    let look = Look::of_stdout();
    args.format.print(&found, |found| draw(&look, &found.records))?;
    if found.records.is_empty() {
        out::say("nothing was found");
    }
    if let Some(cursor) = &found.next_cursor {
        out::say(format_args!("for more: --cursor {cursor}"));
    }
    Ok(Exit::Done)
}

fn draw(look: &Look, records: &[RecordRow]) -> String {
    let mut grid = Grid::new(
        look,
        &[Column::text("when").whole(), Column::text("from"), Column::text("record")],
    );
    for row in records {
        grid.row([
            format!("{}\n{}", look.time_or(row.occurred_at, "no time"), row.kind.as_str()).into(),
            format!("{}\n{}", row.provider, one_line(&row.account)).into(),
            what(row).into(),
        ]);
    }
    grid.draw()
}

/// What a record is, as far as it is known: title, people and place, excerpt, id. Its address would be torn apart by
/// the column's width; it is on the record's page.
fn what(row: &RecordRow) -> String {
    let some = |text: &Option<String>| text.as_deref().map(one_line).filter(|t| !t.is_empty());
    let near = [some(&row.who), some(&row.place)].into_iter().flatten().collect::<Vec<_>>();
    let near = (!near.is_empty()).then(|| near.join(" · "));
    let excerpt = some(&row.excerpt).map(|text| cut(&text, row.truncated));
    let lines = [some(&row.title), near, excerpt, Some(row.record_id.to_string())];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn cut(text: &str, truncated: bool) -> String {
    let kept: String = text.chars().take(EXCERPT).collect();
    let whole = kept.len() == text.len() && !truncated;
    if whole || kept.ends_with('…') { kept } else { format!("{kept}…") }
}

#[cfg(test)]
mod tests {
    use super::{super::table::samples, *};

    fn row() -> RecordRow {
        RecordRow {
            record_id: RecordId(uuid::Uuid::from_u128(0x0197_f0c0_9c7a_7ee5_bae6_fe2e_2e29_5ba1)),
            kind: Kind::Message,
            provider: "gmail".into(),
            connector_id: samples::connector("").connector_id,
            account: "anna@example.com".into(),
            occurred_at: Some(samples::at("10:22:00")),
            title: Some("Quarterly\u{1b}[31m report".into()),
            who: Some("Zoë Park".into()),
            place: Some("Inbox".into()),
            excerpt: Some("the numbers of the\nquarter are in, and".into()),
            truncated: true,
            url: None,
        }
    }

    #[test]
    fn a_search_shows_what_a_record_is_and_its_id_whole() {
        let bare = RecordRow {
            title: None,
            who: None,
            place: None,
            excerpt: None,
            occurred_at: None,
            kind: Kind::Task,
            ..row()
        };
        assert_eq!(
            draw(&samples::look(80), &[row(), bare]),
            "\
when              from              record
2026-03-01 10:22  gmail             Quarterly[31m report
message           anna@example.com  Zoë Park · Inbox
                                    the numbers of the quarter are in, and…
                                    0197f0c0-9c7a-7ee5-bae6-fe2e2e295ba1
no time           gmail             0197f0c0-9c7a-7ee5-bae6-fe2e2e295ba1
task              anna@example.com
"
        );
    }

    #[test]
    fn a_long_excerpt_is_cut_by_characters() {
        let long = "ü".repeat(EXCERPT + 1);
        assert_eq!(cut(&long, false).chars().count(), EXCERPT + 1);
        assert_eq!(cut("short", false), "short");
        assert_eq!(cut("short…", true), "short…");
    }
}
