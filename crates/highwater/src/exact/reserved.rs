//! Reserved partitions: those that a backfill is at work on, or has rolled back. Runs leave them alone.
//!
//! What reaches a reserved partition meanwhile may be taken down as seen, because the reservation remembers that the partition is owed: when the
//! backfill is given up without having built it, the reservation becomes a mark, and the next run builds it. A whole build would write over
//! reserved partitions, and is refused.

use crate::engine::quote_literal;

use super::axis::Axis;
use super::error::ExactError;
use super::job::{Job, number};
use super::ledger;
use super::marks::Mark;

/// The reservations on a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reserved {
    /// Temporary table `(p)` of partitions to leave alone; none when there are none.
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
    let table = job.query(&format!("select count(*), max(backfill) from {schema}.reserved where model = {model}"))?;
    let Some(row) = table.rows.first().filter(|row| number(&row[0]) > 0) else { return Ok(Reserved::default()) };
    let query = format!("select distinct {} as p from {schema}.reserved where model = {model}", axis.ledger_column());
    let set = job.store("reserved", &query)?;
    Ok(Reserved { set: Some(set), count: number(&row[0]), backfill: row[1].as_text().map(str::to_owned) })
}

/// Forgets all reservations on a model: it is built anew, whatever they say. Returns how many there were.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn clear(job: &mut Job) -> Result<u64, ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    job.execute(&format!("delete from {schema}.reserved where model = {model}"))
}

/// Reserves the partitions of a set (a table with one column `p`) for a backfill.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn reserve(job: &mut Job, axis: &Axis, set: &str, backfill: &str) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let column = axis.ledger_column();
    job.execute(&format!(
        "insert into {schema}.reserved (model, {column}, backfill) select {model}, p, {} from {set}",
        quote_literal(backfill)
    ))?;
    Ok(())
}

/// Gives up the reservations of a backfill, on all models of a ledger: what they kept from runs is left to the next one.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn release(job: &mut Job, backfill: &str, run_id: &str) -> Result<(), ExactError> {
    let schema = ledger::schema(&job.model.relation);
    let (id, now) = (quote_literal(backfill), ledger::moment(job.moment));
    job.execute(&format!(
        "insert into {schema}.dirty (model, interval_start, key_hash, kind, detail, since, run_id) \
         select model, interval_start, key_hash, '{}', {id}, {now}, {} from {schema}.reserved where backfill = {id}",
        Mark::Left.word(),
        quote_literal(run_id)
    ))?;
    job.execute(&format!("delete from {schema}.reserved where backfill = {id}"))?;
    Ok(())
}
