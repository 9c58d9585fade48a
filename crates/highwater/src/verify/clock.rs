//! Clocks that change: a partition that lacks an hour at its edge, or has it twice, of a model whose days are those of a zone with summer time.
//!
//! The zone is seen in the data: the model's time and the column it is made of are not always the same apart. That an hour is at fault is tried
//! out: the query runs over its driving table without the rows of that hour, or with them twice, and what comes out is the table's partition.

use highwater_sql::{Group, IntervalUnit};

use crate::exact::ExactError;
use crate::exact::job::{Job, number};
use crate::exact::overlay::Overlay;
use crate::exact::prepare::{Input, Prepared, text_over};
use crate::exact::slice::Filter;

use super::compare::sums;
use super::rebuild::Sides;
use super::scope::Scope;

/// A partition and the hour at fault.
pub(crate) struct Hour {
    /// The partition's place among the mismatches, from 1.
    pub place: u64,
    /// What is wrong with which hour.
    pub words: String,
}

/// The mismatches that an hour at the edge explains; `labels` is `(p, label, place)` of them.
///
/// # Errors
/// When a query fails.
pub(crate) fn hours(job: &mut Job, prepared: &Prepared, sides: &Sides, labels: &str) -> Result<Vec<Hour>, ExactError> {
    let Some(unit) = prepared.axis.unit().filter(|unit| *unit != IntervalUnit::Hour) else { return Ok(Vec::new()) };
    let Some((input, time)) = driver(prepared) else { return Ok(Vec::new()) };
    if !changes(job, &input, &time)? {
        return Ok(Vec::new());
    }
    let set = job.store("clock_set", &format!("select p from {labels} where p is not null and isfinite(p)"))?;
    let rows = Filter::new(job, &prepared.axis, &set, false)?.result(&prepared.axis);
    let scope = Scope { rows, word: String::new(), sampled: None, turns: None, partial: true };
    let here = sums(job, &prepared.axis, "clock_here", &sides.table, sides, &scope)?;
    let (time, word) = (format!("cast({time} as timestamp)"), unit.word());
    let start = format!("date_trunc('{word}', {time})");
    let edges = [
        ("first", format!("{time} < {start} + interval '1 hour'")),
        ("last", format!("{time} >= {start} + interval '1 {word}' - interval '1 hour'")),
    ];
    let mut found: Vec<Hour> = Vec::new();
    for (edge, condition) in edges {
        let at_edge = format!("({condition} and {start} in (select p from {set}))");
        let table = input.relation.sql();
        for (fault, sql) in [
            ("is missing", format!("select * from {table} where {at_edge} is not true")),
            ("is there twice", format!("select * from {table} union all select * from {table} where {at_edge}")),
        ] {
            let overlay = Overlay { relation: input.relation.clone(), sql };
            let text = text_over(job, std::slice::from_ref(&overlay))?;
            if job.connection.describe(&text).is_err() {
                continue;
            }
            let there = sums(job, &prepared.axis, "clock_there", &format!("(\n{text}\n) as hw_hour"), sides, &scope)?;
            let table = job.query(&format!(
                "select labels.place from {labels} as labels join {here} as here on here.p = labels.p \
                 join {there} as there on there.p = labels.p where here.n = there.n and here.f = there.f order by 1"
            ))?;
            for row in &table.rows {
                let place = number(&row[0]);
                if !found.iter().any(|hour| hour.place == place) {
                    found.push(Hour { place, words: format!("the {edge} hour of the {word} {fault}") });
                }
            }
        }
    }
    Ok(found)
}

/// The input that drives the partitions, with the expression of its time.
fn driver(prepared: &Prepared) -> Option<(Input, String)> {
    let terms = prepared.analysis.terms.iter().zip(&prepared.term_inputs);
    for (term, at) in terms.filter(|(term, _)| term.steps.is_empty()) {
        if let (Group::Interval { expression, .. }, None) = (&term.probe.group, &term.probe.rows) {
            return Some((prepared.inputs[*at].clone(), finest(expression).to_owned()));
        }
    }
    None
}

/// A time without the casts and truncations that make a day of it, which not every dialect's analysis takes off.
fn finest(expression: &str) -> &str {
    let mut text = expression.trim();
    loop {
        let lower = text.to_ascii_lowercase();
        let inner = if lower.starts_with("cast(") && ends_there(text) {
            ["as date)", "as timestamp)", "as timestamp without time zone)"]
                .into_iter()
                .find(|end| lower.ends_with(end))
                .map(|end| &text["cast(".len()..text.len() - end.len()])
        } else if lower.starts_with("date_trunc('") && ends_there(text) {
            text.find(',').map(|comma| &text[comma + 1..text.len() - 1])
        } else if lower.starts_with('(') && ends_there(text) {
            Some(&text[1..text.len() - 1])
        } else {
            None
        };
        match inner {
            Some(inner) => text = inner.trim(),
            None => return text,
        }
    }
}

/// Whether the first parenthesis of a text closes at its end.
fn ends_there(text: &str) -> bool {
    let (mut depth, mut quoted) = (0_u32, false);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1 == text.len();
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether the time is not always as far from the column that it is made of: then it is that of a zone whose clocks change.
fn changes(job: &mut Job, input: &Input, time: &str) -> Result<bool, ExactError> {
    let columns = job.connection.columns(&input.relation).map_err(|error| job.error(error))?;
    let mut made_of = columns.iter().filter(|column| {
        column.data_type.to_lowercase().starts_with("timestamp")
            && time.to_lowercase().contains(&column.name.to_lowercase())
    });
    let (Some(column), None) = (made_of.next(), made_of.next()) else { return Ok(false) };
    let column = job.dialect.quote(&column.name);
    let apart = job.count(&format!(
        "select count(distinct cast({time} as timestamp) - cast({column} as timestamp)) from {} where isfinite({column})",
        input.rows()
    ))?;
    Ok(apart > 1)
}

#[cfg(test)]
mod tests {
    use super::finest;

    #[test]
    fn days_are_taken_back_to_times() {
        for (day, time) in [
            (r#"CAST(date_trunc('day', "at" - INTERVAL '5 hours') AS DATE)"#, r#""at" - INTERVAL '5 hours'"#),
            ("CAST((a AT TIME ZONE 'UTC') AS DATE)", "a AT TIME ZONE 'UTC'"),
            ("(a) + (b)", "(a) + (b)"),
            ("cast(a as date) + b", "cast(a as date) + b"),
            ("date_trunc('day', a) + interval '1) day'", "date_trunc('day', a) + interval '1) day'"),
        ] {
            assert_eq!(finest(day), time);
        }
    }
}
