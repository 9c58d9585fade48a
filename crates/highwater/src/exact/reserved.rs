//! Reserved partitions: those that a backfill is at work on, or has rolled back. Runs leave them alone.
//!
//! What reaches a reserved partition meanwhile may be taken down as seen, because the reservation remembers that the partition is owed: when the
//! backfill is given up without having built it, it stays dirty until a run builds it. A whole build would write over reserved partitions, and is
//! refused.

use crate::engine::quote_literal;

use super::axis::{Axis, within};
use super::error::ExactError;
use super::job::{Job, number};
use super::ledger;

/// The reservations on a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reserved {
    /// Temporary table `(p)` of partitions that a backfill left to the next run; none when there are none.
    pub owed: Option<String>,
    /// Temporary table `(p)` of partitions to leave alone.
    pub set: Option<String>,
    /// How many.
    pub count: u64,
    /// The backfill that reserves them.
    pub backfill: Option<String>,
}

/// Reads the reservations on a job's model; the ledger must exist.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn reserved(job: &mut Job, axis: &Axis) -> Result<Reserved, ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let table = job.query(&format!(
        "select count(*), count(*) filter (where held), max(backfill) filter (where held) from {schema}.reserved where model = {model}"
    ))?;
    let Some(row) = table.rows.first() else { return Ok(Reserved::default()) };
    let (all, held) = (number(&row[0]), number(&row[1]));
    let column = axis.ledger_column();
    let mut store = |name: &str, condition: &str| {
        job.store(
            name,
            &format!("select distinct {column} as p from {schema}.reserved where model = {model} and {condition}"),
        )
    };
    Ok(Reserved {
        owed: if all > held { Some(store("owed", "not held")?) } else { None },
        set: if held > 0 { Some(store("reserved", "held")?) } else { None },
        count: held,
        backfill: row[2].as_text().map(str::to_owned),
    })
}

/// Forgets the reservations on partitions that were built: those of a set, or all. Returns how many there were.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn clear(job: &mut Job, axis: &Axis, built: Option<&str>) -> Result<u64, ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    if job.count(&format!("select count(*) from {schema}.reserved where model = {model}"))? == 0 {
        return Ok(0);
    }
    let scope = built.map_or_else(|| "true".to_owned(), |set| within(axis.ledger_column(), set));
    job.execute(&format!("delete from {schema}.reserved where model = {model} and {scope}"))
}

/// Reserves the partitions of a set (a table with one column `p`) for a backfill.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn reserve(job: &mut Job, axis: &Axis, set: &str, backfill: &str) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let column = axis.ledger_column();
    job.execute(&format!(
        "insert into {schema}.reserved (model, {column}, backfill, held) select {model}, p, {}, true from {set}",
        quote_literal(backfill)
    ))?;
    Ok(())
}
