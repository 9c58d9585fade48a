//! The differing partitions in the words of the report: counts, rows, cause, and the command that mends them.

use crate::engine::Cell;
use crate::exact::ExactError;
use crate::exact::dirty::labelled;
use crate::exact::foresee::Shown;
use crate::exact::job::{Job, number};
use crate::exact::prepare::Prepared;

use super::cause::{Cause, causes};
use super::compare::{Differences, rebuild_of};
use super::evidence::Evidence;
use super::keyed::keyed;
use super::rebuild::Sides;
use super::report::{ExampleRow, Mismatch, Verdict, VerifyOptions};
use super::rows::left;

/// Lists the first differing partitions in the verdict. Returns the temporary table `(p, label, place)` of them.
///
/// # Errors
/// When rows cannot be read.
pub(crate) fn describe(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    differences: &Differences,
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<String, ExactError> {
    let axis = &prepared.axis;
    let keyed = keyed(job, prepared, sides, differences, options)?;
    verdict.key.clone_from(&keyed.key);
    let first = job.store(
        "first",
        &format!("select p from {} order by p nulls last limit {}", differences.guilty, options.partitions),
    )?;
    let shown = [sides.table.clone(), differences.rebuild.clone()].map(|table| Shown::output(table, axis));
    let labels = labelled(job, axis, &first, &shown)?;
    // Others make labels of their own on the way.
    let labels = job.store("mismatches", &format!("select * from {labels}"))?;
    let table = job.query(&format!(
        "select labels.label, guilty.n_here, guilty.n_there, labels.place from {labels} as labels join {} as guilty \
         on labels.p is not distinct from guilty.p order by labels.place",
        differences.guilty
    ))?;
    for row in &table.rows {
        let place = number(&row[3]);
        let left = &differences.left;
        let (only_here, examples_here) = examples(job, sides, options, &labels, place, &left.here)?;
        let (only_rebuilt, examples_rebuilt) = examples(job, sides, options, &labels, place, &left.there)?;
        let [missing, extra, changed, moved, _] = keyed.counted(job, &labels, place)?;
        let (columns, examples_changed) = keyed.changes(job, sides, &labels, place, options.examples)?;
        verdict.mismatches.push(Mismatch {
            label: row[0].to_string(),
            rows_here: number(&row[1]),
            rows_rebuilt: number(&row[2]),
            only_here,
            only_rebuilt,
            missing,
            extra,
            changed,
            moved,
            columns,
            examples_here,
            examples_rebuilt,
            examples_changed,
            cause: Cause::Unknown,
            detail: None,
            repair: None,
        });
    }
    let mut evidence = Vec::new();
    for place in 1..=verdict.mismatches.len() as u64 {
        let [.., null_keys] = keyed.counted(job, &labels, place)?;
        evidence.push(Evidence { null_keys, ..Evidence::default() });
    }
    times(job, prepared, differences, &labels, &mut evidence)?;
    twice(job, prepared, sides, differences, options, &labels, &mut evidence)?;
    causes(job, prepared, sides, &labels, &evidence, options, verdict);
    repairs(job, prepared, &labels, options, verdict)?;
    Ok(labels)
}

/// How many rows of a partition stand on one side only, and the first of them.
fn examples(
    job: &mut Job,
    sides: &Sides,
    options: &VerifyOptions,
    labels: &str,
    place: u64,
    rows: &str,
) -> Result<(u64, Vec<ExampleRow>), ExactError> {
    let here = format!(
        "from {rows} as rows join {labels} as labels on rows.p is not distinct from labels.p where labels.place = {place}"
    );
    let count = job.count(&format!("select count(*) {here}"))?;
    let columns: Vec<String> = sides
        .columns
        .iter()
        .map(|column| format!("cast(rows.{} as varchar)", job.dialect.quote(&column.name)))
        .collect();
    let order: Vec<String> = (1..=columns.len()).map(|place| place.to_string()).collect();
    let table = job.query(&format!(
        "select {} {here} order by {} limit {}",
        columns.join(", "),
        order.join(", "),
        options.examples
    ))?;
    let text = |cell: &Cell| if cell.is_null() { None } else { Some(cell.to_string()) };
    Ok((count, table.rows.iter().map(|row| row.iter().map(text).collect()).collect()))
}

/// Which partitions lie before others with rows, and which is that of rows without event time.
fn times(
    job: &mut Job,
    prepared: &Prepared,
    differences: &Differences,
    labels: &str,
    evidence: &mut [Evidence],
) -> Result<(), ExactError> {
    if prepared.axis.unit().is_none() {
        return Ok(());
    }
    let table = job.query(&format!(
        "select place, coalesce(p < (select max(p) from {} where n_here > 0 and isfinite(p)), false), p is null from {labels}",
        differences.compared
    ))?;
    for row in &table.rows {
        let at = usize::try_from(number(&row[0])).ok().and_then(|place| place.checked_sub(1));
        if let Some(evidence) = at.and_then(|at| evidence.get_mut(at)) {
            evidence.earlier = row[1] == Cell::Boolean(true);
            evidence.null = row[2] == Cell::Boolean(true);
        }
    }
    Ok(())
}

/// Builds the listed partitions once more: where that comes out otherwise, no data is to blame.
fn twice(
    job: &mut Job,
    prepared: &Prepared,
    sides: &Sides,
    differences: &Differences,
    options: &VerifyOptions,
    labels: &str,
    evidence: &mut [Evidence],
) -> Result<(), ExactError> {
    let set = job.store("again_set", &format!("select p from {labels}"))?;
    let again = rebuild_of(job, &prepared.axis, "again", sides, &set)?;
    let among = prepared.axis.within(&set);
    let left = left(job, &among, &prepared.axis, sides, (&differences.rebuild, &again), options, "again_")?;
    let table = job.query(&format!(
        "select distinct labels.place from {labels} as labels join (select p from {} union all select p from {}) as rows \
         on labels.p is not distinct from rows.p",
        left.here, left.there
    ))?;
    for row in &table.rows {
        let at = usize::try_from(number(&row[0])).ok().and_then(|place| place.checked_sub(1));
        if let Some(evidence) = at.and_then(|at| evidence.get_mut(at)) {
            evidence.nondeterministic = true;
        }
    }
    Ok(())
}

/// The command that mends each partition.
fn repairs(
    job: &mut Job,
    prepared: &Prepared,
    labels: &str,
    options: &VerifyOptions,
    verdict: &mut Verdict,
) -> Result<(), ExactError> {
    let name = verdict.label.clone();
    let ranges = match prepared.axis.unit() {
        Some(unit) => job.query(&format!(
            "select place, cast(p as varchar), cast(p + interval '1 {}' as varchar) from {labels} where p is not null and isfinite(p)",
            unit.word()
        ))?,
        None => Default::default(),
    };
    let range = |at: usize| {
        let row = ranges.rows.iter().find(|row| number(&row[0]) == at as u64 + 1)?;
        let day = |cell: &Cell| cell.to_string().trim_end_matches(" 00:00:00").to_owned();
        Some((day(&row[1]), day(&row[2])))
    };
    for (at, mismatch) in verdict.mismatches.iter_mut().enumerate() {
        mismatch.repair = match (&options.strategy, mismatch.cause) {
            (_, Cause::Nondeterministic | Cause::HeldBack | Cause::Reserved) => None,
            (None, Cause::ChangedByHand | Cause::Unknown) => Some(format!("hw verify {name} --repair")),
            (None, _) => Some(format!("hw run --select {name}")),
            (Some(strategy), cause) => match range(at) {
                Some((from, to)) if strategy.word == "microbatch" && cause != Cause::LogicChanged => {
                    Some(format!("hw run --select {name} --event-time-start '{from}' --event-time-end '{to}'"))
                }
                Some((from, to)) if cause != Cause::LogicChanged => Some(format!(
                    "hw backfill plan --select {name} --from '{from}' --to '{to}' --reason '{}'",
                    cause.word()
                )),
                None if mismatch.label == "NULL" && prepared.axis.unit().is_some() => {
                    Some(format!("hw backfill plan --select {name} --partitions NULL --reason '{}'", cause.word()))
                }
                _ => Some(format!("hw run --select {name} --full-refresh")),
            },
        };
    }
    Ok(())
}
