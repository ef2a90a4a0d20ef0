//! How a running import is shown: a bar on a terminal, a line now and then elsewhere.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io,
    time::{Duration, Instant},
};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use super::screen::{Screen, clean};

/// The least time between two lines of one import, where lines are shown.
const BETWEEN_LINES: Duration = Duration::from_secs(5);
/// The time that a rate is measured over.
const WINDOW: Duration = Duration::from_secs(10);
/// Narrower than this there is no room for a bar beside the words.
const ROOM_FOR_A_BAR: usize = 84;

/// One import, as it is shown.
pub struct Bar<'a> {
    screen: &'a Screen,
    drawn: Option<ProgressBar>,
    name: &'static str,
    total: u64,
    records: u64,
    pages: String,
    wait: Option<(String, Instant, u64)>,
    samples: VecDeque<(Instant, u64)>,
    began: Instant,
    printed: Instant,
}

impl<'a> Bar<'a> {
    pub(super) fn begin(
        screen: &'a Screen,
        bars: Option<&MultiProgress>,
        name: &'static str,
        total: u64,
    ) -> Self {
        let now = Instant::now();
        let drawn = bars.map(|bars| {
            let bar = bars.add(ProgressBar::new(total.max(1)));
            bar.set_style(style(if screen.width() < ROOM_FOR_A_BAR {
                "  {prefix:5}  {wide_msg}"
            } else {
                "  {prefix:5}  {bar:26.cyan/238}  {wide_msg}"
            }));
            bar.set_prefix(name);
            bar
        });
        let bar = Self {
            screen,
            drawn,
            name,
            total,
            records: 0,
            pages: String::new(),
            wait: None,
            samples: VecDeque::from([(now, 0)]),
            began: now,
            printed: now,
        };
        bar.draw(now);
        bar
    }

    /// Takes a progress notification: how many records, and what the server says to it.
    pub fn told(&mut self, records: f64, message: &str) {
        let waits = message.strip_prefix("waiting ").and_then(|rest| rest.split_once(" s: "));
        if let Some((seconds, why)) = waits {
            let seconds = seconds.replace(',', "").parse().unwrap_or_default();
            self.wait = Some((clean(why), Instant::now(), seconds));
            return;
        }
        self.wait = None;
        self.pages = message.split_once(", ").map_or_else(String::new, |(_, pages)| clean(pages));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of records, which the protocol carries as a number with a point"
        )]
        let records = records.max(0.0) as u64;
        self.records = records;
        self.samples.push_back((Instant::now(), records));
    }

    /// Shows how it stands now: a wait is counted down, a rate forgets.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn tick(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
        self.draw(now);
        if self.drawn.is_none() && now.duration_since(self.printed) >= BETWEEN_LINES {
            self.printed = now;
            return self.screen.line(&format!("  {:5}  {}", self.name, self.words(now)));
        }
        Ok(())
    }

    /// Shows that it has ended. It leaves the screen when it is dropped, so that the others stay where they are.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn end(&self) -> io::Result<()> {
        let records = HumanCount(self.total);
        let words =
            format!("✓ {records} of {records} in {:.1} s", self.began.elapsed().as_secs_f64());
        let Some(bar) = &self.drawn else {
            return self.screen.line(&format!("  {:5}  {words}", self.name));
        };
        bar.set_position(self.total);
        bar.set_message(words);
        bar.tick();
        Ok(())
    }

    fn draw(&self, now: Instant) {
        if let Some(bar) = &self.drawn {
            bar.set_position(self.records.min(self.total));
            bar.set_message(self.words(now));
        }
    }

    fn words(&self, now: Instant) -> String {
        // The server counts what it is told twice, as a task in two projects is, twice.
        let records = HumanCount(self.records.min(self.total));
        let mut words = format!("{records} of {}", HumanCount(self.total));
        if !self.pages.is_empty() {
            let _ = write!(words, ", {}", self.pages);
        }
        match &self.wait {
            Some((why, since, seconds)) => {
                let left = seconds.saturating_sub(now.duration_since(*since).as_secs());
                let _ = write!(words, ", waiting {left} s: {why}");
            }
            None => {
                let _ = write!(words, ", {:.0} records/s", self.rate(now));
            }
        }
        words
    }

    fn rate(&self, now: Instant) -> f64 {
        let Some((from, before)) = self.samples.front() else { return 0.0 };
        let seconds = now.duration_since(*from).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate that is shown without a fraction")]
        let records = self.records.saturating_sub(*before) as f64;
        if seconds > 0.0 { records / seconds } else { 0.0 }
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A wrong template costs the looks alone.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}
