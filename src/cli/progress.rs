//! How running imports are shown: bars on a terminal, now and then a line elsewhere. All of it on stderr.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    out,
    table::{number, one_line},
};
use crate::{
    app::{Progress, Stats},
    http::Wait,
    telemetry,
};

/// How often what is shown is looked at.
pub const TICK: Duration = Duration::from_millis(250);
/// The least time between two lines of one import, where lines are printed.
const BETWEEN_LINES: Duration = Duration::from_secs(2);
/// The time that a rate is measured over.
const WINDOW: Duration = Duration::from_secs(10);

/// Where the imports of one command are shown.
pub struct Board {
    bars: Option<MultiProgress>,
}

impl Board {
    /// Bars where stderr is a terminal, lines elsewhere.
    pub fn new() -> Self {
        let bars = io::stderr()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        telemetry::go_around(bars.clone());
        Self { bars }
    }

    /// Begins to show an import of the account that is called so.
    pub fn begin(&self, name: &str, now: Instant) -> Line {
        let meter = Meter::new(now);
        let name = one_line(name);
        let Some(bars) = &self.bars else {
            out::say(format_args!("{name}: started"));
            return Line { name, meter, shown: Shown::Lines(Lines::new(now)) };
        };
        let bar = bars.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {prefix}  {wide_msg}"));
        bar.set_prefix(name.clone());
        bar.set_message("starting");
        bar.enable_steady_tick(Duration::from_millis(100));
        Line { name, meter, shown: Shown::Bar(bar) }
    }

    /// Says something without tearing a bar apart.
    pub fn say(&self, message: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| out::say(message)),
            None => out::say(message),
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        telemetry::go_around(None);
        if let Some(bars) = &self.bars {
            // The terminal has gone: there is nothing to clear.
            let _ = bars.clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A wrong template would only cost the looks, and the tests draw with it.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// One import, as it is shown.
pub struct Line {
    name: String,
    meter: Meter,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines(Lines),
}

impl Line {
    /// Shows how far it is.
    pub fn show(&mut self, progress: &Progress, now: Instant) {
        self.meter.take(progress, now);
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_message(self.meter.text(progress, now)),
            Shown::Lines(lines) => {
                if lines.due(progress, now) {
                    out::say(format_args!("{}: {}", self.name, self.meter.text(progress, now)));
                }
            }
        }
    }

    /// Shows how it ended.
    pub fn end(self, outcome: &str) {
        match self.shown {
            Shown::Bar(bar) => {
                bar.set_style(style("  {prefix}  {wide_msg}"));
                bar.finish_with_message(one_line(outcome));
            }
            Shown::Lines(_) => out::say(format_args!("{}: {}", self.name, one_line(outcome))),
        }
    }
}

/// Records that a run has met, whatever became of them.
pub fn records(of: &Stats) -> u64 {
    of.created + of.updated + of.unchanged
}

/// Records and pages, in words.
pub fn counted(of: &Stats) -> String {
    let s = |n: u64| if n == 1 { "" } else { "s" };
    let (records, pages) = (records(of), of.pages);
    format!("{} record{}, {} page{}", number(records), s(records), number(pages), s(pages))
}

/// Measures how fast a run goes and how long its wait still takes.
struct Meter {
    samples: VecDeque<(Instant, u64)>,
    waits: Option<(Wait, Instant)>,
}

impl Meter {
    fn new(now: Instant) -> Self {
        Self { samples: VecDeque::from([(now, 0)]), waits: None }
    }

    fn take(&mut self, progress: &Progress, now: Instant) {
        self.samples.push_back((now, records(&progress.stats)));
        // The oldest sample that is kept stands at the window's far side or just behind it.
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
        let known = self.waits.as_ref().map(|(wait, _)| wait);
        if known != progress.waiting.as_ref() {
            self.waits = progress.waiting.clone().map(|wait| (wait, now));
        }
    }

    /// Records a second, over the window.
    fn rate(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.samples.front(), self.samples.back())
        else {
            return 0.0;
        };
        let seconds = to.duration_since(*from).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate that is shown to two digits")]
        let records = after.saturating_sub(*before) as f64;
        if seconds > 0.0 { records / seconds } else { 0.0 }
    }

