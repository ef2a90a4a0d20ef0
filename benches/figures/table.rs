//! The table that is printed in the end: a figure a line, with its target and whether it is met.

use std::io::{self, Write as _};

/// What was found so far.
#[derive(Default)]
pub struct Figures {
    lines: Vec<Line>,
}

struct Line {
    what: String,
    measured: String,
    target: String,
    met: Option<bool>,
    how: String,
}

/// How a number is written.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// A ratio.
    Times,
    /// MiB.
    Mib,
    /// Milliseconds.
    Ms,
    /// Something that is counted.
    Count,
}

impl Unit {
    fn write(self, number: f64) -> String {
        match self {
            Self::Times => format!("{number:.2}x"),
            Self::Mib => format!("{number:.1} MiB"),
            Self::Ms => format!("{number:.1} ms"),
            Self::Count => format!("{number:.0}"),
        }
    }
}

impl Figures {
    /// A number that nothing is asked of.
    pub fn tell(&mut self, what: &str, number: f64, unit: Unit, how: String) {
        self.push(what, unit.write(number), String::new(), None, how);
    }

    /// A number that is to be so large.
    pub fn at_least(&mut self, what: &str, number: f64, least: f64, unit: Unit, how: String) {
        let target = format!("at least {}", unit.write(least));
        self.push(what, unit.write(number), target, Some(number >= least), how);
    }

    /// A number that is to be no larger.
    pub fn at_most(&mut self, what: &str, number: f64, most: f64, unit: Unit, how: String) {
        let target = format!("at most {}", unit.write(most));
        self.push(what, unit.write(number), target, Some(number <= most), how);
    }

    /// A number that is to be this one.
    pub fn exactly(&mut self, what: &str, number: i64, wanted: i64, how: String) {
        let target = format!("exactly {wanted}");
        self.push(what, number.to_string(), target, Some(number == wanted), how);
    }

    fn push(
        &mut self,
        what: &str,
        measured: String,
        target: String,
        met: Option<bool>,
        how: String,
    ) {
        let verdict = verdict(met);
        eprintln!("  {what}: {measured} {verdict} ({how})");
        self.lines.push(Line { what: what.to_owned(), measured, target, met, how });
    }

    /// Whether no target was missed.
    pub fn all_met(&self) -> bool {
        self.lines.iter().all(|line| line.met != Some(false))
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn print(&self) -> io::Result<()> {
        let head = ["figure", "measured", "target", "", "how"].map(str::to_owned);
        let rows = self.lines.iter().map(|line| {
            let [what, measured, target, how] =
                [&line.what, &line.measured, &line.target, &line.how].map(Clone::clone);
            [what, measured, target, verdict(line.met).to_owned(), how]
        });
        let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
        let widest = |of: fn(&[String; 5]) -> &String| {
            rows.iter().map(|row| of(row).chars().count()).max().unwrap_or_default()
        };
        let widths = [
            widest(|row| &row[0]),
            widest(|row| &row[1]),
            widest(|row| &row[2]),
            widest(|row| &row[3]),
        ];
        let [one, two, three, four] = widths;
        let mut out = io::stdout().lock();
        for [what, measured, target, verdict, how] in &rows {
            writeln!(
                out,
                "{what:one$}  {measured:>two$}  {target:three$}  {verdict:four$}  {how}"
            )?;
        }
        Ok(())
    }
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        None => "",
        Some(true) => "ok",
        Some(false) => "MISSED",
    }
}

/// A rate for people.
pub fn per_second(rate: f64) -> String {
    let thousands = (rate / 1e3).floor();
    if thousands >= 1.0 {
        format!("{thousands:.0},{:03.0}/s", rate - thousands * 1e3)
    } else {
        format!("{rate:.0}/s")
    }
}
