//! How things look on a terminal: tables, times, numbers, names.
//!
//! What is shown was written by strangers (subjects, names, labels), so every text passes [`clean`] on its way out.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};
use indicatif::HumanCount;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::exit::for_terminal;
use crate::app::ConnectorView;

/// What the output is fitted to.
pub struct Look {
    /// Columns of characters; none where nobody looks and nothing is to be wrapped.
    pub width: Option<u16>,
    /// Whether colours and bold letters may be used.
    pub styled: bool,
    /// The zone that times are shown in.
    pub zone: TimeZone,
}

impl Look {
    /// As stdout is: a terminal, or a pipe.
    pub fn of_stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        Self {
            width: terminal.then(|| console::Term::stdout().size().1),
            styled: terminal && !dumb && !set("NO_COLOR"),
            zone: TimeZone::system(),
        }
    }

    /// A time, to the minute, in the person's zone.
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// A time, or the word for there being none.
    pub fn time_or(&self, at: Option<Timestamp>, none: &str) -> String {
        at.map_or_else(|| none.to_owned(), |at| self.time(at))
    }

    /// A heading.
    pub fn bold(&self, text: &str) -> String {
        let style = console::Style::new().bold().force_styling(self.styled);
        style.apply_to(clean(text)).to_string()
    }
}

/// A column of a table.
#[derive(Clone, Copy)]
pub struct Column {
    title: &'static str,
    right: bool,
    whole: bool,
}

impl Column {
    /// Of texts.
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, whole: false }
    }

    /// Of numbers.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, whole: true }
    }

    /// Never wrapped, for ids that are to be copied.
    #[must_use]
    pub const fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

/// What a cell tells at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// It is well.
    Good,
    /// It wants attention.
    Warn,
    /// It is not well.
    Bad,
}

