//! Verify: compare a table with an independent rebuild, by partition.
//!
//! Nothing of the exact strategy's reasoning is used for the comparison: the model's query runs as it is, and both sides are summed up per
//! partition. Only what was compared is ever called equal. The ledger and the detectors are asked afterwards, and only for the likely cause
//! of a difference.
//!
//! | file | what |
//! | --- | --- |
//! | `report.rs` | what was found |
//! | `scope.rs` | which partitions: all, or a sample that gets around |
//! | `rebuild.rs` | the two sides, and the columns that both have |
//! | `compare.rs` | sums per partition |
//! | `bisect.rs` | where in large partitions, by key |
//! | `rows.rs` | rows of the partitions whose sums differ, less those with a partner |
//! | `keyed.rs` | what of these is missing, extra, changed or moved, by key |
//! | `describe.rs` | the differing partitions, in the words of the report |
//! | `cause.rs`, `evidence.rs` | why a partition probably differs |
//! | `clock.rs` | whether an hour at its edge explains it, as when clocks change |
//! | `record.rs` | verdicts in the ledger |

mod bisect;
mod cause;
mod clock;
mod compare;
mod describe;
mod evidence;
mod keyed;
mod rebuild;
mod record;
mod report;
mod rows;
mod scope;
#[cfg(test)]
mod tests;

use std::time::Instant;

pub use cause::Cause;
pub use record::{Differing, differing};
pub use report::{ChangedRow, ChangedValue, ExampleRow, Mismatch, Outcome, Sampled, Strategy, Verdict, VerifyOptions};

use crate::engine::{Connection, RelationKind};
use crate::exact::axis::Axis;
use crate::exact::job::Job;
use crate::exact::look::target;
use crate::exact::marks::{self, Mark};
use crate::exact::prepare::{Analyse, Prepared, look};
use crate::exact::{ExactError, ExactModel, RunIdentity, Surroundings, ledger};
use record::Found;
use scope::{Scope, scope};

/// Compares a model's table with a rebuild. Writes nothing.
///
/// # Errors
/// When the query or the database cannot be read.
pub fn verify(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    options: &VerifyOptions,
) -> Result<Verdict, ExactError> {
    verified(&mut Job::new(connection, model, around, "hw_verify"), options, &highwater_sql::analyse)
}

/// The same, and the ledger keeps the verdict. Where it cannot be written, a note of the verdict says so.
///
/// # Errors
/// When the query or the database cannot be read.
pub fn verify_and_record(
    connection: &mut dyn Connection,
    model: &ExactModel,
    around: &Surroundings,
    options: &VerifyOptions,
    run: &RunIdentity,
) -> Result<Verdict, ExactError> {
    let mut job = Job::new(connection, model, around, "hw_verify");
    recorded(&mut job, options, &highwater_sql::analyse, run)
}

/// As [`verify`], with the analysis that says whether the query may be compared at all.
pub(crate) fn verified(job: &mut Job, options: &VerifyOptions, analyse: Analyse) -> Result<Verdict, ExactError> {
    job.begin()?;
    let verdict = within(job, options, analyse, None);
    ledger::rollback(job);
    verdict
}

/// As [`verify_and_record`].
pub(crate) fn recorded(
    job: &mut Job,
    options: &VerifyOptions,
    analyse: Analyse,
    run: &RunIdentity,
) -> Result<Verdict, ExactError> {
    job.moment = run.started_at;
    let unkept = |error: &ExactError| format!("the verdict could not be kept: {error}");
    if let Err(error) = ledger::ensure(job, run) {
        let mut verdict = verified(job, options, analyse)?;
        verdict.notes.push(unkept(&error));
        return Ok(verdict);
    }
    job.begin()?;
    let mut outcome = within(job, options, analyse, Some(run));
    if let Ok(verdict) = &mut outcome {
        let kept = job.drop_temporary().and_then(|()| job.connection.commit().map_err(|error| job.error(error)));
        match kept {
            Err(error @ ExactError::Conflict { .. }) => outcome = Err(error),
            Err(error) => {
                verdict.notes.push(unkept(&error));
                verdict.marked = 0;
            }
            Ok(()) => {}
        }
    }
    if let Err(error) = &outcome {
        ledger::rollback(job);
        if let ExactError::Conflict { .. } = error {
            // Somebody else wrote a verdict at the same time, or put another table in the place of one.
            let note = unkept(error);
            let mut verdict = verified(job, options, analyse)?;
            verdict.notes.push(note);
            return Ok(verdict);
        }
    }
    outcome
}

