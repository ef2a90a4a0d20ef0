//! How often something is repeated, as a line of iCalendar.
//!
//! Microsoft Graph, "patternedRecurrence resource type"; RFC 5545, "Recurrence Rule".

use std::fmt::Write as _;

use serde::Deserialize;

use crate::wire::time;

/// patternedRecurrence resource.
#[derive(Deserialize)]
pub struct Recurrence {
    pattern: Pattern,
    range: Option<Range>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pattern {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    interval: u32,
    #[serde(default)]
    month: u32,
    #[serde(default)]
    day_of_month: u32,
    days_of_week: Option<Vec<String>>,
    first_day_of_week: Option<String>,
    index: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    #[serde(rename = "type")]
    kind: String,
    end_date: Option<String>,
    #[serde(default)]
    number_of_occurrences: u32,
}

impl Recurrence {
    /// The rule; none where the pattern is of a sort that nobody knows.
    pub fn rule(&self, all_day: bool) -> Option<String> {
        let Pattern { kind, interval, month, day_of_month, .. } = &self.pattern;
        let yearly = |rest: String| format!("YEARLY;BYMONTH={month}{rest}");
        let on_day = format!(";BYMONTHDAY={day_of_month}");
        let frequency = match kind.as_str() {
            "daily" => "DAILY".to_owned(),
            "weekly" => format!("WEEKLY{}", self.pattern.days("")?),
            "absoluteMonthly" => format!("MONTHLY{on_day}"),
            "relativeMonthly" => format!("MONTHLY{}", self.pattern.nth()?),
            "absoluteYearly" => yearly(on_day),
            "relativeYearly" => yearly(self.pattern.nth()?),
            _ => return None,
        };
        let mut rule = format!("RRULE:FREQ={frequency}");
        if *interval > 1 {
            write!(rule, ";INTERVAL={interval}").ok()?;
        }
        if kind == "weekly"
            && let Some(first) = &self.pattern.first_day_of_week
        {
            write!(rule, ";WKST={}", two(first)?).ok()?;
        }
        match &self.range {
            Some(Range { kind, end_date: Some(end), .. }) if kind == "endDate" => {
                let day = time::day(end)?.strftime("%Y%m%d");
                // Where the beginning is a moment, so is the end.
                write!(rule, ";UNTIL={day}{}", if all_day { "" } else { "T235959Z" }).ok()?;
            }
            Some(Range { kind, number_of_occurrences, .. }) if kind == "numbered" => {
                write!(rule, ";COUNT={number_of_occurrences}").ok()?;
            }
            _ => {}
        }
        Some(rule)
    }
}

impl Pattern {
    /// The days of the week, each with this before it.
    fn days(&self, before: &str) -> Option<String> {
        let days = self.days_of_week.as_ref().filter(|days| !days.is_empty())?;
        let days: Option<Vec<String>> =
            days.iter().map(|day| Some(format!("{before}{}", two(day)?))).collect();
        Some(format!(";BYDAY={}", days?.join(",")))
    }

    /// The first, second … of a month: of one day by its number, of any of several by their place.
    fn nth(&self) -> Option<String> {
        let nth = match self.index.as_deref()? {
            "first" => "1",
            "second" => "2",
            "third" => "3",
            "fourth" => "4",
            "last" => "-1",
            _ => return None,
        };
        if self.days_of_week.as_ref()?.len() > 1 {
            return Some(format!("{};BYSETPOS={nth}", self.days("")?));
        }
        self.days(nth)
    }
}

/// The two letters of a day of the week.
fn two(day: &str) -> Option<String> {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let day = days.into_iter().find(|name| day.eq_ignore_ascii_case(name))?;
    Some(day.get(..2)?.to_ascii_uppercase())
}
