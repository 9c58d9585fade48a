//! Marks: partitions that are known not to hold what a rebuild would, whatever the detectors say, and those that runs must leave alone.
//!
//! A backfill marks its partitions while it is at work on them, and after it was rolled back. A marked partition stays dirty until it is built
//! again. While the mark holds it, no run builds it: what reaches it meanwhile may be taken down as seen, because the mark remembers that the
//! partition is owed. A whole build would write over held partitions, and is refused.

use crate::engine::quote_literal;

use super::axis::{Axis, within};
use super::error::ExactError;
use super::job::{Job, number};
use super::ledger;

/// The marks on a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    /// Temporary table `(p)` of partitions to build; none when there are none.
    pub owed: Option<String>,
    /// Temporary table `(p)` of partitions to leave alone.
    pub held: Option<String>,
    /// How many are held.
    pub held_count: u64,
    /// The backfill that holds them.
    pub holder: Option<String>,
}

/// Reads the marks on a job's model; the ledger must exist.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn marks(job: &mut Job, axis: &Axis) -> Result<Marks, ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let table = job.query(&format!(
        "select count(*), count(*) filter (where held), max(backfill) filter (where held) from {schema}.marks where model = {model}"
    ))?;
    let Some(row) = table.rows.first() else { return Ok(Marks::default()) };
    let (all, held) = (number(&row[0]), number(&row[1]));
    let column = axis.ledger_column();
    let mut store = |name: &str, condition: &str| {
        job.store(name, &format!("select distinct {column} as p from {schema}.marks where model = {model} and {condition}"))
    };
    Ok(Marks {
        owed: if all > held { Some(store("owed", "not held")?) } else { None },
        held: if held > 0 { Some(store("held", "held")?) } else { None },
        held_count: held,
        holder: row[2].as_text().map(str::to_owned),
    })
}

/// Takes the marks off partitions that were built: those of a set, or all. Returns how many there were.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn clear(job: &mut Job, axis: &Axis, built: Option<&str>) -> Result<u64, ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    if job.count(&format!("select count(*) from {schema}.marks where model = {model}"))? == 0 {
        return Ok(0);
    }
    let scope = built.map_or_else(|| "true".to_owned(), |set| within(axis.ledger_column(), set));
    job.execute(&format!("delete from {schema}.marks where model = {model} and {scope}"))
}

/// Marks the partitions of a set (a table with one column `p`), for a backfill.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn hold(job: &mut Job, axis: &Axis, set: &str, backfill: &str) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let column = axis.ledger_column();
    job.execute(&format!(
        "insert into {schema}.marks (model, {column}, backfill, held) select {model}, p, {}, true from {set}",
        quote_literal(backfill)
    ))?;
    Ok(())
}