fn blank(job: &Job, outcome: Outcome) -> Verdict {
    let axis = Axis { partitioning: job.model.partitioning(), dialect: job.dialect };
    Verdict {
        unique_id: job.model.unique_id.clone(),
        label: job.label.clone(),
        cut: axis.cut(),
        outcome,
        compared: 0,
        sampled: None,
        rows: 0,
        mismatch_count: 0,
        mismatches: Vec::new(),
        key: Vec::new(),
        columns: Vec::new(),
        notes: Vec::new(),
        marked: 0,
        seconds: 0.0,
    }
}

/// Why a table cannot be compared, if it cannot.
fn obstacle(job: &mut Job, prepared: &Prepared) -> Result<Option<String>, ExactError> {
    if let Some(refusal) = prepared.analysis.refusals.first() {
        return Ok(Some(refusal.message.clone()));
    }
    let kind = target(job)?.kind;
    Ok((kind != Some(RelationKind::Table)).then(|| "it has no table".to_owned()))
}

fn within(
    job: &mut Job,
    options: &VerifyOptions,
    analyse: Analyse,
    run: Option<&RunIdentity>,
) -> Result<Verdict, ExactError> {
    let started = Instant::now();
    let mut verdict = blank(job, Outcome::Equal);
    let prepared = match look(job, "", analyse) {
        // dbt's strategies ask no more of `event_time` than that sources have it.
        Err(error @ (ExactError::MissingColumn { .. } | ExactError::EventTimeType { .. }))
            if options.strategy.is_some() =>
        {
            verdict.outcome = Outcome::NotCompared { reason: error.to_string() };
            return Ok(verdict);
        }
        prepared => prepared?,
    };
    verdict.cut = prepared.axis.cut();
    let (mut scope, mut differences, mut compared, mut labels) = (None, None, None, None);
    if let Some(reason) = obstacle(job, &prepared)? {
        verdict.outcome = Outcome::NotCompared { reason };
    } else {
        let clocks = prepared.analysis.unstable.iter();
        verdict
            .notes
            .extend(clocks.map(|finding| format!("compared with a rebuild of this moment: {}", finding.message)));
        let standing = target(job)?.columns;
        let sides = rebuild::sides(job, &prepared, &standing);
        verdict.notes.extend(sides.notes.iter().cloned());
        let chosen = self::scope(job, &prepared, options)?;
        verdict.sampled = chosen.sampled.clone();
        differences = compare::compare(job, &prepared, &sides, &chosen, options, &mut verdict)?;
        if verdict.sampled.is_some() && verdict.compared == 0 {
            verdict.outcome = Outcome::NotCompared { reason: "no key of it had its turn".to_owned() };
        }
        compared = sides.partitioned.then(|| job.temp("compared")).filter(|_| !sides.columns.is_empty());
        if let Some(found) = &differences {
            labels = Some(describe::describe(job, &prepared, &sides, found, options, &mut verdict)?);
        }
        scope = Some(chosen);
    }
    verdict.seconds = started.elapsed().as_secs_f64();
    let Some(run) = run else { return Ok(verdict) };
    let nothing = || Scope { rows: String::new(), word: "none".to_owned(), sampled: None, turns: None, partial: true };
    let scope = scope.unwrap_or_else(nothing);
    let found = Found { compared: compared.as_deref(), differences: differences.as_ref(), labels: labels.as_deref() };
    record::record(job, &prepared, &verdict, &scope, &found, run)?;
    if let Some(differences) = differences.as_ref().filter(|_| options.repair && options.strategy.is_none()) {
        let marked = job.store("repair", &format!("select p, 'verify' as detail from {}", differences.guilty))?;
        marks::add(job, &prepared, &marked, Mark::Differs, run)?;
        verdict.marked = verdict.mismatch_count;
    }
    Ok(verdict)
}
