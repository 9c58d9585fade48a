//! Marks: partitions that the ledger calls dirty whatever their inputs say. They stay until a run has built them.
//!
//! A run marks what it held back because its rows failed a test; `verify` marks what it found different and was told to repair; a
//! backfill that is given up marks what it had reserved, and one that is published marks what it built beside changes that it left to runs.

use super::error::ExactError;
use super::job::Job;
use super::ledger;
use super::model::RunIdentity;
use super::prepare::Prepared;
use crate::engine::quote_literal;

/// Why a partition is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Its new rows failed a test and were not published.
    Held,
    /// It was found to differ from a rebuild.
    Differs,
    /// A backfill had reserved it, and was given up.
    Left,
    /// A backfill built it, and could not take down what it was built of: the ledger still describes the inputs as they were before.
    Beside,
}

impl Mark {
    const ALL: [Self; 4] = [Self::Held, Self::Differs, Self::Left, Self::Beside];

    /// As the ledger has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Differs => "differs",
            Self::Left => "left",
            Self::Beside => "beside",
        }
    }

    /// The number that stands for it among the reasons of dirty partitions, far above those of terms.
    pub fn number(self) -> usize {
        (usize::MAX >> 1) - 1 - self as usize
    }

    /// The mark of such a number.
    pub fn of_number(number: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.number() == number)
    }

    /// As a reason of a dirty partition.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Held => "held back before: its rows failed a test",
            Self::Differs => "found to differ from a rebuild",
            Self::Left => "left by a backfill that was given up",
            Self::Beside => "built by a backfill, beside changes that it left to runs",
        }
    }
}

/// The marks of a model with the partitioning it has now, as a query for `(p, number)`.
pub(crate) fn marked(job: &Job, prepared: &Prepared) -> String {
    let numbers = Mark::ALL.map(|mark| format!("when '{}' then {}::bigint", mark.word(), mark.number()));
    format!(
        "select {}, case kind {} end from {}.dirty where model = {} and {} is null",
        prepared.axis.ledger_column(),
        numbers.join(" "),
        ledger::schema(&job.model.relation),
        job.id(),
        prepared.axis.unused_column()
    )
}

/// Whether a model has any marks.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn any(job: &mut Job) -> Result<bool, ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    Ok(job.count(&format!("select count(*) from {schema}.dirty where model = {model}"))? > 0)
}

/// Adds marks, in the place of those of their kind: the partitions `(p, detail)` of a table.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn add(
    job: &mut Job,
    prepared: &Prepared,
    table: &str,
    mark: Mark,
    run: &RunIdentity,
) -> Result<(), ExactError> {
    let (schema, model, word) = (ledger::schema(&job.model.relation), job.id(), mark.word());
    job.execute(&format!("delete from {schema}.dirty where model = {model} and kind = '{word}'"))?;
    more(job, prepared, table, mark, run)
}

/// The same, beside the marks of the kind that are there.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn more(
    job: &mut Job,
    prepared: &Prepared,
    table: &str,
    mark: Mark,
    run: &RunIdentity,
) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let (column, word) = (prepared.axis.ledger_column(), mark.word());
    job.execute(&format!(
        "insert into {schema}.dirty (model, {column}, kind, detail, since, run_id) select {model}, p, '{word}', detail, {}, {} from {table}",
        ledger::moment(run.started_at),
        quote_literal(&run.run_id)
    ))
    .map(drop)
}

/// Marks the partitions `(p, detail)` of a table, in the place of all marks that were there. Those that were marked before stay marked since then.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) fn replace(
    job: &mut Job,
    prepared: &Prepared,
    marks: Option<(&str, Mark)>,
    run: &RunIdentity,
) -> Result<(), ExactError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let Some((table, mark)) = marks else {
        return job.execute(&format!("delete from {schema}.dirty where model = {model}")).map(drop);
    };
    let column = prepared.axis.ledger_column();
    let word = mark.word();
    let new = job.store(
        "marks",
        &format!(
            "select marks.p, marks.detail, coalesce(min(old.since), {}) as since from (select p, string_agg(distinct detail, ', ') as detail from {table} group by p) as marks \
             left join (select {column} as p, since from {schema}.dirty where model = {model} and kind = '{word}' and {} is null) as old \
             on marks.p is not distinct from old.p group by marks.p, marks.detail",
            ledger::moment(run.started_at),
            prepared.axis.unused_column()
        ),
    )?;
    job.execute(&format!("delete from {schema}.dirty where model = {model}"))?;
    job.execute(&format!(
        "insert into {schema}.dirty (model, {column}, kind, detail, since, run_id) select {model}, p, '{word}', detail, since, {} from {new}",
        quote_literal(&run.run_id)
    ))
    .map(drop)
}