/// A cell of a table.
pub struct Text {
    text: String,
    tone: Tone,
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// A cell with a tone.
pub fn toned(text: impl Into<String>, tone: Tone) -> Text {
    Text { text: text.into(), tone }
}

/// A table without rules: a heading, and columns two spaces apart.
pub struct Grid {
    table: Table,
    columns: Vec<Column>,
}

impl Grid {
    /// A table of these columns.
    pub fn new(look: &Look, columns: &[Column]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        if look.styled {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        if let Some(width) = look.width {
            table.set_width(width);
        }
        table.set_header(
            columns.iter().map(|column| Cell::new(column.title).add_attribute(Attribute::Bold)),
        );
        Self { table, columns: columns.to_vec() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Text; N]) {
        self.table.add_row(cells.map(|cell| {
            let drawn = Cell::new(clean(&cell.text));
            match cell.tone {
                Tone::Plain => drawn,
                Tone::Good => drawn.fg(Color::Green),
                Tone::Warn => drawn.fg(Color::Yellow),
                Tone::Bad => drawn.fg(Color::Red),
            }
        }));
    }

    /// The table as text; empty where it has no row.
    pub fn draw(mut self) -> String {
        if self.table.is_empty() {
            return String::new();
        }
        let last = self.columns.len().saturating_sub(1);
        for (at, (drawn, column)) in self.table.column_iter_mut().zip(&self.columns).enumerate() {
            drawn.set_padding((0, if at == last { 0 } else { 2 }));
            if column.right {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
            if column.whole {
                drawn.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let mut text = self.table.trim_fmt();
        text.push('\n');
        text
    }
}

/// A text of a stranger's without what would command the terminal or turn the reading direction: control characters
/// and bidirectional marks. Line breaks stay.
pub fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => Some(c),
        '\t' => Some(' '),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => None,
        c => Some(c),
    };
    text.chars().filter_map(harmless).collect()
}

/// The same on one line.
pub fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number with its thousands apart.
pub fn number(n: u64) -> String {
    HumanCount(n).to_string()
}

/// How long something took, to the second.
pub fn lasted(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

/// The time between two moments; none where they stand the wrong way round.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

/// What a person calls an account.
pub fn account(provider: &str, name: &str) -> String {
    one_line(&format!("{provider} · {name}"))
}

/// What a person calls a connector's account.
pub fn connector(of: &ConnectorView) -> String {
    account(&of.provider, of.account_label.as_deref().unwrap_or(&of.account_identifier))
}

/// A sentence about an account.
pub fn about(name: &str, sentence: &str) -> String {
    format!("{}: {}", one_line(name), one_line(&for_terminal(sentence)))
}

#[cfg(test)]
pub mod samples {
    //! Made-up things for the tests of what is shown.
    use super::*;
    use crate::{
        app::{RunStatus, RunView, Stats, SyncType},
        ids::{ConnectorId, RunId},
    };

    /// A terminal of so many columns without colours, in UTC.
    pub fn look(width: u16) -> Look {
        Look { width: Some(width), styled: false, zone: TimeZone::UTC }
    }

    /// A time on the first of March 2026.
    pub fn at(time: &str) -> Timestamp {
        format!("2026-03-01T{time}Z").parse().unwrap()
    }

    /// A connector of Slack.
    pub fn connector(label: &str) -> ConnectorView {
        ConnectorView {
            connector_id: ConnectorId(uuid::Uuid::from_u128(
                0x0197_f0c0_7a5e_7cc3_98c4_dc0c_0c07_398f,
            )),
            provider: "slack".into(),
            account_identifier: "U024BE7LH".into(),
            account_scope: None,
            account_label: (!label.is_empty()).then(|| label.to_owned()),
            status: crate::app::ConnectorStatus::Active,
            secrets_set: vec!["access_token".into()],
            metadata: std::collections::BTreeMap::new(),
            records: 12_345,
            last_successful_sync: Some(at("10:22:00")),
            last_error: None,
            running: None,
            removals_waiting: None,
            webhook_url: None,
            created_at: at("09:00:00"),
        }
    }

    /// A run of that connector that ended well after 63 seconds.
    pub fn run(status: RunStatus) -> RunView {
        let of = connector("Anna");
        RunView {
            run_id: Some(RunId(uuid::Uuid::from_u128(0x0197_f0c0_8b6f_7dd4_a9d5_ed1d_1d18_4a90))),
            connector_id: of.connector_id,
            provider: of.provider,
            account: "Anna".into(),
            sync_type: SyncType::Incremental,
            status,
            stats: Stats {
                created: 1200,
                updated: 3,
                unchanged: 40,
                pages: 13,
                ..Stats::default()
            },
            more: false,
            already_running: false,
            dry_run: false,
            feeds: 4,
            feeds_skipped: Vec::new(),
            removals_waiting: 0,
            error: None,
            started_at: at("10:22:00"),
            completed_at: Some(at("10:23:03")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{samples::look, *};

    #[test]
    fn a_strangers_text_cannot_command_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{9b}31mc\u{7}\rd\u{202e}e\nf\tg"), "a[2Jb31mcde\nf g");
        assert_eq!(one_line("  two\n lines "), "two lines");
    }

    #[test]
    fn a_table_has_no_rules_and_its_numbers_stand_to_the_right() {
        let columns = [Column::text("name"), Column::number("records")];
        let mut grid = Grid::new(&look(80), &columns);
        grid.row(["slack".into(), number(12_345).into()]);
        grid.row([toned("gmail", Tone::Bad), number(7).into()]);
        assert_eq!(grid.draw(), "name   records\nslack   12,345\ngmail        7\n");
    }

    #[test]
    fn an_id_is_never_wrapped() {
        let columns = [Column::text("what"), Column::text("id").whole()];
        let mut grid = Grid::new(&look(30), &columns);
        grid.row(["some longer words".into(), "0123456789abcdef".into()]);
        assert!(grid.draw().contains("0123456789abcdef"));
    }

    #[test]
    fn a_table_without_rows_prints_nothing() {
        assert_eq!(Grid::new(&look(80), &[Column::text("name")]).draw(), "");
    }

    #[test]
    fn colours_are_drawn_only_where_they_may_be() {
        let draw = |styled| {
            let mut grid = Grid::new(&Look { styled, ..look(80) }, &[Column::text("name")]);
            grid.row([toned("gmail", Tone::Bad)]);
            grid.draw()
        };
        assert!(draw(true).contains('\u{1b}'));
        assert!(!draw(false).contains('\u{1b}'));
    }

    #[test]
    fn times_are_shown_in_the_persons_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let look = Look { zone: berlin, ..look(80) };
        assert_eq!(look.time("2026-07-01T22:30:00Z".parse().unwrap()), "2026-07-02 00:30");
        assert_eq!(look.time_or(None, "never"), "never");
    }

    #[test]
    fn durations_are_said_to_the_second() {
        assert_eq!(lasted(Duration::from_millis(900)), "0s");
        assert_eq!(lasted(Duration::from_secs(63)), "1m 3s");
        assert_eq!(lasted(Duration::from_secs(7265)), "2h 1m 5s");
    }
}
