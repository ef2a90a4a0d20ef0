//! What the demonstration shows: lines that fit the terminal, and plain ones where nobody watches.
//!
//! Subjects, names and texts are the vendors', so that everything passes [`clean`] on its way out.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{Mutex, PoisonError},
};

use console::{Alignment, Style, Term, measure_text_width, pad_str, truncate_str};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde_json::Value;

use super::progress::Bar;

/// As wide as a text is still read with ease.
const WIDEST: usize = 100;
/// As wide as lines are where no terminal says how wide it is.
const PLAIN: usize = 100;
const MARGIN: &str = "  ";

/// Where the demonstration is shown.
pub struct Screen {
    out: Mutex<Box<dyn Write + Send>>,
    /// Absent where lines are all that can be shown.
    bars: Option<MultiProgress>,
    width: usize,
    styled: bool,
}

impl Screen {
    /// Standard output: with bars and colours on a terminal that has them.
    pub fn stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        let bars = (terminal && !dumb)
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(10)));
        let columns = usize::from(Term::stdout().size().1);
        Self {
            out: Mutex::new(Box::new(io::stdout())),
            bars,
            width: if terminal { columns.clamp(30, WIDEST) } else { PLAIN },
            styled: terminal && !dumb && !set("NO_COLOR"),
        }
    }

    /// Plain lines, to be read by a program.
    #[cfg(test)]
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Box::new(out)), bars: None, width: PLAIN, styled: false }
    }

    /// Columns that a line may have.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The styles that may be used here.
    pub fn style(&self) -> Style {
        Style::new().force_styling(self.styled)
    }

    /// A line as it is.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let write = || {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(out, "{}", text.trim_end())?;
            out.flush()
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Begins a part of the story.
    pub fn part(&self, number: usize, title: &str) -> io::Result<()> {
        self.line("")?;
        let mut before = self.style().cyan().bold().apply_to(number).to_string();
        for line in wrapped(title, self.width.saturating_sub(2)) {
            self.line(&format!("{before} {}", self.style().bold().apply_to(line)))?;
            " ".clone_into(&mut before);
        }
        Ok(())
    }

    /// Says something, as many lines as it takes.
    pub fn say(&self, text: &str) -> io::Result<()> {
        self.styled_text(text, MARGIN, &self.style())
    }

    /// Says something that need not be read.
    pub fn whisper(&self, text: &str) -> io::Result<()> {
        self.styled_text(text, MARGIN, &self.style().dim())
    }

    /// What a person asks.
    pub fn ask(&self, question: &str) -> io::Result<()> {
        self.styled_text(&format!("“{question}”"), MARGIN, &self.style().yellow())
    }

    /// Says something further in, in this style.
    pub fn inside(&self, text: &str, style: &Style) -> io::Result<()> {
        self.styled_text(text, "    ", style)
    }

    /// Says that something is as it has to be.
    pub fn check(&self, text: &str) -> io::Result<()> {
        let mark = self.style().green().apply_to("✓").to_string();
        let mut first = true;
        for line in wrapped(&clean(text), self.width.saturating_sub(4)) {
            let before = if std::mem::take(&mut first) { mark.as_str() } else { " " };
            self.line(&format!("{MARGIN}{before} {line}"))?;
        }
        Ok(())
    }

    /// A call as the assistant makes it, on one line.
    pub fn call(&self, tool: &str, arguments: &Value) -> io::Result<()> {
        let text = clean(&format!("→ {tool} {arguments}"));
        let text = truncate_str(&text, self.width.saturating_sub(2), "…").into_owned();
        self.line(&format!("{MARGIN}{}", self.style().dim().apply_to(text)))
    }

    /// Something to type.
    pub fn command(&self, command: &str, remark: &str) -> io::Result<()> {
        let shown = self.style().cyan().apply_to(command);
        let room = self.width.saturating_sub(46);
        if room < 20 || measure_text_width(command) > 42 {
            self.line(&format!("{MARGIN}{shown}"))?;
            return self.styled_text(remark, "    ", &self.style().dim());
        }
        let mut before = pad_str(&shown.to_string(), 44, Alignment::Left, None).into_owned();
        for line in wrapped(remark, room) {
            self.line(&format!("{MARGIN}{before}{}", self.style().dim().apply_to(line)))?;
            before = " ".repeat(44);
        }
        Ok(())
    }

    /// Rows of a table whose first column names them; on a narrow terminal a few lines for each.
    pub fn table(&self, heads: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(String::as_str);
            let head = heads.get(at).copied();
            cells.chain(head).map(measure_text_width).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        if widths.iter().sum::<usize>() + 2 * widths.len() > self.width {
            return self.stacked(heads, &rows);
        }
        let draw = |cells: Vec<&str>| {
            let cells = cells.into_iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
                let side = if at == 0 { Alignment::Left } else { Alignment::Right };
                pad_str(cell, *width, side, None).into_owned()
            });
            format!("{MARGIN}{}", cells.collect::<Vec<_>>().join("  "))
        };
        let head = draw(heads.to_vec());
        self.line(&self.style().dim().apply_to(head).to_string())?;
        rows.iter().try_for_each(|row| self.line(&draw(row.iter().map(String::as_str).collect())))
    }

    fn stacked(&self, heads: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        for row in rows {
            let name = row.first().map(String::as_str).unwrap_or_default();
            self.styled_text(name, MARGIN, &self.style().bold())?;
            let told = heads.iter().zip(row).skip(1).filter(|(_, cell)| !cell.is_empty());
            let told: Vec<_> = told.map(|(head, cell)| format!("{head} {cell}")).collect();
            self.styled_text(&told.join(", "), "    ", &self.style())?;
        }
        Ok(())
    }

    /// Begins to show an import that brings about so many records.
    pub fn bar(&self, name: &'static str, total: u64) -> Bar<'_> {
        Bar::begin(self, self.bars.as_ref(), name, total)
    }

    fn styled_text(&self, text: &str, margin: &str, style: &Style) -> io::Result<()> {
        let room = self.width.saturating_sub(margin.len());
        wrapped(&clean(text), room)
            .iter()
            .try_for_each(|line| self.line(&format!("{margin}{}", style.apply_to(line))))
    }
}

/// Without what would move the cursor or change the terminal; white space folded.
pub fn clean(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    folded.chars().filter(|c| !c.is_control()).collect()
}

/// Broken between words, or inside one that is longer than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = measure_text_width(&line) + 1 + measure_text_width(word);
        if !line.is_empty() && longer > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for letter in word.chars() {
            if measure_text_width(&line) + measure_text_width(letter.encode_utf8(&mut [0; 4]))
                > width
            {
                lines.push(std::mem::take(&mut line));
            }
            line.push(letter);
        }
    }
    lines.push(line);
    lines
}
