//! Batches of a microbatch model: which windows of event time a run builds. Everything is in UTC, as in dbt.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Serialize;
use serde::ser::Serializer;

use crate::clock;
use crate::context::Batch;
use crate::manifest::BatchSize;

/// A window of event time: its first moment, and the moment behind its last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// First moment.
    pub start: Timestamp,
    /// The moment behind the last one.
    pub end: Timestamp,
}

/// As artifacts have it: two moments in a list.
impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.start, self.end].map(|at| at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()).serialize(serializer)
    }
}

/// What became of the batches of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BatchResults {
    /// Built.
    pub successful: Vec<Window>,
    /// Failed, or not tried because the first one failed.
    pub failed: Vec<Window>,
}

fn local(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

fn moment(at: DateTime) -> Timestamp {
    at.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The beginning of the batch that holds a moment.
fn floor(at: Timestamp, size: BatchSize) -> Timestamp {
    let at = local(at);
    let day = match size {
        BatchSize::Hour | BatchSize::Day => at.date(),
        BatchSize::Month => at.date().first_of_month(),
        BatchSize::Year => at.date().first_of_year(),
    };
    let hour = if size == BatchSize::Hour { at.hour() } else { 0 };
    moment(day.at(hour, 0, 0, 0))
}

/// A number of batches later, or earlier, from the beginning of one.
fn offset(start: Timestamp, size: BatchSize, batches: i64) -> Timestamp {
    let span = match size {
        BatchSize::Hour => Span::new().try_hours(batches),
        BatchSize::Day => Span::new().try_days(batches),
        BatchSize::Month => Span::new().try_months(batches),
        BatchSize::Year => Span::new().try_years(batches),
    };
    let edge = if batches < 0 { Timestamp::MIN } else { Timestamp::MAX };
    span.and_then(|span| local(start).checked_add(span)).map_or(edge, moment)
}

fn ceiling(at: Timestamp, size: BatchSize) -> Timestamp {
    let start = floor(at, size);
    if start == at { at } else { offset(start, size, 1) }
}

/// What decides which batches are built.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) size: BatchSize,
    /// `begin`
    pub(crate) begin: Timestamp,
    /// `lookback`: how many batches before the current one are built again.
    pub(crate) lookback: i64,
    /// Whether there is a table to go on from.
    pub(crate) incremental: bool,
    /// The moment of the run.
    pub(crate) now: Timestamp,
    /// A window asked for on the command line.
    pub(crate) asked: Option<Window>,
}

/// The windows to build, in order; the last one ends where the window as a whole does.
pub(crate) fn windows(question: &Question) -> Vec<Window> {
    let size = question.size;
    let end = ceiling(question.asked.map_or(question.now, |asked| asked.end), size);
    let first = match question.asked {
        Some(asked) => floor(asked.start, size),
        None if !question.incremental => floor(question.begin, size),
        // The end is the edge of a batch: the current batch lies before it.
        None => offset(end, size, -(question.lookback + 1)),
    };
    let mut windows = vec![Window { start: first, end: offset(first, size, 1) }];
    while let Some(last) = windows.last().copied().filter(|last| last.end < end) {
        windows.push(Window { start: last.end, end: offset(last.end, size, 1) });
    }
    if let Some(last) = windows.last_mut() {
        last.end = end;
    }
    windows
}

/// The beginning of a batch as file names and messages have it: `2026-02-01`, `2026-02-01T10`, `2026-02`, `2026`.
pub(crate) fn label(start: Timestamp, size: BatchSize) -> String {
    let format = match size {
        BatchSize::Hour => "%Y-%m-%dT%H",
        BatchSize::Day => "%Y-%m-%d",
        BatchSize::Month => "%Y-%m",
        BatchSize::Year => "%Y",
    };
    start.strftime(format).to_string()
}

/// A window as templates see it.
pub(crate) fn batch(window: Window, size: BatchSize) -> Batch {
    Batch { id: label(window.start, size).replace('-', ""), start: window.start, end: window.end }
}

/// The window of `--sample`: `3 days` up to now, or `{start: 2026-02-01, end: 2026-02-03}`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_sample(text: &str, now: Timestamp) -> Result<Window, String> {
    if text.trim_start().starts_with('{') {
        let map: std::collections::BTreeMap<String, String> =
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let part = |key: &str| {
            let text = map.get(key).ok_or_else(|| format!("it has no `{key}`"))?;
            clock::parse(text).ok_or_else(|| format!("`{key}: {text}` is no moment"))
        };
        return Ok(Window { start: part("start")?, end: part("end")? });
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let [number, unit] = words.as_slice() else { return Err("it is not a number and a unit".to_owned()) };
    let number: i64 = number.parse().map_err(|_| format!("`{number}` is no whole number"))?;
    let size = match unit.to_lowercase().trim_end_matches('s') {
        "hour" => BatchSize::Hour,
        "day" => BatchSize::Day,
        "month" => BatchSize::Month,
        "year" => BatchSize::Year,
        _ => return Err(format!("`{unit}` is not hours, days, months or years")),
    };
    Ok(Window { start: offset(now, size, -number), end: now })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        clock::parse(text).expect(text)
    }

    fn shown(question: &Question) -> String {
        let windows = windows(question);
        let line = |window: &Window| format!("{}..{}", label(window.start, question.size), local(window.end));
        windows.iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_first_run_begins_at_begin_and_a_later_one_looks_back() {
        let mut question = Question {
            size: BatchSize::Day,
            begin: at("2026-02-01 12:00:00"),
            lookback: 1,
            incremental: false,
            now: at("2026-02-03 09:30:00"),
            asked: None,
        };
        insta::assert_snapshot!(shown(&question), @"2026-02-01..2026-02-02T00:00:00 2026-02-02..2026-02-03T00:00:00 2026-02-03..2026-02-04T00:00:00");
        question.incremental = true;
        insta::assert_snapshot!(shown(&question), @"2026-02-02..2026-02-03T00:00:00 2026-02-03..2026-02-04T00:00:00");
        question.lookback = 0;
        question.now = at("2026-02-03");
        insta::assert_snapshot!(shown(&question), @"2026-02-02..2026-02-03T00:00:00");
        question.asked = Some(Window { start: at("2026-01-30 05:00:00"), end: at("2026-01-31 01:00:00") });
        insta::assert_snapshot!(shown(&question), @"2026-01-30..2026-01-31T00:00:00 2026-01-31..2026-02-01T00:00:00");
    }

    #[test]
    fn months_and_years_are_those_of_the_calendar() {
        let mut question = Question {
            size: BatchSize::Month,
            begin: at("2025-11-30"),
            lookback: 2,
            incremental: true,
            now: at("2026-01-31 23:00:00"),
            asked: None,
        };
        insta::assert_snapshot!(shown(&question), @"2025-11..2025-12-01T00:00:00 2025-12..2026-01-01T00:00:00 2026-01..2026-02-01T00:00:00");
        question.size = BatchSize::Year;
        insta::assert_snapshot!(shown(&question), @"2024..2025-01-01T00:00:00 2025..2026-01-01T00:00:00 2026..2027-01-01T00:00:00");
        assert_eq!(
            batch(Window { start: at("2026-02-01 10:00:00"), end: at("2026-02-01 11:00:00") }, BatchSize::Hour).id,
            "20260201T10"
        );
    }

    #[test]
    fn a_sample_is_a_stretch_up_to_now_or_two_moments() {
        let now = at("2026-03-31 12:00:00");
        let shown = |text: &str| match parse_sample(text, now) {
            Ok(window) => format!("{} {}", window.start, window.end),
            Err(error) => error,
        };
        assert_eq!(shown("1 month"), "2026-02-28T12:00:00Z 2026-03-31T12:00:00Z");
        assert_eq!(shown("{'start': '2026-01-01', 'end': '2026-01-02'}"), "2026-01-01T00:00:00Z 2026-01-02T00:00:00Z");
        assert_eq!(shown("3 weeks"), "`weeks` is not hours, days, months or years");
        assert_eq!(shown("soon"), "it is not a number and a unit");
        assert_eq!(shown("{start: 2026-01-01}"), "it has no `end`");
    }
}
