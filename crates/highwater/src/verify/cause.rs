//! Why a partition probably differs: what the ledger and the detectors say about it.

use crate::engine::Relation;
use crate::exact::ExactError;
use crate::exact::job::Job;
use crate::exact::ledger;
use crate::exact::look::{Choice, look};
use crate::exact::prepare::Prepared;
use crate::exact::swap::{changed_by_hand, partitions};

use super::report::{Cause, Verdict};

/// Names the likely cause of every mismatch. What cannot be found out stays unknown.
pub(crate) fn causes(job: &mut Job, prepared: &Prepared, verdict: &mut Verdict) {
    if verdict.mismatches.is_empty() {
        return;
    }
    if let Err(error) = named(job, prepared, verdict) {
        tracing::debug!(%error, "no cause found");
    }
}

fn named(job: &mut Job, prepared: &Prepared, verdict: &mut Verdict) -> Result<(), ExactError> {
    let relation: Relation = job.model.relation.clone();
    let known = if ledger::exists(job, &relation)? { ledger::model(job, &relation)? } else { None };
    let Some(known) = known else {
        verdict.mismatches.iter_mut().for_each(|mismatch| mismatch.cause = Cause::NotOurs);
        return Ok(());
    };
    let same_query = known.logic.get("query") == prepared.logic.get("query");
    let same_columns = known.logic.get("columns") == prepared.logic.get("columns");
    if !same_query || !same_columns {
        verdict.mismatches.iter_mut().for_each(|mismatch| mismatch.cause = Cause::LogicChanged);
        return Ok(());
    }
    // The labels of the mismatches, in their order, are still there.
    let labels = job.temp("labels");
    let kept = job.store("mismatches", &format!("select p, place from {labels}"))?;
    let here = partitions(job, prepared, "here", &relation.sql(), "true", known.salt)?;
    let (by_hand, _) = changed_by_hand(job, prepared, &here, |_| "true".to_owned())?;
    mark(job, verdict, &kept, &format!("select p from {by_hand}"), Cause::ChangedByHand)?;
    // What the next run would find, in an engine of the version that the ledger knows.
    let then = Prepared { logic: known.logic.clone(), logic_version: known.logic_version.clone(), ..prepared.clone() };
    let look = look(job, &then, &[])?;
    match (&look.choice, &look.dirty) {
        (Choice::Whole { .. }, None) => {
            mark(job, verdict, &kept, &format!("select p from {kept}"), Cause::SourceChanged)
        }
        (Choice::Whole { .. }, Some(dirty)) if !dirty.all.is_empty() => {
            mark(job, verdict, &kept, &format!("select p from {kept}"), Cause::SourceChanged)
        }
        (_, Some(dirty)) => mark(job, verdict, &kept, &format!("select p from {}", dirty.set), Cause::SourceChanged),
        _ => Ok(()),
    }
}

/// Gives the mismatches in a set a cause, if they have none yet.
fn mark(job: &mut Job, verdict: &mut Verdict, kept: &str, set: &str, cause: Cause) -> Result<(), ExactError> {
    let table = job.query(&format!(
        "select kept.place from {kept} as kept join ({set}) as found on kept.p is not distinct from found.p"
    ))?;
    for row in &table.rows {
        let place = usize::try_from(crate::exact::job::number(&row[0])).unwrap_or(0);
        if let Some(mismatch) = place.checked_sub(1).and_then(|index| verdict.mismatches.get_mut(index))
            && mismatch.cause == Cause::Unknown
        {
            mismatch.cause = cause;
        }
    }
    Ok(())
}