    fn text(&self, progress: &Progress, now: Instant) -> String {
        let mut text = counted(&progress.stats);
        if let Some((wait, since)) = &self.waits {
            let left = wait.seconds.saturating_sub(now.duration_since(*since).as_secs());
            let _ = write!(text, ", waiting {} s: {}", number(left), wait.why);
        } else {
            let rate = self.rate();
            let digits = usize::from(rate < 10.0);
            let _ = write!(text, ", {rate:.digits$} records/s");
        }
        text
    }
}

/// Decides when a line is worth printing: something changed, and the last line is a while ago.
struct Lines {
    printed: Instant,
    told: (u64, u64, Option<Wait>),
}

impl Lines {
    fn new(now: Instant) -> Self {
        Self { printed: now, told: (0, 0, None) }
    }

    fn due(&mut self, progress: &Progress, now: Instant) -> bool {
        let news = (records(&progress.stats), progress.stats.pages, progress.waiting.clone());
        let due = news != self.told && now.duration_since(self.printed) >= BETWEEN_LINES;
        if due {
            (self.printed, self.told) = (now, news);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn progress(created: u64, pages: u64) -> Progress {
        Progress { stats: Stats { created, pages, ..Stats::default() }, waiting: None }
    }

    fn waiting(seconds: u64) -> Progress {
        let why = "throttled by the service";
        Progress { waiting: Some(Wait { seconds, why }), ..progress(1234, 12) }
    }

    #[test]
    fn a_line_is_printed_only_when_something_changed_and_two_seconds_after_the_last() {
        let start = Instant::now();
        let mut lines = Lines::new(start);
        assert!(!lines.due(&progress(10, 1), at(start, 1999)), "too early");
        assert!(lines.due(&progress(10, 1), at(start, 2000)));
        assert!(!lines.due(&progress(10, 1), at(start, 9000)), "nothing new");
        assert!(lines.due(&progress(11, 1), at(start, 9001)));
        assert!(!lines.due(&progress(12, 2), at(start, 10_000)), "too early");
        assert!(
            lines.due(&progress(12, 2), at(start, 11_001)),
            "news that came too early is not lost"
        );
        let mut asked = progress(12, 2);
        asked.stats.requests = 99;
        assert!(!lines.due(&asked, at(start, 99_000)), "requests alone are no news");
    }

    #[test]
    fn a_line_tells_records_pages_and_their_rate() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.take(&progress(100, 1), at(start, 4000));
        assert_eq!(
            meter.text(&progress(100, 1), at(start, 4000)),
            "100 records, 1 page, 25 records/s"
        );
        assert_eq!(counted(&progress(1, 0).stats), "1 record, 0 pages");
    }

    #[test]
    fn the_rate_forgets_what_is_long_ago() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        for second in 1..=100 {
            meter.take(&progress(1000, 10), at(start, second * 1000));
        }
        assert!(meter.rate().abs() < f64::EPSILON, "{}", meter.rate());
        meter.take(&progress(1030, 10), at(start, 101_000));
        assert_eq!(
            meter.text(&progress(1030, 10), at(start, 101_000)),
            "1,030 records, 10 pages, 3.0 records/s"
        );
        assert!(meter.samples.len() <= 12, "{} samples are kept", meter.samples.len());
    }

    #[test]
    fn a_wait_is_counted_down_and_says_why() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.take(&waiting(30), start);
        assert_eq!(
            meter.text(&waiting(30), start),
            "1,234 records, 12 pages, waiting 30 s: throttled by the service"
        );
        meter.take(&waiting(30), at(start, 12_500));
        assert!(meter.text(&waiting(30), at(start, 12_500)).contains("waiting 18 s"));
        meter.take(&progress(1234, 12), at(start, 30_000));
        assert!(!meter.text(&progress(1234, 12), at(start, 30_000)).contains("waiting"));
    }

    #[test]
    fn bars_show_every_account_and_how_it_ended() {
        let term = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        let board = Board { bars: Some(MultiProgress::with_draw_target(target)) };
        let start = Instant::now();
        let mut slack = board.begin("slack · Anna", start);
        let gmail = board.begin("gmail · a@example.com", start);
        slack.show(&progress(100, 1), at(start, 4000));
        gmail.end("success");
        if let Shown::Bar(bar) = &slack.shown {
            bar.tick();
        }
        let drawn = term.contents();
        assert!(drawn.contains("slack · Anna  100 records, 1 page, 25 records/s"), "{drawn}");
        assert!(drawn.contains("gmail · a@example.com  success"), "{drawn}");
        drop(board);
    }
}
