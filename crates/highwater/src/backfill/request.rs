//! What is asked for: which partitions, and why.

use highwater_sql::IntervalUnit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::engine::quote_literal;
use crate::exact::axis::{Axis, quoted};
use crate::exact::ledger;

use super::error::BackfillError;

/// Which partitions of the selected models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Those of a range, or those named.
    Named,
    /// Those that `hw plan` calls dirty.
    Dirty,
    /// Those of models whose logic is no longer the one that built them.
    Logic,
    /// Those that `hw verify` found different, and no run has built since.
    Different,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which partitions.
    pub what: What,
    /// The first moment of the range.
    pub from: Option<String>,
    /// The moment behind its last one.
    pub to: Option<String>,
    /// Partitions by name: days, months, keys, `NULL`.
    pub partitions: Vec<String>,
    /// Why.
    pub reason: String,
    /// Where that is discussed.
    pub ticket: Option<String>,
}

/// More partitions than this are a whole table.
const MOST: i64 = 200_000;

impl Request {
    /// Whether it can be read.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), BackfillError> {
        let wrong = |problem: &str| Err(BackfillError::Request { problem: problem.to_owned() });
        if self.reason.trim().is_empty() {
            return wrong("a backfill needs a reason: --reason 'prices were wrong from 8 to 14 October'");
        }
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if moment("--from", from)? >= moment("--to", to)? => {
                wrong("--from must lie before --to")
            }
            (Some(_), None) | (None, Some(_)) => wrong("a range needs both ends: --from and --to"),
            _ => Ok(()),
        }
    }

    /// A query for the partitions named, with one column `p`; none when it names none.
    pub(crate) fn partitions(&self, axis: &Axis, label: &str, table: &str) -> Result<Option<String>, BackfillError> {
        if self.what != What::Named {
            return Ok(None);
        }
        let mut queries = Vec::new();
        if let (Some(from), Some(to)) = (&self.from, &self.to) {
            let Some(unit) = axis.unit() else {
                return Err(BackfillError::Impossible {
                    model: label.to_owned(),
                    reason: "it is not cut by time, and a range was given".to_owned(),
                    help: "name keys with --partitions, or select a model with event_time and batch_size".to_owned(),
                });
            };
            queries.push(series(unit, moment("--from", from)?, moment("--to", to)?)?);
        }
        for name in &self.partitions {
            queries.push(one(axis, name, table)?);
        }
        Ok((!queries.is_empty()).then(|| queries.join(" union ")))
    }
}

/// Reads a moment of the command line.
fn moment(flag: &str, text: &str) -> Result<Timestamp, BackfillError> {
    clock::parse(text).ok_or_else(|| BackfillError::Request { problem: format!("{flag} {text} is no moment") })
}

/// The intervals that a range touches.
fn series(unit: IntervalUnit, from: Timestamp, to: Timestamp) -> Result<String, BackfillError> {
    let hours = (to.as_second() - from.as_second()) / 3600;
    let each = match unit {
        IntervalUnit::Hour => 1,
        IntervalUnit::Day => 24,
        IntervalUnit::Month => 24 * 28,
        IntervalUnit::Year => 24 * 365,
    };
    if hours / each > MOST {
        return Err(BackfillError::Request { problem: format!("the range holds more than {MOST} {}s", unit.word()) });
    }
    let word = unit.word();
    Ok(format!(
        "select cast(p as timestamp) as p from generate_series(date_trunc('{word}', {}), {} - interval '1 microsecond', \
         interval '1 {word}') as named(p)",
        ledger::moment(from),
        ledger::moment(to)
    ))
}

/// One partition by its name.
fn one(axis: &Axis, name: &str, table: &str) -> Result<String, BackfillError> {
    if name == "NULL" && axis.unit().is_some() {
        return Ok("select cast(null as timestamp) as p".to_owned());
    }
    if let Some(unit) = axis.unit() {
        let (first, last) = name.split_once("..").unwrap_or((name, name));
        let first = moment("--partitions", &day(first))?;
        let last = moment("--partitions", &day(last))?;
        return series(unit, first, last.checked_add(jiff::SignedDuration::from_micros(1)).unwrap_or(last));
    }
    let crate::exact::Cut::Key { columns } = axis.cut() else {
        return Err(BackfillError::Request { problem: format!("{name} names no partition: the table is not cut") });
    };
    let text: Vec<String> = quoted(axis.dialect, &columns)
        .iter()
        .map(|column| format!("coalesce(cast({column} as varchar), 'NULL')"))
        .collect();
    Ok(format!(
        "select distinct {} as p from {table} where {} = {}",
        axis.partition(),
        text.join(" || ', ' || "),
        quote_literal(name)
    ))
}

/// A month or a year as its first day.
fn day(name: &str) -> String {
    match name.len() {
        4 => format!("{name}-01-01"),
        7 => format!("{name}-01"),
        _ => name.to_owned(),
    }
}
