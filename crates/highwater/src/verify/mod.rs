//! Verify: compare a table with an independent rebuild, by partition.
//!
//! Nothing of the exact strategy's reasoning is used for the comparison: the model's query runs as it is, into a temporary table, and both
//! sides are summed up per partition. Only what was compared is ever called equal. The ledger and the detectors are asked afterwards, and
//! only for the likely cause of a difference.
//!
//! | file | what |
//! | --- | --- |
//! | `report.rs` | what was found |
//! | `rebuild.rs` | the rebuild, and the columns that both sides have |
//! | `compare.rs` | sums per partition, then rows of the partitions whose sums differ |
//! | `cause.rs` | why a partition probably differs |

mod cause;
mod compare;
mod rebuild;
mod report;
#[cfg(test)]
mod tests;

use std::time::Instant;

pub use report::{Cause, ExampleRow, Mismatch, Outcome, Verdict, VerifyOptions};

use crate::engine::{Connection, RelationKind};
use crate::exact::job::Job;
use crate::exact::look::target;
use crate::exact::prepare::{Analyse, look};
use crate::exact::{ExactError, ExactModel, Surroundings, ledger};

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

/// As [`verify`], with the analysis that says whether the query may be compared at all.
pub(crate) fn verified(job: &mut Job, options: &VerifyOptions, analyse: Analyse) -> Result<Verdict, ExactError> {
    job.begin()?;
    let verdict = within(job, options, analyse);
    ledger::rollback(job);
    verdict
}

fn within(job: &mut Job, options: &VerifyOptions, analyse: Analyse) -> Result<Verdict, ExactError> {
    let started = Instant::now();
    let prepared = look(job, "", analyse)?;
    let mut verdict = Verdict {
        unique_id: job.model.unique_id.clone(),
        label: job.label.clone(),
        cut: prepared.axis.cut(),
        outcome: Outcome::Equal,
        compared: 0,
        rows: 0,
        mismatch_count: 0,
        mismatches: Vec::new(),
        columns: Vec::new(),
        notes: Vec::new(),
        seconds: 0.0,
    };
    let not_compared = |reason: String| Outcome::NotCompared { reason };
    let target = target(job)?;
    if let Some(refusal) = prepared.analysis.refusals.first() {
        verdict.outcome = not_compared(refusal.message.clone());
    } else if target.kind != Some(RelationKind::Table) {
        verdict.outcome = not_compared("it has no table".to_owned());
    } else {
        verdict.notes.extend(
            prepared
                .analysis
                .unstable
                .iter()
                .map(|finding| format!("compared with a rebuild of this moment: {}", finding.message)),
        );
        let sides = rebuild::rebuild(job, &prepared, &target.columns)?;
        verdict.notes.extend(sides.notes.iter().cloned());
        compare::compare(job, &prepared, &sides, options, &mut verdict)?;
        cause::causes(job, &prepared, &mut verdict);
    }
    verdict.seconds = started.elapsed().as_secs_f64();
    Ok(verdict)
}
