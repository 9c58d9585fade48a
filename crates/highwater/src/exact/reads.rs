//! Reads: how much a build reads of its inputs, against a build of everything. Estimated from the row counts that detectors keep.

use highwater_sql::Group;

use crate::engine::quote_literal;

use super::axis::{Axis, within};
use super::detect::{Observation, feed};
use super::dirty::Dirty;
use super::error::ExactError;
use super::job::Job;
use super::ledger;
use super::prepare::{Input, Prepared};

/// Rows and bytes, in what is built and in everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Rows that are read.
    pub rows: u64,
    /// Rows that a build of everything reads.
    pub rows_all: u64,
    /// Bytes of the columns used, in those rows.
    pub bytes: u64,
    /// The same, of everything.
    pub bytes_all: u64,
}

/// What building the dirty partitions reads; everything when there are none.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn reads(
    job: &mut Job,
    prepared: &Prepared,
    observations: &[Observation],
    dirty: Option<&Dirty>,
) -> Result<Reads, ExactError> {
    let mut reads = Reads::default();
    for (index, (input, observation)) in prepared.inputs.iter().zip(observations).enumerate() {
        let Some(groups) = groups(job, input, observation) else { continue };
        let terms = prepared.analysis.terms.iter().zip(&prepared.term_inputs);
        let direct = terms.filter(|(_, at)| **at == index).all(|(term, _)| term.steps.is_empty());
        let inside = dirty.filter(|_| direct).and_then(|dirty| inside(&prepared.axis, &input.probe.group, dirty));
        let [all, some] = job.numbers(&format!(
            "select sum(n)::bigint, sum(n) filter (where {})::bigint from ({groups}) as groups",
            inside.as_deref().unwrap_or("true")
        ))?;
        let width = width(job, input)?;
        reads.rows += some;
        reads.rows_all += all;
        reads.bytes += some * width;
        reads.bytes_all += all * width;
    }
    Ok(reads)
}

/// What a first build reads: the rows of its inputs, as far as they are there yet.
///
/// # Errors
/// When the database cannot be asked.
pub(crate) fn first(job: &mut Job, prepared: &Prepared) -> Result<Reads, ExactError> {
    let mut reads = Reads::default();
    for (index, input) in prepared.inputs.iter().enumerate() {
        if prepared.inputs[..index].iter().any(|other| other.relation == input.relation)
            || job.columns(&input.relation)?.is_empty()
        {
            continue;
        }
        let rows = job.count(&format!("select count(*) from {}", input.relation.sql()))?;
        let width = width(job, input)?;
        reads.rows += rows;
        reads.bytes += rows * width;
    }
    Ok(Reads { rows_all: reads.rows, bytes_all: reads.bytes, ..reads })
}

/// The query `(p, n)` for the groups of an input and their rows; none when nobody has counted them.
fn groups(job: &Job, input: &Input, observation: &Observation) -> Option<String> {
    let schema = ledger::schema(&job.model.relation);
    let known = |column: &str, table: &str, model: &str, more: &str| {
        format!(
            "select {column} as p, row_count as n from {schema}.{table} where model = {}{more}",
            quote_literal(model)
        )
    };
    if let Some(now) = observation.counted() {
        return Some(format!("select p, n from {now}"));
    }
    let by_time = matches!(input.probe.group, Group::Interval { .. });
    if let Some(parent) = observation.parent() {
        let groups = feed::groups(parent, &input.probe);
        let unknown = format!("cast(null as {})", if by_time { "timestamp" } else { job.dialect.key_type() });
        return Some(known(&groups.unwrap_or(unknown), "partitions", &parent.id, " and row_count > 0"));
    }
    let column = if by_time { "interval_start" } else { "key_hash" };
    let probe = format!(" and probe = {}", quote_literal(&input.id));
    Some(known(column, "fingerprints", &ledger::id(&job.model.relation), &probe))
}

/// Whether a group lies in the dirty partitions, as a condition on its id; none when that cannot be said of such groups.
fn inside(axis: &Axis, group: &Group, dirty: &Dirty) -> Option<String> {
    match (group, axis.unit()) {
        (Group::Interval { .. }, Some(unit)) => Some(within(&format!("date_trunc('{}', p)", unit.word()), &dirty.set)),
        (Group::Key { .. }, None) => Some(within("p", &dirty.set)),
        _ => None,
    }
}

/// Bytes of a row, in the columns used, about.
fn width(job: &mut Job, input: &Input) -> Result<u64, ExactError> {
    let columns = job.columns(&input.relation)?;
    let used =
        columns.iter().filter(|column| input.probe.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
    Ok(used.map(|column| bytes(&column.data_type)).sum::<u64>().max(1))
}

/// Bytes of a value of a type, about.
pub(crate) fn bytes(data_type: &str) -> u64 {
    let name = data_type.to_uppercase();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if starts(&["BOOL", "TINYINT", "UTINYINT"]) {
        1
    } else if starts(&["SMALLINT", "USMALLINT"]) {
        2
    } else if starts(&["INTEGER", "UINTEGER", "FLOAT", "REAL", "DATE"]) {
        4
    } else if starts(&["HUGEINT", "UHUGEINT", "UUID", "DECIMAL", "NUMERIC", "VARCHAR", "TEXT", "CHARACTER"]) {
        16
    } else {
        8
    }
}
