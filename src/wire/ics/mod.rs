//! iCalendar: the events of a calendar's text.
//!
//! RFC 5545 (iCalendar), RFC 7986 (`CONFERENCE`), RFC 6868 (signs in parameters). Read by hand, line by line: a recurrence is
//! kept as it was written, which readers that build a tree do not give back, zones may be described by the text alone, and
//! a broken line must cost that line. Time and memory are linear in the text, whatever it is.

mod event;
mod line;
mod time;
mod windows;
mod zone;

#[cfg(test)]
mod tests;

use self::{
    event::Reading,
    line::{Line, lines},
    zone::Zones,
};
pub use zone::Zone;

use crate::record::{Event, Moment};

/// What a calendar's text holds.
#[derive(Debug, Default)]
pub struct Calendar {
    /// Its events: single ones, masters of series, and the instances that differ from them.
    pub events: Vec<VEvent>,
    /// Events with a beginning that cannot be read.
    pub unreadable: u32,
}

/// An event. Which calendar it is in is for the caller to say.
#[derive(Debug)]
pub struct VEvent {
    /// `UID`; required, and missing all the same at times.
    pub uid: Option<String>,
    /// The beginning that an instance would have by its series' rule (`RECURRENCE-ID`).
    pub instance: Option<Moment>,
    /// What it says.
    pub event: Event,
}

/// Most content lines of a text that are looked at; of one with more the rest is left, and told of as unreadable.
const LINES: usize = 500_000;

/// Reads a calendar's text. `floating` is the zone of times that name none, or one that nobody knows. An event without a
/// beginning is none.
pub fn read(text: &str, floating: &Zone) -> Calendar {
    let (components, left) = components(text);
    let reading = Reading { zones: Zones::of(&components), floating };
    let mut calendar = Calendar::default();
    for component in &components {
        let Component::Event(lines) = component else { continue };
        match reading.event(lines) {
            Some(event) => calendar.events.push(event),
            None if lines.iter().any(|line| line.is("DTSTART")) => calendar.unreadable += 1,
            None => {}
        }
    }
    calendar.unreadable += u32::from(left);
    calendar
}

/// A part of a calendar that is read.
enum Component {
    /// The lines of an event, without those of its alarms.
    Event(Vec<Line>),
    /// The lines of a zone, and of each of its rules.
    Zone { own: Vec<Line>, rules: Vec<Vec<Line>> },
}

/// Cuts a text into its events and zones, and says whether a part of it was left. An event that is never ended ends where the
/// next begins.
fn components(text: &str) -> (Vec<Component>, bool) {
    let (mut cutter, mut lines) = (Cutter::default(), lines(text));
    lines.by_ref().take(LINES).for_each(|line| cutter.take(line));
    (cutter.found, lines.next().is_some())
}

#[derive(Default)]
struct Cutter {
    found: Vec<Component>,
    open: Open,
    /// Parts that are open inside the open one and are not read.
    inside: u32,
}

/// Where lines go.
#[derive(Clone, Copy, Default)]
enum Open {
    #[default]
    Nowhere,
    Event,
    Zone,
    Rule,
}

impl Cutter {
    fn take(&mut self, line: Line) {
        if line.is("BEGIN") {
            self.begin(line.value().trim());
        } else if line.is("END") {
            self.end(line.value().trim());
        } else if self.inside == 0 {
            match (self.open, self.found.last_mut()) {
                (Open::Event, Some(Component::Event(lines))) => lines.push(line),
                (Open::Zone, Some(Component::Zone { own, .. })) => own.push(line),
                (Open::Rule, Some(Component::Zone { rules, .. })) => {
                    if let Some(lines) = rules.last_mut() {
                        lines.push(line);
                    }
                }
                _ => {}
            }
        }
    }

    fn begin(&mut self, name: &str) {
        let (open, inside) = match (name.to_ascii_uppercase().as_str(), self.open) {
            ("VEVENT", _) => {
                self.found.push(Component::Event(Vec::new()));
                (Open::Event, 0)
            }
            ("VTIMEZONE", _) => {
                self.found.push(Component::Zone { own: Vec::new(), rules: Vec::new() });
                (Open::Zone, 0)
            }
            ("STANDARD" | "DAYLIGHT", Open::Zone | Open::Rule) => {
                if let Some(Component::Zone { rules, .. }) = self.found.last_mut() {
                    rules.push(Vec::new());
                }
                (Open::Rule, 0)
            }
            ("VTODO" | "VJOURNAL" | "VFREEBUSY", _) => (Open::Nowhere, 0),
            (_, open) => (open, self.inside + 1),
        };
        (self.open, self.inside) = (open, inside);
    }

    fn end(&mut self, name: &str) {
        let (open, inside) = match (name.to_ascii_uppercase().as_str(), self.open) {
            ("VEVENT", Open::Event) | ("VTIMEZONE", Open::Zone | Open::Rule) => (Open::Nowhere, 0),
            ("STANDARD" | "DAYLIGHT", Open::Rule) => (Open::Zone, 0),
            (_, open) => (open, self.inside.saturating_sub(1)),
        };
        (self.open, self.inside) = (open, inside);
    }
}
